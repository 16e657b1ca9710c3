//! From the rows of a period to the figures that are told: grouped, added up, with what is too small
//! to be told left out. Pure but for the reading.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::histogram::{Histogram, NOTIFY_MILLISECONDS, PAY_SECONDS};
use super::store::Grouping;
use super::tally::{Counts, Key};
use crate::registers::directory::Directory;
use crate::vocabulary::day::BusinessDay;

/// Counts from 1 up to below this are not told: behind so few there are people.
pub const THRESHOLD: i64 = 5;

/// Percentiles of a duration: what is told is the bound that it is not above; none above the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Percentiles {
    /// Half of them.
    pub p50: Option<i64>,
    /// 95 in a hundred.
    pub p95: Option<i64>,
    /// 99 in a hundred.
    pub p99: Option<i64>,
}

impl Percentiles {
    fn of(times: &Histogram, bounds: &[i64]) -> Option<Self> {
        (times.count() >= THRESHOLD).then(|| Self {
            p50: times.percentile(50, bounds),
            p95: times.percentile(95, bounds),
            p99: times.percentile(99, bounds),
        })
    }
}

/// Figures of one group, or of all. A count or sum that is not told is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figures {
    /// Invoices issued. By channel there are none: nobody has chosen yet.
    pub issued: Option<i64>,
    /// Their sum (đồng, or the currency's own unit).
    #[schema(value_type = Option<String>)]
    pub issued_amount: Option<Decimal>,
    /// Payments.
    pub paid: Option<i64>,
    /// Their sum.
    #[schema(value_type = Option<String>)]
    pub paid_amount: Option<Decimal>,
    /// Invoices whose time ran out.
    pub expired: Option<i64>,
    /// Invoices that their portal took back.
    pub cancelled: Option<i64>,
    /// Payments that a bank took back.
    pub reversed: Option<i64>,
    /// Their sum.
    #[schema(value_type = Option<String>)]
    pub reversed_amount: Option<Decimal>,
    /// Refunds that arrived.
    pub refunded: Option<i64>,
    /// Their sum.
    #[schema(value_type = Option<String>)]
    pub refunded_amount: Option<Decimal>,
    /// Orders that payers began.
    pub attempts: Option<i64>,
    /// Of those that ended, how many were paid, in a thousand.
    pub attempts_succeeded_per_mille: Option<i64>,
    /// From issue to payment, in seconds.
    pub time_to_pay_seconds: Option<Percentiles>,
    /// Notices of payments that portals took.
    pub notices: Option<i64>,
    /// Of those that ended, how many were taken, in a thousand.
    pub notices_taken_per_mille: Option<i64>,
    /// From payment to the portal's answer, in milliseconds.
    pub time_to_notify_milliseconds: Option<Percentiles>,
}

fn shown(count: i64) -> Option<i64> {
    (count == 0 || count >= THRESHOLD).then_some(count)
}

/// A sum is told when its count is.
fn shown_sum(count: i64, sum: Decimal) -> Option<Decimal> {
    shown(count).map(|_| sum.normalize())
}

fn per_mille(good: i64, bad: i64) -> Option<i64> {
    let all = good + bad;
    (all >= THRESHOLD).then(|| (good * 1000 + all / 2) / all)
}

impl Figures {
    /// Half of the payments came within this (seconds).
    pub fn pay_median(&self) -> Option<i64> {
        self.time_to_pay_seconds.and_then(|times| times.p50)
    }

    /// 95 in a hundred notices arrived within this (milliseconds).
    pub fn notify_p95(&self) -> Option<i64> {
        self.time_to_notify_milliseconds.and_then(|times| times.p95)
    }

    /// What is told of counts.
    pub fn of(counts: &Counts) -> Self {
        Self {
            issued: shown(counts.issued),
            issued_amount: shown_sum(counts.issued, counts.issued_amount),
            paid: shown(counts.paid),
            paid_amount: shown_sum(counts.paid, counts.paid_amount),
            expired: shown(counts.expired),
            cancelled: shown(counts.cancelled),
            reversed: shown(counts.reversed),
            reversed_amount: shown_sum(counts.reversed, counts.reversed_amount),
            refunded: shown(counts.refunded),
            refunded_amount: shown_sum(counts.refunded, counts.refunded_amount),
            attempts: shown(counts.attempts),
            attempts_succeeded_per_mille: per_mille(
                counts.attempts_succeeded,
                counts.attempts_failed,
            ),
            time_to_pay_seconds: Percentiles::of(&counts.pay_times, PAY_SECONDS),
            notices: shown(counts.notices),
            notices_taken_per_mille: per_mille(counts.notices, counts.notices_failed),
            time_to_notify_milliseconds: Percentiles::of(&counts.notify_times, NOTIFY_MILLISECONDS),
        }
    }
}

/// A group: its key, its names, its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// Code of the agency, procedure or partner, or the day.
    pub key: String,
    /// Vietnamese name; the key where there is none.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// ISO 4217.
    pub currency: String,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The figures of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Told {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// `agency`, `procedure`, `channel` or `day`.
    pub by: &'static str,
    /// Everything up to then is counted.
    pub as_of: Option<DateTime<Utc>>,
    /// Counts from 1 up to below this are `null`.
    pub threshold: i64,
    /// All groups together, by currency; what is `null` in a group is not in here, so that nobody
    /// subtracts.
    pub total: Vec<Group>,
    /// The groups, by key.
    pub groups: Vec<Group>,
}

impl Grouping {
    /// As it is asked for.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "agency" => Some(Self::Agency),
            "procedure" => Some(Self::Procedure),
            "channel" => Some(Self::Channel),
            "day" => Some(Self::Day),
            _ => None,
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::Procedure => "procedure",
            Self::Channel => "channel",
            Self::Day => "day",
        }
    }

    fn key(self, key: &Key) -> String {
        match self {
            Self::Agency => key.agency.clone(),
            Self::Procedure => key.procedure.clone(),
            Self::Channel => key.partner.clone(),
            Self::Day => key.day.to_string(),
        }
    }

    fn names(self, directory: &Directory, key: &str, day: NaiveDate) -> (String, String) {
        let day = BusinessDay(day);
        let names = match self {
            Self::Agency => directory.agency(key, day).map(|a| (&a.name, &a.name_en)),
            Self::Procedure => directory.procedure(key, day).map(|p| (&p.name, &p.name_en)),
            Self::Channel => directory.partner(key).map(|p| (&p.name, &p.name_en)),
            Self::Day => None,
        };
        let names = names.map(|(name, name_en)| (name.clone(), name_en.clone()));
        names.unwrap_or_else(|| (key.to_owned(), String::new()))
    }
}

/// Only what is told of each count: the sum of these is the total.
fn only_shown(counts: &Counts) -> Counts {
    let keep = |count: i64| shown(count).unwrap_or(0);
    let sum = |count: i64, sum: Decimal| if shown(count).is_some() { sum } else { Decimal::ZERO };
    let times = |times: &Histogram| {
        if times.count() >= THRESHOLD { times.clone() } else { Histogram::default() }
    };
    let ended = counts.attempts_succeeded + counts.attempts_failed >= THRESHOLD;
    let told = counts.notices + counts.notices_failed >= THRESHOLD;
    Counts {
        issued: keep(counts.issued),
        issued_amount: sum(counts.issued, counts.issued_amount),
        paid: keep(counts.paid),
        paid_amount: sum(counts.paid, counts.paid_amount),
        expired: keep(counts.expired),
        cancelled: keep(counts.cancelled),
        reversed: keep(counts.reversed),
        reversed_amount: sum(counts.reversed, counts.reversed_amount),
        refunded: keep(counts.refunded),
        refunded_amount: sum(counts.refunded, counts.refunded_amount),
        attempts: keep(counts.attempts),
        attempts_succeeded: if ended { counts.attempts_succeeded } else { 0 },
        attempts_failed: if ended { counts.attempts_failed } else { 0 },
        notices: if told { keep(counts.notices) } else { 0 },
        notices_failed: if told { counts.notices_failed } else { 0 },
        pay_times: times(&counts.pay_times),
        notify_times: times(&counts.notify_times),
    }
}

/// Groups rows and leaves out what is not told.
pub fn tell(
    rows: &[(Key, Counts)],
    (from, to): (NaiveDate, NaiveDate),
    by: Grouping,
    directory: &Directory,
    as_of: Option<DateTime<Utc>>,
) -> Told {
    let mut sums: BTreeMap<(String, String), Counts> = BTreeMap::new();
    for (key, counts) in rows {
        let group = by.key(key);
        // What nobody was chosen for yet is of no channel.
        if by == Grouping::Channel && group.is_empty() {
            continue;
        }
        sums.entry((group, key.currency.clone())).or_default().join(counts);
    }
    let mut totals: BTreeMap<String, Counts> = BTreeMap::new();
    let mut groups = Vec::with_capacity(sums.len());
    for ((key, currency), counts) in &sums {
        totals.entry(currency.clone()).or_default().join(&only_shown(counts));
        let (name, name_en) = by.names(directory, key, to);
        groups.push(Group {
            key: key.clone(),
            name,
            name_en,
            currency: currency.clone(),
            figures: Figures::of(counts),
        });
    }
    let total = totals
        .into_iter()
        .map(|(currency, counts)| Group {
            key: "total".to_owned(),
            name: "Tổng cộng".to_owned(),
            name_en: "Total".to_owned(),
            currency,
            figures: Figures::of(&counts),
        })
        .collect();
    Told { from, to, by: by.as_str(), as_of, threshold: THRESHOLD, total, groups }
}

const HEADINGS: [&str; 25] = [
    "key",
    "name",
    "name_en",
    "currency",
    "issued",
    "issued_amount",
    "paid",
    "paid_amount",
    "expired",
    "cancelled",
    "reversed",
    "reversed_amount",
    "refunded",
    "refunded_amount",
    "attempts",
    "attempts_succeeded_per_mille",
    "time_to_pay_p50_seconds",
    "time_to_pay_p95_seconds",
    "time_to_pay_p99_seconds",
    "notices",
    "notices_taken_per_mille",
    "time_to_notify_p50_milliseconds",
    "time_to_notify_p95_milliseconds",
    "time_to_notify_p99_milliseconds",
    "threshold",
];

impl Told {
    /// As CSV; what is not told is an empty cell.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = b"\xef\xbb\xbf".to_vec();
        {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(HEADINGS)?;
            for group in self.groups.iter().chain(&self.total) {
                writer.write_record(self.cells(group))?;
            }
            writer.flush()?;
        }
        Ok(out)
    }

    fn cells(&self, group: &Group) -> Vec<String> {
        let f = &group.figures;
        let count = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let sum = |n: Option<Decimal>| n.map(|n| n.to_string()).unwrap_or_default();
        let times =
            |p: Option<Percentiles>| p.map_or([None; 3], |p| [p.p50, p.p95, p.p99]).map(count);
        let [pay50, pay95, pay99] = times(f.time_to_pay_seconds);
        let [told50, told95, told99] = times(f.time_to_notify_milliseconds);
        // No spreadsheet takes a name for a formula.
        let safe = |text: &str| {
            if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                format!("'{text}")
            } else {
                text.to_owned()
            }
        };
        vec![
            safe(&group.key),
            safe(&group.name),
            safe(&group.name_en),
            group.currency.clone(),
            count(f.issued),
            sum(f.issued_amount),
            count(f.paid),
            sum(f.paid_amount),
            count(f.expired),
            count(f.cancelled),
            count(f.reversed),
            sum(f.reversed_amount),
            count(f.refunded),
            sum(f.refunded_amount),
            count(f.attempts),
            count(f.attempts_succeeded_per_mille),
            pay50,
            pay95,
            pay99,
            count(f.notices),
            count(f.notices_taken_per_mille),
            told50,
            told95,
            told99,
            self.threshold.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::directory::Opened;
    use crate::registers::entries::Entries;

    fn rows() -> Vec<(Key, Counts)> {
        let key = |day: &str, agency: &str, partner: &str| Key {
            day: day.parse().expect("a day"),
            agency: agency.to_owned(),
            procedure: "1.1".to_owned(),
            partner: partner.to_owned(),
            currency: "VND".to_owned(),
        };
        let counts = |issued: i64, paid: i64| Counts {
            issued,
            issued_amount: Decimal::from(issued * 1000),
            paid,
            paid_amount: Decimal::from(paid * 1000),
            ..Counts::default()
        };
        vec![
            (key("2026-11-20", "G01", ""), counts(10, 0)),
            (key("2026-11-20", "G01", "bank"), counts(0, 7)),
            (key("2026-11-21", "G01", "wallet"), counts(0, 2)),
            (key("2026-11-21", "G02", ""), counts(4, 0)),
            (key("2026-11-21", "G02", "bank"), counts(0, 4)),
        ]
    }

    fn told(by: Grouping) -> Told {
        let directory = Directory::new(1, Entries::default(), Opened::default());
        let day = |text: &str| text.parse().expect("a day");
        tell(&rows(), (day("2026-11-20"), day("2026-11-21")), by, &directory, None)
    }

    #[test]
    fn what_is_too_small_is_not_told_and_cannot_be_subtracted() {
        let by_agency = told(Grouping::Agency);
        let figures: Vec<_> =
            by_agency.groups.iter().map(|g| (&*g.key, g.figures.issued, g.figures.paid)).collect();
        assert_eq!(figures, [("G01", Some(10), Some(9)), ("G02", None, None)]);
        let total = &by_agency.total[0].figures;
        assert_eq!((total.issued, total.paid), (Some(10), Some(9)), "without G02");
        assert_eq!(total.paid_amount, Some(Decimal::from(9000)));
        assert_eq!(total.expired, Some(0), "nothing is told as nothing");
    }

    #[test]
    fn each_way_of_grouping_adds_up_the_same_rows() {
        let by_channel = told(Grouping::Channel);
        let figures: Vec<_> = by_channel.groups.iter().map(|g| (&*g.key, g.figures.paid)).collect();
        assert_eq!(figures, [("bank", Some(11)), ("wallet", None)]);
        let by_day = told(Grouping::Day);
        let figures: Vec<_> =
            by_day.groups.iter().map(|g| (&*g.key, g.figures.issued, g.figures.paid)).collect();
        assert_eq!(figures, [("2026-11-20", Some(10), Some(7)), ("2026-11-21", None, Some(6))]);
        let csv = String::from_utf8(by_day.to_csv().expect("a table")).expect("text");
        let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 1 + 2 + 1);
        assert!(lines[2].starts_with("2026-11-21,2026-11-21,,VND,,,6,6000,0,"), "{}", lines[2]);
        assert!(lines.iter().all(|line| line.matches(',').count() == HEADINGS.len() - 1));
    }

    #[test]
    fn a_rate_is_told_of_enough() {
        assert_eq!(per_mille(4, 0), None);
        assert_eq!(per_mille(5, 0), Some(1000));
        assert_eq!(per_mille(2, 4), Some(333));
        assert_eq!(per_mille(0, 7), Some(0));
    }
}
