//! Refunds: full (02) or partial (03), never more than was paid.

use serde_json::{Value, json};

use super::{
    orders::{Order, Transaction},
    query,
    transactions::{Told, value_of},
};
use crate::{app::World, clock};

/// Carries a refund out whose hash was right.
pub async fn refund(world: &World, body: &Value) -> Told {
    let done = {
        let mut book = world.vnpay.book();
        let found = book.get_mut(&query::key(body));
        let found = found.filter(|it| it.create_date == value_of(body, "vnp_TransactionDate"));
        let Some(order) = found else { return Told::no("91", "Transaction not found") };
        match decide(world, order, body) {
            Ok(done) => {
                order.transactions.push(done.clone());
                done
            }
            Err(no) => return no,
        }
    };
    let entry = json!({
        "kind": "movement", "direction": "out", "channel": "vnpay",
        "partner": world.settings.vnpay_partner, "order": value_of(body, "vnp_TxnRef"),
        "reference": value_of(body, "vnp_TxnRef"), "outcome": "refunded", "money_moved": true,
        "transaction_id": done.number, "amount": (done.amount / 100).to_string(),
        "account": world.settings.vnpay_tmn_code, "memo": done.order_info,
        "time": clock::precise(done.at),
    });
    if world.journal.record(vec![entry]).await.is_err() {
        return Told::no("99", "The journal cannot be written");
    }
    Told { code: "00", message: "Refund success", fields: query::fields(&done, done.status) }
}

fn decide(world: &World, order: &Order, body: &Value) -> Result<Transaction, Told> {
    let number = value_of(body, "vnp_TransactionNo");
    let payment = if number == "0" {
        order.result()
    } else {
        order.transactions.iter().find(|it| it.kind == "01" && it.number == number)
    };
    let Some(payment) = payment else { return Err(Told::no("91", "Transaction not found")) };
    if !payment.is_paid() {
        return Err(Told::no("95", "The payment was not successful"));
    }
    let paid: i64 = order.transactions.iter().filter(|it| it.is_paid()).map(|it| it.amount).sum();
    let refunded: i64 =
        order.transactions.iter().filter(|it| it.kind != "01").map(|it| it.amount).sum();
    let amount: i64 = value_of(body, "vnp_Amount").parse().unwrap_or_default();
    let kind = match value_of(body, "vnp_TransactionType").as_str() {
        "02" if amount == payment.amount => "02",
        "03" if amount > 0 && amount <= payment.amount && amount % 100 == 0 => "03",
        _ => return Err(Told::no("03", "Invalid amount or type")),
    };
    // What is already on its way back cannot be asked for again.
    if refunded + amount > paid {
        return Err(Told::no("94", "Refund already requested"));
    }
    Ok(Transaction {
        number: world.numbers.next().to_string(),
        kind,
        amount,
        response_code: "00",
        status: "05",
        at: clock::now(),
        bank_code: payment.bank_code.clone(),
        bank_number: None,
        card_type: payment.card_type,
        order_info: value_of(body, "vnp_OrderInfo"),
    })
}
