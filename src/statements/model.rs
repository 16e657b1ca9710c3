//! What a file says, in our words: one model for every format.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::finding::{FindingCode, Findings};
use crate::text_enum;

text_enum! {
    /// What a list is.
    pub enum Kind ("kind of statement") {
        /// Movements of a bank account, between two balances.
        Account = "account",
        /// What a partner says that it collected.
        Report = "report",
        /// Looked at and kept, no more: camt.052.
        Information = "information",
    }
}

text_enum! {
    /// What a line is.
    pub enum Nature ("nature of a line") {
        /// A payer's money.
        Payment = "payment",
        /// Money given back to a payer.
        Refund = "refund",
        /// An earlier line taken back.
        Reversal = "reversal",
        /// A debit that carries our reference: a transfer that we ordered.
        Payout = "payout",
        /// Many payments in one credit.
        Lump = "lump",
        /// What the bank or partner takes for itself.
        Fee = "fee",
        /// Anything else.
        Other = "other",
    }
}

text_enum! {
    /// How far a line has got.
    pub enum Standing ("standing of a line") {
        /// It is so.
        Booked = "booked",
        /// Not yet booked, for information, or to come.
        Pending = "pending",
        /// The partner says that it failed.
        Failed = "failed",
    }
}

/// One movement, or one collected payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub nature: Nature,
    /// How far it has got.
    pub standing: Standing,
    /// With its sign: money in is positive. Gross.
    pub amount: Decimal,
    /// What the partner kept of it.
    pub fee: Decimal,
    /// When it counts.
    pub value_date: NaiveDate,
    /// The sender's own number of it.
    pub transaction_id: String,
    /// Our reference, as the sender gives it back.
    pub order_reference: String,
    /// The settlement batch that it belongs to, or pays.
    pub batch: String,
    /// The text.
    pub memo: String,
    /// The other account, masked.
    pub counterparty: String,
    /// The line of the file.
    pub at: u64,
}

/// One statement or report; its lines went by.
#[derive(Debug, Clone)]
pub struct ReadStatement {
    /// What it is.
    pub kind: Kind,
    /// The account, as the sender writes it.
    pub account: String,
    /// Its id in the sender's words.
    pub reference: String,
    /// Its running number.
    pub number: Option<i64>,
    /// Which of its pages this is, from 1; several share their statement's number and day.
    pub page: i64,
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The last day: the day that it is of.
    pub to: Option<NaiveDate>,
    /// ISO 4217, three capitals; empty when it is not told.
    pub currency: String,
    /// Credit positive.
    pub opening: Option<Decimal>,
    /// Credit positive.
    pub closing: Option<Decimal>,
    /// Entries of the account, or rows of the report.
    pub entries: u64,
    /// Payments told: details, or entries without any.
    pub transactions: u64,
    /// Lines that were handed out.
    pub lines: u64,
    /// The sum of all booked lines with their sign.
    pub total: Decimal,
    /// The line of the file where it begins.
    pub at: u64,
}

impl ReadStatement {
    /// An empty one.
    pub fn new(kind: Kind, at: u64) -> Self {
        Self {
            kind,
            account: String::new(),
            reference: String::new(),
            number: None,
            page: 1,
            from: None,
            to: None,
            currency: String::new(),
            opening: None,
            closing: None,
            entries: 0,
            transactions: 0,
            lines: 0,
            total: Decimal::ZERO,
            at,
        }
    }

    /// Counts a line in.
    pub(super) fn count(&mut self, line: &Line, findings: &mut Findings) {
        self.lines += 1;
        if line.standing == Standing::Booked {
            match self.total.checked_add(line.amount) {
                Some(total) => self.total = total,
                None => findings.add(FindingCode::Amount, line.at, "sum", "the sum is too large"),
            }
        }
    }

    /// Does it add up? Nothing is said without both balances.
    pub(super) fn check_sum(&self, findings: &mut Findings) {
        if self.kind != Kind::Account {
            return;
        }
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else {
            let which = match (self.opening, self.closing) {
                (None, None) => "neither the opening nor the closing balance is told",
                (None, _) => "the opening balance is not told",
                _ => "the closing balance is not told",
            };
            findings.add(FindingCode::BalanceMissing, self.at, &self.reference, which);
            return;
        };
        let reckoned = opening.checked_add(self.total);
        if reckoned != Some(closing) {
            let sum = reckoned.map_or_else(|| "too much".to_owned(), plain);
            let detail = format!(
                "{} + {} makes {sum}, the closing balance is told as {}",
                plain(opening),
                plain(self.total),
                plain(closing)
            );
            findings.add(FindingCode::Arithmetic, self.at, &self.reference, detail);
        }
    }
}

/// A decimal without trailing zeros.
pub fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// What a file is and says, but for its lines.
#[derive(Debug, Clone, Default)]
pub struct ReadFile {
    /// camt.053, mt940, report; empty when it could not be told.
    pub format: String,
    /// 001.08; of a report the name and version of its mapping.
    pub version: String,
    /// Its statements.
    pub statements: Vec<ReadStatement>,
    /// What was found.
    pub findings: Findings,
}
