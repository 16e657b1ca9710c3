//! The life of a refund: a pure table. Anything that is not an arrow is refused.

use crate::text_enum;

text_enum! {
    /// Where a refund stands.
    pub enum RefundStatus ("refund status") {
        /// Asked for; nothing is booked.
        Requested = "requested",
        /// A second person agreed; booked.
        Approved = "approved",
        /// Given to the partner, to the bank or to the Treasury, or about to be when we stopped.
        Sent = "sent",
        /// The payer has the money.
        Confirmed = "confirmed",
        /// The payer does not get it this way; the approval is booked back.
        Failed = "failed",
        /// Not agreed to.
        Refused = "refused",
    }
}

text_enum! {
    /// What can happen to a refund.
    pub enum RefundStep ("refund step") {
        /// A second person agrees.
        Approve = "approve",
        /// A second person does not, or the money was taken back.
        Refuse = "refuse",
        /// It is about to be carried out.
        Send = "send",
        /// It reached the payer.
        Confirm = "confirm",
        /// It did not, and will not.
        Fail = "fail",
    }
}

/// The life-cycle has no such arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a refund that is {from} cannot {step}")]
pub struct WrongRefundStep {
    /// Where it stands.
    pub from: RefundStatus,
    /// What was asked of it.
    pub step: RefundStep,
}

impl RefundStatus {
    /// Where a step leads.
    pub const fn after(self, step: RefundStep) -> Result<Self, WrongRefundStep> {
        use RefundStatus::{Approved, Confirmed, Failed, Refused, Requested, Sent};
        match (self, step) {
            (Requested, RefundStep::Approve) => Ok(Approved),
            (Requested, RefundStep::Refuse) => Ok(Refused),
            (Approved, RefundStep::Send) => Ok(Sent),
            (Sent, RefundStep::Confirm) => Ok(Confirmed),
            (Sent, RefundStep::Fail) => Ok(Failed),
            (from, step) => Err(WrongRefundStep { from, step }),
        }
    }

    /// Does it still count against what came in?
    pub const fn is_living(self) -> bool {
        !matches!(self, Self::Failed | Self::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_has_these_arrows_and_no_other() {
        let mut arrows = Vec::new();
        for from in RefundStatus::ALL {
            for step in RefundStep::ALL {
                if let Ok(to) = from.after(*step) {
                    arrows.push(format!("{from} --{step}--> {to}"));
                }
            }
        }
        assert_eq!(
            arrows,
            [
                "requested --approve--> approved",
                "requested --refuse--> refused",
                "approved --send--> sent",
                "sent --confirm--> confirmed",
                "sent --fail--> failed",
            ]
        );
    }

    #[test]
    fn nothing_is_sent_without_an_approval_and_nothing_twice() {
        for from in RefundStatus::ALL {
            let may = *from == RefundStatus::Approved;
            assert_eq!(from.after(RefundStep::Send).is_ok(), may, "{from}");
        }
    }
}
