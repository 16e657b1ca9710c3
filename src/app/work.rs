//! The work that goes on beside the doors, role by role, until the process is told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::{App, Role};
use crate::dispatch::consumer::Orders;
use crate::notices::consumer::PREFETCH;
use crate::platform::relay::{Relay, Search};
use crate::platform::{broker, lease, sequencer};
use crate::refunds::consumer::Refunds;
use crate::statements::folder::Watching;
use crate::vocabulary::realm::Realm;
use crate::{dispatch, notices, refunds};

/// Lines whose window is over, and settlements that nobody told of, are looked for so often.
const ALL_MATCHED_EVERY: Duration = Duration::from_mins(10);
/// Under this name processes that take calls tell that they live.
const REPLICAS: &str = "api";

impl App {
    /// Starts the work of roles; it goes on until `stop`.
    pub(super) fn start(&self, roles: &[Role], work: &TaskTracker) {
        work.spawn(
            self.directory
                .clone()
                .keep_fresh(Duration::from_secs(1), self.stop.clone().cancelled_owned()),
        );
        work.spawn(self.recorder.clone().run(self.stop.clone()));
        if roles.contains(&Role::Relay) {
            work.spawn(self.clone().relay());
        }
        if roles.contains(&Role::Dispatch) {
            work.spawn(self.clone().dispatch());
        }
        if roles.contains(&Role::Notices) {
            work.spawn(self.clone().consume_notices());
            let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
            work.spawn(Arc::clone(&self.results).run(every, self.stop.clone()));
            if let Some(mailing) = self.mailing() {
                work.spawn(mailing.run(every, self.stop.clone()));
            }
        }
        if roles.contains(&Role::Clock) {
            work.spawn(self.clone().clock_role());
            let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
            let (directory, stop) = (self.directory.clone(), self.stop.clone());
            work.spawn(self.receipts().run(directory, self.holder.clone(), every, stop.clone()));
            work.spawn(self.statistics().run(self.holder.clone(), every, stop));
            work.spawn(self.clone().match_statements());
            let watching = Watching {
                intake: self.intake(),
                settings: Arc::new(self.settings.statements.clone()),
                pool: self.pool.clone(),
                holder: self.holder.clone(),
            };
            work.spawn(watching.run(self.stop.clone()));
            work.spawn(sequencer::run(
                self.pool.clone(),
                self.clock.clone(),
                self.holder.clone(),
                self.stop.clone(),
            ));
        }
        if roles.contains(&Role::Api) {
            work.spawn(self.clone().forget_idle_callers());
            work.spawn(self.clone().count_replicas());
        }
    }

    pub(super) async fn forget_idle_callers(self) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_mins(1)) => {
                    self.doors.forget_idle();
                    self.people.limits.forget_idle();
                    self.counter_limits.forget_idle();
                }
            }
        }
    }

    /// What a caller may do in a second is shared out among the processes that take calls.
    pub(super) async fn count_replicas(self) {
        const EVERY: Duration = Duration::from_secs(2);
        while !self.stop.is_cancelled() {
            let counted = async {
                let mut conn = self.pool.acquire().await?;
                lease::be_present(&mut conn, REPLICAS, &self.holder).await
            };
            match counted.await {
                Ok(count) => self.doors.share_among(count),
                Err(error) => tracing::warn!(%error, "replicas cannot be counted"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Ok(mut conn) = self.pool.acquire().await {
            drop(lease::leave(&mut conn, REPLICAS, &self.holder).await);
        }
    }

    pub(super) fn partners(&self) -> Vec<String> {
        let directory = self.directory.current();
        let mut codes: Vec<String> = directory.partners().iter().map(|p| p.code.clone()).collect();
        codes.sort();
        codes
    }

    pub(super) async fn relay(self) {
        let relay = Relay {
            pool: self.pool.clone(),
            broker: self.settings.broker.clone(),
            holder: self.holder.clone(),
            lost_after: self.lost_after(),
            is_woken: self.settings.realm == Realm::Live,
        };
        let (app, stop) = (self.clone(), self.stop.clone());
        let recovered = move |search: Search| {
            let app = app.clone();
            async move {
                if let Err(error) = app.recover(&search).await {
                    tracing::warn!(%error, "lost messages could not be looked for");
                }
            }
        };
        relay.run(move || self.partners(), recovered, stop).await;
    }

    pub(super) fn lost_after(&self) -> Duration {
        Duration::from_secs(self.settings.clearing.lost_after_seconds)
    }

    /// What should have had an effect and had none is sent again, where the queue is empty.
    pub(super) async fn recover(&self, search: &Search) -> Result<(), sqlx::Error> {
        // What is younger may still be on its way.
        let now = self.clock.now();
        let until = now - self.lost_after();
        let since = search.reach.map(|reach| until - reach);
        let empty = &search.queues;
        let of = |queue: fn(&str) -> String| -> Vec<String> {
            self.partners().into_iter().filter(|p| empty.contains(&queue(p))).collect()
        };
        let partners = of(broker::collect_queue);
        let orders =
            dispatch::recover::resend_lost(&self.pool, &partners, (since, until), now).await?;
        let partners = of(broker::refund_queue);
        let refunds =
            refunds::recover::resend_lost(&self.pool, &partners, (since, until), now).await?;
        let told = if empty.iter().any(|queue| queue == broker::NOTICES_QUEUE) {
            notices::recover::resend_lost(&self.pool, (since, until), now).await?
        } else {
            0
        };
        if orders > 0 || told > 0 || refunds > 0 {
            tracing::warn!(
                orders,
                refunds,
                notices = told,
                "messages were lost and are sent again"
            );
        }
        Ok(())
    }

    pub(super) async fn dispatch(self) {
        let running = TaskTracker::new();
        let mut known: Vec<String> = Vec::new();
        while !self.stop.is_cancelled() {
            for partner in self.partners() {
                if known.contains(&partner) {
                    continue;
                }
                let orders = Arc::new(Orders {
                    dispatching: self.dispatching.clone(),
                    querying: self.querying(),
                });
                running.spawn(broker::consume(
                    self.settings.broker.clone(),
                    broker::collect_queue(&partner),
                    16,
                    orders,
                    self.partners(),
                    self.stop.clone(),
                ));
                running.spawn(broker::consume(
                    self.settings.broker.clone(),
                    broker::refund_queue(&partner),
                    8,
                    Arc::new(Refunds { carrying: self.carrying() }),
                    self.partners(),
                    self.stop.clone(),
                ));
                known.push(partner);
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        running.close();
        running.wait().await;
    }

    pub(super) async fn consume_notices(self) {
        let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
        let retries =
            tokio::spawn(notices::retry::run(Arc::clone(&self.notices), every, self.stop.clone()));
        broker::consume(
            self.settings.broker.clone(),
            broker::NOTICES_QUEUE.to_owned(),
            PREFETCH,
            Arc::clone(&self.notices),
            self.partners(),
            self.stop.clone(),
        )
        .await;
        drop(retries.await);
    }

    /// Matches what was staged, by whoever leads, beside the sweeps: a large file takes its time.
    pub(super) async fn match_statements(self) {
        let every = Duration::from_millis(self.settings.clearing.sweep_milliseconds);
        let mut all_at: Option<tokio::time::Instant> = None;
        while !self.stop.is_cancelled() {
            let due = all_at.is_none_or(|at| at.elapsed() > ALL_MATCHED_EVERY);
            match self.matching.tick(&self.holder, due).await {
                Ok(true) => all_at = Some(tokio::time::Instant::now()),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "matching stopped; trying again"),
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(every.max(Duration::from_millis(500))) => {}
            }
        }
    }
}
