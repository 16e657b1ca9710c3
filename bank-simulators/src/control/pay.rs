//! `POST /control/pay`: a payer acts; the answer says what the bank did, after it is journaled.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{target, wrong};
use crate::{
    app::Shared,
    deeds::{Act, Fault, Outcome, Refusal},
};

/// The request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    order: String,
    outcome: Outcome,
    /// đồng, as a string of digits only: a JSON number may already have lost one.
    amount: Option<String>,
    fault: Option<Fault>,
    memo: Option<String>,
    /// How long a delayed or reordered callback waits at most.
    delay_ms: Option<u64>,
    /// Answer only after the first try of each callback was answered.
    #[serde(default)]
    wait: bool,
}

/// `POST /control/pay`
pub async fn pay(State(world): State<Shared>, Json(request): Json<Request>) -> Response {
    let amount = match request.amount.as_deref().map(read_amount) {
        None => None,
        Some(Some(amount)) => Some(amount),
        Some(None) => {
            return wrong(StatusCode::UNPROCESSABLE_ENTITY, "amount is no string of đồng");
        }
    };
    let act = Act {
        order: request.order,
        outcome: request.outcome,
        fault: request.fault,
        amount,
        memo: request.memo,
        delay_ms: request.delay_ms.unwrap_or(3_000),
    };
    let mut deed = match target::act(&world, &act).await {
        Ok(deed) => deed,
        Err(refusal) => return wrong(status(&refusal), refusal),
    };
    let deliveries = std::mem::take(&mut deed.deliveries);
    let mut answer = json!(deed);
    if request.wait {
        let mut callbacks = Vec::new();
        for delivery in deliveries {
            callbacks.extend(delivery.await.ok().flatten());
        }
        answer["callback"] = json!(callbacks.first());
        answer["callbacks"] = json!(callbacks);
    }
    Json(answer).into_response()
}

fn read_amount(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let amount = digits.then(|| text.parse().ok()).flatten();
    amount.filter(|amount| (1..=9_999_999_999_999).contains(amount))
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Unknown(_) => StatusCode::NOT_FOUND,
        Refusal::Closed { .. } => StatusCode::CONFLICT,
        Refusal::NoKey => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::Impossible(_) | Refusal::AmountMissing | Refusal::Page { .. } | Refusal::Qr(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}
