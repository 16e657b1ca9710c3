//! Messages in: a step of an invoice that its portal shall be told of.

use std::time::Duration;

use futures_util::future::join_all;

use super::find::Found;
use super::lanes::Patience;
use super::notice::NoticeKind;
use super::notice_id::{DeliveryKey, StepKey};
use super::record::Before;
use super::room::Notices;
use crate::platform::broker::{Consumer, Envelope, Fate};
use crate::platform::group::GroupError;
use crate::platform::telemetry;
use crate::portals::endpoint::{Endpoint, EndpointState};

/// Messages under way at once. It must be well above what one endpoint may hold up, which is its
/// places and those that wait for them.
pub const PREFETCH: u16 = 512;
/// Nobody waits longer for a place in a lane: what waits here keeps others from being fetched.
const WAIT: Duration = Duration::from_millis(400);
/// Nor behind more than so many times the places.
const WAITING_PER_PLACE: usize = 3;

impl Consumer for Notices {
    async fn handle(&self, envelope: Envelope) -> Fate {
        let trace = Some(envelope.trace.clone());
        telemetry::within_trace(trace, self.tell(envelope)).await
    }
}

impl Notices {
    #[tracing::instrument(
        name = "consume.notice",
        skip_all,
        fields(invoice.id = %envelope.subject, sequence = envelope.sequence)
    )]
    async fn tell(&self, envelope: Envelope) -> Fate {
        let key = StepKey { invoice: envelope.subject, sequence: envelope.sequence };
        let found = match self.finder.find(key).await {
            Ok(Some(found)) => found,
            // Messages are published after the commit of what they tell of.
            Ok(None) => return Fate::Park(format!("no step {} of {}", key.sequence, key.invoice)),
            Err(_) => return Fate::Again("the step could not be read"),
        };
        let Ok(kind) = found.step.kind.parse::<NoticeKind>() else {
            return Fate::Done;
        };
        let directory = self.directory.current();
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
        let patience = Patience { wait: WAIT, behind: WAITING_PER_PLACE * self.per_endpoint };
        let outcome = match lane.enter(patience).await {
            Ok(place) => {
                self.attempt((endpoint, place), (kind, &found.step), Before::Nothing).await
            }
            Err(why) => {
                let key = DeliveryKey { step: found.step.key, endpoint: endpoint.id };
                self.hold(key, (kind, &found.step), why)
            }
        };
        self.recorder.submit(vec![outcome]).await
    }
}
