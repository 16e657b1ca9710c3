//! What somebody wants done about a case: a way out, why, and what it needs to know.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::breaks::ways::Way;
use crate::invoices::view::MoneySchema;
use crate::platform::problem::{FieldError, Problem};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;

/// A budget of an agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Purse {
    /// The agency.
    pub agency: String,
    /// Chapter and sub-item, `chapter/sub_item`.
    #[schema(example = "416/2716")]
    pub budget: String,
}

/// A way out, and what it needs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// One of the `ways` of the case that takes two people.
    #[schema(value_type = String, example = "place")]
    pub way: Way,
    /// Why, 3 to 500 characters; it stands on the entries.
    pub reason: String,
    /// `place`: the code of the invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// `claim` and `write_off` of bank differences: the collecting account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `claim`: the agency, when the case names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// `transfer`: out of this budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Purse>,
    /// `transfer`: into this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Purse>,
    /// `transfer`: how much; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<Money>,
    /// `returned`: the bank's id of the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// `set_off`: the case that holds or lacks the same money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Uuid>,
    /// `duplicate`: the other case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<Uuid>,
}

fn is_text(text: &str, (least, most): (usize, usize)) -> bool {
    (least..=most).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

impl Wish {
    /// Is it whole: what its way needs, and nothing else?
    pub fn check(&self) -> Result<(), Problem> {
        let mut errors = Vec::new();
        if !is_text(&self.reason, (3, 500)) {
            let detail = "must have 3 to 500 characters, none of them control characters";
            errors.push(FieldError::new("/reason", detail));
        }
        if !self.way.takes_two() {
            let detail = "is done by one person: POST /v1/breaks/{id}/wait";
            errors.push(FieldError::new("/way", detail));
        }
        // (pointer, is given, belongs to the way, is needed by it, is well formed)
        let text = |text: &Option<String>| text.as_deref().is_none_or(|t| is_text(t, (1, 100)));
        let purse = |purse: &Option<Purse>| {
            purse.as_ref().is_none_or(|p| {
                is_text(&p.agency, (1, 40)) && is_text(&p.budget, (3, 40)) && p.budget.contains('/')
            })
        };
        let bank = matches!(self.way, Way::Claim | Way::WriteOff);
        let moves = self.way == Way::Transfer;
        let code = self.invoice.as_deref().is_none_or(|code| code.parse::<InvoiceCode>().is_ok());
        let fields = [
            ("/invoice", self.invoice.is_some(), self.way == Way::Place, true, code),
            ("/account", self.account.is_some(), bank, false, text(&self.account)),
            ("/agency", self.agency.is_some(), self.way == Way::Claim, false, text(&self.agency)),
            ("/from", self.from.is_some(), moves, true, purse(&self.from)),
            ("/to", self.to.is_some(), moves, true, purse(&self.to)),
            ("/amount", self.amount.is_some(), moves, false, true),
            (
                "/transaction",
                self.transaction.is_some(),
                self.way == Way::Returned,
                true,
                text(&self.transaction),
            ),
            ("/against", self.against.is_some(), self.way == Way::SetOff, true, true),
            ("/duplicate_of", self.duplicate_of.is_some(), self.way == Way::Duplicate, true, true),
        ];
        for (pointer, given, belongs, needed, fits) in fields {
            let detail = match (given, belongs) {
                (true, false) => format!("says nothing to `{}`", self.way),
                (false, true) if needed => format!("is needed for `{}`", self.way),
                _ if !fits => "is not in its form".to_owned(),
                _ => continue,
            };
            errors.push(FieldError::new(pointer, detail));
        }
        if moves && self.from == self.to && self.from.is_some() {
            errors.push(FieldError::new("/to", "must be another budget than `from`"));
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    /// The invoice it names.
    pub fn code(&self) -> Option<InvoiceCode> {
        self.invoice.as_deref().and_then(|code| code.parse().ok())
    }
}
