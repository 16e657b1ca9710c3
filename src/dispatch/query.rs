//! Asking partners what became of an order. A time-out is "unknown", never "failed": it is left by a
//! partner's word, or by a person.

use chrono::Duration;
use sqlx::PgPool;

use super::consumer::{Answer, DispatchError, Dispatching};
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, AttemptStep};
use crate::partners::call::NoAnswer;
use crate::partners::dialects::{Standing, Verdict};
use crate::platform::due;
use crate::settlements::partner_http::PartnerDoors;
use crate::vocabulary::ids::AttemptId;

/// Attempts of one sweep.
const SWEEP: i64 = 100;
/// Pauses between questions (seconds); the last one repeats.
const PAUSES: [i64; 7] = [5, 15, 60, 300, 900, 3600, 21_600];
/// A payer's last step at the partner takes no longer than this after the order's end.
const LAST_STEP: Duration = Duration::minutes(10);
/// A call that was made has arrived, or never will.
const CALL_ARRIVES: Duration = Duration::minutes(2);
/// After so many questions without an answer a person has to look.
const QUESTIONS: i32 = 40;

/// What asking needs.
#[derive(Debug, Clone)]
pub struct Querying {
    /// Lines, dialects and the writer.
    pub dispatching: Dispatching,
    /// Where a partner's word is booked.
    pub doors: PartnerDoors,
}

impl Querying {
    /// Asks after all attempts that are due; returns how many.
    pub async fn sweep(&self, pool: &PgPool) -> Result<usize, DispatchError> {
        let now = self.dispatching.clock.now();
        let due = due::take(pool, due::QUERY, now, SWEEP).await?;
        let mut asking = tokio::task::JoinSet::new();
        for id in &due {
            let this = self.clone();
            let id = AttemptId(*id);
            asking.spawn(async move {
                let Some((attempt, invoice)) = this.dispatching.finder.find(id).await? else {
                    return Ok(());
                };
                this.ask(&attempt, &invoice).await
            });
        }
        while let Some(asked) = asking.join_next().await {
            if let Ok(Err(error)) = asked {
                tracing::warn!(%error, "an attempt could not be asked after");
            }
        }
        Ok(due.len())
    }

    /// Asks after one attempt and takes the step that the answer calls for.
    pub async fn ask(&self, attempt: &Attempt, invoice: &Invoice) -> Result<(), DispatchError> {
        let this = &self.dispatching;
        if attempt.status.is_final() {
            return self.leave(attempt).await;
        }
        let directory = this.directory.current();
        let Some(partner) = directory.partner(&attempt.partner).cloned() else {
            return self.later(attempt).await;
        };
        let Some(dialect) = partner.dialect.clone() else { return self.later(attempt).await };
        let order = attempt.order(invoice, &this.public_url);
        let now = this.clock.now();
        let Some(call) = dialect.ask_query(&order, now, rand::random()) else {
            // A partner that cannot be asked is settled by its own report.
            return self.leave(attempt).await;
        };
        let standing = match this.caller.call(&attempt.partner, call).await {
            Ok(answered) => {
                let standing = dialect.hear_query(&order, answered.as_answer());
                if let Standing::Collected(reports) = &standing {
                    for report in reports {
                        let verdict =
                            self.doors.take(&directory, &partner, report, &answered.body).await;
                        if verdict == Verdict::TryLater {
                            return self.later(attempt).await;
                        }
                    }
                }
                standing
            }
            // It was not even asked: nothing is learnt.
            Err(NoAnswer::LeftAlone) => return self.later(attempt).await,
            Err(why) => Standing::Unknown { why: why.to_string() },
        };
        metrics::counter!("payclear_queries_total", "partner" => attempt.partner.clone())
            .increment(1);
        // A payer may be in the last step when the time ends, and the word of it on its way.
        let over = now > attempt.expires_at + LAST_STEP;
        match standing {
            // Part of it may be missing yet: look again while the order lives.
            Standing::Collected(_) if over => self.leave(attempt).await,
            Standing::Collected(_) => self.later(attempt).await,
            Standing::Waiting(_) if over => {
                self.end(attempt, invoice, AttemptStep::Expire, None).await
            }
            Standing::Waiting(instruction) => {
                let known = instruction.pay_url.is_some() || instruction.qr.is_some();
                if attempt.status != AttemptStatus::AwaitingPayer {
                    let answer =
                        Answer { instruction: known.then_some(instruction), ..Answer::nothing() };
                    this.step(attempt.clone(), invoice.clone(), AttemptStep::Await, answer).await?;
                }
                self.later(attempt).await
            }
            Standing::Failed { code } => {
                self.end(attempt, invoice, AttemptStep::Fail, Some(code)).await
            }
            // Not known there: a call may still be on its way, a payer may not have gone there yet.
            Standing::NotFound if now < attempt.created_at + CALL_ARRIVES => {
                self.later(attempt).await
            }
            Standing::NotFound if attempt.status == AttemptStatus::AwaitingPayer => {
                if now > attempt.expires_at {
                    self.end(attempt, invoice, AttemptStep::Expire, None).await
                } else {
                    self.later(attempt).await
                }
            }
            Standing::NotFound => {
                let code = Some("not found".to_owned());
                self.end(attempt, invoice, AttemptStep::Fail, code).await
            }
            Standing::Unknown { why } => {
                tracing::info!(partner.code = attempt.partner, why, "still unknown");
                if attempt.status.after(AttemptStep::LoseSight).is_ok() {
                    let code = Some(why.chars().take(200).collect());
                    let answer = Answer { code, ..Answer::nothing() };
                    this.step(attempt.clone(), invoice.clone(), AttemptStep::LoseSight, answer)
                        .await?;
                }
                self.later(attempt).await
            }
        }
    }

    async fn end(
        &self,
        attempt: &Attempt,
        invoice: &Invoice,
        step: AttemptStep,
        code: Option<String>,
    ) -> Result<(), DispatchError> {
        let answer = Answer { code, ..Answer::nothing() };
        self.dispatching.step(attempt.clone(), invoice.clone(), step, answer).await?;
        self.leave(attempt).await
    }

    /// Asked for the last time.
    async fn leave(&self, attempt: &Attempt) -> Result<(), DispatchError> {
        let mut conn = self.dispatching.pool.acquire().await?;
        due::done_in(&mut conn, due::QUERY, &[attempt.id.0]).await?;
        Ok(())
    }

    /// Asked again, with growing pauses.
    async fn later(&self, attempt: &Attempt) -> Result<(), DispatchError> {
        let mut conn = self.dispatching.pool.acquire().await?;
        let tries = due::tries(&mut conn, due::QUERY, attempt.id.0).await?;
        if tries >= QUESTIONS {
            tracing::error!(attempt = %attempt.id, "nobody can say what became of an attempt");
            metrics::counter!("payclear_attempts_given_up_total").increment(1);
            due::done_in(&mut conn, due::QUERY, &[attempt.id.0]).await?;
            return Ok(());
        }
        let pause = PAUSES
            .get(usize::try_from(tries).unwrap_or(0))
            .or(PAUSES.last())
            .copied()
            .unwrap_or(60);
        let at = self.dispatching.clock.now() + Duration::seconds(pause);
        due::put_in(&mut conn, due::QUERY, attempt.id.0, at).await?;
        Ok(())
    }
}
