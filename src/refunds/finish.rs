//! The end of a refund: the payer has the money, or does not get it this way. By the partner's word,
//! or by a person's where a partner has none.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::approve::{count, lock_in, money_of};
use super::refund::{Refund, RefundKind, Step};
use super::status::{RefundStep, WrongRefundStep};
use super::store::{self, reads};
use super::{book_in, defect, occasion};
use crate::breaks::holding::{self, HeldIn};
use crate::breaks::{self, Break, BreakCode};
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::store as ledger;
use crate::platform::outbox::{self, Message, MessageKind};
use crate::platform::{due, event, telemetry};
use crate::vocabulary::ids::RefundId;

/// The kind of the row that has a refund asked after.
pub const QUERY: &str = "refund.query";

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The payer has the money.
    Confirmed {
        /// The partner's own id of the refund.
        partner_refund: Option<String>,
    },
    /// No money moved, and none will.
    Failed {
        /// The partner's code, or a person's reason.
        code: String,
    },
}

/// Why a refund does not end so.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// There is none.
    #[error("there is no such refund")]
    NotFound,
    /// It is not on its way.
    #[error(transparent)]
    WrongStep(#[from] WrongRefundStep),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Is the money of a refund that fails nobody's? A part payment was given back of while its invoice
/// was paid; then the payment that had completed it was taken back, and the agency's side of that
/// left out what the payer was to have: no paid invoice is left that the agency could be owed for.
async fn is_left_over(
    conn: &mut PgConnection,
    refund: &Refund,
    invoice: &Invoice,
) -> Result<bool, sqlx::Error> {
    if refund.kind == RefundKind::Surplus || refund.cycle == invoice.cycle {
        return Ok(false);
    }
    reads::is_left_out_of_reversal(conn, refund).await
}

/// Ends a refund that was sent, in the caller's transaction: books it, tells the portal, closes the
/// case. `by` is the partner, or the person who decides.
pub async fn finish_in(
    conn: &mut PgConnection,
    books: &Accounts,
    id: RefundId,
    end: &End,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Refund, FinishError> {
    let (mut refund, mut invoice) = lock_in(conn, id).await?.ok_or(FinishError::NotFound)?;
    let from = refund.status;
    let counted = refund.counts_for(&invoice);
    let mut is_nobodys = false;
    let (entry, kind) = match end {
        End::Confirmed { partner_refund } => {
            refund.status = from.after(RefundStep::Confirm)?;
            refund.partner_refund.clone_from(partner_refund);
            let facts = reads::settlement_facts(conn, refund.settlement).await?;
            let account = facts.map(|facts| facts.account).unwrap_or_default();
            let occasion = occasion(&refund, books, "refund_confirmed", by, now);
            if counted {
                let sum = invoice.refunded.checked_add(refund.amount);
                invoice.refunded = sum.map_err(defect)?;
            }
            let paid_from = refund.paid_from(&account);
            (acts::refund_confirmed(occasion, &refund.partner, &paid_from), "refund.confirmed")
        }
        End::Failed { code } => {
            refund.status = from.after(RefundStep::Fail)?;
            refund.last_code = Some(code.chars().take(200).collect());
            let approval = refund.approval_entry.ok_or(FinishError::NotFound)?;
            if counted {
                let rest = invoice.refunding.checked_sub(refund.amount);
                invoice.refunding = rest.map_err(defect)?;
            }
            is_nobodys = is_left_over(conn, &refund, &invoice).await?;
            let entry = if is_nobodys {
                let occasion = occasion(&refund, books, "refund_suspended", by, now);
                let at = |kind| AccountKey::of(kind, &refund.partner, refund.amount.currency());
                let transit = at(AccountKind::RefundsInTransit);
                acts::between(occasion, transit, at(AccountKind::Suspense), refund.amount)
            } else {
                let mut occasion = occasion(&refund, books, "refund_failed", by, now);
                occasion.reverses = Some(approval);
                acts::mirror(occasion, ledger::entry_lines(conn, approval).await?)
            };
            (entry, "refund.failed")
        }
    };
    refund.status_since = now;
    let entry = book_in(conn, entry).await?;
    if refund.kind == RefundKind::Surplus && matches!(end, End::Failed { .. }) {
        let back = money_of(&refund, &invoice, now);
        holding::hold_again_in(conn, HeldIn::RefundDue, &back, "the refund failed").await?;
    }
    if is_nobodys {
        let left = money_of(&refund, &invoice, now);
        let detail = format!(
            "refund {} did not reach the payer, and what it gave back of was taken back meanwhile",
            refund.id
        );
        holding::suspend_in(conn, &Break { detail, ..left }, "the refund failed").await?;
    }
    invoice.sequence += 1;
    invoice_store::invoices_update(conn, &[&invoice]).await?;
    if !store::refund_step(conn, &refund, from, Some(entry)).await? {
        return Err(WrongRefundStep { from, step: RefundStep::Confirm }.into());
    }
    due::done_in(conn, QUERY, &[id.0]).await?;
    let others = store::refunds_of_invoice(conn, invoice.id).await?;
    let still = |r: &Refund| r.id != id && r.status == super::status::RefundStatus::Sent;
    if !others.iter().any(still) {
        let code = BreakCode::RefundUnmatched;
        breaks::store::breaks_close_of_invoices(conn, code, &[invoice.id], now).await?;
    }
    event::record_in(conn, &[refund.event(&invoice, kind, by, Step::OfInvoice(now))]).await?;
    let told = Message {
        kind: MessageKind::NoticeDue,
        route: String::new(),
        subject: invoice.id.0,
        sequence: invoice.sequence,
        trace: telemetry::current_trace(),
    };
    outbox::record_in(conn, &[told], now).await?;
    if refund.kind == RefundKind::Surplus && matches!(end, End::Failed { .. }) {
        tracing::warn!(refund = %refund.id, "what is due back did not reach the payer");
    }
    count(&refund);
    Ok(refund)
}
