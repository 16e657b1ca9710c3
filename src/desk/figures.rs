//! Amounts, times and days as officers read them: the same form in both languages, in Việt Nam's
//! time, so that a screen and a printed sheet can be laid beside each other.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::vocabulary::day::to_local;
use crate::vocabulary::money::Currency;

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

/// `−1.234.567 ₫`; of other currencies with their digits after a comma.
pub fn amount(amount: Decimal, currency: Currency) -> String {
    let amount = amount.normalize();
    let text = amount.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { "" };
    let mut shown = format!("{sign}{}", grouped(whole));
    if !fraction.is_empty() {
        shown.push(',');
        shown.push_str(fraction);
    }
    match currency {
        Currency::Vnd => format!("{shown}\u{a0}₫"),
        other => format!("{shown}\u{a0}{other}"),
    }
}

/// `1.234`.
pub fn count(count: i64) -> String {
    let sign = if count < 0 { "−" } else { "" };
    format!("{sign}{}", grouped(&count.unsigned_abs().to_string()))
}

/// `22/11/2026 09:05`, Việt Nam time.
pub fn time(at: DateTime<Utc>) -> String {
    to_local(at).format("%d/%m/%Y %H:%M").to_string()
}

/// `22/11/2026`.
pub fn day(day: NaiveDate) -> String {
    day.format("%d/%m/%Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_signed() {
        let vnd = |n: i64| amount(Decimal::from(n), Currency::Vnd);
        assert_eq!(vnd(1_234_567), "1.234.567\u{a0}₫");
        assert_eq!(vnd(-100), "−100\u{a0}₫");
        assert_eq!(vnd(0), "0\u{a0}₫");
        assert_eq!(amount(Decimal::new(-123_450, 2), Currency::Usd), "−1.234,5\u{a0}USD");
        assert_eq!(count(-12_345), "−12.345");
        assert_eq!(time("2026-11-22T02:05:00Z".parse().expect("a time")), "22/11/2026 09:05");
    }
}
