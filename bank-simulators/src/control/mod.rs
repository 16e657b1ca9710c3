//! The calls by which a test or a demonstration makes the banks do things, and reads what they did.

pub mod export;
pub mod journal;
pub mod orders;
pub mod pay;
pub mod payments;
pub mod statement;
pub mod target;

use std::fmt::Display;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

use crate::{app::Shared, behaviour::Behaviour};

/// The paths under `/control`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/pay", post(pay::pay))
        .route("/journal", get(journal::read))
        .route("/payments", post(payments::take))
        .route("/orders", get(orders::list))
        .route("/settlement-export", get(export::read))
        .route("/statement", get(statement::read))
        .route("/behaviour", post(behave))
        .route("/keys", post(keys))
        .route("/reset", post(reset))
}

/// An answer that says what is wrong.
pub fn wrong(status: StatusCode, error: impl Display) -> Response {
    (status, Json(json!({"error": format!("{error}")}))).into_response()
}

async fn behave(State(world): State<Shared>, Json(behaviour): Json<Behaviour>) -> Response {
    let settings = &world.settings;
    let called = [
        &settings.payos_partner,
        &settings.vnpay_partner,
        &settings.momo_partner,
        &settings.zalopay_partner,
    ];
    if !called.contains(&&behaviour.partner) {
        return wrong(StatusCode::NOT_FOUND, "no partner that takes calls has this code");
    }
    world.behaviours.set(behaviour.clone());
    Json(behaviour).into_response()
}

#[derive(Deserialize)]
struct NewKey {
    key_id: String,
    secret: String,
}

async fn keys(State(world): State<Shared>, Json(key): Json<NewKey>) -> Response {
    match world.direct.use_key(&key.key_id, &key.secret) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => wrong(StatusCode::UNPROCESSABLE_ENTITY, "secret is not base64"),
    }
}

/// Forgets orders, behaviours and callbacks still to come. The journals stay, and so do the
/// portals' secrets and effects: an effect forgotten would be counted twice.
async fn reset(State(world): State<Shared>) -> StatusCode {
    world.courier.forget();
    world.payos.forget();
    world.vnpay.forget();
    world.momo.forget();
    world.zalopay.forget();
    world.dossier.forget();
    world.behaviours.clear();
    world.portals.behave_all();
    StatusCode::NO_CONTENT
}
