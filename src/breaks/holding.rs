//! Which case holds the money of suspense, of part payments held and of refund due.
//!
//! These three accounts are booked in a few places only, and each of them says here, in its own
//! transaction, what became of the money: their balance is the sum of what the open cases hold.
//! Amounts are credit positive here, as the accounts are. When money leaves an account that it never
//! came to (it was given back, and then the bank took it back as well), the case of the reversal
//! holds less than nothing until two people have said whose loss it is.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::store::holds;
use super::{Break, BreakCode, BreakState};
use crate::ledger::chart::AccountKind;
use crate::ledger::entry::Line;
use crate::text_enum;
use crate::vocabulary::ids::{BreakId, SettlementId};
use crate::vocabulary::money::Money;

text_enum! {
    /// An account whose money cases hold.
    pub enum HeldIn ("account of a case") {
        /// Nobody knows whose it is.
        Suspense = "suspense",
        /// Of an invoice that is not paid in full yet.
        PartPaymentsHeld = "part_payments_held",
        /// Owed back to who paid.
        RefundDue = "refund_due",
        /// On its way back to a payer whom no invoice names.
        RefundsInTransit = "refunds_in_transit",
    }
}

impl HeldIn {
    /// The accounts whose whole balance cases hold. What is on its way back is mostly refunds of
    /// invoices, which are told of by themselves.
    pub const WHOLLY: [Self; 3] = [Self::Suspense, Self::PartPaymentsHeld, Self::RefundDue];

    /// The account's kind.
    pub const fn account(self) -> AccountKind {
        match self {
            Self::Suspense => AccountKind::Suspense,
            Self::PartPaymentsHeld => AccountKind::PartPaymentsHeld,
            Self::RefundDue => AccountKind::RefundDue,
            Self::RefundsInTransit => AccountKind::RefundsInTransit,
        }
    }
}

/// So much in one of these accounts; credit positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Where it stands.
    pub held_in: HeldIn,
    /// How much; below zero when it is missing there.
    pub held: Decimal,
}

impl Holding {
    /// All of an amount.
    pub const fn of(held_in: HeldIn, amount: Money) -> Self {
        Self { held_in, held: amount.amount() }
    }
}

/// What an entry's lines do to these accounts.
pub fn effects(lines: &[Line]) -> Vec<Holding> {
    HeldIn::WHOLLY
        .iter()
        .filter_map(|held_in| {
            let of = lines.iter().filter(|line| line.account.kind == held_in.account());
            let held = of.map(|line| -line.signed()).sum::<Decimal>();
            (!held.is_zero()).then_some(Holding { held_in: *held_in, held })
        })
        .collect()
}

/// Money of a settlement leaves an account: the case that holds it holds less, and closes by itself
/// once it holds nothing. What no case holds is returned.
pub async fn release_in(
    conn: &mut PgConnection,
    settlement: SettlementId,
    (held_in, amount): (HeldIn, Decimal),
    (why, now): (&str, DateTime<Utc>),
) -> Result<Decimal, sqlx::Error> {
    let taken = holds::settlement_release(conn, settlement, held_in, amount, (why, now)).await?;
    Ok(amount - taken)
}

/// The same for money that must leave: what no case holds is a case of its own, for a person to
/// look at.
pub async fn release_whole_in(
    conn: &mut PgConnection,
    held_in: HeldIn,
    money: &Break,
    why: &str,
) -> Result<(), sqlx::Error> {
    let Some(settlement) = money.settlement else { return Ok(()) };
    let (amount, now) = (money.amount.amount(), money.opened_at);
    let rest = release_in(conn, settlement, (held_in, amount), (why, now)).await?;
    if rest.is_zero() {
        return Ok(());
    }
    let holding = Holding { held_in, held: -rest };
    holds::breaks_insert_holding(conn, &[(money.clone(), Some(holding))]).await
}

/// Money of a settlement is back in an account that it had left: its case holds it again, open.
pub async fn hold_again_in(
    conn: &mut PgConnection,
    held_in: HeldIn,
    money: &Break,
    why: &str,
) -> Result<(), sqlx::Error> {
    let Some(settlement) = money.settlement else { return Ok(()) };
    let (amount, now) = (money.amount.amount(), money.opened_at);
    if holds::settlement_hold_again(conn, settlement, held_in, amount, (why, now)).await? {
        return Ok(());
    }
    let holding = Holding { held_in, held: amount };
    holds::breaks_insert_holding(conn, &[(money.clone(), Some(holding))]).await
}

/// A settlement is taken back: what its mirrored entry does to these accounts is done to the cases.
/// What comes back to suspense is held by the case of `of`, whose money it was. What no case holds,
/// the case of the reversal does; one for each account.
pub async fn take_back_in(
    conn: &mut PgConnection,
    (settlement, of): (SettlementId, SettlementId),
    mirrored: &[Line],
    case: Break,
) -> Result<(), sqlx::Error> {
    let (why, now) = ("the settlement was taken back", case.opened_at);
    let mut rests = Vec::new();
    for effect in effects(mirrored) {
        let rest = if effect.held.is_sign_negative() {
            -release_in(conn, settlement, (effect.held_in, -effect.held), (why, now)).await?
        } else if effect.held_in == HeldIn::PartPaymentsHeld {
            effect.held - holds::parts_unuse(conn, settlement, (why, now)).await?
        } else {
            let held = (effect.held_in, effect.held);
            let again = holds::settlement_hold_again(conn, of, held.0, held.1, (why, now));
            if again.await? { Decimal::ZERO } else { effect.held }
        };
        if !rest.is_zero() {
            rests.push(Holding { held_in: effect.held_in, held: rest });
        }
    }
    let mut cases = Vec::new();
    let mut id = case.id;
    for holding in rests {
        // A case that holds something is open, also when somebody explains the reversal already.
        cases.push((Break { id, state: BreakState::Open, ..case.clone() }, Some(holding)));
        id = BreakId::new(now);
    }
    if cases.is_empty() {
        cases.push((case, None));
    }
    holds::breaks_insert_holding(conn, &cases).await
}

/// The case that a settlement's money in one of these accounts is told by, where it has none.
pub fn unheld(
    code: BreakCode,
    about: (SettlementId, Option<crate::vocabulary::ids::InvoiceId>),
    (partner, agency): (&str, &str),
    amount: Money,
    (detail, now): (&str, DateTime<Utc>),
) -> Break {
    Break {
        id: BreakId::new(now),
        code,
        state: BreakState::Open,
        opened_at: now,
        partner: partner.to_owned(),
        agency: agency.to_owned(),
        invoice: about.1,
        settlement: Some(about.0),
        amount,
        detail: detail.to_owned(),
    }
}
