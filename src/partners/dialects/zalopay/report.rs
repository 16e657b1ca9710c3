//! A callback and the answer to a question in our words.

use super::Zalopay;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::reading::{dong, instant, transaction};
use crate::partners::dialects::{Outcome, Report, Unheard, keepable};
use crate::vocabulary::money::Money;

/// The only type of callback that is about a payment.
const PAYMENT: &str = "1";

fn malformed(why: &str) -> Unheard {
    Unheard::Malformed { why: why.to_owned() }
}

impl Zalopay {
    pub(super) fn hear_word(&self, body: &[u8]) -> Result<Report, Unheard> {
        let envelope = std::str::from_utf8(body)
            .ok()
            .and_then(Object::read)
            .ok_or_else(|| malformed("no JSON object"))?;
        let data = envelope.text("data").ok_or_else(|| malformed("data: a text expected"))?;
        let mac = envelope.text("mac").ok_or(Unheard::Signature)?;
        // Over the text as it came: read and written again it would be another text.
        if !self.settings.key2.is_sha256(&data, &mac) {
            return Err(Unheard::Signature);
        }
        // The type is not signed, so it cannot make a payment of anything else either: the data
        // of an agreement names no transaction.
        if envelope.text("type").is_some_and(|kind| kind != PAYMENT) {
            return Err(malformed("type: a payment expected"));
        }
        let data = Object::read(&data).ok_or_else(|| malformed("data: no JSON object"))?;
        if data.text("app_id").as_deref() != Some(self.settings.app_id.as_str()) {
            return Err(Unheard::Merchant);
        }
        let transaction = transaction(data.text("zp_trans_id"))
            .ok_or_else(|| malformed("zp_trans_id: a number expected"))?;
        let reference = keepable("app_trans_id", data.filled("app_trans_id"))?;
        let amount = dong("amount", data.text("amount").as_deref())?;
        Ok(collected(reference, transaction, amount, data.text("server_time").as_deref()))
    }
}

/// What a paid order's answer says; the answer does not name the order, nor when it was paid: a
/// `server_time` in it is of the answer, and another each time one asks.
pub(super) fn paid(reference: &str, body: &Object<'_>) -> Result<Report, Unheard> {
    let transaction = transaction(body.text("zp_trans_id"))
        .ok_or_else(|| malformed("zp_trans_id: a number expected"))?;
    let amount = dong("amount", body.text("amount").as_deref())?;
    Ok(collected(reference.to_owned(), transaction, amount, None))
}

fn collected(reference: String, transaction: String, amount: Money, time: Option<&str>) -> Report {
    Report {
        transaction_id: transaction,
        // What there is of a memo: the reference has the invoice's code in it.
        memo: reference.clone(),
        reference: Some(reference),
        account: None,
        amount,
        value_time: instant(time),
        outcome: Outcome::Collected,
        counter_account: None,
    }
}
