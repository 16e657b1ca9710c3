//! Exchanges with partners, kept masked for disputes (see [`super::mask`]): all that partners say and
//! is not booked, and all calls of ours ([`super::record`]). What is booked is kept with its
//! settlement.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::mask::KeptMessage;
use super::record::Called;
use crate::text_enum;

/// The most that is kept of a body.
pub(super) const MOST_BYTES: usize = 16 * 1024;
/// So many old exchanges are forgotten in one step.
const FORGOTTEN: u64 = 2000;
/// So many steps are made of it at once.
const STEPS: u32 = 50;

text_enum! {
    /// Who said it.
    pub enum Direction ("direction") {
        /// The partner called us.
        In = "in",
        /// We called the partner, and this is what it answered.
        Out = "out",
    }
}

/// An exchange with a partner: kept for disputes.
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
    /// What the partner said, masked.
    pub body: Vec<u8>,
    /// The SHA-256 of what it really was.
    pub body_sha256: Vec<u8>,
    /// What we had said, masked, when it is an answer.
    pub request: Option<Vec<u8>>,
    /// The SHA-256 of what it really was.
    pub request_sha256: Option<Vec<u8>>,
}

/// Keeps an exchange.
pub async fn exchange_keep(
    conn: &mut PgConnection,
    exchange: &Exchange<'_>,
) -> Result<(), sqlx::Error> {
    let body = KeptMessage::of_at_most(exchange.body, MOST_BYTES);
    sqlx::query!(
        "insert into partner_exchange
             (made_at, partner, direction, purpose, reference, status, verdict, body, body_sha256)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        exchange.at,
        exchange.partner,
        exchange.direction.as_str(),
        exchange.purpose,
        exchange.reference.filter(|reference| !reference.contains('\0')),
        exchange.status.map(u16::cast_signed),
        said_briefly(exchange.verdict),
        body.text,
        body.sha256
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A verdict that can be kept.
pub(super) fn said_briefly(verdict: &str) -> String {
    verdict.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// Keeps calls of ours with their answers.
pub async fn calls_keep(conn: &mut PgConnection, calls: &[Called]) -> Result<(), sqlx::Error> {
    let text = |pick: fn(&Called) -> &str| -> Vec<String> {
        calls.iter().map(|call| pick(call).to_owned()).collect()
    };
    let bytes = |pick: fn(&Called) -> &Vec<u8>| -> Vec<Vec<u8>> {
        calls.iter().map(|call| pick(call).clone()).collect()
    };
    let made: Vec<DateTime<Utc>> = calls.iter().map(|call| call.at).collect();
    let references: Vec<Option<String>> = calls.iter().map(|call| call.reference.clone()).collect();
    let statuses: Vec<Option<i16>> =
        calls.iter().map(|call| call.status.map(u16::cast_signed)).collect();
    sqlx::query!(
        "insert into partner_exchange (made_at, partner, direction, purpose, reference, status,
                                       verdict, body, body_sha256, request, request_sha256)
         select c.made_at, c.partner, 'out', c.purpose, c.reference, c.status, c.verdict, c.body,
                c.body_sha256, c.request, c.request_sha256
           from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::smallint[],
                       $6::text[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[])
                as c (made_at, partner, purpose, reference, status, verdict, body, body_sha256,
                      request, request_sha256)",
        &made,
        &text(|call| &call.partner),
        &text(|call| call.purpose),
        &references as &[Option<String>],
        &statuses as &[Option<i16>],
        &text(|call| &call.verdict),
        &bytes(|call| &call.answer.text),
        &bytes(|call| &call.answer.sha256),
        &bytes(|call| &call.request.text),
        &bytes(|call| &call.request.sha256)
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
        "select made_at, direction, purpose, reference, status, verdict, body, body_sha256, request,
                request_sha256
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
        "select made_at, direction, purpose, reference, status, verdict, body, body_sha256, request,
                request_sha256
           from partner_exchange where partner = $1 and reference is null
          order by exchange_id desc limit $2",
        partner,
        most
    )
    .fetch_all(conn)
    .await
}

/// What did not go as it should of late, newest first, at most so many: what was refused, and calls
/// that nobody answered or whose answer was no good.
pub async fn exchanges_of_late(
    conn: &mut PgConnection,
    partner: &str,
    most: i64,
) -> Result<Vec<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        "select made_at, direction, purpose, reference, status, verdict, body, body_sha256, request,
                request_sha256
           from partner_exchange
          where partner = $1 and verdict not in ('answered', 'recorded', 'repeat')
          order by exchange_id desc limit $2",
        partner,
        most
    )
    .fetch_all(conn)
    .await
}

/// Forgets old exchanges, in small steps, and not all at once when there are very many.
pub async fn exchange_prune(pool: &PgPool, keep_days: i32) -> Result<(), sqlx::Error> {
    for _ in 0..STEPS {
        let done = sqlx::query!(
            "delete from partner_exchange where exchange_id in (
                select exchange_id from partner_exchange
                 where made_at < statement_timestamp() - make_interval(days => $1)
                 order by exchange_id limit $2)",
            keep_days,
            FORGOTTEN.cast_signed()
        )
        .execute(pool)
        .await?;
        if done.rows_affected() < FORGOTTEN {
            break;
        }
    }
    Ok(())
}
