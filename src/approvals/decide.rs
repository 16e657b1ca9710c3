//! Deciding: one person, on what another made, bound to the hash of what they looked at. What was
//! approved is done before the same commit.

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::approval::Approval;
use super::kinds::{ApplyError, Kind, Kinds};
use super::sight::Sight;
use super::status::{ApprovalStatus, ApprovalStep, WrongStep};
use super::store;
use crate::people::officer::Officer;
use crate::people::store::person_hold_active;
use crate::platform::audit::{self, By};
use crate::platform::outbox;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::ApprovalId;

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Let it be done.
    Approve,
    /// Let it be cleared away.
    Reject,
}

impl Verdict {
    const fn step(self) -> ApprovalStep {
        match self {
            Self::Approve => ApprovalStep::Approve,
            Self::Reject => ApprovalStep::Reject,
        }
    }
}

/// A decision.
#[derive(Debug)]
pub struct Decision {
    /// On what.
    pub id: ApprovalId,
    /// Yes or no.
    pub verdict: Verdict,
    /// The hash of the content that was looked at.
    pub content_hash: [u8; 32],
    /// Why.
    pub reason: Option<String>,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No such approval, or none of this person's agencies.
    #[error("there is no such approval")]
    NotFound,
    /// The person has no role for it.
    #[error("the role {needed} for {agency} is needed")]
    NotAllowed {
        /// Which roles may.
        needed: String,
        /// For which agency.
        agency: String,
    },
    /// Who decides made it, or it is about them.
    #[error("nobody decides on what they made themselves, or on themselves")]
    OwnMaking,
    /// The person was disabled meanwhile.
    #[error("this person may not decide any more")]
    NotActive,
    /// The content looked at is another.
    #[error("this is not what was proposed")]
    Changed,
    /// Somebody was first, or it is too late.
    #[error(transparent)]
    Decided(#[from] WrongStep),
    /// It cannot be done.
    #[error("{0}")]
    Impossible(String),
    /// Something must come before, or another person must decide.
    #[error("{0}")]
    NotYet(String),
    /// No room knows the kind.
    #[error("nothing here knows how to do {0}")]
    UnknownKind(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<ApplyError> for DecideError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Changed => Self::Changed,
            ApplyError::Impossible(why) => Self::Impossible(why),
            ApplyError::NotYet(why) => Self::NotYet(why),
            ApplyError::OwnMaking => Self::OwnMaking,
            ApplyError::Store(error) => Self::Store(error),
        }
    }
}

/// Decides and does it. The same decision of the same person again tells what became of the first.
pub async fn decide(
    pool: &PgPool,
    (kinds, clock): (&Kinds, &SharedClock),
    officer: &Officer,
    decision: &Decision,
) -> Result<Approval, DecideError> {
    let mut tx = pool.begin().await?;
    let approval = store::approval_lock(&mut tx, decision.id).await?;
    let approval = approval.filter(|approval| Sight::of(officer, kinds).holds(approval));
    let approval = approval.ok_or(DecideError::NotFound)?;
    let kind = kinds.get(&approval.kind);
    let kind = kind.ok_or_else(|| DecideError::UnknownKind(approval.kind.clone()))?;
    may_decide(officer, &approval, kind)?;
    // Held until the commit: who is disabled at this moment waits for it, or is out before.
    if !person_hold_active(&mut tx, officer.id).await? {
        return Err(DecideError::NotActive);
    }
    if let Some(done) = decided_before(officer, &approval, decision)? {
        return Ok(done);
    }
    if approval.content_hash != decision.content_hash {
        return Err(DecideError::Changed);
    }
    let by = By { actor: &officer.email, at: clock.now() };
    if approval.expires_at <= by.at {
        let (from, step) = (ApprovalStatus::Expired, decision.verdict.step());
        return Err(WrongStep { from, step }.into());
    }
    let done = decide_in(&mut tx, kind, approval, (decision, by)).await?;
    tx.commit().await?;
    // What was done may have written messages.
    outbox::WRITTEN.notify_one();
    let verdict = done.status.as_str();
    metrics::counter!("payclear_approvals_decided_total", "kind" => kind.name(), "status" => verdict)
        .increment(1);
    Ok(done)
}

/// Has this person a role for it, and is it another's?
pub fn may_decide(
    officer: &Officer,
    approval: &Approval,
    kind: &dyn Kind,
) -> Result<(), DecideError> {
    let roles = kind.deciders();
    if !roles.iter().any(|role| officer.may(*role, &approval.agency)) {
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let (needed, agency) = (names.join(" or "), approval.agency.clone());
        return Err(DecideError::NotAllowed { needed, agency });
    }
    if approval.made_by == officer.email || approval.subject == officer.id.to_string() {
        return Err(DecideError::OwnMaking);
    }
    Ok(())
}

/// An answer may have been lost: the same person saying the same again is told what became of it.
fn decided_before(
    officer: &Officer,
    approval: &Approval,
    decision: &Decision,
) -> Result<Option<Approval>, DecideError> {
    let Err(wrong) = approval.status.after(decision.verdict.step()) else { return Ok(None) };
    let same = match decision.verdict {
        Verdict::Approve => approval.status == ApprovalStatus::Applied,
        Verdict::Reject => approval.status == ApprovalStatus::Rejected,
    };
    let mine = approval.decided_by.as_deref() == Some(&officer.email)
        && approval.content_hash == decision.content_hash;
    if mine && same { Ok(Some(approval.clone())) } else { Err(wrong.into()) }
}

async fn decide_in(
    conn: &mut PgConnection,
    kind: &dyn Kind,
    mut approval: Approval,
    (decision, by): (&Decision, By<'_>),
) -> Result<Approval, DecideError> {
    let (before, step) = (approval.status, decision.verdict.step());
    approval.status = before.after(step)?;
    approval.decided_by = Some(by.actor.to_owned());
    approval.decided_at = Some(by.at);
    approval.reason.clone_from(&decision.reason);
    if !store::approval_decide(conn, &approval).await? {
        return Err(WrongStep { from: before, step }.into());
    }
    let action = format!("approval.{}", approval.status);
    let detail = json!({
        "kind": approval.kind, "subject": approval.subject, "reason": approval.reason,
        "content_hash": hex::encode(approval.content_hash),
    });
    audit::record_in(conn, by, &action, &approval.id.to_string(), &detail).await?;
    match decision.verdict {
        Verdict::Approve => {
            kind.apply_in(conn, &approval, by).await?;
            store::approval_apply(conn, approval.id).await?;
            approval.status = approval.status.after(ApprovalStep::Apply)?;
        }
        Verdict::Reject => kind.drop_in(conn, &approval, by).await?,
    }
    Ok(approval)
}
