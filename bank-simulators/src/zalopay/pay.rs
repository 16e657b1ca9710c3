//! A payer acts in the wallet.

use super::{
    callback,
    orders::{Order, Payment},
};
use crate::{
    app::World,
    clock,
    deeds::{Act, Deed, Movement, Outcome, Refusal},
};

/// return_code and sub_return_code of an outcome. The sub codes of payers' failures are not
/// published: these are the simulator's own.
fn codes(outcome: Outcome) -> Option<(i64, i64)> {
    match outcome {
        Outcome::Paid | Outcome::PaidLate | Outcome::PaidTwice => Some((1, 1)),
        Outcome::Cancelled => Some((2, -92)),
        Outcome::Expired => Some((2, -54)),
        Outcome::Insufficient => Some((2, -63)),
        Outcome::BankDown => Some((2, -332)),
        // Debited, but not known to have arrived.
        Outcome::DebitedUnknown => Some((3, 1)),
        Outcome::WrongAmount | Outcome::MangledMemo | Outcome::UnknownReference => None,
    }
}

/// Whether the wallet's page offers an outcome.
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

/// Carries an act out, journals it, and starts the callbacks: only success is told.
pub async fn act(world: &World, act: &Act, reference: &str) -> Result<Deed, Refusal> {
    let (code, sub_code) = codes(act.outcome).ok_or(Refusal::Impossible(act.outcome))?;
    let settings = &world.settings;
    let (mut deed, order, made) = {
        let mut book = world.zalopay.book();
        let order = book.get_mut(reference).ok_or_else(|| Refusal::Unknown(act.order.clone()))?;
        open(order, act.outcome)?;
        let partner = &settings.zalopay_partner;
        let mut deed = Deed::new(act, "zalopay", partner, order.app_trans_id.clone(), order.amount);
        let mut made = Vec::new();
        for _ in 0..act.outcome.transactions().max(1) {
            let number = i64::try_from(world.numbers.next()).unwrap_or(i64::MAX);
            let zp_trans_id = if code == 2 { 0 } else { number };
            let done = Payment { zp_trans_id, code, sub_code, at: clock::now() };
            if deed.money_moved {
                deed.moved(Movement {
                    transaction_id: number.to_string(),
                    amount: order.amount.to_string(),
                    account: settings.zalopay_app_id.clone(),
                    memo: order.description.clone(),
                    time: clock::precise(done.at),
                });
                made.push(done.clone());
            } else if code == 3 {
                deed.transaction_ids.push(number.to_string());
            }
            order.payments.push(done);
        }
        (deed, order.clone(), made)
    };
    world.journal.record(deed.entries()).await?;
    for (at, done) in made.iter().enumerate() {
        let fault = act.fault.filter(|_| at == 0);
        let delivery = callback::delivery(world, act, fault, &order, done);
        deed.deliveries.push(world.courier.deliver(delivery));
    }
    Ok(deed)
}
