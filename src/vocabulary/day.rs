//! The business day (ngày đối soát): the only file that knows the time zone and the cut-off.

use std::fmt;

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// Asia/Ho_Chi_Minh: seven hours east of Greenwich the whole year.
pub fn zone() -> FixedOffset {
    FixedOffset::east_opt(7 * 3600).unwrap_or_else(|| unreachable!("seven hours are an offset"))
}

/// A wall-clock time of Việt Nam as an instant.
pub fn from_local(local: NaiveDateTime) -> DateTime<Utc> {
    (local - Duration::hours(7)).and_utc()
}

/// An instant as a wall-clock time of Việt Nam.
pub fn to_local(at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&zone()).naive_local()
}

/// The day that money belongs to for an officer who totals it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct BusinessDay(pub NaiveDate);

impl BusinessDay {
    /// The day of an instant; what comes at or after the cut-off belongs to the next day.
    pub fn of(at: DateTime<Utc>, cut_off: Option<NaiveTime>) -> Self {
        let local = to_local(at);
        match cut_off {
            Some(cut_off) if local.time() >= cut_off => {
                Self(local.date().succ_opt().unwrap_or(local.date()))
            }
            _ => Self(local.date()),
        }
    }
}

impl fmt::Display for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_turns_at_midnight_in_ha_noi_or_at_the_cut_off() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let day = |text: &str| BusinessDay(text.parse().expect("a date"));
        assert_eq!(BusinessDay::of(at("2026-11-20T16:59:59Z"), None), day("2026-11-20"));
        assert_eq!(BusinessDay::of(at("2026-11-20T17:00:00Z"), None), day("2026-11-21"));
        let four = NaiveTime::from_hms_opt(16, 0, 0);
        assert_eq!(BusinessDay::of(at("2026-11-20T08:59:59Z"), four), day("2026-11-20"));
        assert_eq!(BusinessDay::of(at("2026-11-20T09:00:00Z"), four), day("2026-11-21"));
    }
}
