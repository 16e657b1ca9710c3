//! The life of a case, as a pure table; the database keeps the same.

use crate::text_enum;

text_enum! {
    /// Where a case stands.
    pub enum BreakState ("break state") {
        /// Nobody has it.
        Open = "open",
        /// Somebody has it.
        Assigned = "assigned",
        /// It waits for a day, or for the partner.
        Waiting = "waiting",
        /// Two people took a way out.
        Resolved = "resolved",
        /// Closed by the system: its cause is gone, or it only had to be known.
        AutoClosed = "auto_closed",
    }
}

text_enum! {
    /// What happens to a case.
    pub enum BreakStep ("step of a case") {
        /// Somebody takes it, or is given it.
        Assign = "assign",
        /// It waits.
        Wait = "wait",
        /// What it waited for has come.
        Hear = "hear",
        /// Two people took a way out.
        Resolve = "resolve",
        /// Its cause is gone.
        Cease = "cease",
        /// Its cause is back.
        Recur = "recur",
    }
}

/// The life-cycle has no such step from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the case is {from}: {step} is not possible")]
pub struct WrongBreakStep {
    /// Where it stands.
    pub from: BreakState,
    /// What was to happen.
    pub step: BreakStep,
}

impl BreakState {
    /// Where a step leads.
    pub const fn after(self, step: BreakStep) -> Result<Self, WrongBreakStep> {
        match (self, step) {
            (Self::Open | Self::Assigned | Self::Waiting, BreakStep::Assign) => Ok(Self::Assigned),
            (Self::Open | Self::Assigned | Self::Waiting, BreakStep::Wait) => Ok(Self::Waiting),
            (Self::Waiting, BreakStep::Hear)
            | (Self::Resolved | Self::AutoClosed, BreakStep::Recur) => Ok(Self::Open),
            (Self::Open | Self::Assigned | Self::Waiting, BreakStep::Resolve) => Ok(Self::Resolved),
            (Self::Open | Self::Assigned | Self::Waiting, BreakStep::Cease) => Ok(Self::AutoClosed),
            (from, step) => Err(WrongBreakStep { from, step }),
        }
    }

    /// Is there something left to do?
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Assigned | Self::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_these_arrows_and_no_other() {
        let mut arrows = Vec::new();
        for from in BreakState::ALL {
            for step in BreakStep::ALL {
                if let Ok(to) = from.after(*step) {
                    arrows.push(format!("{from} --{step}--> {to}"));
                }
            }
        }
        assert_eq!(
            arrows,
            [
                "open --assign--> assigned",
                "open --wait--> waiting",
                "open --resolve--> resolved",
                "open --cease--> auto_closed",
                "assigned --assign--> assigned",
                "assigned --wait--> waiting",
                "assigned --resolve--> resolved",
                "assigned --cease--> auto_closed",
                "waiting --assign--> assigned",
                "waiting --wait--> waiting",
                "waiting --hear--> open",
                "waiting --resolve--> resolved",
                "waiting --cease--> auto_closed",
                "resolved --recur--> open",
                "auto_closed --recur--> open",
            ]
        );
    }
}
