//! Asking partners what became of an order. A time-out is "unknown", never "failed": it is left by a
//! partner's word, or by a person.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::asking::{AT_ONCE, Asking};
use super::consumer::{Answer, DispatchError, Dispatching};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, AttemptStep};
use crate::invoices::store::reads;
use crate::partners::Partner;
use crate::partners::call::NoAnswer;
use crate::partners::dialects::{Dialect, Standing, Verdict};
use crate::platform::due::{self, Put};
use crate::settlements::partner_http::PartnerDoors;
use crate::vocabulary::ids::{AttemptId, BreakId};

/// Rows of one partner that are looked at together for attempts that have ended.
const LOOKED_AT: i64 = 1000;
/// Pauses between questions (seconds); the last one repeats.
const PAUSES: [i64; 7] = [5, 15, 60, 300, 900, 3600, 21_600];
/// A payer's last step at the partner takes no longer than this after the order's end.
const LAST_STEP: Duration = Duration::minutes(10);
/// So long after a call began, or was given up, it has arrived at the partner or never will. Not so
/// long after the attempt was made: that may have waited for the broker, or for the partner.
const CALL_ARRIVES: Duration = Duration::minutes(2);
/// An attempt that nobody can say anything of gets a case at this age: a person has to look. It is
/// asked after all the same.
pub const CASE_AFTER: Duration = Duration::hours(8);
/// After so many questions without an answer it is asked after no more.
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
    /// Begins to ask after the attempts that are due, so many of each partner; returns how many.
    /// Nobody waits for the answers: a partner that hangs must not hold up the others. Who dies
    /// meanwhile asks again, since what was taken comes back.
    pub async fn sweep(&self, pool: &PgPool, asking: &Asking) -> Result<usize, DispatchError> {
        let now = self.dispatching.clock.now();
        let mut conn = pool.acquire().await?;
        if !drop_ended(&mut conn, now).await? {
            return Ok(0);
        }
        let under_way = asking.under_way();
        let due = due::take_by_lane(&mut conn, due::QUERY, now, AT_ONCE, &under_way).await?;
        drop(conn);
        let count = due.len();
        for due in due {
            let this = self.clone();
            let id = AttemptId(due.subject);
            asking.spawn(due.lane, async move {
                if let Err(error) = this.ask_after(id).await {
                    tracing::warn!(attempt.id = %id, %error, "an attempt could not be asked after");
                }
            });
        }
        Ok(count)
    }

    async fn ask_after(&self, id: AttemptId) -> Result<(), DispatchError> {
        match self.dispatching.finder.find(id).await? {
            Some((attempt, invoice)) => self.ask(&attempt, &invoice).await,
            None => Ok(()),
        }
    }

    /// Asks after one attempt and takes the step that the answer calls for.
    pub async fn ask(&self, attempt: &Attempt, invoice: &Invoice) -> Result<(), DispatchError> {
        let this = &self.dispatching;
        if attempt.status.is_final() {
            return self.leave(attempt).await;
        }
        let directory = this.directory.current();
        let Some(partner) = directory.partner(&attempt.partner).cloned() else {
            return self.later(attempt, invoice).await;
        };
        let Some(dialect) = partner.dialect.clone() else {
            return self.later(attempt, invoice).await;
        };
        let standing = match self.hear(&partner, &dialect, attempt, invoice).await {
            Heard::Standing(standing) => standing,
            // A partner that cannot be asked is settled by its own report.
            Heard::NotAskable => return self.not_askable(attempt, invoice).await,
            Heard::Later => return self.later(attempt, invoice).await,
        };
        let now = this.clock.now();
        let polled = dialect.polls_every();
        metrics::counter!("payclear_queries_total", "partner" => attempt.partner.clone())
            .increment(1);
        // A payer may be in the last step when the time ends, and the word of it on its way.
        let over = now > attempt.expires_at + LAST_STEP;
        match standing {
            // Part of it may be missing yet: look again while the order lives.
            Standing::Collected(_) if over => self.leave(attempt).await,
            Standing::Collected(_) => self.look_again(attempt, polled).await,
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
                self.look_again(attempt, polled).await
            }
            Standing::Failed { code } => {
                self.end(attempt, invoice, AttemptStep::Fail, Some(code)).await
            }
            // Not known there: a call may still be on its way, a payer may not have gone there yet.
            Standing::NotFound if now < self.arrives_by(attempt) => {
                self.later(attempt, invoice).await
            }
            Standing::NotFound if attempt.status == AttemptStatus::AwaitingPayer => {
                if now > attempt.expires_at {
                    self.end(attempt, invoice, AttemptStep::Expire, None).await
                } else {
                    self.look_again(attempt, polled).await
                }
            }
            Standing::NotFound => {
                let code = Some("not found".to_owned());
                self.end(attempt, invoice, AttemptStep::Fail, code).await
            }
            Standing::Unknown { why } => {
                tracing::info!(partner.code = attempt.partner, why, "still unknown");
                let mut attempt = attempt.clone();
                if let Ok(lost) = attempt.status.after(AttemptStep::LoseSight) {
                    let code = Some(why.chars().take(200).collect());
                    let answer = Answer { code, ..Answer::nothing() };
                    this.step(attempt.clone(), invoice.clone(), AttemptStep::LoseSight, answer)
                        .await?;
                    attempt.status = lost;
                }
                self.later(&attempt, invoice).await
            }
        }
    }

    /// Until when the call that made an order may still arrive at the partner.
    fn arrives_by(&self, attempt: &Attempt) -> DateTime<Utc> {
        let under_way = match attempt.status {
            AttemptStatus::Sent => Duration::from_std(self.dispatching.caller.timeout()),
            _ => Ok(Duration::zero()),
        };
        attempt.status_since + under_way.unwrap_or_default() + CALL_ARRIVES
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

    /// Nothing is wrong, only nothing has happened yet: asked again as often as the partner wants
    /// to be, or once the order's time is over.
    async fn look_again(
        &self,
        attempt: &Attempt,
        polled: Option<Duration>,
    ) -> Result<(), DispatchError> {
        let now = self.dispatching.clock.now();
        let end = attempt.expires_at + Duration::seconds(5);
        let soon = polled.unwrap_or(Duration::seconds(PAUSES[4]));
        let at = if now < end { end.min(now + soon) } else { now + Duration::minutes(1) };
        let mut conn = self.dispatching.pool.acquire().await?;
        let put = Put { lane: &attempt.partner, subject: attempt.id.0, at };
        due::put_afresh_in(&mut conn, due::QUERY, put).await?;
        Ok(())
    }

    /// A partner that cannot be asked is settled by its report; until then a person is told of what
    /// nobody knows.
    async fn not_askable(&self, attempt: &Attempt, invoice: &Invoice) -> Result<(), DispatchError> {
        match attempt.status {
            AttemptStatus::Sent | AttemptStatus::Unknown => self.later(attempt, invoice).await,
            _ => self.leave(attempt).await,
        }
    }

    /// Asked again, with growing pauses; at a stated age a person is told too, whatever the pause.
    async fn later(&self, attempt: &Attempt, invoice: &Invoice) -> Result<(), DispatchError> {
        let now = self.dispatching.clock.now();
        let mut conn = self.dispatching.pool.acquire().await?;
        let lost = matches!(attempt.status, AttemptStatus::Sent | AttemptStatus::Unknown);
        let told_at = attempt.created_at + CASE_AFTER;
        if lost && now >= told_at {
            let detail = format!(
                "attempt {} through {} ({}) is {}, made at {}: {}",
                attempt.id,
                attempt.partner,
                attempt.reference,
                attempt.status,
                attempt.created_at.format("%Y-%m-%d %H:%M UTC"),
                attempt.last_code.as_deref().unwrap_or("no word"),
            );
            let case = Break {
                id: BreakId::new(now),
                code: BreakCode::StatusDiffers,
                state: BreakState::Open,
                opened_at: now,
                partner: attempt.partner.clone(),
                agency: invoice.agency.clone(),
                invoice: Some(invoice.id),
                settlement: None,
                amount: attempt.amount,
                detail,
            };
            breaks::store::break_open_once(&mut conn, &case).await?;
        }
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
        let pause = Duration::seconds(pause);
        let at = if lost && now < told_at { told_at.min(now + pause) } else { now + pause };
        let put = Put { lane: &attempt.partner, subject: attempt.id.0, at };
        due::put_all_in(&mut conn, due::QUERY, &[put]).await?;
        Ok(())
    }

    /// Asks, and books what the partner says it has collected.
    async fn hear(
        &self,
        partner: &Partner,
        dialect: &Arc<dyn Dialect>,
        attempt: &Attempt,
        invoice: &Invoice,
    ) -> Heard {
        let this = &self.dispatching;
        let order = attempt.order(invoice, &this.public_url);
        let Some(call) = dialect.ask_query(&order, this.clock.now(), rand::random()) else {
            return Heard::NotAskable;
        };
        let answered = match this.caller.call(&attempt.partner, call).await {
            Ok(answered) => answered,
            // It was not even asked: nothing is learnt.
            Err(NoAnswer::LeftAlone) => return Heard::Later,
            Err(why) => return Heard::Standing(Standing::Unknown { why: why.to_string() }),
        };
        let standing = dialect.hear_query(&order, answered.as_answer());
        if let Standing::Unknown { why: said } | Standing::Failed { code: said } = &standing {
            this.keep(attempt, "query", said, Some(&answered)).await;
        }
        if let Standing::Collected(reports) = &standing {
            let directory = this.directory.current();
            for report in reports {
                let verdict = self.doors.take(&directory, partner, report, &answered.body).await;
                if verdict == Verdict::TryLater {
                    return Heard::Later;
                }
            }
        }
        Heard::Standing(standing)
    }

    /// Asks after an attempt that has ended here, only to book what came in.
    pub(super) async fn collect(
        &self,
        attempt: &Attempt,
        invoice: &Invoice,
    ) -> Result<(), DispatchError> {
        let directory = self.dispatching.directory.current();
        let Some(partner) = directory.partner(&attempt.partner) else { return Ok(()) };
        let Some(dialect) = partner.dialect.clone() else { return Ok(()) };
        self.hear(partner, &dialect, attempt, invoice).await;
        Ok(())
    }
}

/// Drops the rows of attempts that have ended; is anything left that is due?
///
/// Most are paid before anybody has to ask. Who settles leaves their rows to be dropped here, many in
/// one statement: settling is the path that must be short, and most of what is paid there, by standing
/// orders and transfers, never had a row.
async fn drop_ended(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    loop {
        let due = due::look(conn, due::QUERY, now, LOOKED_AT).await?;
        let ids: Vec<Uuid> = due.iter().map(|due| due.subject).collect();
        let living = reads::attempts_living(conn, &ids).await?;
        let ended: Vec<Uuid> = ids.into_iter().filter(|id| !living.contains(id)).collect();
        if ended.is_empty() {
            return Ok(!living.is_empty());
        }
        due::done_in(conn, due::QUERY, &ended).await?;
    }
}

/// What came of a question.
enum Heard {
    Standing(Standing),
    NotAskable,
    Later,
}
