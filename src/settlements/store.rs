//! Every statement on settlements and reversals.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::settlement::Settlement;
use crate::partners::mask::KeptMessage;
use crate::vocabulary::ids::{AttemptId, InvoiceId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

/// Writes settlements, all in one statement.
pub async fn settlements_insert(
    conn: &mut PgConnection,
    settlements: &[&Settlement],
) -> Result<(), sqlx::Error> {
    if settlements.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&Settlement) -> &str| -> Vec<String> {
        settlements.iter().map(|s| pick(s).to_owned()).collect()
    };
    let ids: Vec<Uuid> = settlements.iter().map(|s| s.id.0).collect();
    let amounts: Vec<Decimal> = settlements.iter().map(|s| s.amount.amount()).collect();
    let values: Vec<DateTime<Utc>> = settlements.iter().map(|s| s.value_time).collect();
    let received: Vec<DateTime<Utc>> = settlements.iter().map(|s| s.received_at).collect();
    let invoices: Vec<Option<Uuid>> = settlements.iter().map(|s| s.invoice.map(|i| i.0)).collect();
    let attempts: Vec<Option<Uuid>> = settlements.iter().map(|s| s.attempt.map(|a| a.0)).collect();
    let cycles: Vec<Option<i32>> = settlements.iter().map(|s| s.applied_cycle).collect();
    let entries: Vec<Option<i64>> = settlements.iter().map(|s| s.entry).collect();
    let raws: Vec<Vec<u8>> = settlements.iter().map(|s| s.raw.text.clone()).collect();
    let digests: Vec<Vec<u8>> = settlements.iter().map(|s| s.raw.sha256.clone()).collect();
    let counters: Vec<Option<Vec<u8>>> =
        settlements.iter().map(|s| s.counter_account.clone()).collect();
    sqlx::query!(
        "insert into settlement (settlement_id, partner, source, transaction_id, account, amount,
                                 currency, memo, value_time, received_at, outcome, invoice_id,
                                 attempt_id, applied_cycle, entry_id, raw, counter_account,
                                 raw_sha256)
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                              $6::numeric[], $7::text[], $8::text[], $9::timestamptz[],
                              $10::timestamptz[], $11::text[], $12::uuid[], $13::uuid[],
                              $14::integer[], $15::bigint[], $16::bytea[], $17::bytea[],
                              $18::bytea[])",
        &ids,
        &text(|s| &s.partner),
        &text(|s| s.source.as_str()),
        &text(|s| &s.transaction_id),
        &text(|s| &s.account),
        &amounts,
        &text(|s| s.amount.currency().as_str()),
        &text(|s| &s.memo),
        &values,
        &received,
        &text(|s| s.outcome.as_str()),
        &invoices as &[Option<Uuid>],
        &attempts as &[Option<Uuid>],
        &cycles as &[Option<i32>],
        &entries as &[Option<i64>],
        &raws,
        &counters as &[Option<Vec<u8>>],
        &digests,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// The settlements that have these keys. `lateral … offset 0` has each key looked up by itself: a
/// plan made while the table was empty would read all of it for every group.
pub async fn settlements_of_keys(
    conn: &mut PgConnection,
    partners: &[String],
    sources: &[String],
    transactions: &[String],
) -> Result<Vec<Settlement>, sqlx::Error> {
    let rows = sqlx::query_as!(
        SettlementRow,
        "select s.settlement_id, s.partner, s.source, s.transaction_id, s.account, s.amount,
                s.currency, s.memo, s.value_time, s.received_at, s.outcome, s.invoice_id,
                s.attempt_id, s.applied_cycle, s.entry_id
           from unnest($1::text[], $2::text[], $3::text[]) k(partner, source, transaction_id)
          cross join lateral (
                select * from settlement s
                 where s.partner = k.partner and s.source = k.source
                   and s.transaction_id = k.transaction_id
                offset 0) s",
        partners,
        sources,
        transactions
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Settlement::try_from).collect()
}

/// The columns as they are read; the body and the sealed account are not.
#[derive(Debug)]
struct SettlementRow {
    settlement_id: Uuid,
    partner: String,
    source: String,
    transaction_id: String,
    account: String,
    amount: Decimal,
    currency: String,
    memo: String,
    value_time: DateTime<Utc>,
    received_at: DateTime<Utc>,
    outcome: String,
    invoice_id: Option<Uuid>,
    attempt_id: Option<Uuid>,
    applied_cycle: Option<i32>,
    entry_id: Option<i64>,
}

impl TryFrom<SettlementRow> for Settlement {
    type Error = sqlx::Error;

    fn try_from(row: SettlementRow) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        Ok(Self {
            id: SettlementId(row.settlement_id),
            partner: row.partner,
            source: row.source.parse().map_err(undecodable)?,
            transaction_id: row.transaction_id,
            account: row.account,
            amount: Money::new(row.amount, currency).map_err(undecodable)?,
            memo: row.memo,
            value_time: row.value_time,
            received_at: row.received_at,
            outcome: row.outcome.parse().map_err(undecodable)?,
            invoice: row.invoice_id.map(InvoiceId),
            attempt: row.attempt_id.map(AttemptId),
            applied_cycle: row.applied_cycle,
            entry: row.entry_id,
            raw: KeptMessage::default(),
            counter_account: None,
        })
    }
}

/// One settlement.
pub async fn settlement_read(
    conn: &mut PgConnection,
    id: SettlementId,
) -> Result<Option<Settlement>, sqlx::Error> {
    let row = sqlx::query_as!(
        SettlementRow,
        "select settlement_id, partner, source, transaction_id, account, amount, currency, memo,
                value_time, received_at, outcome, invoice_id, attempt_id, applied_cycle, entry_id
           from settlement where settlement_id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Settlement::try_from).transpose()
}

/// A settlement with the entry that books it; none of one that is only noted.
pub async fn settlement_to_take_back(
    conn: &mut PgConnection,
    id: SettlementId,
) -> Result<Option<(Settlement, i64)>, sqlx::Error> {
    let found = settlement_read(conn, id).await?;
    Ok(found.and_then(|settlement| settlement.entry.map(|entry| (settlement, entry))))
}

/// The settlement by which officers placed the money of another, with its entry.
pub async fn placement_of(
    conn: &mut PgConnection,
    places: SettlementId,
) -> Result<Option<(Settlement, i64)>, sqlx::Error> {
    let id = sqlx::query_scalar!("select settlement_id from placement where places = $1", places.0)
        .fetch_optional(&mut *conn)
        .await?;
    match id {
        Some(id) => settlement_to_take_back(conn, SettlementId(id)).await,
        None => Ok(None),
    }
}

/// The settlement whose money this one places.
pub async fn placed_by(
    conn: &mut PgConnection,
    settlement: SettlementId,
) -> Result<Option<SettlementId>, sqlx::Error> {
    let places =
        sqlx::query_scalar!("select places from placement where settlement_id = $1", settlement.0)
            .fetch_optional(conn)
            .await?;
    Ok(places.map(SettlementId))
}

/// Writes which settlement places the money of which. It is as banked as that.
pub async fn placement_insert(
    conn: &mut PgConnection,
    (settlement, places): (SettlementId, SettlementId),
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into placement (settlement_id, places, placed_by, at) values ($1, $2, $3, $4)",
        settlement.0,
        places.0,
        by,
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into settlement_banked (settlement_id, confirmed_by, at, entry_id)
         select $1, confirmed_by, at, entry_id from settlement_banked where settlement_id = $2",
        settlement.0,
        places.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Was all that paid an invoice in a cycle of its life seen in the bank: the settlement that did, and
/// the parts that it completed?
pub async fn paid_is_banked(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    cycle: i32,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from settlement a where a.invoice_id = $1 and a.applied_cycle = $2)
                  and not exists (
                      select from settlement s
                       where s.invoice_id = $1
                         and (s.applied_cycle = $2
                              or exists (select from break_case c
                                           join settlement a on a.settlement_id = c.used_by
                                          where c.settlement_id = s.settlement_id
                                            and a.invoice_id = $1 and a.applied_cycle = $2))
                         and not exists (select from settlement_banked b
                                          where b.settlement_id = s.settlement_id)) as "banked!""#,
        invoice.0,
        cycle
    )
    .fetch_one(conn)
    .await
}

/// The step at which an invoice was paid last.
pub async fn last_paid_step(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "select max(sequence) from event where invoice_id = $1 and kind = 'invoice.paid'",
        invoice.0
    )
    .fetch_one(conn)
    .await
}

/// Who saw a settlement in the bank, and on which account.
pub async fn settlement_banked_on(
    conn: &mut PgConnection,
    id: SettlementId,
) -> Result<Option<(String, String)>, sqlx::Error> {
    sqlx::query!(
        "select b.confirmed_by, a.detail
           from settlement_banked b
           join ledger.posting p on p.entry_id = b.entry_id
           join ledger.account a on a.account_id = p.account_id and a.kind = 'bank_account'
          where b.settlement_id = $1 order by p.line limit 1",
        id.0
    )
    .map(|row| (row.confirmed_by, row.detail))
    .fetch_optional(conn)
    .await
}

/// Has another source reported the same amount on the same account for the same invoice, and was that
/// booked? What was only noted is the same money seen from the side that does not settle.
pub async fn reported_by_another(
    conn: &mut PgConnection,
    settlement: &Settlement,
    invoice: InvoiceId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from settlement
                           where invoice_id = $1 and partner = $2 and account = $3 and amount = $4
                             and source <> $5 and entry_id is not null) as "there!""#,
        invoice.0,
        settlement.partner,
        settlement.account,
        settlement.amount.amount(),
        settlement.source.as_str()
    )
    .fetch_one(conn)
    .await
}

/// The memos of unidentified money of the same amount that another source reported on the same
/// account since a time, and that was booked. Ids are made in the order of time: the few days that
/// are looked at are read by the primary key.
pub async fn unidentified_by_another(
    conn: &mut PgConnection,
    settlement: &Settlement,
    since: DateTime<Utc>,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select memo from settlement
          where settlement_id >= $1 and invoice_id is null and entry_id is not null
            and partner = $2 and account = $3 and amount = $4 and source <> $5",
        first_of(since),
        settlement.partner,
        settlement.account,
        settlement.amount.amount(),
        settlement.source.as_str()
    )
    .fetch_all(conn)
    .await
}

/// The least id of version 7 of a moment.
fn first_of(at: DateTime<Utc>) -> Uuid {
    let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// A part payment of an invoice, and what became of it.
#[derive(Debug)]
pub struct PartPayment {
    /// The settlement.
    pub settlement: SettlementId,
    /// Through whom it came.
    pub partner: String,
    /// How much.
    pub amount: Money,
    /// The entry that books it.
    pub entry: i64,
    /// So much of it went back to the payer, or is on its way, as a refund of what was paid.
    pub given_back: Money,
    /// The invoice ended while it was held: it is due back.
    pub given_up: bool,
    /// Its bank took it back.
    pub taken_back: bool,
}

/// The part payments of an invoice, oldest first. The invoice is locked, so none of it changes.
pub async fn part_payments(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<PartPayment>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.settlement_id, s.partner, s.amount, s.currency, s.entry_id as "entry!",
                  (select coalesce(sum(r.amount), 0) from refund r
                    where r.settlement_id = s.settlement_id and r.kind <> 'surplus'
                      and (r.status in ('approved', 'sent', 'confirmed')
                           -- It did not reach the payer, and is not of the part again: in suspense.
                           or (r.status = 'failed' and exists (
                                  select from ledger.entry e
                                   where e.entry_id = r.outcome_entry and e.act = 'refund_suspended')))
                  ) as "given_back!",
                  exists (select from event came
                            join event ended on ended.invoice_id = came.invoice_id
                                 and ended.sequence > came.sequence
                                 and ended.kind in ('invoice.expired', 'invoice.cancelled')
                           where came.invoice_id = s.invoice_id
                             and came.kind = 'payment.part_received'
                             and came.body::jsonb #>> '{detail,settlement}' = s.settlement_id::text
                         ) as "given_up!",
                  exists (select from reversal v where v.settlement_id = s.settlement_id)
                      as "taken_back!"
             from settlement s
            where s.invoice_id = $1 and s.outcome = 'held'
            order by s.settlement_id"#,
        invoice.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency: Currency = row.currency.parse().map_err(undecodable)?;
            Ok(PartPayment {
                settlement: SettlementId(row.settlement_id),
                partner: row.partner,
                amount: Money::new(row.amount, currency).map_err(undecodable)?,
                entry: row.entry,
                given_back: Money::new(row.given_back, currency).map_err(undecodable)?,
                given_up: row.given_up,
                taken_back: row.taken_back,
            })
        })
        .collect()
}

/// So much of one budget of an agency went back to the payer of a part.
#[derive(Debug)]
pub struct GivenBack {
    /// Through whom the part came.
    pub partner: String,
    /// The agency.
    pub agency: String,
    /// Chapter and sub-item of its budget.
    pub budget: String,
    /// How much.
    pub amount: Money,
}

/// What of these settlements was given back, or is on its way, out of what an invoice was paid in one
/// cycle of its life.
pub async fn given_back_of(
    conn: &mut PgConnection,
    (invoice, cycle): (InvoiceId, i32),
    settlements: &[Uuid],
) -> Result<Vec<GivenBack>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select r.partner, r.currency, share.value ->> 'agency' as "agency!",
                  share.value ->> 'budget' as "budget!",
                  (share.value #>> '{amount,amount}')::numeric as "amount!"
             from refund r cross join lateral jsonb_array_elements(r.shares) share
            where r.invoice_id = $1 and r.cycle = $2 and r.settlement_id = any($3)
              and r.kind <> 'surplus' and r.status in ('approved', 'sent', 'confirmed')"#,
        invoice.0,
        cycle,
        settlements
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency: Currency = row.currency.parse().map_err(undecodable)?;
            Ok(GivenBack {
                partner: row.partner,
                agency: row.agency,
                budget: row.budget,
                amount: Money::new(row.amount, currency).map_err(undecodable)?,
            })
        })
        .collect()
}

/// A reversal to be written.
#[derive(Debug)]
pub struct ReversalRow<'a> {
    /// Its id.
    pub id: Uuid,
    /// The settlement that is taken back.
    pub settlement: SettlementId,
    /// Who says it.
    pub partner: &'a str,
    /// The partner's id of the reversal.
    pub transaction_id: &'a str,
    /// Why, in the partner's words.
    pub reason: &'a str,
    /// When it came here.
    pub received_at: DateTime<Utc>,
    /// The entry that books it.
    pub entry: i64,
}

/// Writes a reversal.
pub async fn reversal_insert(
    conn: &mut PgConnection,
    row: &ReversalRow<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into reversal (reversal_id, settlement_id, partner, transaction_id, reason,
                               received_at, entry_id)
         values ($1, $2, $3, $4, $5, $6, $7)",
        row.id,
        row.settlement.0,
        row.partner,
        row.transaction_id,
        row.reason,
        row.received_at,
        row.entry
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Is a settlement already taken back, and by which transaction?
pub async fn reversal_of(
    conn: &mut PgConnection,
    settlement: SettlementId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select transaction_id from reversal where settlement_id = $1",
        settlement.0
    )
    .fetch_optional(conn)
    .await
}

/// What is known of a settlement that is booked.
#[derive(Debug)]
pub struct Booked {
    /// Who said it.
    pub partner: String,
    /// The account that was credited.
    pub account: String,
    /// How much.
    pub amount: Money,
    /// The invoice that was meant.
    pub invoice: Option<InvoiceId>,
}

/// A settlement that is booked.
pub async fn settlement_booked(
    conn: &mut PgConnection,
    id: SettlementId,
) -> Result<Option<Booked>, sqlx::Error> {
    let row = sqlx::query!(
        "select partner, account, amount, currency, invoice_id from settlement
          where settlement_id = $1 and entry_id is not null",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        let amount = Money::new(row.amount, currency).map_err(undecodable)?;
        let invoice = row.invoice_id.map(InvoiceId);
        Ok(Booked { partner: row.partner, account: row.account, amount, invoice })
    })
    .transpose()
}

/// Writes that a settlement was seen in the bank; `false` when that was written before.
pub async fn settlement_banked_insert(
    conn: &mut PgConnection,
    id: SettlementId,
    by: &str,
    now: DateTime<Utc>,
    entry: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into settlement_banked (settlement_id, confirmed_by, at, entry_id)
         values ($1, $2, $3, $4)
         on conflict on constraint settlement_banked_pkey do nothing",
        id.0,
        by,
        now,
        entry
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A settlement that was seen in the bank.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which.
    pub settlement: Uuid,
    /// Who or what saw it.
    pub by: String,
    /// The entry of its money.
    pub entry: i64,
}

/// Writes that settlements were seen in the bank; which of them were not before.
pub async fn settlements_banked_insert(
    conn: &mut PgConnection,
    seen: &[Seen],
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = seen.iter().map(|s| s.settlement).collect();
    let by: Vec<String> = seen.iter().map(|s| s.by.clone()).collect();
    let entries: Vec<i64> = seen.iter().map(|s| s.entry).collect();
    sqlx::query_scalar!(
        "insert into settlement_banked (settlement_id, confirmed_by, at, entry_id)
         select k.id, k.by, $3, k.entry from unnest($1::uuid[], $2::text[], $4::bigint[]) k(id, by, entry)
         on conflict on constraint settlement_banked_pkey do nothing
         returning settlement_id",
        &ids,
        &by,
        now,
        &entries
    )
    .fetch_all(conn)
    .await
}

/// How a settlement is named by its partner: its source and its transaction id.
pub async fn settlement_key(
    conn: &mut PgConnection,
    id: SettlementId,
) -> Result<Option<(String, String)>, sqlx::Error> {
    sqlx::query!("select source, transaction_id from settlement where settlement_id = $1", id.0)
        .map(|row| (row.source, row.transaction_id))
        .fetch_optional(conn)
        .await
}

/// The reversal of a settlement.
pub async fn reversal_id_of(
    conn: &mut PgConnection,
    id: SettlementId,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select reversal_id from reversal where settlement_id = $1", id.0)
        .fetch_optional(conn)
        .await
}

/// Takes back that settlements were seen in the bank: the match that said so was taken back. What an
/// officer saw stays, and so does what released a refund. Gives those that are banked no more, each
/// with the entry of its money.
pub async fn settlements_banked_delete(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    sqlx::query!(
        "delete from settlement_banked b using unnest($1::uuid[]) k(id)
          where b.settlement_id = k.id and b.confirmed_by like 'match/%'
            and not exists (select from refund r
                             where r.settlement_id = b.settlement_id and r.kind = 'surplus'
                               and r.status in ('approved', 'sent', 'confirmed'))
         returning b.settlement_id, b.entry_id",
        ids
    )
    .map(|row| (row.settlement_id, row.entry_id))
    .fetch_all(conn)
    .await
}

/// A partner's word as it was booked.
#[derive(Debug)]
pub struct RawWord {
    /// The partner's id of the transaction.
    pub transaction_id: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// What was done with it.
    pub outcome: String,
    /// What it said, masked.
    pub raw: Vec<u8>,
    /// The SHA-256 of what it really was.
    pub raw_sha256: Vec<u8>,
}

/// What was booked of one order, oldest first.
pub async fn raw_of_order(
    conn: &mut PgConnection,
    partner: &str,
    reference: &str,
) -> Result<Vec<RawWord>, sqlx::Error> {
    sqlx::query_as!(
        RawWord,
        "select s.transaction_id, s.received_at, s.outcome, s.raw, s.raw_sha256
           from settlement s join attempt a using (attempt_id)
          where a.partner = $1 and a.reference = $2 and s.invoice_id = a.invoice_id
          order by s.settlement_id limit 50",
        partner,
        reference
    )
    .fetch_all(conn)
    .await
}
