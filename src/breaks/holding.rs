//! Which case holds the money of suspense, of part payments held and of refund due.
//!
//! These three accounts are booked in a few places only, and each of them says here, in its own
//! transaction, what became of the money: their balance is the sum of what the open cases hold.
//! Amounts are credit positive here, as the accounts are. When money leaves an account that it never
//! came to (it was given back, and then the bank took it back as well), the case of the reversal
//! holds less than nothing until two people have said whose loss it is.

use std::collections::BTreeMap;

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

/// What an entry's lines do to these accounts, each with its partner.
pub fn effects(lines: &[Line]) -> Vec<(String, Holding)> {
    let mut sums: BTreeMap<(usize, &str), Decimal> = BTreeMap::new();
    for line in lines {
        let account = &line.account;
        let place = HeldIn::WHOLLY.iter().position(|held_in| held_in.account() == account.kind);
        if let Some(place) = place {
            *sums.entry((place, &account.owner)).or_default() -= line.signed();
        }
    }
    sums.into_iter()
        .filter(|(_, held)| !held.is_zero())
        .map(|((place, owner), held)| {
            (owner.to_owned(), Holding { held_in: HeldIn::WHOLLY[place], held })
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

/// Money of a settlement that belongs nowhere any more stands in suspense: it makes good what is
/// missing there of its invoice; the rest is held by the settlement's case, open.
pub async fn suspend_in(
    conn: &mut PgConnection,
    money: &Break,
    why: &str,
) -> Result<(), sqlx::Error> {
    let amount = (HeldIn::Suspense, money.amount.amount());
    let rest = set_off_in(conn, money, &money.partner, amount, why).await?;
    let Ok(rest) = Money::new(rest, money.amount.currency()) else { return Ok(()) };
    if rest.is_zero() {
        return Ok(());
    }
    let rest = Break { amount: rest, ..money.clone() };
    hold_again_in(conn, HeldIn::Suspense, &rest, why).await
}

/// Sets money off against what open cases of the same invoice hold of the other sign: it is the same
/// money, gone and come back. What is left of it.
async fn set_off_in(
    conn: &mut PgConnection,
    case: &Break,
    partner: &str,
    amount: (HeldIn, Decimal),
    why: &str,
) -> Result<Decimal, sqlx::Error> {
    match case.invoice {
        Some(invoice) => {
            let why = (why, case.opened_at);
            holds::invoice_set_off(conn, (invoice, partner), amount, why).await
        }
        None => Ok(amount.1),
    }
}

/// A settlement is taken back: what its mirrored entry does to these accounts is done to the cases.
/// What comes back to suspense makes good what is missing there of the invoice, because a part of it
/// was taken back before; the rest is held by the case of `of`, whose money it was. Parts that are
/// held again are held less what the payer has got back of them. What no case holds, the case of the
/// reversal does; one for each account.
pub async fn take_back_in(
    conn: &mut PgConnection,
    (settlement, of): (SettlementId, SettlementId),
    mirrored: &[Line],
    case: Break,
) -> Result<(), sqlx::Error> {
    let (why, now) = ("the settlement was taken back", case.opened_at);
    let effects = effects(mirrored);
    let held_again = |(_, to): &(String, Holding)| {
        to.held_in == HeldIn::PartPaymentsHeld && to.held.is_sign_positive()
    };
    let mut parts = BTreeMap::new();
    if effects.iter().any(held_again) {
        parts = holds::parts_unuse(conn, settlement, (why, now)).await?;
    }
    let mut rests = Vec::new();
    for (partner, Holding { held_in, held }) in effects {
        let rest = if held.is_sign_negative() {
            -release_in(conn, settlement, (held_in, -held), (why, now)).await?
        } else if held_in == HeldIn::PartPaymentsHeld {
            let rest = held - parts.remove(&partner).unwrap_or_default();
            set_off_in(conn, &case, &partner, (held_in, rest), why).await?
        } else {
            let rest = if held_in == HeldIn::Suspense {
                set_off_in(conn, &case, &partner, (held_in, held), why).await?
            } else {
                held
            };
            let again = !rest.is_zero()
                && partner == case.partner
                && holds::settlement_hold_again(conn, of, held_in, rest, (why, now)).await?;
            if again { Decimal::ZERO } else { rest }
        };
        if !rest.is_zero() {
            rests.push((partner, Holding { held_in, held: rest }));
        }
    }
    // All that was given back of a partner's parts: nothing of them is held again.
    for (partner, held) in parts {
        let rest = (HeldIn::PartPaymentsHeld, -held);
        let rest = set_off_in(conn, &case, &partner, rest, why).await?;
        if !rest.is_zero() {
            rests.push((partner, Holding { held_in: HeldIn::PartPaymentsHeld, held: rest }));
        }
    }
    let mut cases = Vec::new();
    let mut id = case.id;
    for (partner, holding) in rests {
        // A case that holds something is open, also when somebody explains the reversal already.
        let state = BreakState::Open;
        cases.push((Break { id, state, partner, ..case.clone() }, Some(holding)));
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
