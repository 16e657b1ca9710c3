//! A payer chooses a way to pay: another attempt, dispatched like the first.

use serde_json::json;
use sqlx::PgPool;

use crate::invoices::attempt::{Asker, Attempt};
use crate::invoices::status::{AttemptStatus, Step};
use crate::invoices::store;
use crate::partners::Partner;
use crate::partners::dialects::Channel;
use crate::platform::{event, outbox};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::InvoiceId;

/// Why no attempt was made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The invoice cannot be paid any more.
    #[error("the invoice cannot be paid any more")]
    Closed,
    /// This partner cannot take it.
    #[error("this partner cannot take the payment")]
    NotOffered,
    /// Money may already be on its way.
    #[error("another attempt may already have been paid")]
    AnotherUnknown,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// What starting needs.
#[derive(Debug, Clone)]
pub struct Starting {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// An attempt lives so long (minutes).
    pub minutes: i64,
}

impl Starting {
    /// Makes an attempt through `partner`, or gives back the one that is already under way there.
    pub async fn start(
        &self,
        id: InvoiceId,
        partner: &Partner,
        asker: Asker<'_>,
    ) -> Result<Attempt, StartError> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let mut tx = self.pool.begin().await?;
        let locked = store::invoices_lock(&mut tx, &[id.0]).await?;
        let Some(mut invoice) = locked.into_iter().next() else { return Err(StartError::Closed) };
        let owed = invoice.amount.checked_sub(invoice.held).map_err(|_| StartError::Closed)?;
        let Ok(to) = invoice.status.after(Step::Attempt) else { return Err(StartError::Closed) };
        let allowed = invoice.terms.channels.as_ref().is_none_or(|c| c.contains(&partner.code));
        // A debt that a reversal reopened may be older than its first end.
        if now >= invoice.expires_at && invoice.cycle == 1 {
            return Err(StartError::Closed);
        }
        if !allowed || !partner.takes(owed) {
            return Err(StartError::NotOffered);
        }
        let attempts = store::attempts_of_invoice(&mut tx, id).await?;
        // Of the order that stands from the start no payer knows yet: it holds up nobody.
        if attempts.iter().any(|a| a.status == AttemptStatus::Unknown && !a.is_standing()) {
            return Err(StartError::AnotherUnknown);
        }
        // Where the answer with the page's address was lost, the order is there and nobody can go
        // and pay it: it holds up nobody either.
        let on_a_page = partner.channel() == Some(Channel::Redirect);
        let unreachable = |a: &Attempt| {
            on_a_page
                && a.status == AttemptStatus::AwaitingPayer
                && a.instruction.as_ref().is_none_or(|i| i.pay_url.is_none())
        };
        let live = attempts.into_iter().find(|a| {
            a.partner == partner.code
                && !a.status.is_final()
                && !unreachable(a)
                && a.amount == owed
                && a.expires_at > now + chrono::Duration::minutes(2)
        });
        if let Some(live) = live {
            return Ok(live);
        }
        let expires_at = now + chrono::Duration::minutes(self.minutes);
        let attempt = Attempt::new(&invoice, partner, asker, now, expires_at)
            .ok_or(StartError::NotOffered)?;
        invoice.status = to;
        invoice.status_since = now;
        invoice.sequence += 1;
        let more = json!({ "attempt": attempt.id, "partner": partner.code });
        store::invoices_update(&mut tx, &[&invoice]).await?;
        store::attempts_insert(&mut tx, &[&attempt]).await?;
        event::record_in(&mut tx, &[invoice.event("attempt.created", "payer", now, &more)]).await?;
        outbox::record_in(&mut tx, &[attempt.message()], now).await?;
        tx.commit().await?;
        outbox::WRITTEN.notify_one();
        Ok(attempt)
    }
}
