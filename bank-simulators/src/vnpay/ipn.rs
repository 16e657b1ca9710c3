//! The result that the gateway tells: by IPN to the server, by return address to the browser.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    codec,
    orders::{Order, Transaction},
};
use crate::{
    app::World,
    clock,
    courier::{Delivery, Form, Outgoing},
    deeds::{Act, Fault},
    signing,
};

/// At most ten calls, five minutes apart.
const PAUSES_SECONDS: &[u64] = &[300; 9];

/// The parameters of a result, the same for IPN and return.
pub fn result(tmn_code: &str, order: &Order, done: &Transaction) -> BTreeMap<String, String> {
    let mut params: BTreeMap<String, String> = [
        ("vnp_TmnCode", tmn_code.to_owned()),
        ("vnp_Amount", done.amount.to_string()),
        ("vnp_BankCode", done.bank_code.clone()),
        ("vnp_CardType", done.card_type.to_owned()),
        ("vnp_PayDate", clock::compact(done.at)),
        ("vnp_OrderInfo", order.order_info.clone()),
        ("vnp_TransactionNo", done.number.clone()),
        ("vnp_ResponseCode", done.response_code.to_owned()),
        ("vnp_TransactionStatus", done.status.to_owned()),
        ("vnp_TxnRef", order.txn_ref.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(number) = &done.bank_number {
        params.insert("vnp_BankTranNo".to_owned(), number.clone());
    }
    params
}

fn query(secret: &str, params: &BTreeMap<String, String>, form: Form) -> String {
    let mut params = params.clone();
    match form {
        Form::Honest => {}
        Form::Tampered => return signing::spoiled(&codec::signed_query(secret, &params)),
        Form::UnknownOrder => {
            let unknown = format!("X{}", rand::random_range(1_u64 << 40..1 << 50));
            params.insert("vnp_TxnRef".to_owned(), unknown);
        }
        Form::ChangedAmount => {
            let amount = params.get("vnp_Amount").and_then(|it| it.parse::<i64>().ok());
            let changed = amount.unwrap_or_default() + 100_000;
            params.insert("vnp_Amount".to_owned(), changed.to_string());
        }
    }
    codec::signed_query(secret, &params)
}

/// Only 00 and 02 end the calls.
fn accepted(status: u16, body: &str) -> bool {
    let code = serde_json::from_str::<Value>(body).ok();
    let code = code.as_ref().and_then(|body| body["RspCode"].as_str());
    status == 200 && matches!(code, Some("00" | "02"))
}

/// The IPN of one result.
pub fn delivery(
    world: &World,
    act: &Act,
    fault: Option<Fault>,
    order: &Order,
    done: &Transaction,
) -> Delivery {
    let settings = &world.settings;
    let address = format!(
        "{}/partners/{}/ipn",
        settings.payclear_url.trim_end_matches('/'),
        settings.vnpay_partner
    );
    let params = result(&settings.vnpay_tmn_code, order, done);
    let secret = settings.vnpay_hash_secret.clone();
    Delivery {
        channel: "vnpay",
        partner: settings.vnpay_partner.clone(),
        reference: order.txn_ref.clone(),
        transaction_id: done.number.clone(),
        fault,
        delay_ms: act.delay_ms,
        pauses_seconds: PAUSES_SECONDS,
        make: Box::new(move |form| Outgoing {
            method: reqwest::Method::GET,
            url: format!("{address}?{}", query(secret.expose(), &params, form)),
            headers: Vec::new(),
            body: None,
        }),
        accepted,
    }
}

/// Where the browser goes after the payer has acted.
pub fn return_address(world: &World, order: &Order, done: &Transaction) -> String {
    let params = result(&world.settings.vnpay_tmn_code, order, done);
    let query = codec::signed_query(world.settings.vnpay_hash_secret.expose(), &params);
    let joint = if order.return_url.contains('?') { '&' } else { '?' };
    format!("{}{joint}{query}", order.return_url)
}
