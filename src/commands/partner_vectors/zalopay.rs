//! ZaloPay: the texts of calls, and callbacks through the dialect itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Forged, Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;
use crate::partners::dialects::zalopay::signature::{
    CREATE, QUERY, REFUND, REFUND_QUERY, REFUND_WITH_FEE, Signed,
};
use crate::partners::dialects::zalopay::{Settings, Zalopay};
use crate::partners::dialects::{Callback, Dialect, Unheard};

#[derive(Deserialize)]
struct File<'a> {
    app_id: u64,
    key1: Key,
    key2: Key,
    #[serde(default, borrow)]
    vectors: Vec<Case<'a>>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Case<'a> {
    op: String,
    canonical: String,
    mac: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File<'_> = serde_json::from_str(text)?;
    for (place, case) in file.vectors.iter().enumerate() {
        let outcome = match case.op.as_str() {
            "/v2/create" => call(&file, case, CREATE),
            "/v2/query" => call(&file, case, QUERY),
            "/v2/refund" if case.body.get().contains("\"refund_fee_amount\"") => {
                call(&file, case, REFUND_WITH_FEE)
            }
            "/v2/refund" => call(&file, case, REFUND),
            "/v2/query_refund" => call(&file, case, REFUND_QUERY),
            "callback" => callback(&file, case),
            _ => Err(Wrong::NotUnderstood { what: "op" }),
        };
        tally.count(format!("{} {}", place + 1, case.op), outcome);
    }
    for forged in &file.negative {
        let key = if forged.op == "callback" { &file.key2 } else { &file.key1 };
        let accepted = key.is_sha256(&forged.canonical, &forged.signature);
        tally.count(format!("negative {}", forged.name), refused(accepted));
    }
    Ok(())
}

fn call(file: &File<'_>, case: &Case<'_>, signed: Signed) -> Result<(), Wrong> {
    let body = Object::read(case.body.get()).ok_or(Wrong::NotUnderstood { what: "body" })?;
    let text = signed.text(&body, &file.key1);
    same("canonical", &case.canonical, &text)?;
    same("mac", &case.mac, &file.key1.sha256(&text))?;
    genuine("body", signed.is_genuine(&body, &file.key1))
}

/// The whole body through the dialect, and once more with a blank more in its data.
fn callback(file: &File<'_>, case: &Case<'_>) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let raw = case.body.get();
    let body = Object::read(raw).ok_or(missing("body"))?;
    let data = body.text("data").ok_or(missing("data"))?;
    same("canonical", &case.canonical, &data)?;
    same("mac", &case.mac, &file.key2.sha256(&data))?;
    let settings = Settings {
        base_url: "http://vectors.invalid".to_owned(),
        page_url: "http://vectors.invalid".to_owned(),
        app_id: file.app_id.to_string(),
        key1: file.key1.clone(),
        key2: file.key2.clone(),
        app_user: "vectors".to_owned(),
        bank_code: String::new(),
        poll_seconds: "60".to_owned(),
        not_found_codes: String::new(),
    };
    let zalopay = Zalopay::new(settings).map_err(|_| missing("keys"))?;
    let hear = |body: &str| {
        zalopay.hear_callback(&Callback { query: "", headers: &[], body: body.as_bytes() })
    };
    genuine("callback", hear(raw).is_ok())?;
    let tampered = raw.replacen("\\\"amount\\\":", "\\\"amount\\\": ", 1);
    refused(tampered == raw || hear(&tampered) != Err(Unheard::Signature))
}
