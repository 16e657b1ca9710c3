//! One says that a line of an invoice was paid over to the Treasury, another that it is so.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::{Desk, OfficerError, invoice_in, put_in, unchanged};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Status;
use crate::invoices::store as invoice_store;
use crate::people::officer::Officer;
use crate::platform::audit::By;
use crate::refunds::paid_over::mark_in;
use crate::refunds::refund::{Refund, RefundKind};
use crate::refunds::status::RefundStatus;
use crate::refunds::store::{self, reads};
use crate::vocabulary::ids::{ApprovalId, InvoiceId};

/// What is decided on; none when the invoice has no such line.
fn content(invoice: &Invoice, line: u32) -> Option<Value> {
    let place = usize::try_from(line).ok()?.checked_sub(1)?;
    let of = invoice.lines.get(place)?;
    Some(json!({
        "invoice": invoice.id, "code": invoice.code, "line": line, "name": of.name,
        "amount": of.amount, "agency": of.beneficiary,
        "budget": format!("{}/{}", of.chapter, of.sub_item),
    }))
}

async fn is_marked(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    line: u32,
) -> Result<bool, sqlx::Error> {
    // One that is in a run to the Treasury is that run's to mark.
    let going = reads::lines_in_payover(conn, invoice).await?;
    let over = reads::lines_paid_over(conn, invoice).await?;
    Ok(going.into_iter().chain(over).any(|marked| u32::try_from(marked) == Ok(line)))
}

impl Desk {
    /// Proposes that a line, counted from 1, was paid over.
    pub async fn paid_over(
        &self,
        officer: &Officer,
        id: InvoiceId,
        line: u32,
    ) -> Result<ApprovalId, OfficerError> {
        let mut tx = self.refunding.pool.begin().await?;
        let invoice = invoice_in(&mut tx, officer, id).await?;
        let content = content(&invoice, line).ok_or(OfficerError::NotFound)?;
        if invoice.status != Status::Paid {
            let why = format!("the invoice {} is {}, not paid", invoice.code, invoice.status);
            return Err(OfficerError::WrongState(why));
        }
        if is_marked(&mut tx, id, line).await? {
            let why = "the line was paid over, or is in a run to the Treasury".to_owned();
            return Err(OfficerError::WrongState(why));
        }
        let by = By { actor: &officer.email, at: self.refunding.clock.now() };
        let about = (format!("{id}/{line}"), invoice.agency.as_str());
        let kind = About::PaidOver.as_str();
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
    let (id, line) = approval.subject.split_once('/').ok_or(ApplyError::Changed)?;
    let (Ok(id), Ok(line)) = (id.parse().map(InvoiceId), line.parse::<u32>()) else {
        return Err(ApplyError::Changed);
    };
    // With the lock, so that a refund that is asked for at this moment sees it, or came before.
    let invoice = invoice_store::invoices_lock(conn, &[id.0]).await?.pop();
    let invoice = invoice.ok_or(ApplyError::Changed)?;
    unchanged(approval, &content(&invoice, line).ok_or(ApplyError::Changed)?)?;
    if is_marked(conn, id, line).await? {
        return Err(ApplyError::Impossible("the line is marked already".to_owned()));
    }
    // What is on its way to the payer is not at the Treasury; if it fails it can be paid over.
    let on_its_way = |refund: &Refund| {
        matches!(refund.status, RefundStatus::Approved | RefundStatus::Sent)
            && refund.kind == RefundKind::Paid
            && refund.shares.iter().any(|share| share.line == line)
    };
    if store::refunds_of_invoice(conn, id).await?.iter().any(on_its_way) {
        let why = "a refund of this line is on its way: wait for its end";
        return Err(ApplyError::NotYet(why.to_owned()));
    }
    mark_in(conn, id, line, &approval.made_by, by.at).await?;
    Ok(())
}
