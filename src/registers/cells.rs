//! The cells of one row, read into what they mean; every mistake of the row is kept.

use chrono::NaiveDate;

use super::csv_file::{Mistake, Record};
use crate::vocabulary::money::{Currency, Money};
use crate::vocabulary::network::Network;
use crate::vocabulary::origin::Origin;

/// The largest amount of one line: 10^12 đồng.
const MOST: u64 = 1_000_000_000_000;

/// How a code is written.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// National codes of agencies and procedures: `H00.01`, `1.001234.000.00.00.H56`.
    National,
    /// Names in addresses: `dvc-mau`.
    Address,
    /// Account numbers.
    Account,
    /// So many digits.
    Digits(usize),
}

impl Form {
    fn fits(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        match self {
            Self::National => {
                bytes.len() <= 40
                    && bytes[0].is_ascii_alphanumeric()
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b".-_/".contains(b))
            }
            Self::Address => {
                bytes.len() <= 31
                    && bytes[0] != b'-'
                    && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            }
            Self::Account => {
                bytes.len() <= 34
                    && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b".-".contains(b))
            }
            Self::Digits(count) => bytes.len() == count && bytes.iter().all(u8::is_ascii_digit),
        }
    }

    fn wanted(self) -> String {
        match self {
            Self::National => "letters, digits, dots and dashes, at most 40".to_owned(),
            Self::Address => "small letters, digits and dashes, at most 31".to_owned(),
            Self::Account => "letters, digits, dots and dashes, no blanks, at most 34".to_owned(),
            Self::Digits(count) => {
                format!(
                    "{count} digits; if a spreadsheet dropped a leading 0, format the column as text"
                )
            }
        }
    }
}

/// Reads the cells of a record.
#[derive(Debug)]
pub struct Cells<'a> {
    record: &'a Record,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Cells<'a> {
    /// Reads `record`, adding what is wrong to `mistakes`.
    pub fn new(record: &'a Record, mistakes: &'a mut Vec<Mistake>) -> Self {
        Self { record, mistakes }
    }

    /// Notes that a cell is wrong.
    pub fn wrong(&mut self, column: &'static str, what: impl Into<String>) {
        let (file, line) = (self.record.columns.file, self.record.line);
        self.mistakes.push(Mistake { file, line, column, what: what.into() });
    }

    /// Is nothing in the cell?
    pub fn is_empty(&self, column: &'static str) -> bool {
        self.record.cell(column).is_empty()
    }

    /// Any text, perhaps none.
    pub fn text_or_empty(&mut self, column: &'static str) -> Option<String> {
        let text = self.record.cell(column);
        if text.chars().any(char::is_control) {
            self.wrong(column, "holds a line break or another control character; take it out");
            return None;
        }
        if text.chars().count() > 500 {
            self.wrong(column, "is longer than 500 characters; shorten it");
            return None;
        }
        Some(text.to_owned())
    }

    /// Some text.
    pub fn text(&mut self, column: &'static str) -> Option<String> {
        let text = self.text_or_empty(column)?;
        if text.is_empty() {
            self.wrong(column, "is empty; fill it in");
            return None;
        }
        Some(text)
    }

    /// A code of a form.
    pub fn code(&mut self, column: &'static str, form: Form) -> Option<String> {
        let text = self.text(column)?;
        if form.fits(&text) {
            return Some(text);
        }
        self.wrong(column, format!("{text:?} is not in the form; use {}", form.wanted()));
        None
    }

    /// A code of a form, or an empty cell.
    pub fn code_or_empty(&mut self, column: &'static str, form: Form) -> Option<String> {
        if self.is_empty(column) { Some(String::new()) } else { self.code(column, form) }
    }

    /// One of the names of an enum.
    pub fn one_of<T: std::str::FromStr + std::fmt::Display + Copy>(
        &mut self,
        column: &'static str,
        all: &[T],
    ) -> Option<T> {
        let text = self.record.cell(column);
        if let Ok(value) = text.parse() {
            return Some(value);
        }
        let names = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        self.wrong(column, format!("{text:?} is not known; use {names}"));
        None
    }

    /// A date, `2026-07-01` or `01/07/2026`, day first as it is written in Việt Nam.
    pub fn date(&mut self, column: &'static str) -> Option<NaiveDate> {
        let text = self.record.cell(column);
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .or_else(|_| NaiveDate::parse_from_str(text, "%d/%m/%Y"));
        let first = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(2199, 12, 31).unwrap_or_default();
        match date {
            Ok(date) if (first..=last).contains(&date) => Some(date),
            Ok(_) => {
                self.wrong(column, format!("{text} is no year of this register; correct it"));
                None
            }
            Err(_) => {
                let what = format!("{text:?} is no date; write 2026-07-01 or 01/07/2026");
                self.wrong(column, what);
                None
            }
        }
    }

    /// Yes or no; an empty cell is no.
    pub fn yes(&mut self, column: &'static str) -> Option<bool> {
        let text = self.record.cell(column);
        match text.to_lowercase().as_str() {
            "" | "no" | "0" | "false" | "không" => Some(false),
            "yes" | "1" | "true" | "có" | "x" => Some(true),
            _ => {
                self.wrong(
                    column,
                    format!("{text:?} is neither yes nor no; leave it empty for no"),
                );
                None
            }
        }
    }

    /// A whole number from 1 up; `default` for an empty cell.
    pub fn number(&mut self, column: &'static str, most: u32, default: Option<u32>) -> Option<u32> {
        let text = self.record.cell(column);
        if let (true, Some(default)) = (text.is_empty(), default) {
            return Some(default);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (1..=most).contains(&number) => Some(number),
            _ => {
                self.wrong(column, format!("{text:?} is not a whole number from 1 to {most}"));
                None
            }
        }
    }

    /// An amount of đồng, digits only.
    pub fn dong(&mut self, column: &'static str) -> Option<Money> {
        let text = self.record.cell(column);
        // A point could mean thousands or a fraction, depending on who reads: neither is guessed.
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            let what = format!("{text:?} is no whole amount of đồng; write 200000 without points");
            self.wrong(column, what);
            return None;
        }
        match Money::parse(text, Currency::Vnd) {
            Ok(amount) if amount.is_zero() => {
                self.wrong(column, "is zero; leave the line out when nothing is due");
                None
            }
            Ok(amount) if amount <= Money::vnd(MOST) => Some(amount),
            _ if text.starts_with('0') => {
                self.wrong(column, format!("{text} begins with 0; write the amount without it"));
                None
            }
            _ => {
                self.wrong(column, format!("{text} is more than {MOST} đồng; correct it"));
                None
            }
        }
    }

    /// A list of origins, separated by blanks or `|`.
    pub fn origins(&mut self, column: &'static str) -> Option<Vec<Origin>> {
        self.list(column, "origin")
    }

    /// A list of networks, separated by blanks or `|`.
    pub fn networks(&mut self, column: &'static str) -> Option<Vec<Network>> {
        self.list(column, "network")
    }

    fn list<T>(&mut self, column: &'static str, what: &str) -> Option<Vec<T>>
    where
        T: std::str::FromStr<Err: std::fmt::Display> + PartialEq,
    {
        let mut list = Vec::new();
        let mut good = true;
        for text in self.record.cell(column).split([' ', '|']).filter(|part| !part.is_empty()) {
            match text.parse() {
                Ok(one) if list.contains(&one) => {
                    self.wrong(column, format!("{text} stands twice; take one out"));
                    good = false;
                }
                Ok(one) => list.push(one),
                Err(error) => {
                    self.wrong(column, format!("{text} is no {what}; {error}"));
                    good = false;
                }
            }
        }
        good.then_some(list)
    }
}
