//! The life of an approval, as a pure table.

use crate::text_enum;

text_enum! {
    /// Where an approval stands.
    pub enum ApprovalStatus ("approval status") {
        /// Nobody has decided.
        Pending = "pending",
        /// Approved; carried out before the same commit.
        Approved = "approved",
        /// Refused.
        Rejected = "rejected",
        /// Nobody decided in time.
        Expired = "expired",
        /// Approved and carried out.
        Applied = "applied",
    }
}

text_enum! {
    /// What happens to an approval.
    pub enum ApprovalStep ("approval step") {
        /// Another says yes.
        Approve = "approve",
        /// Another says no.
        Reject = "reject",
        /// A week has gone by.
        Expire = "expire",
        /// What was approved is done.
        Apply = "apply",
    }
}

/// The life-cycle has no such step from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is {from} already")]
pub struct WrongStep {
    /// Where it stands.
    pub from: ApprovalStatus,
    /// What was to happen.
    pub step: ApprovalStep,
}

impl ApprovalStatus {
    /// Where a step leads.
    pub const fn after(self, step: ApprovalStep) -> Result<Self, WrongStep> {
        match (self, step) {
            (Self::Pending, ApprovalStep::Approve) => Ok(Self::Approved),
            (Self::Pending, ApprovalStep::Reject) => Ok(Self::Rejected),
            (Self::Pending, ApprovalStep::Expire) => Ok(Self::Expired),
            (Self::Approved, ApprovalStep::Apply) => Ok(Self::Applied),
            (from, step) => Err(WrongStep { from, step }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_taken_once_and_only_what_was_approved_is_done() {
        let arrows = ApprovalStatus::ALL.iter().flat_map(|from| {
            ApprovalStep::ALL.iter().filter_map(move |step| from.after(*step).ok())
        });
        assert_eq!(arrows.count(), 4);
        let twice = ApprovalStatus::Rejected.after(ApprovalStep::Approve).expect_err("refused");
        assert_eq!(twice.to_string(), "it is rejected already");
        assert!(ApprovalStatus::Pending.after(ApprovalStep::Apply).is_err());
    }
}
