//! Expiry: what nobody paid in time. The sweep walks the index on the immutable `expires_at` behind
//! a watermark; an invoice with an attempt that may still bring money waits in `due`.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::claim;
use super::invoice::Invoice;
use super::status::{AttemptStatus, Status, Step};
use super::store::reads::{self, Overdue};
use super::store::{self, AttemptChange};
use crate::breaks;
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::platform::due::{self, Put};
use crate::platform::outbox::{self, Message, MessageKind};
use crate::platform::{event, telemetry};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::day;
use crate::vocabulary::ids::InvoiceId;
use crate::vocabulary::money::Money;

/// Invoices of one step of the sweep.
const STEP: i64 = 200;
/// An attempt that may still bring money delays the end so long, and no longer.
const WAITS_FOR_ATTEMPTS: Duration = Duration::hours(24);
/// Invoices that end in one transaction.
const CHUNK: usize = 50;
/// Between two looks at an invoice that waits.
const LOOK_AGAIN: Duration = Duration::seconds(10);
/// Until the next look at an invoice that could not be ended.
const LOOK_LATER: Duration = Duration::minutes(10);
/// No request takes so long from its first look at the clock to its commit.
const MARK_LAGS: Duration = Duration::minutes(2);
/// The name of the mark of the sweep.
pub const WATERMARK: &str = "invoice.expiry";
/// The kind of the row of an invoice that waits for its end.
pub const DUE: &str = "invoice.expire";

/// What expiring needs.
#[derive(Debug, Clone)]
pub struct Expiring {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Account numbers.
    pub accounts: Arc<Accounts>,
}

/// How an overdue invoice was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Its own time is over. A debt that a reversal opened again has been given a later one.
    ByItsTime,
    /// It was put off until now.
    BecauseItIsDue,
}

impl Expiring {
    /// One sweep: everything whose time is over by now. Returns how many expired.
    ///
    /// The mark stays a little behind the clock: an invoice of a short life may be committed after
    /// one that expires later. What is read again has ended and is passed over.
    pub async fn sweep(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let mut expired = 0;
        let mut after = (due::watermark(&self.pool, WATERMARK).await?, Uuid::nil());
        loop {
            let rows = reads::expiring_between(&self.pool, after, now, STEP).await?;
            let Some(last) = rows.last() else { break };
            after = (last.expires_at, last.id);
            let open = |row: &&Overdue| matches!(row.status.as_str(), "issued" | "pending");
            let ids: Vec<Uuid> = rows.iter().filter(open).map(|r| r.id).collect();
            expired += self.expire_all(&ids, Found::ByItsTime, now).await?;
            due::watermark_set(&self.pool, WATERMARK, after.0.min(now - MARK_LAGS)).await?;
        }
        let waiting = due::take(&self.pool, DUE, now, STEP).await?;
        expired += self.expire_all(&waiting, Found::BecauseItIsDue, now).await?;
        Ok(expired)
    }

    /// Expires invoices, many at once. When that fails, one by one: one that cannot be ended keeps
    /// none of the others, and is looked at again later.
    async fn expire_all(
        &self,
        ids: &[Uuid],
        found: Found,
        now: DateTime<Utc>,
    ) -> Result<usize, sqlx::Error> {
        let mut expired = 0;
        for chunk in ids.chunks(CHUNK) {
            if let Ok(count) = self.expire(chunk, found, now).await {
                expired += count;
                continue;
            }
            for id in chunk {
                match self.expire(&[*id], found, now).await {
                    Ok(count) => expired += count,
                    Err(error) => {
                        tracing::error!(invoice.id = %id, %error, "an invoice cannot be ended");
                        metrics::counter!("payclear_invoices_expiry_failed_total").increment(1);
                        let mut conn = self.pool.acquire().await?;
                        due::put_in(&mut conn, DUE, *id, now + LOOK_LATER).await?;
                    }
                }
            }
        }
        Ok(expired)
    }

    /// Expires invoices, or puts those with an attempt under way off.
    async fn expire(
        &self,
        ids: &[Uuid],
        found: Found,
        now: DateTime<Utc>,
    ) -> Result<usize, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let mut invoices = store::invoices_lock(&mut tx, ids).await?;
        if found == Found::ByItsTime {
            let again: Vec<Uuid> =
                invoices.iter().filter(|i| i.cycle > 1).map(|i| i.id.0).collect();
            let put_off = due::put_off_of(&mut tx, DUE, &again, now).await?;
            invoices.retain(|invoice| !put_off.contains(&invoice.id.0));
        }
        let live = reads::live_attempts(&mut tx, ids, now).await?;
        let mut closing = Vec::new();
        let mut settled: Vec<Uuid> = Vec::new();
        for invoice in &mut invoices {
            let Ok(to) = invoice.status.after(Step::Expire) else {
                settled.push(invoice.id.0);
                continue;
            };
            let late = now - invoice.expires_at;
            let attempts: Vec<Put<'_>> = live
                .iter()
                .filter(|attempt| attempt.invoice == invoice.id.0)
                .map(|attempt| Put { lane: &attempt.partner, subject: attempt.id, at: now })
                .collect();
            if !attempts.is_empty() && late < WAITS_FOR_ATTEMPTS {
                due::put_in(&mut tx, DUE, invoice.id.0, now + LOOK_AGAIN).await?;
                due::put_new_in(&mut tx, due::QUERY, &attempts).await?;
                continue;
            }
            settled.push(invoice.id.0);
            invoice.status = to;
            closing.push(invoice);
        }
        due::done_in(&mut tx, DUE, &settled).await?;
        let count = closing.len();
        close_in(
            &mut tx,
            &self.pool,
            &self.accounts,
            &mut closing,
            "invoice.expired",
            "clock",
            now,
            &HashMap::new(),
        )
        .await?;
        tx.commit().await?;
        if count > 0 {
            outbox::WRITTEN.notify_one();
            metrics::counter!("payclear_invoices_expired_total").increment(count as u64);
        }
        Ok(count)
    }
}

/// Ends invoices that are locked and already stand at `expired` or `cancelled`: claims go, parts
/// held become due back, attempts end, the portal is told.
#[expect(clippy::too_many_arguments, reason = "two use cases end an invoice in the same way")]
pub(super) async fn close_in(
    conn: &mut PgConnection,
    pool: &PgPool,
    accounts: &Accounts,
    invoices: &mut [&mut Invoice],
    kind: &'static str,
    actor: &str,
    now: DateTime<Utc>,
    detail: &HashMap<InvoiceId, serde_json::Value>,
) -> Result<(), sqlx::Error> {
    if invoices.is_empty() {
        return Ok(());
    }
    let mut events = Vec::new();
    let mut messages = Vec::new();
    for invoice in invoices.iter_mut() {
        debug_assert!(matches!(invoice.status, Status::Expired | Status::Cancelled));
        if !invoice.held.is_zero() {
            give_up_parts(conn, pool, accounts, invoice, actor, now).await?;
        }
        invoice.status_since = now;
        invoice.sequence += 1;
        let more = detail.get(&invoice.id).cloned().unwrap_or(json!(null));
        events.push(invoice.event(kind, actor, now, &more));
        messages.push(Message {
            kind: MessageKind::NoticeDue,
            route: String::new(),
            subject: invoice.id.0,
            sequence: invoice.sequence,
            trace: telemetry::current_trace(),
        });
    }
    let closed: Vec<&Invoice> = invoices.iter().map(|i| &**i).collect();
    claim::claims_delete(conn, &closed).await?;
    store::invoices_update(conn, &closed).await?;
    let ended: Vec<InvoiceId> = closed.iter().map(|invoice| invoice.id).collect();
    breaks::store::holds::parts_give_up(conn, &ended, now).await?;
    end_attempts(conn, &closed, now).await?;
    event::record_in(conn, &events).await?;
    outbox::record_in(conn, &messages, now).await
}

/// Parts that were held are due back, each through the partner that it came through.
async fn give_up_parts(
    conn: &mut PgConnection,
    pool: &PgPool,
    accounts: &Accounts,
    invoice: &mut Invoice,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let parts: Vec<(String, Money)> =
        invoice.parts.drain(..).map(|part| (part.partner, part.amount)).collect();
    let occasion = Occasion {
        act: "parts_given_up",
        business_day: accounts.day_of(now),
        value_date: day::to_local(now).date(),
        source: format!("invoice/{}", invoice.id),
        reverses: None,
        actor: actor.to_owned(),
        reason: invoice.status.to_string(),
    };
    let entry = acts::parts_given_up(occasion, &parts)
        .map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
    let numbers = accounts.numbers(pool, entry.accounts()).await?;
    let ids = ledger::entry_numbers(conn, 1).await?;
    ledger::entries_insert(conn, &[(ids[0], &entry)], &numbers).await?;
    invoice.held = Money::zero(invoice.amount.currency());
    due::put_if_none_in(conn, due::REFUND_OPEN, invoice.id.0, now).await
}

/// Attempts of ended invoices that nobody waits for any more.
async fn end_attempts(
    conn: &mut PgConnection,
    invoices: &[&Invoice],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (mut changes, mut held_open) = (Vec::new(), Vec::new());
    for invoice in invoices {
        for attempt in store::attempts_of_invoice(conn, invoice.id).await? {
            if !matches!(attempt.status, AttemptStatus::Created | AttemptStatus::AwaitingPayer) {
                continue;
            }
            if attempt.instruction.as_ref().is_some_and(|i| i.partner_order.is_some()) {
                held_open.push((attempt.id.0, attempt.partner));
            }
            changes.push(AttemptChange {
                id: attempt.id,
                from: attempt.status,
                to: AttemptStatus::Expired,
                instruction: None,
                code: None,
            });
        }
    }
    store::attempts_step(conn, &changes, now).await?;
    // What nobody is to pay any more shall not be payable at the partner either.
    let puts: Vec<Put<'_>> = held_open
        .iter()
        .map(|(attempt, partner)| Put { lane: partner, subject: *attempt, at: now })
        .collect();
    due::put_new_in(conn, due::CANCEL, &puts).await
}
