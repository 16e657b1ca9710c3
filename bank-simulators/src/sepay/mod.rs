//! A bank account watched by SePay: whatever moves on it is told by webhook.

pub mod codec;
pub mod webhook;

use std::sync::atomic::{AtomicI64, Ordering};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::{Shared, World},
    clock,
    control::wrong,
    deeds::{Act, Deed, Movement, Refusal},
    payos::transfer::typed_memo,
};

/// What the account holds.
#[derive(Default)]
pub struct Account {
    balance: AtomicI64,
}

impl Account {
    /// Adds (or takes) đồng; the new balance.
    fn add(&self, amount: i64) -> i64 {
        self.balance.fetch_add(amount, Ordering::Relaxed) + amount
    }
}

/// The paths under `/sepay`.
pub fn routes() -> Router<Shared> {
    Router::new().route("/withdrawals", post(withdraw))
}

fn movement(world: &World, amount: i64, memo: String) -> Movement {
    Movement {
        transaction_id: world.numbers.next().to_string(),
        amount: amount.to_string(),
        account: world.settings.sepay_account.clone(),
        memo,
        time: clock::precise(clock::now()),
    }
}

/// Somebody transfers into the account.
pub async fn transfer(
    world: &World,
    act: &Act,
    memo: &str,
    owed: Option<i64>,
) -> Result<Deed, Refusal> {
    let amount = act.amount.or(owed.map(|owed| act.amount_for(owed)));
    let amount = amount.ok_or(Refusal::AmountMissing)?;
    let partner = &world.settings.sepay_partner;
    let mut deed = Deed::new(act, "sepay", partner, String::new(), amount);
    let memo = typed_memo(act, memo);
    for _ in 0..act.outcome.transactions() {
        deed.moved(movement(world, amount, memo.clone()));
    }
    world.journal.record(deed.entries()).await?;
    for (at, moved) in deed.transactions.iter().enumerate() {
        let told = webhook::Told { moved, incoming: true, accumulated: world.sepay.add(amount) };
        let fault = act.fault.filter(|_| at == 0);
        let delivery = webhook::delivery(world, &told, fault, act.delay_ms);
        deed.deliveries.push(world.courier.deliver(delivery));
    }
    Ok(deed)
}

/// The request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    /// đồng.
    amount: i64,
    memo: String,
}

/// `POST /sepay/withdrawals`: the account's owner pays somebody. The hook tells that as well; the
/// answer is what the service said to the first try.
async fn withdraw(State(world): State<Shared>, Json(asked): Json<Withdrawal>) -> Response {
    if asked.amount < 1 {
        return wrong(StatusCode::UNPROCESSABLE_ENTITY, "amount is no positive number of đồng");
    }
    let moved = movement(&world, asked.amount, asked.memo);
    let entry = json!({
        "kind": "movement", "direction": "out", "channel": "sepay",
        "partner": world.settings.sepay_partner, "order": "", "reference": "",
        "outcome": "withdrawn", "money_moved": true, "transaction_id": moved.transaction_id,
        "amount": moved.amount, "account": moved.account, "memo": moved.memo, "time": moved.time,
    });
    if let Err(unwritten) = world.journal.record(vec![entry]).await {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, unwritten);
    }
    let accumulated = world.sepay.add(-asked.amount);
    let told = webhook::Told { moved: &moved, incoming: false, accumulated };
    let answer = world.courier.deliver(webhook::delivery(&world, &told, None, 0)).await;
    Json(json!({"transaction_id": moved.transaction_id, "callback": answer.ok().flatten()}))
        .into_response()
}
