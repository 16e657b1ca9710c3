//! Fields: id, length, value.

use std::fmt::Write as _;

use super::error::QrError;

/// The longest value that two digits can tell.
pub(super) const LONGEST: usize = 99;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// 0 to 99.
    pub id: u8,
    /// 1 to 99 characters.
    pub value: String,
}

/// All fields of a text, in their order. Lengths count characters, not bytes.
pub fn fields(text: &str) -> Result<Vec<Field>, QrError> {
    let mut fields: Vec<Field> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let id = two_digits(rest).ok_or(QrError::Digits { at })?;
        let length = two_digits(&rest[2..]).ok_or(QrError::Digits { at: at + 2 })?;
        let (length, behind) = (usize::from(length), &rest[4..]);
        let (value, after) = split_characters(behind, length)
            .filter(|(value, _)| !value.is_empty())
            .ok_or_else(|| QrError::Length { id, length, left: behind.chars().count() })?;
        if fields.iter().any(|field| field.id == id) {
            return Err(QrError::Repeated { id });
        }
        fields.push(Field { id, value: value.to_owned() });
        rest = after;
    }
    Ok(fields)
}

/// Appends a field; the value has been checked to fit.
pub(super) fn push(out: &mut String, id: u8, value: &str) {
    let _ = write!(out, "{id:02}{:02}{value}", value.chars().count());
}

fn two_digits(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => Some((tens - b'0') * 10 + (ones - b'0')),
        _ => None,
    }
}

fn split_characters(text: &str, characters: usize) -> Option<(&str, &str)> {
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.nth(characters).map(|end| text.split_at(end))
}
