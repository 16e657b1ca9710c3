//! What a portal does with refunds, each in a transaction with its stored answer.

use std::sync::Arc;

use sqlx::{PgConnection, PgPool};

use super::accounts;
use super::approve::{ApproveError, approve_in, refuse_in};
use super::officers::kind::About;
use super::refund::{Refund, RefundKind};
use super::request::{RequestError, Wanted, request_in};
use super::send::Orders;
use super::status::RefundStatus;
use super::store::{self, reads};
use super::view::{RefundView, Released};
use crate::approvals::store::pending_of;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::platform::admission::{self, Admission, StoredAnswer};
use crate::platform::outbox;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::{InvoiceId, RefundId};

/// What these use cases need.
#[derive(Debug, Clone)]
pub struct Refunding {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// Orders for partners.
    pub orders: Orders,
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let told = error.to_string();
        match error {
            RequestError::NotFound => Self::new(ProblemType::NotFound),
            RequestError::NotPaid { code, .. } => {
                Self::new(ProblemType::WrongState).detail(told).invoice(code)
            }
            RequestError::GoingOver(_) => Self::new(ProblemType::WrongState).detail(told),
            RequestError::Stale { .. } => Self::new(ProblemType::RefundableChanged).detail(told),
            RequestError::Invalid(faults) => Self::invalid(faults),
            RequestError::Store(error) => error.into(),
        }
    }
}

impl From<ApproveError> for Problem {
    fn from(error: ApproveError) -> Self {
        let told = error.to_string();
        match error {
            ApproveError::NotFound => Self::new(ProblemType::NotFound),
            ApproveError::WrongStep(_) | ApproveError::TakenBack | ApproveError::PaidOver(_) => {
                Self::new(ProblemType::WrongState).detail(told)
            }
            ApproveError::SamePerson => Self::new(ProblemType::Forbidden).detail(told),
            ApproveError::NotBanked(_) | ApproveError::BankedBySame | ApproveError::NoAccount => {
                Self::new(ProblemType::NotReleased).detail(told)
            }
            ApproveError::Store(error) => error.into(),
        }
    }
}

/// What an approval would look at.
pub(super) async fn released(
    conn: &mut PgConnection,
    refund: &Refund,
) -> Result<Released, sqlx::Error> {
    let facts = reads::settlement_facts(conn, refund.settlement).await?;
    let banked = facts.is_some_and(|facts| facts.banked_by.is_some());
    let waits = refund.status == RefundStatus::Requested && refund.is_asked_by_officer();
    let approval = if waits {
        pending_of(conn, About::Approve.as_str(), &refund.id.to_string()).await?
    } else {
        None
    };
    let account = accounts::destination(conn, refund).await?.is_some();
    Ok(Released { banked, account, approval })
}

impl Refunding {
    /// A refund as JSON.
    async fn rendered(
        &self,
        conn: &mut PgConnection,
        refund: &Refund,
    ) -> Result<Vec<u8>, sqlx::Error> {
        let released = released(conn, refund).await?;
        Ok(RefundView::of(refund, released, &self.orders.public_url).to_json())
    }

    /// Asks for a refund; the answer is stored with the effect, also a decided refusal.
    pub async fn ask(
        &self,
        wanted: &Wanted,
        by: &str,
        admission: &Admission,
    ) -> Result<StoredAnswer, Problem> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let mut tx = self.pool.begin().await?;
        if let Some(stored) = admission::admit_one_in(&mut tx, admission).await? {
            tx.commit().await?;
            return Ok(stored);
        }
        let answer = match request_in(&mut tx, &self.orders, wanted, by, now).await {
            Ok(refund) => {
                StoredAnswer { status: 201, body: self.rendered(&mut tx, &refund).await? }
            }
            Err(error) => decided(error.into())?,
        };
        admission::store_in(&mut tx, &[(admission, &answer)], now).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Approves a refund of an invoice of `portal`.
    pub async fn approve(
        &self,
        portal: &str,
        id: RefundId,
        by: &str,
        admission: &Admission,
    ) -> Result<StoredAnswer, Problem> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let mut tx = self.pool.begin().await?;
        if let Some(stored) = admission::admit_one_in(&mut tx, admission).await? {
            tx.commit().await?;
            return Ok(stored);
        }
        let refund = of_portal(&mut tx, portal, id).await?;
        // Two people of the same side decide: what an officer asked for another officer approves.
        if refund.is_asked_by_officer() {
            let detail = "an officer asked for this refund: another officer approves it";
            return Err(Problem::new(ProblemType::Forbidden).detail(detail));
        }
        let answer = match approve_in(&mut tx, &self.accounts, id, by, now).await {
            Ok((refund, _)) => {
                StoredAnswer { status: 200, body: self.rendered(&mut tx, &refund).await? }
            }
            // What is missing can be done: a retry with the same key must then succeed.
            Err(error) => return Err(error.into()),
        };
        admission::store_in(&mut tx, &[(admission, &answer)], now).await?;
        tx.commit().await?;
        outbox::WRITTEN.notify_one();
        Ok(answer)
    }

    /// Withdraws a refund that waits for its approval; what it had claimed is left again.
    pub async fn withdraw(
        &self,
        portal: &str,
        id: RefundId,
        by: &str,
        admission: &Admission,
    ) -> Result<StoredAnswer, Problem> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let mut tx = self.pool.begin().await?;
        if let Some(stored) = admission::admit_one_in(&mut tx, admission).await? {
            tx.commit().await?;
            return Ok(stored);
        }
        let refund = of_portal(&mut tx, portal, id).await?;
        // What is due back is not the portal's to keep, what an officer asked for not its to stop.
        if refund.kind == RefundKind::Surplus || refund.is_asked_by_officer() {
            let why = "only what the portal itself asked for can be withdrawn by it";
            return Err(Problem::new(ProblemType::Forbidden).detail(why));
        }
        let answer = match refuse_in(&mut tx, id, "withdrawn by the portal", by, now).await {
            Ok(refund) => {
                StoredAnswer { status: 200, body: self.rendered(&mut tx, &refund).await? }
            }
            Err(error) => decided(error.into())?,
        };
        admission::store_in(&mut tx, &[(admission, &answer)], now).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// One refund of an invoice of `portal`, as JSON.
    pub async fn read(&self, portal: &str, id: RefundId) -> Result<Vec<u8>, Problem> {
        let mut conn = self.pool.acquire().await?;
        let refund = of_portal(&mut conn, portal, id).await?;
        Ok(self.rendered(&mut conn, &refund).await?)
    }

    /// One refund of an agency that an officer sees, as JSON.
    pub async fn read_as(&self, officer: &Officer, id: RefundId) -> Result<Vec<u8>, Problem> {
        let none = || Problem::new(ProblemType::NotFound);
        let mut conn = self.pool.acquire().await?;
        let refund = store::refund_read(&mut conn, id).await?.ok_or_else(none)?;
        let invoice = invoice_store::invoice_read(&mut conn, refund.invoice).await?;
        invoice.filter(|invoice| officer.sees(&invoice.agency)).ok_or_else(none)?;
        Ok(self.rendered(&mut conn, &refund).await?)
    }

    /// The refunds of an invoice of `portal`, the oldest first, each as JSON.
    pub async fn list(&self, portal: &str, id: InvoiceId) -> Result<Vec<Vec<u8>>, Problem> {
        let mut conn = self.pool.acquire().await?;
        let invoice = invoice_store::invoice_read(&mut conn, id).await?;
        if invoice.is_none_or(|invoice| invoice.portal != portal) {
            return Err(Problem::new(ProblemType::NotFound));
        }
        let mut told = Vec::new();
        for refund in store::refunds_of_invoice(&mut conn, id).await? {
            told.push(self.rendered(&mut conn, &refund).await?);
        }
        Ok(told)
    }
}

/// A refund of an invoice of `portal`; another's is not there.
async fn of_portal(conn: &mut PgConnection, portal: &str, id: RefundId) -> Result<Refund, Problem> {
    let none = || Problem::new(ProblemType::NotFound);
    let refund = store::refund_read(conn, id).await?.ok_or_else(none)?;
    let invoice = invoice_store::invoice_read(conn, refund.invoice).await?;
    invoice.filter(|invoice| invoice.portal == portal).ok_or_else(none)?;
    Ok(refund)
}

/// A refusal that is stored; any other is no answer.
fn decided(problem: Problem) -> Result<StoredAnswer, Problem> {
    let answer = StoredAnswer { status: problem.status(), body: problem.to_json() };
    // What cannot be decided now, because another holds it, is 409 as well, and is not stored.
    let passing = problem.kind() == ProblemType::InProgress;
    if answer.is_decided() && !passing { Ok(answer) } else { Err(problem) }
}
