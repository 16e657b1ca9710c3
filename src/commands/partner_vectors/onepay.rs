//! OnePay: payment addresses and callbacks.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Forged, Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::key::Key;
use crate::partners::dialects::onepay::signature::{HASH, HexKey, fields_text, is_genuine};

#[derive(Deserialize)]
struct File {
    #[serde(rename = "secureSecret_hex")]
    secret: Key,
    #[serde(default)]
    vectors: Vec<Case>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    params: BTreeMap<String, String>,
    canonical: String,
    secure_hash: String,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File = serde_json::from_str(text)?;
    let key = HexKey::read(&file.secret);
    for case in &file.vectors {
        let missing = Wrong::NotUnderstood { what: "secureSecret_hex" };
        let outcome = key.as_ref().ok_or(missing).and_then(|key| signed(case, key));
        tally.count(&case.kind, outcome);
    }
    for case in &file.negative {
        let accepted =
            key.as_ref().is_some_and(|key| key.is_signature(&case.canonical, &case.signature));
        tally.count(format!("negative {}", case.name), refused(accepted));
    }
    Ok(())
}

fn signed(case: &Case, key: &HexKey) -> Result<(), Wrong> {
    let pairs = case.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let text = fields_text(pairs);
    same("canonical", &case.canonical, &text)?;
    same("vpc_SecureHash", &case.secure_hash, &key.sign(&text))?;
    // As it may come in: its signature in small letters.
    let mut received = case.params.clone();
    received.insert(HASH.to_owned(), case.secure_hash.to_lowercase());
    genuine("fields", is_genuine(&received, key))?;
    received.insert("vpc_Amount".to_owned(), "1".to_owned());
    refused(is_genuine(&received, key))
}
