//! The calls: read, authenticated, answered.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    codec::{self, Fields},
    create as new_order, query as question, refund as giving_back,
};
use crate::{
    app::{Shared, World},
    behaviour::Call,
};

/// What an answer says.
pub struct Told {
    /// return_code: 1, 2 or 3.
    pub code: i64,
    /// sub_return_code.
    pub sub_code: i64,
    /// In words.
    pub message: &'static str,
    /// Fields of this answer alone.
    pub fields: Map<String, Value>,
}

impl Told {
    /// Refused or failed.
    pub fn no(sub_code: i64, message: &'static str) -> Self {
        Self { code: 2, sub_code, message, fields: Map::new() }
    }

    /// Done, or under way.
    pub fn yes(code: i64, message: &'static str, fields: &Value) -> Self {
        Self { code, sub_code: 1, message, fields: fields.as_object().cloned().unwrap_or_default() }
    }
}

/// App maintenance.
pub const MAINTENANCE: i64 = -33;
/// `app_trans_id` exists; of a repeated `m_refund_id` the same is assumed (unverified).
pub const EXISTS: i64 = -68;
/// No such order or refund (unverified).
pub const NOT_FOUND: i64 = -101;
/// Invalid argument.
pub const INVALID: i64 = -401;
/// Bad mac.
pub const UNAUTHENTICATED: i64 = -402;
/// System error.
pub const SYSTEM: i64 = -500;

#[derive(Clone, Copy)]
enum Op {
    Create,
    Query,
    Refund,
    QueryRefund,
}

/// `POST /zalopay/v2/create`
pub async fn create(State(world): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    answer_to(&world, Op::Create, &headers, &body).await
}

/// `POST /zalopay/v2/query`
pub async fn query(State(world): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    answer_to(&world, Op::Query, &headers, &body).await
}

/// `POST /zalopay/v2/refund`
pub async fn refund(State(world): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    answer_to(&world, Op::Refund, &headers, &body).await
}

/// `POST /zalopay/v2/query_refund`
pub async fn query_refund(
    State(world): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer_to(&world, Op::QueryRefund, &headers, &body).await
}

async fn answer_to(world: &Shared, op: Op, headers: &HeaderMap, body: &Bytes) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let Some(fields) = Fields::read(content_type.unwrap_or_default(), body) else {
        return say(Told::no(INVALID, "body is neither JSON nor a form"));
    };
    if let Some(no) = admit(world, op, &fields) {
        return say(no);
    }
    let (call, refusal) = match op {
        Op::Create => (Call::Create, MAINTENANCE),
        Op::Refund => (Call::Refund, MAINTENANCE),
        Op::Query | Op::QueryRefund => (Call::Query, SYSTEM),
    };
    let mode = world.behaviours.meet(&world.settings.zalopay_partner, call).await;
    let refused = || say(Told::no(refusal, "refused on command"));
    if let Some(instead) = mode.instead(refused).await {
        return instead;
    }
    let told = match op {
        Op::Create => new_order::create(world, &fields),
        Op::Query => question::query(world, &fields),
        Op::Refund => giving_back::refund(world, &fields).await,
        Op::QueryRefund => giving_back::query(world, &fields),
    };
    let answer = mode.afterwards(say(told)).await;
    if matches!(op, Op::Query) {
        world.courier.was_asked(fields.get("app_trans_id"));
    }
    answer
}

/// The checks that all calls share: the merchant, then the mac.
fn admit(world: &World, op: Op, fields: &Fields) -> Option<Told> {
    let names = match op {
        Op::Create => codec::CREATE,
        Op::Query => codec::QUERY,
        Op::Refund if fields.get("refund_fee_amount").is_empty() => codec::REFUND,
        Op::Refund => codec::REFUND_WITH_FEE,
        Op::QueryRefund => codec::QUERY_REFUND,
    };
    if fields.get("app_id") != world.settings.zalopay_app_id {
        return Some(Told::no(INVALID, "app_id is unknown"));
    }
    let key1 = world.settings.zalopay_key1.expose();
    (!fields.is_genuine(names, key1)).then(|| Told::no(UNAUTHENTICATED, "mac not equal"))
}

fn say(told: Told) -> Response {
    let word = match told.code {
        1 => "success",
        2 => "failed",
        _ => "processing",
    };
    let mut fields = told.fields;
    for (name, value) in [
        ("return_code", json!(told.code)),
        ("return_message", json!(word)),
        ("sub_return_code", json!(told.sub_code)),
        ("sub_return_message", json!(told.message)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    Json(fields).into_response()
}
