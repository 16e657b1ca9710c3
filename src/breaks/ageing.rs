//! How old a case is, and how much it matters.

use super::code::BreakCode;
use crate::text_enum;

text_enum! {
    /// Ages as officers count them, in days after the one that ageing starts on.
    pub enum Bucket ("age") {
        /// Not a day yet.
        Today = "today",
        /// One day.
        Day1 = "t1",
        /// Two or three days.
        Days3 = "t2_3",
        /// Four days to a week.
        Days7 = "t4_7",
        /// More than a week.
        Days30 = "8_30",
        /// More than a month.
        Older = "over_30",
    }
}

impl Bucket {
    /// Of so many days.
    pub const fn of(days: i64) -> Self {
        match days {
            ..=0 => Self::Today,
            1 => Self::Day1,
            2..=3 => Self::Days3,
            4..=7 => Self::Days7,
            8..=30 => Self::Days30,
            _ => Self::Older,
        }
    }

    /// The days that it holds, from and to.
    pub const fn days(self) -> (i32, i32) {
        match self {
            Self::Today => (i32::MIN, 0),
            Self::Day1 => (1, 1),
            Self::Days3 => (2, 3),
            Self::Days7 => (4, 7),
            Self::Days30 => (8, 30),
            Self::Older => (31, i32::MAX),
        }
    }
}

text_enum! {
    /// How much a case matters.
    pub enum Severity ("severity") {
        /// When there is time.
        Low = "low",
        /// This week.
        Medium = "medium",
        /// Today.
        High = "high",
        /// Now.
        Critical = "critical",
    }
}

/// From these amounts of đồng on a case weighs one more, and two.
pub const MUCH: [i64; 2] = [1_000_000, 100_000_000];
/// Past these days a case weighs one more, and two.
pub const OLD: [i64; 2] = [1, 7];

/// The points of a case: f(code, đồng, age). Statements that sort reckon the same.
pub fn points(code: BreakCode, dong: i64, days: i64) -> i32 {
    let past = |steps: [i64; 2], is: fn(i64, i64) -> bool, value: i64| {
        steps.iter().map(|step| i32::from(is(value, *step))).sum::<i32>()
    };
    code.weight() + past(MUCH, |v, s| v >= s, dong) + past(OLD, |v, s| v > s, days)
}

impl Severity {
    /// Of so many points.
    pub const fn of(points: i32) -> Self {
        match points {
            ..=1 => Self::Low,
            2 => Self::Medium,
            3..=4 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The points that it holds, from and to.
    pub const fn points(self) -> (i32, i32) {
        match self {
            Self::Low => (i32::MIN, 1),
            Self::Medium => (2, 2),
            Self::High => (3, 4),
            Self::Critical => (5, i32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_what_its_name_says() {
        for days in -3..40 {
            for bucket in Bucket::ALL {
                let (from, to) = bucket.days();
                assert_eq!((from..=to).contains(&days), Bucket::of(days.into()) == *bucket);
            }
        }
        for points in -3..12 {
            for severity in Severity::ALL {
                let (from, to) = severity.points();
                assert_eq!((from..=to).contains(&points), Severity::of(points) == *severity);
            }
        }
    }

    #[test]
    fn days_fall_into_the_buckets_of_the_officers() {
        let of = |days| Bucket::of(days).as_str();
        let days = [-3, 0, 1, 2, 3, 4, 7, 8, 30, 31];
        assert_eq!(
            days.map(of),
            ["today", "today", "t1", "t2_3", "t2_3", "t4_7", "t4_7", "8_30", "8_30", "over_30"]
        );
    }

    #[test]
    fn more_money_more_age_and_a_heavier_code_matter_more() {
        let of = |code, dong, days| Severity::of(points(code, dong, days)).as_str();
        assert_eq!(of(BreakCode::Late, 999_999, 1), "low");
        assert_eq!(of(BreakCode::Late, 1_000_000, 2), "medium");
        assert_eq!(of(BreakCode::Unknown, 100_000_000, 0), "high");
        assert_eq!(of(BreakCode::Reversed, 150_000, 0), "medium");
        assert_eq!(of(BreakCode::Reversed, 1_000_000, 8), "critical");
        for code in BreakCode::ALL {
            for (less, more) in [((0, 0), (1_000_000, 0)), ((0, 1), (0, 2)), ((0, 7), (0, 8))] {
                assert!(points(*code, less.0, less.1) < points(*code, more.0, more.1), "{code}");
            }
        }
    }
}
