//! Partners' callbacks, signed a second time here: by the partners' specifications, not by our code.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use url::form_urlencoded;

use super::caller::{Answer, answer};
use super::simulators::{CHECKSUM_KEY, HASH_SECRET, TMN_CODE};
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

impl Town {
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
