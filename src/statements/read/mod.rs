//! What was staged, as matching reads it.

pub mod store;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

pub use super::model::{Kind, Nature, Standing};

/// One line, as it was staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub id: i64,
    /// Its statement.
    pub statement: Uuid,
    /// Its place in the statement, from 1.
    pub place: i32,
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
    /// Which it is, from 1, of those without a number that say the very same.
    pub occurrence: i32,
    /// Our reference, as the sender gives it back.
    pub order_reference: String,
    /// The settlement batch that it belongs to, or pays.
    pub batch: String,
    /// The text.
    pub memo: String,
    /// The other account, masked.
    pub counterparty: String,
}

/// One statement or report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its id.
    pub id: Uuid,
    /// What it is.
    pub kind: Kind,
    /// Whose.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// Its id in its sender's words.
    pub reference: String,
    /// The business day that it is of.
    pub day: NaiveDate,
    /// ISO 4217.
    pub currency: String,
    /// How many lines it has.
    pub lines: i64,
    /// The earlier issue that it stands in for.
    pub supersedes: Option<Uuid>,
}
