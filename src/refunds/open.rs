//! What is due back becomes a refund by itself: one for each settlement with money due back. And
//! what was taken back by its bank is not given back a second time.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::approve::{ApproveError, refuse_in};
use super::refund::{OURSELVES, Refund, RefundKind, RefundMethod, Source, Step};
use super::request::WAITS_FOR;
use super::send::{Carrying, Orders};
use super::status::RefundStatus;
use super::store::{self, reads};
use crate::breaks;
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::platform::{due, event};
use crate::vocabulary::ids::{RefundId, SettlementId};

/// Invoices or settlements of one sweep.
const SWEEP: i64 = 100;

impl Carrying {
    /// Opens refunds for what is due back; returns how many invoices were looked at.
    pub async fn sweep_due_back(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let invoices = due::take(&self.pool, due::REFUND_OPEN, now, SWEEP).await?;
        for invoice in &invoices {
            // One that cannot be opened holds up no other; it comes back.
            if let Err(error) = self.open_of(*invoice, now).await {
                tracing::error!(invoice.id = %invoice, %error, "what is due back was not opened");
            }
        }
        Ok(invoices.len())
    }

    async fn open_of(&self, invoice: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        self.open_in(&mut tx, invoice, now).await?;
        due::done_in(&mut tx, due::REFUND_OPEN, &[invoice]).await?;
        tx.commit().await
    }

    async fn open_in(
        &self,
        conn: &mut PgConnection,
        invoice: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let Some(invoice) = invoice_store::invoices_lock(conn, &[invoice]).await?.pop() else {
            return Ok(());
        };
        let known = store::refunds_of_invoice(conn, invoice.id).await?;
        for source in reads::sources(conn, &invoice).await? {
            let before =
                |r: &Refund| r.kind == RefundKind::Surplus && r.settlement == source.settlement;
            // Once: what was refused, or did not arrive, is opened again by a person.
            if !source.due_back.is_zero() && !known.iter().any(before) {
                self.give_back_in(conn, &invoice, &source, OURSELVES, now).await?;
            }
        }
        Ok(())
    }

    async fn give_back_in(
        &self,
        conn: &mut PgConnection,
        invoice: &Invoice,
        source: &Source,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Refund, sqlx::Error> {
        let refund = self.orders.surplus(conn, invoice, source, (by, now)).await?;
        insert_in(conn, invoice, &refund).await?;
        Ok(refund)
    }

    /// Opens the refund of what is due back of one settlement once more, after one that was refused
    /// or did not reach the payer; none when nothing is due back, or one is under way.
    pub async fn open_again_in(
        &self,
        conn: &mut PgConnection,
        settlement: SettlementId,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Refund>, sqlx::Error> {
        self.orders.open_again_in(conn, settlement, by, now).await
    }

    /// Looks at the refunds of settlements that were taken back; returns how many settlements.
    pub async fn sweep_reversed(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let settlements = due::take(&self.pool, due::REFUND_REVERSED, now, SWEEP).await?;
        for settlement in &settlements {
            if let Err(error) = self.look_at_reversed(*settlement, now).await {
                tracing::error!(settlement.id = %settlement, %error,
                    "the refunds of what was taken back were not looked at");
            }
        }
        Ok(settlements.len())
    }

    async fn look_at_reversed(
        &self,
        settlement: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        taken_back_in(&mut tx, SettlementId(settlement), now).await?;
        due::done_in(&mut tx, due::REFUND_REVERSED, &[settlement]).await?;
        tx.commit().await
    }
}

impl Orders {
    /// Opens the refund of what is due back of one settlement once more, after one that was refused
    /// or did not reach the payer; none when nothing is due back, or one is under way.
    pub async fn open_again_in(
        &self,
        conn: &mut PgConnection,
        settlement: SettlementId,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Refund>, sqlx::Error> {
        let Some((invoice, source)) = openable_in(conn, settlement).await? else { return Ok(None) };
        let refund = self.surplus(conn, &invoice, &source, (by, now)).await?;
        insert_in(conn, &invoice, &refund).await?;
        Ok(Some(refund))
    }

    /// A refund of all that is due back of a settlement, not written yet.
    pub(super) async fn surplus(
        &self,
        conn: &mut PgConnection,
        invoice: &Invoice,
        source: &Source,
        (by, now): (&str, DateTime<Utc>),
    ) -> Result<Refund, sqlx::Error> {
        let reference = self.reference(&source.partner, now);
        let way = (reference, RefundMethod::Transfer);
        let mut refund = surplus_by(invoice, source, way, (by, now));
        refund.method = self.method(conn, &refund, invoice).await?;
        Ok(refund)
    }
}

/// The same, with the reference and the way given.
pub(super) fn surplus_by(
    invoice: &Invoice,
    source: &Source,
    (reference, method): (String, RefundMethod),
    (by, now): (&str, DateTime<Utc>),
) -> Refund {
    Refund {
        id: RefundId::new(now),
        invoice: invoice.id,
        settlement: source.settlement,
        cycle: invoice.cycle,
        partner: source.partner.clone(),
        reference,
        kind: RefundKind::Surplus,
        method,
        amount: source.due_back,
        shares: Vec::new(),
        reason: "due back".to_owned(),
        requested_by: by.to_owned(),
        requested_at: now,
        status: RefundStatus::Requested,
        status_since: now,
        approved_by: None,
        approval_entry: None,
        destination: None,
        partner_refund: None,
        last_code: None,
        batch: None,
    }
}

/// Writes a refund of what is due back.
pub(super) async fn insert_in(
    conn: &mut PgConnection,
    invoice: &Invoice,
    refund: &Refund,
) -> Result<(), sqlx::Error> {
    store::refund_insert(conn, refund).await?;
    let waits_until = refund.requested_at + WAITS_FOR;
    due::put_in(conn, due::REFUND_WAITS, refund.id.0, waits_until).await?;
    let at = Step::Beside(refund.requested_at);
    let step = refund.event(invoice, "refund.requested", &refund.requested_by, at);
    event::record_in(conn, &[step]).await?;
    super::approve::count(refund);
    Ok(())
}

/// What is due back of a settlement, with its invoice, locked; none when nothing is, or a refund of
/// it is under way or done.
pub(super) async fn openable_in(
    conn: &mut PgConnection,
    settlement: SettlementId,
) -> Result<Option<(Invoice, Source)>, sqlx::Error> {
    let facts = reads::settlement_facts(conn, settlement).await?;
    let Some(id) = facts.and_then(|facts| facts.invoice) else { return Ok(None) };
    let Some(invoice) = invoice_store::invoices_lock(conn, &[id]).await?.pop() else {
        return Ok(None);
    };
    let known = store::refunds_of_settlement(conn, settlement).await?;
    if known.iter().any(|r| r.kind == RefundKind::Surplus && r.status.is_living()) {
        return Ok(None);
    }
    let sources = reads::sources(conn, &invoice).await?;
    let of = |source: &Source| source.settlement == settlement && !source.due_back.is_zero();
    Ok(sources.into_iter().find(of).map(|source| (invoice, source)))
}

/// What nobody has approved is refused; what was approved before is told in the reversal's case.
///
/// A part that is held again, because the payment that it had completed was taken back, is not gone
/// itself: only what was asked back of what was paid then is.
async fn taken_back_in(
    conn: &mut PgConnection,
    settlement: SettlementId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let Some(facts) = reads::settlement_facts(conn, settlement).await? else { return Ok(()) };
    let cycle = match facts.invoice {
        Some(id) => invoice_store::invoices_lock(conn, &[id]).await?.pop().map(|i| i.cycle),
        None => None,
    };
    let is_gone = |refund: &Refund| {
        facts.reversed
            || (refund.kind != RefundKind::Surplus && cycle.is_some_and(|now| refund.cycle < now))
    };
    let mut gone = Vec::new();
    for refund in store::refunds_of_settlement(conn, settlement).await?.into_iter().filter(is_gone)
    {
        if refund.status == RefundStatus::Requested {
            let why = "the settlement was taken back";
            match refuse_in(conn, refund.id, why, OURSELVES, now).await {
                Ok(_) => continue,
                Err(ApproveError::Store(error)) => return Err(error),
                // Approved at this moment: no approval passes after the reversal, so it was before.
                Err(_) => {}
            }
        }
        if refund.status.is_living() {
            gone.push(format!("refund {} of {} is {}", refund.id, refund.amount, refund.status));
        }
    }
    if !gone.is_empty() {
        let told = format!("given back as well: {}", gone.join("; "));
        breaks::store::break_tell(conn, breaks::BreakCode::Reversed, settlement, &told).await?;
    }
    Ok(())
}
