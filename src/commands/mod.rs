//! What the command line does, one file for each command.
//!
//! Commands stand beside the doors of HTTP: they read arguments and settings, call the rooms' use
//! cases, and say in one sentence what was done or what stands in the way. No rule is kept here;
//! what they change is audited under the name of who gave the command.

pub mod bench;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod keys;
pub mod officer;
pub mod partner;
pub mod partner_certify;
pub mod partner_vectors;
pub mod portal;
pub mod refunds;
pub mod registers;
pub mod request;
pub mod signing_key;
pub mod sweep;
pub mod verify;

use std::sync::Arc;

use chrono::Duration;

use crate::platform::settings::variable;
use crate::vocabulary::clock::{Behind, SharedClock, SystemClock};

/// How many seconds the clock of a rehearsal stands behind that of the machine.
pub const CLOCK_BEHIND: &str = "PAYCLEAR_CLOCK_BEHIND";
const MOST_BEHIND: i64 = 7 * 86_400;

/// Why there is no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Nobody who clears real money tells the time to a machine.
    #[error("{CLOCK_BEHIND} is for rehearsals: it is refused unless PAYCLEAR__MODE is development")]
    NotInDevelopment,
    /// Not a number of seconds, ahead, or too far behind.
    #[error("{CLOCK_BEHIND} must be a number of seconds from 0 to {MOST_BEHIND}")]
    NoSeconds,
}

/// The machine's clock, or in development one that stands behind it. It never stands ahead.
pub fn clock() -> Result<SharedClock, ClockError> {
    let mode = variable("PAYCLEAR__MODE");
    clock_of(variable(CLOCK_BEHIND).as_deref(), mode.as_deref())
}

fn clock_of(behind: Option<&str>, mode: Option<&str>) -> Result<SharedClock, ClockError> {
    let Some(behind) = behind else { return Ok(Arc::new(SystemClock)) };
    if mode != Some("development") {
        return Err(ClockError::NotInDevelopment);
    }
    let seconds = behind.parse::<i64>().ok().filter(|s| (0..=MOST_BEHIND).contains(s));
    let by = Duration::seconds(seconds.ok_or(ClockError::NoSeconds)?);
    Ok(Arc::new(Behind { of: Arc::new(SystemClock), by }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::clock::Clock;

    #[test]
    fn the_clock_is_told_the_time_in_rehearsals_alone() {
        let of = |behind, mode| clock_of(behind, mode).map(|clock| SystemClock.now() - clock.now());
        let about = |seconds: i64| move |gap: Duration| (gap.num_seconds() - seconds).abs() < 60;
        assert!(of(None, Some("production")).is_ok_and(about(0)));
        assert!(of(Some("86400"), Some("development")).is_ok_and(about(86_400)));
        assert_eq!(of(Some("86400"), Some("production")), Err(ClockError::NotInDevelopment));
        assert_eq!(of(Some("86400"), None), Err(ClockError::NotInDevelopment));
        for wrong in ["-1", "604801", "1 day"] {
            assert_eq!(of(Some(wrong), Some("development")), Err(ClockError::NoSeconds), "{wrong}");
        }
    }
}
