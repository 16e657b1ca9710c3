//! Carrying a refund out: `approved → sent` is committed before the partner is called, and it is
//! called once.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, PgPool};

use super::approve::{lock_in, step_in};
use super::finish::{End, FinishError, QUERY, finish_in};
use super::refund::{Refund, RefundMethod};
use super::status::{RefundStatus, RefundStep};
use super::store::{self, reads};
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::partners::call::{Answered, Caller, NoAnswer};
use crate::partners::dialects::{Dialect, RefundOrder, Refunding};
use crate::partners::exchange::{Direction, Exchange, exchange_keep_if_possible};
use crate::platform::{due, outbox};
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::RefundId;

/// The kind of the row that has a refund sent once more.
pub const RESEND_DUE: &str = "refund.resend";
/// Who acts when nobody asked.
pub const SENDER: &str = "refunds";

/// Orders for refunds, as partners' dialects want them.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Who speaks which dialect.
    pub directory: LiveDirectory,
    /// What the addresses of the original order were built from.
    pub public_url: String,
}

impl Orders {
    /// A reference for a new refund, in the partner's form.
    pub fn reference(&self, partner: &str, now: DateTime<Utc>) -> String {
        let directory = self.directory.current();
        match directory.partner(partner).and_then(|p| p.dialect.as_ref()) {
            Some(dialect) => dialect.refund_reference(now, rand::random()),
            None => format!("RF{:016X}", rand::random::<u64>()),
        }
    }

    /// The way a refund goes: by the partner's call where there is one, by transfer otherwise.
    pub async fn method(
        &self,
        conn: &mut PgConnection,
        refund: &Refund,
        invoice: &Invoice,
    ) -> Result<RefundMethod, sqlx::Error> {
        let order = self.order(conn, refund, invoice).await?;
        let call = order.and_then(|(dialect, order)| dialect.ask_refund(&order));
        Ok(if call.is_some() { RefundMethod::Partner } else { RefundMethod::Transfer })
    }

    /// The order, and the dialect that speaks it; none without an order that was paid.
    pub async fn order(
        &self,
        conn: &mut PgConnection,
        refund: &Refund,
        invoice: &Invoice,
    ) -> Result<Option<(Arc<dyn Dialect>, RefundOrder)>, sqlx::Error> {
        let directory = self.directory.current();
        let dialect = directory.partner(&refund.partner).and_then(|p| p.dialect.clone());
        let facts = reads::settlement_facts(conn, refund.settlement).await?;
        let (Some(dialect), Some(facts)) = (dialect, facts) else { return Ok(None) };
        let attempts = match facts.attempt {
            Some(attempt) => invoice_store::attempts_read(conn, &[attempt]).await?,
            None => Vec::new(),
        };
        let Some(attempt) = attempts.first() else { return Ok(None) };
        let mut requested_by = refund.requested_by.clone();
        requested_by.retain(|c| c.is_ascii_alphanumeric() || c == '-');
        requested_by.truncate(40);
        let order = RefundOrder {
            reference: refund.reference.clone(),
            order: attempt.order(invoice, &self.public_url),
            transaction_id: facts.transaction_id,
            amount: refund.amount,
            whole: refund.amount.amount() == facts.amount,
            created_at: refund.requested_at,
            requested_by,
        };
        Ok(Some((dialect, order)))
    }
}

/// What carrying out needs.
#[derive(Debug, Clone)]
pub struct Carrying {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// The lines to partners.
    pub caller: Caller,
    /// Orders.
    pub orders: Orders,
}

/// Why a refund was not handled now.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    /// It ended otherwise meanwhile.
    #[error(transparent)]
    Finish(#[from] FinishError),
}

/// Takes an approved refund's step to `sent`, in the caller's transaction: it may go out once that
/// is committed. Money that was taken back meanwhile does not go out: the refund fails at once.
pub(super) async fn send_in(
    conn: &mut PgConnection,
    books: &Accounts,
    refund: &mut Refund,
    invoice: &Invoice,
    (by, now): (&str, DateTime<Utc>),
    ask_after: Duration,
) -> Result<bool, CarryError> {
    let from = refund.status;
    let Ok(to) = from.after(RefundStep::Send) else { return Ok(false) };
    step_in(conn, refund, invoice, (from, to), (by, now)).await?;
    let facts = reads::settlement_facts(conn, refund.settlement).await?;
    if facts.is_none_or(|facts| facts.reversed) {
        let end = End::Failed { code: "the settlement was taken back".to_owned() };
        finish_in(conn, books, refund.id, &end, by, now).await?;
        return Ok(false);
    }
    // Whatever becomes of this process, the refund is asked after.
    due::put_in(conn, QUERY, refund.id.0, now + ask_after).await?;
    Ok(true)
}

/// What became of a refund that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The partner was called.
    Called,
    /// It was called before, or may have been: the partner has to be asked.
    Before,
    /// Not now.
    PutOff,
    /// There is nothing to do.
    Nothing,
    /// There is no such refund.
    Unknown,
}

impl Carrying {
    /// Has a partner carry out an approved refund.
    pub async fn send(&self, id: RefundId) -> Result<Sent, CarryError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let Some((mut refund, invoice)) = lock_in(&mut tx, id).await? else {
            return Ok(Sent::Unknown);
        };
        match refund.status {
            RefundStatus::Approved if refund.method == RefundMethod::Partner => {}
            RefundStatus::Sent => return Ok(Sent::Before),
            _ => return Ok(Sent::Nothing),
        }
        let ready = self.orders.order(&mut tx, &refund, &invoice).await?;
        let call = ready.and_then(|(dialect, order)| {
            let call = dialect.ask_refund(&order)?;
            Some((dialect, order, call))
        });
        let Some((dialect, order, call)) = call.filter(|_| self.caller.is_open(&refund.partner))
        else {
            // Not called, so still `approved`: the clock sends the message again.
            due::put_in(&mut tx, RESEND_DUE, id.0, now + Duration::seconds(15)).await?;
            tx.commit().await?;
            return Ok(Sent::PutOff);
        };
        let by = (SENDER, now);
        let ask_after = Duration::minutes(2);
        let goes = send_in(&mut tx, &self.accounts, &mut refund, &invoice, by, ask_after).await?;
        tx.commit().await?;
        outbox::WRITTEN.notify_one();
        if !goes {
            return Ok(Sent::Nothing);
        }
        crate::platform::faults::point("refunds.sent");
        let heard = match self.caller.call(&refund.partner, call).await {
            Ok(answered) => {
                let heard = dialect.hear_refund(&order, answered.as_answer());
                if let Refunding::Unknown { why: said } | Refunding::Refused { code: said } = &heard
                {
                    self.keep(&refund, &order, said, &answered).await;
                }
                heard
            }
            Err(why @ (NoAnswer::Silent(_) | NoAnswer::LeftAlone)) => {
                Refunding::Unknown { why: why.to_string() }
            }
        };
        crate::platform::faults::point("refunds.called");
        self.heard(&refund, heard, Duration::seconds(5)).await?;
        Ok(Sent::Called)
    }

    /// Keeps, for disputes, an answer that was not what it should have been; under the order that
    /// was paid, as everything else about it.
    async fn keep(&self, refund: &Refund, order: &RefundOrder, said: &str, answered: &Answered) {
        let exchange = Exchange {
            at: self.clock.now(),
            partner: &refund.partner,
            direction: Direction::Out,
            purpose: "refund",
            reference: Some(&order.order.reference),
            status: Some(answered.status),
            verdict: said,
            body: &answered.body,
        };
        exchange_keep_if_possible(&self.pool, &exchange).await;
    }

    /// Takes in what a partner says of a refund; what is not the end is asked after.
    pub(super) async fn heard(
        &self,
        refund: &Refund,
        heard: Refunding,
        ask_after: Duration,
    ) -> Result<(), CarryError> {
        let now = self.clock.now();
        let (end, note) = match heard {
            Refunding::Confirmed { partner_refund } => {
                (Some(End::Confirmed { partner_refund }), String::new())
            }
            Refunding::Refused { code } => {
                tracing::warn!(partner.code = refund.partner, code, "a refund was refused");
                (Some(End::Failed { code }), String::new())
            }
            Refunding::Processing => (None, "processing".to_owned()),
            Refunding::NotFound => (None, "not known there".to_owned()),
            Refunding::Unknown { why } => {
                tracing::warn!(partner.code = refund.partner, why, "a refund is lost from sight");
                (None, why.chars().take(200).collect())
            }
        };
        let mut tx = self.pool.begin().await?;
        if let Some(end) = end {
            let by = format!("partner/{}", refund.partner);
            match finish_in(&mut tx, &self.accounts, refund.id, &end, &by, now).await {
                // Another, or a person, was faster.
                Err(FinishError::WrongStep(_)) => return Ok(()),
                done => drop(done?),
            }
        } else {
            store::refund_note(&mut tx, refund.id, &note).await?;
            due::put_in(&mut tx, QUERY, refund.id.0, now + ask_after).await?;
        }
        tx.commit().await?;
        outbox::WRITTEN.notify_one();
        Ok(())
    }
}
