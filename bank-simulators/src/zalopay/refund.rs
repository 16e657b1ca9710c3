//! Money given back: taken at once, told as done a minute later (scaled).

use serde_json::json;

use super::{
    api::{EXISTS, INVALID, NOT_FOUND, Told},
    codec::Fields,
    orders::{Book, Refund},
};
use crate::{app::World, clock};

/// Above what is left to give back (unverified).
const TOO_MUCH: i64 = -13;

/// Takes a refund whose mac was right.
pub async fn refund(world: &World, fields: &Fields) -> Told {
    let id = fields.get("m_refund_id");
    let (of, amount) = (fields.number("zp_trans_id"), fields.number("amount"));
    let (Some(of), Some(amount)) = (of, amount.filter(|it| *it > 0)) else {
        return Told::no(INVALID, "zp_trans_id and amount must be numbers");
    };
    let length = fields.get("description").chars().count();
    if !is_refund_id(id, &world.settings.zalopay_app_id) || !(1..=100).contains(&length) {
        return Told::no(INVALID, "m_refund_id must be yymmdd_appid_x, description is needed");
    }
    if fields.number("timestamp").is_none() {
        return Told::no(INVALID, "timestamp must be milliseconds");
    }
    let (paid, done) = {
        let mut book = world.zalopay.book();
        if book.refund(id).is_some() {
            return Told::no(EXISTS, "m_refund_id exists");
        }
        let failed = why_not(&book, of, amount);
        let refund_id = i64::try_from(world.numbers.next()).unwrap_or(i64::MAX);
        let done = Refund { of, amount, refund_id, failed, at: clock::now() };
        book.keep_refund(id, done.clone());
        if let Some((code, message)) = failed {
            return Told::no(code, message);
        }
        let paid = book.paid_with(of).map(|order| order.app_trans_id.clone());
        (paid.unwrap_or_default(), done)
    };
    let entry = json!({
        "kind": "movement", "direction": "out", "channel": "zalopay",
        "partner": world.settings.zalopay_partner, "order": paid, "reference": paid,
        "outcome": "refunded", "money_moved": true, "transaction_id": done.refund_id.to_string(),
        "amount": done.amount.to_string(), "account": world.settings.zalopay_app_id,
        "memo": fields.get("description"), "refund": id, "time": clock::precise(done.at),
    });
    if world.journal.record(vec![entry]).await.is_err() {
        return Told::no(super::api::SYSTEM, "the journal cannot be written");
    }
    Told::yes(3, "the refund is being processed", &json!({ "refund_id": done.refund_id }))
}

fn why_not(book: &Book, of: i64, amount: i64) -> Option<(i64, &'static str)> {
    let Some(order) = book.paid_with(of) else {
        return Some((NOT_FOUND, "the transaction does not exist"));
    };
    (book.given_back(of) + amount > order.amount)
        .then_some((TOO_MUCH, "above what can be refunded"))
}

/// Answers a question about a refund whose mac was right.
pub fn query(world: &World, fields: &Fields) -> Told {
    let book = world.zalopay.book();
    let Some(refund) = book.refund(fields.get("m_refund_id")) else {
        return Told::no(NOT_FOUND, "the refund does not exist");
    };
    if let Some((code, message)) = refund.failed {
        return Told::no(code, message);
    }
    let told = json!({ "refund_id": refund.refund_id });
    let age = clock::now().signed_duration_since(refund.at).num_milliseconds();
    let minute = world.settings.retry_scale.milliseconds(60);
    if u64::try_from(age).is_ok_and(|age| age >= minute) {
        Told::yes(1, "refunded", &told)
    } else {
        Told::yes(3, "the refund is being processed", &told)
    }
}

/// `yymmdd_appid_xxx`
fn is_refund_id(id: &str, app_id: &str) -> bool {
    let mut parts = id.splitn(3, '_');
    let (day, app, rest) = (parts.next(), parts.next(), parts.next());
    let is_day = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_rest = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    id.len() <= 45 && day.is_some_and(is_day) && app == Some(app_id) && rest.is_some_and(is_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_is_named_by_day_and_merchant() {
        assert!(is_refund_id("261122_2999_0000000001", "2999"));
        for bad in ["", "261122_2999_", "261122_2998_1", "26112_2999_1", "2611222999_1", "x_2999_1"]
        {
            assert!(!is_refund_id(bad, "2999"), "{bad}");
        }
    }
}
