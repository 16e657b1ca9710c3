//! One person proposes a way out, with all that it would book.

use super::Resolving;
use super::kind::RESOLVE;
use super::rehearse::{Rehearsal, RehearseError};
use super::wish::Wish;
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::people::officer::Officer;
use crate::platform::audit::By;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::ids::{ApprovalId, BreakId};

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It could not be done.
    #[error(transparent)]
    Rehearse(#[from] RehearseError),
    /// It would do something else than was shown.
    #[error("this is not what was shown: preview it again")]
    Changed,
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        let told = error.to_string();
        match error {
            ResolveError::Rehearse(error) => error.into(),
            ResolveError::Changed => Self::new(ProblemType::ContentChanged).detail(told),
            ResolveError::Propose(ProposeError::Store(error)) | ResolveError::Store(error) => {
                error.into()
            }
            ResolveError::Propose(_) => Self::new(ProblemType::WrongState).detail(told),
        }
    }
}

impl Resolving {
    /// Proposes a way out; `shown` is the hash of the content that was looked at.
    pub async fn propose(
        &self,
        officer: &Officer,
        id: BreakId,
        (wish, shown): (&Wish, Option<&str>),
    ) -> Result<(ApprovalId, Rehearsal), ResolveError> {
        let mut tx = self.pool.begin().await?;
        let rehearsal = self.rehearse_in(&mut tx, officer, id, wish).await?;
        if shown.is_some_and(|shown| shown != rehearsal.hash()) {
            return Err(ResolveError::Changed);
        }
        let subject = id.to_string();
        let proposal = Proposal {
            kind: RESOLVE,
            subject: &subject,
            agency: &rehearsal.agency,
            content: &rehearsal.content,
        };
        let by = By { actor: &officer.email, at: self.clock.now() };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        tx.commit().await?;
        Ok((approval, rehearsal))
    }
}
