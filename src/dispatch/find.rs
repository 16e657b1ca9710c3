//! Looks up the orders that messages point to, many at once: whatever asks while others are being
//! looked up is looked up next.

use std::collections::HashMap;

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::store;
use crate::vocabulary::ids::AttemptId;

const MOST: usize = 256;

/// The database could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("an order could not be read")]
pub struct NotRead;

/// An attempt with its invoice.
type Order = (Attempt, Invoice);
type Ask = (AttemptId, oneshot::Sender<Option<Order>>);

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

    /// An attempt with its invoice.
    pub async fn find(&self, id: AttemptId) -> Result<Option<Order>, NotRead> {
        let (reply, answer) = oneshot::channel();
        self.asks.send((id, reply)).await.map_err(|_| NotRead)?;
        answer.await.map_err(|_| NotRead)
    }
}

async fn look(pool: PgPool, mut waiting: mpsc::Receiver<Ask>) {
    let mut asks = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut asks, MOST).await > 0 {
        match read(&pool, &asks).await {
            Ok(found) => {
                for (id, reply) in asks.drain(..) {
                    // Who asked may be gone; the same message may be here twice.
                    let _ = reply.send(found.get(&id.0).cloned());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "orders cannot be read");
                // Dropped without an answer: the message comes again.
                asks.clear();
            }
        }
    }
}

async fn read(pool: &PgPool, asks: &[Ask]) -> Result<HashMap<Uuid, Order>, sqlx::Error> {
    let ids: Vec<Uuid> = asks.iter().map(|(id, _)| id.0).collect();
    let mut conn = pool.acquire().await?;
    let attempts = store::attempts_read(&mut conn, &ids).await?;
    let ids: Vec<Uuid> = attempts.iter().map(|attempt| attempt.invoice.0).collect();
    let invoices = store::invoices_read(&mut conn, &ids).await?;
    let invoices: HashMap<Uuid, Invoice> = invoices.into_iter().map(|i| (i.id.0, i)).collect();
    let orders = attempts.into_iter().filter_map(|attempt| {
        let invoice = invoices.get(&attempt.invoice.0)?.clone();
        Some((attempt.id.0, (attempt, invoice)))
    });
    Ok(orders.collect())
}
