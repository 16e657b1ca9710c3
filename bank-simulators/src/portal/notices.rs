//! `POST /portal/{name}/notices`: verify, journal, answer.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::behaviour::Mode;
use crate::{app::Shared, behaviour, clock};

/// Takes a notice. It is durable, and its effect had at most once, before it is answered with 2xx.
pub async fn take(
    State(world): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |header: &str| headers.get(header).and_then(|value| value.to_str().ok());
    let id = text("webhook-id").unwrap_or_default();
    let verified = world.portals.verify(&name, &body, &headers);
    let in_force = world.portals.behaviour(&name);
    let mode = in_force.draw();
    let content: Value = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    let entry = json!({
        "kind": "notice", "portal": name, "webhook_id": id,
        "webhook_timestamp": text("webhook-timestamp"), "verified": verified.is_ok(),
        "reason": verified.as_ref().err(), "effect": false, "mode": mode,
        "received_at": clock::precise(clock::now()), "body": content,
    });
    let taken = verified.is_ok() && matches!(mode, Mode::Ok | Mode::OkThenReset);
    let durable = if taken {
        world.portals.take_in(&name, id, entry)
    } else {
        world.portals.journal().enqueue(&entry)
    };
    let durable = match durable {
        Ok(durable) => durable.await.is_ok(),
        Err(_) => false,
    };
    if !durable {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    match mode {
        Mode::Error500 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mode::Gone410 => StatusCode::GONE.into_response(),
        Mode::Busy429 => match in_force.retry_after {
            Some(seconds) => {
                (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())])
                    .into_response()
            }
            None => StatusCode::TOO_MANY_REQUESTS.into_response(),
        },
        Mode::Silence => behaviour::silence().await,
        Mode::Redirect => {
            let elsewhere = format!("{}/portal/{name}-elsewhere/notices", world.public_url);
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, elsewhere)]).into_response()
        }
        Mode::Ok | Mode::OkThenReset if verified.is_err() => {
            StatusCode::UNAUTHORIZED.into_response()
        }
        Mode::OkThenReset => behaviour::cut(),
        Mode::Ok => StatusCode::NO_CONTENT.into_response(),
    }
}
