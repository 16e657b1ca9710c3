//! Signatures for libraries that we did not write: `tests/foreign` checks the file that
//! this test keeps. To renew it, remove it and run the test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{SigningKey, Unsigned, sign};
use crate::platform::webhook_signature::{WebhookSecret, headers};

const CREATED: i64 = 1_735_689_600;

fn http() -> Vec<Value> {
    let secret = [7_u8; 32];
    let cases = [
        ("an invoice", "POST", "/v1/invoices", Some("\"8e03978e-40d5\""), "{\"lệ phí\":\"50000\"}"),
        ("no body", "DELETE", "/v1/endpoints/1", Some("k-2"), ""),
        ("a query", "PUT", "/v1/x?a=1&b=H%C3%A0&c=%2F+", Some("k-3"), "[]"),
        ("a read", "GET", "/v1/invoices?dossier=H01.2026&limit=5", None, ""),
        ("a read without a path", "HEAD", "/", None, ""),
    ];
    let case = |(name, method, path, key, body): (&str, &str, &str, Option<&str>, &str)| {
        let url = format!("https://pay.gov.example{path}");
        let unsigned =
            Unsigned { method, target_uri: &url, idempotency_key: key, body: body.as_bytes() };
        let signing = SigningKey { id: "portal-1", secret: &secret };
        let nonce = key.map(|key| format!("nonce-{}", key.len()));
        let signed = sign(&unsigned, signing, CREATED, nonce.as_deref()).expect("signs");
        let headers: serde_json::Map<String, Value> =
            signed.headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        json!({
            "name": name, "method": method, "url": url, "body": body, "idempotency_key": key,
            "key_id": signing.id, "secret": STANDARD.encode(secret), "created": CREATED,
            "nonce": nonce, "headers": headers, "base": signed.base,
        })
    };
    cases.into_iter().map(case).collect()
}

fn webhooks() -> Vec<Value> {
    let body = "{\"type\":\"invoice.paid\",\"dossier\":\"Hồ sơ 01\"}";
    let texts = [[1_u8; 32], [2; 32]].map(|bytes| format!("whsec_{}", STANDARD.encode(bytes)));
    let secrets = texts.each_ref().map(|text| WebhookSecret::parse(text).expect("a secret"));
    let case = |count: usize| {
        let headers: serde_json::Map<String, Value> =
            headers(&secrets[..count], "msg_0190", CREATED, body.as_bytes())
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
        json!({ "secrets": texts[..count], "body": body, "headers": headers })
    };
    vec![case(1), case(2)]
}

#[test]
fn the_vectors_for_foreign_libraries_are_what_we_sign() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/signatures.json");
    let ours = json!({ "http": http(), "webhooks": webhooks() });
    if let Ok(kept) = std::fs::read_to_string(path) {
        assert_eq!(serde_json::from_str::<Value>(&kept).expect("JSON"), ours);
        return;
    }
    let text = serde_json::to_string_pretty(&ours).expect("JSON") + "\n";
    std::fs::write(path, text).expect("tests/data is there");
    panic!("the file was missing and is now written; look at it and run again");
}
