//! What a partner keeps by contract.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

/// The terms of a partner, from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// First day.
    pub valid_from: NaiveDate,
    /// Of each payment, so many đồng.
    pub fixed: Decimal,
    /// And so many hundredths of it.
    pub percent: Decimal,
    /// Its money is in the bank within so many working days.
    pub window_days: u16,
    /// How far a whole batch may be off, for a second officer to accept.
    pub tolerance: Decimal,
}

impl Terms {
    /// Without a contract: no fee, three working days, nothing may be off.
    pub const NONE: Self = Self {
        valid_from: NaiveDate::MIN,
        fixed: Decimal::ZERO,
        percent: Decimal::ZERO,
        window_days: 3,
        tolerance: Decimal::ZERO,
    };

    /// The fee of one payment: fixed and percent, rounded half up to 1 đồng, never more than it.
    pub fn fee_of(&self, amount: Decimal) -> Decimal {
        if amount <= Decimal::ZERO {
            return Decimal::ZERO;
        }
        let fee = self.fixed + amount * self.percent / Decimal::ONE_HUNDRED;
        fee.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).min(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_rounded_half_up_to_one_dong() {
        let terms = |fixed: i64, percent: &str| Terms {
            fixed: Decimal::from(fixed),
            percent: percent.parse().expect("a number"),
            ..Terms::NONE
        };
        let fee = |terms: Terms, amount: i64| terms.fee_of(Decimal::from(amount)).to_string();
        assert_eq!(fee(terms(0, "1.1"), 50), "1", "0.55 goes up");
        assert_eq!(fee(terms(0, "1.1"), 45), "0", "0.495 goes down");
        assert_eq!(fee(terms(0, "0.5"), 100), "1", "a half goes up");
        assert_eq!(fee(terms(1_000, "0.66"), 147_000), "1970");
        assert_eq!(fee(terms(3_300, "0"), 1_000), "1000", "never more than the payment");
        assert_eq!(fee(terms(3_300, "1"), -5), "0");
        assert_eq!(fee(Terms::NONE, 147_000), "0");
    }
}
