//! A role is lent for an absence when a third person has approved it.

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};

use super::approval::Approval;
use super::kinds::{ApplyError, Kind};
use super::propose::{Proposal, ProposeError, propose_in};
use crate::people::delegate::{self, DelegateError, Wanted};
use crate::people::officer::Officer;
use crate::people::role::Role;
use crate::platform::audit::By;
use crate::platform::problem::{FieldError, Problem, ProblemType};
use crate::vocabulary::ids::{ApprovalId, DelegationId};

const ADD: &str = "delegation.add";

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum LendError {
    /// The delegation.
    #[error(transparent)]
    Delegate(#[from] DelegateError),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Proposes to lend a role of one's own.
pub async fn lend(
    pool: &PgPool,
    by: By<'_>,
    giver: &Officer,
    wanted: &Wanted<'_>,
) -> Result<(DelegationId, ApprovalId), LendError> {
    let mut tx = pool.begin().await?;
    let (id, content) = delegate::delegate_in(&mut tx, by, giver, wanted).await?;
    let subject = id.to_string();
    let agency = wanted.grant.scope.as_str();
    let proposal = Proposal { kind: ADD, subject: &subject, agency, content: &content };
    let approval = propose_in(&mut tx, by, &proposal).await?;
    tx.commit().await?;
    Ok((id, approval))
}

/// A role that is lent.
#[derive(Debug, Clone, Copy)]
pub struct DelegationKind;

fn subject(approval: &Approval) -> Result<DelegationId, ApplyError> {
    approval.subject.parse().map(DelegationId).map_err(|_| ApplyError::Changed)
}

impl Kind for DelegationKind {
    fn name(&self) -> &'static str {
        ADD
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver, Role::Admin]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let id = subject(approval)?;
            // Nobody lets themselves be lent to.
            if approval.value()["receiver"] == by.actor {
                return Err(ApplyError::OwnMaking);
            }
            if delegate::take_in(conn, by, id).await? {
                Ok(())
            } else {
                Err(ApplyError::Impossible("it has ended already".to_owned()))
            }
        })
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let Ok(id) = subject(approval) else { return Ok(()) };
            Ok(delegate::drop_in(conn, by, id).await?)
        })
    }
}

impl From<DelegateError> for Problem {
    fn from(error: DelegateError) -> Self {
        let told = error.to_string();
        let at = |pointer| Self::invalid(vec![FieldError::new(pointer, told.clone())]);
        match error {
            DelegateError::UnknownReceiver | DelegateError::ToOneself => at("/receiver"),
            DelegateError::NotHeld => at("/role"),
            DelegateError::BadDays => at("/until"),
            DelegateError::BadReason => at("/reason"),
            DelegateError::NotFound => Self::new(ProblemType::NotFound),
            DelegateError::Ended => Self::new(ProblemType::WrongState).detail(told),
            DelegateError::Store(error) => error.into(),
        }
    }
}

impl From<LendError> for Problem {
    fn from(error: LendError) -> Self {
        match error {
            LendError::Delegate(error) => error.into(),
            LendError::Propose(ProposeError::Store(error)) | LendError::Store(error) => {
                error.into()
            }
            LendError::Propose(error) => {
                Self::new(ProblemType::WrongState).detail(error.to_string())
            }
        }
    }
}
