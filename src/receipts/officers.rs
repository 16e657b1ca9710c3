//! What officers do with receipts: one proposes, with a reason, that a receipt is cancelled or that
//! another takes its place; another decides, on exactly that.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::Receipts;
use super::number::Correction;
use super::receipt::{Receipt, Step};
use super::status::ReceiptStatus;
use super::store::{self, reads};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::invoices::store::invoice_read;
use crate::people::officer::Officer;
use crate::people::role::Role;
use crate::platform::audit::{self, By};
use crate::platform::event;
use crate::platform::problem::{Problem, ProblemType};
use crate::text_enum;
use crate::vocabulary::day::to_local;
use crate::vocabulary::ids::{ApprovalId, ReceiptId};

text_enum! {
    /// What is decided about a receipt.
    pub enum About ("kind of approval") {
        /// It does not hold any more.
        Cancel = "receipt.cancel",
        /// Another takes its place.
        Replace = "receipt.replace",
    }
}

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// Not there, or of none of this person's agencies.
    #[error("there is no such receipt in this person's scope")]
    NotFound,
    /// The person has no role for it.
    #[error("the role officer for {0} is needed")]
    NotAllowed(String),
    /// It stands otherwise.
    #[error("the receipt is {0}")]
    WrongState(ReceiptStatus),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<OfficerError> for Problem {
    fn from(error: OfficerError) -> Self {
        match error {
            OfficerError::NotFound => Self::new(ProblemType::NotFound),
            OfficerError::NotAllowed(_) => {
                Self::new(ProblemType::Forbidden).detail(error.to_string())
            }
            OfficerError::WrongState(_)
            | OfficerError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(error.to_string()),
            OfficerError::Propose(ProposeError::Store(error)) | OfficerError::Store(error) => {
                error.into()
            }
        }
    }
}

/// What is to be done with a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// It is cancelled.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Another takes its place.
    Replace {
        /// Why.
        reason: String,
        /// Who paid, as it should be.
        payer_name: String,
    },
}

impl Wish {
    const fn about(&self) -> About {
        match self {
            Self::Cancel { .. } => About::Cancel,
            Self::Replace { .. } => About::Replace,
        }
    }

    /// Everything that is decided on. The hash stands for what the receipt says.
    fn content(&self, receipt: &Receipt) -> Value {
        let number = &receipt.content.number;
        let mut content = json!({
            "receipt": receipt.id, "form": number.form, "symbol": number.symbol,
            "number": number.number, "invoice": receipt.content.invoice,
            "amount": receipt.amount(),
            "sha256": hex::encode(super::content::hash_of(&receipt.text)),
        });
        match self {
            Self::Cancel { reason } => content["reason"] = json!(reason),
            Self::Replace { reason, payer_name } => {
                content["reason"] = json!(reason);
                content["payer_name"] = json!(payer_name);
            }
        }
        content
    }

    fn of(about: About, content: &Value) -> Option<Self> {
        let reason = content["reason"].as_str()?.to_owned();
        Some(match about {
            About::Cancel => Self::Cancel { reason },
            About::Replace => {
                Self::Replace { reason, payer_name: content["payer_name"].as_str()?.to_owned() }
            }
        })
    }
}

impl Receipts {
    /// Proposes what is to be done with a receipt.
    pub async fn propose(
        &self,
        officer: &Officer,
        id: ReceiptId,
        wish: &Wish,
    ) -> Result<ApprovalId, OfficerError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let receipt = reads::receipt_lock(&mut tx, id).await?.ok_or(OfficerError::NotFound)?;
        if !officer.sees(&receipt.agency) {
            return Err(OfficerError::NotFound);
        }
        if !officer.may(Role::Officer, &receipt.agency) {
            return Err(OfficerError::NotAllowed(receipt.agency));
        }
        if receipt.status != ReceiptStatus::Valid {
            return Err(OfficerError::WrongState(receipt.status));
        }
        let (subject, content) = (id.to_string(), wish.content(&receipt));
        let proposal = Proposal {
            kind: wish.about().as_str(),
            subject: &subject,
            agency: &receipt.agency,
            content: &content,
        };
        let approval =
            propose_in(&mut tx, By { actor: &officer.email, at: now }, &proposal).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

/// One of the kinds of approvals about receipts.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptKind(pub About);

impl Kind for ReceiptKind {
    fn name(&self) -> &'static str {
        self.0.as_str()
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
        Box::pin(apply_in(self.0, conn, approval, by))
    }

    fn drop_in<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _approval: &'a Approval,
        _by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async { Ok(()) })
    }
}

async fn apply_in(
    about: About,
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id: uuid::Uuid = approval.subject.parse().map_err(|_| ApplyError::Changed)?;
    let receipt = reads::receipt_lock(conn, ReceiptId(id)).await?.ok_or(ApplyError::Changed)?;
    let wish = Wish::of(about, &approval.value()).ok_or(ApplyError::Changed)?;
    if canonical(&wish.content(&receipt)) != approval.content {
        return Err(ApplyError::Changed);
    }
    if receipt.status != ReceiptStatus::Valid {
        return Err(ApplyError::Impossible(format!("the receipt is {}", receipt.status)));
    }
    let (action, reason) = match wish {
        Wish::Cancel { reason } => {
            store::receipt_end(conn, receipt.id, ReceiptStatus::Cancelled, by.at).await?;
            let step = Step {
                receipt: receipt.id,
                kind: "cancelled",
                day: to_local(by.at).date(),
                actor: approval.made_by.clone(),
                approved_by: Some(by.actor.to_owned()),
                reason: reason.clone(),
            };
            store::steps_insert(conn, &[step], by.at).await?;
            ("receipt.cancelled", reason)
        }
        Wish::Replace { reason, payer_name } => {
            // The number is the sequencer's to give; what stands, stands until then.
            let correction = Correction {
                payer_name,
                reason: reason.clone(),
                by: approval.made_by.clone(),
                approved_by: by.actor.to_owned(),
            };
            let text = serde_json::to_string(&correction).unwrap_or_default();
            if !store::replacement_insert(conn, &receipt, &text, by.at).await? {
                let why = "another replacement of it waits for its number".to_owned();
                return Err(ApplyError::NotYet(why));
            }
            ("receipt.replacement_approved", reason)
        }
    };
    let detail = json!({ "reason": reason, "approval": approval.id });
    audit::record_in(conn, by, action, &receipt.id.to_string(), &detail).await?;
    tell_portal(conn, action, &receipt, by).await?;
    Ok(())
}

/// The portal finds it in its feed.
async fn tell_portal(
    conn: &mut PgConnection,
    kind: &'static str,
    receipt: &Receipt,
    by: By<'_>,
) -> Result<(), sqlx::Error> {
    let Some(invoice) = invoice_read(conn, receipt.invoice).await? else { return Ok(()) };
    let number = &receipt.content.number;
    let more = json!({
        "receipt": receipt.id, "form": number.form, "symbol": number.symbol, "number": number.number,
    });
    event::record_in(conn, &[invoice.side_event(kind, "officer", by.at, &more)]).await
}
