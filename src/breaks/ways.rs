//! The ways out of a case: which there are for each code, and which of them fit the case as it
//! stands. Those that book or close take two people; waiting and asking take one.

use super::BreakCode;
use super::case::Case;
use super::holding::HeldIn;
use crate::text_enum;

text_enum! {
    /// A way out.
    pub enum Way ("way out") {
        /// Until a day: it may be no more than timing.
        Wait = "wait",
        /// The partner is asked, and sees the case.
        Ask = "ask",
        /// What the partner told is booked, once, as its settling source would have been.
        Post = "post",
        /// Money in suspense is placed on an invoice.
        Place = "place",
        /// Money in suspense goes back to a payer whom no invoice names.
        Return = "return",
        /// It has arrived there.
        Returned = "returned",
        /// It has not: it is in suspense again.
        NotReturned = "not_returned",
        /// The refund of what is due back is opened once more.
        Refund = "refund",
        /// What one case holds and another lacks in the same account is the same money.
        SetOff = "set_off",
        /// What is missing is the agency's to make good.
        Claim = "claim",
        /// A small difference is given up.
        WriteOff = "write_off",
        /// The settlement is taken back.
        Reverse = "reverse",
        /// From one agency or budget to another.
        Transfer = "transfer",
        /// It is as it is, for a reason.
        Accept = "accept",
        /// Another case says the same.
        Duplicate = "duplicate",
    }
}

impl Way {
    /// Does it take two people?
    pub const fn takes_two(self) -> bool {
        !matches!(self, Self::Wait | Self::Ask)
    }
}

/// The ways out of a code.
pub const fn of_code(code: BreakCode) -> &'static [Way] {
    use Way::{
        Accept, Ask, Claim, Duplicate, NotReturned, Place, Post, Refund, Return, Returned, Reverse,
        SetOff, Transfer, Wait, WriteOff,
    };
    match code {
        BreakCode::FileMissing
        | BreakCode::FileDuplicate
        | BreakCode::FileTotals
        | BreakCode::StatementGap
        | BreakCode::StatementArithmetic => &[Wait, Ask, Accept, Duplicate],
        BreakCode::MissingAtProvider => &[Wait, Ask, Reverse, Accept, Duplicate],
        BreakCode::MissingHere => &[Wait, Ask, Post, Accept, Duplicate],
        BreakCode::AmountDiffers | BreakCode::Late => {
            &[Wait, Ask, Refund, SetOff, Accept, Duplicate]
        }
        BreakCode::Duplicate => {
            &[Wait, Ask, Place, Return, Returned, NotReturned, Refund, SetOff, Accept, Duplicate]
        }
        BreakCode::Unknown | BreakCode::Ambiguous => {
            &[Wait, Ask, Place, Return, Returned, NotReturned, SetOff, Accept]
        }
        BreakCode::FundsShort | BreakCode::FeeDiffers => &[Wait, Ask, Claim, WriteOff, Accept],
        BreakCode::FundsOver => &[Wait, Ask, WriteOff, Accept],
        BreakCode::Reversed | BreakCode::RefundUnmatched => &[
            Wait,
            Ask,
            Return,
            Returned,
            NotReturned,
            Refund,
            SetOff,
            Claim,
            WriteOff,
            Accept,
            Duplicate,
        ],
        BreakCode::WrongBeneficiary => &[Wait, Ask, Transfer, Accept],
        BreakCode::StatusDiffers | BreakCode::PayoutUnconfirmed | BreakCode::PayoutDiffers => {
            &[Wait, Ask, Accept, Duplicate]
        }
        BreakCode::WrongPeriod | BreakCode::ReceiptGap => &[Wait, Accept],
    }
}

/// Does a way fit a case as it stands?
pub fn fits(way: Way, case: &Case) -> bool {
    let held_in = case.held().map(|(held_in, _)| held_in);
    let is_missing = case.missing().is_some();
    let holds_nothing = case.holding.is_none();
    // A difference of the bank's side: nothing of it stands in an account of a case.
    let of_funds =
        matches!(case.code, BreakCode::FundsShort | BreakCode::FundsOver | BreakCode::FeeDiffers);
    case.state.is_open()
        && match way {
            Way::Wait => true,
            Way::Ask => !case.partner.is_empty(),
            Way::Place | Way::Return => held_in == Some(HeldIn::Suspense),
            Way::Returned | Way::NotReturned => held_in == Some(HeldIn::RefundsInTransit),
            Way::Refund => held_in == Some(HeldIn::RefundDue),
            Way::SetOff => case.holding.is_some_and(|holding| {
                matches!(holding.held_in, HeldIn::Suspense | HeldIn::RefundDue)
            }),
            Way::Claim | Way::WriteOff => is_missing || (of_funds && holds_nothing),
            Way::Post => holds_nothing && (case.settlement.is_some() || case.line.is_some()),
            Way::Reverse => holds_nothing && case.settlement.is_some(),
            Way::Transfer | Way::Accept | Way::Duplicate => holds_nothing,
        }
}

/// The ways out of a case as it stands.
pub fn of_case(case: &Case) -> Vec<Way> {
    of_code(case.code).iter().copied().filter(|way| fits(*way, case)).collect()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use rust_decimal::Decimal;
    use uuid::Uuid;

    use super::*;
    use crate::breaks::BreakState;
    use crate::breaks::holding::Holding;
    use crate::vocabulary::ids::{BreakId, SettlementId};
    use crate::vocabulary::money::Money;

    fn case(code: BreakCode, holding: Option<(HeldIn, i64)>) -> Case {
        Case {
            id: BreakId(Uuid::nil()),
            code,
            state: BreakState::Open,
            state_since: DateTime::UNIX_EPOCH,
            opened_at: DateTime::UNIX_EPOCH,
            closed_at: None,
            partner: "bank".to_owned(),
            agency: String::new(),
            invoice: None,
            settlement: Some(SettlementId(Uuid::nil())),
            line: None,
            amount: Money::vnd(5),
            holding: holding.map(|(held_in, held)| Holding { held_in, held: Decimal::from(held) }),
            detail: String::new(),
            owner: String::new(),
            reason: String::new(),
            waits_until: None,
            shared_since: None,
            ages_from: NaiveDate::MIN,
        }
    }

    #[test]
    fn what_holds_money_is_neither_accepted_nor_a_duplicate() {
        for code in BreakCode::ALL {
            for held_in in HeldIn::ALL {
                for held in [5, -5] {
                    let ways = of_case(&case(*code, Some((*held_in, held))));
                    let closing = |way: &Way| matches!(way, Way::Accept | Way::Duplicate);
                    assert!(!ways.iter().any(closing), "{code} {held_in} {held}: {ways:?}");
                }
            }
        }
    }

    #[test]
    fn every_case_has_a_way_out_that_closes_it_or_its_cause_does() {
        for code in BreakCode::ALL {
            assert!(of_code(*code).iter().any(|way| way.takes_two()), "{code}");
            assert!(of_case(&case(*code, None)).contains(&Way::Accept), "{code}");
        }
        for code in [BreakCode::Unknown, BreakCode::Ambiguous, BreakCode::Duplicate] {
            let ways = of_case(&case(code, Some((HeldIn::Suspense, 5))));
            let out = [Way::Wait, Way::Ask, Way::Place, Way::Return, Way::SetOff];
            assert_eq!(ways, out, "{code}");
        }
        let lost = of_case(&case(BreakCode::Reversed, Some((HeldIn::Suspense, -5))));
        assert_eq!(lost, [Way::Wait, Way::Ask, Way::SetOff, Way::Claim, Way::WriteOff]);
        let left = of_case(&case(BreakCode::RefundUnmatched, Some((HeldIn::Suspense, 5))));
        assert_eq!(left, [Way::Wait, Way::Ask, Way::Return, Way::SetOff]);
        let surplus = of_case(&case(BreakCode::AmountDiffers, Some((HeldIn::RefundDue, 5))));
        assert_eq!(surplus, [Way::Wait, Way::Ask, Way::Refund, Way::SetOff]);
        let part = of_case(&case(BreakCode::AmountDiffers, Some((HeldIn::PartPaymentsHeld, 5))));
        assert_eq!(part, [Way::Wait, Way::Ask], "it pays, or ends with its invoice");
    }

    #[test]
    fn a_closed_case_has_no_way_out() {
        for code in BreakCode::ALL {
            let mut closed = case(*code, None);
            closed.state = BreakState::Resolved;
            assert!(of_case(&closed).is_empty(), "{code}");
        }
    }
}
