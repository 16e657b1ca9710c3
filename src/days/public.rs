//! What anybody may see: the public halves of the keys that sign days.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use sqlx::PgPool;

use super::keys::{PublicKey, public_keys};
use crate::platform::problem::Problem;

#[derive(Debug, Serialize)]
struct Keys {
    keys: Vec<PublicKey>,
}

/// The page.
pub fn routes(pool: PgPool) -> Router {
    Router::new().route("/.well-known/payclear-signing-keys", get(keys)).with_state(pool)
}

async fn keys(State(pool): State<PgPool>) -> Result<Response, Problem> {
    let keys = public_keys(&mut *pool.acquire().await?).await?;
    let cached = [(header::CACHE_CONTROL, "public, max-age=300")];
    Ok((cached, Json(Keys { keys })).into_response())
}
