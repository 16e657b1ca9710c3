//! Attempts' steps, in groups: many answers of partners, one commit.

use std::collections::HashSet;

use chrono::Duration;
use serde_json::json;
use sqlx::PgConnection;

use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, AttemptStep};
use crate::invoices::store::{self, AttemptChange};
use crate::partners::dialects::Instruction;
use crate::platform::due::{self, Put};
use crate::platform::event;
use crate::platform::group::Work;
use crate::vocabulary::clock::SharedClock;

/// The writer's work.
#[derive(Debug)]
pub struct Stepping {
    /// The clock.
    pub clock: SharedClock,
}

/// A step to take.
#[derive(Debug)]
pub struct Taken {
    /// The attempt as it was read.
    pub attempt: Attempt,
    /// Its invoice.
    pub invoice: Invoice,
    /// The step.
    pub step: AttemptStep,
    /// What the payer needs, when the partner said it.
    pub instruction: Option<Instruction>,
    /// The partner's own code, or why nothing can be said.
    pub code: Option<String>,
    /// Ask the partner after so long.
    pub ask_after: Option<Duration>,
}

impl Work for Stepping {
    type Item = Taken;
    /// Was the step taken? Not when the attempt has moved on meanwhile.
    type Outcome = bool;
    const NAME: &'static str = "attempts";

    async fn run(
        &self,
        conn: &mut PgConnection,
        items: &[Taken],
    ) -> Result<Vec<bool>, sqlx::Error> {
        let now = self.clock.now();
        let mut changes = Vec::with_capacity(items.len());
        // Copies of one message may meet in one group: the first takes the step, and only it.
        let mut first = HashSet::with_capacity(items.len());
        let takes: Vec<bool> = items.iter().map(|item| first.insert(item.attempt.id.0)).collect();
        for (item, _) in items.iter().zip(&takes).filter(|(_, takes)| **takes) {
            if let Ok(to) = item.attempt.status.after(item.step) {
                changes.push(AttemptChange {
                    id: item.attempt.id,
                    from: item.attempt.status,
                    to,
                    instruction: item
                        .instruction
                        .as_ref()
                        .and_then(|i| serde_json::to_string(i).ok()),
                    code: item.code.clone(),
                });
            }
        }
        let taken = store::attempts_step(conn, &changes, now).await?;
        let (mut events, mut asks) = (Vec::new(), Vec::new());
        let mut outcomes = Vec::with_capacity(items.len());
        for (item, takes) in items.iter().zip(takes) {
            let done = takes && taken.contains(&item.attempt.id.0);
            outcomes.push(done);
            if !done {
                continue;
            }
            let to = item.attempt.status.after(item.step).unwrap_or(item.attempt.status);
            // `sent` is told with what came of it: it is the inbox, not news.
            if to != AttemptStatus::Sent {
                let more = json!({
                    "attempt": item.attempt.id, "partner": item.attempt.partner, "status": to,
                    "code": item.code,
                });
                let kind = kind_of(to);
                events.push(item.invoice.side_event(kind, "dispatch", now, &more));
                metrics::counter!("payclear_attempts_total",
                    "partner" => item.attempt.partner.clone(), "status" => to.as_str())
                .increment(1);
            }
            if let Some(after) = item.ask_after {
                let (lane, subject) = (&*item.attempt.partner, item.attempt.id.0);
                asks.push(Put { lane, subject, at: now + after });
            }
        }
        due::put_all_in(conn, due::QUERY, &asks).await?;
        event::record_in(conn, &events).await?;
        Ok(outcomes)
    }
}

const fn kind_of(status: AttemptStatus) -> &'static str {
    match status {
        AttemptStatus::Created => "attempt.created",
        AttemptStatus::Sent => "attempt.sent",
        AttemptStatus::AwaitingPayer => "attempt.awaiting_payer",
        AttemptStatus::Succeeded => "attempt.succeeded",
        AttemptStatus::Failed => "attempt.failed",
        AttemptStatus::Expired => "attempt.expired",
        AttemptStatus::Unknown => "attempt.unknown",
    }
}
