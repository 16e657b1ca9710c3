//! Portals that are told only once the money was seen in the bank.
//!
//! A procedure may ask for that. Its invoices are paid, and stand so in the feed, as soon as a partner
//! says so; the notice waits until every settlement that paid the invoice has been seen in the bank.
//! Whoever writes that one was (`settlement_banked`: an officer's word, the matching of statements)
//! need not know of it: a trigger there has the invoice looked at, here.

use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::store;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Status;
use crate::invoices::store as invoice_store;
use crate::platform::due::{self, INVOICE_BANKED};
use crate::platform::event;
use crate::platform::outbox::{self, Message, MessageKind};
use crate::platform::telemetry;
use crate::vocabulary::clock::SharedClock;

/// Invoices of one sweep.
const SWEEP: i64 = 200;

/// Telling portals of what was seen in the bank.
#[derive(Debug, Clone)]
pub struct Telling {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
}

/// Was all that paid an invoice seen in the bank?
pub async fn is_banked(conn: &mut PgConnection, invoice: &Invoice) -> Result<bool, sqlx::Error> {
    if invoice.status != Status::Paid {
        return Ok(false);
    }
    store::paid_is_banked(conn, invoice.id, invoice.cycle).await
}

impl Telling {
    /// Looks at invoices of which something was seen in the bank; how many.
    pub async fn sweep(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let invoices = due::take(&self.pool, INVOICE_BANKED, now, SWEEP).await?;
        for invoice in &invoices {
            let mut tx = self.pool.begin().await?;
            // Taken away first: what is seen from here on puts it back.
            due::done_in(&mut tx, INVOICE_BANKED, &[*invoice]).await?;
            let told = self.look_in(&mut tx, *invoice).await?;
            tx.commit().await?;
            if told {
                outbox::WRITTEN.notify_one();
            }
        }
        Ok(invoices.len())
    }

    async fn look_in(&self, conn: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        let Some(invoice) = invoice_store::invoices_lock(conn, &[id]).await?.pop() else {
            return Ok(false);
        };
        if !invoice.terms.notify_when_banked || !is_banked(conn, &invoice).await? {
            return Ok(false);
        }
        let Some(sequence) = store::last_paid_step(conn, invoice.id).await? else {
            return Ok(false);
        };
        let more = json!({ "cash": "banked" });
        event::record_in(conn, &[invoice.side_event("invoice.banked", "payclear", now, &more)])
            .await?;
        let message = Message {
            kind: MessageKind::NoticeDue,
            route: String::new(),
            subject: id,
            sequence,
            trace: telemetry::current_trace(),
        };
        outbox::record_in(conn, &[message], now).await?;
        Ok(true)
    }
}
