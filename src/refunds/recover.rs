//! Refunds whose message was lost: written to the outbox again, as `dispatch::recover` does with
//! orders; and those that were put off because a partner was left alone.

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::refund::Refund;
use super::send::RESEND_DUE;
use super::status::RefundStatus;
use super::store::{self, reads};
use crate::platform::{due, outbox};

/// An approved refund is never given up; it was approved within this, or a person has looked.
const LOOK_BACK: Duration = Duration::days(30);
const PAGE: i64 = 1000;

/// Sends again what was put off because a partner was left alone.
pub async fn resend_due(pool: &PgPool, now: DateTime<Utc>) -> Result<usize, sqlx::Error> {
    let ids = due::take(pool, RESEND_DUE, now, PAGE).await?;
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

/// Sends again what should have reached these partners in a span of time and did not.
pub async fn resend_lost(
    pool: &PgPool,
    partners: &[String],
    (since, until): (Option<DateTime<Utc>>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<usize, sqlx::Error> {
    let since = since.unwrap_or(until - LOOK_BACK);
    let ids = reads::refunds_unsent(pool, partners, (since, until), PAGE).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let mut tx = pool.begin().await?;
    let sent = resend_in(&mut tx, &ids, now).await?;
    tx.commit().await?;
    outbox::WRITTEN.notify_one();
    Ok(sent)
}

async fn resend_in(
    conn: &mut PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<usize, sqlx::Error> {
    let refunds = store::refunds_read(conn, ids).await?;
    let waiting = refunds.iter().filter(|refund| refund.status == RefundStatus::Approved);
    let messages: Vec<_> = waiting.map(Refund::message).collect();
    outbox::record_in(conn, &messages, now).await?;
    metrics::counter!("payclear_refunds_resent_total").increment(messages.len() as u64);
    Ok(messages.len())
}
