//! The life of a day, as a pure table.

use crate::text_enum;

text_enum! {
    /// Where a day stands.
    pub enum DayStatus ("status of a day") {
        /// Its files are not all in.
        Open = "open",
        /// Every file that is expected is in, or its absence is somebody's case.
        FilesComplete = "files_complete",
        /// Every line of its files is placed, or somebody's case.
        Matched = "matched",
        /// One officer has signed it off.
        Prepared = "prepared",
        /// Another has; it closes before the same commit.
        Approved = "approved",
        /// Nothing is posted into it any more.
        Closed = "closed",
        /// One officer wants it open again.
        ReopenRequested = "reopen_requested",
        /// Another has agreed: a new revision.
        Reopened = "reopened",
    }
}

text_enum! {
    /// What happens to a day.
    pub enum DayStep ("step of a day") {
        /// The last file is in.
        FilesIn = "files_in",
        /// The last line is placed.
        Placed = "placed",
        /// A file or a line is missing after all.
        FallBack = "fall_back",
        /// One officer signs it off.
        Prepare = "prepare",
        /// Another does not agree, or nobody did in time.
        Reject = "reject",
        /// Another agrees.
        Approve = "approve",
        /// It is sealed.
        Close = "close",
        /// One officer wants it open again.
        AskToReopen = "ask_to_reopen",
        /// Another does not agree.
        StayClosed = "stay_closed",
        /// Another agrees.
        Reopen = "reopen",
    }
}

/// The life has no such step from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the day is {from}")]
pub struct WrongDayStep {
    /// Where it stands.
    pub from: DayStatus,
    /// What was to happen.
    pub step: DayStep,
}

impl DayStatus {
    /// Where a step leads.
    pub const fn after(self, step: DayStep) -> Result<Self, WrongDayStep> {
        match (self, step) {
            (Self::Open | Self::Reopened, DayStep::FilesIn) => Ok(Self::FilesComplete),
            (Self::FilesComplete, DayStep::Placed) | (Self::Prepared, DayStep::Reject) => {
                Ok(Self::Matched)
            }
            (Self::FilesComplete | Self::Matched, DayStep::FallBack) => Ok(Self::Open),
            (Self::Matched, DayStep::Prepare) => Ok(Self::Prepared),
            (Self::Prepared, DayStep::Approve) => Ok(Self::Approved),
            (Self::Approved, DayStep::Close) | (Self::ReopenRequested, DayStep::StayClosed) => {
                Ok(Self::Closed)
            }
            (Self::Closed, DayStep::AskToReopen) => Ok(Self::ReopenRequested),
            (Self::ReopenRequested, DayStep::Reopen) => Ok(Self::Reopened),
            (from, step) => Err(WrongDayStep { from, step }),
        }
    }

    /// Is it still to be prepared?
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::FilesComplete | Self::Matched | Self::Reopened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_closes_by_two_people_and_opens_by_two() {
        let arrows = DayStatus::ALL
            .iter()
            .flat_map(|from| DayStep::ALL.iter().filter_map(move |step| from.after(*step).ok()));
        assert_eq!(arrows.count(), 12);
        for from in DayStatus::ALL {
            assert_eq!(from.after(DayStep::Close).is_ok(), *from == DayStatus::Approved, "{from}");
            assert_eq!(
                from.after(DayStep::Approve).is_ok(),
                *from == DayStatus::Prepared,
                "{from}"
            );
            let reopens = from.after(DayStep::Reopen).is_ok();
            assert_eq!(reopens, *from == DayStatus::ReopenRequested, "{from}");
        }
        let wrong = DayStatus::Open.after(DayStep::Prepare).expect_err("files are missing");
        assert_eq!(wrong.to_string(), "the day is open");
    }
}
