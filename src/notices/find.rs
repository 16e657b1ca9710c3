//! Looks up what messages point to, many in one query: whatever asks while a query is under way is
//! the next query.

use std::collections::HashMap;

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::notice::InvoiceStep;
use super::notice_id::StepKey;
use super::store;
use crate::vocabulary::ids::EndpointId;

const MOST: usize = 256;

/// A step, and the endpoints that have a delivery of it already.
#[derive(Debug, Clone)]
pub struct Found {
    /// The step.
    pub step: InvoiceStep,
    /// Its message was handled for these: it is a repeat.
    pub handled: Vec<EndpointId>,
}

/// The database could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the step of a message could not be read")]
pub struct NotRead;

type Ask = (StepKey, oneshot::Sender<Option<Found>>);

/// A handle to the one that looks; clones share it.
#[derive(Debug, Clone)]
pub struct Finder {
    asks: mpsc::Sender<Ask>,
}

impl Finder {
    /// Starts its task, which ends with the last handle.
    pub fn start(pool: PgPool) -> Self {
        let (asks, waiting) = mpsc::channel(4 * MOST);
        tokio::spawn(look(pool, waiting));
        Self { asks }
    }

    /// The step that a message points to.
    pub async fn find(&self, key: StepKey) -> Result<Option<Found>, NotRead> {
        let (reply, answer) = oneshot::channel();
        self.asks.send((key, reply)).await.map_err(|_| NotRead)?;
        answer.await.map_err(|_| NotRead)
    }
}

async fn look(pool: PgPool, mut waiting: mpsc::Receiver<Ask>) {
    let mut asks = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut asks, MOST).await > 0 {
        match read(&pool, &asks).await {
            Ok(found) => {
                for (key, reply) in asks.drain(..) {
                    // Who asked may be gone; the same message may be here twice.
                    let _ = reply.send(found.get(&key).cloned());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the steps of messages cannot be read");
                // Dropped without an answer: whoever asks comes again.
                asks.clear();
            }
        }
    }
}

async fn read(pool: &PgPool, asks: &[Ask]) -> Result<HashMap<StepKey, Found>, sqlx::Error> {
    let keys: Vec<StepKey> = asks.iter().map(|(key, _)| *key).collect();
    let mut conn = pool.acquire().await?;
    let found = store::steps(&mut conn, &keys).await?;
    Ok(found.into_iter().map(|found| (found.step.key, found)).collect())
}
