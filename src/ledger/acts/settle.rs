//! Money that a partner reports: where it goes.

use super::super::chart::{AccountKey, AccountKind};
use super::super::entry::{Entry, Line, NotAnEntry, Occasion};
use crate::vocabulary::money::Money;

/// Money that a partner has collected on one of its accounts.
#[derive(Debug, Clone)]
pub struct Collected<'a> {
    /// The partner.
    pub partner: &'a str,
    /// Its collecting account.
    pub account: &'a str,
    /// How much.
    pub amount: Money,
    /// It came before and stood in suspense until somebody knew what it is for.
    pub from_suspense: bool,
}

impl Collected<'_> {
    fn receivable(&self) -> AccountKey {
        if self.from_suspense {
            return self.of_partner(AccountKind::Suspense);
        }
        AccountKey::detailed(
            AccountKind::PartnerReceivable,
            self.partner,
            self.account,
            self.amount.currency(),
        )
    }

    fn of_partner(&self, kind: AccountKind) -> AccountKey {
        AccountKey::of(kind, self.partner, self.amount.currency())
    }
}

/// One line of an invoice: which agency's budget gets how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The agency.
    pub agency: String,
    /// Chapter and sub-item of the budget.
    pub budget: String,
    /// How much.
    pub amount: Money,
}

/// An invoice is paid: with what was held before it covers the shares; what is over is due back.
///
/// `held` names the partner that each held part came through, because the part stands there.
pub fn settlement(
    occasion: Occasion,
    collected: &Collected<'_>,
    held: &[(String, Money)],
    shares: &[Share],
    surplus: Money,
) -> Result<Entry, NotAnEntry> {
    let currency = collected.amount.currency();
    let mut lines = vec![Line::debit(collected.receivable(), collected.amount)];
    for (partner, amount) in held {
        let account = AccountKey::of(AccountKind::PartPaymentsHeld, partner, currency);
        lines.push(Line::debit(account, *amount));
    }
    for share in shares {
        let account = AccountKey::detailed(
            AccountKind::AgencyPayable,
            &share.agency,
            &share.budget,
            currency,
        );
        lines.push(Line::credit(account, share.amount));
    }
    lines.push(Line::credit(collected.of_partner(AccountKind::RefundDue), surplus));
    Entry::new(occasion, lines)
}

/// Less than is owed: held until the rest comes or the invoice ends.
pub fn part_payment(occasion: Occasion, collected: &Collected<'_>) -> Result<Entry, NotAnEntry> {
    to_one(occasion, collected, AccountKind::PartPaymentsHeld)
}

/// Money for something that is paid, cancelled or replaced: due back.
pub fn surplus(occasion: Occasion, collected: &Collected<'_>) -> Result<Entry, NotAnEntry> {
    to_one(occasion, collected, AccountKind::RefundDue)
}

/// Money that nobody can place: it leaves by an officer's entry only.
pub fn suspense(occasion: Occasion, collected: &Collected<'_>) -> Result<Entry, NotAnEntry> {
    to_one(occasion, collected, AccountKind::Suspense)
}

fn to_one(
    occasion: Occasion,
    collected: &Collected<'_>,
    kind: AccountKind,
) -> Result<Entry, NotAnEntry> {
    let lines = vec![
        Line::debit(collected.receivable(), collected.amount),
        Line::credit(collected.of_partner(kind), collected.amount),
    ];
    Entry::new(occasion, lines)
}
