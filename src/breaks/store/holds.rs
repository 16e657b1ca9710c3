//! Statements on what cases hold.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaks::holding::{HeldIn, Holding};
use crate::breaks::{Break, BreakState};
use crate::vocabulary::calendar::Calendar;
use crate::vocabulary::day;
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};

/// From which day each case ages. The calendar is read where working days count, which is seldom.
async fn ages_from(
    conn: &mut PgConnection,
    breaks: &[(Break, Option<Holding>)],
) -> Result<Vec<NaiveDate>, sqlx::Error> {
    /// No case begins to age so late, whatever days are off.
    const LOOKED_AT: Days = Days::new(60);
    let opened = |of: &Break| day::to_local(of.opened_at).date();
    let waits = breaks.iter().filter(|(of, _)| of.code.ages_after() > 0).map(|(of, _)| opened(of));
    let calendar = match (waits.clone().min(), waits.max()) {
        (Some(first), Some(last)) => {
            let until = last.checked_add_days(LOOKED_AT).unwrap_or(last);
            let days = sqlx::query!(
                "select distinct on (day) day, working, closed from holiday
                  where day between $1 and $2 and valid_from <= $3
                  order by day, valid_from desc",
                first,
                until,
                last
            )
            .fetch_all(conn)
            .await?;
            Calendar::new(days.into_iter().filter(|of| !of.closed).map(|of| (of.day, of.working)))
        }
        _ => Calendar::default(),
    };
    let from =
        |(of, _): &(Break, _)| of.code.ages_from(opened(of), |day| calendar.is_working_day(day));
    Ok(breaks.iter().map(from).collect())
}

/// Opens cases, all in one statement, each with what it holds.
pub async fn breaks_insert_holding(
    conn: &mut PgConnection,
    breaks: &[(Break, Option<Holding>)],
) -> Result<(), sqlx::Error> {
    if breaks.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&Break) -> &str| -> Vec<String> {
        breaks.iter().map(|(b, _)| pick(b).to_owned()).collect()
    };
    let ids: Vec<Uuid> = breaks.iter().map(|(b, _)| b.id.0).collect();
    let opened: Vec<DateTime<Utc>> = breaks.iter().map(|(b, _)| b.opened_at).collect();
    let closed: Vec<Option<DateTime<Utc>>> =
        breaks.iter().map(|(b, _)| (!b.state.is_open()).then_some(b.opened_at)).collect();
    let ages_from = ages_from(conn, breaks).await?;
    let invoices: Vec<Option<Uuid>> = breaks.iter().map(|(b, _)| b.invoice.map(|i| i.0)).collect();
    let settlements: Vec<Option<Uuid>> =
        breaks.iter().map(|(b, _)| b.settlement.map(|s| s.0)).collect();
    let amounts: Vec<Decimal> = breaks.iter().map(|(b, _)| b.amount.amount()).collect();
    let held_in: Vec<Option<String>> =
        breaks.iter().map(|(_, h)| h.map(|h| h.held_in.to_string())).collect();
    let held: Vec<Decimal> =
        breaks.iter().map(|(_, h)| h.map_or(Decimal::ZERO, |h| h.held)).collect();
    sqlx::query!(
        "insert into break_case (break_id, code, opened_at, partner, agency, invoice_id,
                                 settlement_id, amount, currency, state, state_since, detail,
                                 closed_at, ages_from, held_in, held, changed_at)
         select b.id, b.code, b.opened, b.partner, b.agency, b.invoice, b.settlement, b.amount,
                b.currency, b.state, b.opened, b.detail, b.closed, b.ages_from, b.held_in, b.held,
                b.opened
           from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[],
                       $6::uuid[], $7::uuid[], $8::numeric[], $9::text[], $10::text[], $11::text[],
                       $12::timestamptz[], $13::date[], $14::text[], $15::numeric[])
                b(id, code, opened, partner, agency, invoice, settlement, amount, currency, state,
                  detail, closed, ages_from, held_in, held)",
        &ids,
        &text(|b| b.code.as_str()),
        &opened,
        &text(|b| &b.partner),
        &text(|b| &b.agency),
        &invoices as &[Option<Uuid>],
        &settlements as &[Option<Uuid>],
        &amounts,
        &text(|b| b.amount.currency().as_str()),
        &text(|b| b.state.as_str()),
        &text(|b| &b.detail),
        &closed as &[Option<DateTime<Utc>>],
        &ages_from,
        &held_in as &[Option<String>],
        &held,
    )
    .execute(conn)
    .await?;
    for (opened, _) in breaks {
        metrics::counter!("payclear_breaks_opened_total", "code" => opened.code.as_str())
            .increment(1);
    }
    Ok(())
}

/// Takes money out of the case of a settlement that holds it in an account; how much was there. A
/// case that holds nothing any more closes by itself.
pub async fn settlement_release(
    conn: &mut PgConnection,
    settlement: SettlementId,
    held_in: HeldIn,
    amount: Decimal,
    (why, now): (&str, DateTime<Utc>),
) -> Result<Decimal, sqlx::Error> {
    let taken = sqlx::query_scalar!(
        r#"with held as (
               select break_id, held, least(held, $3) as taken from break_case
                where settlement_id = $1 and held_in = $2 and held > 0
                order by opened_at, break_id limit 1 for no key update)
           update break_case c
              set held = held.held - held.taken,
                  state = case when held.held = held.taken then 'auto_closed' else c.state end,
                  state_since = case when held.held = held.taken then $4 else c.state_since end,
                  closed_at = case when held.held = held.taken then $4::timestamptz end,
                  changed_at = $4, changed_by = 'payclear', change = $5
             from held where c.break_id = held.break_id
           returning held.taken as "taken!""#,
        settlement.0,
        held_in.as_str(),
        amount,
        now,
        why
    )
    .fetch_optional(conn)
    .await?;
    Ok(taken.unwrap_or_default())
}

/// Puts money back into the case of a settlement that held it in an account, open again; `false`
/// when there is none such.
pub async fn settlement_hold_again(
    conn: &mut PgConnection,
    settlement: SettlementId,
    held_in: HeldIn,
    amount: Decimal,
    (why, now): (&str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "with of as (
             select break_id, closed_at is not null as was_closed from break_case
              where settlement_id = $1 and held_in = $2 and held >= 0
              order by opened_at, break_id limit 1 for no key update)
         update break_case c
            set held = c.held + $3,
                state = case when of.was_closed then 'open' else c.state end,
                state_since = case when of.was_closed then $4 else c.state_since end,
                closed_at = null, changed_at = $4, changed_by = 'payclear', change = $5
           from of where c.break_id = of.break_id",
        settlement.0,
        held_in.as_str(),
        amount,
        now,
        why
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Parts that were held have completed their invoices: which settlement did is kept, for when it is
/// taken back.
pub async fn parts_use(
    conn: &mut PgConnection,
    paid_up: &[(InvoiceId, SettlementId)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if paid_up.is_empty() {
        return Ok(());
    }
    let invoices: Vec<Uuid> = paid_up.iter().map(|(invoice, _)| invoice.0).collect();
    let settlements: Vec<Uuid> = paid_up.iter().map(|(_, settlement)| settlement.0).collect();
    sqlx::query!(
        "update break_case c
            set used = c.held, used_by = k.settlement, held = 0, state = 'auto_closed',
                state_since = $3, closed_at = $3, changed_at = $3, changed_by = 'payclear',
                change = 'the rest has come'
           from unnest($1::uuid[], $2::uuid[]) k(invoice, settlement)
          where c.invoice_id = k.invoice and c.held_in = 'part_payments_held' and c.held <> 0",
        &invoices,
        &settlements,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The settlement that had completed an invoice is taken back: the parts are held again; their sum
/// for each partner.
pub async fn parts_unuse(
    conn: &mut PgConnection,
    settlement: SettlementId,
    (why, now): (&str, DateTime<Utc>),
) -> Result<BTreeMap<String, Decimal>, sqlx::Error> {
    let held = sqlx::query!(
        "update break_case
            set held = used, used = 0, used_by = null, state = 'open', state_since = $2,
                closed_at = null, changed_at = $2, changed_by = 'payclear', change = $3
          where used_by = $1 returning partner, held",
        settlement.0,
        now,
        why
    )
    .fetch_all(conn)
    .await?;
    let mut sums = BTreeMap::new();
    for row in held {
        *sums.entry(row.partner).or_insert(Decimal::ZERO) += row.held;
    }
    Ok(sums)
}

/// Sets an amount, credit positive, off against what the open cases of an invoice hold of the other
/// sign in an account of a partner, the oldest first; what is left of it. A case that holds nothing
/// any more closes by itself.
pub async fn invoice_set_off(
    conn: &mut PgConnection,
    (invoice, partner): (InvoiceId, &str),
    (held_in, amount): (HeldIn, Decimal),
    (why, now): (&str, DateTime<Utc>),
) -> Result<Decimal, sqlx::Error> {
    let cases = sqlx::query!(
        "select break_id, held from break_case
          where invoice_id = $1 and partner = $2 and held_in = $3 and held <> 0
            and sign(held) = -sign($4::numeric)
          order by opened_at, break_id for no key update",
        invoice.0,
        partner,
        held_in.as_str(),
        amount
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut rest = amount;
    for case in cases {
        if rest.is_zero() {
            break;
        }
        let much = rest.abs().min(case.held.abs());
        let taken = if rest.is_sign_negative() { -much } else { much };
        rest -= taken;
        sqlx::query!(
            "update break_case
                set held = $2::numeric, state = case when $2::numeric = 0 then 'auto_closed' else state end,
                    state_since = case when $2::numeric = 0 then $3::timestamptz else state_since end,
                    closed_at = case when $2::numeric = 0 then $3::timestamptz end,
                    changed_at = $3, changed_by = 'payclear', change = $4
              where break_id = $1",
            case.break_id,
            case.held + taken,
            now,
            why
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(rest)
}

/// Parts of ended invoices are due back: their cases hold them there.
pub async fn parts_give_up(
    conn: &mut PgConnection,
    invoices: &[InvoiceId],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if invoices.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = invoices.iter().map(|i| i.0).collect();
    sqlx::query!(
        "update break_case
            set held_in = 'refund_due', changed_at = $2, changed_by = 'payclear',
                change = 'the invoice has ended: due back'
          where invoice_id = any($1) and held_in = 'part_payments_held' and held <> 0",
        &ids,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets what a case holds, by a way out that is being taken: it stays where it is in its life.
pub async fn break_hold(
    conn: &mut PgConnection,
    id: BreakId,
    holding: Holding,
    (why, by, now): (&str, &str, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update break_case
            set held_in = $2, held = $3, changed_at = $4, changed_by = $5, change = $6
          where break_id = $1",
        id.0,
        holding.held_in.as_str(),
        holding.held,
        now,
        by,
        why
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a case's step as it stands in memory, guarded by where it stood; `false` when it has moved.
pub async fn break_step(
    conn: &mut PgConnection,
    id: BreakId,
    (from, to): (BreakState, BreakState),
    (why, by, now): (&str, &str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let closed_at = (!to.is_open()).then_some(now);
    let done = sqlx::query!(
        "update break_case
            set state = $3, state_since = $4, closed_at = $5, changed_at = $4, changed_by = $6,
                change = $7
          where break_id = $1 and state = $2",
        id.0,
        from.as_str(),
        to.as_str(),
        now,
        closed_at,
        by,
        why
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One of the accounts whose money cases hold, of one partner: what stands there, and what its open
/// cases hold of it. The two are the same, always.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// The account: `suspense`, `part_payments_held` or `refund_due`.
    pub held_in: String,
    /// Whose.
    pub partner: String,
    /// Its currency.
    pub currency: String,
    /// What stands there, credit positive.
    pub balance: Decimal,
    /// What the open cases hold.
    pub cases: Decimal,
}

impl Held {
    /// What no case explains.
    pub fn difference(&self) -> Decimal {
        self.balance - self.cases
    }
}

/// All these accounts that hold something, or should; in one statement, so that both are of one
/// moment.
pub async fn held(conn: &mut PgConnection) -> Result<Vec<Held>, sqlx::Error> {
    sqlx::query_as!(
        Held,
        r#"select coalesce(b.kind, c.held_in) as "held_in!", coalesce(b.owner, c.partner) as "partner!",
                  coalesce(b.currency, c.currency) as "currency!",
                  coalesce(b.amount, 0) as "balance!", coalesce(c.held, 0) as "cases!"
             from (select kind, owner, currency, -sum(amount) as amount from ledger.balance
                    where kind in ('suspense', 'part_payments_held', 'refund_due')
                    group by kind, owner, currency) b
             full join (select held_in, partner, currency, sum(held) as held from break_case
                         where held <> 0 and held_in <> 'refunds_in_transit'
                         group by held_in, partner, currency) c
               on c.held_in = b.kind and c.partner = b.owner and c.currency = b.currency
            where coalesce(b.amount, 0) <> 0 or coalesce(c.held, 0) <> 0
            order by 1, 2, 3"#
    )
    .fetch_all(conn)
    .await
}

/// Those of them whose balance is not the sum of what their open cases hold; there should be none.
pub async fn differences(conn: &mut PgConnection) -> Result<Vec<Held>, sqlx::Error> {
    let mut all = held(conn).await?;
    all.retain(|held| !held.difference().is_zero());
    Ok(all)
}
