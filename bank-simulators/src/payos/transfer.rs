//! Money that comes into the bank: for a payment request, or into the main account.

use super::{
    orders::{Closed, Order},
    webhook::{self, Credit},
};
use crate::{
    app::World,
    clock,
    deeds::{self, Act, Deed, Movement, Outcome, Refusal},
};

fn movement(world: &World, account: &str, amount: i64, memo: &str) -> Movement {
    Movement {
        transaction_id: format!("FT{}", world.numbers.next()),
        amount: amount.to_string(),
        account: account.to_owned(),
        memo: memo.to_owned(),
        time: clock::precise(clock::now()),
    }
}

/// Decides on an order what the payer's act does to it.
fn step(order: &mut Order, outcome: Outcome) -> Result<(), Refusal> {
    let now = clock::now();
    let status = order.status(now);
    let close = |status| Some(Closed { status, at: now, reason: None });
    match (status, outcome) {
        ("PENDING" | "UNDERPAID", Outcome::Cancelled) => order.closed = close("CANCELLED"),
        ("PENDING" | "UNDERPAID", Outcome::Expired | Outcome::PaidLate) => {
            order.closed = close("EXPIRED");
        }
        // The virtual account still stands after the request has closed: late money is money.
        ("CANCELLED" | "EXPIRED", Outcome::PaidLate | Outcome::Expired) => {}
        ("CANCELLED" | "EXPIRED", outcome) if outcome.moves_money() => {
            return Err(Refusal::Closed { status: status.to_owned(), outcome });
        }
        ("PAID", Outcome::Cancelled | Outcome::Expired) => {
            return Err(Refusal::Closed { status: status.to_owned(), outcome });
        }
        _ => {}
    }
    Ok(())
}

/// A payer acts on a payment request.
pub async fn for_order(world: &World, act: &Act, number: u64) -> Result<Deed, Refusal> {
    let settings = &world.settings;
    let (mut deed, order) = {
        let mut book = world.payos.book();
        let order = book.get_mut(number).ok_or_else(|| Refusal::Unknown(act.order.clone()))?;
        step(order, act.outcome)?;
        let amount = act.amount_for(order.amount);
        let mut deed = Deed::new(act, "payos", &settings.payos_partner, number.to_string(), amount);
        let memo = act.memo.as_ref().unwrap_or(&order.description);
        let memo = match act.outcome {
            Outcome::MangledMemo => deeds::mangle(memo),
            Outcome::UnknownReference => "CHUYEN TIEN".to_owned(),
            _ => memo.clone(),
        };
        for _ in 0..act.outcome.transactions() {
            let moved = movement(world, &order.virtual_account, amount, &memo);
            order.credits.push((amount, moved.clone()));
            deed.moved(moved);
        }
        (deed, order.clone())
    };
    world.journal.record(deed.entries()).await?;
    report(world, act, &mut deed, Some((number, &order.link_id)));
    Ok(deed)
}

/// Somebody transfers into the main account by hand.
pub async fn for_account(
    world: &World,
    act: &Act,
    memo: &str,
    owed: Option<i64>,
) -> Result<Deed, Refusal> {
    let settings = &world.settings;
    let amount = act.amount.or(owed.map(|owed| act.amount_for(owed)));
    let amount = amount.ok_or(Refusal::AmountMissing)?;
    let mut deed = Deed::new(act, "payos", &settings.payos_partner, String::new(), amount);
    let memo = typed_memo(act, memo);
    for _ in 0..act.outcome.transactions() {
        deed.moved(movement(world, &settings.payos_account, amount, &memo));
    }
    world.journal.record(deed.entries()).await?;
    report(world, act, &mut deed, None);
    Ok(deed)
}

/// The memo as it arrives.
pub fn typed_memo(act: &Act, asked: &str) -> String {
    match (act.outcome, &act.memo) {
        (Outcome::MangledMemo, memo) => deeds::mangle(memo.as_deref().unwrap_or(asked)),
        (_, Some(memo)) => memo.clone(),
        (Outcome::UnknownReference, None) => "CHUYEN TIEN LE PHI".to_owned(),
        (_, None) => asked.to_owned(),
    }
}

/// Reports each credit; only the first goes wrong, so that a second can overtake it.
fn report(world: &World, act: &Act, deed: &mut Deed, order: Option<(u64, &str)>) {
    for (at, movement) in deed.transactions.iter().enumerate() {
        let amount = movement.amount.parse().unwrap_or_default();
        let fault = act.fault.filter(|_| at == 0);
        let credit = Credit { order, amount, movement };
        let delivery = webhook::delivery(world, act, fault, &credit);
        deed.deliveries.push(world.courier.deliver(delivery));
    }
}
