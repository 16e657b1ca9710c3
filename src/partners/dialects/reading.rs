//! Numbers as wallets write them: whole đồng, transaction ids, milliseconds.

use chrono::{DateTime, Datelike, Utc};

use super::Unheard;
use crate::vocabulary::money::{Currency, Money};

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whole đồng in plain digits, at least one.
pub(super) fn dong(field: &'static str, text: Option<&str>) -> Result<Money, Unheard> {
    text.filter(|text| is_plain(text))
        .and_then(|text| Money::parse(text, Currency::Vnd).ok())
        .filter(|amount| !amount.is_zero())
        .ok_or_else(|| Unheard::Malformed { why: format!("{field}: whole đồng expected") })
}

/// The id of a transaction that took place: a number, and not 0.
pub(super) fn transaction(text: Option<String>) -> Option<String> {
    text.filter(|text| text.len() <= 19 && is_plain(text) && text.bytes().any(|b| b != b'0'))
}

/// Milliseconds since 1970 in a year that a partner can mean; others are not readable, as a
/// database holds fewer years than a number.
pub(super) fn instant(text: Option<&str>) -> Option<DateTime<Utc>> {
    let milliseconds = text.filter(|text| is_plain(text))?.parse().ok()?;
    DateTime::from_timestamp_millis(milliseconds).filter(|at| (2000..2200).contains(&at.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_dong_and_never_nothing() {
        for (text, amount) in
            [("1", 1), ("50000000", 50_000_000), ("999999999999999", 999_999_999_999_999)]
        {
            assert_eq!(dong("amount", Some(text)), Ok(Money::vnd(amount)));
        }
        for text in ["", "0", "-1", "1.0", "1e3", "01", " 1", "1000000000000000", "null", "+1"] {
            assert!(dong("amount", Some(text)).is_err(), "{text}");
        }
        assert!(dong("amount", None).is_err());
    }

    #[test]
    fn a_transaction_has_a_number_that_is_not_nought() {
        let read = |text: &str| transaction(Some(text.to_owned()));
        assert_eq!(read("4088878653").as_deref(), Some("4088878653"));
        for text in ["", "0", "000", "-1", "1x", "12345678901234567890"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn only_years_that_a_partner_can_mean_are_times() {
        assert_eq!(
            instant(Some("1795312830000")),
            Some("2026-11-22T02:00:30Z".parse().expect("a time"))
        );
        for text in ["", "0", "-1", "9999999999999999", "99999999999999999999", "x"] {
            assert_eq!(instant(Some(text)), None, "{text}");
        }
    }
}
