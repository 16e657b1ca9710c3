//! The clock of a demo of its own: it stands behind, goes from evening to morning, and comes to the
//! present. It never runs ahead, and never goes back.

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::{DemoError, Stage, say};
use crate::vocabulary::clock::{Behind, Clock, SystemClock};
use crate::vocabulary::day;

/// Who sets the clock of the stack: a program, called with `clock` and the seconds that it is to
/// stand behind. When it has ended, all of the stack goes by that.
#[derive(Debug)]
pub struct Night {
    pub program: String,
}

/// Half past eight of the next day in Việt Nam, or now when that is still to come.
fn next_morning(at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let morning = |day: NaiveDate| day.and_hms_opt(8, 30, 0).map(day::from_local);
    let next = day::to_local(at).date().succ_opt().and_then(morning);
    next.map_or(now, |next| next.min(now))
}

impl Night {
    async fn set(&self, stage: &mut Stage, to: DateTime<Utc>) -> Result<(), DemoError> {
        let behind = (SystemClock.now() - to).num_seconds().max(0);
        let done = tokio::process::Command::new(&self.program)
            .args(["clock", &behind.to_string()])
            .output()
            .await
            .map_err(|error| DemoError::Clock(error.to_string()))?;
        if !done.status.success() {
            return Err(DemoError::Clock(String::from_utf8_lossy(&done.stderr).into_owned()));
        }
        stage.clock = Arc::new(Behind { of: Arc::new(SystemClock), by: Duration::seconds(behind) });
        Ok(())
    }

    /// The night passes.
    pub async fn pass(&self, stage: &mut Stage) -> Result<(), DemoError> {
        let morning = next_morning(stage.clock.now(), SystemClock.now());
        self.set(stage, morning).await?;
        let wall = day::to_local(stage.clock.now());
        say(&format!("the night passes; it is {} in Hà Nội", wall.format("%Y-%m-%d %H:%M")));
        Ok(())
    }

    /// The stack is left in the present.
    pub async fn come_to_now(&self, stage: &mut Stage) -> Result<(), DemoError> {
        let now = SystemClock.now();
        if now - stage.clock.now() > Duration::seconds(2) {
            self.set(stage, now).await
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_to_the_next_morning_and_never_past_the_present() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let (evening, now) = (at("2026-11-21T13:00:00Z"), at("2026-11-23T00:30:00Z"));
        let first = next_morning(evening, now);
        assert_eq!(first, at("2026-11-22T01:30:00Z"));
        assert_eq!(next_morning(first, now), now, "07:30 in Hà Nội");
        assert_eq!(next_morning(first, at("2026-11-23T05:00:00Z")), at("2026-11-23T01:30:00Z"));
        // Late in the evening in Việt Nam it is the day before in Greenwich.
        assert_eq!(next_morning(at("2026-11-20T17:30:00Z"), now), at("2026-11-22T01:30:00Z"));
    }
}
