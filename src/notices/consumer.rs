//! Messages in: a step of an invoice that its portal shall be told of.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::find::Found;
use super::notice::NoticeKind;
use super::notice_id::{DeliveryKey, StepKey};
use super::record::Before;
use super::room::Notices;
use crate::platform::broker::{Consumer, Fate, Pointer};
use crate::platform::group::GroupError;
use crate::platform::telemetry;
use crate::portals::endpoint::{Endpoint, EndpointState};

/// Messages under way at once: well above the places of one endpoint.
pub const PREFETCH: u16 = 512;
/// Nobody waits longer for a place in a lane: what waits here keeps others from being fetched.
const WAIT: Duration = Duration::from_millis(400);
/// While the database is away a message is held so long before it goes back to the broker, which
/// parks what came back a few times. With a try it stays below the handler's deadline.
const DATABASE_WITHIN: Duration = Duration::from_secs(20);
const ASK_AGAIN: Duration = Duration::from_millis(500);

impl Consumer for Notices {
    async fn handle(&self, pointer: Pointer) -> Fate {
        let trace = Some(pointer.trace.clone());
        telemetry::within_trace(trace, self.tell(pointer)).await
    }
}

impl Notices {
    #[tracing::instrument(
        name = "consume.notice",
        skip_all,
        fields(invoice.id = %pointer.subject, sequence = pointer.sequence)
    )]
    async fn tell(&self, pointer: Pointer) -> Fate {
        let key = StepKey { invoice: pointer.subject, sequence: pointer.sequence };
        let found = match patiently(|| self.finder.find(key)).await {
            Ok(Some(found)) => found,
            // Messages are published after the commit of what they tell of.
            Ok(None) => return Fate::Park(format!("no step {} of {}", key.sequence, key.invoice)),
            Err(_) => return Fate::Again("the step could not be read"),
        };
        let Ok(kind) = found.step.kind.parse::<NoticeKind>() else {
            return Fate::Done;
        };
        let mut directory = self.directory.current();
        if directory.endpoints(&found.step.portal).is_empty() {
            // An endpoint made a moment ago is in the database before it is in memory.
            if self.directory.refresh().await.is_err() {
                return Fate::Again("the endpoints could not be read");
            }
            directory = self.directory.current();
        }
        let untold = directory.endpoints(&found.step.portal).iter().filter(|endpoint| {
            // A row means that the message was handled: what is due is the business of retries.
            endpoint.state == EndpointState::Open && !found.handled.contains(&endpoint.id)
        });
        let told = join_all(untold.map(|endpoint| self.tell_one(endpoint, kind, &found))).await;
        if told.into_iter().all(|written| written.is_ok()) {
            Fate::Done
        } else {
            Fate::Again("what came of a notice could not be written")
        }
    }

    async fn tell_one(
        &self,
        endpoint: &Endpoint,
        kind: NoticeKind,
        found: &Found,
    ) -> Result<(), GroupError> {
        let lane = self.lanes.of(endpoint.id);
        let outcome = match lane.enter(WAIT).await {
            Ok(place) => {
                self.attempt((endpoint, place), (kind, &found.step), Before::Nothing).await
            }
            Err(why) => {
                let key = DeliveryKey { step: found.step.key, endpoint: endpoint.id };
                self.hold(key, (kind, &found.step), why)
            }
        };
        // Written again, a row stands as it is.
        patiently(|| self.recorder.submit(vec![outcome.clone()])).await
    }
}

/// Asks the database again and again while it is away.
async fn patiently<T, E, F>(mut ask: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let since = Instant::now();
    loop {
        match ask().await {
            Err(_) if since.elapsed() < DATABASE_WITHIN => tokio::time::sleep(ASK_AGAIN).await,
            answer => return answer,
        }
    }
}
