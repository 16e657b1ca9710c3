//! Waiting for a condition; never for a time.

use std::time::Duration;

use payclear::platform::sequencer::sequence_once;
use payclear::vocabulary::clock::SharedClock;
use sqlx::PgPool;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(45);

/// Asks again and again until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    until_within(PATIENCE, what, ask).await;
}

pub async fn until_within<F: Future<Output = bool>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) {
    let began = Instant::now();
    while !ask().await {
        assert!(began.elapsed() < patience, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Has every event that is committed put in order. Whatever transaction is open anywhere in the cluster
/// holds that up.
pub async fn sequenced(pool: &PgPool, clock: &SharedClock) {
    until("the events to be put in order", || async {
        sequence_once(pool, clock, "tests").await.expect("a batch");
        let left: i64 = sqlx::query_scalar(
            "select count(*) from event where made_by_tx >= coalesce(
                 (select to_tx from event_batch order by batch_id desc limit 1), '0'::xid8)",
        )
        .fetch_one(pool)
        .await
        .expect("a count");
        left == 0
    })
    .await;
}
