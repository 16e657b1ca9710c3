//! The webhook: one credit, reported in a signed envelope.

use serde_json::{Map, Value, json};

use super::codec;
use crate::{
    app::World,
    courier::{Delivery, Form, Outgoing},
    deeds::{Act, Fault, Movement},
    signing,
};

/// payOS publishes no retry rule: three tries more, after one, five and fifteen minutes.
const PAUSES_SECONDS: &[u64] = &[60, 300, 900];

/// A credit to report; `order` is absent for a transfer into the main account.
pub struct Credit<'a> {
    /// The merchant's number and the bank's id of the request.
    pub order: Option<(u64, &'a str)>,
    /// đồng.
    pub amount: i64,
    /// The credit itself.
    pub movement: &'a Movement,
}

/// One transaction in payOS words.
pub fn transaction(credit: &Movement, virtual_account: &str) -> Map<String, Value> {
    let fields = json!({
        "amount": credit.amount.parse::<i64>().unwrap_or_default(),
        "description": credit.memo, "accountNumber": credit.account,
        "reference": credit.transaction_id, "transactionDateTime": spaced(&credit.time),
        "counterAccountBankId": "970436", "counterAccountBankName": "VCB",
        "counterAccountName": "NGUYEN VAN A", "counterAccountNumber": "0451000234567",
        "virtualAccountName": "", "virtualAccountNumber": virtual_account,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// RFC 3339 to the Vietnamese wall clock.
fn spaced(time: &str) -> String {
    let read = chrono::DateTime::parse_from_rfc3339(time);
    read.map_or_else(|_| time.to_owned(), |at| crate::clock::spaced(at.to_utc()))
}

/// The `data` of a webhook.
pub fn data(account: &str, credit: &Credit<'_>) -> Map<String, Value> {
    // Documented only for payments of a request. That a bare transfer into the main account comes
    // by the same webhook with order code 0, no link and the memo as description is an assumption.
    let (order_code, link_id) = credit.order.unwrap_or((0, ""));
    let virtual_account =
        if credit.order.is_some() { credit.movement.account.as_str() } else { "" };
    let mut data = transaction(credit.movement, virtual_account);
    data.insert("accountNumber".to_owned(), json!(account));
    data.insert("orderCode".to_owned(), json!(order_code));
    data.insert("amount".to_owned(), json!(credit.amount));
    data.insert("currency".to_owned(), json!("VND"));
    data.insert("paymentLinkId".to_owned(), json!(link_id));
    data.insert("code".to_owned(), json!("00"));
    data.insert("desc".to_owned(), json!("success"));
    data
}

/// The request body, spoiled as asked.
fn body(key: &str, data: &Map<String, Value>, form: Form) -> String {
    let mut data = data.clone();
    match form {
        Form::Honest | Form::Tampered => {}
        Form::UnknownOrder => {
            data.insert("orderCode".to_owned(), json!(rand::random_range(1_u64 << 51..1 << 53)));
            data.insert("paymentLinkId".to_owned(), json!("0".repeat(32)));
            data.insert("description".to_owned(), json!("CHUYEN TIEN"));
        }
        Form::ChangedAmount => {
            let amount = data["amount"].as_i64().unwrap_or_default();
            data.insert("amount".to_owned(), json!(amount + 1_000));
        }
    }
    let mut signature = codec::sign_data(key, &data);
    if form == Form::Tampered {
        signature = signing::spoiled(&signature);
    }
    json!({"code": "00", "desc": "success", "success": true, "data": data, "signature": signature})
        .to_string()
}

fn accepted(status: u16, body: &str) -> bool {
    let success = |body: Value| body["success"].as_bool();
    (200..300).contains(&status) && serde_json::from_str(body).ok().and_then(success) == Some(true)
}

/// The delivery of one credit.
pub fn delivery(world: &World, act: &Act, fault: Option<Fault>, credit: &Credit<'_>) -> Delivery {
    let data = data(&world.settings.payos_account, credit);
    let reference = credit.order.map_or_else(String::new, |(number, _)| number.to_string());
    let transaction_id = credit.movement.transaction_id.clone();
    let told = Told { url: world.payos.webhook_url(), data, reference, transaction_id };
    make(world, told, fault, act.delay_ms)
}

/// The event that confirms an address.
pub fn test_event(world: &World, url: &str) -> Delivery {
    let movement = Movement {
        transaction_id: "TF230204212323".to_owned(),
        amount: "3000".to_owned(),
        account: world.settings.payos_account.clone(),
        memo: "VQRIO123".to_owned(),
        time: crate::clock::precise(crate::clock::now()),
    };
    let credit = Credit {
        order: Some((123, "124c33293c43417ab7879e14c8d9eb18")),
        amount: 3_000,
        movement: &movement,
    };
    let data = data(&world.settings.payos_account, &credit);
    let (reference, transaction_id) = (String::new(), String::new());
    make(world, Told { url: url.to_owned(), data, reference, transaction_id }, None, 0)
}

/// What is told, and to whom.
struct Told {
    url: String,
    data: Map<String, Value>,
    reference: String,
    transaction_id: String,
}

fn make(world: &World, told: Told, fault: Option<Fault>, delay_ms: u64) -> Delivery {
    let Told { url, data, reference, transaction_id } = told;
    let key = world.settings.payos_checksum_key.clone();
    Delivery {
        channel: "payos",
        partner: world.settings.payos_partner.clone(),
        reference,
        transaction_id,
        fault,
        delay_ms,
        pauses_seconds: PAUSES_SECONDS,
        make: Box::new(move |form| Outgoing {
            method: reqwest::Method::POST,
            url: url.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: Some(body(key.expose(), &data, form)),
        }),
        accepted,
    }
}
