//! Every statement on resolutions.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::breaks::case::Case;
use crate::breaks::ways::Way;
use crate::vocabulary::ids::{ApprovalId, BreakId, InvoiceId};
use crate::vocabulary::money::Money;

/// A way out that was taken.
#[derive(Debug)]
pub struct Resolution<'a> {
    /// The approval.
    pub approval: ApprovalId,
    /// Which way.
    pub way: Way,
    /// How much it is about.
    pub amount: Money,
    /// Who proposed it.
    pub proposed_by: &'a str,
    /// Who decided.
    pub decided_by: &'a str,
    /// When.
    pub at: DateTime<Utc>,
    /// What it booked.
    pub entries: &'a [i64],
}

/// Writes that a way out was taken.
pub async fn resolution_insert(
    conn: &mut PgConnection,
    case: &Case,
    taken: &Resolution<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into break_resolution (approval_id, break_id, way, amount, currency, partner,
                                       proposed_by, decided_by, at, entries)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        taken.approval as ApprovalId,
        case.id.0,
        taken.way.as_str(),
        taken.amount.amount(),
        taken.amount.currency().as_str(),
        case.partner,
        taken.proposed_by,
        taken.decided_by,
        taken.at,
        taken.entries
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was written off for a partner since an instant. Whoever asks holds off others who would write
/// off for it, until the transaction ends.
pub async fn written_off(
    conn: &mut PgConnection,
    (partner, currency): (&str, &str),
    since: DateTime<Utc>,
) -> Result<Decimal, sqlx::Error> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtextextended('write_off/' || $1, 0))::text as "held""#,
        partner
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0) as "sum!" from break_resolution
            where way = 'write_off' and partner = $1 and currency = $2 and at >= $3"#,
        partner,
        currency,
        since
    )
    .fetch_one(conn)
    .await
}

/// The invoice that a case is about, read without a lock.
pub async fn invoice_of_case(
    conn: &mut PgConnection,
    id: BreakId,
) -> Result<Option<InvoiceId>, sqlx::Error> {
    let found = sqlx::query_scalar!("select invoice_id from break_case where break_id = $1", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(found.flatten().map(InvoiceId))
}
