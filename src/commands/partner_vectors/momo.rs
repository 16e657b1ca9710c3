//! MoMo: the texts of calls and results, and results through the dialect itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Forged, Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;
use crate::partners::dialects::momo::signature::{CONFIRM, CREATE, QUERY, REFUND, RESULT, Signed};
use crate::partners::dialects::momo::{Momo, Settings};
use crate::partners::dialects::{Callback, Dialect, Unheard};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "partnerCode")]
    partner_code: String,
    #[serde(rename = "accessKey")]
    access_key: Key,
    #[serde(rename = "secretKey")]
    secret_key: Key,
    #[serde(default, borrow)]
    vectors: Vec<Case<'a>>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Case<'a> {
    op: String,
    canonical: String,
    signature: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File<'_> = serde_json::from_str(text)?;
    for (place, case) in file.vectors.iter().enumerate() {
        let outcome = match case.op.as_str() {
            "create" => call(&file, case, CREATE),
            "query" => call(&file, case, QUERY),
            "refund" => call(&file, case, REFUND),
            "confirm" => call(&file, case, CONFIRM),
            "ipn" => ipn(&file, case),
            _ => Err(Wrong::NotUnderstood { what: "op" }),
        };
        tally.count(format!("{} {}", place + 1, case.op), outcome);
    }
    for case in &file.negative {
        let accepted = file.secret_key.is_sha256(&case.canonical, &case.signature);
        tally.count(format!("negative {}", case.name), refused(accepted));
    }
    Ok(())
}

fn call(file: &File<'_>, case: &Case<'_>, signed: Signed) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let input = case.input.and_then(|raw| Object::read(raw.get())).ok_or(missing("input"))?;
    let value = |name: &str| match name {
        "partnerCode" => Some(file.partner_code.clone()),
        // The file names only what is not the usual of a confirmation.
        "requestType" if case.op == "confirm" => {
            input.text(name).or_else(|| Some("capture".to_owned()))
        }
        name => input.text(name),
    };
    let text = signed.text(&file.access_key, value);
    same("canonical", &case.canonical, &text)?;
    same("signature", &case.signature, &file.secret_key.sha256(&text))
}

/// The whole body through the dialect, and once more with one value changed.
fn ipn(file: &File<'_>, case: &Case<'_>) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let raw = case.body.ok_or(missing("body"))?.get();
    let body = Object::read(raw).ok_or(missing("body"))?;
    let text = RESULT.text(&file.access_key, |name| body.text(name));
    same("canonical", &case.canonical, &text)?;
    same("signature", &case.signature, &file.secret_key.sha256(&text))?;
    same("signature in the body", &case.signature, &body.text("signature").unwrap_or_default())?;
    let settings = Settings {
        base_url: "http://vectors.invalid".to_owned(),
        partner_code: file.partner_code.clone(),
        access_key: file.access_key.clone(),
        secret_key: file.secret_key.clone(),
        page_url: String::new(),
        request_type: "captureWallet".to_owned(),
        also_final: String::new(),
        also_pending: String::new(),
    };
    let momo = Momo::new(settings).map_err(|_| missing("keys"))?;
    let hear = |body: &str| {
        momo.hear_callback(&Callback { query: "", headers: &[], body: body.as_bytes() })
    };
    genuine("ipn", hear(raw).is_ok())?;
    let tampered = raw.replacen("\"resultCode\": ", "\"resultCode\": 1", 1);
    refused(tampered == raw || hear(&tampered) != Err(Unheard::Signature))
}
