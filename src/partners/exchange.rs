//! Exchanges with partners that did not go as they should, kept for disputes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// An exchange with a partner that did not go as it should: kept for disputes.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// With whom.
    pub partner: &'a str,
    /// `in` or `out`.
    pub direction: &'a str,
    /// For example `callback`, `create`.
    pub purpose: &'a str,
    /// HTTP status, when there was one.
    pub status: Option<i16>,
    /// What was made of it.
    pub verdict: &'a str,
    /// The body, at most 16 KiB.
    pub body: &'a [u8],
}

/// Keeps an exchange.
pub async fn exchange_keep(
    conn: &mut PgConnection,
    exchange: &Exchange<'_>,
) -> Result<(), sqlx::Error> {
    let body = exchange.body.get(..16 * 1024).unwrap_or(exchange.body);
    sqlx::query!(
        "insert into partner_exchange (made_at, partner, direction, purpose, status, verdict, body)
         values ($1, $2, $3, $4, $5, $6, $7)",
        exchange.at,
        exchange.partner,
        exchange.direction,
        exchange.purpose,
        exchange.status,
        exchange.verdict,
        body
    )
    .execute(conn)
    .await?;
    Ok(())
}
