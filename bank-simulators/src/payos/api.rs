//! The calls of a merchant.
//!
//! Code 231 for a repeated order code is what merchants meet in practice; the other refusal codes
//! are an assumption, only "not 00" is certain.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    codec::{self, CreateFields},
    orders::{Closed, Order},
    webhook,
};
use crate::{
    app::{Shared, World},
    behaviour::Call,
    clock, signing, vietqr,
};

const LARGEST_ORDER_CODE: u64 = (1 << 53) - 1;
const LARGEST_AMOUNT: i64 = 1_000_000_000_000;

struct No(StatusCode, &'static str, String);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"code": self.1, "desc": self.2}))).into_response()
    }
}

fn no(code: &'static str, desc: impl Into<String>) -> No {
    No(StatusCode::OK, code, desc.into())
}

fn refused() -> Response {
    no("20", "refused on command").into_response()
}

fn admit(world: &World, headers: &HeaderMap) -> Result<(), No> {
    let word = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or("");
    let id = signing::same_word(&world.settings.payos_client_id, word("x-client-id"));
    let key = signing::same_word(world.settings.payos_api_key.expose(), word("x-api-key"));
    if id && key {
        return Ok(());
    }
    Err(No(StatusCode::UNAUTHORIZED, "401", "x-client-id hoặc x-api-key không hợp lệ".to_owned()))
}

fn signed(world: &World, data: &Value) -> Response {
    Json(codec::envelope(world.settings.payos_checksum_key.expose(), data)).into_response()
}

/// `POST /v2/payment-requests`
pub async fn create(State(world): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mode = world.behaviours.meet(&world.settings.payos_partner, Call::Create).await;
    if let Some(instead) = mode.instead(refused).await {
        return instead;
    }
    let answer = match register(&world, &headers, &body) {
        Ok(data) => signed(&world, &data),
        Err(no) => no.into_response(),
    };
    mode.afterwards(answer).await
}

fn register(world: &World, headers: &HeaderMap, body: &[u8]) -> Result<Value, No> {
    admit(world, headers)?;
    let body: Value = serde_json::from_slice(body).map_err(|_| no("20", "body is not JSON"))?;
    let order = read_order(world, &body)?;
    let data = order.created(&world.settings.payos_bin, &world.public_url);
    if world.payos.book().insert(order) {
        Ok(data)
    } else {
        Err(no("231", "Đơn thanh toán đã tồn tại"))
    }
}

fn read_order(world: &World, body: &Value) -> Result<Order, No> {
    let number = |name: &str| {
        body[name].as_i64().ok_or_else(|| no("20", format!("{name} must be an integer")))
    };
    let text = |name: &str| {
        body[name].as_str().ok_or_else(|| no("20", format!("{name} must be a string")))
    };
    let (order_code, amount, description) =
        (number("orderCode")?, number("amount")?, text("description")?);
    let order_code = u64::try_from(order_code)
        .ok()
        .filter(|code| (1..=LARGEST_ORDER_CODE).contains(code))
        .ok_or_else(|| no("20", "orderCode must be within 1 and 2^53-1"))?;
    if !(1..=LARGEST_AMOUNT).contains(&amount) {
        return Err(no("20", "amount is out of range"));
    }
    if description.is_empty() || description.chars().count() > 25 {
        return Err(no("20", "Mô tả tối đa 25 kí tự"));
    }
    let (cancel_url, return_url) = (text("cancelUrl")?, text("returnUrl")?);
    if ![cancel_url, return_url].iter().all(|url| is_web_address(url)) {
        return Err(no("20", "cancelUrl and returnUrl must be web addresses"));
    }
    let now = clock::now();
    let expired_at = match &body["expiredAt"] {
        Value::Null => None,
        given => Some(
            given
                .as_i64()
                .filter(|at| *at > now.timestamp())
                .ok_or_else(|| no("20", "expiredAt must be unix seconds in the future"))?,
        ),
    };
    let fields = CreateFields { amount, cancel_url, description, order_code, return_url };
    let key = world.settings.payos_checksum_key.expose();
    let expected = signing::hmac_sha256_hex(key, &codec::create_text(&fields));
    if !signing::same_hex(&expected, body["signature"].as_str().unwrap_or("")) {
        return Err(no("201", "Mã kiểm tra(signature) không hợp lệ"));
    }
    let virtual_account = format!("VQRQ{:012}", world.numbers.next() % 1_000_000_000_000);
    let qr_code = vietqr::encode(&vietqr::Request {
        bin: world.settings.payos_bin.clone(),
        account: virtual_account.clone(),
        amount: Some(amount),
        purpose: Some(description.to_owned()),
    });
    Ok(Order {
        order_code,
        amount,
        description: description.to_owned(),
        link_id: hex::encode(rand::random::<[u8; 16]>()),
        virtual_account,
        cancel_url: cancel_url.to_owned(),
        return_url: return_url.to_owned(),
        expired_at,
        created_at: now,
        qr_code,
        closed: None,
        credits: Vec::new(),
    })
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// `GET /v2/payment-requests/{id}`
pub async fn read(
    State(world): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mode = world.behaviours.meet(&world.settings.payos_partner, Call::Query).await;
    if let Some(instead) = mode.instead(refused).await {
        return instead;
    }
    if let Err(no) = admit(&world, &headers) {
        return no.into_response();
    }
    let found = {
        let book = world.payos.book();
        book.number_of(&id).and_then(|number| book.get(number).map(|it| (number, it.told())))
    };
    let Some((number, data)) = found else {
        return no("101", "Mã thanh toán không tồn tại").into_response();
    };
    let answer = mode.afterwards(signed(&world, &data)).await;
    world.courier.was_asked(&number.to_string());
    answer
}

/// `POST /v2/payment-requests/{id}/cancel`
pub async fn cancel(
    State(world): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mode = world.behaviours.meet(&world.settings.payos_partner, Call::Cancel).await;
    if let Some(instead) = mode.instead(refused).await {
        return instead;
    }
    let answer = match close(&world, &headers, &id, &body) {
        Ok(data) => signed(&world, &data),
        Err(no) => no.into_response(),
    };
    mode.afterwards(answer).await
}

fn close(world: &World, headers: &HeaderMap, id: &str, body: &[u8]) -> Result<Value, No> {
    admit(world, headers)?;
    let words: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|_| no("20", "body is not JSON"))?
    };
    let mut book = world.payos.book();
    let order = book
        .number_of(id)
        .and_then(|number| book.get_mut(number))
        .ok_or_else(|| no("101", "Mã thanh toán không tồn tại"))?;
    let now = clock::now();
    match order.status(now) {
        "PENDING" | "UNDERPAID" => {
            let reason = words["cancellationReason"].as_str().map(str::to_owned);
            order.closed = Some(Closed { status: "CANCELLED", at: now, reason });
            Ok(order.told())
        }
        // A repeat of the same wish changes nothing.
        "CANCELLED" => Ok(order.told()),
        status => Err(no("20", format!("a request that is {status} cannot be cancelled"))),
    }
}

/// `POST /confirm-webhook`: calls the address with a test event and keeps it if it answers 2xx.
pub async fn confirm_webhook(
    State(world): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Err(no) = admit(&world, &headers) {
        return no.into_response();
    }
    let url = body["webhookUrl"].as_str().unwrap_or_default();
    if !is_web_address(url) {
        return no("20", "webhookUrl must be a web address").into_response();
    }
    let answer = world.courier.call_once(&webhook::test_event(&world, url)).await;
    if !answer.status.is_some_and(|status| (200..300).contains(&status)) {
        return no("20", "Webhook url không hợp lệ").into_response();
    }
    world.payos.confirm_webhook(url.to_owned());
    let data = json!({
        "webhookUrl": url, "accountNumber": world.settings.payos_account,
        "accountName": super::ACCOUNT_NAME, "name": "Sample bank", "shortName": "SAMPLE",
    });
    Json(json!({"code": "00", "desc": "success", "data": data})).into_response()
}
