//! A refund as the portal sees it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::refund::{Refund, RefundKind, RefundMethod};
use super::status::RefundStatus;
use crate::invoices::view::MoneySchema;
use crate::vocabulary::ids::ApprovalId;
use crate::vocabulary::money::Money;

/// What is taken of one line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RefundLineView {
    /// The line of the invoice, from 1.
    line: u32,
    /// How much.
    #[schema(value_type = MoneySchema)]
    amount: Money,
}

/// What can be done now, and where.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RefundLinks {
    /// The refund itself.
    #[serde(rename = "self")]
    this: String,
    /// Its invoice.
    invoice: String,
    /// POST here while it waits for that: signed with an approval key of the portal, or, when an
    /// officer asked for it, as another officer.
    #[serde(skip_serializing_if = "Option::is_none")]
    approve: Option<String>,
    /// POST here to take it back, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdraw: Option<String>,
}

/// One amount that is given back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Refund)]
pub struct RefundView<'a> {
    /// UUID v7.
    id: uuid::Uuid,
    /// The invoice the money came for.
    invoice_id: uuid::Uuid,
    /// The settlement it came with.
    settlement_id: uuid::Uuid,
    /// `requested`, `approved`, `sent`, `confirmed`, `failed` or `refused`.
    status: &'a str,
    /// Since when.
    status_since: DateTime<Utc>,
    /// `paid`: of what was paid; `treasury`: of what was paid over since; `surplus`: what was too
    /// much.
    kind: &'a str,
    /// `partner`: back the way it came; `transfer`: to the payer's account; `treasury`.
    method: &'a str,
    /// How much.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// Of which lines.
    lines: Vec<RefundLineView>,
    /// Why.
    reason: &'a str,
    /// Our reference of it at the partner.
    reference: &'a str,
    /// Who asked.
    requested_by: &'a str,
    /// When.
    requested_at: DateTime<Utc>,
    /// Who agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<&'a str>,
    /// The partner's own id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner_refund: Option<&'a str>,
    /// What must come before it can be approved: `bank` (the money has to be seen in the bank),
    /// `account` (the payer has to name one).
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<&'static str>,
    /// What can be done now.
    links: RefundLinks,
}

/// What an approval would look at.
#[derive(Debug, Clone, Copy)]
pub struct Released {
    /// The settlement was seen in the bank.
    pub banked: bool,
    /// There is an account to transfer to.
    pub account: bool,
    /// The approval that waits for another officer, when an officer asked for it.
    pub approval: Option<ApprovalId>,
}

impl<'a> RefundView<'a> {
    /// The refund, seen from outside at `public_url`.
    pub fn of(refund: &'a Refund, released: Released, public_url: &str) -> Self {
        let this = format!("{public_url}/v1/refunds/{}", refund.id);
        let waits = refund.status == RefundStatus::Requested;
        let waits_for = if !waits {
            None
        } else if refund.kind == RefundKind::Surplus && !released.banked {
            Some("bank")
        } else if refund.method == RefundMethod::Transfer && !released.account {
            Some("account")
        } else {
            None
        };
        let ready = waits && waits_for.is_none();
        // What a portal or the clock asked for, the portal's other key approves; what an officer
        // asked for, another officer.
        let approve = if refund.is_asked_by_officer() {
            released.approval.map(|id| format!("{public_url}/v1/approvals/{id}/approve"))
        } else {
            Some(format!("{this}/approve"))
        };
        Self {
            id: refund.id.0,
            invoice_id: refund.invoice.0,
            settlement_id: refund.settlement.0,
            status: refund.status.as_str(),
            status_since: refund.status_since,
            kind: refund.kind.as_str(),
            method: refund.method.as_str(),
            amount: refund.amount,
            lines: refund
                .shares
                .iter()
                .map(|share| RefundLineView { line: share.line, amount: share.amount })
                .collect(),
            reason: &refund.reason,
            reference: &refund.reference,
            requested_by: &refund.requested_by,
            requested_at: refund.requested_at,
            approved_by: refund.approved_by.as_deref(),
            partner_refund: refund.partner_refund.as_deref(),
            waits_for,
            links: RefundLinks {
                invoice: format!("{public_url}/v1/invoices/{}", refund.invoice),
                approve: approve.filter(|_| ready),
                withdraw: (refund.status == RefundStatus::Requested
                    && refund.kind != RefundKind::Surplus
                    && !refund.is_asked_by_officer())
                .then(|| format!("{this}/withdraw")),
                this,
            },
        }
    }

    /// As bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
