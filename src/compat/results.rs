//! The result message: told once a payment is paid, again and again until the dossier system answers
//! MaLoi 00, with the pauses of the notices, and parked after the last.
//!
//! A payment has a row among what is due. While it can still be paid it is looked at, seldom the
//! older it is; from then on the row is the next try. Who dies with a try leaves the row, which comes
//! back: a result may be told twice, and MaThamChieu tells the other side so.

use std::sync::Arc;
use std::time::Duration as Wait;

use chrono::{DateTime, Duration, Utc};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::http::open;
use super::peer::Peer;
use super::reply::time;
use super::signature::{self, HASH, RESULT};
use super::store::{self, Payment};
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Status;
use crate::invoices::store::invoice_read;
use crate::notices::schedule::{Jitter, Schedule};
use crate::partners::dialects::json::Object;
use crate::platform::due;
use crate::platform::egress::Egress;
use crate::platform::seal::MasterKeys;
use crate::platform::settings::NoticesSettings;
use crate::settlements::banked::is_banked;
use crate::vocabulary::clock::SharedClock;

/// The kind of the row that has a payment looked at, or its result told.
pub const RESULT_DUE: &str = "compat.result";

/// Tries under way at once: one system that hangs keeps no other waiting.
const AT_ONCE: usize = 64;
/// Late money still pays an expired invoice; after this long it is not waited for.
const WAITED_FOR: Duration = Duration::days(35);
/// The most that is read of an answer.
const MOST_BYTES: usize = 64 * 1024;

/// What telling results needs.
#[derive(Debug)]
pub struct Results {
    pool: PgPool,
    clock: SharedClock,
    keys: Arc<MasterKeys>,
    egress: Egress,
    schedule: Schedule,
    within: Wait,
    at_once: Arc<Semaphore>,
}

impl Results {
    /// Tells nothing yet.
    pub fn new(
        pool: PgPool,
        clock: SharedClock,
        keys: Arc<MasterKeys>,
        egress: Egress,
        settings: &NoticesSettings,
    ) -> Self {
        Self {
            pool,
            clock,
            keys,
            egress,
            schedule: Schedule::new(settings),
            within: Wait::from_secs(settings.try_seconds.clamp(1, 30)),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Looks at what is due, until it is stopped; then what is under way ends.
    pub async fn run(self: Arc<Self>, every: Wait, stop: CancellationToken) {
        let work = TaskTracker::new();
        while !stop.is_cancelled() {
            if let Err(error) = Arc::clone(&self).sweep(&work).await {
                tracing::warn!(%error, "results of payments could not be looked at; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
        work.close();
        work.wait().await;
    }

    async fn sweep(self: Arc<Self>, work: &TaskTracker) -> Result<(), sqlx::Error> {
        let free = i64::try_from(self.at_once.available_permits()).unwrap_or(0);
        if free == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        super::reversed::sweep(&self.pool, now).await?;
        for invoice in due::take(&self.pool, RESULT_DUE, now, free).await? {
            let this = Arc::clone(&self);
            let Ok(permit) = Arc::clone(&this.at_once).acquire_owned().await else { return Ok(()) };
            work.spawn(async move {
                if let Err(error) = this.look(invoice).await {
                    tracing::warn!(%error, invoice.id = %invoice, "a result was not told");
                }
                drop(permit);
            });
        }
        Ok(())
    }

    /// Looks at one payment, and tells its result when there is one.
    async fn look(&self, id: Uuid) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let (payment, invoice, banked, sealed) = {
            let mut conn = self.pool.acquire().await?;
            let payment = store::payment_of_invoice(&mut conn, id).await?;
            let Some(payment) = payment.filter(|payment| payment.state == "open") else {
                return due::done_in(&mut conn, RESULT_DUE, &[id]).await;
            };
            let Some(invoice) = invoice_read(&mut conn, payment.invoice).await? else {
                return due::done_in(&mut conn, RESULT_DUE, &[id]).await;
            };
            let sealed = store::settings_of_portal(&mut conn, &payment.portal).await?;
            let banked = is_banked(&mut conn, &invoice).await?;
            (payment, invoice, banked, sealed)
        };
        match invoice.status {
            Status::Paid if banked || !invoice.terms.notify_when_banked => {}
            Status::Cancelled => return self.end(&payment, "closed", None, now).await,
            Status::Issued | Status::Pending | Status::Expired | Status::Paid => {
                if now > invoice.expires_at + WAITED_FOR {
                    return self.end(&payment, "closed", None, now).await;
                }
                let at = now + pause_of_age(now - payment.asked_at);
                let mut conn = self.pool.acquire().await?;
                return due::put_in(&mut conn, RESULT_DUE, id, at).await;
            }
        }
        let peer = sealed.and_then(|sealed| open(&payment.portal, &sealed, &self.keys));
        let told = match peer {
            Some(peer) => self.tell(&peer, &payment, &invoice).await,
            None => Err("the portal has no compat settings that open".to_owned()),
        };
        let now = self.clock.now();
        match told {
            Ok(()) => {
                metrics::counter!("payclear_compat_results_told_total").increment(1);
                self.end(&payment, "told", None, now).await
            }
            Err(why) => self.again(&payment, &why, now).await,
        }
    }

    async fn again(
        &self,
        payment: &Payment,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let tries = payment.tries.saturating_add(1);
        let (portal, reference) = (payment.portal.as_str(), payment.reference.as_str());
        let Some(pause) = self.schedule.pause(tries, None, Jitter::draw()) else {
            metrics::counter!("payclear_compat_results_parked_total").increment(1);
            tracing::error!(portal.id = portal, reference, why, "a result is parked");
            return self.end(payment, "parked", Some(why), now).await;
        };
        tracing::info!(portal.id = portal, reference, tries, why, "a result was not taken");
        let mut tx = self.pool.begin().await?;
        store::payment_step(&mut tx, payment, ("open", tries), Some(why), now).await?;
        due::put_in(&mut tx, RESULT_DUE, payment.invoice.0, now + pause).await?;
        tx.commit().await
    }

    async fn end(
        &self,
        payment: &Payment,
        state: &str,
        why: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let tries = payment.tries.saturating_add(i32::from(state != "closed"));
        let mut tx = self.pool.begin().await?;
        store::payment_step(&mut tx, payment, (state, tries), why, now).await?;
        due::done_in(&mut tx, RESULT_DUE, &[payment.invoice.0]).await?;
        tx.commit().await
    }

    /// One try. Only MaLoi 00 is a yes.
    async fn tell(&self, peer: &Peer, payment: &Payment, invoice: &Invoice) -> Result<(), String> {
        let body = result(peer, payment, invoice).ok_or("the result cannot be written")?;
        let mut request = self
            .egress
            .request(Method::POST, &peer.result_url)
            .map_err(|refused| refused.to_string())?
            .timeout(self.within)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &peer.result_bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let silent = |error: reqwest::Error| error.without_url().to_string();
        let mut response = request.body(body).send().await.map_err(silent)?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silent)? {
            answer.extend_from_slice(&chunk);
            if answer.len() > MOST_BYTES {
                return Err("the answer is too long".to_owned());
            }
        }
        if !status.is_success() {
            return Err(format!("answered {}", status.as_u16()));
        }
        judge(&answer, &payment.reference)
    }
}

/// While it can still be paid: every second at first, every half minute after ten minutes, then
/// seldom.
fn pause_of_age(age: Duration) -> Duration {
    (age / 20).clamp(Duration::seconds(1), Duration::hours(1))
}

/// The message, signed. SoTien is a number here, and text in INIT.
fn result(peer: &Peer, payment: &Payment, invoice: &Invoice) -> Option<String> {
    let mut message = json!({
        "LoaiBanTin": peer.result_kind,
        "MaLoi": "00",
        "MaDoiTac": peer.partner_code,
        "MaThamChieu": payment.reference,
        "SoTien": invoice.amount.minor_units(),
        "MaTienTe": "VND",
        "MaGiaoDich": invoice.code.as_str(),
        "MaNganHang": invoice.paid_via,
        "ThoiGianGD": time(invoice.paid_at?),
        "ThongTinGiaoDich": payment.description,
    });
    let written = message.to_string();
    let text = RESULT.text(&Object::read(&written)?, &peer.secret)?;
    message[HASH] = json!(signature::hash(&text));
    Some(message.to_string())
}

/// Did the dossier system take it? Bare, or as an LGSP wraps it.
fn judge(answer: &[u8], reference: &str) -> Result<(), String> {
    let text = std::str::from_utf8(answer).unwrap_or_default();
    let read = Object::read(text).ok_or("answered no JSON object")?;
    let inner = read.text("message").filter(|_| read.text("MaLoi").is_none());
    let unwrapped = inner.as_deref().and_then(Object::read);
    let said = unwrapped.as_ref().unwrap_or(&read);
    let code = said.text("MaLoi").unwrap_or_default();
    if code != "00" {
        return Err(format!("answered MaLoi {:?}", code.chars().take(20).collect::<String>()));
    }
    match said.text("MaThamChieu") {
        Some(other) if other != reference => Err("answered for another MaThamChieu".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_00_for_this_payment_is_a_yes() {
        for yes in [
            r#"{"MaLoi":"00"}"#,
            r#"{"MaLoi":"00","MaThamChieu":"R1"}"#,
            r#"{"error_code":"0","message":"{\"MaLoi\":\"00\",\"MaThamChieu\":\"R1\"}"}"#,
        ] {
            assert_eq!(judge(yes.as_bytes(), "R1"), Ok(()), "{yes}");
        }
        for no in [
            "",
            "[]",
            "{}",
            "<html>",
            r#"{"MaLoi":"99"}"#,
            r#"{"MaLoi":0}"#,
            r#"{"MaLoi":"00","MaThamChieu":"R2"}"#,
            r#"{"error_code":"0","message":"{\"MaLoi\":\"99\"}"}"#,
            r#"{"error_code":"0","message":"ok"}"#,
        ] {
            assert!(judge(no.as_bytes(), "R1").is_err(), "{no}");
        }
    }

    #[test]
    fn a_payment_is_looked_at_often_while_a_payer_may_be_at_it() {
        let seconds = |age: i64| pause_of_age(Duration::seconds(age)).num_seconds();
        assert_eq!(
            [0, 10, 60, 600, 3_600, 86_400, 864_000].map(seconds),
            [1, 1, 3, 30, 180, 3_600, 3_600]
        );
    }
}
