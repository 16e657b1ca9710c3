//! Exchanges with partners that did not go as they should, kept for disputes.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

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

/// Forgets old exchanges, so many in one step.
pub async fn exchange_prune(pool: &PgPool, keep_days: i32) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from partner_exchange where exchange_id in (
            select exchange_id from partner_exchange
             where made_at < statement_timestamp() - make_interval(days => $1)
             order by exchange_id limit 2000)",
        keep_days
    )
    .execute(pool)
    .await?;
    Ok(())
}
