//! Reading a dialect's settings. No error tells a value: a value may be a key.

use serde::de::DeserializeOwned;

use super::key::Key;

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No dialect of this name.
    #[error("there is no dialect {name:?}; there are {}", super::NAMES.join(", "))]
    UnknownDialect {
        /// The name asked for.
        name: String,
    },
    /// Not a JSON object with these fields.
    #[error(
        "line {line}, column {column}: expected a JSON object with {fields}, each of them text unless it says otherwise (a key that is being exchanged: {{\"current\": …, \"previous\": …}})"
    )]
    Unreadable {
        /// What the dialect wants.
        fields: &'static str,
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// A field is empty.
    #[error("{field} is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A field is no whole number within its bounds.
    #[error("{field} is not a whole number from {least} to {most}, written as text")]
    NotANumber {
        /// The field.
        field: &'static str,
        /// Its smallest value.
        least: u64,
        /// Its largest value.
        most: u64,
    },
    /// A field is no address.
    #[error("{field} is not an http or https address without query and fragment")]
    NotAnAddress {
        /// The field.
        field: &'static str,
    },
    /// A field says what is not taken.
    #[error("{field}: {why}")]
    Unfit {
        /// The field.
        field: &'static str,
        /// What is taken instead, and why.
        why: &'static str,
    },
    /// The dialect rests on what nobody has verified yet.
    #[error(
        "this dialect is switched off: {what}. Ask the partner, then say \"confirmed_by_partner\": true"
    )]
    Unconfirmed {
        /// What is unverified.
        what: &'static str,
    },
}

pub(super) fn read<T: DeserializeOwned>(
    json: &[u8],
    fields: &'static str,
) -> Result<T, SettingsError> {
    serde_json::from_slice(json).map_err(|e| SettingsError::Unreadable {
        fields,
        line: e.line(),
        column: e.column(),
    })
}

pub(super) fn filled(field: &'static str, text: &str) -> Result<(), SettingsError> {
    if text.trim().is_empty() { Err(SettingsError::Empty { field }) } else { Ok(()) }
}

pub(super) fn filled_key(field: &'static str, key: &Key) -> Result<(), SettingsError> {
    filled(field, key.expose())
}

/// An address to append to; without its last slash.
pub(super) fn address(field: &'static str, text: &str) -> Result<String, SettingsError> {
    filled(field, text)?;
    let wrong = SettingsError::NotAnAddress { field };
    let Ok(url) = url::Url::parse(text) else { return Err(wrong) };
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !web || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong);
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A whole number within these bounds, written as text.
pub(super) fn number(
    field: &'static str,
    text: &str,
    (least, most): (u64, u64),
) -> Result<u64, SettingsError> {
    Some(text)
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or(SettingsError::NotANumber { field, least, most })
}

/// The codes of a list such as `4001, 4100`.
pub(super) fn codes(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|code| !code.is_empty()).map(str::to_owned).collect()
}
