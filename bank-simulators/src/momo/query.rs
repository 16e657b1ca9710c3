//! What became of an order.

use serde_json::{Value, json};

use super::{api::Told, codec::value_of, orders::Order};
use crate::{app::World, clock};

/// Answers a question whose signature was right.
pub fn query(world: &World, body: &Value) -> Told {
    let book = world.momo.book();
    let Some(order) = book.get(&value_of(body, "orderId")) else {
        return Told::no(42, "OrderId is not found.");
    };
    let (code, message) = standing(order);
    let done = order.result();
    let refunds: Vec<Value> = order
        .refunds
        .iter()
        .map(|it| {
            json!({
                "orderId": it.order_id, "amount": it.amount, "resultCode": 0,
                "transId": it.trans_id, "createdTime": it.at.timestamp_millis(),
            })
        })
        .collect();
    let fields = json!({
        "amount": order.amount, "extraData": order.extra_data,
        "transId": done.map_or(0, |it| it.trans_id),
        "payType": done.map_or("", |it| it.pay_type),
        "refundTrans": refunds, "promotionInfo": null,
        "paymentOption": if done.is_some_and(|it| it.pay_type == "napas") { "pay_atm" } else { "momo" },
    });
    Told { code, message, fields: fields.as_object().cloned().unwrap_or_default() }
}

fn standing(order: &Order) -> (i64, &'static str) {
    match order.result() {
        Some(it) => (it.code, it.message),
        None if clock::now() > order.expires_at => (1005, "The URL or QR code has expired."),
        None => (1000, "Transaction is initiated, waiting for user confirmation."),
    }
}
