//! Every statement on cases: those of rooms that open and close them. What officers read and write
//! stands beside.

pub mod days;
pub mod files;
pub mod holds;
pub mod reads;
pub mod said;
pub mod timeline;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Break, BreakCode};
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};

/// Opens cases, all in one statement. Those that hold money are opened by
/// [`holds::breaks_insert_holding`].
pub async fn breaks_insert(conn: &mut PgConnection, breaks: &[Break]) -> Result<(), sqlx::Error> {
    let plain: Vec<_> = breaks.iter().map(|case| (case.clone(), None)).collect();
    holds::breaks_insert_holding(conn, &plain).await
}

/// Closes the open cases of one code of invoices whose cause is gone; what holds money stays.
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
        "update break_case
            set state = 'auto_closed', state_since = $3, closed_at = $3, changed_at = $3,
                changed_by = 'payclear', change = 'its cause is gone'
          where invoice_id = any($1) and code = $2 and held = 0
            and state in ('open', 'assigned', 'waiting')",
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
                           where invoice_id = $1 and code = $2
                             and state in ('open', 'assigned', 'waiting')) as "open!""#,
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
                           where settlement_id = $1 and code = $2
                             and state in ('open', 'assigned', 'waiting')) as "open!""#,
        settlement,
        code.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(open)
}

/// Opens a case unless the same is open already for its invoice and partner. When the same was closed
/// before, its cause is back: that one opens again, with all that was said about it.
pub async fn break_open_once(conn: &mut PgConnection, case: &Break) -> Result<(), sqlx::Error> {
    let again = sqlx::query_scalar!(
        r#"with last as (
               select break_id, closed_at from break_case
                where invoice_id = $1 and code = $2 and partner = $3
                order by (closed_at is null) desc, opened_at desc limit 1 for no key update),
           again as (
               update break_case c
                  set state = 'open', state_since = $4, closed_at = null, changed_at = $4,
                      changed_by = 'payclear', change = $5, detail = $5
                 from last l where c.break_id = l.break_id and l.closed_at is not null)
           select break_id from last"#,
        case.invoice.map(|id| id.0),
        case.code.as_str(),
        case.partner,
        case.opened_at,
        case.detail
    )
    .fetch_optional(&mut *conn)
    .await?;
    if again.is_some() { Ok(()) } else { breaks_insert(conn, std::slice::from_ref(case)).await }
}

/// Says which line of a statement or report each case is about.
pub async fn breaks_about_lines(
    conn: &mut PgConnection,
    about: &[(BreakId, i64)],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = about.iter().map(|(id, _)| id.0).collect();
    let lines: Vec<i64> = about.iter().map(|(_, line)| *line).collect();
    sqlx::query!(
        "update break_case c set line_id = k.line
           from unnest($1::uuid[], $2::bigint[]) k(id, line) where c.break_id = k.id",
        &ids,
        &lines
    )
    .execute(conn)
    .await?;
    Ok(())
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

/// Closes the open cases about neither an invoice nor a settlement that tell of something which has
/// been found since.
pub async fn breaks_cease_told(
    conn: &mut PgConnection,
    (code, partner): (BreakCode, &str),
    told: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update break_case
            set state = 'auto_closed', state_since = $4, closed_at = $4, changed_at = $4,
                changed_by = 'payclear', change = 'its cause was found'
          where code = $1 and partner = $2 and position($3 in detail) > 0 and held = 0
            and invoice_id is null and settlement_id is null
            and state in ('open', 'assigned', 'waiting')",
        code.as_str(),
        partner,
        told,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
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
          where settlement_id = $1 and code = $2 and state in ('open', 'assigned', 'waiting')
            and position($3 in detail) = 0",
        settlement.0,
        code.as_str(),
        told
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes open cases by their ids: their cause is gone.
pub async fn breaks_close(
    conn: &mut PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update break_case
            set state = 'auto_closed', state_since = $2, closed_at = $2, changed_at = $2,
                changed_by = 'payclear', change = 'its cause is gone'
          where break_id = any($1) and held = 0 and state in ('open', 'assigned', 'waiting')",
        ids,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The open cases of one code and partner that are about a settlement: case and settlement.
pub async fn breaks_of_settlements(
    conn: &mut PgConnection,
    code: BreakCode,
    partner: &str,
) -> Result<Vec<(Uuid, Uuid)>, sqlx::Error> {
    sqlx::query!(
        r#"select break_id, settlement_id as "settlement!" from break_case
            where state in ('open', 'assigned', 'waiting') and code = $1 and partner = $2
              and settlement_id is not null"#,
        code.as_str(),
        partner
    )
    .map(|row| (row.break_id, row.settlement))
    .fetch_all(conn)
    .await
}
