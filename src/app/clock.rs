//! What the clock role does, by whoever leads: sweeps, pruning, balances and gauges. Each for itself:
//! one that fails keeps none of the others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::App;
use crate::approvals::expire::expire_overdue;
use crate::dispatch::asking::Asking;
use crate::ledger::chart::AccountKind;
use crate::operations::gauges;
use crate::partners::exchange::exchange_prune;
use crate::people::store::session_prune;
use crate::platform::{admission, due, lease, outbox};
use crate::vocabulary::realm::Realm;
use crate::{dispatch, ledger, mail, receipts, refunds};

/// Exchanges with partners are kept so long for disputes.
const EXCHANGES_KEPT_DAYS: i32 = 400;
/// So many questions about refunds are under way at once; more wait for their turn.
const REFUNDS_AT_ONCE: usize = 1000;

/// What partners are being asked; left alone at the end, since all of it comes back.
#[derive(Default)]
pub(super) struct Asked {
    /// What became of orders.
    queries: Asking,
    /// To take orders back.
    cancels: Asking,
    /// What became of refunds.
    refunds: TaskTracker,
}

impl App {
    /// The sweeps, by whoever leads.
    pub(super) async fn clock_role(self) {
        let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
        let mut pruned = None;
        let asked = Asked::default();
        while !self.stop.is_cancelled() {
            match self.sweep(&asked, &mut pruned).await {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "a sweep failed; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    pub(super) async fn sweep(
        &self,
        asked: &Asked,
        pruned: &mut Option<tokio::time::Instant>,
    ) -> Result<(), sqlx::Error> {
        let lease = async {
            let mut conn = self.pool.acquire().await?;
            lease::take(&mut conn, "clock", &self.holder).await
        };
        let lease = lease.await;
        // Gauges are the leader's. What another one tells by now is not told here any more, and what
        // is told once a minute is told at once by who leads again.
        let leads = matches!(lease, Ok(Some(_)));
        self.leads.store(leads, Ordering::Relaxed);
        if !leads {
            *pruned = None;
            return lease.map(|_| ());
        }
        let now = self.clock.now();
        // Each for itself: one that fails keeps none of the others.
        let heard = |what: &str, error: &dyn std::fmt::Display| {
            tracing::warn!(what, %error, "a sweep failed; trying again");
        };
        if let Err(error) = self.expiring().sweep().await {
            heard("expiry", &error);
        }
        if let Err(error) = self.telling().sweep().await {
            heard("what was seen in the bank", &error);
        }
        if let Err(error) = dispatch::recover::resend_due(&self.pool, now).await {
            heard("orders put off", &error);
        }
        if let Err(error) = self.querying().sweep(&self.pool, &asked.queries).await {
            heard("asking partners", &error);
        }
        if let Err(error) = self.querying().cancel_sweep(&self.pool, &asked.cancels).await {
            heard("taking orders back", &error);
        }
        if asked.refunds.len() < REFUNDS_AT_ONCE
            && let Err(error) = self.carrying().sweep_queries(&asked.refunds).await
        {
            heard("asking after refunds", &error);
        }
        if let Err(error) = expire_overdue(&self.pool, &self.kinds, &self.clock).await {
            heard("approvals", &error);
        }
        let carrying = self.carrying();
        if let Err(error) = carrying.sweep_due_back().await {
            heard("refunds of what is due back", &error);
        }
        if let Err(error) = carrying.sweep_reversed().await {
            heard("refunds of what was taken back", &error);
        }
        if let Err(error) = carrying.sweep_waiting().await {
            heard("refunds that wait for a yes or no", &error);
        }
        if let Err(error) = refunds::recover::resend_due(&self.pool, now).await {
            heard("refunds put off", &error);
        }
        if let Err(error) = self.paying_over().sweep_debits().await {
            heard("transfers that statements show", &error);
        }
        if let Err(error) = self.gauges().await {
            heard("gauges", &error);
        }
        if pruned.is_none_or(|at| at.elapsed() > Duration::from_mins(1)) {
            *pruned = Some(tokio::time::Instant::now());
            let keep = self.settings.clearing.answers_kept_days;
            if let Err(error) = admission::empty_nonces(&self.pool).await {
                heard("nonces", &error);
            }
            if let Err(error) = admission::prune(&self.pool, keep).await {
                heard("answers", &error);
            }
            if let Err(error) = session_prune(&mut *self.pool.acquire().await?, now).await {
                heard("sessions", &error);
            }
            if let Err(error) = exchange_prune(&self.pool, EXCHANGES_KEPT_DAYS).await {
                heard("exchanges", &error);
            }
            if let Some(mailing) = self.mailing()
                && let Err(error) = mailing.prune().await
            {
                heard("mail", &error);
            }
            if let Err(error) = self.balances().await {
                heard("balances", &error);
            }
            if let Err(error) = self.days().sweep().await {
                heard("days", &error);
            }
            let files_by = self.days().hours.files_by;
            if let Err(error) = self.paying_over().sweep_overdue(files_by).await {
                heard("transfers to the Treasury", &error);
            }
            if self.settings.realm != Realm::Sandbox
                && let Err(error) = self.days().tell().await
            {
                heard("gauges of days", &error);
            }
        }
        Ok(())
    }

    /// Snapshots of balances, once an hour, and the gauges of suspense and of states.
    pub(super) async fn balances(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        if self.settings.realm != Realm::Sandbox {
            gauges::tell_states(&self.pool, now).await?;
        }
        if now - due::watermark(&self.pool, "ledger.snapshot").await? > chrono::Duration::hours(1) {
            let mut conn = self.pool.acquire().await?;
            ledger::store::snapshot_balances(&mut conn).await?;
            due::watermark_set(&self.pool, "ledger.snapshot", now).await?;
        }
        if self.settings.realm == Realm::Sandbox {
            return Ok(());
        }
        gauges::tell_cases(&self.pool, now).await?;
        let mut conn = self.pool.acquire().await?;
        let scopes = [crate::people::role::EVERYTHING.to_owned()];
        let waiting = receipts::store::reads::payments_waiting(&mut conn, &scopes).await?;
        let waiting: i64 = waiting.iter().map(|unit| unit.payments).sum();
        metrics::gauge!("payclear_receipts_waiting")
            .set(f64::from(i32::try_from(waiting).unwrap_or(i32::MAX)));
        for balance in ledger::store::balances_of(&mut conn, AccountKind::Suspense).await? {
            // Shown, not reckoned with: a gauge has no other form.
            let held = f64::try_from(-balance.amount).unwrap_or(f64::NAN);
            metrics::gauge!("payclear_suspense_amount",
                "partner" => balance.owner, "currency" => balance.currency)
            .set(held);
        }
        Ok(())
    }

    pub(super) async fn gauges(&self) -> Result<(), sqlx::Error> {
        // The sandbox's would overwrite those that alarms stand on.
        if self.settings.realm == Realm::Sandbox {
            return Ok(());
        }
        let (waiting, age) = outbox::depth(&self.pool).await?;
        let gauge = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
        metrics::gauge!("payclear_outbox_waiting").set(gauge(waiting));
        metrics::gauge!("payclear_outbox_oldest_seconds").set(gauge(age));
        gauges::tell_waiting(&self.sweeping()).await?;
        if self.settings.mail.is_on() {
            let (waiting, overdue) =
                mail::store::mails_waiting(&mut *self.pool.acquire().await?, self.clock.now())
                    .await?;
            metrics::gauge!("payclear_mail_waiting").set(gauge(waiting));
            metrics::gauge!("payclear_mail_overdue_seconds").set(gauge(overdue));
        }
        Ok(())
    }
}
