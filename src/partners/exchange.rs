//! Exchanges with partners that did not go as they should, kept masked for disputes.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::mask::masked;
use crate::text_enum;

/// The most that is kept of a body.
const MOST_BYTES: usize = 16 * 1024;

text_enum! {
    /// Who said it.
    pub enum Direction ("direction") {
        /// The partner called us.
        In = "in",
        /// We called the partner, and this is what it answered.
        Out = "out",
    }
}

/// An exchange with a partner that did not go as it should: kept for disputes.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// With whom.
    pub partner: &'a str,
    /// Who said it.
    pub direction: Direction,
    /// For example `callback`, `create`.
    pub purpose: &'a str,
    /// Our reference of the order, as far as it is known.
    pub reference: Option<&'a str>,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// What was made of it.
    pub verdict: &'a str,
    /// The body as it came; it is masked before it is kept, and at most 16 KiB are.
    pub body: &'a [u8],
}

/// An exchange that was kept.
#[derive(Debug)]
pub struct Kept {
    /// When.
    pub made_at: DateTime<Utc>,
    /// `in` or `out`.
    pub direction: String,
    /// What it was for.
    pub purpose: String,
    /// Our reference of the order, as far as it is known.
    pub reference: Option<String>,
    /// HTTP status.
    pub status: Option<i16>,
    /// What was made of it.
    pub verdict: String,
    /// The body, masked.
    pub body: Vec<u8>,
}

/// Keeps an exchange.
pub async fn exchange_keep(
    conn: &mut PgConnection,
    exchange: &Exchange<'_>,
) -> Result<(), sqlx::Error> {
    // Masked first: what is cut could not be read any more.
    let mut body = masked(exchange.body);
    body.truncate(MOST_BYTES);
    let verdict: String = exchange.verdict.chars().filter(|c| !c.is_control()).take(500).collect();
    sqlx::query!(
        "insert into partner_exchange
             (made_at, partner, direction, purpose, reference, status, verdict, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        exchange.at,
        exchange.partner,
        exchange.direction.as_str(),
        exchange.purpose,
        exchange.reference.filter(|reference| !reference.contains('\0')),
        exchange.status.map(u16::cast_signed),
        verdict,
        body
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The same for who can do nothing about it when it cannot be kept; whether it was.
pub async fn exchange_keep_if_possible(pool: &PgPool, exchange: &Exchange<'_>) -> bool {
    let kept = async { exchange_keep(&mut *pool.acquire().await?, exchange).await };
    match kept.await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "an exchange could not be kept");
            false
        }
    }
}

/// What is kept about one order, oldest first, at most so many.
pub async fn exchanges_of(
    conn: &mut PgConnection,
    partner: &str,
    reference: &str,
    most: i64,
) -> Result<Vec<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        "select made_at, direction, purpose, reference, status, verdict, body
           from partner_exchange where partner = $1 and reference = $2
          order by exchange_id limit $3",
        partner,
        reference,
        most
    )
    .fetch_all(conn)
    .await
}

/// What a partner said of late that names no order of ours, newest first, at most so many.
pub async fn exchanges_of_nobody(
    conn: &mut PgConnection,
    partner: &str,
    most: i64,
) -> Result<Vec<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        "select made_at, direction, purpose, reference, status, verdict, body
           from partner_exchange where partner = $1 and reference is null
          order by exchange_id desc limit $2",
        partner,
        most
    )
    .fetch_all(conn)
    .await
}

/// All that was kept of late, newest first, at most so many.
pub async fn exchanges_of_late(
    conn: &mut PgConnection,
    partner: &str,
    most: i64,
) -> Result<Vec<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        "select made_at, direction, purpose, reference, status, verdict, body
           from partner_exchange where partner = $1
          order by exchange_id desc limit $2",
        partner,
        most
    )
    .fetch_all(conn)
    .await
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
