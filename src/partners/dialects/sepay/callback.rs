//! A webhook: its proof, and the credit it tells of.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{Proof, Sepay};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{Callback, Outcome, Report, Unheard, keepable, memo};
use crate::vocabulary::day;
use crate::vocabulary::money::{Currency, Money};

const TIMESTAMP: &str = "x-sepay-timestamp";
const SIGNATURE: &str = "x-sepay-signature";

/// The text that is signed: when, and every byte of what.
pub fn signed_text(timestamp: &str, body: &str) -> String {
    format!("{timestamp}.{body}")
}

impl Sepay {
    pub(super) fn verify(&self, callback: &Callback<'_>) -> Result<(), Unheard> {
        let genuine = match self.proof {
            Proof::ApiKey => header(callback, "authorization")
                .and_then(|value| value.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("apikey"))
                .is_some_and(|(_, key)| self.secret.is_word(key)),
            Proof::Hmac => {
                let parts = || {
                    let timestamp = header(callback, TIMESTAMP)?;
                    let code = header(callback, SIGNATURE)?.strip_prefix("sha256=")?;
                    let body = std::str::from_utf8(callback.body).ok()?;
                    Some((signed_text(timestamp, body), code))
                };
                parts().is_some_and(|(text, code)| self.secret.is_sha256(&text, code))
            }
        };
        if genuine { Ok(()) } else { Err(Unheard::Signature) }
    }
}

/// A header that is there once; given twice, nobody knows which is meant.
fn header<'a>(callback: &Callback<'a>, name: &str) -> Option<&'a str> {
    let mut values = callback.headers.iter().filter(|(known, _)| known == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value.as_str())
}

pub(super) fn signed_at(callback: &Callback<'_>) -> Option<DateTime<Utc>> {
    let text = header(callback, TIMESTAMP)?;
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().and_then(|at| DateTime::from_timestamp(at, 0))
}

pub(super) fn report(body: &[u8]) -> Result<Report, Unheard> {
    let malformed = |why: &str| Unheard::Malformed { why: why.to_owned() };
    let read = std::str::from_utf8(body).ok().and_then(Object::read);
    let body = read.ok_or_else(|| malformed("a JSON object expected"))?;
    let id = keepable("id", body.filled("id"))?;
    match body.filled("transferType").as_deref() {
        Some("in") => {}
        Some("out") => return Err(Unheard::NoCredit),
        _ => return Err(malformed("transferType: in or out expected")),
    }
    let amount = Money::parse(&body.text("transferAmount").unwrap_or_default(), Currency::Vnd)
        .map_err(|e| Unheard::Malformed { why: format!("transferAmount: {e}") })?;
    if amount.is_zero() {
        return Err(malformed("transferAmount: zero"));
    }
    Ok(Report {
        transaction_id: id,
        reference: None,
        account: Some(keepable("accountNumber", body.filled("accountNumber"))?),
        amount,
        memo: words(&body),
        value_time: body.filled("transactionDate").and_then(|text| time(&text)),
        outcome: Outcome::Collected,
        counter_account: None,
    })
}

/// The memo; before it the code that SePay made out in it, should the memo itself not have it, and
/// instead of an empty one the bank's own description.
fn words(body: &Object<'_>) -> String {
    let (content, code) = (memo(body.text("content")), memo(body.text("code")));
    let content = if content.is_empty() { memo(body.text("description")) } else { content };
    if content.contains(&code) { content } else { format!("{code} {content}") }
}

/// `2026-11-22 09:03:12` in Việt Nam.
fn time(text: &str) -> Option<DateTime<Utc>> {
    // The length first: chrono also reads years that no database can hold.
    let read = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    (text.len() == 19).then(read).flatten().map(day::from_local)
}
