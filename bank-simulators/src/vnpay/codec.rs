//! The VNPAY signature rules: the sorted query for addresses, joined values for messages.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::signing;

/// Why a query cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// A parameter comes twice.
    #[error("a parameter comes twice")]
    Twice,
    /// `vnp_SecureHashType` was sent, which 2.1.0 forbids.
    #[error("vnp_SecureHashType must not be sent")]
    HashType,
    /// The hash is missing or another one.
    #[error("vnp_SecureHash does not match")]
    Hash,
}

const HASH: &str = "vnp_SecureHash";

/// The canonical text of parameters in the WHATWG form encoding, which is also the query sent.
pub fn query_text(params: &BTreeMap<String, String>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if name.starts_with("vnp_") && name != HASH && !value.is_empty() {
            text.append_pair(name, value);
        }
    }
    text.finish()
}

/// The query with its hash.
pub fn signed_query(secret: &str, params: &BTreeMap<String, String>) -> String {
    let text = query_text(params);
    let hash = signing::hmac_sha512_hex(secret, &text);
    format!("{text}&{HASH}={hash}")
}

/// Checks a received query and returns its parameters.
///
/// Libraries differ in which characters they escape, so the text as received is tried first, then
/// the WHATWG encoding of what it means.
pub fn verified(secret: &str, query: &str) -> Result<BTreeMap<String, String>, BadQuery> {
    let mut params = BTreeMap::new();
    let mut hash = String::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "vnp_SecureHashType" {
            return Err(BadQuery::HashType);
        }
        if name == HASH && hash.is_empty() {
            hash = value.into_owned();
        } else if name == HASH || params.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(BadQuery::Twice);
        }
    }
    let mut raw: Vec<(&str, &str)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, value)| name.starts_with("vnp_") && *name != HASH && !value.is_empty())
        .collect();
    raw.sort_unstable();
    let raw: Vec<String> = raw.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let matches = |text: &str| signing::same_hex(&signing::hmac_sha512_hex(secret, text), &hash);
    if matches(&raw.join("&")) || matches(&query_text(&params)) {
        Ok(params)
    } else {
        Err(BadQuery::Hash)
    }
}

/// The hash over values joined with `|`.
pub fn message_hash(secret: &str, values: &[&str]) -> String {
    signing::hmac_sha512_hex(secret, &values.join("|"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::vnpay::transactions::{
        QUERY_ANSWER, QUERY_REQUEST, REFUND_ANSWER, REFUND_REQUEST, value_of,
    };

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/wires/vnpay.json")).unwrap()
    }

    fn params(case: &Value) -> BTreeMap<String, String> {
        let pairs = case["params"].as_object().unwrap().iter();
        pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn every_address_and_callback_has_our_hash() {
        let all = vectors();
        let secret = all["secret"].as_str().unwrap();
        for case in ["pay_url", "callback"].iter().flat_map(|kind| all[*kind].as_array().unwrap()) {
            assert_eq!(query_text(&params(case)), case["canonical"].as_str().unwrap());
            let query = signed_query(secret, &params(case));
            assert!(query.ends_with(case["secure_hash"].as_str().unwrap()), "{}", case["name"]);
            assert_eq!(verified(secret, &query).unwrap(), params(case));
            assert_eq!(
                verified(secret, &query.replace("vnp_Amount=", "vnp_Amount=1")),
                Err(BadQuery::Hash)
            );
        }
    }

    #[test]
    fn every_message_has_our_hash() {
        let all = vectors();
        let secret = all["secret"].as_str().unwrap();
        for (kind, request, answer) in
            [("querydr", QUERY_REQUEST, QUERY_ANSWER), ("refund", REFUND_REQUEST, REFUND_ANSWER)]
        {
            for case in all[kind].as_array().unwrap() {
                for (body, names) in
                    [(&case["request_body"], request), (&case["response_body"], answer)]
                {
                    let values: Vec<String> = names.iter().map(|it| value_of(body, it)).collect();
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    assert_eq!(message_hash(secret, &values), body["vnp_SecureHash"]);
                }
            }
        }
    }

    #[test]
    fn every_negative_is_refused() {
        let all = vectors();
        let secret = all["secret"].as_str().unwrap();
        for case in all["negative"].as_array().unwrap() {
            let (text, hash) = (case["canonical"].as_str(), case["signature"].as_str());
            let query = format!("{}&vnp_SecureHash={}", text.unwrap(), hash.unwrap());
            assert_eq!(verified(secret, &query), Err(BadQuery::Hash), "{}", case["name"]);
        }
    }

    #[test]
    fn characters_that_libraries_escape_differently_are_taken_as_received() {
        let text = "vnp_Amount=100&vnp_OrderInfo=a!b'c(d)e*f~g";
        let hash = signing::hmac_sha512_hex("s", text);
        assert!(verified("s", &format!("{text}&vnp_SecureHash={hash}")).is_ok());
        assert!(verified("s", &format!("{text}&vnp_SecureHash={}", hash.to_uppercase())).is_ok());
        let doubled = format!("{text}&vnp_Amount=100&vnp_SecureHash={hash}");
        assert_eq!(verified("s", &doubled), Err(BadQuery::Twice));
    }
}
