//! What a receipt says, as the law lists it (Decree 254/2026, article 23.2): the very bytes that are
//! hashed and signed.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::registers::entries::FeeKind;
use crate::vocabulary::dong_in_words::dong_in_words;
use crate::vocabulary::money::Money;

/// Somebody who collects or issues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Name.
    pub name: String,
    /// Tax code.
    pub tax_code: String,
}

/// Who issues on behalf of the collecting body (article 25).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegate {
    /// Name and tax code.
    #[serde(flatten)]
    pub body: Body,
    /// The written delegation.
    pub delegation: String,
}

/// A kind of charge and its sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Phí or lệ phí.
    pub kind: FeeKind,
    /// Its name in the tariff.
    pub name: String,
    /// How much.
    pub amount: Money,
}

/// The number of a receipt, with what it runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Form symbol (ký hiệu mẫu).
    pub form: String,
    /// Receipt symbol (ký hiệu biên lai).
    pub symbol: String,
    /// Number.
    pub number: u32,
    /// The day that it bears.
    pub day: NaiveDate,
}

/// The receipt that another stands in place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Which.
    #[serde(flatten)]
    pub number: Numbered,
    /// Why.
    pub reason: String,
}

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The form of this JSON.
    pub version: u8,
    /// Its name.
    pub title: String,
    /// Form, symbol, number, day.
    #[serde(flatten)]
    pub number: Numbered,
    /// Who collects: national code.
    pub agency: String,
    /// Who collects.
    pub collecting_body: Body,
    /// Who issues for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<Delegate>,
    /// Who paid.
    pub payer_name: String,
    /// What is applied for.
    pub procedure: String,
    /// Its name.
    pub procedure_name: String,
    /// The portal's code of the case.
    pub dossier: String,
    /// The code of the payment.
    pub invoice: String,
    /// What was paid for.
    pub charges: Vec<Charge>,
    /// The sum.
    pub amount: Money,
    /// The sum in words.
    pub in_words: String,
    /// When the money was collected.
    pub paid_at: DateTime<Utc>,
    /// Under this code the public checks it.
    pub check_code: String,
    /// What it stands in place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaced>,
}

impl Content {
    /// The bytes: members in one order, no blanks.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// SHA-256 of a content.
pub fn hash_of(content: &str) -> [u8; 32] {
    Sha256::digest(content.as_bytes()).into()
}

/// The name of a receipt of these charges.
pub fn title_of(charges: &[Charge]) -> &'static str {
    let has = |kind| charges.iter().any(|charge| charge.kind == kind);
    match (has(FeeKind::Phi), has(FeeKind::LePhi)) {
        (true, false) => "BIÊN LAI THU PHÍ",
        (false, true) => "BIÊN LAI THU LỆ PHÍ",
        _ => "BIÊN LAI THU PHÍ, LỆ PHÍ",
    }
}

/// An amount in words.
pub fn words_of(amount: Money) -> String {
    dong_in_words(amount.minor_units())
}

impl Numbered {
    /// As it is printed: seven digits at least, so that it reads as a number of a run.
    pub fn padded(&self) -> String {
        format!("{:07}", self.number)
    }
}
