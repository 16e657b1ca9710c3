//! Instants and spans as people say them, in both languages.

use chrono::{DateTime, NaiveDate, Utc};

use super::words::Language;
use crate::vocabulary::day::to_local;

/// `16:30 ngày 20/11/2026 (giờ Việt Nam, GMT+7)`, `16:30 on 20 November 2026 (Viet Nam time, GMT+7)`.
pub fn date_time(language: Language, at: DateTime<Utc>) -> String {
    let local = to_local(at);
    match language {
        Language::Vi => local.format("%H:%M ngày %d/%m/%Y (giờ Việt Nam, GMT+7)").to_string(),
        Language::En => local.format("%H:%M on %-d %B %Y (Viet Nam time, GMT+7)").to_string(),
    }
}

/// `23/11/2026`, `23 November 2026`.
pub fn date(language: Language, day: NaiveDate) -> String {
    match language {
        Language::Vi => day.format("%d/%m/%Y").to_string(),
        Language::En => day.format("%-d %B %Y").to_string(),
    }
}

/// What is left until `until`, in its two largest units; never less than "under a minute".
pub fn time_left(language: Language, now: DateTime<Utc>, until: DateTime<Utc>) -> String {
    let minutes = (until - now).num_minutes().max(0);
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let parts: Vec<String> = match (days, hours, minutes) {
        (0, 0, 0) => {
            return match language {
                Language::Vi => "Còn chưa đến một phút".to_owned(),
                Language::En => "Less than a minute left".to_owned(),
            };
        }
        (0, 0, m) => vec![unit(language, m, Unit::Minute)],
        (0, h, 0) => vec![unit(language, h, Unit::Hour)],
        (0, h, m) => vec![unit(language, h, Unit::Hour), unit(language, m, Unit::Minute)],
        (d, 0, _) => vec![unit(language, d, Unit::Day)],
        (d, h, _) => vec![unit(language, d, Unit::Day), unit(language, h, Unit::Hour)],
    };
    match language {
        Language::Vi => format!("Còn {}", parts.join(" ")),
        Language::En => format!("{} left", parts.join(" ")),
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Day,
    Hour,
    Minute,
}

fn unit(language: Language, count: i64, unit: Unit) -> String {
    let (vietnamese, english) = match unit {
        Unit::Day => ("ngày", "day"),
        Unit::Hour => ("giờ", "hour"),
        Unit::Minute => ("phút", "minute"),
    };
    match language {
        Language::Vi => format!("{count} {vietnamese}"),
        Language::En if count == 1 => format!("{count} {english}"),
        Language::En => format!("{count} {english}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_date_is_told_with_its_zone() {
        let instant = at("2026-11-20T17:05:00Z");
        assert_eq!(date_time(Language::Vi, instant), "00:05 ngày 21/11/2026 (giờ Việt Nam, GMT+7)");
        assert_eq!(
            date_time(Language::En, instant),
            "00:05 on 21 November 2026 (Viet Nam time, GMT+7)"
        );
    }

    #[test]
    fn time_left_is_told_in_its_two_largest_units() {
        let now = at("2026-11-20T00:00:00Z");
        for (until, vietnamese, english) in [
            ("2026-11-22T05:59:00Z", "Còn 2 ngày 5 giờ", "2 days 5 hours left"),
            ("2026-11-21T00:30:00Z", "Còn 1 ngày", "1 day left"),
            ("2026-11-20T01:01:00Z", "Còn 1 giờ 1 phút", "1 hour 1 minute left"),
            ("2026-11-20T03:00:30Z", "Còn 3 giờ", "3 hours left"),
            ("2026-11-20T00:14:59Z", "Còn 14 phút", "14 minutes left"),
            ("2026-11-20T00:00:59Z", "Còn chưa đến một phút", "Less than a minute left"),
            ("2026-11-19T00:00:00Z", "Còn chưa đến một phút", "Less than a minute left"),
        ] {
            assert_eq!(time_left(Language::Vi, now, at(until)), vietnamese);
            assert_eq!(time_left(Language::En, now, at(until)), english);
        }
    }
}
