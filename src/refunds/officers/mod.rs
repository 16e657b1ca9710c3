//! What officers do with refunds: one proposes, another decides, on exactly that.
//!
//! Whatever moves money, or lets money move, is an approval of its kind here, bound to its content by
//! hash: a refund itself, the word that a settlement was seen in the bank, the account to transfer
//! to, a line that was paid over, the end of a refund that nobody can vouch for, and opening once
//! more what was refused or did not arrive. What is approved is looked at again before it is done:
//! what has changed since it was proposed is not what was approved.

pub mod account;
pub mod approve;
pub mod banked;
pub mod finish;
mod forms;
pub mod http;
pub mod kind;
pub mod list;
pub mod open_again;
pub mod paid_over;

use std::sync::Arc;

use serde_json::Value;
use sqlx::PgConnection;

use super::accounts::AccountError;
use super::approve::lock_in;
use super::door::Refunding;
use super::refund::Refund;
use super::request::RequestError;
use super::status::RefundStatus;
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::ApplyError;
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::people::officer::Officer;
use crate::people::role::Role;
use crate::platform::audit::By;
use crate::platform::problem::{Problem, ProblemType};
use crate::platform::seal::MasterKeys;
use crate::vocabulary::ids::{ApprovalId, InvoiceId, RefundId};

/// What officers' use cases need.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The database, the clock, the books, orders for partners.
    pub refunding: Refunding,
    /// What seals payers' accounts.
    pub keys: Arc<MasterKeys>,
}

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// Not there, or of none of this person's agencies.
    #[error("there is no such thing in this person's scope")]
    NotFound,
    /// The person has no role for it.
    #[error("the role officer for {agency} is needed")]
    NotAllowed {
        /// The agency of the invoice.
        agency: String,
    },
    /// It stands otherwise.
    #[error("{0}")]
    WrongState(String),
    /// The refund that is asked for.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The account that it goes to does not open.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<OfficerError> for Problem {
    fn from(error: OfficerError) -> Self {
        match error {
            OfficerError::NotFound => Self::new(ProblemType::NotFound),
            OfficerError::NotAllowed { .. } => {
                Self::new(ProblemType::Forbidden).detail(error.to_string())
            }
            OfficerError::WrongState(_)
            | OfficerError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(error.to_string()),
            OfficerError::Request(error) => error.into(),
            OfficerError::Propose(ProposeError::Store(error))
            | OfficerError::Account(AccountError::Store(error))
            | OfficerError::Store(error) => error.into(),
            OfficerError::Account(error) => {
                tracing::error!(%error, "where a refund goes cannot be told");
                Self::new(ProblemType::WrongState).detail(error.to_string())
            }
        }
    }
}

/// May this person propose things of this agency? What they do not see is not there.
fn admit(officer: &Officer, agency: &str) -> Result<(), OfficerError> {
    if !officer.sees(agency) {
        return Err(OfficerError::NotFound);
    }
    if !officer.may(Role::Officer, agency) {
        return Err(OfficerError::NotAllowed { agency: agency.to_owned() });
    }
    Ok(())
}

/// An invoice that this officer may propose things of, locked.
async fn invoice_in(
    conn: &mut PgConnection,
    officer: &Officer,
    id: InvoiceId,
) -> Result<Invoice, OfficerError> {
    let invoice = invoice_store::invoices_lock(conn, &[id.0]).await?.pop();
    let invoice = invoice.ok_or(OfficerError::NotFound)?;
    admit(officer, &invoice.agency)?;
    Ok(invoice)
}

/// A refund that this officer may propose things of, locked with its invoice.
async fn refund_in(
    conn: &mut PgConnection,
    officer: &Officer,
    id: RefundId,
) -> Result<(Refund, Invoice), OfficerError> {
    let (refund, invoice) = lock_in(conn, id).await?.ok_or(OfficerError::NotFound)?;
    admit(officer, &invoice.agency)?;
    Ok((refund, invoice))
}

/// A refund in a state, or why not.
fn must_be(refund: &Refund, status: RefundStatus) -> Result<(), OfficerError> {
    if refund.status == status {
        return Ok(());
    }
    Err(OfficerError::WrongState(format!("the refund is {}, not {status}", refund.status)))
}

/// Enters the question of one of these kinds.
async fn put_in(
    conn: &mut PgConnection,
    by: By<'_>,
    kind: &'static str,
    (subject, agency): (&str, &str),
    content: &Value,
) -> Result<ApprovalId, OfficerError> {
    Ok(propose_in(conn, by, &Proposal { kind, subject, agency, content }).await?)
}

/// What is about to be done is what was approved, to the letter.
fn unchanged(approval: &Approval, content: &Value) -> Result<(), ApplyError> {
    if canonical(content) == approval.content { Ok(()) } else { Err(ApplyError::Changed) }
}

/// What an approval is about.
fn subject<T: std::str::FromStr>(approval: &Approval) -> Result<T, ApplyError> {
    approval.subject.parse().map_err(|_| ApplyError::Changed)
}
