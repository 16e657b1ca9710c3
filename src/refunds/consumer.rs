//! Takes approved refunds from the partners' queues and has them carried out.

use std::time::Duration;

use tokio::time::Instant;

use super::send::{CarryError, Carrying, Sent};
use crate::platform::broker::{Consumer, Fate, Pointer};
use crate::platform::telemetry;
use crate::vocabulary::ids::RefundId;

/// While the database is away a message waits here so long before it is given back: it is given
/// back only so many times.
const PATIENCE: Duration = Duration::from_secs(40);

/// The consumer of refunds.
#[derive(Debug)]
pub struct Refunds {
    /// What carrying out needs.
    pub carrying: Carrying,
}

impl Consumer for Refunds {
    async fn handle(&self, pointer: Pointer) -> Fate {
        let trace = Some(pointer.trace.clone()).filter(|trace| !trace.is_empty());
        telemetry::within_trace(trace, async {
            let patience = Instant::now() + PATIENCE;
            let mut pause = Duration::from_millis(200);
            loop {
                match Box::pin(self.carry_out(RefundId(pointer.subject))).await {
                    Ok(fate) => return fate,
                    Err(error) if Instant::now() + pause >= patience => {
                        let refund = pointer.subject;
                        tracing::warn!(%error, %refund, "a refund could not be handled");
                        return Fate::Again("the database did not answer");
                    }
                    Err(_) => tokio::time::sleep(pause).await,
                }
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        })
        .await
    }
}

impl Refunds {
    async fn carry_out(&self, id: RefundId) -> Result<Fate, CarryError> {
        match self.carrying.send(id).await? {
            Sent::Unknown => return Ok(Fate::Park("there is no such refund".to_owned())),
            // A repeat, or we stopped while the call was under way: ask, never call twice.
            Sent::Before => self.carrying.ask(id).await?,
            Sent::Called | Sent::PutOff | Sent::Nothing => {}
        }
        Ok(Fate::Done)
    }
}
