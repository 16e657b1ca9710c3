//! The life of a delivery, as a table.

use crate::text_enum;

text_enum! {
    /// Where a delivery stands.
    pub enum DeliveryState ("delivery state") {
        /// It is to be tried, or tried again.
        Due = "due",
        /// The endpoint has answered 2xx.
        Delivered = "delivered",
        /// No more tries, unless somebody asks for it.
        Parked = "parked",
    }
}

/// What happens to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The endpoint took it.
    Take,
    /// It was not taken, or not tried; another time is set.
    Wait,
    /// There will be no other try.
    GiveUp,
    /// The portal wants it again.
    Redeliver,
}

/// There is no such step from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {from} has no step {step:?}")]
pub struct WrongStep {
    /// Where it stands.
    pub from: DeliveryState,
    /// What was tried.
    pub step: Step,
}

impl DeliveryState {
    /// Where a step leads.
    pub fn after(self, step: Step) -> Result<Self, WrongStep> {
        match (self, step) {
            (Self::Due, Step::Take) => Ok(Self::Delivered),
            (Self::Due, Step::GiveUp) => Ok(Self::Parked),
            // Asked for again also when it was delivered: a portal may have lost what it took. Of
            // what is due it brings the next try forward.
            (Self::Due, Step::Wait)
            | (Self::Due | Self::Delivered | Self::Parked, Step::Redeliver) => Ok(Self::Due),
            (from, step) => Err(WrongStep { from, step }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_due_is_tried_and_anything_can_be_asked_for_again() {
        use DeliveryState::{Delivered, Due, Parked};
        for (from, step, to) in [
            (Due, Step::Take, Some(Delivered)),
            (Due, Step::Wait, Some(Due)),
            (Due, Step::GiveUp, Some(Parked)),
            (Due, Step::Redeliver, Some(Due)),
            (Delivered, Step::Take, None),
            (Delivered, Step::Wait, None),
            (Delivered, Step::GiveUp, None),
            (Delivered, Step::Redeliver, Some(Due)),
            (Parked, Step::Take, None),
            (Parked, Step::Wait, None),
            (Parked, Step::GiveUp, None),
            (Parked, Step::Redeliver, Some(Due)),
        ] {
            assert_eq!(from.after(step).ok(), to, "{from} {step:?}");
        }
    }
}
