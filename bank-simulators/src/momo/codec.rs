//! What MoMo signs: `k=v` joined by `&`, keys from a to z, values as they are.

use serde_json::Value;

use crate::signing;

/// Signed of a new order, in this order.
pub const CREATE: &[&str] = &[
    "accessKey",
    "amount",
    "extraData",
    "ipnUrl",
    "orderId",
    "orderInfo",
    "partnerCode",
    "redirectUrl",
    "requestId",
    "requestType",
];

/// Signed of a question.
pub const QUERY: &[&str] = &["accessKey", "orderId", "partnerCode", "requestId"];

/// Signed of a refund.
pub const REFUND: &[&str] =
    &["accessKey", "amount", "description", "orderId", "partnerCode", "requestId", "transId"];

/// Signed of a result.
pub const RESULT: &[&str] = &[
    "accessKey",
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

/// A field's text, a number as it stands.
pub fn value_of(body: &Value, name: &str) -> String {
    match &body[name] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// The raw text of a message.
pub fn raw_text(names: &[&str], access_key: &str, body: &Value) -> String {
    let pairs = names.iter().map(|name| {
        let value = if *name == "accessKey" { access_key.to_owned() } else { value_of(body, name) };
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Its signature.
pub fn signature(names: &[&str], keys: (&str, &str), body: &Value) -> String {
    let (access_key, secret_key) = keys;
    signing::hmac_sha256_hex(secret_key, &raw_text(names, access_key, body))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/wires/momo.json")).unwrap()
    }

    #[test]
    fn every_message_has_our_signature() {
        let all = vectors();
        let keys = (all["accessKey"].as_str().unwrap(), all["secretKey"].as_str().unwrap());
        let mut seen = 0;
        for case in all["vectors"].as_array().unwrap() {
            let (names, body) = match case["op"].as_str().unwrap() {
                "create" => (CREATE, &case["input"]),
                "query" => (QUERY, &case["input"]),
                "refund" => (REFUND, &case["input"]),
                "ipn" => (RESULT, &case["body"]),
                _ => continue,
            };
            let mut body = body.clone();
            body["partnerCode"] = all["partnerCode"].clone();
            assert_eq!(json!(raw_text(names, keys.0, &body)), case["canonical"]);
            assert_eq!(json!(signature(names, keys, &body)), case["signature"]);
            seen += 1;
        }
        assert_eq!(seen, 8, "all but the confirmation, which this wallet does not offer");
    }

    #[test]
    fn every_negative_is_refused() {
        let all = vectors();
        for case in all["negative"].as_array().unwrap() {
            let text = case["canonical"].as_str().unwrap();
            let ours = signing::hmac_sha256_hex(all["secretKey"].as_str().unwrap(), text);
            assert!(!signing::same_hex(&ours, case["signature"].as_str().unwrap()));
        }
    }
}
