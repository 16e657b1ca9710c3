//! A payer acts in the wallet.

use super::{
    ipn,
    orders::{Order, Payment},
};
use crate::{
    app::World,
    clock,
    deeds::{Act, Deed, Movement, Outcome, Refusal},
};

/// resultCode and message of an outcome.
fn code(outcome: Outcome) -> Option<(i64, &'static str)> {
    match outcome {
        Outcome::Paid | Outcome::PaidLate | Outcome::PaidTwice => Some((0, "Successful.")),
        Outcome::Cancelled => Some((1006, "Transaction denied by user.")),
        Outcome::Expired => Some((1005, "The URL or QR code has expired.")),
        Outcome::Insufficient => Some((1001, "Insufficient funds.")),
        Outcome::BankDown => Some((1002, "Transaction rejected by the issuer.")),
        // Debited, but the provider has not answered: the merchant must not take it as paid.
        Outcome::DebitedUnknown => Some((7002, "Transaction is being processed by the provider.")),
        Outcome::WrongAmount | Outcome::MangledMemo | Outcome::UnknownReference => None,
    }
}

/// Whether the wallet's page offers an outcome.
pub fn possible(outcome: Outcome) -> bool {
    code(outcome).is_some()
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

fn payment(world: &World, order: &Order, outcome: Outcome) -> Option<Payment> {
    let (code, message) = code(outcome)?;
    let at = clock::now();
    let debited = matches!(code, 0 | 7002);
    let number = i64::try_from(world.numbers.next()).unwrap_or(i64::MAX);
    Some(Payment {
        // Of an unpaid order the number looks like a time, and is no key.
        trans_id: if debited { number } else { at.timestamp_millis() },
        code,
        message,
        pay_type: match order.request_type.as_str() {
            _ if !debited => "",
            "payWithATM" => "napas",
            "payWithCC" => "credit",
            _ => "qr",
        },
        at,
    })
}

/// Carries an act out, journals it, and starts the IPNs.
pub async fn act(world: &World, act: &Act, id: &str) -> Result<Deed, Refusal> {
    if !possible(act.outcome) {
        return Err(Refusal::Impossible(act.outcome));
    }
    let settings = &world.settings;
    let (mut deed, order, made) = {
        let mut book = world.momo.book();
        let order = book.get_mut(id).ok_or_else(|| Refusal::Unknown(act.order.clone()))?;
        open(order, act.outcome)?;
        let partner = &settings.momo_partner;
        let mut deed = Deed::new(act, "momo", partner, order.order_id.clone(), order.amount);
        let mut made = Vec::new();
        for _ in 0..act.outcome.transactions().max(1) {
            let Some(done) = payment(world, order, act.outcome) else { continue };
            if deed.money_moved {
                deed.moved(Movement {
                    transaction_id: done.trans_id.to_string(),
                    amount: order.amount.to_string(),
                    account: settings.momo_partner_code.clone(),
                    memo: order.order_info.clone(),
                    time: clock::precise(done.at),
                });
            } else if done.code == 7002 {
                deed.transaction_ids.push(done.trans_id.to_string());
            }
            order.payments.push(done.clone());
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
