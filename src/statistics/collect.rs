//! Counts what was committed since the last time.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::Statistics;
use super::store;
use super::tally::Tally;
use crate::platform::lease;

const LEASE: &str = "statistics";
/// Batches of events counted in one transaction.
const BATCHES: i64 = 50;
/// Most notices arrive by then.
const LOOK_AFTER: TimeDelta = TimeDelta::seconds(2);

impl Statistics {
    /// Counts, until it is stopped.
    pub async fn run(self, holder: String, every: Duration, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.collect(&holder).await {
                tracing::warn!(%error, "statistics could not be counted; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Counts all that is committed and in order by now. Nothing when another leads.
    #[tracing::instrument(name = "statistics.collect", skip_all)]
    pub async fn collect(&self, holder: &str) -> Result<(), sqlx::Error> {
        let fence = {
            let mut conn = self.pool.acquire().await?;
            lease::take(&mut conn, LEASE, holder).await?
        };
        let Some(fence) = fence else { return Ok(()) };
        while self.count_some(fence).await? {}
        while self.look_at_notices(fence).await? {}
        Ok(())
    }

    /// Counts some more events; `false` when there are none. Mark and counts are one commit: an event
    /// is counted once, whatever dies.
    async fn count_some(&self, fence: i64) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let Some(after) = store::progress_lock(&mut tx, fence).await? else { return Ok(false) };
        let Some(upto) = store::batch_after(&mut tx, after, BATCHES).await? else {
            return Ok(false);
        };
        let mut tally = Tally::default();
        for event in store::events_counted(&mut tx, after, upto).await? {
            tally.take(&event);
        }
        store::days_add(&mut tx, &tally).await?;
        store::notices_wait(&mut tx, after, upto, self.clock.now() + LOOK_AFTER).await?;
        store::progress_set(&mut tx, upto, fence).await?;
        tx.commit().await?;
        Ok(true)
    }
}
