//! How the check of a receipt becomes a page: does it hold, and what it says, without who paid.

use askama::Template;

use super::assets::ASSETS;
use super::drawing::Frame;
use super::page::MaskedName;
use super::times;
use super::words::{Language, Text, Words};
use crate::receipts::content::Content;
use crate::receipts::receipt::Receipt;
use crate::receipts::status::ReceiptStatus;
use crate::registers::entries::FeeKind;

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Issued here, signed, in force.
    Valid,
    /// Numbered, not signed yet.
    Waiting,
    /// Cancelled.
    Cancelled,
    /// Another stands in its place.
    Replaced,
    /// What is stored is not what was signed.
    Forged,
}

impl Found {
    /// From where the receipt stands and whether its signature holds.
    pub fn of(status: ReceiptStatus, holds: Option<bool>) -> Self {
        match (status, holds) {
            (_, Some(false)) => Self::Forged,
            (ReceiptStatus::Cancelled, _) => Self::Cancelled,
            (ReceiptStatus::Replaced, _) => Self::Replaced,
            (ReceiptStatus::Valid, Some(true)) => Self::Valid,
            (ReceiptStatus::Valid, None) => Self::Waiting,
        }
    }

    fn told(self, w: &Words) -> (&'static str, Text, Text) {
        match self {
            Self::Valid => ("good", w.receipt_title_valid, w.receipt_valid_body),
            Self::Waiting => ("wait", w.receipt_title_waiting, w.receipt_waiting_body),
            Self::Cancelled => ("none", w.receipt_title_cancelled, w.receipt_cancelled_body),
            Self::Replaced => ("none", w.receipt_title_replaced, w.receipt_replaced_body),
            Self::Forged => ("none", w.receipt_title_forged, w.receipt_forged_body),
        }
    }
}

#[derive(Template)]
#[template(path = "counter/receipt.html")]
struct ReceiptTemplate<'a> {
    frame: Frame<'a>,
    tone: &'static str,
    heading: Text,
    body: String,
    content: &'a Content,
    day: String,
    payer: MaskedName,
    replaces: Option<String>,
    signed_at: Option<String>,
    pdf: Option<String>,
}

/// The page of a receipt.
pub fn render(
    receipt: &Receipt,
    found: Found,
    language: Language,
) -> Result<String, askama::Error> {
    let w = language.words();
    let (tone, heading, body) = found.told(w);
    let path = receipt.check_path();
    let lang = |language: Language| if language == Language::En { "?lang=en" } else { "" };
    let content = &receipt.content;
    ReceiptTemplate {
        frame: Frame {
            switch: Some(format!("{path}{}", lang(language.other()))),
            ..Frame::plain(language, heading)
        },
        tone,
        heading,
        body: match found {
            Found::Cancelled | Found::Replaced => {
                body.with(times::date_time(language, receipt.status_since))
            }
            _ => body.to_string(),
        },
        content,
        day: times::date(language, content.number.day),
        payer: MaskedName::of(&content.payer_name),
        replaces: content.replaces.as_ref().map(|old| {
            let number = &old.number;
            format!("{} {} {}", number.form, number.symbol, number.padded())
        }),
        signed_at: receipt.signature.as_ref().map(|s| times::date_time(language, s.at)),
        pdf: (found != Found::Forged && receipt.signature.is_some()).then(|| format!("{path}/pdf")),
    }
    .render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_does_not_match_goes_before_everything() {
        for status in ReceiptStatus::ALL {
            assert_eq!(Found::of(*status, Some(false)), Found::Forged);
        }
        assert_eq!(Found::of(ReceiptStatus::Valid, Some(true)), Found::Valid);
        assert_eq!(Found::of(ReceiptStatus::Valid, None), Found::Waiting);
        assert_eq!(Found::of(ReceiptStatus::Cancelled, Some(true)), Found::Cancelled);
        assert_eq!(Found::of(ReceiptStatus::Replaced, None), Found::Replaced);
    }
}
