//! The lives of a run and of its transfers, as pure tables.

use crate::text_enum;

text_enum! {
    /// Where a run stands.
    pub enum RunStatus ("status of a run") {
        /// Lines are chosen and kept for it; another must release it.
        Prepared = "prepared",
        /// Another has released it: its file may go to the bank.
        Approved = "approved",
        /// It came to nothing before it went out.
        Refused = "refused",
        /// The bank has the file.
        Sent = "sent",
        /// Every transfer has ended, one at least with the money gone.
        Confirmed = "confirmed",
        /// Every transfer has failed.
        Failed = "failed",
    }
}

text_enum! {
    /// What happens to a run.
    pub enum RunStep ("step of a run") {
        /// Another releases it.
        Approve = "approve",
        /// Another does not, or nobody did in time, or it was withdrawn.
        Refuse = "refuse",
        /// The file is handed to the bank.
        Send = "send",
        /// The last transfer has ended and money went.
        Confirm = "confirm",
        /// The last transfer has ended and none went.
        Fail = "fail",
    }
}

text_enum! {
    /// Where a transfer stands.
    pub enum LineStatus ("status of a transfer") {
        /// In a run that has not gone out.
        Waiting = "waiting",
        /// The bank has it.
        Sent = "sent",
        /// The bank has debited the account.
        Confirmed = "confirmed",
        /// The bank did not make it.
        Failed = "failed",
    }
}

/// The life has no such step from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run is {from}")]
pub struct WrongRunStep {
    /// Where it stands.
    pub from: RunStatus,
    /// What was to happen.
    pub step: RunStep,
}

impl RunStatus {
    /// Where a step leads.
    pub const fn after(self, step: RunStep) -> Result<Self, WrongRunStep> {
        match (self, step) {
            (Self::Prepared, RunStep::Approve) => Ok(Self::Approved),
            (Self::Prepared | Self::Approved, RunStep::Refuse) => Ok(Self::Refused),
            (Self::Approved, RunStep::Send) => Ok(Self::Sent),
            (Self::Sent, RunStep::Confirm) => Ok(Self::Confirmed),
            (Self::Sent, RunStep::Fail) => Ok(Self::Failed),
            (from, step) => Err(WrongRunStep { from, step }),
        }
    }

    /// May its file be had? Not before another has released it.
    pub const fn has_file(self) -> bool {
        matches!(self, Self::Approved | Self::Sent | Self::Confirmed | Self::Failed)
    }
}

/// The step that ends a run whose transfers stand so; none while one of them is under way.
pub fn end_of(lines: &[LineStatus]) -> Option<RunStep> {
    let ended = |line: &LineStatus| matches!(line, LineStatus::Confirmed | LineStatus::Failed);
    if lines.is_empty() || !lines.iter().all(ended) {
        return None;
    }
    let went = lines.contains(&LineStatus::Confirmed);
    Some(if went { RunStep::Confirm } else { RunStep::Fail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_out_that_was_not_released_and_no_end_is_left() {
        let arrows = RunStatus::ALL
            .iter()
            .flat_map(|from| RunStep::ALL.iter().filter_map(move |step| from.after(*step).ok()));
        assert_eq!(arrows.count(), 6);
        assert!(RunStatus::Prepared.after(RunStep::Send).is_err());
        assert!(!RunStatus::Prepared.has_file() && !RunStatus::Refused.has_file());
        for end in [RunStatus::Refused, RunStatus::Confirmed, RunStatus::Failed] {
            assert!(RunStep::ALL.iter().all(|step| end.after(*step).is_err()), "{end}");
        }
    }

    #[test]
    fn a_run_ends_with_its_last_transfer() {
        use LineStatus::{Confirmed, Failed, Sent};
        assert_eq!(end_of(&[Confirmed, Sent]), None);
        assert_eq!(end_of(&[Confirmed, Failed]), Some(RunStep::Confirm));
        assert_eq!(end_of(&[Failed, Failed]), Some(RunStep::Fail));
        assert_eq!(end_of(&[]), None);
    }
}
