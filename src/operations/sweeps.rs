//! The sweeps: what each of them leaves no longer as it is, how much waits for it, and running it
//! now.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;

use crate::approvals::expire::expire_overdue;
use crate::approvals::kinds::Kinds;
use crate::approvals::store as approval_store;
use crate::days::{DayError, Days};
use crate::invoices::expire::Expiring;
use crate::invoices::store::reads;
use crate::ledger::accounts::Accounts;
use crate::mail::store as mail_store;
use crate::notices::store as notices_store;
use crate::payover::PayingOver;
use crate::payover::store as payover_store;
use crate::platform::audit::{self, By};
use crate::platform::due::{self, Put};
use crate::text_enum;
use crate::vocabulary::clock::SharedClock;

text_enum! {
    /// What looks again at what is not final.
    pub enum Sweep ("sweep") {
        /// Partners are asked what became of orders.
        AttemptQuery = "attempt.query",
        /// Orders that nobody is to pay any more are taken back.
        AttemptCancel = "attempt.cancel",
        /// Orders that could not be made known are sent again.
        AttemptResend = "attempt.resend",
        /// Partners are asked what became of refunds.
        RefundQuery = "refund.query",
        /// Refunds that could not be sent are sent again.
        RefundResend = "refund.resend",
        /// Refunds are opened of what is due back.
        RefundOpen = "refund.open",
        /// Refunds of what a partner took back are looked at.
        RefundReversed = "refund.reversed",
        /// Refunds that wait long for somebody's yes or no, or for their file, become cases.
        RefundWaits = "refund.waits",
        /// Invoices end whose time is over.
        InvoiceExpire = "invoice.expire",
        /// Portals are told of what was seen in the bank.
        InvoiceBanked = "invoice.banked",
        /// Dossier systems are told of results in the platform's words.
        CompatResult = "compat.result",
        /// Payments that a dossier system was told of and a partner took back are looked at.
        CompatReversed = "compat.reversed",
        /// Confirmations to payers that the mail server did not take are sent again.
        Mail = "mail",
        /// Notices that were not taken are sent again.
        Delivery = "delivery",
        /// Questions that nobody decided in time expire.
        Approval = "approval",
        /// Days that are over are brought to where their files and lines stand.
        Day = "day",
        /// Transfers to the Treasury are looked for in statements; those overdue become cases.
        Payover = "payover",
    }
}

impl Sweep {
    /// What it does, for those who run it.
    pub const fn does(self) -> &'static str {
        match self {
            Self::AttemptQuery => "asks partners what became of orders",
            Self::AttemptCancel => "takes back orders that nobody is to pay any more",
            Self::AttemptResend => "sends orders again that could not be made known",
            Self::RefundQuery => "asks partners what became of refunds",
            Self::RefundResend => "sends refunds again that could not be sent",
            Self::RefundOpen => "opens refunds of what is due back",
            Self::RefundReversed => "looks at refunds of what a partner took back",
            Self::RefundWaits => "opens cases of refunds that nobody has decided on or exported",
            Self::InvoiceExpire => "ends invoices whose time is over",
            Self::InvoiceBanked => "tells portals of payments that were seen in the bank",
            Self::CompatResult => "tells dossier systems of results in the platform's words",
            Self::CompatReversed => {
                "looks at payments taken back that a dossier system was told of as paid"
            }
            Self::Mail => "sends confirmations to payers again that were not taken",
            Self::Delivery => "sends notices again that were not taken",
            Self::Approval => "expires questions that nobody decided in time",
            Self::Day => "looks for the files of days that are over and brings the days onward",
            Self::Payover => {
                "looks for transfers to the Treasury in statements, opens cases of the overdue"
            }
        }
    }
}

/// What running sweeps needs.
#[derive(Debug, Clone)]
pub struct Sweeping {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// What can be approved.
    pub kinds: Kinds,
    /// Days.
    pub days: Days,
    /// Paying over to the Treasury.
    pub paying_over: PayingOver,
}

/// What waits for a sweep.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Which.
    pub sweep: Sweep,
    /// How much waits for it.
    pub waiting: i64,
    /// For so many seconds the longest overdue has been due; 0 when none is.
    pub overdue: i64,
}

impl Sweeping {
    /// How much waits, for every sweep.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, sqlx::Error> {
        let now = self.clock.now();
        let mut of: HashMap<String, (i64, i64)> = HashMap::new();
        for due in due::waiting(&self.pool, now).await? {
            of.insert(due.kind, (due.waiting, due.overdue));
        }
        let mut conn = self.pool.acquire().await?;
        let deliveries = notices_store::reads::deliveries_waiting(&mut conn, now).await?;
        let approvals = approval_store::approvals_waiting(&mut conn, now).await?;
        let invoices = invoices_overdue(&self.pool, now).await?;
        let days = self.days.waiting_in(&mut conn).await?;
        let payovers = payover_store::unconfirmed(&mut conn, now).await?;
        let mails = mail_store::mails_waiting(&mut conn, now).await?;
        Ok(Sweep::ALL
            .iter()
            .map(|sweep| {
                let put_off = of.get(sweep.as_str()).copied().unwrap_or_default();
                let (waiting, overdue) = match sweep {
                    Sweep::Delivery => deliveries,
                    Sweep::Approval => approvals,
                    Sweep::Day => days,
                    Sweep::Payover => payovers,
                    Sweep::Mail => mails,
                    Sweep::InvoiceExpire => (put_off.0 + invoices.0, put_off.1.max(invoices.1)),
                    _ => put_off,
                };
                Waiting { sweep: *sweep, waiting, overdue }
            })
            .collect())
    }

    /// Has all that waits for a sweep looked at now; how much that is.
    pub async fn run_now(&self, sweep: Sweep, actor: &str) -> Result<u64, sqlx::Error> {
        let now = self.clock.now();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let hastened = match sweep {
            Sweep::AttemptQuery => {
                // What was asked after in vain so often that it is asked no more has a case.
                let mut conn = self.pool.acquire().await?;
                let lost = reads::attempts_with_case(&mut conn).await?;
                let puts: Vec<Put<'_>> = lost
                    .iter()
                    .map(|(attempt, partner)| Put { lane: partner, subject: *attempt, at: now })
                    .collect();
                due::put_new_in(&mut conn, due::QUERY, &puts).await?;
                drop(conn);
                let hastened = due::hasten(&self.pool, due::QUERY, now).await?;
                hastened.max(count(lost.len()))
            }
            Sweep::InvoiceExpire => {
                let hastened = due::hasten(&self.pool, sweep.as_str(), now).await?;
                let (pool, clock) = (self.pool.clone(), self.clock.clone());
                let expiring = Expiring { pool, clock, accounts: Arc::clone(&self.accounts) };
                hastened.max(count(expiring.sweep().await?))
            }
            Sweep::Delivery => {
                notices_store::deliveries_hasten(&mut *self.pool.acquire().await?, now).await?
            }
            Sweep::Mail => mail_store::mails_hasten(&mut *self.pool.acquire().await?, now).await?,
            Sweep::Approval => {
                u64::from(expire_overdue(&self.pool, &self.kinds, &self.clock).await?)
            }
            Sweep::Day => {
                let (waiting, _) = self.days.waiting_in(&mut *self.pool.acquire().await?).await?;
                self.days.sweep().await.map_err(|error| match error {
                    DayError::Store(error) => error,
                    other => sqlx::Error::Protocol(other.to_string()),
                })?;
                u64::try_from(waiting).unwrap_or(0)
            }
            Sweep::Payover => {
                let debits = self.paying_over.sweep_debits().await?;
                let files_by = self.days.hours.files_by;
                let overdue = self.paying_over.sweep_overdue(files_by).await?;
                count(debits) + u64::from(overdue)
            }
            Sweep::AttemptCancel
            | Sweep::AttemptResend
            | Sweep::RefundQuery
            | Sweep::RefundResend
            | Sweep::RefundOpen
            | Sweep::RefundReversed
            | Sweep::RefundWaits
            | Sweep::InvoiceBanked
            | Sweep::CompatResult
            | Sweep::CompatReversed => due::hasten(&self.pool, sweep.as_str(), now).await?,
        };
        let detail = json!({ "hastened": hastened });
        let by = By { actor, at: now };
        let mut conn = self.pool.acquire().await?;
        audit::record_in(&mut conn, by, "sweep.run_now", sweep.as_str(), &detail).await?;
        Ok(hastened)
    }
}

/// Open invoices whose time is over, that the mark of the sweep has not passed yet.
pub(super) async fn invoices_overdue(
    pool: &PgPool,
    now: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    let since = due::watermark(pool, crate::invoices::expire::WATERMARK).await?;
    reads::invoices_overdue(pool, since, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::days::status::{DayStatus, DayStep};
    use crate::invoices::status::{AttemptStatus, Status};
    use crate::notices::status::DeliveryState;
    use crate::payover::status::{LineStatus, RunStatus, RunStep};
    use crate::refunds::status::RefundStatus;

    /// The sweep that an attempt is left by; none once it is final. A new state does not compile
    /// before somebody has said who looks after it.
    fn of_attempt(status: AttemptStatus) -> Option<Sweep> {
        match status {
            AttemptStatus::Created => Some(Sweep::AttemptResend),
            AttemptStatus::Sent | AttemptStatus::AwaitingPayer | AttemptStatus::Unknown => {
                Some(Sweep::AttemptQuery)
            }
            AttemptStatus::Succeeded | AttemptStatus::Failed | AttemptStatus::Expired => None,
        }
    }

    fn of_refund(status: RefundStatus) -> Option<Sweep> {
        match status {
            RefundStatus::Requested => Some(Sweep::RefundWaits),
            RefundStatus::Approved => Some(Sweep::RefundResend),
            RefundStatus::Sent => Some(Sweep::RefundQuery),
            _ => None,
        }
    }

    fn of_day(status: DayStatus) -> Option<Sweep> {
        match status {
            DayStatus::Open
            | DayStatus::FilesComplete
            | DayStatus::Matched
            | DayStatus::Reopened => Some(Sweep::Day),
            // They wait for another person's word, which comes to an end by itself. Approved, a day
            // closes before the same commit.
            DayStatus::Prepared | DayStatus::ReopenRequested | DayStatus::Approved => {
                Some(Sweep::Approval)
            }
            DayStatus::Closed => None,
        }
    }

    fn of_run(status: RunStatus) -> Option<Sweep> {
        match status {
            RunStatus::Prepared => Some(Sweep::Approval),
            RunStatus::Approved | RunStatus::Sent => Some(Sweep::Payover),
            RunStatus::Refused | RunStatus::Confirmed | RunStatus::Failed => None,
        }
    }

    fn of_transfer(status: LineStatus) -> Option<Sweep> {
        match status {
            LineStatus::Waiting | LineStatus::Sent => Some(Sweep::Payover),
            LineStatus::Confirmed | LineStatus::Failed => None,
        }
    }

    #[test]
    fn every_state_that_is_not_final_has_a_sweep() {
        for status in DayStatus::ALL {
            let goes_on = |step: &DayStep| status.after(*step).is_ok();
            // A closed day stays so unless people want otherwise.
            let is_final = *status == DayStatus::Closed;
            assert!(is_final || DayStep::ALL.iter().any(goes_on), "{status}");
            assert_eq!(of_day(*status).is_none(), is_final, "{status}");
        }
        for status in RunStatus::ALL {
            let goes_on = RunStep::ALL.iter().any(|step| status.after(*step).is_ok());
            assert_eq!(of_run(*status).is_some(), goes_on, "{status}");
        }
        for status in LineStatus::ALL {
            let ended = matches!(status, LineStatus::Confirmed | LineStatus::Failed);
            assert_eq!(of_transfer(*status).is_none(), ended, "{status}");
        }
        for status in AttemptStatus::ALL {
            assert_eq!(of_attempt(*status).is_none(), status.is_final(), "{status}");
        }
        for status in RefundStatus::ALL {
            let waits = ["requested", "approved", "sent"].contains(&status.as_str());
            assert_eq!(of_refund(*status).is_some(), waits, "{status}");
        }
        for status in Status::ALL {
            let swept = match status {
                Status::Issued | Status::Pending => Some(Sweep::InvoiceExpire),
                Status::Paid | Status::Expired | Status::Cancelled => None,
            };
            assert_eq!(swept.is_some(), status.is_open(), "{status}");
        }
        for state in DeliveryState::ALL {
            let swept = match state {
                DeliveryState::Due => Some(Sweep::Delivery),
                // Parked: the portal, or an operator, asks for it again.
                DeliveryState::Delivered | DeliveryState::Parked => None,
            };
            assert_eq!(swept.is_some(), *state == DeliveryState::Due, "{state}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_rows_that_wait() {
        for kind in [
            due::QUERY,
            due::CANCEL,
            due::REFUND_OPEN,
            due::REFUND_REVERSED,
            due::REFUND_WAITS,
            due::INVOICE_BANKED,
            due::COMPAT_REVERSED,
            crate::dispatch::consumer::RESEND_DUE,
            crate::refunds::send::RESEND_DUE,
            crate::refunds::finish::QUERY,
            crate::invoices::expire::DUE,
            crate::compat::results::RESULT_DUE,
        ] {
            assert!(kind.parse::<Sweep>().is_ok(), "{kind} has no sweep");
        }
    }
}
