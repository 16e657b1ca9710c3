//! How a partner's own calls misbehave on command: refusals, silence, cut connections.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// What a partner does with one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As specified.
    #[default]
    Ok,
    /// Refused in the partner's own words; nothing is done.
    Error,
    /// HTTP 500; nothing is done.
    Http500,
    /// No answer; nothing is done.
    Timeout,
    /// Done, but no answer.
    TimeoutAfterCommit,
    /// Done, and the connection is cut instead of an answer.
    ResetAfterCommit,
}

/// The calls that can misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Registering a payment (VNPAY: the payment page).
    Create,
    /// Asking for its state.
    Query,
    /// Cancelling it.
    Cancel,
    /// Giving money back.
    Refund,
}

/// The body of `POST /control/behaviour`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// The partner code.
    pub partner: String,
    /// What registering does.
    #[serde(default)]
    pub create: Mode,
    /// What asking does.
    #[serde(default)]
    pub query: Mode,
    /// What cancelling does.
    #[serde(default)]
    pub cancel: Mode,
    /// What giving back does.
    #[serde(default)]
    pub refund: Mode,
    /// How long every call waits first.
    #[serde(default)]
    pub delay_ms: u64,
    /// How many of a hundred calls misbehave.
    #[serde(default = "always")]
    pub percent: u32,
}

fn always() -> u32 {
    100
}

/// The behaviours in force, by partner.
#[derive(Default)]
pub struct Behaviours(Mutex<HashMap<String, Behaviour>>);

impl Behaviours {
    /// Puts one in force.
    pub fn set(&self, behaviour: Behaviour) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(behaviour.partner.clone(), behaviour);
    }

    /// All partners behave again.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits as long as the partner is slow, and says how this call goes.
    pub async fn meet(&self, partner: &str, call: Call) -> Mode {
        let (mode, delay_ms) = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(behaviour) = all.get(partner) else { return Mode::Ok };
            let mode = match call {
                Call::Create => behaviour.create,
                Call::Query => behaviour.query,
                Call::Cancel => behaviour.cancel,
                Call::Refund => behaviour.refund,
            };
            let hit = rand::random_range(0..100) < behaviour.percent;
            (if hit { mode } else { Mode::Ok }, behaviour.delay_ms)
        };
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        mode
    }
}

impl Mode {
    /// The answer of a call that is not carried out; `refusal` is the partner's own way to say no.
    pub async fn instead(self, refusal: impl FnOnce() -> Response) -> Option<Response> {
        match self {
            Self::Error => Some(refusal()),
            Self::Http500 => Some((StatusCode::INTERNAL_SERVER_ERROR, "error").into_response()),
            Self::Timeout => Some(silence().await),
            Self::Ok | Self::TimeoutAfterCommit | Self::ResetAfterCommit => None,
        }
    }

    /// What becomes of the answer of a call that was carried out.
    pub async fn afterwards(self, answer: Response) -> Response {
        match self {
            Self::ResetAfterCommit => cut(),
            Self::TimeoutAfterCommit => silence().await,
            _ => answer,
        }
    }
}

/// Cuts the connection: the body fails before its first byte, so the server drops the connection
/// and the caller never gets a whole answer.
pub fn cut() -> Response {
    let failure = io::Error::new(io::ErrorKind::ConnectionReset, "cut on command");
    let body = Body::from_stream(futures_util::stream::once(std::future::ready(Err::<
        Vec<u8>,
        io::Error,
    >(failure))));
    Response::new(body)
}

/// Answers nothing for two minutes, then cuts the connection.
pub async fn silence() -> Response {
    tokio::time::sleep(Duration::from_mins(2)).await;
    cut()
}
