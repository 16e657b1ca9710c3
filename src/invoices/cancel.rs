//! Cancelling: the portal withdraws an invoice that is not paid. Its fee may be issued again; parts
//! that were held are due back to the payer.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use sqlx::PgPool;

use super::expire::close_in;
use super::status::{Step, WrongStep};
use super::store;
use super::view::InvoiceView;
use crate::ledger::accounts::Accounts;
use crate::platform::admission::{self, Admission, NotAdmitted, StoredAnswer};
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::InvoiceId;

/// What cancelling needs.
#[derive(Debug, Clone)]
pub struct Cancelling {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Account numbers.
    pub accounts: Arc<Accounts>,
    /// What links are built from.
    pub public_url: String,
}

/// Why it was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// Not there, or another portal's.
    #[error("there is no such invoice of this portal")]
    NotFound,
    /// Used nonce or key.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Cancelling {
    /// Cancels an invoice of `portal`; the answer is stored with the effect, also a refusal by the
    /// life-cycle.
    pub async fn cancel(
        &self,
        portal: &str,
        id: InvoiceId,
        admission: &Admission,
        reason: &str,
    ) -> Result<StoredAnswer, CancelError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        if let Some(answer) = admission::admit_one_in(&mut tx, admission).await? {
            tx.commit().await?;
            return Ok(answer);
        }
        let locked = store::invoices_lock(&mut tx, &[id.0]).await?;
        let Some(mut invoice) = locked.into_iter().find(|i| i.portal == portal) else {
            return Err(CancelError::NotFound);
        };
        let answer = match invoice.status.after(Step::Cancel) {
            Ok(to) => {
                invoice.status = to;
                let actor = format!("portal/{portal}");
                let detail = HashMap::from([(invoice.id, json!({ "reason": reason }))]);
                close_in(
                    &mut tx,
                    &self.pool,
                    &self.accounts,
                    &mut [&mut invoice],
                    "invoice.cancelled",
                    &actor,
                    now,
                    &detail,
                )
                .await?;
                StoredAnswer {
                    status: 200,
                    body: InvoiceView::of(&invoice, &self.public_url).to_json(),
                }
            }
            Err(error @ WrongStep { .. }) => {
                let problem = Problem::new(ProblemType::WrongState)
                    .detail(error.to_string())
                    .invoice(invoice.code.as_str());
                StoredAnswer { status: problem.status(), body: problem.to_json() }
            }
        };
        admission::store_in(&mut tx, &[(admission, &answer)], now).await?;
        tx.commit().await?;
        crate::platform::outbox::WRITTEN.notify_one();
        Ok(answer)
    }
}
