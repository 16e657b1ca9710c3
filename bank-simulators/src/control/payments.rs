//! `POST /control/payments`: the bank takes a `pain.001` and makes its transfers.
//!
//! The file is refused as a whole when it is not in its form. Of a file that is, each transfer is made
//! or not: the account must be one of ours, hold enough, and the reference be new. What was made is in
//! the journal as a movement out, and so in the statement of the day.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::wrong;
use crate::{
    app::{Shared, World},
    clock,
    pain001::{self, Transfer},
    statements::batches,
};

/// One file at a time: the balance that is looked at is the one that is debited.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Whose the account is.
fn partner_of<'w>(world: &'w World, account: &str) -> Option<&'w str> {
    let settings = &world.settings;
    [
        (&settings.payos_partner, &settings.payos_account),
        (&settings.sepay_partner, &settings.sepay_account),
        (&settings.direct_partner, &settings.direct_account),
    ]
    .into_iter()
    .find(|(_, number)| *number == account)
    .map(|(partner, _)| partner.as_str())
}

/// What the journal knows of an account and its payments.
#[derive(Default)]
struct Known {
    balance: i64,
    references: Vec<String>,
    messages: Vec<String>,
}

/// A bank's account holds all that the bank has taken in: virtual accounts are names of it. Where the
/// wallets pay in, that is there as well.
fn known(world: &World, account: &str) -> Option<Known> {
    let partner = partner_of(world, account);
    let bytes = world.journal.lines_after(0, usize::MAX).ok()?;
    let mut known = Known::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(entry) = serde_json::from_slice::<Value>(line) else { continue };
        if entry["kind"] != "movement" {
            continue;
        }
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let amount: i64 = text("amount").parse().unwrap_or_default();
        if partner == Some(text("partner").as_str()) {
            known.balance += if entry["direction"] == "out" { -amount } else { amount };
        }
        if entry["outcome"] == "payout" {
            known.references.push(text("reference"));
            known.messages.push(text("order"));
        }
    }
    if partner == Some(world.settings.payos_partner.as_str()) {
        let now = clock::wall(clock::now());
        let paid_in = batches(world, &bytes).into_iter().filter(|batch| batch.at <= now);
        known.balance += paid_in.map(|batch| batch.amount).sum::<i64>();
    }
    Some(known)
}

fn movement(partner: &str, message: &str, of: &Transfer, id: &str) -> Value {
    json!({
        "kind": "movement", "channel": "plain", "partner": partner, "order": message,
        "reference": of.end_to_end_id, "outcome": "payout", "fault": null,
        "amount": of.amount.to_string(), "money_moved": true, "payer_debited": true,
        "direction": "out", "time": clock::precise(clock::now()), "transaction_id": id,
        "account": of.from, "memo": of.memo, "counter_account": of.to,
    })
}

/// Takes a file.
pub(crate) async fn take(State(world): State<Shared>, body: Bytes) -> Response {
    let order = match pain001::read(&body) {
        Ok(order) => order,
        Err(error) => return wrong(StatusCode::UNPROCESSABLE_ENTITY, error),
    };
    let _one = ONE.lock().await;
    let mut done = Vec::with_capacity(order.transfers.len());
    let mut entries = Vec::new();
    let mut accounts: std::collections::HashMap<String, Known> = std::collections::HashMap::new();
    for transfer in &order.transfers {
        if !accounts.contains_key(&transfer.from) {
            let Some(known) = known(&world, &transfer.from) else {
                return wrong(StatusCode::INTERNAL_SERVER_ERROR, "the journal cannot be read");
            };
            if known.messages.contains(&order.message_id) {
                return wrong(StatusCode::CONFLICT, "a file of this MsgId was taken before");
            }
            accounts.insert(transfer.from.clone(), known);
        }
        let told = |status: &str, reason: Option<&str>, id: Option<&str>| {
            json!({
                "end_to_end_id": transfer.end_to_end_id, "status": status, "reason": reason,
                "transaction_id": id,
            })
        };
        let (partner, known) =
            (partner_of(&world, &transfer.from), accounts.get_mut(&transfer.from));
        // The codes are those of ISO 20022: AC02 debtor's account, DUPL, AM04 not enough.
        done.push(match (partner, known) {
            (Some(partner), Some(known)) => {
                if known.references.contains(&transfer.end_to_end_id) {
                    told("RJCT", Some("DUPL"), None)
                } else if known.balance < transfer.amount {
                    told("RJCT", Some("AM04"), None)
                } else {
                    known.balance -= transfer.amount;
                    let id = format!("FT{}", world.numbers.next());
                    entries.push(movement(partner, &order.message_id, transfer, &id));
                    told("ACSC", None, Some(&id))
                }
            }
            _ => told("RJCT", Some("AC02"), None),
        });
    }
    if world.journal.record(entries).await.is_err() {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "the journal cannot be written");
    }
    let made = done.iter().filter(|one| one["status"] == "ACSC").count();
    let status = match made {
        0 => "RJCT",
        all if all == done.len() => "ACSC",
        _ => "PART",
    };
    Json(json!({ "message_id": order.message_id, "status": status, "transactions": done }))
        .into_response()
}
