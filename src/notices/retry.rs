//! What is due is sent again: the clock role's sweep.
//!
//! A row is claimed by moving its next time a minute ahead, so that several replicas never send
//! one at once. A claim that nothing came of, because the process died or the lane stayed full,
//! lapses, and the row is claimed anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lanes::NoPlace;
use super::notice::{InvoiceStep, NoticeKind};
use super::notice_id::{DeliveryKey, StepKey};
use super::record::{Before, Outcome};
use super::room::{Notices, after};
use super::schedule::Jitter;
use super::status::{DeliveryState, Step};
use super::store;
use crate::portals::endpoint::Endpoint;
use crate::registers::directory::Directory;
use crate::vocabulary::ids::EndpointId;

/// Rows of one claim, for each endpoint.
const CLAIM: i64 = 250;
/// How long a claim holds: longer than the wait for a place, a try and the commit together.
const CLAIMED_FOR: TimeDelta = TimeDelta::seconds(60);
const WAIT: Duration = Duration::from_secs(30);
/// While more than so many wait for a place in a lane, no more is claimed for it.
const CROWDED: u32 = 256;

/// A claimed row.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which delivery.
    pub key: DeliveryKey,
    /// Whose endpoint it is.
    pub portal: String,
    /// What is told.
    pub kind: NoticeKind,
    /// The tries so far.
    pub tries: i32,
    /// The last try, or when it was asked for.
    pub last_at: DateTime<Utc>,
}

/// Sweeps until `stop`, then lets what is under way finish.
pub async fn run(notices: Arc<Notices>, every: Duration, stop: CancellationToken) {
    let under_way = TaskTracker::new();
    while !stop.is_cancelled() {
        let full = match notices.sweep(&under_way).await {
            Ok(claimed) => i64::try_from(claimed).is_ok_and(|claimed| claimed >= CLAIM),
            Err(error) => {
                tracing::warn!(%error, "due notices cannot be read; trying again");
                false
            }
        };
        if full {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
    under_way.close();
    under_way.wait().await;
}

impl Notices {
    /// Claims what is due and begins to send it; how many rows that were. The tries go on in
    /// `under_way`.
    pub async fn sweep(self: &Arc<Self>, under_way: &TaskTracker) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let crowded = self.lanes.crowded(CROWDED);
        let (rows, steps) = {
            let mut conn = self.pool.acquire().await?;
            let until = now + CLAIMED_FOR;
            let rows = store::delivery_claim(&mut conn, (now, until), &crowded, CLAIM).await?;
            let keys: Vec<StepKey> = rows.iter().map(|row| row.key.step).collect();
            let found = store::steps(&mut conn, &keys).await?;
            let steps: HashMap<_, _> = found.into_iter().map(|f| (f.step.key, f.step)).collect();
            (rows, steps)
        };
        let count = rows.len();
        let directory = self.directory_with(&rows).await;
        let mut untried = Vec::new();
        let mut probed: Vec<EndpointId> = Vec::new();
        for row in rows {
            let endpoints = directory.endpoints(&row.portal);
            let Some(endpoint) = endpoints.iter().find(|e| e.id == row.key.endpoint) else {
                untried.push(parked(&row, now, "the endpoint is not open"));
                continue;
            };
            let Some(step) = steps.get(&row.key.step) else {
                untried.push(parked(&row, now, "the step is not in this database"));
                continue;
            };
            // Of an endpoint that does not answer one row asks, the others wait in one statement.
            if self.lanes.of(endpoint.id).is_silent() {
                if probed.contains(&endpoint.id) {
                    untried.push(self.postponed(&row, now));
                    continue;
                }
                probed.push(endpoint.id);
            }
            let notices = Arc::clone(self);
            let (endpoint, step) = (endpoint.clone(), step.clone());
            under_way.spawn(async move { notices.try_again(&endpoint, &step, row).await });
        }
        if !untried.is_empty() {
            let parked = untried.iter().filter(|o| o.state == DeliveryState::Parked).count();
            metrics::counter!("payclear_notices_parked_total")
                .increment(u64::try_from(parked).unwrap_or(0));
            if let Err(error) = self.recorder.submit_alone(untried).await {
                tracing::warn!(%error, "notices were not postponed; their claims lapse");
            }
        }
        Ok(count)
    }

    /// The directory. When an endpoint is not in it the database is asked first: it may have been
    /// enabled a moment ago.
    async fn directory_with(&self, rows: &[Claimed]) -> Arc<Directory> {
        let directory = self.directory.current();
        let all = rows.iter().all(|row| {
            let mut endpoints = directory.endpoints(&row.portal).iter();
            endpoints.any(|endpoint| endpoint.id == row.key.endpoint)
        });
        if !all && let Err(error) = self.directory.refresh().await {
            tracing::warn!(%error, "the directory cannot be read again");
        }
        self.directory.current()
    }

    async fn try_again(&self, endpoint: &Endpoint, step: &InvoiceStep, row: Claimed) {
        let lane = self.lanes.of(endpoint.id);
        let outcome = match lane.enter(WAIT).await {
            Ok(place) => {
                let before = Before::Claimed { tries: row.tries };
                self.attempt((endpoint, place), (row.kind, step), before).await
            }
            Err(NoPlace::Silent) => self.postponed(&row, self.clock.now()),
            // The claim lapses.
            Err(NoPlace::Full) => return,
        };
        if let Err(error) = self.recorder.submit(vec![outcome]).await {
            tracing::warn!(%error, "what came of a notice was not written; it is sent again");
        }
    }

    /// Not tried, because the endpoint does not answer. It does not count as a try; but when the
    /// endpoint has been silent for as long as the tries would have gone on, that was all.
    fn postponed(&self, row: &Claimed, now: DateTime<Utc>) -> Outcome {
        match self.schedule.postponement(now - row.last_at, Jitter::draw()) {
            Some(pause) => Outcome {
                state: after(Step::Wait),
                next_at: Some(now + pause),
                ..parked(row, now, "not tried: the endpoint does not answer")
            },
            None => parked(row, now, "the endpoint has not answered for days"),
        }
    }
}

fn parked(row: &Claimed, now: DateTime<Utc>, why: &str) -> Outcome {
    Outcome {
        key: row.key,
        portal: row.portal.clone(),
        kind: row.kind,
        state: after(Step::GiveUp),
        tries: row.tries,
        at: now,
        next_at: None,
        status: None,
        error: Some(why.to_owned()),
        before: Before::Claimed { tries: row.tries },
    }
}
