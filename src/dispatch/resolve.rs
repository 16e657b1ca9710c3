//! What nobody can say anything of: an attempt whose partner was asked in vain is ended by a person,
//! with the consent of another. They may say that it failed or lapsed, never that it was paid: money
//! is booked by a partner's word or statement alone, and that overrules what was decided here.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::query::CASE_AFTER;
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::breaks::{self, BreakCode};
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, AttemptStep};
use crate::invoices::store::{self, AttemptChange};
use crate::people::officer::Officer;
use crate::people::role::Role;
use crate::platform::audit::{self, By};
use crate::platform::{due, event};
use crate::text_enum;
use crate::vocabulary::ids::{ApprovalId, AttemptId};

/// The name of the kind of approval.
pub const RESOLVE: &str = "attempt.resolve";

text_enum! {
    /// How a person ends an attempt.
    pub enum Resolution ("resolution") {
        /// The partner says, outside of its interface, that no money moved.
        Failed = "failed",
        /// Nobody says anything, and nobody will.
        Expired = "expired",
    }
}

impl Resolution {
    const fn step(self) -> AttemptStep {
        match self {
            Self::Failed => AttemptStep::Fail,
            Self::Expired => AttemptStep::Lapse,
        }
    }
}

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is none, or none of this person's agencies.
    #[error("there is no such attempt")]
    NotFound,
    /// The person has no role for it.
    #[error("the role officer for {agency} is needed")]
    NotAllowed {
        /// The agency of the invoice.
        agency: String,
    },
    /// Something is known of it.
    #[error("an attempt that is {0} is not a person's to end")]
    Known(AttemptStatus),
    /// The payer may be paying at this moment.
    #[error("its time is over at {0}: until then the payer may pay")]
    TooSoon(DateTime<Utc>),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Is it a person's to end?
fn may_be_ended(attempt: &Attempt, now: DateTime<Utc>) -> Result<(), ResolveError> {
    if !matches!(attempt.status, AttemptStatus::Sent | AttemptStatus::Unknown) {
        return Err(ResolveError::Known(attempt.status));
    }
    let ends = attempt.expires_at.min(attempt.created_at + CASE_AFTER);
    if now < ends { Err(ResolveError::TooSoon(ends)) } else { Ok(()) }
}

/// An attempt with its invoice, both locked when asked for: the invoice first, as everywhere.
async fn read_in(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(Attempt, Invoice)>, sqlx::Error> {
    let Some(known) = store::attempts_read(conn, &[id]).await?.pop() else { return Ok(None) };
    let invoice = store::invoices_lock(conn, &[known.invoice.0]).await?.pop();
    // Again, now that nobody else takes a step.
    let attempt = store::attempts_read(conn, &[id]).await?.pop();
    Ok(attempt.zip(invoice))
}

/// Proposes to end an attempt.
pub async fn propose(
    pool: &PgPool,
    officer: &Officer,
    id: AttemptId,
    (resolution, reason): (Resolution, &str),
    now: DateTime<Utc>,
) -> Result<ApprovalId, ResolveError> {
    let mut tx = pool.begin().await?;
    let found = read_in(&mut tx, id.0).await?;
    let found = found.filter(|(_, invoice)| officer.sees(&invoice.agency));
    let (attempt, invoice) = found.ok_or(ResolveError::NotFound)?;
    if !officer.may(Role::Officer, &invoice.agency) {
        return Err(ResolveError::NotAllowed { agency: invoice.agency });
    }
    may_be_ended(&attempt, now)?;
    let content = json!({
        "attempt": id, "invoice": invoice.code, "partner": attempt.partner,
        "reference": attempt.reference, "amount": attempt.amount, "status": attempt.status,
        "last_code": attempt.last_code, "made_at": attempt.created_at, "as": resolution,
        "reason": reason,
    });
    let subject = id.to_string();
    let proposal =
        Proposal { kind: RESOLVE, subject: &subject, agency: &invoice.agency, content: &content };
    let by = By { actor: &officer.email, at: now };
    let approval = propose_in(&mut tx, by, &proposal).await?;
    tx.commit().await?;
    Ok(approval)
}

/// The end of an attempt that nobody can say anything of.
#[derive(Debug, Clone, Copy)]
pub struct ResolveKind;

impl ResolveKind {
    async fn end_in(
        conn: &mut PgConnection,
        approval: &Approval,
        by: By<'_>,
    ) -> Result<(), ApplyError> {
        let content = approval.value();
        let resolution = content["as"].as_str().and_then(|text| text.parse::<Resolution>().ok());
        let id = Uuid::try_parse(&approval.subject).ok();
        let (Some(resolution), Some(id)) = (resolution, id) else {
            return Err(ApplyError::Changed);
        };
        let Some((attempt, invoice)) = read_in(conn, id).await? else {
            return Err(ApplyError::Changed);
        };
        let to = attempt.status.after(resolution.step());
        let lost = matches!(attempt.status, AttemptStatus::Sent | AttemptStatus::Unknown);
        let (Ok(to), true) = (to, lost) else {
            let status = attempt.status;
            return Err(ApplyError::Impossible(format!("the attempt is {status} by now")));
        };
        let change = AttemptChange {
            id: attempt.id,
            from: attempt.status,
            to,
            instruction: None,
            code: Some(format!("approval {}", approval.id)),
        };
        if store::attempts_step(conn, &[change], by.at).await?.is_empty() {
            return Err(ApplyError::Changed);
        }
        due::done_in(conn, due::QUERY, &[id]).await?;
        let kind = match resolution {
            Resolution::Failed => "attempt.failed",
            Resolution::Expired => "attempt.expired",
        };
        let more = json!({
            "attempt": attempt.id, "partner": attempt.partner, "status": to,
            "approval": approval.id,
        });
        event::record_in(conn, &[invoice.side_event(kind, "officer", by.at, &more)]).await?;
        let others = store::attempts_of_invoice(conn, invoice.id).await?;
        let lost = |a: &Attempt| matches!(a.status, AttemptStatus::Sent | AttemptStatus::Unknown);
        if !others.iter().any(lost) {
            let code = BreakCode::StatusDiffers;
            breaks::store::breaks_close_of_invoices(conn, code, &[invoice.id], by.at).await?;
        }
        let detail = json!({ "approval": approval.id, "as": resolution, "from": attempt.status });
        audit::record_in(conn, by, "attempt.resolved", &approval.subject, &detail).await?;
        metrics::counter!("payclear_attempts_resolved_total",
            "partner" => attempt.partner, "as" => resolution.as_str())
        .increment(1);
        Ok(())
    }
}

impl Kind for ResolveKind {
    fn name(&self) -> &'static str {
        RESOLVE
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(Self::end_in(conn, approval, by))
    }

    /// Nothing waits anywhere but in the approval itself.
    fn drop_in<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _approval: &'a Approval,
        _by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
