//! Money: an exact decimal with its currency, never a float.
//!
//! In JSON `{"amount":"150000","currency":"VND"}`; the amount is a string, because a JSON number
//! may already have lost a digit on its way through somebody's float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency that this service can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// Vietnamese đồng: no fraction.
    Vnd,
    /// United States dollar: two digits.
    Usd,
    /// Euro: two digits.
    Eur,
    /// Lao kip: two digits in ISO 4217.
    Lak,
    /// Cambodian riel: two digits in ISO 4217.
    Khr,
}

impl Currency {
    /// The three letters of ISO 4217.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vnd => "VND",
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Lak => "LAK",
            Self::Khr => "KHR",
        }
    }

    /// Digits after the decimal point, as ISO 4217 gives them.
    pub const fn scale(self) -> u32 {
        match self {
            Self::Vnd => 0,
            Self::Usd | Self::Eur | Self::Lak | Self::Khr => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text {
            "VND" => Ok(Self::Vnd),
            "USD" => Ok(Self::Usd),
            "EUR" => Ok(Self::Eur),
            "LAK" => Ok(Self::Lak),
            "KHR" => Ok(Self::Khr),
            _ => Err(MoneyError::UnknownCurrency),
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text or a sum is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional point and fraction.
    #[error("an amount is a string of digits such as \"150000\"")]
    NotAnAmount,
    /// More digits after the point than the currency has.
    #[error("{currency} has {} digits after the point", currency.scale())]
    Fraction {
        /// The currency asked for.
        currency: Currency,
    },
    /// Below zero.
    #[error("an amount is not negative; the direction is told apart")]
    Negative,
    /// Above what the ledger holds in one line (10^15).
    #[error("the amount is too large")]
    TooLarge,
    /// Two currencies in one sum.
    #[error("two currencies cannot be added")]
    Mixed,
    /// The currency is not one that is known here.
    #[error("unknown currency: use an ISO 4217 code such as \"VND\"")]
    UnknownCurrency,
}

/// An exact, non-negative amount of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// No money.
    pub const fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// So many whole đồng.
    pub fn vnd(dong: u64) -> Self {
        Self { amount: Decimal::from(dong), currency: Currency::Vnd }
    }

    /// Takes a decimal that fits the currency: not negative, no digit too many, below 10^15.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(MoneyError::Negative);
        }
        if amount.scale() > currency.scale() {
            return Err(MoneyError::Fraction { currency });
        }
        if amount >= Decimal::from(1_000_000_000_000_000_u64) {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { amount, currency })
    }

    /// Reads plain digits, `150000` or `12.50`: no sign, no exponent, no separators.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = amount.strip_prefix('-').unwrap_or(amount);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| {
            !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !plain(whole) || !plain(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(MoneyError::NotAnAmount);
        }
        let amount = Decimal::from_str_exact(amount).map_err(|_| MoneyError::NotAnAmount)?;
        Self::new(amount, currency)
    }

    /// The bare number, without trailing zeros.
    pub const fn amount(self) -> Decimal {
        self.amount
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Is it nothing?
    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// The sum, when both are of one currency and it still fits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let sum = self.amount.checked_add(other.amount).ok_or(MoneyError::TooLarge)?;
        Self::new(sum, self.currency)
    }

    /// What is left, when `other` is not more than this.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let rest = self.amount.checked_sub(other.amount).ok_or(MoneyError::TooLarge)?;
        Self::new(rest, self.currency)
    }

    /// So many times this amount.
    pub fn checked_mul(self, times: u32) -> Result<Self, MoneyError> {
        let product = self.amount.checked_mul(Decimal::from(times)).ok_or(MoneyError::TooLarge)?;
        Self::new(product, self.currency)
    }

    /// The amount as the integer number of the smallest unit (đồng, cent).
    pub fn minor_units(self) -> u64 {
        let mut minor = self.amount;
        minor.rescale(self.currency.scale());
        u64::try_from(minor.mantissa()).unwrap_or(u64::MAX)
    }

    /// `1.234.567 ₫`: grouped as people in Việt Nam write it; other currencies with their code.
    pub fn for_people(self) -> String {
        let grouped = group(&self.to_string());
        match self.currency {
            Currency::Vnd => format!("{grouped}\u{a0}₫"),
            other => format!("{grouped}\u{a0}{other}"),
        }
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::Mixed) }
    }
}

/// A number of either sign, grouped as people in Việt Nam write it: `-1.234.567`.
pub fn grouped(amount: Decimal) -> String {
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "-" } else { "" };
    format!("{sign}{}", group(&amount.abs().normalize().to_string()))
}

/// Digits in groups of three, and a comma before the fraction.
fn group(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push(',');
        grouped.push_str(fraction);
    }
    grouped
}

impl PartialOrd for Money {
    /// Amounts of different currencies have no order.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.currency == other.currency).then(|| self.amount.cmp(&other.amount))
    }
}

/// The digits with the currency's own scale: `150000`, `12.50`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.amount;
        shown.rescale(self.currency.scale());
        shown.fmt(f)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.currency)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Money", 2)?;
        out.serialize_field("amount", &self.to_string())?;
        out.serialize_field("currency", &self.currency)?;
        out.end()
    }
}

/// An amount as it came: only a JSON string will do.
#[derive(Debug)]
struct AmountText(String);

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = AmountText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount as a JSON string such as \"150000\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AmountText, E> {
                Ok(AmountText(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            amount: AmountText,
            currency: Currency,
        }
        let wire = Wire::deserialize(deserializer)?;
        Self::parse(&wire.amount.0, wire.currency).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Money, String> {
        serde_json::from_str::<Money>(json).map_err(|e| e.to_string())
    }

    #[test]
    fn an_amount_is_read_from_a_string_only() {
        let money = read(r#"{"amount":"150000","currency":"VND"}"#).expect("plain");
        assert_eq!(money, Money::vnd(150_000));
        let number = read(r#"{"amount":150000,"currency":"VND"}"#).expect_err("a number");
        assert!(number.contains("as a JSON string"), "{number}");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (amount, why) in [
            ("", "an amount is a string"),
            ("1e5", "an amount is a string"),
            ("+5", "an amount is a string"),
            ("1,000", "an amount is a string"),
            (" 5", "an amount is a string"),
            ("007", "an amount is a string"),
            ("1.", "an amount is a string"),
            ("12.5", "VND has 0 digits"),
            ("-1", "not negative"),
            ("1000000000000000", "too large"),
            ("99999999999999999999", "too large"),
            ("999999999999999999999999", "an amount is a string"),
            ("١٢", "an amount is a string"),
        ] {
            let got = Money::parse(amount, Currency::Vnd).expect_err(amount).to_string();
            assert!(got.contains(why), "{amount}: {got}");
        }
    }

    #[test]
    fn it_writes_itself_with_the_scale_of_its_currency() {
        let dollars = Money::parse("12.5", Currency::Usd).expect("two digits");
        assert_eq!(
            serde_json::to_string(&dollars).expect("json"),
            r#"{"amount":"12.50","currency":"USD"}"#
        );
        assert_eq!(dollars.minor_units(), 1250);
        assert_eq!(Money::vnd(1_234_567).for_people(), "1.234.567\u{a0}₫");
        assert_eq!(Money::vnd(100).for_people(), "100\u{a0}₫");
    }

    #[test]
    fn sums_keep_to_one_currency_and_never_go_below_zero() {
        let one = Money::vnd(1);
        assert_eq!(one.checked_add(Money::zero(Currency::Usd)), Err(MoneyError::Mixed));
        assert_eq!(one.checked_sub(Money::vnd(2)), Err(MoneyError::Negative));
        assert_eq!(Money::vnd(7).checked_mul(3), Ok(Money::vnd(21)));
        let large = Money::vnd(999_999_999_999_999);
        assert_eq!(large.checked_add(one), Err(MoneyError::TooLarge));
    }
}
