//! Every call of ours to a partner is kept with its answer, for disputes: masked at once, written a
//! little later, many in one statement, beside whatever transaction the call was made for. Who calls
//! never waits for it; when more is to be kept than the database takes, it is dropped and counted.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::call::{Answered, NoAnswer};
use super::dialects::{Call, NO_CALL};
use super::exchange::{MOST_BYTES, calls_keep, said_briefly};
use super::mask::{KeptMessage, masked};
use crate::vocabulary::clock::SharedClock;

/// So many calls wait to be written at most: some seconds' worth of them.
const MOST_WAITING: usize = 4096;
/// So many are written in one statement.
const AT_ONCE: usize = 256;
/// They are written so often.
const EVERY: Duration = Duration::from_millis(200);

/// A call of ours and what came of it, as it is kept.
#[derive(Debug, Clone)]
pub struct Called {
    /// When it had come to its end.
    pub at: DateTime<Utc>,
    /// Whom we called.
    pub partner: String,
    /// `create`, `query`, `cancel`, `refund` or `refund_query`.
    pub purpose: &'static str,
    /// Our reference of the order.
    pub reference: Option<String>,
    /// What we said: method, address, body. The digest is of the body alone, which is what is
    /// signed; of the address where there is no body. Headers are not kept: they hold keys.
    pub request: KeptMessage,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// `answered`, or why there is no answer.
    pub verdict: String,
    /// What the partner answered.
    pub answer: KeptMessage,
}

/// What is to be kept of a call, taken before it is made.
#[derive(Debug)]
pub struct Saying {
    purpose: &'static str,
    reference: Option<String>,
    request: KeptMessage,
}

impl Saying {
    /// What is kept of a call; none of one that goes nowhere.
    pub fn of(call: &Call) -> Option<Self> {
        if call.method == NO_CALL {
            return None;
        }
        let mut text = format!("{} ", call.method);
        match call.url.split_once('?') {
            Some((address, query)) => {
                let query = masked(query.as_bytes());
                let _ = write!(text, "{address}?{}", String::from_utf8_lossy(&query));
            }
            None => text.push_str(&call.url),
        }
        let signed = if call.body.is_empty() { call.url.as_bytes() } else { &call.body };
        let body = KeptMessage::of_at_most(signed, MOST_BYTES);
        let mut text = text.into_bytes();
        if !call.body.is_empty() {
            text.push(b'\n');
            text.extend_from_slice(&body.text);
        }
        text.truncate(MOST_BYTES);
        let subject = &call.subject;
        Some(Self {
            purpose: if subject.purpose.is_empty() { "call" } else { subject.purpose },
            reference: Some(subject.reference.clone()).filter(|named| !named.is_empty()),
            request: KeptMessage { text, sha256: body.sha256 },
        })
    }
}

/// Keeps calls; clones share what waits.
#[derive(Debug, Clone)]
pub struct Recorder {
    pool: PgPool,
    clock: SharedClock,
    waiting: Arc<Mutex<Vec<Called>>>,
}

impl Recorder {
    /// Nothing waits yet; [`Self::run`] writes.
    pub fn new(pool: PgPool, clock: SharedClock) -> Self {
        Self { pool, clock, waiting: Arc::default() }
    }

    /// Keeps a call that has come to its end. A partner that is left alone was not called.
    pub fn keep(&self, partner: &str, saying: Saying, came: &Result<Answered, NoAnswer>) {
        let (status, verdict, answer) = match came {
            Err(NoAnswer::LeftAlone) => return,
            Err(silent) => (None, silent.to_string(), KeptMessage::of(b"")),
            Ok(answered) => (
                Some(answered.status),
                "answered".to_owned(),
                KeptMessage::of_at_most(&answered.body, MOST_BYTES),
            ),
        };
        let called = Called {
            at: self.clock.now(),
            partner: partner.to_owned(),
            purpose: saying.purpose,
            reference: saying.reference,
            request: saying.request,
            status,
            verdict: said_briefly(&verdict),
            answer,
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push(called);
        } else {
            drop(waiting);
            lost(1);
        }
    }

    /// Writes what waits; calls that the database does not take are lost and counted.
    pub async fn flush(&self) {
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for calls in waiting.chunks(AT_ONCE) {
            let kept = async { calls_keep(&mut *self.pool.acquire().await?, calls).await };
            if let Err(error) = kept.await {
                tracing::warn!(%error, calls = calls.len(), "calls to partners could not be kept");
                lost(calls.len() as u64);
            }
        }
    }

    /// Writes again and again until `stop`, and then once more.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
            self.flush().await;
        }
    }
}

fn lost(calls: u64) {
    metrics::counter!("payclear_exchanges_lost_total").increment(calls);
}
