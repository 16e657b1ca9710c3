//! The calls of the gateway API: read, authenticated, known by their id, answered.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    codec::{self, value_of},
    create as new_order, query as question, refund as giving_back,
    requests::{self, Turn},
};
use crate::{
    app::{Shared, World},
    behaviour::Call,
    clock, signing,
};

/// What an answer says beside the fields it repeats.
pub struct Told {
    /// resultCode.
    pub code: i64,
    /// message.
    pub message: &'static str,
    /// Fields of this answer alone.
    pub fields: Map<String, Value>,
}

impl Told {
    /// An answer without more.
    pub fn no(code: i64, message: &'static str) -> Self {
        Self { code, message, fields: Map::new() }
    }
}

/// Codes after which something may still happen; a repeat of such a call is a repeat (40).
const NOT_THE_LAST_WORD: [i64; 10] = [9, 10, 11, 12, 13, 1000, 7000, 7002, 8000, 9000];

/// `POST /momo/v2/gateway/api/create`
pub async fn create(State(world): State<Shared>, body: Bytes) -> Response {
    answer_to(&world, Call::Create, codec::CREATE, &body).await
}

/// `POST /momo/v2/gateway/api/query`
pub async fn query(State(world): State<Shared>, body: Bytes) -> Response {
    answer_to(&world, Call::Query, codec::QUERY, &body).await
}

/// `POST /momo/v2/gateway/api/refund`
pub async fn refund(State(world): State<Shared>, body: Bytes) -> Response {
    answer_to(&world, Call::Refund, codec::REFUND, &body).await
}

async fn answer_to(world: &Shared, call: Call, signed: &[&str], body: &Bytes) -> Response {
    let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        let bad = json!({"resultCode": 20, "message": "Bad format request."});
        return Json(bad).into_response();
    };
    let say = |told: Told| Json(answer(&body, told)).into_response();
    if let Some(no) = admit(world, signed, &body) {
        return say(no);
    }
    let claim =
        match requests::turn(world, &value_of(&body, "requestId"), &value_of(&body, "signature")) {
            Turn::First(claim) => claim,
            Turn::Running => {
                let running = say(Told::no(7000, "Transaction is being processed."));
                return (StatusCode::UNPROCESSABLE_ENTITY, running).into_response();
            }
            Turn::Again(answer) => return Json(answer).into_response(),
            Turn::Used => return say(Told::no(40, "Duplicated requestId.")),
        };
    let mode = world.behaviours.meet(&world.settings.momo_partner, call).await;
    let refused = || say(Told::no(refusal(call), "refused on command"));
    if let Some(instead) = mode.instead(refused).await {
        return instead;
    }
    let told = match call {
        Call::Create => new_order::create(world, &body),
        Call::Refund => giving_back::refund(world, &body).await,
        Call::Query | Call::Cancel => question::query(world, &body),
    };
    let last_word = !NOT_THE_LAST_WORD.contains(&told.code);
    let told = answer(&body, told);
    claim.finish(told.clone(), last_word);
    let answer = mode.afterwards(Json(told).into_response()).await;
    if call != Call::Create {
        world.courier.was_asked(&value_of(&body, "orderId"));
    }
    answer
}

/// A "no" that this kind of call knows.
fn refusal(call: Call) -> i64 {
    match call {
        Call::Create => 99,
        Call::Refund => 1081,
        Call::Query | Call::Cancel => 10,
    }
}

/// The checks that all calls share: form, merchant, signature.
fn admit(world: &World, signed: &[&str], body: &Value) -> Option<Told> {
    let settings = &world.settings;
    let wanted = ["partnerCode", "requestId", "orderId", "signature"];
    let missing = wanted.iter().any(|name| value_of(body, name).is_empty());
    if missing || value_of(body, "requestId").chars().count() > 50 {
        return Some(Told::no(20, "Bad format request."));
    }
    let keys = (settings.momo_access_key.expose(), settings.momo_secret_key.expose());
    let genuine =
        signing::same_hex(&codec::signature(signed, keys, body), &value_of(body, "signature"));
    if value_of(body, "partnerCode") != settings.momo_partner_code || !genuine {
        return Some(Told::no(13, "Merchant authentication failed."));
    }
    let lang = value_of(body, "lang");
    if !lang.is_empty() && !matches!(lang.as_str(), "vi" | "en") {
        return Some(Told::no(20, "Bad format request."));
    }
    None
}

fn answer(body: &Value, told: Told) -> Value {
    let mut fields = told.fields;
    for (name, value) in [
        ("partnerCode", body["partnerCode"].clone()),
        ("requestId", body["requestId"].clone()),
        ("orderId", body["orderId"].clone()),
        ("responseTime", json!(clock::now().timestamp_millis())),
        ("message", json!(told.message)),
        ("resultCode", json!(told.code)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    Value::Object(fields)
}

/// A Long, written as a number or, as MoMo's own samples do, as text.
pub fn long(body: &Value, name: &str) -> Option<i64> {
    let text = value_of(body, name);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
