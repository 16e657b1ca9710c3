//! `querydr`: how a payment or a refund stands.

use serde_json::{Map, Value, json};

use super::{
    orders::{Key, Order, Transaction},
    transactions::{Told, value_of},
};
use crate::{app::World, clock};

/// The key of the order a message speaks of.
pub fn key(body: &Value) -> Key {
    let day: String = value_of(body, "vnp_TransactionDate").chars().take(8).collect();
    (day, value_of(body, "vnp_TxnRef"))
}

/// The fields that tell of a transaction.
pub fn fields(done: &Transaction, status: &str) -> Map<String, Value> {
    [
        ("vnp_Amount", done.amount.to_string()),
        ("vnp_BankCode", done.bank_code.clone()),
        ("vnp_PayDate", clock::compact(done.at)),
        ("vnp_TransactionNo", done.number.clone()),
        ("vnp_TransactionType", done.kind.to_owned()),
        ("vnp_TransactionStatus", status.to_owned()),
        ("vnp_OrderInfo", done.order_info.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect()
}

/// Answers a question whose hash was right.
pub fn querydr(world: &World, body: &Value) -> Told {
    let book = world.vnpay.book();
    let found = book.get(&key(body));
    let found = found.filter(|it| it.create_date == value_of(body, "vnp_TransactionDate"));
    let Some(order) = found else { return Told::no("91", "Transaction not found") };
    let number = value_of(body, "vnp_TransactionNo");
    let asked = order.transactions.iter().find(|it| it.number == number && number != "0");
    // Without a number the newest word counts: after a refund that is the refund [unverified].
    let refund = || order.transactions.iter().rfind(|it| it.kind != "01");
    let fields = match asked.or_else(refund).or(order.result()) {
        Some(done) => fields(done, status(world, done)),
        None => untouched(order),
    };
    Told { code: "00", message: "QueryDR Success", fields }
}

/// A refund is in progress for a minute (scaled), then it is with the bank.
fn status(world: &World, done: &Transaction) -> &'static str {
    let age = clock::now().signed_duration_since(done.at).num_milliseconds();
    let minute = world.settings.retry_scale.milliseconds(60);
    let old = u64::try_from(age).is_ok_and(|age| age >= minute);
    if done.status == "05" && old { "06" } else { done.status }
}

/// Nobody has paid: not completed, and failed once the window has passed.
fn untouched(order: &Order) -> Map<String, Value> {
    let over = clock::now() > order.expires_at;
    [
        ("vnp_Amount", order.amount.to_string()),
        ("vnp_TransactionNo", "0".to_owned()),
        ("vnp_TransactionType", "01".to_owned()),
        ("vnp_TransactionStatus", if over { "02" } else { "01" }.to_owned()),
        ("vnp_OrderInfo", order.order_info.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect()
}
