//! Money that moves on after it was collected.

use super::super::chart::{AccountKey, AccountKind};
use super::super::entry::{Entry, Line, NotAnEntry, Occasion};
use crate::vocabulary::money::Money;

/// From one account to another: what two people decide about a difference.
pub fn between(
    occasion: Occasion,
    debit: AccountKey,
    credit: AccountKey,
    amount: Money,
) -> Result<Entry, NotAnEntry> {
    Entry::new(occasion, vec![Line::debit(debit, amount), Line::credit(credit, amount)])
}

/// An invoice with held parts ended unpaid: the parts are due back, where they came through.
pub fn parts_given_up(occasion: Occasion, held: &[(String, Money)]) -> Result<Entry, NotAnEntry> {
    let lines = held
        .iter()
        .flat_map(|(partner, amount)| {
            let of = |kind| AccountKey::of(kind, partner, amount.currency());
            [
                Line::debit(of(AccountKind::PartPaymentsHeld), *amount),
                Line::credit(of(AccountKind::RefundDue), *amount),
            ]
        })
        .collect();
    Entry::new(occasion, lines)
}

/// A partner's batch has been seen in the bank.
pub fn banked(
    occasion: Occasion,
    partner: &str,
    account: &str,
    bank_account: &str,
    amount: Money,
) -> Result<Entry, NotAnEntry> {
    let at = |kind, number| AccountKey::detailed(kind, partner, number, amount.currency());
    between(
        occasion,
        at(AccountKind::BankAccount, bank_account),
        at(AccountKind::PartnerReceivable, account),
        amount,
    )
}

/// A statement's lines as they move a bank account: what came in and what went out of it, each
/// against the receivable that it pays or that it is owed by.
pub fn statement(
    occasion: Occasion,
    bank: &AccountKey,
    received: &[(AccountKey, Money)],
    paid: &[(AccountKey, Money)],
) -> Result<Entry, NotAnEntry> {
    let mut lines = Vec::new();
    for (receivable, amount) in received {
        lines.push(Line::debit(bank.clone(), *amount));
        lines.push(Line::credit(receivable.clone(), *amount));
    }
    for (receivable, amount) in paid {
        lines.push(Line::debit(receivable.clone(), *amount));
        lines.push(Line::credit(bank.clone(), *amount));
    }
    Entry::new(occasion, lines)
}

/// What a partner kept by contract of many payments, by the agencies that owe it.
pub fn partner_fees(
    occasion: Occasion,
    receivable: &AccountKey,
    by_agency: &[(String, Money)],
) -> Result<Entry, NotAnEntry> {
    let lines = by_agency.iter().flat_map(|(agency, amount)| {
        let claim = AccountKey::of(AccountKind::ClaimOnAgency, agency, amount.currency());
        [Line::debit(claim, *amount), Line::credit(receivable.clone(), *amount)]
    });
    Entry::new(occasion, lines.collect())
}

/// Money seen before its owner was known moves to the receivable that it pays.
pub fn receivable_moves(
    occasion: Occasion,
    from: AccountKey,
    to: AccountKey,
    amount: Money,
) -> Result<Entry, NotAnEntry> {
    between(occasion, from, to, amount)
}

/// A bank account begins with what stood on it; overdrawn, with what is owed to the bank.
pub fn carried_in(
    occasion: Occasion,
    partner: &str,
    bank_account: &str,
    overdrawn: bool,
    amount: Money,
) -> Result<Entry, NotAnEntry> {
    let at = |kind| AccountKey::detailed(kind, partner, bank_account, amount.currency());
    let (bank, before) = (at(AccountKind::BankAccount), at(AccountKind::CarriedIn));
    if overdrawn {
        between(occasion, before, bank, amount)
    } else {
        between(occasion, bank, before, amount)
    }
}

/// A partner kept its fee by contract; the agency owes it, pay-over stays gross.
pub fn partner_fee(
    occasion: Occasion,
    partner: &str,
    account: &str,
    agency: &str,
    amount: Money,
) -> Result<Entry, NotAnEntry> {
    let currency = amount.currency();
    between(
        occasion,
        AccountKey::of(AccountKind::ClaimOnAgency, agency, currency),
        AccountKey::detailed(AccountKind::PartnerReceivable, partner, account, currency),
        amount,
    )
}

/// A refund is approved: out of what is due back, what is owed to the agency, or, when that was
/// already paid over, as a claim on the Treasury.
///
/// `out_of` names each account with its share of the refund.
pub fn refund_approved(
    occasion: Occasion,
    out_of: &[(AccountKey, Money)],
    partner: &str,
) -> Result<Entry, NotAnEntry> {
    let lines = out_of.iter().flat_map(|(account, share)| {
        let transit = AccountKey::of(AccountKind::RefundsInTransit, partner, share.currency());
        [Line::debit(account.clone(), *share), Line::credit(transit, *share)]
    });
    Entry::new(occasion, lines.collect())
}

/// A refund has reached the payer: out of the partner's own, out of the bank account, or out of
/// what the Treasury owed for it.
pub fn refund_confirmed(
    occasion: Occasion,
    partner: &str,
    paid_from: &[(AccountKey, Money)],
) -> Result<Entry, NotAnEntry> {
    let lines = paid_from.iter().flat_map(|(account, share)| {
        let transit = AccountKey::of(AccountKind::RefundsInTransit, partner, share.currency());
        [Line::debit(transit, *share), Line::credit(account.clone(), *share)]
    });
    Entry::new(occasion, lines.collect())
}

/// An agency's money goes to the Treasury.
pub fn pay_over(
    occasion: Occasion,
    agency: &str,
    budget: &str,
    bank: AccountKey,
    amount: Money,
) -> Result<Entry, NotAnEntry> {
    let payable =
        AccountKey::detailed(AccountKind::AgencyPayable, agency, budget, amount.currency());
    between(occasion, payable, bank, amount)
}
