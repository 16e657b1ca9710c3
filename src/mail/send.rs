//! Sends what is due, and writes down what became of it.

use std::time::Duration as Wait;

use chrono::{DateTime, Duration, Utc};
use futures_util::StreamExt;
use lettre::message::Mailbox;
use tokio_util::sync::CancellationToken;

use super::server::{ServerError, hand_over};
use super::store::{self, DueMail};
use super::{Mailing, address, context, letter};
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::receipts::status::ReceiptStatus;
use crate::receipts::store::reads::receipt_of_invoice;

/// Mails claimed together; each has a connection of its own.
const AT_ONCE: usize = 8;
/// A claim lasts longer than any try.
const CLAIMED_FOR: Duration = Duration::minutes(3);
/// Ended mails, without their addresses, are kept so long.
const KEPT: Duration = Duration::days(30);

/// Why a mail is given up.
const NOT_PAID_ANY_MORE: &str = "the payment was taken back";

impl Mailing {
    /// Looks at what is due, until it is stopped.
    pub async fn run(self, every: Wait, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let done = match self.collect().await {
                Ok(_) => self.send_due().await,
                Err(error) => Err(error),
            };
            let sent = done.unwrap_or_else(|error| {
                tracing::warn!(%error, "mail to payers could not be looked at; trying again");
                0
            });
            if sent == AT_ONCE {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Sends some of what is due; how many were tried.
    pub async fn send_due(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let most = i64::try_from(AT_ONCE).unwrap_or(1);
        let due = store::mails_claim(&self.pool, now, now + CLAIMED_FOR, most).await?;
        let tried = due.len();
        let mut ends = futures_util::stream::iter(due)
            .map(|mail| self.send_one(mail))
            .buffer_unordered(AT_ONCE);
        while let Some(end) = ends.next().await {
            // The row comes back when its claim is over.
            if let Err(error) = end {
                tracing::warn!(%error, "what became of a mail was not written down");
            }
        }
        Ok(tried)
    }

    /// Forgets what ended long ago.
    pub async fn prune(&self) -> Result<(), sqlx::Error> {
        store::mails_prune(&self.pool, self.clock.now() - KEPT).await
    }

    async fn send_one(&self, mail: DueMail) -> Result<(), sqlx::Error> {
        let invoice = {
            let mut conn = self.pool.acquire().await?;
            invoice_store::invoice_read(&mut conn, mail.invoice).await?
        };
        let same = invoice.filter(|invoice| invoice.cycle == mail.cycle);
        let Some((invoice, paid_at)) = same.and_then(|i| i.paid_at.map(|at| (i, at))) else {
            return self.end(&mail, "failed", Some(NOT_PAID_ANY_MORE)).await;
        };
        // A second after the payment there may be none yet; the letter says where it will be.
        let receipt = {
            let mut conn = self.pool.acquire().await?;
            receipt_of_invoice(&mut conn, invoice.id).await?
        };
        let receipt = receipt.filter(|receipt| receipt.status == ReceiptStatus::Valid);
        let path = receipt.map(|receipt| receipt.check_path());
        match self.hand_over(&mail, &invoice, (paid_at, path.as_deref())).await {
            Ok(()) => self.end(&mail, "sent", None).await,
            Err(error) => {
                // What a server says may hold the address: it is told to the log alone.
                let told = match &error {
                    ServerError::Refused(_) => "refused by the server",
                    ServerError::NotNow(_) => "not taken by the server",
                    ServerError::TimedOut(_) => "no answer of the server in time",
                    ServerError::Settings(_) => "the settings cannot be used",
                };
                let tries = usize::try_from(mail.tries).unwrap_or(1).saturating_sub(1);
                match self.settings.retry_seconds.get(tries) {
                    Some(pause) if !matches!(error, ServerError::Refused(_)) => {
                        tracing::info!(mail.id = %mail.id, told, "a mail waits for its next try");
                        let pause = i64::try_from(*pause).unwrap_or(i64::from(i32::MAX));
                        let at = self.clock.now() + Duration::seconds(pause);
                        store::mail_retry(&self.pool, mail.id, at, told).await
                    }
                    _ => {
                        tracing::warn!(mail.id = %mail.id, told, "a mail was given up");
                        self.end(&mail, "failed", Some(told)).await
                    }
                }
            }
        }
    }

    async fn hand_over(
        &self,
        mail: &DueMail,
        invoice: &Invoice,
        paid: (DateTime<Utc>, Option<&str>),
    ) -> Result<(), ServerError> {
        let ours = |why: &dyn std::fmt::Display| ServerError::Settings(why.to_string());
        let opened =
            self.keys.open(&context(mail.id), &mail.address_sealed).map_err(|e| ours(&e))?;
        let to = std::str::from_utf8(opened.expose()).ok().and_then(address);
        let to = to.ok_or_else(|| ours(&"the address cannot be read"))?;
        let from: Mailbox = self.settings.from.parse().map_err(|e| ours(&e))?;
        let parties = (from, to);
        let mail = letter::confirmation(invoice, paid, &self.public_url, parties, mail.id)
            .map_err(|e| ours(&e))?;
        hand_over(&self.settings, mail).await
    }

    async fn end(
        &self,
        mail: &DueMail,
        state: &'static str,
        why: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        metrics::counter!("payclear_mail_total", "state" => state).increment(1);
        store::mail_end(&self.pool, mail.id, state, why, self.clock.now()).await
    }
}
