//! Asking partners what became of a refund, with growing pauses. A time-out is neither yes nor no;
//! after a stated age a person gets a case and decides, and the partner is asked all the same.

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, PgPool};
use tokio_util::task::TaskTracker;

use super::approve::lock_in;
use super::finish::QUERY;
use super::refund::{Refund, RefundMethod};
use super::send::{CarryError, Carrying};
use super::status::RefundStatus;
use super::store;
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::invoice::Invoice;
use crate::partners::call::NoAnswer;
use crate::partners::dialects::Refunding;
use crate::platform::due;
use crate::vocabulary::ids::{BreakId, RefundId};

/// Refunds of one sweep.
const SWEEP: i64 = 100;
/// Pauses between questions (seconds); the last one repeats.
const PAUSES: [i64; 7] = [5, 15, 60, 300, 900, 3600, 21_600];
/// A partner's refund that nobody can vouch for after so long is a case.
pub const CASE_AFTER: Duration = Duration::hours(24);
/// So is a file of transfers or claims that nobody confirmed.
pub const FILE_CASE_AFTER: Duration = Duration::days(3);
/// An approved refund that goes by a file is in one within this.
pub const EXPORTED_WITHIN: Duration = Duration::days(3);

impl Carrying {
    /// Begins to ask after all refunds that are due; returns how many. Nobody waits for the answers:
    /// a partner that hangs must not hold up those after it.
    pub async fn sweep_queries(&self, asking: &TaskTracker) -> Result<usize, sqlx::Error> {
        let due = due::take(&self.pool, QUERY, self.clock.now(), SWEEP).await?;
        for id in &due {
            let (this, id) = (self.clone(), RefundId(*id));
            asking.spawn(async move {
                if let Err(error) = this.ask(id).await {
                    tracing::warn!(refund.id = %id, %error, "a refund could not be asked after");
                }
            });
        }
        Ok(due.len())
    }

    /// Asks after one refund and takes in the answer.
    pub async fn ask(&self, id: RefundId) -> Result<(), CarryError> {
        let now = self.clock.now();
        let (refund, ready, tries) = {
            let mut conn = self.pool.acquire().await?;
            let refund = store::refund_read(&mut conn, id).await?;
            let Some(refund) = refund.filter(|r| r.status == RefundStatus::Sent) else {
                due::done_in(&mut conn, QUERY, &[id.0]).await?;
                return Ok(());
            };
            let invoice = crate::invoices::store::invoice_read(&mut conn, refund.invoice).await?;
            let ready = match &invoice {
                Some(invoice) if refund.method == RefundMethod::Partner => {
                    self.orders.order(&mut conn, &refund, invoice).await?
                }
                _ => None,
            };
            (refund, ready, due::tries(&mut conn, QUERY, id.0).await?)
        };
        let asked = ready.and_then(|(dialect, order)| {
            let call = dialect.ask_refund_query(&order, now, rand::random())?;
            Some((dialect, order, call))
        });
        let Some((dialect, order, call)) = asked else {
            // What cannot be asked after is a person's to decide, by the file's or the bank's word.
            let after =
                if refund.method == RefundMethod::Partner { CASE_AFTER } else { FILE_CASE_AFTER };
            return Ok(open_case(&self.pool, &refund, now, after).await?);
        };
        let heard = match self.caller.call(&refund.partner, call).await {
            Ok(answered) => dialect.hear_refund_query(&order, answered.as_answer()),
            // It was not even asked: nothing is learnt.
            Err(NoAnswer::LeftAlone) => Refunding::Unknown { why: "left alone".to_owned() },
            Err(why) => Refunding::Unknown { why: why.to_string() },
        };
        metrics::counter!("payclear_refund_queries_total", "partner" => refund.partner.clone())
            .increment(1);
        let pause = PAUSES.get(usize::try_from(tries).unwrap_or(0)).or(PAUSES.last());
        let goes_on = !matches!(heard, Refunding::Confirmed { .. } | Refunding::Refused { .. });
        self.heard(&refund, heard, Duration::seconds(pause.copied().unwrap_or(60))).await?;
        if goes_on && now >= refund.status_since + CASE_AFTER {
            open_case(&self.pool, &refund, now, CASE_AFTER).await?;
        }
        Ok(())
    }
}

impl Carrying {
    /// Opens a case for each refund that has waited too long for somebody's yes or no, or, approved,
    /// for the file that it is to go by; returns how many were looked at.
    pub async fn sweep_waiting(&self) -> Result<usize, sqlx::Error> {
        let now = self.clock.now();
        let waiting = due::take(&self.pool, due::REFUND_WAITS, now, SWEEP).await?;
        for id in &waiting {
            let mut tx = self.pool.begin().await?;
            if let Some((refund, invoice)) = lock_in(&mut tx, RefundId(*id)).await?
                && let Some(detail) = overdue(&refund)
            {
                case_in(&mut tx, &refund, &invoice, detail, now).await?;
            }
            due::done_in(&mut tx, due::REFUND_WAITS, &[*id]).await?;
            tx.commit().await?;
        }
        Ok(waiting.len())
    }
}

/// What a refund has waited for too long; none when it waits for nobody.
fn overdue(refund: &Refund) -> Option<String> {
    match refund.status {
        RefundStatus::Requested => Some(format!(
            "refund {} was asked for by {} on {} and nobody has approved or refused it",
            refund.id,
            refund.requested_by,
            refund.requested_at.format("%F %R UTC"),
        )),
        RefundStatus::Approved if refund.method != RefundMethod::Partner => Some(format!(
            "refund {} was approved on {} and is in no file: export what goes by {}",
            refund.id,
            refund.status_since.format("%F %R UTC"),
            refund.method,
        )),
        _ => None,
    }
}

/// Opens the case of a refund that nobody can vouch for, once it is old enough.
async fn open_case(
    pool: &PgPool,
    refund: &Refund,
    now: DateTime<Utc>,
    after: Duration,
) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let Some((refund, invoice)) = lock_in(&mut tx, refund.id).await? else { return Ok(()) };
    if refund.status != RefundStatus::Sent {
        return Ok(());
    }
    let at = refund.status_since + after;
    if now < at {
        due::put_in(&mut tx, QUERY, refund.id.0, at).await?;
        return tx.commit().await;
    }
    let detail = format!(
        "refund {} ({}) was sent on {} and nobody has confirmed it: {}",
        refund.id,
        refund.reference,
        refund.status_since.format("%F %R UTC"),
        refund.last_code.as_deref().unwrap_or("no word")
    );
    case_in(&mut tx, &refund, &invoice, detail, now).await?;
    if refund.method != RefundMethod::Partner {
        due::done_in(&mut tx, QUERY, &[refund.id.0]).await?;
    }
    tx.commit().await
}

/// Opens one case for an invoice's refunds.
async fn case_in(
    conn: &mut PgConnection,
    refund: &Refund,
    invoice: &Invoice,
    detail: String,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let code = BreakCode::RefundUnmatched;
    if !breaks::store::invoice_has_open(&mut *conn, code, invoice.id).await? {
        let case = Break {
            id: BreakId::new(now),
            code,
            state: BreakState::Open,
            opened_at: now,
            partner: refund.partner.clone(),
            agency: invoice.agency.clone(),
            invoice: Some(invoice.id),
            settlement: Some(refund.settlement),
            amount: refund.amount,
            detail,
        };
        breaks::store::breaks_insert(&mut *conn, &[case]).await?;
    }
    Ok(())
}
