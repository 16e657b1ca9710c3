//! The webhook: one movement of the account.

use serde_json::{Value, json};

use super::codec;
use crate::{
    app::World,
    clock,
    courier::{Delivery, Form, Outgoing},
    deeds::{Fault, Movement},
    payos::orders::invoice_codes,
};

/// Up to seven tries more, Fibonacci spaced: 33 minutes in all.
const PAUSES_SECONDS: &[u64] = &[60, 60, 120, 180, 300, 480, 780];

/// What is told.
pub struct Told<'a> {
    /// The movement.
    pub moved: &'a Movement,
    /// Into the account, or out of it.
    pub incoming: bool,
    /// What the account holds after it.
    pub accumulated: i64,
}

/// The body, spoiled as asked.
fn body(told: &Value, form: Form) -> String {
    let mut told = told.clone();
    match form {
        Form::Honest | Form::Tampered => {}
        Form::UnknownOrder => {
            told["content"] = json!("CHUYEN TIEN");
            told["code"] = Value::Null;
        }
        Form::ChangedAmount => {
            let amount = told["transferAmount"].as_i64().unwrap_or_default();
            told["transferAmount"] = json!(amount + 1_000);
        }
    }
    told.to_string()
}

fn accepted(status: u16, body: &str) -> bool {
    let success = |body: Value| body["success"].as_bool();
    (200..300).contains(&status) && serde_json::from_str(body).ok().and_then(success) == Some(true)
}

/// The delivery of one movement.
pub fn delivery(world: &World, told: &Told<'_>, fault: Option<Fault>, delay_ms: u64) -> Delivery {
    let settings = &world.settings;
    let moved = told.moved;
    let fields = json!({
        "id": moved.transaction_id.parse::<u64>().unwrap_or_default(),
        "gateway": "MBBank",
        "transactionDate": clock::spaced(clock::now()),
        "accountNumber": moved.account,
        "code": invoice_codes(&moved.memo).first(),
        "content": moved.memo,
        "transferType": if told.incoming { "in" } else { "out" },
        "transferAmount": moved.amount.parse::<i64>().unwrap_or_default(),
        "accumulated": told.accumulated,
        "subAccount": null,
        "referenceCode": format!("MB{}", moved.transaction_id),
        "description": format!("BankAPINotify {}", moved.memo),
    });
    let url = format!(
        "{}/partners/{}/webhook",
        settings.payclear_url.trim_end_matches('/'),
        settings.sepay_partner
    );
    let (proof, secret) = (settings.sepay_authentication, settings.sepay_secret.clone());
    Delivery {
        channel: "sepay",
        partner: settings.sepay_partner.clone(),
        reference: String::new(),
        transaction_id: moved.transaction_id.clone(),
        fault,
        delay_ms,
        pauses_seconds: PAUSES_SECONDS,
        make: Box::new(move |form| {
            let body = body(&fields, form);
            // Each try is signed anew, at its own time [unverified].
            let now = clock::now().timestamp();
            Outgoing {
                method: reqwest::Method::POST,
                url: url.clone(),
                headers: codec::headers(proof, secret.expose(), now, &body, form),
                body: Some(body),
            }
        }),
        accepted,
    }
}
