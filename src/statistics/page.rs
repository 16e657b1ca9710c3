//! How the figures become a page: charts as inline SVG, the same numbers in tables, no scripts needed.

use askama::Template;
use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::figures::{Figures, Group, Told};
use super::store::Grouping;
use super::words::Texts;
use crate::counter::assets::ASSETS;
use crate::counter::drawing::Frame;
use crate::counter::times;
use crate::counter::words::Language;

/// What the page shows.
#[derive(Debug)]
pub struct StatisticsPage {
    /// The reader's language.
    pub language: Language,
    /// First and last day, as they were asked for.
    pub period: (NaiveDate, NaiveDate),
    /// By what.
    pub by: Grouping,
    /// What was asked for cannot be shown.
    pub wrong: bool,
    /// By day, for the chart and the key figures.
    pub days: Told,
    /// By what was asked for.
    pub groups: Told,
}

/// A bar: its share of the longest, in a thousand.
struct Bar<'a> {
    name: &'a str,
    value: String,
    length: i64,
}

/// A column of the days' chart: from the left, and how high, in a hundred.
struct Column {
    x: usize,
    y: i64,
    height: i64,
    told: String,
}

#[derive(Template)]
#[template(path = "statistics/page.html")]
struct PageTemplate<'a> {
    frame: Frame<'a>,
    t: Texts,
    page: &'a StatisticsPage,
    key_figures: Vec<(&'static str, String)>,
    columns: Vec<Column>,
    columns_width: usize,
    most_a_day: String,
    bars: Vec<Bar<'a>>,
    as_of: Option<String>,
    query: String,
}

impl StatisticsPage {
    /// The whole document.
    pub fn render(&self) -> Result<String, askama::Error> {
        let t = Texts::of(self.language);
        let columns = self.columns();
        let mut frame = Frame::of(self.language, t.title.to_owned());
        frame.switch = Some(self.address(self.language.other()));
        let most = self.days.groups.iter().filter_map(|g| g.figures.paid).max().unwrap_or(0);
        PageTemplate {
            frame,
            key_figures: self.key_figures(&t),
            columns_width: columns.len().max(1) * 10,
            columns,
            most_a_day: grouped(most),
            bars: self.bars(),
            as_of: self.days.as_of.map(|at| times::date_time(self.language, at)),
            query: self.query(),
            t,
            page: self,
        }
        .render()
    }

    fn query(&self) -> String {
        let (from, to) = self.period;
        format!("from={from}&to={to}&by={}", self.by.as_str())
    }

    fn address(&self, language: Language) -> String {
        let lang = if language == Language::En { "&lang=en" } else { "" };
        format!("/statistics?{}{lang}", self.query())
    }

    fn first_total(&self) -> Option<&Figures> {
        self.days.total.first().map(|group| &group.figures)
    }

    fn key_figures(&self, t: &Texts) -> Vec<(&'static str, String)> {
        let Some(f) = self.first_total() else { return Vec::new() };
        let of_issued = match (f.paid, f.issued) {
            (Some(paid), Some(issued)) if issued > 0 => Some(paid * 1000 / issued),
            _ => None,
        };
        let pay = f.time_to_pay_seconds.and_then(|p| p.p50);
        let notify = f.time_to_notify_milliseconds.and_then(|p| p.p95);
        vec![
            (t.issued, self.count(f.issued)),
            (t.paid, self.count(f.paid)),
            (t.paid_amount, self.money(f.paid_amount)),
            (t.paid_share, self.share(of_issued)),
            (t.attempts_good, self.share(f.attempts_succeeded_per_mille)),
            (t.pay_time, self.seconds(pay)),
            (t.notices_good, self.share(f.notices_taken_per_mille)),
            (t.notify_time, self.milliseconds(notify)),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        let (from, to) = self.period;
        let paid = |day: NaiveDate| {
            let key = day.to_string();
            let group = self.days.groups.iter().find(|group| group.key == key);
            group.map_or(Some(0), |group| group.figures.paid)
        };
        let most = self.days.groups.iter().filter_map(|g| g.figures.paid).max().unwrap_or(0).max(1);
        from.iter_days()
            .take_while(|day| *day <= to)
            .enumerate()
            .map(|(place, day)| {
                let value = paid(day);
                // What is not told is neither nothing nor a height.
                let height = value.map_or(2, |n| if n == 0 { 0 } else { (n * 100 / most).max(1) });
                let told = format!("{}: {}", times::date(self.language, day), self.count(value));
                Column { x: place * 10, y: 100 - height, height, told }
            })
            .collect()
    }

    fn bars(&self) -> Vec<Bar<'_>> {
        if self.by == Grouping::Day {
            return Vec::new();
        }
        let mut groups: Vec<&Group> = self.groups.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.figures.paid.unwrap_or(0)));
        let most = groups.first().and_then(|g| g.figures.paid).unwrap_or(0).max(1);
        groups
            .into_iter()
            .take(20)
            .map(|group| Bar {
                name: self.name(group),
                value: self.count(group.figures.paid),
                length: group.figures.paid.unwrap_or(0) * 1000 / most,
            })
            .collect()
    }

    fn name<'a>(&self, group: &'a Group) -> &'a str {
        match self.language {
            Language::En if !group.name_en.is_empty() => &group.name_en,
            _ => &group.name,
        }
    }

    fn count(&self, count: Option<i64>) -> String {
        count.map_or_else(|| Texts::of(self.language).not_told.to_owned(), grouped)
    }

    fn money(&self, sum: Option<Decimal>) -> String {
        match sum.map(i64::try_from) {
            Some(Ok(sum)) => format!("{} đ", grouped(sum)),
            Some(Err(_)) | None => Texts::of(self.language).not_told.to_owned(),
        }
    }

    fn share(&self, per_mille: Option<i64>) -> String {
        let comma = if self.language == Language::Vi { ',' } else { '.' };
        per_mille.map_or_else(|| "–".to_owned(), |n| format!("{}{comma}{} %", n / 10, n % 10))
    }

    fn seconds(&self, seconds: Option<i64>) -> String {
        let (minute, hour, day) = match self.language {
            Language::Vi => ("phút", "giờ", "ngày"),
            Language::En => ("min", "h", "d"),
        };
        seconds.map_or_else(
            || "–".to_owned(),
            |n| match n {
                ..120 => format!("≤ {n} s"),
                120..7200 => format!("≤ {} {minute}", n / 60),
                7200..172_800 => format!("≤ {} {hour}", n / 3600),
                _ => format!("≤ {} {day}", n / 86_400),
            },
        )
    }

    fn milliseconds(&self, milliseconds: Option<i64>) -> String {
        match milliseconds {
            Some(n) if n < 2000 => format!("≤ {n} ms"),
            other => self.seconds(other.map(|n| n / 1000)),
        }
    }

    fn by_told(&self) -> &'static str {
        let t = Texts::of(self.language);
        match self.by {
            Grouping::Agency => t.by_agency,
            Grouping::Procedure => t.by_procedure,
            Grouping::Channel => t.by_channel,
            Grouping::Day => t.by_day,
        }
    }

    fn is_by(&self, by: &str) -> bool {
        self.by.as_str() == by
    }
}

/// Digits in threes: `1.234.567`.
fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_threes() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1.000"), (1_234_567, "1.234.567")] {
            assert_eq!(grouped(n), text);
        }
    }
}
