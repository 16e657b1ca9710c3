//! The parts of an invoice that is paid in parts, when a settlement of it is taken back: which of them
//! are held again, and on which accounts the money is that is not.

use sqlx::PgConnection;

use super::outcome::Outcome;
use super::settlement::Settlement;
use super::store::{self, GivenBack, PartPayment};
use crate::invoices::invoice::{Invoice, Part};
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::entry::{Line, Side};
use crate::vocabulary::ids::SettlementId;
use crate::vocabulary::money::{Money, MoneyError};

/// What is to be mirrored, and what it leaves.
#[derive(Debug)]
pub(super) struct Back {
    /// The lines, each on the account where the money is by now.
    pub lines: Vec<Line>,
    /// Parts that are held again.
    pub held_again: Vec<SettlementId>,
    /// So much of parts was given back to the payer while the invoice was paid.
    pub given: Money,
}

/// Finds out where the money of a settlement is by now, and brings the parts of its invoice, which is
/// locked, up to that.
pub(super) async fn back_in(
    conn: &mut PgConnection,
    invoice: &mut Invoice,
    settlement: &Settlement,
    lines: Vec<Line>,
) -> Result<Back, sqlx::Error> {
    let zero = Money::zero(invoice.amount.currency());
    let mut back = Back { lines, held_again: Vec::new(), given: zero };
    let is_held = |line: &Line| line.account.kind == AccountKind::PartPaymentsHeld;
    if !back.lines.iter().any(is_held) {
        return Ok(back);
    }
    let known = store::part_payments(conn, invoice.id).await?;
    if settlement.outcome == Outcome::Held {
        let part = known.iter().find(|part| part.settlement == settlement.id);
        back.lines = part_back(invoice, settlement, part, back.lines).map_err(defect)?;
    } else if let Some(booked) = settlement.entry {
        let living = |part: &PartPayment| !part.taken_back && !part.given_up && part.entry < booked;
        let used: Vec<PartPayment> = known.into_iter().filter(living).collect();
        let ids: Vec<_> = used.iter().map(|part| part.settlement.0).collect();
        let paid = (invoice.id, invoice.cycle);
        let given = store::given_back_of(conn, paid, &ids).await?;
        let (lines, parts) = completed_back(&used, &given, back.lines).map_err(defect)?;
        back.lines = lines;
        back.given = sum(zero, given.iter().map(|given| given.amount)).map_err(defect)?;
        back.held_again = ids.into_iter().map(SettlementId).collect();
        invoice.parts = parts;
    }
    invoice.held = sum(zero, invoice.parts.iter().map(|part| part.amount)).map_err(defect)?;
    Ok(back)
}

/// A part is taken back. While it is held it goes from there. Of one that was given up the payer is
/// owed nothing any more. One that was used is the agency's by now: it is missing in suspense until the
/// payment that it completed is taken back too, or an officer decides whose loss it is. What the payer
/// has got back of it before is missing in suspense as well.
fn part_back(
    invoice: &mut Invoice,
    settlement: &Settlement,
    part: Option<&PartPayment>,
    lines: Vec<Line>,
) -> Result<Vec<Line>, MoneyError> {
    let zero = Money::zero(settlement.amount.currency());
    let held = invoice.parts.iter().position(|held| held.settlement == settlement.id);
    let (kind, amount) = match (part, held) {
        (Some(part), _) if part.given_up => {
            (AccountKind::RefundDue, rest(part.amount, part.given_back)?)
        }
        (_, Some(place)) => (AccountKind::PartPaymentsHeld, invoice.parts.remove(place).amount),
        _ => (AccountKind::Suspense, zero),
    };
    let mut moved = Vec::with_capacity(lines.len() + 1);
    for line in lines {
        if line.account.kind != AccountKind::PartPaymentsHeld {
            moved.push(line);
            continue;
        }
        let at = |kind| AccountKey { kind, ..line.account.clone() };
        let missing = rest(line.amount, amount)?;
        moved.push(Line { account: at(kind), amount: least(amount, line.amount), ..line.clone() });
        moved.push(Line { account: at(AccountKind::Suspense), amount: missing, ..line.clone() });
    }
    Ok(moved)
}

/// What parts had completed is taken back. Those that are still there are held again, less what the
/// payer has got back of them, which the agency does not owe twice; those that their bank took back
/// meanwhile are missing in suspense, and this closes it.
fn completed_back(
    used: &[PartPayment],
    given: &[GivenBack],
    lines: Vec<Line>,
) -> Result<(Vec<Line>, Vec<Part>), MoneyError> {
    let mut parts = Vec::new();
    let mut back = Vec::with_capacity(lines.len() + 1);
    for mut line in lines {
        let zero = Money::zero(line.amount.currency());
        if line.account.kind == AccountKind::AgencyPayable && line.side == Side::Credit {
            let of_line = |given: &&GivenBack| {
                given.agency == line.account.owner && given.budget == line.account.detail
            };
            let amounts = given.iter().filter(of_line).map(|given| given.amount);
            line.amount = line.amount.checked_sub(sum(zero, amounts)?)?;
            back.push(line);
        } else if line.account.kind == AccountKind::PartPaymentsHeld {
            let of_partner = |given: &&GivenBack| given.partner == line.account.owner;
            let amounts = given.iter().filter(of_partner).map(|given| given.amount);
            let mut left = line.amount.checked_sub(sum(zero, amounts)?)?;
            let mut held = zero;
            for part in used.iter().filter(|part| part.partner == line.account.owner) {
                let amount = least(rest(part.amount, part.given_back)?, left);
                if amount.is_zero() {
                    continue;
                }
                left = left.checked_sub(amount)?;
                held = held.checked_add(amount)?;
                let partner = part.partner.clone();
                parts.push(Part { settlement: part.settlement, partner, amount });
            }
            let account = AccountKey { kind: AccountKind::Suspense, ..line.account.clone() };
            back.push(Line { account, amount: left, ..line.clone() });
            back.push(Line { amount: held, ..line });
        } else {
            back.push(line);
        }
    }
    Ok((back, parts))
}

fn sum(zero: Money, mut amounts: impl Iterator<Item = Money>) -> Result<Money, MoneyError> {
    amounts.try_fold(zero, Money::checked_add)
}

fn least(one: Money, other: Money) -> Money {
    if other < one { other } else { one }
}

/// What is left of an amount after another was taken; nothing when that was as much or more.
fn rest(amount: Money, taken: Money) -> Result<Money, MoneyError> {
    amount.checked_sub(least(taken, amount))
}

fn defect(error: MoneyError) -> sqlx::Error {
    sqlx::Error::Protocol(format!("defect: {error}"))
}
