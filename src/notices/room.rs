//! The sender: what the consumer of messages and the retries share.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::close;
use super::find::Finder;
use super::lanes::{Lanes, NoPlace, Place};
use super::notice::{self, InvoiceStep, NoticeKind};
use super::notice_id::DeliveryKey;
use super::record::{Before, Outcome, Record};
use super::schedule::{Jitter, Schedule};
use super::send::{self, Answer, Notice};
use super::status::{DeliveryState, Step};
use crate::platform::audit::By;
use crate::platform::egress::Egress;
use crate::platform::faults;
use crate::platform::group::Writer;
use crate::platform::settings::NoticesSettings;
use crate::portals::endpoint::Endpoint;
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;

/// What the room is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Portals and their endpoints.
    pub directory: LiveDirectory,
    /// The client that calls only where it may.
    pub egress: Egress,
    /// How it is sent.
    pub settings: NoticesSettings,
}

/// The sender of a process.
#[derive(Debug)]
pub struct Notices {
    pub(super) pool: PgPool,
    pub(super) clock: SharedClock,
    pub(super) directory: LiveDirectory,
    pub(super) lanes: Lanes,
    pub(super) finder: Finder,
    pub(super) recorder: Writer<Record>,
    pub(super) schedule: Schedule,
    egress: Egress,
    try_within: Duration,
    /// Many answers of 410 arrive together; the first disables the endpoint.
    closing: tokio::sync::Mutex<()>,
}

impl Notices {
    /// Starts the writer and the reader; sends nothing yet.
    pub fn start(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            recorder: Writer::start(parts.pool.clone(), Record),
            finder: Finder::start(parts.pool.clone()),
            lanes: Lanes::new(parts.settings.per_endpoint),
            schedule: Schedule::new(&parts.settings),
            try_within: Duration::from_secs(parts.settings.try_seconds.clamp(1, 30)),
            pool: parts.pool,
            clock: parts.clock,
            directory: parts.directory,
            egress: parts.egress,
            closing: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a notice once and says what came of it.
    pub(super) async fn attempt(
        &self,
        (endpoint, place): (&Endpoint, Place<'_>),
        (kind, step): (NoticeKind, &InvoiceStep),
        before: Before,
    ) -> Outcome {
        let key = DeliveryKey { step: step.key, endpoint: endpoint.id };
        let notice = Notice { id: key.notice_id(), body: notice::body(kind, step) };
        let sent_at = self.clock.now();
        let answer = send::send(&self.egress, endpoint, &notice, sent_at, self.try_within).await;
        faults::point("notices.sent");
        place.leave(answer.is_an_answer());
        let now = self.clock.now();
        let tries = tries_of(before).saturating_add(1);
        let (took, status, error, wish) = match answer {
            Answer::Taken(status) => (Some(Step::Take), Some(status), None, None),
            Answer::Gone => {
                self.close(endpoint, now).await;
                (Some(Step::GiveUp), Some(410), Some(close::REASON.to_owned()), None)
            }
            Answer::Refused { status, wish } => {
                (None, Some(status), Some(format!("answered {status}")), wish)
            }
            Answer::Silent(why) | Answer::Unsendable(why) => (None, None, Some(why), None),
        };
        let pause = self.schedule.pause(tries, wish, Jitter::draw());
        let taken = took.unwrap_or(if pause.is_some() { Step::Wait } else { Step::GiveUp });
        let outcome = Outcome {
            key,
            portal: step.portal.clone(),
            kind,
            state: after(taken),
            tries,
            at: now,
            next_at: pause.filter(|_| taken == Step::Wait).map(|pause| now + pause),
            status: status.and_then(|status| i16::try_from(status).ok()),
            error,
            before,
        };
        match outcome.state {
            DeliveryState::Delivered => told(step.made_at, now),
            _ => failed(&outcome, endpoint),
        }
        outcome
    }

    /// A notice that is not tried now.
    pub(super) fn hold(
        &self,
        key: DeliveryKey,
        (kind, step): (NoticeKind, &InvoiceStep),
        why: NoPlace,
    ) -> Outcome {
        let now = self.clock.now();
        let (pause, error) = match why {
            NoPlace::Silent => {
                let pause = self.schedule.postponement(TimeDelta::zero(), Jitter::draw());
                (pause.unwrap_or_default(), "not tried: the endpoint does not answer")
            }
            NoPlace::Full => (TimeDelta::seconds(1), "not tried yet: the endpoint is slow"),
        };
        Outcome {
            key,
            portal: step.portal.clone(),
            kind,
            state: after(Step::Wait),
            tries: 0,
            at: now,
            next_at: Some(now + pause),
            status: None,
            error: Some(error.to_owned()),
            before: Before::Nothing,
        }
    }

    async fn close(&self, endpoint: &Endpoint, now: DateTime<Utc>) {
        let _one = self.closing.lock().await;
        let directory = self.directory.current();
        if !directory.endpoints(&endpoint.portal).iter().any(|open| open.id == endpoint.id) {
            return;
        }
        let by = By { actor: "notices", at: now };
        match close::close(&self.pool, by, endpoint).await {
            Ok(true) => {
                tracing::warn!(
                    endpoint.id = %endpoint.id, portal.id = endpoint.portal,
                    "endpoint disabled: it answered 410"
                );
            }
            Ok(false) => {}
            // The next notice will get the same answer.
            Err(error) => tracing::error!(%error, "an endpoint that is gone was not disabled"),
        }
        if let Err(error) = self.directory.refresh().await {
            tracing::warn!(%error, "the directory cannot be read again");
        }
    }
}

/// Where a step leads from `due`, which is where every delivery is while it is tried.
pub(super) fn after(step: Step) -> DeliveryState {
    DeliveryState::Due.after(step).unwrap_or(DeliveryState::Due)
}

fn tries_of(before: Before) -> i32 {
    match before {
        Before::Nothing => 0,
        Before::Claimed { tries } => tries,
    }
}

fn told(made_at: DateTime<Utc>, now: DateTime<Utc>) {
    metrics::counter!("payclear_notices_delivered_total").increment(1);
    let lag = (now - made_at).to_std().unwrap_or_default();
    metrics::histogram!("payclear_notice_lag_seconds").record(lag.as_secs_f64());
}

fn failed(outcome: &Outcome, endpoint: &Endpoint) {
    metrics::counter!("payclear_notices_failed_total").increment(1);
    if outcome.state == DeliveryState::Parked {
        metrics::counter!("payclear_notices_parked_total").increment(1);
    }
    tracing::info!(
        endpoint.id = %endpoint.id,
        portal.id = outcome.portal,
        invoice.id = %outcome.key.step.invoice,
        tries = outcome.tries,
        state = %outcome.state,
        error = outcome.error.as_deref().unwrap_or(""),
        "a notice was not taken"
    );
}
