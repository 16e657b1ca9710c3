//! Where reported money goes: one pure table over the invoice's state and the amount.

use super::outcome::Outcome;
use crate::breaks::BreakCode;
use crate::invoices::status::Status;
use crate::vocabulary::money::{Money, MoneyError};

/// What is known of the invoice that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub status: Status,
    /// What is owed.
    pub amount: Money,
    /// Parts held so far.
    pub held: Money,
    /// It expired, and its fee has been issued again since.
    pub has_successor: bool,
}

/// What to do with the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub outcome: Outcome,
    /// The case to open, if any, and the amount it is about.
    pub case: Option<(BreakCode, Money)>,
    /// What is over and due back.
    pub surplus: Money,
}

/// Decides.
pub fn decide(invoice: Standing, money: Money) -> Result<Decision, MoneyError> {
    let zero = Money::zero(money.currency());
    let refund =
        |code| Decision { outcome: Outcome::RefundDue, case: Some((code, money)), surplus: money };
    let late = match invoice.status {
        Status::Paid => return Ok(refund(BreakCode::Duplicate)),
        Status::Cancelled => return Ok(refund(BreakCode::Late)),
        Status::Expired if invoice.has_successor => return Ok(refund(BreakCode::Late)),
        Status::Expired => true,
        Status::Issued | Status::Pending => false,
    };
    // Never the sum of both: what came may be as much as an amount can be.
    let owed = invoice.amount.checked_sub(invoice.held)?;
    if money < owed {
        // Parts of an invoice whose time is over are not held: nobody waits for the rest.
        return Ok(if late {
            refund(BreakCode::Late)
        } else {
            Decision {
                outcome: Outcome::Held,
                case: Some((BreakCode::AmountDiffers, money)),
                surplus: zero,
            }
        });
    }
    let surplus = money.checked_sub(owed)?;
    Ok(if !surplus.is_zero() {
        Decision {
            outcome: Outcome::Overpaid,
            case: Some((BreakCode::AmountDiffers, surplus)),
            surplus,
        }
    } else if late {
        Decision { outcome: Outcome::AppliedLate, case: Some((BreakCode::Late, money)), surplus }
    } else {
        Decision { outcome: Outcome::Applied, case: None, surplus }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(status: Status, held: u64, has_successor: bool, money: u64) -> String {
        let invoice =
            Standing { status, amount: Money::vnd(100), held: Money::vnd(held), has_successor };
        let decision = decide(invoice, Money::vnd(money)).expect("đồng");
        let case =
            decision.case.map_or_else(String::new, |(code, amount)| format!(" {code} {amount}"));
        format!("{}{case}, {} back", decision.outcome, decision.surplus)
    }

    #[test]
    fn money_goes_where_the_table_says() {
        use Status::{Cancelled, Expired, Issued, Paid, Pending};
        for (status, held, successor, money, expected) in [
            (Issued, 0, false, 100, "applied, 0 back"),
            (Pending, 0, false, 100, "applied, 0 back"),
            (Issued, 0, false, 130, "overpaid B03 30, 30 back"),
            (Issued, 0, false, 40, "held B03 40, 0 back"),
            (Pending, 40, false, 60, "applied, 0 back"),
            (Pending, 40, false, 50, "held B03 50, 0 back"),
            (Pending, 40, false, 100, "overpaid B03 40, 40 back"),
            (Paid, 0, false, 100, "refund_due B05 100, 100 back"),
            (Paid, 0, false, 1, "refund_due B05 1, 1 back"),
            (Cancelled, 0, false, 100, "refund_due B06 100, 100 back"),
            (Expired, 0, false, 100, "applied_late B06 100, 0 back"),
            (Expired, 0, false, 130, "overpaid B03 30, 30 back"),
            (Expired, 0, false, 40, "refund_due B06 40, 40 back"),
            (Expired, 0, true, 100, "refund_due B06 100, 100 back"),
        ] {
            assert_eq!(
                decided(status, held, successor, money),
                expected,
                "{status} {held} {money}"
            );
        }
    }

    #[test]
    fn every_dong_goes_somewhere() {
        // The most that an amount can be.
        let most = 999_999_999_999_999;
        for status in Status::ALL {
            for held in [0, 1, 99] {
                for money in [1, 50, 99, 100, 101, 1_000_000, most - 1, most] {
                    let text = decided(*status, held, false, money);
                    let back: u64 = text
                        .rsplit_once(", ")
                        .and_then(|(_, rest)| rest.strip_suffix(" back"))
                        .and_then(|n| n.parse().ok())
                        .expect("a number");
                    let kept = match text.split([' ', ',']).next() {
                        Some("applied" | "applied_late" | "overpaid") => 100 - held,
                        Some("held") => money,
                        _ => 0,
                    };
                    assert_eq!(kept + back, money, "{status} {held} {money}: {text}");
                }
            }
        }
    }
}
