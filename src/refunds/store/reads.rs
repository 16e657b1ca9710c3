//! Reads that decide about refunds: how settlements stand, what is released, what is unsent.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::undecodable;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Status;
use crate::refunds::refund::{Refund, Source};
use crate::settlements::outcome::Outcome;
use crate::vocabulary::ids::{InvoiceId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

/// How the settlements of an invoice stand, those that were taken back left out. The invoice is
/// locked, so none of it changes.
///
/// A held part is due back when the invoice has ended since it came: the steps' own numbers say
/// which came first. A part that was not given up has paid with the settlement that completed it.
pub async fn sources(
    conn: &mut PgConnection,
    invoice: &Invoice,
) -> Result<Vec<Source>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.settlement_id, s.partner, s.amount, s.currency, s.outcome, s.attempt_id,
                  s.applied_cycle,
                  coalesce((select -sum(p.amount) from ledger.posting p
                              join ledger.account a on a.account_id = p.account_id
                             where p.entry_id = s.entry_id and a.kind = 'refund_due'), 0) as "back!",
                  exists (select from event came
                            join event ended on ended.invoice_id = came.invoice_id
                                 and ended.sequence > came.sequence
                                 and ended.kind in ('invoice.expired', 'invoice.cancelled')
                           where came.invoice_id = s.invoice_id
                             and came.kind = 'payment.part_received'
                             and came.body::jsonb #>> '{detail,settlement}' = s.settlement_id::text
                         ) as "given_up!",
                  given.back as "given_back!", given.before as "given_before!"
             from settlement s
            cross join lateral (
                  select coalesce(sum(r.amount), 0) as back,
                         coalesce(sum(r.amount) filter (where r.cycle < $2), 0) as before
                    from refund r
                   where r.settlement_id = s.settlement_id and r.kind <> 'surplus'
                     and (r.status in ('approved', 'sent', 'confirmed')
                          -- It did not reach the payer, and is not of the part again: in suspense.
                          or (r.status = 'failed' and exists (
                                 select from ledger.entry e
                                  where e.entry_id = r.outcome_entry
                                    and e.act = 'refund_suspended')))) given
            where s.invoice_id = $1 and s.entry_id is not null
              and not exists (select from reversal r where r.settlement_id = s.settlement_id)
            order by s.settlement_id"#,
        invoice.id.0,
        invoice.cycle
    )
    .fetch_all(conn)
    .await?;
    let mut sources = Vec::with_capacity(rows.len());
    for row in rows {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        let amount = Money::new(row.amount, currency).map_err(undecodable)?;
        let back = Money::new(row.back, currency).map_err(undecodable)?;
        let outcome: Outcome = row.outcome.parse().map_err(undecodable)?;
        let zero = Money::zero(currency);
        let is_paid = invoice.status == Status::Paid;
        let (due_back, paid) = match outcome {
            Outcome::RefundDue => (amount, zero),
            // What the payer got back while it was paid is not given up once more.
            Outcome::Held if row.given_up => {
                let given = Money::new(row.given_back, currency).map_err(undecodable)?;
                (amount.checked_sub(given).unwrap_or(zero), zero)
            }
            // What went back of it before it paid in this cycle has not paid.
            Outcome::Held if is_paid => {
                let before = Money::new(row.given_before, currency).map_err(undecodable)?;
                (zero, amount.checked_sub(before).unwrap_or(zero))
            }
            outcome if outcome.is_applied() => {
                let current = is_paid && row.applied_cycle == Some(invoice.cycle);
                let paid = amount.checked_sub(back).map_err(undecodable)?;
                (back, if current { paid } else { zero })
            }
            _ => (zero, zero),
        };
        sources.push(Source {
            settlement: SettlementId(row.settlement_id),
            partner: row.partner,
            amount,
            due_back,
            paid,
            attempt: row.attempt_id,
        });
    }
    Ok(sources)
}

/// What a settlement still says when it is given back.
#[derive(Debug)]
pub struct SettlementFacts {
    /// The invoice it came for.
    pub invoice: Option<Uuid>,
    /// The account that was credited.
    pub account: String,
    /// The partner's own id of it.
    pub transaction_id: String,
    /// How much, as a number.
    pub amount: rust_decimal::Decimal,
    /// The attempt it came through.
    pub attempt: Option<Uuid>,
    /// The account that paid, sealed; of money that officers placed, the one that came with it.
    pub counter_account: Option<Vec<u8>>,
    /// The settlement that it is sealed with.
    pub sealed_with: Uuid,
    /// Who has seen it in the bank.
    pub banked_by: Option<String>,
    /// Was it taken back?
    pub reversed: bool,
}

/// The facts of one settlement.
pub async fn settlement_facts(
    conn: &mut PgConnection,
    settlement: SettlementId,
) -> Result<Option<SettlementFacts>, sqlx::Error> {
    sqlx::query_as!(
        SettlementFacts,
        r#"select s.invoice_id as invoice, s.account, s.transaction_id, s.amount,
                  s.attempt_id as attempt,
                  coalesce(s.counter_account, o.counter_account) as counter_account,
                  case when s.counter_account is null
                       then coalesce(o.settlement_id, s.settlement_id)
                       else s.settlement_id end as "sealed_with!",
                  b.confirmed_by as "banked_by?",
                  exists (select from reversal r where r.settlement_id = s.settlement_id)
                      as "reversed!"
             from settlement s
             left join settlement_banked b on b.settlement_id = s.settlement_id
             left join placement p on p.settlement_id = s.settlement_id
             left join settlement o on o.settlement_id = p.places
            where s.settlement_id = $1"#,
        settlement.0
    )
    .fetch_optional(conn)
    .await
}

/// The accounts that were named for a settlement and approved by a second person, the newest first:
/// the id of each and what is sealed.
pub async fn approved_accounts(
    conn: &mut PgConnection,
    settlement: SettlementId,
) -> Result<Vec<(Uuid, Vec<u8>)>, sqlx::Error> {
    sqlx::query!(
        "select refund_account_id, sealed from refund_account
          where settlement_id = $1 and approved_at is not null
          order by refund_account_id desc",
        settlement.0
    )
    .map(|row| (row.refund_account_id, row.sealed))
    .fetch_all(conn)
    .await
}

/// The lines of an invoice that were paid over.
pub async fn lines_paid_over(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "select line from line_paid_over where invoice_id = $1 order by line",
        invoice.0
    )
    .fetch_all(conn)
    .await
}

/// The lines of an invoice that are in a run to the Treasury which is not finished. Asked before
/// [`lines_paid_over`]: a run that ends in between has marked its lines by then.
pub async fn lines_in_payover(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "select line from line_in_payover where invoice_id = $1 order by line",
        invoice.0
    )
    .fetch_all(conn)
    .await
}

/// Refunds for these partners' calls that were approved in a span of time, not sent, and have no
/// message in the outbox.
pub async fn refunds_unsent(
    pool: &PgPool,
    partners: &[String],
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    most: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select r.refund_id from refund r
          where r.status = 'approved' and r.method = 'partner' and r.partner = any($1)
            and r.status_since >= $2 and r.status_since < $3
            and not exists (select from outbox o
                             where o.kind = 'refund.approved' and o.subject = r.refund_id)
          order by r.refund_id limit $4",
        partners,
        since,
        until,
        most
    )
    .fetch_all(pool)
    .await
}

/// How many refunds wait in each state that is not final; a state without any is left out.
pub async fn refunds_waiting(pool: &PgPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query!(
        r#"select status, count(*) as "waiting!" from refund
            where status in ('requested', 'approved', 'sent') group by status"#
    )
    .map(|row| (row.status, row.waiting))
    .fetch_all(pool)
    .await
}

/// What is to be given back of one settlement, and nobody knows where to.
#[derive(Debug)]
pub struct AccountWanted {
    /// The settlement.
    pub settlement: Uuid,
    /// The partner it came through.
    pub partner: String,
    /// When it was paid.
    pub paid_at: DateTime<Utc>,
    /// How much is to go back, as a number.
    pub amount: rust_decimal::Decimal,
    /// Waits one that was named for a second person?
    pub waiting: bool,
    /// Was one named before?
    pub named: bool,
}

/// The settlements of an invoice of which something waits to be transferred and nobody knows where
/// to: the payer's account did not come with the money, or a transfer to it failed before, and none
/// was approved since.
pub async fn accounts_wanted(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<AccountWanted>, sqlx::Error> {
    sqlx::query_as!(
        AccountWanted,
        r#"select s.settlement_id as settlement, s.partner, s.value_time as paid_at,
                  sum(r.amount) as "amount!",
                  exists (select from refund_account a
                           where a.settlement_id = s.settlement_id
                             and a.approved_at is null and a.dropped_at is null) as "waiting!",
                  exists (select from refund_account a
                           where a.settlement_id = s.settlement_id) as "named!"
             from refund r
             join settlement s on s.settlement_id = r.settlement_id
             left join placement p on p.settlement_id = s.settlement_id
             left join settlement o on o.settlement_id = p.places
            cross join lateral (
                  select max(f.status_since) as at from refund f
                   where f.settlement_id = r.settlement_id and f.status = 'failed') failed
            where r.invoice_id = $1 and r.method = 'transfer' and r.status = 'requested'
              and (coalesce(s.counter_account, o.counter_account) is null
                   or failed.at is not null)
              and not exists (
                  select from refund_account a
                   where a.settlement_id = r.settlement_id
                     and a.approved_at > coalesce(failed.at, '-infinity'))
            group by s.settlement_id
            order by s.settlement_id"#,
        invoice.0
    )
    .fetch_all(conn)
    .await
}

/// How many accounts were named for an invoice, whatever became of them.
pub async fn accounts_named(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "named!" from refund_account where invoice_id = $1"#,
        invoice.0
    )
    .fetch_one(conn)
    .await
}

/// Was what a refund gives back of left out, when the payment that its part had completed was taken
/// back? The part itself was not taken back before that one.
pub async fn is_left_out_of_reversal(
    conn: &mut PgConnection,
    refund: &Refund,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from settlement part
                 join settlement whole on whole.invoice_id = part.invoice_id
                      and whole.applied_cycle = $2 and whole.outcome <> 'held'
                      and whole.entry_id > part.entry_id
                 join reversal ended on ended.settlement_id = whole.settlement_id
                 left join reversal own on own.settlement_id = part.settlement_id
                where part.settlement_id = $1 and part.outcome = 'held'
                  and (own.entry_id is null or own.entry_id > ended.entry_id)) as "is!""#,
        refund.settlement.0,
        refund.cycle
    )
    .fetch_one(conn)
    .await
}
