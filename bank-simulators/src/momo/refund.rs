//! Money given back: at once, never more than was paid.

use serde_json::{Value, json};

use super::{
    api::{Told, long},
    codec::value_of,
    create::is_order_id,
    orders::{Order, Refund},
};
use crate::{app::World, clock};

/// Carries a refund out whose signature was right.
pub async fn refund(world: &World, body: &Value) -> Told {
    let done = {
        let mut book = world.momo.book();
        let id = value_of(body, "orderId");
        if !is_order_id(&id) {
            return Told::no(42, "OrderId is invalid.");
        }
        if book.is_used(&id) {
            return Told::no(41, "Duplicated orderId.");
        }
        let Some(amount) = long(body, "amount") else { return Told::no(21, "Invalid amount.") };
        let Some(of) = long(body, "transId") else { return Told::no(20, "Bad format request.") };
        // Older tables read 1080 as "original not found".
        let Some(order) = book.paid_with(of) else {
            return Told::no(1080, "The original transaction is not found.");
        };
        if let Some(no) = refused(order, of, amount) {
            return no;
        }
        let trans_id = i64::try_from(world.numbers.next()).unwrap_or(i64::MAX);
        let done = Refund { order_id: id, of, amount, trans_id, at: clock::now() };
        order.refunds.push(done.clone());
        (order.order_id.clone(), done)
    };
    let (paid, done) = done;
    let entry = json!({
        "kind": "movement", "direction": "out", "channel": "momo",
        "partner": world.settings.momo_partner, "order": paid, "reference": paid,
        "outcome": "refunded", "money_moved": true, "transaction_id": done.trans_id.to_string(),
        "amount": done.amount.to_string(), "account": world.settings.momo_partner_code,
        "memo": value_of(body, "description"), "refund": done.order_id,
        "time": clock::precise(done.at),
    });
    if world.journal.record(vec![entry]).await.is_err() {
        return Told::no(1080, "The journal cannot be written.");
    }
    let fields = json!({ "amount": done.amount, "transId": done.trans_id });
    let fields = fields.as_object().cloned().unwrap_or_default();
    Told { code: 0, message: "Successful.", fields }
}

fn refused(order: &Order, of: i64, amount: i64) -> Option<Told> {
    let least = if order.request_type == "payWithATM" { 10_000 } else { 1_000 };
    if !(least..=50_000_000).contains(&amount) {
        return Some(Told::no(22, "Amount is out of range."));
    }
    let refunds = order.refunds.iter().filter(|it| it.of == of);
    let back: i64 = refunds.map(|it| it.amount).sum();
    (back + amount > order.amount)
        .then(|| Told::no(1081, "Refund rejected: above what can be refunded."))
}
