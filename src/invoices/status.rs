//! The lives of invoices and attempts: two pure tables. Anything that is not an arrow is refused.

use crate::text_enum;

text_enum! {
    /// Where an invoice stands.
    pub enum Status ("invoice status") {
        /// Open; nobody has tried to pay.
        Issued = "issued",
        /// Open; somebody has.
        Pending = "pending",
        /// Paid in full, by a partner's word.
        Paid = "paid",
        /// Its time is over.
        Expired = "expired",
        /// The portal withdrew it.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// What can happen to an invoice.
    pub enum Step ("invoice step") {
        /// A payer chose a way to pay, or paid a part.
        Attempt = "attempt",
        /// The amount is there.
        Settle = "settle",
        /// Time is over.
        Expire = "expire",
        /// The portal withdraws it.
        Cancel = "cancel",
        /// The bank took the money back.
        Reverse = "reverse",
    }
}

/// The life-cycle has no such arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an invoice that is {from} cannot {step}")]
pub struct WrongStep {
    /// Where it stands.
    pub from: Status,
    /// What was asked of it.
    pub step: Step,
}

impl Status {
    /// Where a step leads.
    #[expect(clippy::match_same_arms, reason = "each line is one arrow, in the order of its step")]
    pub const fn after(self, step: Step) -> Result<Self, WrongStep> {
        use Status::{Cancelled, Expired, Issued, Paid, Pending};
        match (self, step) {
            (Issued | Pending, Step::Attempt) => Ok(Pending),
            // A settlement may overtake our own record of the attempt, or come after the invoice
            // expired: the money is real, so it is taken in.
            (Issued | Pending | Expired, Step::Settle) => Ok(Paid),
            (Issued | Pending, Step::Expire) => Ok(Expired),
            (Issued | Pending, Step::Cancel) => Ok(Cancelled),
            (Paid, Step::Reverse) => Ok(Pending),
            (from, step) => Err(WrongStep { from, step }),
        }
    }

    /// Can it still be paid in the ordinary way?
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Issued | Self::Pending)
    }
}

text_enum! {
    /// Where an attempt stands.
    pub enum AttemptStatus ("attempt status") {
        /// Decided, not yet made known to the partner.
        Created = "created",
        /// The call to the partner is under way, or was when we stopped.
        Sent = "sent",
        /// The partner waits for the payer.
        AwaitingPayer = "awaiting_payer",
        /// The money came through it.
        Succeeded = "succeeded",
        /// The partner says it will not be paid.
        Failed = "failed",
        /// Its time is over.
        Expired = "expired",
        /// Nobody can say: left only by a partner's signed word or by a person.
        Unknown = "unknown",
    }
}

text_enum! {
    /// What can happen to an attempt.
    pub enum AttemptStep ("attempt step") {
        /// The partner is about to be called.
        Send = "send",
        /// The partner waits for the payer.
        Await = "await",
        /// The money came.
        Succeed = "succeed",
        /// The partner says no.
        Fail = "fail",
        /// Its time is over.
        Expire = "expire",
        /// No answer, or one that says nothing.
        LoseSight = "lose_sight",
        /// Nobody can say, and two people have agreed to wait no longer.
        Lapse = "lapse",
    }
}

/// The life-cycle has no such arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attempt that is {from} cannot {step}")]
pub struct WrongAttemptStep {
    /// Where it stands.
    pub from: AttemptStatus,
    /// What was asked of it.
    pub step: AttemptStep,
}

impl AttemptStatus {
    /// Where a step leads.
    pub const fn after(self, step: AttemptStep) -> Result<Self, WrongAttemptStep> {
        use AttemptStatus::{AwaitingPayer, Created, Expired, Failed, Sent, Succeeded, Unknown};
        match (self, step) {
            (Created, AttemptStep::Send) => Ok(Sent),
            // A channel that needs no call goes from created at once.
            (Created | Sent | Unknown, AttemptStep::Await) => Ok(AwaitingPayer),
            // A partner's word that money came overrules what it, or our clock, said before.
            (Created | Sent | AwaitingPayer | Unknown | Failed | Expired, AttemptStep::Succeed) => {
                Ok(Succeeded)
            }
            (Created | Sent | AwaitingPayer | Unknown, AttemptStep::Fail) => Ok(Failed),
            (Created | Sent | AwaitingPayer, AttemptStep::Expire)
            | (Sent | Unknown, AttemptStep::Lapse) => Ok(Expired),
            (Sent | AwaitingPayer, AttemptStep::LoseSight) => Ok(Unknown),
            (from, step) => Err(WrongAttemptStep { from, step }),
        }
    }

    /// Will nothing more be asked of it?
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_has_these_arrows_and_no_other() {
        let mut arrows = Vec::new();
        for from in Status::ALL {
            for step in Step::ALL {
                if let Ok(to) = from.after(*step) {
                    arrows.push(format!("{from} --{step}--> {to}"));
                }
            }
        }
        assert_eq!(
            arrows,
            [
                "issued --attempt--> pending",
                "issued --settle--> paid",
                "issued --expire--> expired",
                "issued --cancel--> cancelled",
                "pending --attempt--> pending",
                "pending --settle--> paid",
                "pending --expire--> expired",
                "pending --cancel--> cancelled",
                "paid --reverse--> pending",
                "expired --settle--> paid",
            ]
        );
    }

    #[test]
    fn unknown_is_left_only_by_a_word_of_the_partner_or_of_people() {
        for step in AttemptStep::ALL {
            let by_word =
                matches!(step, AttemptStep::Await | AttemptStep::Succeed | AttemptStep::Fail);
            let left = by_word || *step == AttemptStep::Lapse;
            assert_eq!(AttemptStatus::Unknown.after(*step).is_ok(), left, "{step}");
        }
    }

    #[test]
    fn a_success_is_never_undone() {
        for step in AttemptStep::ALL {
            assert!(AttemptStatus::Succeeded.after(*step).is_err(), "{step}");
        }
    }
}
