//! What ZaloPay signs: values joined by `|` with key1, a callback's data as it stands with key2.

use std::collections::HashMap;

use serde_json::Value;

use crate::signing;

/// Signed of a new order, in this order.
pub const CREATE: &[&str] =
    &["app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"];

/// Signed of a question, before key1 itself.
pub const QUERY: &[&str] = &["app_id", "app_trans_id"];

/// Signed of a refund.
pub const REFUND: &[&str] = &["app_id", "zp_trans_id", "amount", "description", "timestamp"];

/// Signed of a refund with a fee.
pub const REFUND_WITH_FEE: &[&str] =
    &["app_id", "zp_trans_id", "amount", "refund_fee_amount", "description", "timestamp"];

/// Signed of a question about a refund.
pub const QUERY_REFUND: &[&str] = &["app_id", "m_refund_id", "timestamp"];

/// The fields of a body: JSON or a form, numbers as they are written.
#[derive(Debug, Default)]
pub struct Fields(HashMap<String, String>);

impl Fields {
    /// Reads a body by its content type; none when it is neither.
    pub fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        if content_type.starts_with("application/x-www-form-urlencoded") {
            return Some(Self(url::form_urlencoded::parse(body).into_owned().collect()));
        }
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
        let read = |(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            _ => None,
        };
        Some(Self(fields.into_iter().filter_map(read).collect()))
    }

    /// A field's text, empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        let text = self.get(name);
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    }

    /// The text that is signed; a question about an order ends with the key.
    pub fn text(&self, names: &[&str], key1: &str) -> String {
        let mut values: Vec<&str> = names.iter().map(|name| self.get(name)).collect();
        if names == QUERY {
            values.push(key1);
        }
        values.join("|")
    }

    /// Is the mac right?
    pub fn is_genuine(&self, names: &[&str], key1: &str) -> bool {
        signing::same_hex(&signing::hmac_sha256_hex(key1, &self.text(names, key1)), self.get("mac"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/wires/zalopay.json")).unwrap()
    }

    #[test]
    fn every_call_has_our_mac_as_json_and_as_form() {
        let all = vectors();
        let key1 = all["key1"].as_str().unwrap();
        for case in all["vectors"].as_array().unwrap() {
            let names = match case["op"].as_str().unwrap() {
                "/v2/create" => CREATE,
                "/v2/query" => QUERY,
                "/v2/refund" if case["body"]["refund_fee_amount"].is_number() => REFUND_WITH_FEE,
                "/v2/refund" => REFUND,
                "/v2/query_refund" => QUERY_REFUND,
                "callback" => {
                    let data = case["body"]["data"].as_str().unwrap();
                    let mac = signing::hmac_sha256_hex(all["key2"].as_str().unwrap(), data);
                    assert_eq!(json!(mac), case["mac"]);
                    continue;
                }
                other => panic!("{other}"),
            };
            let body = case["body"].to_string();
            let fields = Fields::read("application/json", body.as_bytes()).unwrap();
            assert_eq!(json!(fields.text(names, key1)), case["canonical"]);
            assert!(fields.is_genuine(names, key1), "{case}");
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in &fields.0 {
                form.append_pair(name, value);
            }
            let form = form.finish();
            let read =
                Fields::read("application/x-www-form-urlencoded; charset=UTF-8", form.as_bytes());
            assert!(read.unwrap().is_genuine(names, key1));
        }
    }

    #[test]
    fn every_negative_is_refused() {
        let all = vectors();
        for case in all["negative"].as_array().unwrap() {
            let key = if case["op"] == "callback" { "key2" } else { "key1" };
            let text = case["canonical"].as_str().unwrap();
            let ours = signing::hmac_sha256_hex(all[key].as_str().unwrap(), text);
            assert!(!signing::same_hex(&ours, case["signature"].as_str().unwrap()));
        }
    }
}
