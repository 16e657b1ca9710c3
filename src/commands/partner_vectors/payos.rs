//! payOS: new orders and their answers, webhooks, data objects, payouts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Forged, Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;
use crate::partners::dialects::payos::signature::{create_text, data_text, payout_text};
use crate::partners::dialects::payos::{Payos, Settings};
use crate::partners::dialects::{Callback, Dialect, Unheard};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "checksumKey")]
    key: Key,
    #[serde(default, borrow)]
    vectors: Vec<Case<'a>>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Case<'a> {
    kind: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    canonical: Option<String>,
    signature: Option<String>,
    response_canonical: Option<String>,
    response_signature: Option<String>,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File<'_> = serde_json::from_str(text)?;
    for (place, case) in file.vectors.iter().enumerate() {
        let outcome = match case.kind.split([' ', '-']).next() {
            Some("create") => create(case, &file.key),
            Some("webhook") => webhook(case, &file.key),
            Some("object") => object(case, &file.key, data_text),
            Some("payout") => object(case, &file.key, payout_text),
            _ => Err(Wrong::NotUnderstood { what: "kind" }),
        };
        tally.count(format!("{} {}", place + 1, case.kind), outcome);
    }
    for case in &file.negative {
        let accepted = file.key.is_sha256(&case.canonical, &case.signature);
        tally.count(format!("negative {}", case.name), refused(accepted));
    }
    Ok(())
}

fn create(case: &Case<'_>, key: &Key) -> Result<(), Wrong> {
    object(case, key, |input| {
        Some(create_text(
            &input.text("amount")?,
            &input.text("cancelUrl")?,
            &input.text("description")?,
            &input.text("orderCode")?,
            &input.text("returnUrl")?,
        ))
    })?;
    match (&case.response_canonical, &case.response_signature) {
        (Some(text), Some(signature)) => signed("response", text, signature, key),
        (None, None) => Ok(()),
        _ => Err(Wrong::NotUnderstood { what: "response" }),
    }
}

fn object(
    case: &Case<'_>,
    key: &Key,
    text_of: impl Fn(&Object<'_>) -> Option<String>,
) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let input = case.input.and_then(|raw| Object::read(raw.get())).ok_or(missing("input"))?;
    let text = text_of(&input).ok_or(missing("input"))?;
    if let Some(canonical) = &case.canonical {
        same("canonical", canonical, &text)?;
    }
    let signature = case.signature.as_deref().ok_or(missing("signature"))?;
    signed("signature", &text, signature, key)
}

/// Computed it is the file's letter by letter; received it is taken in capitals too.
fn signed(what: &'static str, text: &str, signature: &str, key: &Key) -> Result<(), Wrong> {
    same(what, signature, &key.sha256(text))?;
    genuine(what, key.is_sha256(text, &signature.to_uppercase()))
}

fn webhook(case: &Case<'_>, key: &Key) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let body = case.body.ok_or(missing("body"))?.get();
    let envelope = Object::read(body).ok_or(missing("body"))?;
    let data = envelope.object("data").ok_or(missing("data"))?;
    let text = data_text(&data).ok_or(missing("data"))?;
    if let Some(canonical) = &case.canonical {
        same("canonical", canonical, &text)?;
    }
    let signature = envelope.text("signature").ok_or(missing("signature"))?;
    signed("signature", &text, case.signature.as_deref().unwrap_or(&signature), key)?;
    // The whole body through the dialect, and once more with one byte of the data changed.
    let settings = Settings {
        base_url: "http://vectors.invalid".to_owned(),
        client_id: Key::new("-"),
        api_key: Key::new("-"),
        checksum_key: key.clone(),
    };
    let payos = Payos::new(settings).map_err(|_| missing("checksumKey"))?;
    let hear = |body: &str| {
        payos.hear_callback(&Callback { query: "", headers: &[], body: body.as_bytes() })
    };
    genuine("webhook", !matches!(hear(body), Err(Unheard::Signature)))?;
    let tampered = body.replacen("\"amount\"", "\"Amount\"", 1);
    refused(tampered != body && hear(&tampered) != Err(Unheard::Signature))
}
