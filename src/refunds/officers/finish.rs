//! The end of a refund whose partner has none to tell: of a transfer or a claim by the bank's or the
//! Treasury's word, of a partner's refund that nobody can vouch for by the partner's outside of its
//! interface. One says it, another agrees.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::{Desk, OfficerError, must_be, refund_in, subject, unchanged};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::approvals::propose::{Maker, Making, Proposal, ask_in};
use crate::invoices::invoice::Invoice;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::platform::audit::{self, By};
use crate::platform::outbox;
use crate::refunds::approve::lock_in;
use crate::refunds::finish::{End, FinishError, finish_in};
use crate::refunds::query::CASE_AFTER;
use crate::refunds::refund::{Refund, RefundMethod};
use crate::refunds::status::RefundStatus;
use crate::text_enum;
use crate::vocabulary::ids::{ApprovalId, RefundId};

text_enum! {
    /// How a person says that a refund ended.
    pub enum Ended ("end of a refund") {
        /// The payer has the money.
        Confirmed = "confirmed",
        /// No money moved, and none will.
        Failed = "failed",
    }
}

fn content(refund: &Refund, invoice: &Invoice, end: &End) -> Value {
    let (ended, said) = match end {
        End::Confirmed { partner_refund } => (Ended::Confirmed, partner_refund.as_deref()),
        End::Failed { code } => (Ended::Failed, Some(code.as_str())),
    };
    json!({
        "refund": refund.id, "invoice": invoice.code, "partner": refund.partner,
        "method": refund.method, "reference": refund.reference, "amount": refund.amount,
        "as": ended, "said": said,
    })
}

/// The end that was proposed.
fn end_of(content: &Value) -> Option<End> {
    let said = content["said"].as_str().map(str::to_owned);
    match content["as"].as_str()?.parse().ok()? {
        Ended::Confirmed => Some(End::Confirmed { partner_refund: said }),
        Ended::Failed => said.map(|code| End::Failed { code }),
    }
}

/// Is it a person's to end? A partner that can be asked is asked first.
fn may_end(refund: &Refund, now: DateTime<Utc>) -> Result<(), OfficerError> {
    must_be(refund, RefundStatus::Sent)?;
    let from = refund.status_since + CASE_AFTER;
    if refund.method == RefundMethod::Partner && now < from {
        let why = format!("the partner is asked after it; from {from} on a person may say");
        return Err(OfficerError::WrongState(why));
    }
    Ok(())
}

async fn end_in(
    conn: &mut PgConnection,
    books: &Accounts,
    (id, end): (RefundId, &End),
    by: By<'_>,
    approval: Option<ApprovalId>,
) -> Result<(), FinishError> {
    let done = finish_in(conn, books, id, end, by.actor, by.at).await?;
    let (action, detail) = match end {
        End::Confirmed { partner_refund } => {
            ("refund.confirmed", json!({ "transaction": partner_refund, "approval": approval }))
        }
        End::Failed { code } => ("refund.failed", json!({ "reason": code, "approval": approval })),
    };
    audit::record_in(conn, by, action, &done.id.to_string(), &detail).await?;
    Ok(())
}

/// Why a refund is not ended from the command line.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The proposal.
    #[error(transparent)]
    Propose(#[from] OfficerError),
    /// The end.
    #[error(transparent)]
    Finish(#[from] FinishError),
}

impl From<sqlx::Error> for EndError {
    fn from(error: sqlx::Error) -> Self {
        Self::Finish(error.into())
    }
}

/// Says from the command line how a refund ended: pending, or at once at the very beginning.
pub async fn say(
    pool: &sqlx::PgPool,
    books: &Accounts,
    maker: Maker<'_>,
    id: RefundId,
    end: &End,
) -> Result<Option<ApprovalId>, EndError> {
    let mut tx = pool.begin().await?;
    let (refund, invoice) = lock_in(&mut tx, id).await?.ok_or(FinishError::NotFound)?;
    may_end(&refund, maker.by.at)?;
    let (subject, content) = (id.to_string(), content(&refund, &invoice, end));
    let kind = About::Finish.as_str();
    let proposal = Proposal { kind, subject: &subject, agency: &invoice.agency, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await.map_err(OfficerError::from)?;
    if maker.making == Making::Bootstrap {
        end_in(&mut tx, books, (id, end), maker.by, None).await?;
    }
    tx.commit().await?;
    outbox::WRITTEN.notify_one();
    Ok(approval)
}

impl Desk {
    /// Proposes how a refund ended.
    pub async fn finish(
        &self,
        officer: &Officer,
        id: RefundId,
        end: &End,
    ) -> Result<ApprovalId, OfficerError> {
        let now = self.refunding.clock.now();
        let mut tx = self.refunding.pool.begin().await?;
        let (refund, invoice) = refund_in(&mut tx, officer, id).await?;
        may_end(&refund, now)?;
        let by = By { actor: &officer.email, at: now };
        let about = (id.to_string(), invoice.agency.as_str());
        let content = content(&refund, &invoice, end);
        let kind = About::Finish.as_str();
        let approval = super::put_in(&mut tx, by, kind, (&about.0, about.1), &content).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

pub(super) async fn apply_in(
    conn: &mut PgConnection,
    books: &Accounts,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id = RefundId(subject(approval)?);
    let end = end_of(&approval.value()).ok_or(ApplyError::Changed)?;
    let (refund, invoice) = lock_in(conn, id).await?.ok_or(ApplyError::Changed)?;
    unchanged(approval, &content(&refund, &invoice, &end))?;
    match end_in(conn, books, (id, &end), by, Some(approval.id)).await {
        Ok(()) => Ok(()),
        Err(FinishError::NotFound) => Err(ApplyError::Changed),
        Err(FinishError::WrongStep(wrong)) => Err(ApplyError::Impossible(wrong.to_string())),
        Err(FinishError::Store(error)) => Err(error.into()),
    }
}
