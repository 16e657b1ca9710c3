//! How a webhook of SePay proves itself: an API key, or an HMAC over time and raw body.

use std::str::FromStr;

use crate::{courier::Form, signing};

/// As chosen for the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// `X-SePay-Timestamp` and `X-SePay-Signature`.
    Hmac,
    /// `Authorization: Apikey …`.
    ApiKey,
}

/// Why a text is no way to prove a hook.
#[derive(Debug, thiserror::Error)]
#[error("hmac or apikey expected")]
pub struct BadProof;

impl FromStr for Proof {
    type Err = BadProof;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hmac" => Ok(Self::Hmac),
            "apikey" => Ok(Self::ApiKey),
            _ => Err(BadProof),
        }
    }
}

/// `X-SePay-Signature` of a body.
pub fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    format!("sha256={}", signing::hmac_sha256_hex(secret, &format!("{timestamp}.{body}")))
}

/// The headers that prove this body at this time, spoiled as asked.
pub fn headers(
    proof: Proof,
    secret: &str,
    timestamp: i64,
    body: &str,
    form: Form,
) -> Vec<(&'static str, String)> {
    let spoil = |text: String| {
        if form == Form::Tampered { signing::spoiled(&text) } else { text }
    };
    let mut headers = vec![("content-type", "application/json".to_owned())];
    match proof {
        Proof::ApiKey => headers.push(("authorization", spoil(format!("Apikey {secret}")))),
        Proof::Hmac => {
            headers.push(("x-sepay-timestamp", timestamp.to_string()));
            headers.push(("x-sepay-signature", spoil(signature(secret, timestamp, body))));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_webhook_of_the_vectors_has_our_signature_and_every_negative_another() {
        let all: Value =
            serde_json::from_str(include_str!("../../../tests/data/wires/sepay.json")).unwrap();
        let secret = all["webhook_secret"].as_str().unwrap();
        let mut seen = 0;
        for case in all["vectors"].as_array().unwrap() {
            let headers = &case["headers"];
            let Some(timestamp) = headers["X-SePay-Timestamp"].as_str() else { continue };
            let body = case["raw_body"].as_str().unwrap();
            let timestamp = timestamp.parse().unwrap();
            assert_eq!(headers["X-SePay-Signature"], signature(secret, timestamp, body));
            seen += 1;
        }
        assert_eq!(seen, 4);
        for case in all["negative"].as_array().unwrap() {
            let (timestamp, body) = case["canonical"].as_str().unwrap().split_once('.').unwrap();
            let right = signature(secret, timestamp.parse().unwrap(), body);
            assert_ne!(case["signature"], right, "{}", case["name"]);
        }
    }
}
