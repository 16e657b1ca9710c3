//! Working days, as far as matching needs them: a function that says which days are.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};

/// Which days banks work on.
#[derive(Clone)]
pub struct WorkingDays(Arc<dyn Fn(NaiveDate) -> bool + Send + Sync>);

impl std::fmt::Debug for WorkingDays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WorkingDays")
    }
}

impl WorkingDays {
    /// The days for which `is_working_day` holds.
    pub fn new(is_working_day: impl Fn(NaiveDate) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_working_day))
    }

    /// Monday to Friday without the holidays whose date is fixed; Tết is not among them.
    pub fn plain() -> Self {
        Self::new(|day| {
            !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
                && !matches!((day.month(), day.day()), (1 | 5, 1) | (4, 30) | (9, 2))
        })
    }

    /// Do banks work on that day?
    pub fn is(&self, day: NaiveDate) -> bool {
        (self.0)(day)
    }

    /// The last day of a window that begins on a day and holds so many working days after it.
    pub fn window_end(&self, from: NaiveDate, working_days: u16) -> NaiveDate {
        let mut day = from;
        let mut left = working_days;
        // No calendar holds a year without a working day.
        for _ in 0..366 {
            if left == 0 {
                break;
            }
            let Some(next) = day.succ_opt() else { break };
            day = next;
            left -= u16::from(self.is(day));
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_working_days_only() {
        let days = WorkingDays::plain();
        let end = |from: &str, n| days.window_end(from.parse().expect("a date"), n).to_string();
        assert_eq!(end("2026-11-16", 0), "2026-11-16");
        assert_eq!(end("2026-11-16", 3), "2026-11-19");
        assert_eq!(end("2026-11-19", 1), "2026-11-20");
        assert_eq!(end("2026-11-20", 1), "2026-11-23", "over a weekend");
        assert_eq!(end("2026-04-29", 1), "2026-05-04", "over two holidays and a weekend");
        let never = WorkingDays::new(|_| false);
        assert_eq!(
            never.window_end("2026-01-01".parse().expect("a date"), 1).to_string(),
            "2027-01-02"
        );
    }
}
