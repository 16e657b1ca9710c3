//! The relay: from the outbox to the broker, at least once.
//!
//! Whoever holds the lease reads rows without locking them, publishes them outside any transaction
//! and deletes them once the broker has stored them. A crash, or a second holder, only repeats
//! messages.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::broker::{BrokerError, Published, Publisher};
use super::settings::BrokerSettings;
use super::{faults, lease, outbox};

const LEASE: &str = "relay";
/// Rows of one round.
const ROUND: i64 = 1000;
/// When nobody in this process wrote, another may have.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The same for one that nobody waits for by the millisecond.
const LOOK_RARELY: Duration = Duration::from_millis(200);
/// A little more than it takes until a message counts as lost.
const MARGIN: Duration = Duration::from_secs(2);
/// After that, for what was parked or lost one by one.
const RECOVER_EVERY: Duration = Duration::from_mins(10);
/// So far back is looked then: what is older was looked for before.
const RECENT: Duration = Duration::from_hours(1);

/// Where messages may have been lost.
#[derive(Debug, Clone)]
pub struct Search {
    /// These queues are empty: what should have passed them and had no effect is lost.
    pub queues: Vec<String>,
    /// How far back to look; none is as far as it can matter.
    pub reach: Option<Duration>,
}

/// What no queue takes is tried again after so long.
const ASIDE_FOR: Duration = Duration::from_mins(1);

/// What the relay is made of.
#[derive(Debug)]
pub struct Relay {
    /// The database.
    pub pool: PgPool,
    /// The broker.
    pub broker: BrokerSettings,
    /// Who this process is among those that could lead.
    pub holder: String,
    /// A message that has had no effect for so long counts as lost.
    pub lost_after: Duration,
    /// Is it woken by what is written in this process? One relay of a process is, that of the live
    /// service: a call wakes one only. Others look.
    pub is_woken: bool,
}

impl Relay {
    /// Runs until `stop`. `partners` names those that have a queue now; `recovered` is started with
    /// the queues that are found empty after each (re)connect, a little later, and then now and
    /// again over the last hour: what should have had an effect and had none is sent again from there.
    pub async fn run<P, R, F>(self, partners: P, recovered: R, stop: CancellationToken)
    where
        P: Fn() -> Vec<String>,
        R: Fn(Search) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut pause = Duration::from_millis(200);
        while !stop.is_cancelled() {
            match self.run_once(&partners, &recovered, &stop).await {
                Ok(()) => pause = Duration::from_millis(200),
                Err(error) => {
                    tracing::warn!(%error, "relaying stopped; trying again");
                    metrics::counter!("payclear_relay_failures_total").increment(1);
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    const fn look_every(&self) -> Duration {
        if self.is_woken { LOOK_EVERY } else { LOOK_RARELY }
    }

    async fn run_once<P, R, F>(
        &self,
        partners: &P,
        recovered: &R,
        stop: &CancellationToken,
    ) -> Result<(), RelayError>
    where
        P: Fn() -> Vec<String>,
        R: Fn(Search) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let known = partners();
        let (publisher, empty) = Publisher::open(&self.broker, &known).await?;
        tracing::info!("relaying");
        let mut led_until = tokio::time::Instant::now();
        // What no queue takes must not keep the rest waiting.
        let (mut aside, mut aside_until) = (Vec::new(), led_until + ASIDE_FOR);
        let mut reader = Reader::default();
        tokio::spawn(recovered(Search { queues: empty, reach: None }));
        let mut reach = None;
        // What was confirmed just before may be lost and still too young to tell.
        let mut recover_at = led_until + self.lost_after + MARGIN;
        while !stop.is_cancelled() {
            let now = tokio::time::Instant::now();
            if now >= led_until {
                let mut conn = self.pool.acquire().await?;
                if lease::take(&mut conn, LEASE, &self.holder).await?.is_none() {
                    drop(conn);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                led_until = now + lease::HOLDS / 3;
            }
            if now >= aside_until {
                aside.clear();
                reader = Reader::default();
                aside_until = now + ASIDE_FOR;
            }
            if now >= recover_at {
                let queues = publisher.empty_queues(&self.broker, &known).await?;
                tokio::spawn(recovered(Search { queues, reach }));
                reach = Some(RECENT);
                recover_at = now + RECOVER_EVERY;
            }
            if partners() != known {
                // A partner was added: declare its queue before anything is routed to it.
                publisher.close().await;
                return Ok(());
            }
            let rows = {
                let mut conn = self.pool.acquire().await?;
                if reader.is_to_look(now) {
                    let running = outbox::running(&mut conn).await?;
                    reader.look(now, running);
                }
                let rows = outbox::oldest(&mut conn, reader.after(), &aside, ROUND).await?;
                reader.has_read();
                rows
            };
            if rows.is_empty() && !publisher.is_open() {
                return Err(BrokerError::Silent.into());
            }
            // No more was there than was read: what comes is waited for.
            let read_all = rows.len() < usize::try_from(ROUND).unwrap_or(0);
            if !rows.is_empty() {
                let asked = rows.len();
                let Published { stored, returned } = publisher.publish(&rows).await?;
                faults::point("relay.confirmed");
                if stored.len() + returned.len() < asked {
                    reader = Reader::default();
                }
                let stuck = stored.is_empty() && returned.is_empty();
                aside.extend(returned);
                if stuck {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                let mut conn = self.pool.acquire().await?;
                outbox::delete(&mut conn, &stored).await?;
                reader.deleted(&stored);
                metrics::counter!("payclear_messages_relayed_total")
                    .increment(u64::try_from(stored.len()).unwrap_or(0));
            }
            if read_all {
                tokio::select! {
                    () = outbox::WRITTEN.notified(), if self.is_woken => {}
                    () = tokio::time::sleep(self.look_every()) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        if let Ok(mut conn) = self.pool.acquire().await {
            lease::release(&mut conn, LEASE, &self.holder).await?;
        }
        publisher.close().await;
        Ok(())
    }
}

/// Where reading begins. What was deleted stays in the index until it is vacuumed, and a reader from
/// the beginning would walk over all of it; but numbers are not committed in their order. So reading
/// begins behind a number that was deleted at some instant only when every transaction of that
/// instant has ended, and what they wrote has been read; and from the beginning now and again.
#[derive(Debug, Default)]
struct Reader {
    /// Nothing up to here is still to come.
    floor: i64,
    /// Nothing up to here is still to come once it has been read once more.
    next_floor: i64,
    /// The highest number deleted so far.
    highest: i64,
    /// The highest at the last look, and the first transaction that had not begun then.
    noted: Option<(i64, i64)>,
    looked_at: Option<tokio::time::Instant>,
}

/// Looks are rare beside what is read. Also much longer than from drawing a number to having a
/// transaction, both within one insert.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl Reader {
    fn deleted(&mut self, ids: &[i64]) {
        self.highest = ids.iter().copied().fold(self.highest, i64::max);
    }

    fn is_to_look(&self, now: tokio::time::Instant) -> bool {
        self.looked_at.is_none_or(|at| now >= at + LOOK_AGAIN)
    }

    /// Takes in which transactions run.
    fn look(&mut self, now: tokio::time::Instant, running: outbox::Running) {
        self.looked_at = Some(now);
        if let Some((highest, before)) = self.noted {
            if running.oldest < before {
                return;
            }
            self.next_floor = highest;
        }
        self.noted = Some((self.highest, running.next));
    }

    fn after(&self) -> i64 {
        self.floor
    }

    fn has_read(&mut self) {
        self.floor = self.next_floor;
    }
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_behind_what_no_running_transaction_can_still_write() {
        let (mut reader, began) = (Reader::default(), tokio::time::Instant::now());
        let running = |oldest, next| outbox::Running { oldest, next };
        let read = |reader: &mut Reader| {
            let after = reader.after();
            reader.has_read();
            after
        };
        assert!(reader.is_to_look(began));
        reader.look(began, running(10, 10));
        assert!(!reader.is_to_look(began), "looked a moment ago");
        assert!(reader.is_to_look(began + LOOK_AGAIN));
        reader.deleted(&[7, 3]);
        reader.look(began, running(10, 12));
        assert_eq!((read(&mut reader), read(&mut reader)), (0, 0), "10 and 11 may have drawn 5");
        reader.deleted(&[9]);
        reader.look(began, running(11, 20));
        assert_eq!((read(&mut reader), read(&mut reader)), (0, 0), "11 still runs");
        reader.look(began, running(12, 21));
        assert_eq!(read(&mut reader), 0, "what 11 has committed is still to be read");
        assert_eq!(read(&mut reader), 7);
        reader.look(began, running(21, 21));
        assert_eq!((read(&mut reader), read(&mut reader)), (7, 9));
    }
}
