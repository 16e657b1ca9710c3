//! What a chunk books: one entry for each value date of the bank account that the statement is of.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::Scene;
use crate::ledger::acts;
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::ledger::entry::{Entry, Occasion};
use crate::ledger::store as ledger;
use crate::reconciliation::run::{Matching, MatchingError, defect};
use crate::reconciliation::store::work;
use crate::statements::read::Line;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::money::{Currency, Money};

/// What a partner has collected on an account and not yet paid in.
pub(in crate::reconciliation) fn receivable(
    partner: &str,
    account: &str,
    currency: Currency,
) -> AccountKey {
    AccountKey::detailed(AccountKind::PartnerReceivable, partner, account, currency)
}

/// Money in and out of one day, by the account on the other side.
#[derive(Debug, Default)]
struct Day {
    received: BTreeMap<AccountKey, Money>,
    paid: BTreeMap<AccountKey, Money>,
}

/// The entries to be.
#[derive(Debug, Default)]
pub(super) struct Books {
    days: BTreeMap<NaiveDate, Day>,
    more: Vec<Entry>,
    overflow: bool,
}

impl Books {
    /// A line of the bank account, against an account.
    pub fn move_money(&mut self, line: &Line, against: AccountKey, money: Money) {
        let day = self.days.entry(line.value_date).or_default();
        let side = if line.amount.is_sign_negative() { &mut day.paid } else { &mut day.received };
        let sum = side.entry(against).or_insert_with(|| Money::zero(money.currency()));
        match sum.checked_add(money) {
            Ok(more) => *sum = more,
            Err(_) => self.overflow = true,
        }
    }

    /// An entry of its own.
    pub fn also(&mut self, entry: Entry) {
        self.more.push(entry);
    }

    /// The days that are booked on.
    pub fn days(&self) -> Vec<NaiveDate> {
        self.days.keys().copied().collect()
    }

    /// What moves on a day.
    pub fn turnover(&self, day: NaiveDate) -> Option<Money> {
        let day = self.days.get(&day)?;
        let mut sums = day.received.values().chain(day.paid.values());
        let first = *sums.next()?;
        sums.try_fold(first, |sum, money| sum.checked_add(*money)).ok()
    }

    /// Writes the entries; the entry of each day.
    pub async fn write(
        &self,
        conn: &mut PgConnection,
        matching: &Matching,
        scene: &Scene,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<NaiveDate, i64>, MatchingError> {
        let statement = &scene.statement;
        if self.overflow {
            return Err(defect("the sum of a chunk is too large"));
        }
        let (mut entries, mut days) = (Vec::new(), Vec::new());
        for (value_date, day) in &self.days {
            let Some(currency) = scene.currency else { continue };
            let bank = AccountKey::detailed(
                AccountKind::BankAccount,
                &statement.partner,
                &statement.account,
                currency,
            );
            let list = |side: &BTreeMap<AccountKey, Money>| -> Vec<(AccountKey, Money)> {
                side.iter().map(|(account, money)| (account.clone(), *money)).collect()
            };
            // What the bank dates ahead of us is booked today.
            let today = matching.accounts.day_of(now).0;
            let occasion = Occasion {
                act: "statement",
                business_day: BusinessDay((*value_date).min(today)),
                value_date: *value_date,
                source: format!("statement/{}", statement.id),
                reverses: None,
                actor: format!("partner/{}", statement.partner),
                reason: String::new(),
            };
            let entry = acts::statement(occasion, &bank, &list(&day.received), &list(&day.paid));
            entries.push(entry.map_err(defect)?);
            days.push(*value_date);
        }
        let dated = entries.len();
        entries.extend(self.more.iter().cloned());
        let numbers = ledger::entry_numbers(conn, entries.len()).await?;
        let wanted = entries.iter().flat_map(Entry::accounts).collect();
        let accounts = matching.accounts.numbers(&matching.pool, wanted).await?;
        let numbered: Vec<(i64, &Entry)> = numbers.iter().copied().zip(&entries).collect();
        ledger::entries_insert(conn, &numbered, &accounts).await?;
        work::matching_entries_insert(conn, statement.id, &numbers).await?;
        Ok(days.into_iter().zip(numbers.into_iter().take(dated)).collect())
    }
}
