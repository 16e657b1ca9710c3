//! Partners' callbacks, signed a second time here: by the partners' specifications, not by our code.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use url::form_urlencoded;

use super::caller::{Answer, answer};
use super::simulators::{
    CHECKSUM_KEY, HASH_SECRET, MOMO_CODE, MOMO_KEYS, SEPAY_SECRET, TMN_CODE, ZALOPAY_APP,
    ZALOPAY_KEYS,
};
use super::town::{PAYOS_ACCOUNT, Town};

/// A payOS webhook about a plain transfer to the account.
pub fn payos_transfer(reference: &str, amount: u64, memo: &str) -> Value {
    json!({
        "orderCode": 0, "amount": amount, "description": memo, "accountNumber": PAYOS_ACCOUNT,
        "reference": reference, "transactionDateTime": "2026-01-15 10:00:00", "currency": "VND",
        "code": "00", "desc": "success",
    })
}

/// `data` in its envelope.
pub fn payos_envelope(data: &Value) -> Value {
    json!({
        "code": "00", "desc": "success", "success": true, "data": data,
        "signature": payos_signature(data),
    })
}

fn payos_signature(data: &Value) -> String {
    let fields: BTreeMap<&String, &Value> = data.as_object().expect("an object").iter().collect();
    let pairs: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(CHECKSUM_KEY.as_bytes()).expect("a key");
    mac.update(pairs.join("&").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A webhook of SePay about a credit of the register's account.
pub fn sepay_credit(id: u64, amount: u64, memo: &str) -> Value {
    json!({
        "id": id, "gateway": "MBBank", "transactionDate": "2026-01-15 10:00:00",
        "accountNumber": "0560009988776", "code": null, "content": memo, "transferType": "in",
        "transferAmount": amount, "accumulated": amount, "subAccount": null,
        "referenceCode": format!("MB{id}"), "description": memo,
    })
}

/// The headers that prove a body of SePay, signed at this time.
pub fn sepay_headers(timestamp: i64, body: &str) -> Vec<(&'static str, String)> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SEPAY_SECRET.as_bytes()).expect("a key");
    mac.update(format!("{timestamp}.{body}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    vec![
        ("x-sepay-timestamp", timestamp.to_string()),
        ("x-sepay-signature", format!("sha256={signature}")),
    ]
}

/// The parameters of a VNPAY IPN.
pub fn vnpay_fields(
    reference: &str,
    amount: i64,
    transaction: &str,
    codes: (&str, &str),
) -> BTreeMap<String, String> {
    let fields = [
        ("vnp_TmnCode", TMN_CODE.to_owned()),
        ("vnp_TxnRef", reference.to_owned()),
        ("vnp_Amount", format!("{amount}00")),
        ("vnp_OrderInfo", "Nop phi".to_owned()),
        ("vnp_ResponseCode", codes.0.to_owned()),
        ("vnp_TransactionStatus", codes.1.to_owned()),
        ("vnp_TransactionNo", transaction.to_owned()),
        ("vnp_BankCode", "NCB".to_owned()),
        ("vnp_PayDate", "20260115100000".to_owned()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub fn vnpay_query(fields: &BTreeMap<String, String>) -> String {
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut mac = Hmac::<Sha512>::new_from_slice(HASH_SECRET.as_bytes()).expect("a key");
    mac.update(text.as_bytes());
    format!("{text}&vnp_SecureHash={}", hex::encode(mac.finalize().into_bytes()))
}

fn sha256(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The fields of a MoMo result, but for its signature.
pub fn momo_fields(order: &str, amount: i64, transaction: i64, code: i64) -> Value {
    json!({
        "partnerCode": MOMO_CODE, "orderId": order, "requestId": order, "amount": amount,
        "orderInfo": "Nop phi", "orderType": "momo_wallet", "transId": transaction,
        "resultCode": code, "message": "m", "payType": "qr", "responseTime": 1_768_446_000_000_i64,
        "extraData": "",
    })
}

/// With its signature.
pub fn momo_result(fields: &Value) -> Value {
    const SIGNED: [&str; 12] = [
        "amount",
        "extraData",
        "message",
        "orderId",
        "orderInfo",
        "orderType",
        "partnerCode",
        "payType",
        "requestId",
        "responseTime",
        "resultCode",
        "transId",
    ];
    let value =
        |name: &str| fields[name].as_str().map_or_else(|| fields[name].to_string(), str::to_owned);
    let pairs = SIGNED.map(|name| format!("{name}={}", value(name))).join("&");
    let mut signed = fields.clone();
    let text = format!("accessKey={}&{pairs}", MOMO_KEYS.0);
    signed["signature"] = json!(sha256(MOMO_KEYS.1, &text));
    signed
}

/// The data of a ZaloPay callback.
pub fn zalopay_fields(order: &str, amount: i64, transaction: i64) -> Value {
    json!({
        "app_id": ZALOPAY_APP.parse::<i64>().expect("a number"), "app_trans_id": order,
        "app_time": 1_768_446_000_000_i64, "app_user": "u", "amount": amount, "embed_data": "{}",
        "item": "[]", "zp_trans_id": transaction, "server_time": 1_768_446_000_000_i64,
        "channel": 38, "merchant_user_id": "u", "user_fee_amount": 0, "discount_amount": 0,
    })
}

/// In its envelope.
pub fn zalopay_callback(data: &Value) -> Value {
    let text = data.to_string();
    let mac = sha256(ZALOPAY_KEYS.1, &text);
    json!({ "data": text, "mac": mac, "type": 1 })
}

impl Town {
    /// What MoMo's server gets for a result: the status and the body.
    pub async fn momo(&self, body: &str) -> (u16, String) {
        let address = format!("{}/partners/momo/webhook", self.url);
        let request = self.http.post(address).header("content-type", "application/json");
        let answer = answer(request.body(body.to_owned())).await.expect("an answer");
        (answer.status, answer.text())
    }

    /// The `return_code` that ZaloPay's server gets for a callback.
    pub async fn zalopay(&self, body: &str) -> i64 {
        let address = format!("{}/partners/zalopay/webhook", self.url);
        let request = self.http.post(address).header("content-type", "application/json");
        let answer = answer(request.body(body.to_owned())).await.expect("an answer").expect(200);
        answer["return_code"].as_i64().expect("a code")
    }

    pub async fn payos(&self, envelope: &Value) -> Answer {
        let address = format!("{}/partners/samplebank/webhook", self.url);
        answer(self.http.post(address).json(envelope)).await.expect("an answer")
    }

    /// Sends an IPN and gives the `RspCode` of the answer.
    pub async fn ipn(&self, query: &str) -> String {
        let address = format!("{}/partners/vnpay/ipn?{query}", self.url);
        let answer = answer(self.http.get(address)).await.expect("an answer").expect(200);
        answer["RspCode"].as_str().expect("a code").to_owned()
    }
}

/// Chooses a partner on the pay page, as a browser without scripts would; the way to its page.
pub async fn choose(town: &Town, invoice: &Value, partner: &str) -> String {
    let request = town
        .http
        .post(invoice["pay_url"].as_str().expect("a pay page"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("partner={partner}"));
    let answer = answer(request).await.expect("the pay page answers");
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.headers["location"].to_str().expect("an address").to_owned()
}
