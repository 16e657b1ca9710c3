//! A reference portal: takes notices, verifies them with a library that is not ours, and has each
//! effect exactly once per `webhook-id`.

pub mod behaviour;
pub mod notices;
pub mod store;

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;

use crate::{
    app::Shared,
    control::{journal, wrong},
};
pub use store::Portals;

/// The paths under `/portal`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/journal", get(read))
        .route("/{name}/notices", post(notices::take))
        .route("/{name}/secrets", post(secrets))
        .route("/{name}/behaviour", post(behave))
}

#[derive(Deserialize)]
struct Secrets {
    secrets: Vec<String>,
}

/// Any of the secrets may verify a notice, so that a rotation can be followed.
async fn secrets(
    State(world): State<Shared>,
    Path(name): Path<String>,
    Json(given): Json<Secrets>,
) -> Response {
    match world.portals.use_secrets(&name, &given.secrets) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => wrong(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn behave(
    State(world): State<Shared>,
    Path(name): Path<String>,
    Json(behaviour): Json<behaviour::Behaviour>,
) -> Response {
    world.portals.behave(&name, behaviour.clone());
    Json(behaviour).into_response()
}

/// `GET /portal/journal?portal=name&since=N`
async fn read(
    State(world): State<Shared>,
    Query(given): Query<HashMap<String, String>>,
) -> Response {
    journal::answer(world.portals.journal(), given)
}
