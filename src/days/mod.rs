//! Days (ngày đối soát): what officers sign for. Files of the day are in, their lines are placed,
//! every open case has somebody who answers for it; one officer prepares, another approves, and the
//! day closes with a snapshot that is sealed, signed, and chained to the one before it.
//!
//! ```text
//! open ─▶ files_complete ─▶ matched ─▶ prepared ─▶ approved ─▶ closed
//!   ▲──────────┴───────────────┘ ▲────────┘ rejected              │
//!   (a file came or went)                                        ▼
//!                    reopened (revision n+1) ◀─ reopen_requested (two people, a reason)
//! ```
//!
//! Every date is a business day, also when banks do not work: money comes on all of them. Days close
//! in their order and are reopened in the opposite one; a locked month stays closed for good. The
//! guard is the ledger's own, in the database: what comes for a closed day is booked on the first open
//! one. Closing takes the ledger's lock only for the moment in which it asks whether anything came
//! since the day was looked at, so that clearing goes on.
//!
//! What is signed: [`content`] is the day as it was prepared, in canonical JSON; [`seal`] binds its
//! hash to the seal before it, to the head of the event chain and to the two people. [`verify`]
//! computes all of it anew from the ledger and the events.

pub mod banks;
pub mod checklist;
pub mod close;
pub mod content;
pub mod files;
pub mod http;
pub mod keys;
pub mod kind;
pub mod lock_month;
pub mod paper;
pub mod prepare;
pub mod public;
pub mod reopen;
pub mod seal;
pub mod sheet;
pub mod status;
pub mod store;
pub mod sweep;
pub mod verify;
pub mod view;
pub mod words;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sqlx::PgPool;

use crate::approvals::decide::DecideError;
use crate::approvals::kinds::Kinds;
use crate::approvals::propose::ProposeError;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::{Problem, ProblemType};
use crate::platform::seal::MasterKeys;
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;
use status::WrongDayStep;

/// When days end, and when their files are due.
#[derive(Debug, Clone, Copy)]
pub struct Hours {
    /// The cut-off of the business day; none at midnight.
    pub cut_off: Option<NaiveTime>,
    /// By this hour of the next working day files are in and transfers are confirmed.
    pub files_by: NaiveTime,
}

impl Hours {
    /// The instants of a day: from, and the first that is no more of it.
    pub fn bounds(self, day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
        let ever = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        crate::invoices::totals::bounds(day, self.cut_off).unwrap_or(ever)
    }
}

/// What the use cases need.
#[derive(Debug, Clone)]
pub struct Days {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// Accounts that files are expected of, the calendar.
    pub directory: LiveDirectory,
    /// What opens the key that signs.
    pub keys: Arc<MasterKeys>,
    /// What can be approved: a day closes by that.
    pub kinds: Kinds,
    /// When days end.
    pub hours: Hours,
}

/// Why something about a day was not done.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// Not a day of this installation.
    #[error("there is no such day")]
    NotFound,
    /// The person has no role for it. A day is everybody's.
    #[error("the role {0} for * is needed")]
    NotAllowed(Role),
    /// It stands otherwise.
    #[error(transparent)]
    WrongStep(#[from] WrongDayStep),
    /// Something is not as it must be; each in a sentence.
    #[error("{}", .0.join("; "))]
    NotReady(Vec<String>),
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

impl From<DayError> for Problem {
    fn from(error: DayError) -> Self {
        let told = error.to_string();
        match error {
            DayError::NotFound => Self::new(ProblemType::NotFound),
            DayError::NotAllowed(_) => Self::new(ProblemType::Forbidden).detail(told),
            DayError::WrongStep(_)
            | DayError::NotReady(_)
            | DayError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(told),
            DayError::Decide(error) => error.into(),
            DayError::Propose(ProposeError::Store(error)) | DayError::Store(error) => error.into(),
        }
    }
}

/// Only who may act for everybody prepares and reopens days.
fn admit(officer: &Officer) -> Result<(), DayError> {
    if officer.may(Role::Officer, EVERYTHING) {
        Ok(())
    } else {
        Err(DayError::NotAllowed(Role::Officer))
    }
}

/// A rule of ours was broken by ourselves.
fn defect(error: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::Protocol(format!("defect: {error}"))
}

/// What approvals about a closing or reopening of a day are about.
fn subject(day: NaiveDate, revision: i32) -> String {
    format!("{day}/{revision}")
}

/// The day and revision that an approval is about.
fn day_of(subject: &str) -> Option<(NaiveDate, i32)> {
    let (day, revision) = subject.split_once('/')?;
    Some((day.parse().ok()?, revision.parse().ok()?))
}
