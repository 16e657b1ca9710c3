//! Amounts as files write them: exact, in the full range of the format.

use rust_decimal::Decimal;

use crate::statements::finding::{FindingCode, Findings};

/// Amounts from here on are no fee's and no day's: 10^15, as in the database.
fn limit() -> Decimal {
    Decimal::from(1_000_000_000_000_000_u64)
}

/// Digits with an optional fraction after `point`: no sign, no exponent, nothing else.
pub fn unsigned(text: &str, point: char) -> Option<Decimal> {
    let (whole, fraction) = text.split_once(point).unwrap_or((text, ""));
    let digits = |part: &str| part.len() <= 18 && part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    let text = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    Decimal::from_str_exact(&text).ok()
}

/// Is it one that can be kept in this currency? Tells what is wrong.
pub fn fits(amount: Decimal, currency: &str, at: (u64, &str), findings: &mut Findings) -> bool {
    let (line, place) = at;
    if amount.abs() >= limit() {
        findings.add(FindingCode::Amount, line, place, format!("{amount} is too large"));
        return false;
    }
    if currency == "VND" && !amount.fract().is_zero() {
        let detail = format!("{amount} VND: đồng have no fraction");
        findings.add(FindingCode::Fraction, line, place, detail);
        return false;
    }
    true
}

/// Three capitals.
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_nothing_but_digits() {
        for (text, expected) in [
            ("150000", "150000"),
            ("150000.00", "150000"),
            ("5442.09000", "5442.09"),
            (".5", "0.5"),
            ("7.", "7"),
            ("123456789012345678.12345", "123456789012345678.12345"),
        ] {
            assert_eq!(unsigned(text, '.').map(|d| d.to_string()).as_deref(), Some(expected));
        }
        for text in ["", ".", "-1", "+1", "1e3", "1 000", "1,000", "١", "0x1", "1.2.3", "NaN"] {
            assert_eq!(unsigned(text, '.'), None, "{text}");
        }
        assert_eq!(unsigned("11,8", ',').map(|d| d.to_string()).as_deref(), Some("11.8"));
    }

    #[test]
    fn dong_have_no_fraction() {
        let mut findings = Findings::default();
        let dong = |text: &str| unsigned(text, '.').expect("an amount");
        assert!(fits(dong("150000.00"), "VND", (1, "Amt"), &mut findings));
        assert!(fits(dong("1.5"), "EUR", (1, "Amt"), &mut findings));
        assert_eq!(findings.count(), 0);
        assert!(!fits(dong("150000.5"), "VND", (7, "Amt"), &mut findings));
        assert!(!fits(dong("1000000000000000"), "VND", (8, "Amt"), &mut findings));
        assert_eq!(findings.count(), 2);
    }
}
