//! Pay-over (chuyển Kho bạc): what was collected goes to the Treasury's accounts of the agencies that
//! it belongs to.
//!
//! A run takes the lines of invoices that are paid, were seen in one bank account, and are not yet
//! paid over; of each agency, treasury account, chapter, sub-item and day it makes one transfer. One
//! officer prepares it, another releases exactly that, the file goes to the bank, and the bank's own
//! statement, or two officers, say what became of each transfer.
//!
//! ```text
//! prepared ─▶ approved ─▶ sent ─▶ confirmed | failed
//!     └───────────┴─▶ refused (its lines are free again)
//! ```
//!
//! **When it is booked.** `agency payable → bank account` is booked when the debit is seen, with the
//! bank's own day, not when the file is sent: the books say who holds the money, and until the bank
//! has moved it that is the bank. So the balance of a bank account is the one that its statement
//! closes with, every day, without a transit account to explain. From the moment a run is prepared its
//! lines are kept for it: nothing of them can be asked back, and no other run takes them. With the
//! debit they are marked as paid over, and what is given back of them is the Treasury's; when a
//! transfer fails they are as they were before.
//!
//! Locks: the run, then invoices by id, then inserts. The net position of a partner and agency is
//! `collected − refunds − fees − already paid over` ([`positions`]).

pub mod confirm;
pub mod export;
pub mod heard;
pub mod http;
pub mod items_http;
pub mod kind;
pub mod overdue;
pub mod positions;
pub mod prepare;
pub mod release;
pub mod run;
pub mod send;
pub mod settle;
pub mod status;
pub mod store;
pub mod view;

use std::sync::Arc;

use sqlx::{PgConnection, PgPool};

use crate::approvals::decide::DecideError;
use crate::approvals::kinds::Kinds;
use crate::approvals::propose::ProposeError;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::{Problem, ProblemType};
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::PayoverId;
use run::{Run, RunLine};
use status::WrongRunStep;

/// What the use cases need.
#[derive(Debug, Clone)]
pub struct PayingOver {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// Treasury accounts, bank accounts, the calendar.
    pub directory: LiveDirectory,
    /// What can be approved: a run is released by that.
    pub kinds: Kinds,
}

/// Why something about a run was not done.
#[derive(Debug, thiserror::Error)]
pub enum PayoverError {
    /// No such run, transfer or account.
    #[error("there is no such run")]
    NotFound,
    /// The person has no role for it. A run holds the money of many agencies.
    #[error("the role {0} for * is needed")]
    NotAllowed(Role),
    /// Nothing can be paid over out of that account.
    #[error("{0}")]
    Nothing(String),
    /// It stands otherwise.
    #[error(transparent)]
    WrongStep(#[from] WrongRunStep),
    /// It is not as it must be to go out.
    #[error("{0}")]
    WrongState(String),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The decision.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<PayoverError> for Problem {
    fn from(error: PayoverError) -> Self {
        let told = error.to_string();
        match error {
            PayoverError::NotFound => Self::new(ProblemType::NotFound),
            PayoverError::NotAllowed(_) => Self::new(ProblemType::Forbidden).detail(told),
            PayoverError::Nothing(_)
            | PayoverError::WrongStep(_)
            | PayoverError::WrongState(_)
            | PayoverError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(told),
            PayoverError::Decide(error) => error.into(),
            PayoverError::Propose(ProposeError::Store(error)) | PayoverError::Store(error) => {
                error.into()
            }
        }
    }
}

/// Only who may act for everybody's money prepares and sends runs.
fn admit(officer: &Officer) -> Result<(), PayoverError> {
    if officer.may(Role::Officer, EVERYTHING) {
        Ok(())
    } else {
        Err(PayoverError::NotAllowed(Role::Officer))
    }
}

/// A run with its transfers, locked.
async fn lock_in(
    conn: &mut PgConnection,
    id: PayoverId,
) -> Result<Option<(Run, Vec<RunLine>)>, sqlx::Error> {
    let Some(run) = store::run_lock(conn, id).await? else { return Ok(None) };
    let lines = store::lines_of(conn, id).await?;
    Ok(Some((run, lines)))
}

/// A rule of ours was broken by ourselves.
fn defect(error: impl std::error::Error) -> sqlx::Error {
    sqlx::Error::Protocol(format!("defect: {error}"))
}

fn count(run: &Run) {
    metrics::counter!("payclear_payovers_total", "status" => run.status.as_str()).increment(1);
}
