//! A second person agrees to a refund, or does not. What is approved is booked at once and goes out.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::query::EXPORTED_WITHIN;
use super::refund::{Refund, RefundKind, RefundMethod, Step};
use super::status::{RefundStep, WrongRefundStep};
use super::store::{self, reads};
use super::{accounts, book_in, occasion};
use crate::breaks::holding::{self, HeldIn};
use crate::breaks::{Break, BreakCode};
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::platform::{due, event, outbox};
use crate::vocabulary::ids::RefundId;

/// Why a refund is not approved, or not refused.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// There is none.
    #[error("there is no such refund")]
    NotFound,
    /// It is past that.
    #[error(transparent)]
    WrongStep(#[from] WrongRefundStep),
    /// Who asked does not approve.
    #[error("who asked for a refund does not approve it")]
    SamePerson,
    /// The money has not been seen in the bank.
    #[error("settlement {0} has not been confirmed as seen in the bank")]
    NotBanked(crate::vocabulary::ids::SettlementId),
    /// Who has seen it in the bank does not release it.
    #[error("who confirmed a settlement does not release what is due back of it")]
    BankedBySame,
    /// Nobody knows where to transfer it to.
    #[error(
        "no account to transfer to is known: the payer must name one, and a second person approve it"
    )]
    NoAccount,
    /// The bank took the money back, or that which it had paid together with.
    #[error("the settlement was taken back, or the payment that it was part of")]
    TakenBack,
    /// It is the Treasury's to pay by now.
    #[error(
        "line {0} was paid over to the Treasury since this was asked for: withdraw it and ask again"
    )]
    PaidOver(u32),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Locks a refund with its invoice.
pub(super) async fn lock_in(
    conn: &mut PgConnection,
    id: RefundId,
) -> Result<Option<(Refund, Invoice)>, sqlx::Error> {
    let Some(known) = store::refund_read(conn, id).await? else { return Ok(None) };
    let invoice = invoice_store::invoices_lock(conn, &[known.invoice.0]).await?.pop();
    let refund = store::refunds_lock(conn, &[id.0]).await?.pop();
    Ok(refund.zip(invoice))
}

/// Approves a refund, in the caller's transaction: books it and has it sent. The one way in for
/// portals' approval keys and for officers; `by` names the key or the login.
pub async fn approve_in(
    conn: &mut PgConnection,
    books: &Accounts,
    id: RefundId,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(Refund, Invoice), ApproveError> {
    let (mut refund, invoice) = lock_in(conn, id).await?.ok_or(ApproveError::NotFound)?;
    let from = refund.status;
    let to = from.after(RefundStep::Approve)?;
    if refund.requested_by == by {
        return Err(ApproveError::SamePerson);
    }
    let facts = reads::settlement_facts(conn, refund.settlement).await?;
    let facts = facts.ok_or(ApproveError::NotFound)?;
    // Of a part that is held again nothing is given back: what it had paid is taken back.
    let is_of_before = refund.kind != RefundKind::Surplus && refund.cycle != invoice.cycle;
    if facts.reversed || is_of_before {
        return Err(ApproveError::TakenBack);
    }
    if refund.kind == RefundKind::Surplus {
        match facts.banked_by.as_deref() {
            None => return Err(ApproveError::NotBanked(refund.settlement)),
            Some(confirmed) if confirmed == by => return Err(ApproveError::BankedBySame),
            Some(_) => {}
        }
    }
    if refund.kind == RefundKind::Paid {
        let over = reads::lines_paid_over(conn, refund.invoice).await?;
        let is_over = |line: u32| i32::try_from(line).is_ok_and(|line| over.contains(&line));
        if let Some(share) = refund.shares.iter().find(|share| is_over(share.line)) {
            return Err(ApproveError::PaidOver(share.line));
        }
    }
    if refund.method == RefundMethod::Transfer {
        let to = accounts::destination(conn, &refund).await?.ok_or(ApproveError::NoAccount)?;
        refund.destination = Some(to.sha256());
    }
    let occasion = occasion(&refund, books, "refund_approved", by, now);
    let entry = acts::refund_approved(occasion, &refund.out_of(), &refund.partner);
    refund.approval_entry = Some(book_in(conn, entry).await?);
    if refund.kind == RefundKind::Surplus {
        let held = money_of(&refund, &invoice, now);
        holding::release_whole_in(conn, HeldIn::RefundDue, &held, "it is given back").await?;
    }
    refund.approved_by = Some(by.to_owned());
    step_in(conn, &mut refund, &invoice, (from, to), (by, now)).await?;
    if refund.method == RefundMethod::Partner {
        outbox::record_in(conn, &[refund.message()], now).await?;
    } else {
        // Nobody sends it but who makes a file.
        due::put_in(conn, due::REFUND_WAITS, refund.id.0, now + EXPORTED_WITHIN).await?;
    }
    Ok((refund, invoice))
}

/// What a refund gives back of what is due back, as the case that holds it is told of it.
pub(super) fn money_of(refund: &Refund, invoice: &Invoice, now: DateTime<Utc>) -> Break {
    holding::unheld(
        BreakCode::RefundUnmatched,
        (refund.settlement, Some(refund.invoice)),
        (&refund.partner, &invoice.agency),
        refund.amount,
        (&format!("no case holds what refund {} gives back", refund.id), now),
    )
}

/// Refuses a refund that nobody has approved, in the caller's transaction; what it had claimed is
/// left again.
pub async fn refuse_in(
    conn: &mut PgConnection,
    id: RefundId,
    why: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Refund, ApproveError> {
    let (mut refund, mut invoice) = lock_in(conn, id).await?.ok_or(ApproveError::NotFound)?;
    let from = refund.status;
    let to = from.after(RefundStep::Refuse)?;
    let counted = refund.counts_for(&invoice);
    refund.last_code = Some(why.to_owned());
    if counted {
        let rest = invoice.refunding.checked_sub(refund.amount);
        invoice.refunding = rest.map_err(super::defect)?;
        invoice.sequence += 1;
        invoice_store::invoices_update(conn, &[&invoice]).await?;
    }
    refund.status = to;
    refund.status_since = now;
    if !store::refund_step(conn, &refund, from, None).await? {
        return Err(WrongRefundStep { from, step: RefundStep::Refuse }.into());
    }
    let at = if counted { Step::OfInvoice(now) } else { Step::Beside(now) };
    event::record_in(conn, &[refund.event(&invoice, "refund.refused", by, at)]).await?;
    count(&refund);
    Ok(refund)
}

/// Takes a step beside the invoice's own: the row is locked, so it stands where it was read.
pub(super) async fn step_in(
    conn: &mut PgConnection,
    refund: &mut Refund,
    invoice: &Invoice,
    (from, to): (super::status::RefundStatus, super::status::RefundStatus),
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    use super::status::RefundStatus;
    refund.status = to;
    refund.status_since = now;
    if !store::refund_step(conn, refund, from, None).await? {
        return Err(sqlx::Error::Protocol("defect: a locked refund moved".to_owned()));
    }
    let kind = if to == RefundStatus::Approved { "refund.approved" } else { "refund.sent" };
    event::record_in(conn, &[refund.event(invoice, kind, by, Step::Beside(now))]).await?;
    count(refund);
    Ok(())
}

pub(super) fn count(refund: &Refund) {
    metrics::counter!("payclear_refunds_total",
        "partner" => refund.partner.clone(), "status" => refund.status.as_str())
    .increment(1);
}
