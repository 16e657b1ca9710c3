//! Takes orders from the partners' queues and makes them known.

use std::sync::Arc;

use chrono::Duration;
use sqlx::PgPool;

use super::find::{Finder, NotRead};
use super::query::Querying;
use super::steps::{Stepping, Taken};
use crate::invoices::attempt::Attempt;
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, AttemptStep};
use crate::partners::call::{Answered, Caller, NoAnswer};
use crate::partners::dialects::{Ask, Created, Dialect, Instruction};
use crate::partners::exchange::{Direction, Exchange, exchange_keep_if_possible};
use crate::platform::broker::{Consumer, Fate, Pointer};
use crate::platform::group::Writer;
use crate::platform::telemetry;
use crate::platform::{due, group};
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::AttemptId;

/// The kind of the row that has an order sent once more.
pub const RESEND_DUE: &str = "attempt.resend";

/// While the database is away a message waits here so long before it is given back: it is given
/// back only so many times.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(40);

/// What dispatching needs.
#[derive(Debug, Clone)]
pub struct Dispatching {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Who speaks which dialect.
    pub directory: LiveDirectory,
    /// What messages point to.
    pub finder: Finder,
    /// The lines to partners.
    pub caller: Caller,
    /// The writer of attempts' steps.
    pub steps: Writer<Stepping>,
    /// What return addresses are built from.
    pub public_url: String,
}

/// The consumer of orders.
#[derive(Debug)]
pub struct Orders {
    /// What dispatching needs.
    pub dispatching: Dispatching,
    /// Asking partners.
    pub querying: Querying,
}

impl Consumer for Orders {
    async fn handle(&self, pointer: Pointer) -> Fate {
        let trace = Some(pointer.trace.clone()).filter(|t| !t.is_empty());
        telemetry::within_trace(trace, async {
            let patience = tokio::time::Instant::now() + PATIENCE;
            let mut pause = std::time::Duration::from_millis(200);
            loop {
                match Box::pin(self.order(AttemptId(pointer.subject))).await {
                    Ok(fate) => return fate,
                    Err(error) if tokio::time::Instant::now() + pause >= patience => {
                        let attempt = pointer.subject;
                        tracing::warn!(%error, %attempt, "an order could not be handled");
                        return Fate::Again("the database did not answer");
                    }
                    Err(_) => tokio::time::sleep(pause).await,
                }
                pause = (pause * 2).min(std::time::Duration::from_secs(5));
            }
        })
        .await
    }
}

/// Why an order was not handled now.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    /// The database, asked for what a message points to.
    #[error(transparent)]
    NotRead(#[from] NotRead),
    /// The writer.
    #[error(transparent)]
    Group(#[from] group::GroupError),
}

impl Orders {
    async fn order(&self, id: AttemptId) -> Result<Fate, DispatchError> {
        let this = &self.dispatching;
        let Some((attempt, invoice)) = this.finder.find(id).await? else {
            return Ok(Fate::Park("there is no such attempt".to_owned()));
        };
        let directory = this.directory.current();
        let dialect = directory.partner(&attempt.partner).and_then(|p| p.dialect.clone());
        let Some(dialect) = dialect else {
            tracing::warn!(partner.code = attempt.partner, "the partner has no usable settings");
            return this.put_off(&attempt).await;
        };
        match attempt.status {
            AttemptStatus::Created => this.make_known(dialect, attempt, invoice).await,
            // A repeat, or we stopped while the call was under way: ask, never order twice.
            AttemptStatus::Sent => {
                self.querying.ask(&attempt, &invoice).await?;
                Ok(Fate::Done)
            }
            _ => Ok(Fate::Done),
        }
    }
}

impl Dispatching {
    /// Makes a new order known to the partner.
    async fn make_known(
        &self,
        dialect: Arc<dyn Dialect>,
        mut attempt: Attempt,
        invoice: Invoice,
    ) -> Result<Fate, DispatchError> {
        let now = self.clock.now();
        if now >= attempt.expires_at || !invoice.status.is_open() {
            self.step(attempt, invoice, AttemptStep::Expire, Answer::nothing()).await?;
            return Ok(Fate::Done);
        }
        let order = attempt.order(&invoice, &self.public_url);
        let call = match dialect.ask_create(&order) {
            Ask::Done(instruction) => {
                let answer = Answer {
                    ask_after: ask_later(&attempt, &*dialect, now),
                    ..Answer::of(instruction)
                };
                self.step(attempt, invoice, AttemptStep::Await, answer).await?;
                return Ok(Fate::Done);
            }
            Ask::Call(call) => call,
        };
        // First a place on the line, then `sent`: who is sent is called now, however many wait. One
        // that is not called stays `created`, and the clock sends the message again.
        let Ok(place) = self.caller.place(&attempt.partner).await else {
            return self.put_off(&attempt).await;
        };
        if !self
            .step(attempt.clone(), invoice.clone(), AttemptStep::Send, Answer::nothing())
            .await?
        {
            // Another process has it.
            return Ok(Fate::Done);
        }
        crate::platform::faults::point("dispatch.sent");
        attempt.status = AttemptStatus::Sent;
        let answered = self.caller.call_from(place, &attempt.partner, call).await;
        let heard = match &answered {
            Ok(answered) => dialect.hear_create(&order, answered.as_answer()),
            Err(why @ (NoAnswer::Silent(_) | NoAnswer::LeftAlone)) => {
                Created::Unknown { why: why.to_string() }
            }
        };
        match &heard {
            Created::Ready(_) => {}
            Created::Refused { code: said } | Created::Unknown { why: said } => {
                self.keep(&attempt, "create", said, answered.as_ref().ok()).await;
            }
        }
        crate::platform::faults::point("dispatch.called");
        let (step, answer) = match heard {
            Created::Ready(instruction) => {
                let ask_after = ask_later(&attempt, &*dialect, now);
                (AttemptStep::Await, Answer { ask_after, ..Answer::of(instruction) })
            }
            Created::Refused { code } => {
                tracing::warn!(partner.code = attempt.partner, code, "an order was refused");
                (AttemptStep::Fail, Answer { code: Some(code), ..Answer::nothing() })
            }
            Created::Unknown { why } => {
                tracing::warn!(partner.code = attempt.partner, why, "an order is lost from sight");
                let answer = Answer {
                    code: Some(why.chars().take(200).collect()),
                    ask_after: Some(Duration::seconds(5)),
                    instruction: None,
                };
                (AttemptStep::LoseSight, answer)
            }
        };
        self.step(attempt, invoice, step, answer).await?;
        Ok(Fate::Done)
    }

    /// Keeps, for disputes, an answer that was not what it should have been.
    pub(super) async fn keep(
        &self,
        attempt: &Attempt,
        purpose: &str,
        said: &str,
        answered: Option<&Answered>,
    ) {
        let exchange = Exchange {
            at: self.clock.now(),
            partner: &attempt.partner,
            direction: Direction::Out,
            purpose,
            reference: Some(&attempt.reference),
            status: answered.map(|answered| answered.status),
            verdict: said,
            body: answered.map_or(&[], |answered| &answered.body),
        };
        exchange_keep_if_possible(&self.pool, &exchange).await;
    }

    /// Not called now: the clock sends the message again.
    async fn put_off(&self, attempt: &Attempt) -> Result<Fate, DispatchError> {
        let mut conn = self.pool.acquire().await?;
        let at = self.clock.now() + Duration::seconds(15);
        due::put_in(&mut conn, RESEND_DUE, attempt.id.0, at).await?;
        Ok(Fate::Done)
    }

    /// Takes a step through the writer.
    pub async fn step(
        &self,
        attempt: Attempt,
        invoice: Invoice,
        step: AttemptStep,
        answer: Answer,
    ) -> Result<bool, DispatchError> {
        let Answer { instruction, code, ask_after } = answer;
        let taken = Taken { attempt, invoice, step, instruction, code, ask_after };
        Ok(self.steps.submit(taken).await?)
    }
}

/// What a partner's answer leaves behind.
#[derive(Debug, Default)]
pub struct Answer {
    /// What the payer needs.
    pub instruction: Option<Instruction>,
    /// The partner's own code.
    pub code: Option<String>,
    /// Ask after so long.
    pub ask_after: Option<Duration>,
}

impl Answer {
    /// Nothing.
    pub const fn nothing() -> Self {
        Self { instruction: None, code: None, ask_after: None }
    }

    /// An instruction.
    pub const fn of(instruction: Instruction) -> Self {
        Self { instruction: Some(instruction), code: None, ask_after: None }
    }
}

/// An order that lives for minutes, at a partner's own page, is asked after when its time is over:
/// the callback may have been lost; sooner when the partner wants to be asked. A standing order ends
/// with its invoice.
fn ask_later(
    attempt: &Attempt,
    dialect: &dyn Dialect,
    now: chrono::DateTime<chrono::Utc>,
) -> Option<Duration> {
    let left = attempt.expires_at - now;
    let over = left + Duration::seconds(5);
    match dialect.polls_every() {
        Some(pause) => Some(pause.min(over)),
        None => (left < Duration::hours(2)).then_some(over),
    }
}
