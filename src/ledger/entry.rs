//! Entries: made balanced, or not at all.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::chart::AccountKey;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::money::{Currency, Money};

/// Which side of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Positive in the database.
    Debit,
    /// Negative in the database.
    Credit,
}

/// One line: so much on one side of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The account.
    pub account: AccountKey,
    /// The side.
    pub side: Side,
    /// How much.
    pub amount: Money,
}

impl Line {
    /// A debit.
    pub const fn debit(account: AccountKey, amount: Money) -> Self {
        Self { account, side: Side::Debit, amount }
    }

    /// A credit.
    pub const fn credit(account: AccountKey, amount: Money) -> Self {
        Self { account, side: Side::Credit, amount }
    }

    /// The amount as the database holds it: debit positive.
    pub fn signed(&self) -> Decimal {
        match self.side {
            Side::Debit => self.amount.amount(),
            Side::Credit => -self.amount.amount(),
        }
    }
}

/// What an entry is about, besides its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// The business act, for example `settlement`.
    pub act: &'static str,
    /// The day it belongs to; the database moves it to the first open one.
    pub business_day: BusinessDay,
    /// When the money counts, by the bank.
    pub value_date: NaiveDate,
    /// What caused it, for example `settlement/<id>`.
    pub source: String,
    /// The entry that this one takes back.
    pub reverses: Option<i64>,
    /// Who.
    pub actor: String,
    /// Why; never empty for an officer's entry.
    pub reason: String,
}

/// Why lines are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEntry {
    /// Fewer than two lines that are not zero.
    #[error("an entry has two lines at least")]
    TooFewLines,
    /// Accounts or amounts of two currencies.
    #[error("an entry has one currency")]
    TwoCurrencies,
    /// Debits and credits differ.
    #[error("debits and credits differ by {difference}")]
    Unbalanced {
        /// Debits less credits.
        difference: Decimal,
    },
}

/// A balanced entry. There is no other kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    occasion: Occasion,
    currency: Currency,
    lines: Vec<Line>,
}

impl Entry {
    /// Checks and makes an entry. Lines of nothing are left out; lines of one side on one account
    /// are added up.
    pub fn new(occasion: Occasion, lines: Vec<Line>) -> Result<Self, NotAnEntry> {
        let mut merged: Vec<Line> = Vec::with_capacity(lines.len());
        for line in lines.into_iter().filter(|line| !line.amount.is_zero()) {
            let same = |l: &&mut Line| l.account == line.account && l.side == line.side;
            if let Some(earlier) = merged.iter_mut().find(same) {
                earlier.amount = earlier
                    .amount
                    .checked_add(line.amount)
                    .map_err(|_| NotAnEntry::TwoCurrencies)?;
            } else {
                merged.push(line);
            }
        }
        let Some(first) = merged.first() else { return Err(NotAnEntry::TooFewLines) };
        let currency = first.amount.currency();
        if merged.len() < 2 {
            return Err(NotAnEntry::TooFewLines);
        }
        if merged.iter().any(|l| l.amount.currency() != currency || l.account.currency != currency)
        {
            return Err(NotAnEntry::TwoCurrencies);
        }
        let difference: Decimal = merged.iter().map(Line::signed).sum();
        if !difference.is_zero() {
            return Err(NotAnEntry::Unbalanced { difference });
        }
        Ok(Self { occasion, currency, lines: merged })
    }

    /// What it is about.
    pub const fn occasion(&self) -> &Occasion {
        &self.occasion
    }

    /// Its one currency.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The accounts of its lines.
    pub fn accounts(&self) -> Vec<&AccountKey> {
        self.lines.iter().map(|line| &line.account).collect()
    }

    /// Its lines, two at least.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::chart::AccountKind;
    use super::*;

    fn occasion() -> Occasion {
        let day: NaiveDate = "2026-11-20".parse().expect("a date");
        Occasion {
            act: "test",
            business_day: BusinessDay(day),
            value_date: day,
            source: "test/1".to_owned(),
            reverses: None,
            actor: "test".to_owned(),
            reason: String::new(),
        }
    }

    fn account(kind: AccountKind) -> AccountKey {
        AccountKey::of(kind, "x", Currency::Vnd)
    }

    #[test]
    fn only_balanced_lines_of_one_currency_are_an_entry() {
        let bank = || account(AccountKind::PartnerReceivable);
        let due = || account(AccountKind::RefundDue);
        let five = Money::vnd(5);
        let make = |lines| Entry::new(occasion(), lines).map(|e| e.lines().len());
        assert_eq!(make(vec![Line::debit(bank(), five), Line::credit(due(), five)]), Ok(2));
        assert_eq!(make(vec![]), Err(NotAnEntry::TooFewLines));
        assert_eq!(make(vec![Line::debit(bank(), five)]), Err(NotAnEntry::TooFewLines));
        assert_eq!(
            make(vec![Line::debit(bank(), five), Line::credit(due(), Money::vnd(4))]),
            Err(NotAnEntry::Unbalanced { difference: Decimal::ONE })
        );
        let dollars = AccountKey::of(AccountKind::RefundDue, "x", Currency::Usd);
        assert_eq!(
            make(vec![Line::debit(bank(), five), Line::credit(dollars, five)]),
            Err(NotAnEntry::TwoCurrencies)
        );
    }

    #[test]
    fn lines_of_nothing_are_left_out_and_like_lines_are_added_up() {
        let bank = || account(AccountKind::PartnerReceivable);
        let due = || account(AccountKind::RefundDue);
        let entry = Entry::new(
            occasion(),
            vec![
                Line::debit(bank(), Money::vnd(5)),
                Line::credit(due(), Money::vnd(2)),
                Line::credit(due(), Money::vnd(3)),
                Line::credit(account(AccountKind::Suspense), Money::vnd(0)),
            ],
        )
        .expect("balanced");
        assert_eq!(entry.lines()[1], Line::credit(due(), Money::vnd(5)));
        assert_eq!(entry.lines().len(), 2);
    }
}
