//! The lives of a file and of a statement; anything that is not here is refused.

use crate::text_enum;

text_enum! {
    /// Where a file stands.
    pub enum FileState ("state of a file") {
        /// It is being read.
        Received = "received",
        /// Its lines wait to be matched.
        Staged = "staged",
        /// Officers decide.
        Quarantined = "quarantined",
        /// Nothing of it was taken.
        Rejected = "rejected",
        /// All its statements are matched and booked.
        Booked = "booked",
        /// Kept for information.
        Noted = "noted",
        /// Later issues stand for all its statements.
        Superseded = "superseded",
    }
}

text_enum! {
    /// Where a statement stands.
    pub enum StatementState ("state of a statement") {
        /// Its lines are not all there.
        Reading = "reading",
        /// Its lines wait to be matched.
        Staged = "staged",
        /// Officers decide.
        Quarantined = "quarantined",
        /// It is matched and booked.
        Booked = "booked",
        /// It was not taken.
        Rejected = "rejected",
        /// A later issue stands for it.
        Superseded = "superseded",
    }
}

text_enum! {
    /// What happens to a file or a statement.
    pub enum Step ("step") {
        /// It was read and is good.
        Stage = "stage",
        /// It was read and is doubtful.
        Quarantine = "quarantine",
        /// It is not taken.
        Reject = "reject",
        /// It is kept for information.
        Note = "note",
        /// Two officers take a doubtful one.
        Accept = "accept",
        /// It has been matched.
        Book = "book",
        /// A later issue takes its place.
        Supersede = "supersede",
    }
}

/// There is no such step from here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step} is no step of what is {from}")]
pub struct WrongStep {
    /// Where it stands.
    pub from: &'static str,
    /// The step.
    pub step: Step,
}

impl FileState {
    /// Where a step leads.
    pub const fn after(self, step: Step) -> Result<Self, WrongStep> {
        Ok(match (self, step) {
            (Self::Received, Step::Stage) | (Self::Quarantined, Step::Accept) => Self::Staged,
            (Self::Received, Step::Quarantine) => Self::Quarantined,
            (Self::Received | Self::Quarantined, Step::Reject) => Self::Rejected,
            (Self::Received, Step::Note) => Self::Noted,
            (Self::Staged, Step::Book) => Self::Booked,
            (Self::Staged | Self::Booked, Step::Supersede) => Self::Superseded,
            (from, step) => return Err(WrongStep { from: from.as_str(), step }),
        })
    }
}

impl StatementState {
    /// Where a step leads.
    pub const fn after(self, step: Step) -> Result<Self, WrongStep> {
        Ok(match (self, step) {
            (Self::Reading, Step::Stage) | (Self::Quarantined, Step::Accept) => Self::Staged,
            (Self::Reading, Step::Quarantine) => Self::Quarantined,
            (Self::Reading | Self::Quarantined, Step::Reject) => Self::Rejected,
            (Self::Staged, Step::Book) => Self::Booked,
            (Self::Staged | Self::Booked, Step::Supersede) => Self::Superseded,
            (from, step) => return Err(WrongStep { from: from.as_str(), step }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_stays_decided() {
        use FileState::{Booked, Noted, Quarantined, Rejected, Superseded};
        for step in Step::ALL {
            for end in [Rejected, Noted, Superseded] {
                assert!(end.after(*step).is_err(), "{end} {step}");
            }
            let taken_back = *step == Step::Supersede;
            assert_eq!(Booked.after(*step).is_ok(), taken_back, "{step}");
            assert_eq!(StatementState::Booked.after(*step).is_ok(), taken_back, "{step}");
        }
        assert_eq!(Quarantined.after(Step::Accept), Ok(FileState::Staged));
        assert!(Quarantined.after(Step::Book).is_err(), "what is doubtful is not matched");
        assert!(StatementState::Reading.after(Step::Book).is_err());
    }
}
