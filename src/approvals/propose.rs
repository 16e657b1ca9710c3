//! Proposing: what is made waits until another has approved it, except at the very beginning.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::approval::{Approval, canonical, hash_of};
use super::status::ApprovalStatus;
use super::store;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::ApprovalId;

/// Later than this nobody remembers what it was about.
const DECIDED_WITHIN: TimeDelta = TimeDelta::days(7);

/// How something comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// Pending, until another approves it.
    Pending,
    /// At once. Only until something was approved: before there is nobody to approve.
    Bootstrap,
}

/// Who makes something, and how it comes to be.
#[derive(Debug, Clone, Copy)]
pub struct Maker<'a> {
    /// Who, when.
    pub by: By<'a>,
    /// How.
    pub making: Making,
}

impl<'a> Maker<'a> {
    /// Somebody whose things wait for another.
    pub const fn pending(by: By<'a>) -> Self {
        Self { by, making: Making::Pending }
    }

    /// Somebody at the very beginning.
    pub const fn bootstrap(by: By<'a>) -> Self {
        Self { by, making: Making::Bootstrap }
    }
}

/// What is proposed.
#[derive(Debug)]
pub struct Proposal<'a> {
    /// The name of its kind.
    pub kind: &'static str,
    /// What it is about; one open question about it at a time.
    pub subject: &'a str,
    /// Whose business it is; `*` when it is everybody's.
    pub agency: &'a str,
    /// Everything that is decided on, and no secret.
    pub content: &'a Value,
}

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// The same question is open.
    #[error("{kind} of {subject} waits for an approval already: have it decided first")]
    AlreadyPending {
        /// Which kind.
        kind: &'static str,
        /// About what.
        subject: String,
    },
    /// There are people who approve.
    #[error(
        "--bootstrap is over: something has been approved here, so that this needs an approval too"
    )]
    BootstrapOver,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Enters an approval, pending.
pub async fn propose_in(
    conn: &mut PgConnection,
    by: By<'_>,
    proposal: &Proposal<'_>,
) -> Result<ApprovalId, ProposeError> {
    let content = canonical(proposal.content);
    let approval = Approval {
        id: ApprovalId::new(by.at),
        kind: proposal.kind.to_owned(),
        subject: proposal.subject.to_owned(),
        agency: proposal.agency.to_owned(),
        content_hash: hash_of(&content),
        content,
        made_by: by.actor.to_owned(),
        made_at: by.at,
        expires_at: by.at + DECIDED_WITHIN,
        status: ApprovalStatus::Pending,
        decided_by: None,
        decided_at: None,
        reason: None,
    };
    if !store::approval_insert(conn, &approval).await? {
        let (kind, subject) = (proposal.kind, proposal.subject.to_owned());
        return Err(ProposeError::AlreadyPending { kind, subject });
    }
    let detail = json!({
        "kind": approval.kind, "subject": approval.subject, "agency": approval.agency,
        "content_hash": hex::encode(approval.content_hash),
    });
    let id = approval.id.to_string();
    audit::record_in(conn, by, "approval.proposed", &id, &detail).await?;
    Ok(approval.id)
}

/// Lets something be made without an approval, while nothing was approved yet.
pub async fn bootstrap_in(
    conn: &mut PgConnection,
    by: By<'_>,
    proposal: &Proposal<'_>,
) -> Result<(), ProposeError> {
    if !store::bootstrap_is_open(conn).await? {
        return Err(ProposeError::BootstrapOver);
    }
    let hash = hash_of(&canonical(proposal.content));
    let detail = json!({ "kind": proposal.kind, "content_hash": hex::encode(hash) });
    audit::record_in(conn, by, "bootstrap", proposal.subject, &detail).await?;
    Ok(())
}

/// One or the other; the approval, when there is one to wait for.
pub async fn ask_in(
    conn: &mut PgConnection,
    maker: Maker<'_>,
    proposal: &Proposal<'_>,
) -> Result<Option<ApprovalId>, ProposeError> {
    match maker.making {
        Making::Pending => propose_in(conn, maker.by, proposal).await.map(Some),
        Making::Bootstrap => bootstrap_in(conn, maker.by, proposal).await.map(|()| None),
    }
}
