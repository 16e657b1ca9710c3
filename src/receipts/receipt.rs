//! A receipt in memory.

use chrono::{DateTime, NaiveDate, Utc};

use super::content::Content;
use super::status::ReceiptStatus;
use crate::vocabulary::ids::{InvoiceId, ReceiptId};
use crate::vocabulary::money::Money;

/// A signature over a receipt's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// By which key.
    pub key_id: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A receipt.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// Whose payment.
    pub invoice: InvoiceId,
    /// The step `invoice.paid` that it is of.
    pub sequence: i32,
    /// Rises with each replacement.
    pub revision: i32,
    /// Who collects.
    pub agency: String,
    /// What it says.
    pub content: Content,
    /// The same as the bytes that are signed.
    pub text: String,
    /// When its number was given.
    pub issued_at: DateTime<Utc>,
    /// The clock, or the officer who proposed it.
    pub issued_by: String,
    /// The officer who agreed.
    pub agreed_by: Option<String>,
    /// The receipt that it stands in place of.
    pub replaces: Option<ReceiptId>,
    /// Where it stands.
    pub status: ReceiptStatus,
    /// Since when.
    pub status_since: DateTime<Utc>,
    /// Its signature, once there is one.
    pub signature: Option<Signature>,
}

impl Receipt {
    /// The sum.
    pub fn amount(&self) -> Money {
        self.content.amount
    }

    /// The day that it bears.
    pub fn day(&self) -> NaiveDate {
        self.content.number.day
    }

    /// Where the public checks it, after the origin.
    pub fn check_path(&self) -> String {
        format!("/receipts/{}", self.content.check_code)
    }
}

/// How a receipt ends, for its history.
#[derive(Debug, Clone)]
pub struct Step {
    /// The receipt.
    pub receipt: ReceiptId,
    /// `cancelled` or `replaced`.
    pub kind: &'static str,
    /// The day on which it is reported.
    pub day: NaiveDate,
    /// Who.
    pub actor: String,
    /// Who agreed.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
}
