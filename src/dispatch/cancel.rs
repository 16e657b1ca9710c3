//! Orders that nobody is to pay any more are taken back at the partner: their invoice was cancelled,
//! has expired, or was paid another way. Money that comes all the same is booked all the same; this
//! only keeps payers from paying twice.

use chrono::Duration;
use sqlx::PgPool;

use super::asking::{AT_ONCE, Asking};
use super::consumer::DispatchError;
use super::query::Querying;
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::partners::dialects::Cancelled;
use crate::platform::due::{self, Put};
use crate::vocabulary::ids::AttemptId;

/// Pauses between tries (seconds). After the last one the order is left to expire by itself.
const PAUSES: [i64; 6] = [5, 30, 120, 600, 3600, 21_600];

impl Querying {
    /// Begins to take back the orders that are due to be, so many of each partner; returns how many.
    /// Nobody waits for the answers, as when asking.
    pub async fn cancel_sweep(
        &self,
        pool: &PgPool,
        asking: &Asking,
    ) -> Result<usize, DispatchError> {
        let now = self.dispatching.clock.now();
        let mut conn = pool.acquire().await?;
        let under_way = asking.under_way();
        let due = due::take_by_lane(&mut conn, due::CANCEL, now, AT_ONCE, &under_way).await?;
        drop(conn);
        let count = due.len();
        for due in due {
            let (this, id) = (self.clone(), AttemptId(due.subject));
            asking.spawn(due.lane, async move {
                if let Err(error) = this.take_back(id).await {
                    tracing::warn!(attempt.id = %id, %error, "an order could not be taken back");
                }
            });
        }
        Ok(count)
    }

    async fn take_back(&self, id: AttemptId) -> Result<(), DispatchError> {
        match self.dispatching.finder.find(id).await? {
            Some((attempt, invoice)) => self.cancel(&attempt, &invoice).await,
            None => Ok(()),
        }
    }

    async fn cancel(&self, attempt: &Attempt, invoice: &Invoice) -> Result<(), DispatchError> {
        let this = &self.dispatching;
        let directory = this.directory.current();
        let dialect = directory.partner(&attempt.partner).and_then(|p| p.dialect.clone());
        let Some(dialect) = dialect else { return self.cancel_later(attempt).await };
        let order = attempt.order(invoice, &this.public_url);
        let Some(call) = dialect.ask_cancel(&order) else { return self.cancelled(attempt).await };
        let heard = match this.caller.call(&attempt.partner, call).await {
            Ok(answered) => {
                let heard = dialect.hear_cancel(&order, answered.as_answer());
                if let Cancelled::Unknown { why } = &heard {
                    this.keep(attempt, "cancel", why, Some(&answered)).await;
                }
                heard
            }
            Err(why) => Cancelled::Unknown { why: why.to_string() },
        };
        metrics::counter!("payclear_orders_taken_back_total",
            "partner" => attempt.partner.clone(), "answer" => heard.name())
        .increment(1);
        match heard {
            Cancelled::Done => self.cancelled(attempt).await,
            Cancelled::TooLate => {
                // The money is on its way, or here: the partner's word of it may have been lost.
                self.collect(attempt, invoice).await?;
                self.cancelled(attempt).await
            }
            Cancelled::Unknown { why } => {
                tracing::info!(partner.code = attempt.partner, why, "an order was not taken back");
                self.cancel_later(attempt).await
            }
        }
    }

    async fn cancelled(&self, attempt: &Attempt) -> Result<(), DispatchError> {
        let mut conn = self.dispatching.pool.acquire().await?;
        due::done_in(&mut conn, due::CANCEL, &[attempt.id.0]).await?;
        Ok(())
    }

    async fn cancel_later(&self, attempt: &Attempt) -> Result<(), DispatchError> {
        let mut conn = self.dispatching.pool.acquire().await?;
        let tries = due::tries(&mut conn, due::CANCEL, attempt.id.0).await?;
        let pause = usize::try_from(tries).ok().and_then(|tries| PAUSES.get(tries));
        match pause {
            Some(pause) => {
                let at = self.dispatching.clock.now() + Duration::seconds(*pause);
                let put = Put { lane: &attempt.partner, subject: attempt.id.0, at };
                due::put_all_in(&mut conn, due::CANCEL, &[put]).await?;
            }
            None => due::done_in(&mut conn, due::CANCEL, &[attempt.id.0]).await?,
        }
        Ok(())
    }
}
