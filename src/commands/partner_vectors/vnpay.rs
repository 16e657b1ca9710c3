//! VNPAY: payment addresses, callbacks, querydr, refunds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Forged, Tally, Wrong, genuine, refused, same};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::key::Key;
use crate::partners::dialects::vnpay::signature::{
    QUERY_ANSWER, QUERY_CALL, REFUND_ANSWER, REFUND_CALL, Received, Signed, query_text,
    signed_query,
};

#[derive(Deserialize)]
struct File<'a> {
    secret: Key,
    #[serde(default)]
    pay_url: Vec<Query>,
    #[serde(default)]
    callback: Vec<Query>,
    #[serde(default, borrow)]
    querydr: Vec<Talk<'a>>,
    #[serde(default, borrow)]
    refund: Vec<Talk<'a>>,
    #[serde(default)]
    negative: Vec<Forged>,
}

#[derive(Deserialize)]
struct Query {
    name: String,
    params: BTreeMap<String, String>,
    canonical: String,
    secure_hash: String,
}

#[derive(Deserialize)]
struct Talk<'a> {
    name: String,
    #[serde(borrow)]
    request_body: &'a RawValue,
    request_canonical: String,
    #[serde(borrow)]
    response_body: &'a RawValue,
    response_canonical: String,
}

pub(super) fn check(text: &str, tally: &mut Tally) -> Result<(), serde_json::Error> {
    let file: File<'_> = serde_json::from_str(text)?;
    for (kind, cases) in [("pay_url", &file.pay_url), ("callback", &file.callback)] {
        for case in cases {
            tally.count(format!("{kind} {}", case.name), query(case, &file.secret));
        }
    }
    for (kind, cases, call, answer) in [
        ("querydr", &file.querydr, QUERY_CALL, QUERY_ANSWER),
        ("refund", &file.refund, REFUND_CALL, REFUND_ANSWER),
    ] {
        for case in cases {
            let outcome = body(case.request_body, &case.request_canonical, call, &file.secret)
                .and_then(|()| {
                    body(case.response_body, &case.response_canonical, answer, &file.secret)
                });
            tally.count(format!("{kind} {}", case.name), outcome);
        }
    }
    for case in &file.negative {
        tally.count(format!("negative {}", case.name), forged(case, &file.secret));
    }
    Ok(())
}

fn query(case: &Query, secret: &Key) -> Result<(), Wrong> {
    let params = || case.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    same("canonical", &case.canonical, &query_text(params()))?;
    let sent = format!("{}&vnp_SecureHash={}", case.canonical, case.secure_hash);
    same("signed query", &sent, &signed_query(params(), secret))?;
    // As it may come in: with its hash in capitals, its parameters in another order.
    let mut pairs: Vec<&str> = case.canonical.split('&').collect();
    pairs.reverse();
    let hash = case.secure_hash.to_uppercase();
    for received in [sent, format!("vnp_SecureHash={hash}&{}", pairs.join("&"))] {
        genuine("received query", verifies(&received, secret))?;
    }
    Ok(())
}

fn verifies(query: &str, secret: &Key) -> bool {
    Received::read(query).is_ok_and(|received| received.is_genuine(secret))
}

fn body(json: &RawValue, canonical: &str, signed: Signed, secret: &Key) -> Result<(), Wrong> {
    let body = Object::read(json.get()).ok_or(Wrong::NotUnderstood { what: "body" })?;
    let text = signed.text(&body);
    same("canonical", canonical, &text)?;
    let hash = body.text("vnp_SecureHash").unwrap_or_default();
    same("vnp_SecureHash", &hash, &secret.sha512(&text))?;
    genuine("body", signed.is_genuine(&body, secret))
}

fn forged(case: &Forged, secret: &Key) -> Result<(), Wrong> {
    let query = format!("{}&vnp_SecureHash={}", case.canonical, case.signature);
    refused(secret.is_sha512(&case.canonical, &case.signature) || verifies(&query, secret))
}
