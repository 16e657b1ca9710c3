//! What the broker lost is sent again.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::store::reads;
use crate::platform::outbox::{self, Message, MessageKind};

/// Older steps had their three days.
const LAST: TimeDelta = TimeDelta::days(4);
/// Steps of one transaction.
const PAGE: i64 = 5_000;

/// Writes messages again whose steps, made in a span of time, have an open endpoint without a
/// delivery and that do not wait in the outbox; how many. Without a beginning it looks as far back
/// as it matters. Called when the queue of notices was found empty or new: otherwise
/// everything that waits in it would be sent twice.
pub async fn resend_lost(
    pool: &PgPool,
    (since, until): (Option<DateTime<Utc>>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let first = {
        let mut conn = pool.acquire().await?;
        reads::transaction_at(&mut conn, since.unwrap_or(now - LAST)).await?
    };
    // Places are (transaction, event); nothing has event 0.
    let mut from = (first, 0);
    let mut written = 0;
    while let Some(next) = resend_page(pool, from, (until, now), &mut written).await? {
        from = next;
    }
    if written > 0 {
        tracing::warn!(written, "messages of notices were lost and are sent again");
        metrics::counter!("payclear_messages_resent_total", "queue" => "notices")
            .increment(written);
        outbox::WRITTEN.notify_one();
    }
    Ok(written)
}

async fn resend_page(
    pool: &PgPool,
    from: (i64, i64),
    (until, now): (DateTime<Utc>, DateTime<Utc>),
    written: &mut u64,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let Some(last) = reads::page_end(&mut tx, from, PAGE).await? else {
        return Ok(None);
    };
    let lost = reads::lost(&mut tx, (from, last), until).await?;
    let messages: Vec<Message> = lost
        .into_iter()
        .map(|step| Message {
            kind: MessageKind::NoticeDue,
            route: String::new(),
            subject: step.invoice,
            sequence: step.sequence,
            trace: String::new(),
        })
        .collect();
    outbox::record_in(&mut tx, &messages, now).await?;
    tx.commit().await?;
    *written += u64::try_from(messages.len()).unwrap_or(0);
    Ok(Some(last))
}
