//! Orders whose message was lost: written to the outbox again. Called when a partner's queue was
//! found empty or newly made, and for those that were put off; never while a queue still holds
//! messages, so that a recovery is no storm.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::consumer::RESEND_DUE;
use crate::invoices::attempt::Attempt;
use crate::invoices::store;
use crate::invoices::store::reads;
use crate::platform::{due, outbox};

/// Attempts older than this are left to the expiry of their invoice.
const LOOK_BACK: Duration = Duration::days(3);
/// Attempts of one page.
const PAGE: i64 = 5000;

/// Sends again what was put off because a partner was left alone.
pub async fn resend_due(pool: &PgPool, now: DateTime<Utc>) -> Result<usize, sqlx::Error> {
    let ids = due::take(pool, RESEND_DUE, now, 500).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let mut tx = pool.begin().await?;
    let sent = resend_in(&mut tx, &ids, now).await?;
    due::done_in(&mut tx, RESEND_DUE, &ids).await?;
    tx.commit().await?;
    outbox::WRITTEN.notify_one();
    Ok(sent)
}

/// Sends again what should have reached these partners in a span of time and did not; without a
/// beginning, as far back as it matters.
pub async fn resend_lost(
    pool: &PgPool,
    partners: &[String],
    (since, until): (Option<DateTime<Utc>>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<usize, sqlx::Error> {
    // Ids of attempts begin with their time: the range walks the primary key.
    let bound = |at: DateTime<Utc>| {
        let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
    };
    let (mut after, until) = (bound(since.unwrap_or(until - LOOK_BACK)), bound(until));
    let mut sent = 0;
    loop {
        let (ids, last) = reads::attempts_unsent(pool, (after, until), partners, PAGE).await?;
        if !ids.is_empty() {
            let mut tx = pool.begin().await?;
            sent += resend_in(&mut tx, &ids, now).await?;
            tx.commit().await?;
            outbox::WRITTEN.notify_one();
        }
        let Some(last) = last else { return Ok(sent) };
        after = last;
    }
}

async fn resend_in(
    conn: &mut sqlx::PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<usize, sqlx::Error> {
    let attempts = store::attempts_read(conn, ids).await?;
    let messages: Vec<_> = attempts.iter().map(Attempt::message).collect();
    outbox::record_in(conn, &messages, now).await?;
    metrics::counter!("payclear_orders_resent_total").increment(messages.len() as u64);
    Ok(messages.len())
}
