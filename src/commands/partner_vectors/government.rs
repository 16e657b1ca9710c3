//! The national PaymentPlatform, Viettel Money and KeyPay: three channels in one file, each of which
//! has a name of its own, so that a partner may bring a file with its own cases alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Tally, Wrong, genuine, refused, same};
use crate::compat::signature::{self, HASH, INIT, QUESTION, RESULT};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;
use crate::partners::dialects::keypay::checksum::{create_text, detail_text};
use crate::partners::dialects::viettel::checksum;

/// The families of the file.
pub(super) const FAMILIES: [&str; 3] = ["dvcqg", "viettel", "keypay"];

#[derive(Deserialize)]
struct File<'a> {
    dvcqg_secret: Option<Key>,
    #[serde(default, borrow)]
    dvcqg: Vec<Message<'a>>,
    viettel_hash_key: Option<Key>,
    #[serde(default, borrow)]
    viettel: Vec<Case<'a>>,
    keypay_hash_key_1: Option<Key>,
    #[serde(default)]
    keypay: Vec<Joined>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Message<'a> {
    op: String,
    #[serde(borrow)]
    body: &'a RawValue,
    canonical: String,
}

#[derive(Deserialize)]
struct Case<'a> {
    op: String,
    #[serde(borrow)]
    fields: &'a RawValue,
    canonical: String,
    check_sum: String,
    encoding: String,
}

#[derive(Deserialize)]
struct Joined {
    op: String,
    canonical: String,
    check_sum: String,
}

#[derive(Deserialize)]
struct Forged {
    name: String,
    canonical: String,
    signature: String,
    family: String,
}

/// Runs the cases of these families.
pub(super) fn check(
    text: &str,
    families: &[&str],
    tally: &mut Tally,
) -> Result<(), serde_json::Error> {
    let file: File<'_> = serde_json::from_str(text)?;
    for family in families {
        let key = match *family {
            "dvcqg" => &file.dvcqg_secret,
            "viettel" => &file.viettel_hash_key,
            _ => &file.keypay_hash_key_1,
        };
        let Some(key) = key else { continue };
        match *family {
            "dvcqg" => file.dvcqg.iter().for_each(|case| tally.count(&case.op, message(case, key))),
            "viettel" => {
                file.viettel.iter().for_each(|case| tally.count(&case.op, check_sum(case, key)));
            }
            _ => file.keypay.iter().for_each(|case| tally.count(&case.op, joined(case, key))),
        }
        for case in file.negative.iter().filter(|case| case.family == *family) {
            let accepted = match *family {
                "dvcqg" => signature::is_hash(&case.canonical, &case.signature),
                "viettel" => key.is_sha1(&case.canonical, &case.signature),
                _ => key.is_sha256(&case.canonical, &case.signature),
            };
            tally.count(format!("negative {}", case.name), refused(accepted));
        }
    }
    Ok(())
}

fn message(case: &Message<'_>, secret: &Key) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let body = Object::read(case.body.get()).ok_or(missing("body"))?;
    let signed = match case.op.as_str() {
        "INIT" => INIT,
        "QUERY" | "GET_BILL" => QUESTION,
        "CONFIRM" => RESULT,
        _ => return Err(missing("op")),
    };
    let text = signed.text(&body, secret).ok_or(missing("body"))?;
    same("canonical", &case.canonical, &text)?;
    same(HASH, &body.text(HASH).unwrap_or_default(), &signature::hash(&text))?;
    genuine("body", signed.is_genuine(&body, secret))?;
    let changed = case.body.get().replacen("SIMDT01", "SIMDT02", 1);
    let changed = Object::read(&changed).ok_or(missing("body"))?;
    refused(signed.is_genuine(&changed, secret))
}

fn check_sum(case: &Case<'_>, key: &Key) -> Result<(), Wrong> {
    let missing = |what| Wrong::NotUnderstood { what };
    let fields = Object::read(case.fields.get()).ok_or(missing("fields"))?;
    let read: BTreeMap<&str, String> =
        fields.iter().filter_map(|(name, _)| Some((name, fields.text(name)?))).collect();
    let text = checksum::text(read.iter().map(|(name, value)| (*name, value.as_str())));
    same("canonical", &case.canonical, &text)?;
    match case.encoding.as_str() {
        "hex" => {
            same("check_sum", &case.check_sum, &key.sha1(&text))?;
            genuine("check_sum", key.is_sha1(&text, &case.check_sum))
        }
        "base64" => same("check_sum", &case.check_sum, &key.sha1_base64(&text)),
        _ => Err(missing("encoding")),
    }
}

fn joined(case: &Joined, key: &Key) -> Result<(), Wrong> {
    let parts: Vec<&str> = case.canonical.split('|').collect();
    let text = match (case.op.as_str(), parts.as_slice()) {
        ("create", [fee, client, command, amount, id, version]) => {
            create_text(fee, client, command, amount, id, version)
        }
        ("detail", [client, command, id]) => detail_text(client, command, id),
        _ => return Err(Wrong::NotUnderstood { what: "canonical" }),
    };
    same("canonical", &case.canonical, &text)?;
    same("check_sum", &case.check_sum, &key.sha256(&text))?;
    genuine("check_sum", key.is_sha256(&text, &case.check_sum.to_uppercase()))
}
