//! The clock comes in as an argument, so that a test can hold it, turn it and let it lie.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands behind another: a rehearsal plays on days that have ended, since a day can
/// only be closed when it is over.
#[derive(Debug, Clone)]
pub struct Behind {
    /// The other.
    pub of: SharedClock,
    /// By how much.
    pub by: Duration,
}

impl Clock for Behind {
    fn now(&self) -> DateTime<Utc> {
        self.of.now() - self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_behind_goes_as_the_other_does() {
        let true_time: SharedClock = Arc::new(SystemClock);
        let by = Duration::hours(30);
        let behind = Behind { of: true_time.clone(), by };
        let (before, told, after) = (true_time.now(), behind.now(), true_time.now());
        assert!(before - by <= told && told <= after - by);
    }
}
