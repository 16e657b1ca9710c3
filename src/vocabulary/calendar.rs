//! The working calendar (lịch làm việc): which days banks and the Treasury work on.
//!
//! Saturdays and Sundays are off, days off of the state are off, and a weekend may be worked in
//! place of another day. What is off is data (`calendar.csv` of the registers).

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// Nobody is off for so long: a calendar that says so is wrong, and looking on is no use.
const LONGEST: u32 = 60;

/// The days that are not as their weekday says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// True: worked; false: off.
    exceptions: BTreeMap<NaiveDate, bool>,
}

impl Calendar {
    /// A calendar of exceptions: a day, and whether it is worked.
    pub fn new(exceptions: impl IntoIterator<Item = (NaiveDate, bool)>) -> Self {
        Self { exceptions: exceptions.into_iter().collect() }
    }

    /// Is it a working day?
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        let weekday = !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        self.exceptions.get(&day).copied().unwrap_or(weekday)
    }

    /// The first working day at or after a day.
    pub fn working_day_from(&self, day: NaiveDate) -> NaiveDate {
        let mut found = day;
        for _ in 0..LONGEST {
            if self.is_working_day(found) {
                return found;
            }
            found = next(found);
        }
        found
    }

    /// The `count`-th working day after a day; with 0 the first one at or after it.
    pub fn add_working_days(&self, day: NaiveDate, count: u32) -> NaiveDate {
        (0..count).fold(self.working_day_from(day), |at, _| self.working_day_from(next(at)))
    }

    /// The first working day after a day.
    pub fn next_working_day(&self, day: NaiveDate) -> NaiveDate {
        self.working_day_from(next(day))
    }

    /// How many working days lie after `from`, up to and with `until`.
    pub fn working_days_between(&self, from: NaiveDate, until: NaiveDate) -> u32 {
        let days = from.iter_days().skip(1).take_while(|day| *day <= until);
        u32::try_from(days.filter(|day| self.is_working_day(*day)).count()).unwrap_or(u32::MAX)
    }
}

fn next(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    /// Tết of 2027 and a Saturday that is worked in place of its Monday.
    fn calendar() -> Calendar {
        let tet = ["2027-02-04", "2027-02-05", "2027-02-08", "2027-02-09", "2027-02-10"];
        let off = tet.into_iter().map(|text| (day(text), false));
        Calendar::new(off.chain([(day("2027-02-13"), true)]))
    }

    #[test]
    fn weekends_are_off_unless_worked_and_days_off_are_off() {
        let calendar = calendar();
        for (of, works) in [
            ("2027-02-03", true),
            ("2027-02-04", false),
            ("2027-02-06", false),
            ("2027-02-11", true),
            ("2027-02-13", true),
            ("2027-02-14", false),
        ] {
            assert_eq!(calendar.is_working_day(day(of)), works, "{of}");
        }
    }

    #[test]
    fn working_days_are_counted_over_tet() {
        let calendar = calendar();
        let after = |of, count| calendar.add_working_days(day(of), count).to_string();
        assert_eq!(after("2027-02-03", 0), "2027-02-03");
        assert_eq!(after("2027-02-03", 1), "2027-02-11");
        assert_eq!(after("2027-02-06", 0), "2027-02-11");
        assert_eq!(after("2027-02-12", 1), "2027-02-13");
        assert_eq!(after("2027-02-12", 2), "2027-02-15");
        assert_eq!(calendar.next_working_day(day("2027-02-03")).to_string(), "2027-02-11");
        assert_eq!(calendar.working_days_between(day("2027-02-03"), day("2027-02-13")), 3);
        assert_eq!(calendar.working_days_between(day("2027-02-13"), day("2027-02-03")), 0);
    }

    #[test]
    fn a_calendar_without_working_days_ends_the_search() {
        let from = day("2027-01-01");
        let off = Calendar::new(from.iter_days().take(400).map(|day| (day, false)));
        assert!(off.working_day_from(from) > from);
    }
}
