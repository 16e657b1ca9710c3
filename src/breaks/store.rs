//! Every statement on cases.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Break, BreakCode};
use crate::vocabulary::ids::{InvoiceId, SettlementId};

/// Opens cases, all in one statement.
pub async fn breaks_insert(conn: &mut PgConnection, breaks: &[Break]) -> Result<(), sqlx::Error> {
    if breaks.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&Break) -> &str| -> Vec<String> {
        breaks.iter().map(|b| pick(b).to_owned()).collect()
    };
    let ids: Vec<Uuid> = breaks.iter().map(|b| b.id.0).collect();
    let opened: Vec<DateTime<Utc>> = breaks.iter().map(|b| b.opened_at).collect();
    let invoices: Vec<Option<Uuid>> = breaks.iter().map(|b| b.invoice.map(|i| i.0)).collect();
    let settlements: Vec<Option<Uuid>> = breaks.iter().map(|b| b.settlement.map(|s| s.0)).collect();
    let amounts: Vec<Decimal> = breaks.iter().map(|b| b.amount.amount()).collect();
    sqlx::query!(
        "insert into break_case (break_id, code, opened_at, partner, agency, invoice_id,
                                 settlement_id, amount, currency, state, state_since, detail)
         select b.id, b.code, b.opened, b.partner, b.agency, b.invoice, b.settlement, b.amount,
                b.currency, b.state, b.opened, b.detail
           from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[],
                       $6::uuid[], $7::uuid[], $8::numeric[], $9::text[], $10::text[], $11::text[])
                b(id, code, opened, partner, agency, invoice, settlement, amount, currency, state, detail)",
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
    )
    .execute(conn)
    .await?;
    for opened in breaks {
        metrics::counter!("payclear_breaks_opened_total", "code" => opened.code.as_str())
            .increment(1);
    }
    Ok(())
}

/// Closes the open cases of one code of invoices whose cause is gone.
pub async fn breaks_close_of_invoices(
    conn: &mut PgConnection,
    code: BreakCode,
    invoices: &[InvoiceId],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if invoices.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = invoices.iter().map(|i| i.0).collect();
    sqlx::query!(
        "update break_case set state = 'auto_closed', state_since = $3
          where invoice_id = any($1) and code = $2 and state = 'open'",
        &ids,
        code.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Is such a case already open for this invoice?
pub async fn invoice_has_open(
    conn: &mut PgConnection,
    code: BreakCode,
    invoice: InvoiceId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from break_case
                           where invoice_id = $1 and code = $2 and state = 'open') as "open!""#,
        invoice.0,
        code.as_str()
    )
    .fetch_one(conn)
    .await
}

/// Is such a case already open for this settlement?
pub async fn break_is_open(
    conn: &mut PgConnection,
    code: BreakCode,
    settlement: Uuid,
) -> Result<bool, sqlx::Error> {
    let open = sqlx::query_scalar!(
        r#"select exists (select from break_case
                           where settlement_id = $1 and code = $2 and state = 'open') as "open!""#,
        settlement,
        code.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(open)
}

/// Opens a case unless the same is open already for its invoice and partner.
pub async fn break_open_once(conn: &mut PgConnection, case: &Break) -> Result<(), sqlx::Error> {
    let open = sqlx::query_scalar!(
        r#"select exists (select from break_case
                           where invoice_id = $1 and code = $2 and partner = $3
                             and state in ('open', 'assigned', 'waiting')) as "open!""#,
        case.invoice.map(|id| id.0),
        case.code.as_str(),
        case.partner
    )
    .fetch_one(&mut *conn)
    .await?;
    if open { Ok(()) } else { breaks_insert(conn, std::slice::from_ref(case)).await }
}

/// Opens a case that is about neither an invoice nor a settlement, unless the same is open already.
pub async fn break_tell_once(conn: &mut PgConnection, case: &Break) -> Result<(), sqlx::Error> {
    let open = sqlx::query_scalar!(
        r#"select exists (select from break_case
                           where code = $1 and partner = $2 and detail = $3
                             and invoice_id is null and settlement_id is null
                             and state in ('open', 'assigned', 'waiting')) as "open!""#,
        case.code.as_str(),
        case.partner,
        case.detail
    )
    .fetch_one(&mut *conn)
    .await?;
    if open { Ok(()) } else { breaks_insert(conn, std::slice::from_ref(case)).await }
}

/// Adds a sentence to the open case of a settlement; a sentence that stands there is not repeated.
pub async fn break_tell(
    conn: &mut PgConnection,
    code: BreakCode,
    settlement: SettlementId,
    told: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update break_case
            set detail = case when detail = '' then $3 else detail || '; ' || $3 end
          where settlement_id = $1 and code = $2 and state = 'open'
            and position($3 in detail) = 0",
        settlement.0,
        code.as_str(),
        told
    )
    .execute(conn)
    .await?;
    Ok(())
}
