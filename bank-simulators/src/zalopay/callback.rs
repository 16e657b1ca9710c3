//! The word of success: a text, and the mac over exactly that text.

use serde::Serialize;
use serde_json::{Value, json};

use super::orders::{Order, Payment};
use crate::{
    app::World,
    courier::{Delivery, Form, Outgoing},
    deeds::{Act, Fault},
    settings::Settings,
    signing,
};

/// At most three calls more; the pauses are not published (unverified).
const PAUSES_SECONDS: &[u64] = &[60, 60, 60];
/// The wallet's own account as the way to pay.
const CHANNEL: i64 = 38;

#[derive(Serialize)]
struct Told<'a> {
    app_id: i64,
    app_trans_id: &'a str,
    app_time: i64,
    app_user: &'a str,
    amount: i64,
    embed_data: &'a str,
    item: &'a str,
    zp_trans_id: i64,
    server_time: i64,
    channel: i64,
    merchant_user_id: &'a str,
    user_fee_amount: i64,
    discount_amount: i64,
}

fn body(settings: &Settings, order: &Order, done: &Payment, form: Form) -> String {
    let unknown = format!("{}_X{}", &order.app_trans_id[..6], rand::random_range(1_u32..u32::MAX));
    let told = Told {
        app_id: settings.zalopay_app_id.parse().unwrap_or_default(),
        app_trans_id: if form == Form::UnknownOrder { &unknown } else { &order.app_trans_id },
        app_time: order.app_time,
        app_user: &order.app_user,
        amount: order.amount + if form == Form::ChangedAmount { 100_000 } else { 0 },
        embed_data: &order.embed_data,
        item: &order.item,
        zp_trans_id: done.zp_trans_id,
        server_time: done.at.timestamp_millis(),
        channel: CHANNEL,
        merchant_user_id: "sim-user-1",
        user_fee_amount: 0,
        discount_amount: 0,
    };
    let text = serde_json::to_string(&told).unwrap_or_default();
    // Blanks belong to what is signed: a merchant that reads before it verifies is found out.
    let text = text.replacen(",\"amount\":", ", \"amount\": ", 1);
    let mac = signing::hmac_sha256_hex(settings.zalopay_key2.expose(), &text);
    let mac = if form == Form::Tampered { signing::spoiled(&mac) } else { mac };
    json!({ "data": text, "mac": mac, "type": 1 }).to_string()
}

/// Recorded now or before ends the calls.
fn accepted(status: u16, body: &str) -> bool {
    let answer = serde_json::from_str::<Value>(body).unwrap_or_default();
    status == 200 && matches!(answer["return_code"].as_i64(), Some(1 | 2))
}

/// The callback of one payment, to the address that the order named.
pub fn delivery(
    world: &World,
    act: &Act,
    fault: Option<Fault>,
    order: &Order,
    done: &Payment,
) -> Delivery {
    let settings = &world.settings;
    let bodies = [Form::Honest, Form::Tampered, Form::UnknownOrder, Form::ChangedAmount]
        .map(|form| (form, body(settings, order, done, form)));
    let address = order.callback_url.clone();
    Delivery {
        channel: "zalopay",
        partner: settings.zalopay_partner.clone(),
        reference: order.app_trans_id.clone(),
        transaction_id: done.zp_trans_id.to_string(),
        fault,
        delay_ms: act.delay_ms,
        pauses_seconds: PAUSES_SECONDS,
        make: Box::new(move |form| Outgoing {
            method: reqwest::Method::POST,
            url: address.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: bodies.iter().find(|(made, _)| *made == form).map(|(_, body)| body.clone()),
        }),
        accepted,
    }
}
