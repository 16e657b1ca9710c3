//! A run and its transfers in memory, and what is decided on when it is released.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::status::{LineStatus, RunStatus};
use crate::ledger::chart::{AccountKey, AccountKind};
use crate::vocabulary::ids::{PayoverId, PayoverLineId};
use crate::vocabulary::money::{Currency, Money};

/// What is paid out of one bank account, in one file.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id: the file's.
    pub id: PayoverId,
    /// The bank account that pays.
    pub account: String,
    /// Its currency.
    pub currency: Currency,
    /// Of business days up to this one.
    pub until: NaiveDate,
    /// The sum of its transfers.
    pub amount: Money,
    /// How many transfers.
    pub lines: i32,
    /// Who made it.
    pub prepared_by: String,
    /// When.
    pub prepared_at: DateTime<Utc>,
    /// Where it stands.
    pub status: RunStatus,
    /// Since when.
    pub status_since: DateTime<Utc>,
    /// Who released it.
    pub approved_by: Option<String>,
    /// Who handed the file to the bank.
    pub sent_by: Option<String>,
    /// When.
    pub sent_at: Option<DateTime<Utc>>,
}

/// One transfer of a run: one agency, treasury account, chapter, sub-item and day.
#[derive(Debug, Clone)]
pub struct RunLine {
    /// Its id: the reference (`EndToEndId`) that the bank gives back.
    pub id: PayoverLineId,
    /// Its run.
    pub run: PayoverId,
    /// Its place in it, from 1.
    pub place: i32,
    /// Through whom the money came to the account that pays.
    pub partner: String,
    /// Whose money.
    pub agency: String,
    /// Where the Treasury takes it.
    pub treasury_account: String,
    /// The Treasury office.
    pub treasury_name: String,
    /// The bank's BIN, or the office's code.
    pub treasury_bank: String,
    /// Budget chapter (chương).
    pub chapter: String,
    /// Budget sub-item (tiểu mục).
    pub sub_item: String,
    /// The business day on which it was collected.
    pub day: NaiveDate,
    /// How much.
    pub amount: Money,
    /// Of how many lines of invoices.
    pub items: i32,
    /// Where it stands.
    pub status: LineStatus,
    /// Since when.
    pub status_since: DateTime<Utc>,
    /// Who saw the debit, or said that there is none.
    pub confirmed_by: Option<String>,
    /// The bank's day of it.
    pub value_date: Option<NaiveDate>,
    /// The statement's line that it was seen on.
    pub statement_line: Option<i64>,
    /// What was booked.
    pub entry: Option<i64>,
    /// The case that is open about it.
    pub case: Option<Uuid>,
}

/// A part of a transfer: so much of one line of one invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The invoice.
    pub invoice: Uuid,
    /// Its line, from 1.
    pub line: i32,
    /// The cycle of the invoice that was paid.
    pub cycle: i32,
    /// How much.
    pub amount: Money,
}

impl RunLine {
    /// Chapter and sub-item, as the ledger and the memo write them.
    pub fn budget(&self) -> String {
        format!("{}/{}", self.chapter, self.sub_item)
    }

    /// What the bank gives back: the id without dashes, 32 characters.
    pub fn reference(&self) -> String {
        self.id.0.simple().to_string()
    }

    /// The account in the books that pays.
    pub fn pays_from(&self, account: &str) -> AccountKey {
        AccountKey::detailed(
            AccountKind::BankAccount,
            &self.partner,
            account,
            self.amount.currency(),
        )
    }
}

/// Everything that whoever releases a run decides on.
pub fn content(run: &Run, lines: &[RunLine], items: &[(PayoverLineId, Item)]) -> Value {
    let mut digest = Sha256::new();
    for (of, item) in items {
        let Item { invoice, line, cycle, amount } = item;
        digest.update(format!("{of},{invoice},{line},{cycle},{amount}\n"));
    }
    let transfers: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "id": line.id, "partner": line.partner, "agency": line.agency,
                "treasury_account": line.treasury_account, "treasury": line.treasury_name,
                "bank": line.treasury_bank, "budget": line.budget(), "day": line.day,
                "amount": line.amount, "items": line.items,
            })
        })
        .collect();
    json!({
        "payover": run.id, "account": run.account, "until": run.until, "amount": run.amount,
        "count": run.lines, "transfers": transfers, "items": hex::encode(digest.finalize()),
    })
}
