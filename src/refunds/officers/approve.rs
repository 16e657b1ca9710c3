//! A refund waits for another's yes: one that an officer asks for, or one that a portal or the clock
//! asked for and an officer puts forward.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::{Desk, OfficerError, admit, must_be, put_in, refund_in, subject, unchanged};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::approvals::outdate::outdate_in;
use crate::approvals::status::ApprovalStatus;
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::platform::audit::{self, By};
use crate::platform::seal::MasterKeys;
use crate::refunds::accounts::{self, AccountError};
use crate::refunds::approve::{ApproveError, approve_in, lock_in, refuse_in};
use crate::refunds::name_account::last_four;
use crate::refunds::refund::{Refund, RefundKind, RefundMethod};
use crate::refunds::request::{Wanted, request_in};
use crate::refunds::status::RefundStatus;
use crate::refunds::store;
use crate::vocabulary::ids::{ApprovalId, RefundId};

/// All that is decided on. None of it changes in a refund's life but where it goes: what was approved
/// to go to one account is not approved to go to another.
fn content(refund: &Refund, invoice: &Invoice, destination: &Value) -> Value {
    json!({
        "destination": destination,
        "refund": refund.id, "invoice": invoice.code, "settlement": refund.settlement,
        "kind": refund.kind, "method": refund.method, "partner": refund.partner,
        "reference": refund.reference, "amount": refund.amount, "lines": refund.shares,
        "reason": refund.reason, "requested_by": refund.requested_by,
    })
}

/// Where a transfer goes, as who decides sees it: the bank, the end of the number, whose it is, and
/// the digest of the sealed whole. Null while nobody knows, and of what is not transferred.
async fn destination(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    refund: &Refund,
) -> Result<Value, AccountError> {
    if refund.method != RefundMethod::Transfer {
        return Ok(Value::Null);
    }
    let Some(to) = accounts::destination(conn, refund).await? else { return Ok(Value::Null) };
    let account = to.open(keys, refund.id)?;
    Ok(json!({
        "bank": account.bank, "number_ends": last_four(&account.number),
        "holder": account.name, "sealed_sha256": hex::encode(to.sha256()),
    }))
}

/// Puts it forward. What waits already gives way when it was about another destination: it could not
/// be approved any more.
async fn put_forward_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    (refund, invoice): (&Refund, &Invoice),
) -> Result<ApprovalId, OfficerError> {
    let (subject, kind) = (refund.id.to_string(), About::Approve.as_str());
    let content = content(refund, invoice, &destination(conn, keys, refund).await?);
    outdate_in(conn, by, (kind, &subject), &content).await?;
    put_in(conn, by, kind, (&subject, &invoice.agency), &content).await
}

impl Desk {
    /// Asks for a refund and proposes its approval: both or neither.
    pub async fn ask(
        &self,
        officer: &Officer,
        wanted: &Wanted,
    ) -> Result<(Refund, ApprovalId), OfficerError> {
        let now = chrono::SubsecRound::trunc_subsecs(self.refunding.clock.now(), 6);
        let mut tx = self.refunding.pool.begin().await?;
        let invoice = invoice_store::invoice_read(&mut tx, wanted.invoice).await?;
        admit(officer, &invoice.ok_or(OfficerError::NotFound)?.agency)?;
        let asked =
            request_in(&mut tx, &self.refunding.orders, wanted, &officer.email, now).await?;
        // As it is written: it is compared with that when it is approved.
        let (refund, invoice) = refund_in(&mut tx, officer, asked.id).await?;
        let by = By { actor: &officer.email, at: now };
        let detail = json!({ "invoice": invoice.code, "amount": refund.amount });
        audit::record_in(&mut tx, by, "refund.requested", &refund.id.to_string(), &detail).await?;
        let approval = put_forward_in(&mut tx, &self.keys, by, (&refund, &invoice)).await?;
        tx.commit().await?;
        Ok((refund, approval))
    }

    /// Proposes the approval of a refund that waits, whoever asked for it.
    pub async fn put_forward(
        &self,
        officer: &Officer,
        id: RefundId,
    ) -> Result<ApprovalId, OfficerError> {
        let mut tx = self.refunding.pool.begin().await?;
        let (refund, invoice) = refund_in(&mut tx, officer, id).await?;
        must_be(&refund, RefundStatus::Requested)?;
        let by = By { actor: &officer.email, at: self.refunding.clock.now() };
        let approval = put_forward_in(&mut tx, &self.keys, by, (&refund, &invoice)).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

pub(super) async fn apply_in(
    conn: &mut PgConnection,
    (books, keys): (&Accounts, &MasterKeys),
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id = RefundId(subject(approval)?);
    let (refund, invoice) = lock_in(conn, id).await?.ok_or(ApplyError::Changed)?;
    let destination = destination(conn, keys, &refund).await;
    let destination = destination.map_err(|error| match error {
        AccountError::Store(error) => ApplyError::Store(error),
        other => ApplyError::Impossible(other.to_string()),
    })?;
    unchanged(approval, &content(&refund, &invoice, &destination))?;
    approve_in(conn, books, id, by.actor, by.at).await?;
    let detail = json!({ "approval": approval.id });
    audit::record_in(conn, by, "refund.approved", &approval.subject, &detail).await?;
    Ok(())
}

/// What another did not agree to is refused, and can be asked for anew, whoever asked for it; what is
/// due back to a payer still waits: it is theirs.
pub(super) async fn drop_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let Ok(id) = subject(approval).map(RefundId) else { return Ok(()) };
    let Some(refund) = store::refund_read(conn, id).await? else { return Ok(()) };
    // What nobody decided on in time says nothing of what a portal asked for.
    let undecided = approval.status == ApprovalStatus::Expired;
    let of_another = refund.requested_by != approval.made_by;
    if refund.kind == RefundKind::Surplus || (undecided && of_another) {
        return Ok(());
    }
    let why = approval.reason.as_deref().unwrap_or("not approved");
    match refuse_in(conn, id, why, by.actor, by.at).await {
        Ok(_) => {
            let detail = json!({ "approval": approval.id });
            audit::record_in(conn, by, "refund.refused", &approval.subject, &detail).await?;
            Ok(())
        }
        Err(ApproveError::Store(error)) => Err(error.into()),
        // It does not wait any more.
        Err(_) => Ok(()),
    }
}

impl From<ApproveError> for ApplyError {
    fn from(error: ApproveError) -> Self {
        let told = error.to_string();
        match error {
            ApproveError::NotFound => Self::Changed,
            ApproveError::SamePerson => Self::OwnMaking,
            ApproveError::NotBanked(_) | ApproveError::BankedBySame | ApproveError::NoAccount => {
                Self::NotYet(told)
            }
            ApproveError::WrongStep(_) | ApproveError::TakenBack | ApproveError::PaidOver(_) => {
                Self::Impossible(told)
            }
            ApproveError::Store(error) => Self::Store(error),
        }
    }
}
