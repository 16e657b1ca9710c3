//! `:61:` and `:86:`: one movement.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::amount;
use super::texts::{MEMO, REFERENCE, clean, masked};
use crate::statements::finding::{FindingCode, Findings};
use crate::statements::model::{Line, Nature, Standing};

/// One movement under way.
#[derive(Debug)]
pub struct Entry {
    line: Line,
}

/// `YYMMDD`; a day that the month does not have is its last one, which banks mean by 30 February.
pub fn day_of(text: &str, at: (u64, &str), findings: &mut Findings) -> Option<NaiveDate> {
    let number = |from: usize| text.get(from..from + 2).and_then(|two| two.parse::<u32>().ok());
    let digits = text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
    let parts = if digits { (number(0), number(2), number(4)) } else { (None, None, None) };
    let (Some(year), Some(month), Some(day)) = parts else {
        findings.add(FindingCode::Date, at.0, at.1, "has no date such as 261120");
        return None;
    };
    let year = i32::try_from(if year < 80 { 2000 + year } else { 1900 + year }).unwrap_or(2000);
    if let Some(date) = NaiveDate::from_ymd_opt(year, month, day) {
        return Some(date);
    }
    let last = (28..=30).rev().find_map(|last| NaiveDate::from_ymd_opt(year, month, last));
    let Some(last) = last.filter(|_| (29..=31).contains(&day)) else {
        findings.add(FindingCode::Date, at.0, at.1, "has a day that no month has");
        return None;
    };
    let detail = format!("there is no {day} in month {month} of {year}: {} is meant", last.day());
    findings.add(FindingCode::DateClamped, at.0, at.1, detail);
    Some(last)
}

impl Entry {
    /// Reads `:61:`; what is wrong is told.
    pub fn read(
        text: &str,
        opening: Option<NaiveDate>,
        currency: &str,
        at: (u64, &str),
        findings: &mut Findings,
    ) -> Option<Self> {
        let (first, more) = text.split_once('\n').unwrap_or((text, ""));
        let Some(value) = first.get(..6).filter(|_| first.is_ascii() || first.is_char_boundary(6))
        else {
            findings.add(FindingCode::Date, at.0, at.1, "has no value date");
            return None;
        };
        let value_date =
            if value.trim().is_empty() { opening } else { day_of(value, at, findings) };
        let Some(value_date) = value_date else {
            if value.trim().is_empty() {
                findings.add(FindingCode::Date, at.0, at.1, "has no value date");
            }
            return None;
        };
        // The entry date may be there, be blanks, or not be there at all.
        let rest = &first[6..];
        let rest = match rest.get(..4) {
            Some(entry) if entry.bytes().all(|b| b.is_ascii_digit() || b == b' ') => &rest[4..],
            _ => rest,
        };
        let rest = rest.trim_start();
        let Some((mark, rest)) = mark_of(rest) else {
            findings.add(FindingCode::Word, at.0, at.1, "has no mark C, D, RC or RD");
            return None;
        };
        // The third letter of the currency may follow.
        let rest = rest.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(rest);
        let length = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b',').count();
        let (told, rest) = rest.split_at(length);
        // SWIFT writes the comma even where nothing follows it.
        let Some(told) = amount::unsigned(told, ',').filter(|_| told.contains(',')) else {
            findings.add(FindingCode::Amount, at.0, at.1, "has no amount such as 24,50");
            return None;
        };
        if !amount::fits(told, currency, at, findings) {
            return None;
        }
        let (code, references) = match (rest.get(..4), rest.get(4..)) {
            (Some(code), Some(references)) => (code, references),
            _ => (rest, ""),
        };
        let (ours, theirs) = references.split_once("//").unwrap_or((references, ""));
        let mut reference = |text: &str| {
            let text = clean(text, REFERENCE, at, findings);
            if text == "NONREF" { String::new() } else { text }
        };
        let (order_reference, transaction_id) = (reference(ours), reference(theirs));
        let amount = if mark.debit { -told } else { told };
        let kind = code.get(1..).unwrap_or("");
        let nature = match (mark.reversal, mark.debit) {
            (true, _) => Nature::Reversal,
            _ if matches!(kind, "CHG" | "COM" | "CHARG") => Nature::Fee,
            (_, false) => Nature::Payment,
            (_, true) if !order_reference.is_empty() => Nature::Payout,
            (_, true) => Nature::Other,
        };
        let standing = if mark.expected { Standing::Pending } else { Standing::Booked };
        let memo = clean(more, MEMO, at, findings);
        let line = Line {
            nature,
            standing,
            amount,
            fee: Decimal::ZERO,
            value_date,
            transaction_id,
            order_reference,
            batch: String::new(),
            memo,
            counterparty: String::new(),
            at: at.0,
        };
        Some(Self { line })
    }

    /// `:86:` and what banks put beside it.
    pub fn adds_text(&mut self, text: &str, at: (u64, &str), findings: &mut Findings) {
        let (text, account) = subfields(text);
        if self.line.counterparty.is_empty() {
            self.line.counterparty = masked(&account);
        }
        let text = clean(&text, MEMO, at, findings);
        if text.is_empty() {
            return;
        }
        if !self.line.memo.is_empty() {
            self.line.memo.push(' ');
        }
        self.line.memo.push_str(&text);
        if self.line.memo.chars().count() > MEMO {
            self.line.memo = self.line.memo.chars().take(MEMO).collect();
            let detail = format!("only {MEMO} characters are kept");
            findings.add_once(FindingCode::TextCut, at.0, at.1, &detail);
        }
    }

    /// The line.
    pub fn line(self) -> Line {
        self.line
    }
}

struct Mark {
    debit: bool,
    reversal: bool,
    expected: bool,
}

fn mark_of(text: &str) -> Option<(Mark, &str)> {
    for (mark, debit, reversal, expected) in [
        // Taking a credit back is money out.
        ("RC", true, true, false),
        ("RD", false, true, false),
        ("EC", false, false, true),
        ("ED", true, false, true),
        ("C", false, false, false),
        ("D", true, false, false),
    ] {
        if let Some(rest) = text.strip_prefix(mark) {
            return Some((Mark { debit, reversal, expected }, rest));
        }
    }
    None
}

/// Of `805?00TEXT?20PURPOSE?31ACCOUNT` the texts without their numbers, and the account. A text of
/// another form is left as it is; a purpose that is cut in pieces is put together again.
fn subfields(text: &str) -> (String, String) {
    let joined: String = text.chars().filter(|c| *c != '\n' && *c != '\r').collect();
    let structured = joined.len() > 5
        && joined.as_bytes()[..3].iter().all(u8::is_ascii_digit)
        && joined.as_bytes()[3] == b'?';
    if !structured {
        return (text.to_owned(), String::new());
    }
    let (mut memo, mut account) = (String::new(), String::new());
    for part in joined[4..].split('?') {
        let (Some(number), Some(value)) = (part.get(..2), part.get(2..)) else { continue };
        match number.parse::<u8>() {
            Ok(20..=29 | 60..=63) => memo.push_str(value),
            Ok(31) => value.clone_into(&mut account),
            Ok(0) => {
                memo.push_str(value);
                memo.push(' ');
            }
            Ok(32..=33) => {
                memo.push(' ');
                memo.push_str(value);
            }
            _ => {}
        }
    }
    (memo, account)
}
