//! What is due back and was refused, or did not reach the payer, is opened once more.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::{Desk, OfficerError, admit, put_in, subject, unchanged};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::people::officer::Officer;
use crate::platform::audit::{self, By};
use crate::refunds::open::{insert_in, openable_in, surplus_by};
use crate::refunds::refund::{Refund, RefundMethod};
use crate::refunds::store::reads;
use crate::vocabulary::ids::{ApprovalId, InvoiceId, SettlementId};

/// The reference and the way are settled when it is proposed.
fn content(refund: &Refund, invoice: &Invoice) -> Value {
    json!({
        "settlement": refund.settlement, "invoice": invoice.code, "partner": refund.partner,
        "amount": refund.amount, "method": refund.method, "reference": refund.reference,
    })
}

fn nothing() -> String {
    "nothing is due back of it, or a refund of it is under way or done".to_owned()
}

impl Desk {
    /// Proposes to open the refund of what is due back of a settlement once more.
    pub async fn open_again(
        &self,
        officer: &Officer,
        id: SettlementId,
    ) -> Result<ApprovalId, OfficerError> {
        let now = self.refunding.clock.now();
        let mut tx = self.refunding.pool.begin().await?;
        let facts = reads::settlement_facts(&mut tx, id).await?;
        let of = facts.and_then(|facts| facts.invoice).ok_or(OfficerError::NotFound)?;
        let invoice = invoice_store::invoice_read(&mut tx, InvoiceId(of)).await?;
        admit(officer, &invoice.ok_or(OfficerError::NotFound)?.agency)?;
        let found = openable_in(&mut tx, id).await?;
        let (invoice, source) = found.ok_or_else(|| OfficerError::WrongState(nothing()))?;
        let who = (officer.email.as_str(), now);
        let refund = self.refunding.orders.surplus(&mut tx, &invoice, &source, who).await?;
        let by = By { actor: &officer.email, at: now };
        let about = (id.to_string(), invoice.agency.as_str());
        let kind = About::OpenAgain.as_str();
        let content = content(&refund, &invoice);
        let approval = put_in(&mut tx, by, kind, (&about.0, about.1), &content).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

pub(super) async fn apply_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id = SettlementId(subject(approval)?);
    let proposed = approval.value();
    let method = proposed["method"].as_str().and_then(|text| text.parse::<RefundMethod>().ok());
    let (Some(reference), Some(method)) = (proposed["reference"].as_str(), method) else {
        return Err(ApplyError::Changed);
    };
    let found = openable_in(conn, id).await?;
    let (invoice, source) = found.ok_or_else(|| ApplyError::Impossible(nothing()))?;
    // Who proposed it has asked for it: another approves the refund itself.
    let who = (approval.made_by.as_str(), by.at);
    let refund = surplus_by(&invoice, &source, (reference.to_owned(), method), who);
    unchanged(approval, &content(&refund, &invoice))?;
    insert_in(conn, &invoice, &refund).await?;
    let detail = json!({ "approval": approval.id, "refund": refund.id });
    audit::record_in(conn, by, "refund.opened_again", &approval.subject, &detail).await?;
    Ok(())
}
