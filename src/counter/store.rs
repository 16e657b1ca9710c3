//! What the look-up reads: how a payment stands, told to whoever knows its number, amount and day.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::invoices::status::{AttemptStatus, Status};
use crate::settlements::outcome::Outcome;
use crate::vocabulary::ids::InvoiceId;

/// A payment as partners report them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// What was done with it.
    pub outcome: Outcome,
    /// Was it taken back?
    pub reversed: bool,
    /// How the invoice stands that was meant, when one is known.
    pub invoice: Option<Status>,
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

fn reported(
    outcome: &str,
    reversed: bool,
    status: Option<String>,
) -> Result<Reported, sqlx::Error> {
    let invoice = status.map(|text| text.parse()).transpose().map_err(undecodable)?;
    Ok(Reported { outcome: outcome.parse().map_err(undecodable)?, reversed, invoice })
}

/// Who is asked after: one of these numbers, this amount, within these times.
#[derive(Debug)]
pub struct Sought<'a> {
    /// All partners: the key begins with them.
    pub partners: &'a [String],
    /// The number, as it may be written.
    pub numbers: &'a [String],
    /// How much.
    pub amount: Decimal,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// The payments of a number.
pub async fn payments_of_number(
    conn: &mut PgConnection,
    sought: &Sought<'_>,
) -> Result<Vec<Reported>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.outcome, i.status as "status?",
                  exists (select from reversal r where r.settlement_id = s.settlement_id)
                      as "reversed!"
             from settlement s left join invoice i on i.invoice_id = s.invoice_id
            where s.partner = any($1) and s.source in ('webhook', 'api', 'statement')
              and s.transaction_id = any($2) and s.amount = $3 and s.currency = 'VND'
              and s.value_time >= $4 and s.value_time < $5
            order by s.settlement_id limit 10"#,
        sought.partners,
        sought.numbers,
        sought.amount,
        sought.from,
        sought.until
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| reported(&row.outcome, row.reversed, row.status)).collect()
}

/// The payments whose memo or report holds a number, among those that wait for a person: a bank's own
/// number is not always the one that a partner reports by. Open cases are few.
pub async fn payments_in_cases(
    conn: &mut PgConnection,
    number: &str,
    sought: &Sought<'_>,
) -> Result<Vec<Reported>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.outcome, i.status as "status?",
                  exists (select from reversal r where r.settlement_id = s.settlement_id)
                      as "reversed!"
             from break_case b
             join settlement s on s.settlement_id = b.settlement_id
             left join invoice i on i.invoice_id = s.invoice_id
            where b.state in ('open', 'assigned', 'waiting') and b.opened_at >= $3
              and s.amount = $2 and s.currency = 'VND'
              and s.value_time >= $3 and s.value_time < $4
              and (position($1 in upper(s.memo)) > 0
                   or position(convert_to($1, 'UTF8') in s.raw) > 0)
            limit 10"#,
        number,
        sought.amount,
        sought.from,
        sought.until
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| reported(&row.outcome, row.reversed, row.status)).collect()
}

/// The orders of a number, as wallets print ours on their receipts: where each and its invoice stand.
pub async fn orders_of_number(
    conn: &mut PgConnection,
    sought: &Sought<'_>,
) -> Result<Vec<(AttemptStatus, Status)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select a.status, i.status as of_invoice
           from attempt a join invoice i on i.invoice_id = a.invoice_id
          where a.partner = any($1) and a.reference = any($2) and a.amount = $3
            and a.currency = 'VND' and a.created_at >= $4 and a.created_at < $5
          limit 10",
        sought.partners,
        sought.numbers,
        sought.amount,
        sought.from,
        sought.until
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let status = row.status.parse().map_err(undecodable)?;
            Ok((status, row.of_invoice.parse().map_err(undecodable)?))
        })
        .collect()
}

/// The payments of an invoice.
pub async fn payments_of_invoice(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<Reported>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.outcome, i.status,
                  exists (select from reversal r where r.settlement_id = s.settlement_id)
                      as "reversed!"
             from settlement s join invoice i on i.invoice_id = s.invoice_id
            where s.invoice_id = $1 order by s.settlement_id limit 100"#,
        invoice.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| reported(&row.outcome, row.reversed, Some(row.status))).collect()
}
