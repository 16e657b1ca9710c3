//! SePay: webhooks with their proof, and the gateway's form.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Forged, Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;
use crate::partners::dialects::sepay::Sepay;
use crate::partners::dialects::sepay::form::form_signature;
use crate::partners::dialects::{Callback, Dialect, Unheard};

#[derive(Deserialize)]
struct File<'a> {
    webhook_secret: Key,
    pg_secret: Key,
    #[serde(default, borrow)]
    vectors: Vec<Case<'a>>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Case<'a> {
    kind: String,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    #[serde(default)]
    field_order: Vec<String>,
    raw_body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    canonical: Option<String>,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File<'_> = serde_json::from_str(text)?;
    for (place, case) in file.vectors.iter().enumerate() {
        let outcome = match case.kind.as_str() {
            kind if kind.starts_with("pg checkout") => form(case, &file.pg_secret),
            kind if kind.starts_with("webhook HMAC") => hmac(case, &file.webhook_secret),
            "webhook API key" => api_key(case),
            _ => Err(Wrong::NotUnderstood { what: "kind" }),
        };
        tally.count(format!("{} {}", place + 1, case.kind), outcome);
    }
    for case in &file.negative {
        tally.count(format!("negative {}", case.name), forged(case, &file.webhook_secret));
    }
    Ok(())
}

fn form(case: &Case<'_>, key: &Key) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let fields = case.fields.and_then(|raw| Object::read(raw.get())).ok_or(missing("fields"))?;
    let values: Vec<String> = case
        .field_order
        .iter()
        .map(|name| fields.text(name).ok_or(missing("field_order")))
        .collect::<Result<_, _>>()?;
    let ordered = case.field_order.iter().map(String::as_str);
    let signature = form_signature(ordered.zip(values.iter().map(String::as_str)), key);
    same("signature", &fields.text("signature").unwrap_or_default(), &signature)
}

fn dialect(authentication: &str, secret: &str) -> Result<Sepay, Wrong> {
    let settings = serde_json::json!({ "authentication": authentication, "secret": secret });
    Sepay::open(settings.to_string().as_bytes())
        .map_err(|_| Wrong::NotUnderstood { what: "the secret" })
}

/// Does the dialect take the proof? Whether the body makes sense is another matter.
fn believes(sepay: &Sepay, headers: &[(String, String)], body: &str) -> bool {
    let callback = Callback { query: "", headers, body: body.as_bytes() };
    sepay.hear_callback(&callback) != Err(Unheard::Signature)
}

fn received(case: &Case<'_>) -> Vec<(String, String)> {
    let lower = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
    case.headers.iter().map(lower).collect()
}

fn hmac(case: &Case<'_>, secret: &Key) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let body = case.raw_body.as_deref().ok_or(missing("raw_body"))?;
    let timestamp = case.headers.get("X-SePay-Timestamp").ok_or(missing("headers"))?;
    let given = case.headers.get("X-SePay-Signature").ok_or(missing("headers"))?;
    let text = format!("{timestamp}.{body}");
    same("canonical", case.canonical.as_deref().unwrap_or_default(), &text)?;
    same("signature", given, &format!("sha256={}", secret.sha256(&text)))?;
    let sepay = dialect("hmac", secret.expose())?;
    genuine("webhook", believes(&sepay, &received(case), body))?;
    refused(believes(&sepay, &received(case), &format!("{body} ")))
}

fn api_key(case: &Case<'_>) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let body = case.raw_body.as_deref().ok_or(missing("raw_body"))?;
    let given = case.headers.get("Authorization").ok_or(missing("headers"))?;
    let key = given.strip_prefix("Apikey ").ok_or(missing("Authorization"))?;
    let sepay = dialect("apikey", key)?;
    genuine("webhook", believes(&sepay, &received(case), body))?;
    let other = [("authorization".to_owned(), format!("{given}x"))];
    refused(believes(&sepay, &other, body) || believes(&sepay, &[], body))
}

fn forged(case: &Forged, secret: &Key) -> Result<(), Wrong> {
    let split = case.canonical.split_once('.');
    let (timestamp, body) = split.ok_or(Wrong::NotUnderstood { what: "canonical" })?;
    let headers = [
        ("x-sepay-timestamp".to_owned(), timestamp.to_owned()),
        ("x-sepay-signature".to_owned(), case.signature.clone()),
    ];
    refused(believes(&dialect("hmac", secret.expose())?, &headers, body))
}
