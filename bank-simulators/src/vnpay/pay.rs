//! A payer acts at the gateway.

use super::{
    ipn,
    orders::{Key, Order, Transaction},
};
use crate::{
    app::World,
    clock,
    deeds::{Act, Deed, Movement, Outcome, Refusal},
};

/// vnp_ResponseCode and vnp_TransactionStatus of an outcome.
fn codes(outcome: Outcome) -> Option<(&'static str, &'static str)> {
    match outcome {
        Outcome::Paid | Outcome::PaidLate | Outcome::PaidTwice => Some(("00", "00")),
        Outcome::Cancelled => Some(("24", "02")),
        Outcome::Expired => Some(("11", "02")),
        Outcome::Insufficient => Some(("51", "02")),
        Outcome::BankDown => Some(("75", "02")),
        // Debited but under suspicion: the merchant must not take it as paid.
        Outcome::DebitedUnknown => Some(("07", "07")),
        Outcome::WrongAmount | Outcome::MangledMemo | Outcome::UnknownReference => None,
    }
}

/// Whether the gateway's page offers an outcome.
pub fn possible(outcome: Outcome) -> bool {
    codes(outcome).is_some()
}

fn open(order: &Order, outcome: Outcome) -> Result<(), Refusal> {
    let refuse = |status: String| Err(Refusal::Closed { status, outcome });
    let now = clock::now();
    match (order.result(), outcome) {
        // Money may come after everything.
        (_, Outcome::PaidLate) => Ok(()),
        (Some(it), Outcome::Paid | Outcome::PaidTwice) if it.is_paid() => Ok(()),
        (Some(_), _) => refuse(order.status(now)),
        (None, Outcome::Paid | Outcome::PaidTwice) if now > order.expires_at => {
            refuse(order.status(now))
        }
        (None, _) => Ok(()),
    }
}

fn transaction(world: &World, order: &Order, outcome: Outcome) -> Option<Transaction> {
    let (response_code, status) = codes(outcome)?;
    let debited = matches!(response_code, "00" | "07");
    let by_qr = order.bank_code.as_deref() == Some("VNPAYQR");
    let number = world.numbers.next();
    let bank_code = match &order.bank_code {
        _ if !debited => "VNPAY".to_owned(),
        Some(code) if !matches!(code.as_str(), "VNPAYQR" | "VNBANK" | "INTCARD") => code.clone(),
        _ => "NCB".to_owned(),
    };
    Some(Transaction {
        number: if debited { number.to_string() } else { "0".to_owned() },
        kind: "01",
        amount: order.amount,
        response_code,
        status,
        at: clock::now(),
        bank_code,
        bank_number: debited.then(|| format!("VNP{number}")),
        card_type: if by_qr { "QRCODE" } else { "ATM" },
        order_info: order.order_info.clone(),
    })
}

/// Carries an act out, journals it, and starts the callbacks.
pub async fn act(world: &World, act: &Act, key: &Key) -> Result<Deed, Refusal> {
    if !possible(act.outcome) {
        return Err(Refusal::Impossible(act.outcome));
    }
    let partner = &world.settings.vnpay_partner;
    let (mut deed, order, made) = {
        let mut book = world.vnpay.book();
        let order = book.get_mut(key).ok_or_else(|| Refusal::Unknown(act.order.clone()))?;
        open(order, act.outcome)?;
        let amount = order.amount / 100;
        let mut deed = Deed::new(act, "vnpay", partner, order.txn_ref.clone(), amount);
        let mut made = Vec::new();
        for _ in 0..act.outcome.transactions().max(1) {
            let Some(done) = transaction(world, order, act.outcome) else { continue };
            if deed.money_moved {
                deed.moved(Movement {
                    transaction_id: done.number.clone(),
                    amount: amount.to_string(),
                    account: world.settings.vnpay_tmn_code.clone(),
                    memo: order.order_info.clone(),
                    time: clock::precise(done.at),
                });
            } else if done.number != "0" {
                deed.transaction_ids.push(done.number.clone());
            }
            order.transactions.push(done.clone());
            made.push(done);
        }
        (deed, order.clone(), made)
    };
    world.journal.record(deed.entries()).await?;
    for (at, done) in made.iter().enumerate() {
        let fault = act.fault.filter(|_| at == 0);
        let delivery = ipn::delivery(world, act, fault, &order, done);
        deed.deliveries.push(world.courier.deliver(delivery));
    }
    Ok(deed)
}
