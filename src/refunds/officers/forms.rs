//! What officers send about refunds, and what is wrong with it.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::finish::Ended;
use crate::invoices::view::MoneySchema;
use crate::partners::dialects::CounterAccount;
use crate::platform::problem::{FieldError, Problem};
use crate::refunds::finish::End;
use crate::refunds::http::{RefundLineRequest, RefundRequest};
use crate::refunds::request::Wanted;
use crate::vocabulary::ids::InvoiceId;
use crate::vocabulary::money::Money;

/// A refund that an officer asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfficerRefundRequest {
    /// Of which invoice.
    invoice: Uuid,
    /// So much, taken from the lines in their order.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    amount: Option<Money>,
    /// So much of each of these lines.
    #[serde(default)]
    lines: Option<Vec<RefundLineRequest>>,
    /// Why, 1 to 200 characters.
    reason: String,
    /// The invoice's `refundable` as it was read: the guard.
    #[schema(value_type = MoneySchema)]
    refundable: Money,
    /// Of which settlement; the one with the most left unless told.
    #[serde(default)]
    settlement: Option<Uuid>,
}

/// The account that a payer names.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundAccountRequest {
    /// The bank's six digits at NAPAS.
    #[schema(example = "970436")]
    bank: String,
    /// The account's number, 4 to 34 letters and digits.
    #[schema(example = "0099887766")]
    number: String,
    /// Its holder, 1 to 140 characters.
    #[schema(example = "NGUYEN THI MAU")]
    name: String,
}

/// How a refund ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundEndRequest {
    /// `confirmed`: the payer has the money. `failed`: no money moved, and none will.
    #[serde(rename = "as")]
    #[schema(value_type = String, example = "confirmed")]
    ended: Ended,
    /// The bank's id of it when it is confirmed.
    #[serde(default)]
    transaction: Option<String>,
    /// Why it failed, in the bank's words: needed then.
    #[serde(default)]
    reason: Option<String>,
}

/// Where a settlement was seen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BankedRequest {
    /// The bank account it was seen on; the collecting account itself unless told.
    #[serde(default)]
    bank_account: Option<String>,
}

impl OfficerRefundRequest {
    /// What is asked for.
    pub(super) fn wanted(self) -> Result<Wanted, Problem> {
        let invoice = InvoiceId(self.invoice);
        let asked = RefundRequest {
            amount: self.amount,
            lines: self.lines,
            reason: self.reason,
            refundable: self.refundable,
            settlement: self.settlement,
        };
        asked.wanted(None, invoice)
    }
}

impl RefundAccountRequest {
    /// The account, in its form.
    pub(super) fn account(self) -> Result<CounterAccount, Problem> {
        let mut errors = Vec::new();
        if self.bank.len() != 6 || !self.bank.bytes().all(|b| b.is_ascii_digit()) {
            errors.push(FieldError::new("/bank", "must be the bank's six digits at NAPAS"));
        }
        let number = (4..=34).contains(&self.number.len());
        if !number || !self.number.bytes().all(|b| b.is_ascii_alphanumeric()) {
            errors.push(FieldError::new("/number", "must have 4 to 34 letters and digits"));
        }
        if !is_text(&self.name, 140) {
            errors.push(FieldError::new("/name", "must have 1 to 140 characters"));
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(CounterAccount { bank: self.bank, number: self.number, name: self.name })
    }
}

impl RefundEndRequest {
    /// How it ended, with what is said of that.
    pub(super) fn end(self) -> Result<End, Problem> {
        let mut errors = Vec::new();
        let long = |text: &Option<String>| text.as_deref().is_some_and(|text| !is_text(text, 200));
        if long(&self.transaction) || (self.ended == Ended::Failed && self.transaction.is_some()) {
            let detail = "has 1 to 200 characters, and only when it is confirmed";
            errors.push(FieldError::new("/transaction", detail));
        }
        if long(&self.reason) || (self.ended == Ended::Failed) != self.reason.is_some() {
            let detail = "has 1 to 200 characters when it failed, and only then";
            errors.push(FieldError::new("/reason", detail));
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(match self.ended {
            Ended::Confirmed => End::Confirmed { partner_refund: self.transaction },
            Ended::Failed => End::Failed { code: self.reason.unwrap_or_default() },
        })
    }
}

impl BankedRequest {
    /// The account it was seen on, when that is told.
    pub(super) fn account(&self) -> Result<Option<&str>, Problem> {
        let account = self.bank_account.as_deref();
        if account.is_some_and(|account| !is_text(account, 40)) {
            let error = FieldError::new("/bank_account", "must have 1 to 40 characters");
            return Err(Problem::invalid(vec![error]));
        }
        Ok(account)
    }
}

/// Is it something that people wrote, and no more of it than that?
pub(super) fn is_text(text: &str, most: usize) -> bool {
    let length = text.chars().count();
    (1..=most).contains(&length) && text.trim() == text && !text.chars().any(char::is_control)
}
