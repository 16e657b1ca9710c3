//! What became of an order.

use serde_json::json;

use super::{
    api::{NOT_FOUND, Told},
    codec::Fields,
};
use crate::{app::World, clock};

/// An order whose time is over (unverified).
const EXPIRED: i64 = -54;

/// Answers a question whose mac was right.
pub fn query(world: &World, fields: &Fields) -> Told {
    let book = world.zalopay.book();
    let Some(order) = book.get(fields.get("app_trans_id")) else {
        return Told::no(NOT_FOUND, "the order does not exist");
    };
    let facts = |zp_trans_id: i64, is_processing: bool| {
        json!({
            "is_processing": is_processing, "amount": order.amount, "zp_trans_id": zp_trans_id,
            "server_time": clock::now().timestamp_millis(),
            "discount_amount": 0, "user_fee_amount": 0,
        })
    };
    match order.result() {
        Some(it) if it.is_paid() => Told::yes(1, "paid", &facts(it.zp_trans_id, false)),
        Some(it) if it.code == 3 => Told::yes(3, "being processed", &facts(0, true)),
        Some(it) => Told::no(it.sub_code, "the payment failed"),
        None if clock::now() > order.expires_at => Told::no(EXPIRED, "the order has expired"),
        None => Told::yes(3, "not paid yet", &facts(0, false)),
    }
}
