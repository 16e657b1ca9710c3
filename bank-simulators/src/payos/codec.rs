//! The payOS signature rules: five fixed keys for a request, all sorted keys for any `data`.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::signing;

/// What is signed when a payment request is made.
pub struct CreateFields<'a> {
    /// đồng.
    pub amount: i64,
    /// Where a payer who gives up goes.
    pub cancel_url: &'a str,
    /// At most 25 characters.
    pub description: &'a str,
    /// The merchant's number.
    pub order_code: u64,
    /// Where a payer who paid goes.
    pub return_url: &'a str,
}

/// The text of the five keys.
pub fn create_text(fields: &CreateFields<'_>) -> String {
    format!(
        "amount={}&cancelUrl={}&description={}&orderCode={}&returnUrl={}",
        fields.amount, fields.cancel_url, fields.description, fields.order_code, fields.return_url
    )
}

/// The text of a `data` object: sorted keys, null as nothing, arrays as compact JSON.
pub fn data_text(data: &Map<String, Value>) -> String {
    let mut names: Vec<&String> = data.keys().collect();
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push('&');
        }
        let _ = write!(text, "{name}=");
        match &data[name] {
            Value::Null => {}
            Value::String(value) => text.push_str(value),
            value => write_sorted(value, &mut text),
        }
    }
    text
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_sorted(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            text.push('{');
            for (at, name) in names.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::from(name.as_str()));
                write_sorted(&fields[name], text);
            }
            text.push('}');
        }
        plain => {
            let _ = write!(text, "{plain}");
        }
    }
}

/// Signs a `data` object.
pub fn sign_data(key: &str, data: &Map<String, Value>) -> String {
    signing::hmac_sha256_hex(key, &data_text(data))
}

/// The good envelope around `data`.
pub fn envelope(key: &str, data: &Value) -> Value {
    let signature = data.as_object().map(|data| sign_data(key, data));
    json!({"code": "00", "desc": "success", "data": data, "signature": signature})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/wires/payos.json")).unwrap()
    }

    fn fields(input: &Value) -> CreateFields<'_> {
        CreateFields {
            amount: input["amount"].as_i64().unwrap(),
            cancel_url: input["cancelUrl"].as_str().unwrap(),
            description: input["description"].as_str().unwrap(),
            order_code: input["orderCode"].as_u64().unwrap(),
            return_url: input["returnUrl"].as_str().unwrap(),
        }
    }

    #[test]
    fn every_vector_has_our_signature() {
        let all = vectors();
        let key = all["checksumKey"].as_str().unwrap();
        for case in all["vectors"].as_array().unwrap() {
            let kind = case["kind"].as_str().unwrap();
            let text = match kind {
                "create-request" => create_text(&fields(&case["input"])),
                "webhook" => data_text(case["body"]["data"].as_object().unwrap()),
                "object-signature (body mode)" => data_text(case["input"].as_object().unwrap()),
                // Payouts are not part of this bank.
                _ => continue,
            };
            if let Some(canonical) = case["canonical"].as_str() {
                assert_eq!(text, canonical);
            }
            assert_eq!(signing::hmac_sha256_hex(key, &text), case["signature"], "{kind}");
            if let Some(answer) = case["response_canonical"].as_str() {
                let pair = |pair: &str| {
                    let (name, value) = pair.split_once('=').unwrap();
                    let number = name == "amount" || name == "orderCode";
                    let value = if number { value.parse().unwrap() } else { json!(value) };
                    (name.to_owned(), value)
                };
                let data: Map<String, Value> = answer.split('&').map(pair).collect();
                assert_eq!(sign_data(key, &data), case["response_signature"]);
            }
        }
    }

    #[test]
    fn every_negative_is_refused() {
        let all = vectors();
        let key = all["checksumKey"].as_str().unwrap();
        for case in all["negative"].as_array().unwrap() {
            let expected = signing::hmac_sha256_hex(key, case["canonical"].as_str().unwrap());
            let received = case["signature"].as_str().unwrap();
            assert!(!signing::same_hex(&expected, received), "{}", case["name"]);
        }
    }
}
