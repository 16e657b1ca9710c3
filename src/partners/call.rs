//! Calling a partner: with a time-out, so many at once, and a breaker, so that one that hangs slows
//! no other and is left alone for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::dialects::{Answer, Call, NO_CALL};
use super::record::{Recorder, Saying};
use crate::platform::telemetry;

/// Calls under way to one partner at once.
const AT_ONCE: usize = 64;
/// So many failures one after another open the breaker.
const FAILURES: u32 = 8;
/// For so long.
const OPEN_FOR: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const MOST_BYTES: usize = 256 * 1024;

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answered {
    /// For a dialect.
    pub fn as_answer(&self) -> Answer<'_> {
        Answer { status: self.status, body: &self.body }
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The breaker is open: it was not even called.
    #[error("the partner is left alone after {FAILURES} failures")]
    LeftAlone,
    /// Called; nobody knows what it did.
    #[error("no answer: {0}")]
    Silent(String),
}

#[derive(Debug)]
struct Line {
    at_once: Arc<Semaphore>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    open_until: Option<Instant>,
}

/// A place on the line to a partner: who holds one calls without waiting for others.
#[derive(Debug)]
pub struct Place {
    line: Arc<Line>,
    _permit: OwnedSemaphorePermit,
}

/// The lines to all partners.
#[derive(Debug, Clone)]
pub struct Caller {
    client: reqwest::Client,
    timeout: Duration,
    lines: Arc<Mutex<HashMap<String, Arc<Line>>>>,
    recorder: Option<Recorder>,
}

impl Caller {
    /// Lines that wait at most `timeout` for an answer.
    pub fn new(client: reqwest::Client, timeout: Duration) -> Self {
        Self { client, timeout, lines: Arc::default(), recorder: None }
    }

    /// The same lines, every call over which is kept.
    #[must_use]
    pub fn kept_by(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    fn line(&self, partner: &str) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(partner.to_owned()).or_insert_with(|| {
            let at_once = Arc::new(Semaphore::new(AT_ONCE));
            Arc::new(Line { at_once, health: Mutex::default() })
        }))
    }

    /// A call is given up after so long.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Would a call be made now?
    pub fn is_open(&self, partner: &str) -> bool {
        let line = self.line(partner);
        let health = line.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.open_until.is_none_or(|until| Instant::now() >= until)
    }

    /// Waits for a place on a partner's line.
    pub async fn place(&self, partner: &str) -> Result<Place, NoAnswer> {
        let line = self.line(partner);
        if !self.is_open(partner) {
            return Err(NoAnswer::LeftAlone);
        }
        let permit = Arc::clone(&line.at_once).acquire_owned().await;
        let permit = permit.map_err(|_| NoAnswer::LeftAlone)?;
        // Those that had a place before may have found the partner dead.
        if !self.is_open(partner) {
            return Err(NoAnswer::LeftAlone);
        }
        Ok(Place { line, _permit: permit })
    }

    /// Calls a partner, as soon as there is a place.
    pub async fn call(&self, partner: &str, call: Call) -> Result<Answered, NoAnswer> {
        let place = self.place(partner).await?;
        self.call_from(place, partner, call).await
    }

    /// Calls a partner at once, from a place on its line.
    pub async fn call_from(
        &self,
        place: Place,
        partner: &str,
        call: Call,
    ) -> Result<Answered, NoAnswer> {
        let silent = |error: &dyn std::fmt::Display| NoAnswer::Silent(error.to_string());
        let saying = self.recorder.as_ref().and_then(|_| Saying::of(&call));
        let began = Instant::now();
        let outcome = tokio::time::timeout(self.timeout, self.send(call)).await;
        metrics::histogram!("payclear_partner_call_seconds", "partner" => partner.to_owned())
            .record(telemetry::seconds_since(began));
        let outcome = match outcome {
            Ok(Ok(answered)) => Ok(answered),
            // The error of the client names the address, which may hold keys.
            Ok(Err(error)) => Err(silent(&error.without_url())),
            Err(_) => Err(silent(&"time is over")),
        };
        if let (Some(recorder), Some(saying)) = (&self.recorder, saying) {
            recorder.keep(partner, saying, &outcome);
        }
        let mut health = place.line.health.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(answered) if answered.status < 500 => *health = Health::default(),
            _ => {
                health.failures += 1;
                if health.failures >= FAILURES {
                    tracing::warn!(partner.code = partner, "left alone after failures");
                    health.open_until = Some(Instant::now() + OPEN_FOR);
                    health.failures = FAILURES - 1;
                }
            }
        }
        outcome
    }

    async fn send(&self, call: Call) -> Result<Answered, reqwest::Error> {
        if call.method == NO_CALL {
            return Ok(Answered { status: 200, body: call.body });
        }
        let method =
            if call.method == "GET" { reqwest::Method::GET } else { reqwest::Method::POST };
        let mut request = self.client.request(method, &call.url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if !call.body.is_empty() {
            request = request.body(call.body);
        }
        let trace = telemetry::current_trace();
        if !trace.is_empty() {
            request = request.header("traceparent", trace);
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                body.truncate(MOST_BYTES);
                break;
            }
        }
        Ok(Answered { status, body })
    }
}
