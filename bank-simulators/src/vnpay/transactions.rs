//! `merchant_webapi`: questions about payments (`querydr`) and refunds, as signed messages.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{codec, query, refund};
use crate::{
    app::{Shared, World},
    behaviour::Call,
    clock, signing,
};

/// The signed fields of a querydr request.
pub const QUERY_REQUEST: &[&str] = &[
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_TransactionDate",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
];

/// The signed fields of its answer.
pub const QUERY_ANSWER: &[&str] = &[
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
    "vnp_PromotionCode",
    "vnp_PromotionAmount",
];

/// The signed fields of a refund request.
pub const REFUND_REQUEST: &[&str] = &[
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TransactionType",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_TransactionNo",
    "vnp_TransactionDate",
    "vnp_CreateBy",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
];

/// The signed fields of its answer: as for querydr, without the promotion.
pub const REFUND_ANSWER: &[&str] = QUERY_ANSWER.split_at(13).0;

/// A field's text; numbers are signed as the decimal text in the body. An unknown transaction
/// number is signed as `0` in a refund, where the field is then absent.
pub fn value_of(body: &Value, name: &str) -> String {
    match &body[name] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ if name == "vnp_TransactionNo" && body["vnp_Command"] == "refund" && is_request(body) => {
            "0".to_owned()
        }
        _ => String::new(),
    }
}

fn is_request(body: &Value) -> bool {
    body.get("vnp_ResponseId").is_none()
}

/// What an answer says beside the fields it repeats.
pub struct Told {
    /// vnp_ResponseCode.
    pub code: &'static str,
    /// vnp_Message.
    pub message: &'static str,
    /// The transaction's fields, when there is one to tell of.
    pub fields: Map<String, Value>,
}

impl Told {
    /// An answer without a transaction.
    pub fn no(code: &'static str, message: &'static str) -> Self {
        Self { code, message, fields: Map::new() }
    }
}

/// `POST /vnpay/merchant_webapi/api/transaction`
pub async fn transaction(State(world): State<Shared>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return Json(json!({"vnp_ResponseCode": "03", "vnp_Message": "Body is not JSON"}))
            .into_response();
    };
    let command = value_of(&body, "vnp_Command");
    let call = if command == "refund" { Call::Refund } else { Call::Query };
    let mode = world.behaviours.meet(&world.settings.vnpay_partner, call).await;
    let down = || answer(&world, &body, Told::no("99", "refused on command"));
    if let Some(instead) = mode.instead(down).await {
        return instead;
    }
    let told = match admit(&world, &body, &command) {
        Some(no) => no,
        None if command == "refund" => refund::refund(&world, &body).await,
        None => query::querydr(&world, &body),
    };
    let answer = mode.afterwards(answer(&world, &body, told)).await;
    world.courier.was_asked(&value_of(&body, "vnp_TxnRef"));
    answer
}

/// The checks that both commands share, in the gateway's order.
fn admit(world: &World, body: &Value, command: &str) -> Option<Told> {
    let names = match command {
        "querydr" => QUERY_REQUEST,
        "refund" => REFUND_REQUEST,
        _ => return Some(Told::no("03", "Unknown vnp_Command")),
    };
    let missing = names.iter().any(|name| value_of(body, name).is_empty());
    let id = value_of(body, "vnp_RequestId");
    let dates = ["vnp_TransactionDate", "vnp_CreateDate"]
        .iter()
        .all(|name| clock::read_compact(&value_of(body, name)).is_some());
    if missing || !dates || id.len() > 32 || value_of(body, "vnp_Version") != "2.1.0" {
        return Some(Told::no("03", "Invalid data format"));
    }
    if value_of(body, "vnp_TmnCode") != world.settings.vnpay_tmn_code {
        return Some(Told::no("02", "Invalid TmnCode"));
    }
    let values: Vec<String> = names.iter().map(|name| value_of(body, name)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let expected = codec::message_hash(world.settings.vnpay_hash_secret.expose(), &values);
    if !signing::same_hex(&expected, &value_of(body, "vnp_SecureHash")) {
        return Some(Told::no("97", "Invalid checksum"));
    }
    let today = clock::compact(clock::now())[..8].to_owned();
    if !world.vnpay.book().note_request(today, id) {
        return Some(Told::no("94", "Duplicate request"));
    }
    None
}

fn answer(world: &World, body: &Value, told: Told) -> Response {
    let command = value_of(body, "vnp_Command");
    let mut fields = told.fields;
    let id = hex::encode(rand::random::<[u8; 16]>());
    for (name, value) in [
        ("vnp_ResponseId", id),
        ("vnp_Command", command.clone()),
        ("vnp_ResponseCode", told.code.to_owned()),
        ("vnp_Message", told.message.to_owned()),
        ("vnp_TmnCode", value_of(body, "vnp_TmnCode")),
        ("vnp_TxnRef", value_of(body, "vnp_TxnRef")),
    ] {
        fields.insert(name.to_owned(), json!(value));
    }
    fields
        .entry("vnp_OrderInfo".to_owned())
        .or_insert_with(|| json!(value_of(body, "vnp_OrderInfo")));
    let names = if command == "refund" { REFUND_ANSWER } else { QUERY_ANSWER };
    let mut fields = Value::Object(fields);
    let values: Vec<String> = names.iter().map(|name| value_of(&fields, name)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let hash = codec::message_hash(world.settings.vnpay_hash_secret.expose(), &values);
    fields["vnp_SecureHash"] = json!(hash);
    Json(fields).into_response()
}
