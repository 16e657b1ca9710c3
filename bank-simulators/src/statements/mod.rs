//! What a bank or wallet says of a day: its statement or report, out of its own journal.
//!
//! Banks write camt.053.001.08 or MT940 of the collecting account, with running balances. Wallets and
//! the gateway write a CSV report with their fees and a batch; the batch's net is credited on the same
//! day, as one sum with the batch's id in its text, to the account at the payOS-shaped bank.
//! A defect can be planted: what is told then is wrong in one way, and consistent in all others.

mod camt;
mod csv;
mod mt940;

use chrono::{DateTime, NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::Value;

use crate::app::World;
use crate::clock;

/// A wallet keeps five of a thousand, rounded half up to a đồng.
pub const FEE_PER_MILLE: i64 = 5;

/// What is wrong with what is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// A payment is not told.
    Missing,
    /// A payment is told twice.
    Duplicate,
    /// A payment is told with 1,000 đồng more.
    Amount,
    /// A credit that no order is for.
    Unknown,
    /// The file ends in the middle.
    Truncated,
    /// The closing balance, or the declared sum, is 1 đồng more.
    Arithmetic,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// camt.053.001.08.
    Camt053,
    /// MT940.
    Mt940,
    /// The wallet's own.
    Csv,
}

/// One movement as it is told.
#[derive(Debug, Clone)]
pub struct Told {
    /// The bank's own id.
    pub transaction_id: String,
    /// The merchant's reference.
    pub reference: String,
    /// đồng, in positive.
    pub amount: i64,
    /// Wall clock of Viet Nam.
    pub at: chrono::NaiveDateTime,
    /// The text.
    pub memo: String,
}

/// A day of an account or a wallet.
#[derive(Debug, Clone)]
pub struct Day {
    /// The partner's code.
    pub partner: String,
    /// The account.
    pub account: String,
    /// The day.
    pub day: NaiveDate,
    /// đồng before it.
    pub opening: i64,
    /// In their order.
    pub movements: Vec<Told>,
    /// The closing balance is told wrong by so much.
    pub off_by: i64,
}

impl Day {
    fn total(&self) -> i64 {
        self.movements.iter().map(|told| told.amount).sum()
    }

    fn closing(&self) -> i64 {
        self.opening + self.total() + self.off_by
    }

    /// How many days since the first: the running number of the statement.
    fn number(&self) -> i64 {
        (self.day - NaiveDate::default()).num_days() % 100_000
    }
}

/// The fee of one payment.
pub fn fee_of(amount: i64) -> i64 {
    if amount > 0 { (amount * FEE_PER_MILLE + 500) / 1000 } else { 0 }
}

/// A batch's id.
pub fn batch_of(partner: &str, day: NaiveDate) -> String {
    format!("{}{}", partner.to_uppercase(), day.format("%Y%m%d"))
}

/// Every movement of a journal: whose, and what.
fn movements(journal: &[u8]) -> impl Iterator<Item = (String, Told)> + '_ {
    journal.split(|byte| *byte == b'\n').filter_map(|line| {
        let entry: Value = serde_json::from_slice(line).ok()?;
        if entry["kind"] != "movement" {
            return None;
        }
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let at = DateTime::parse_from_rfc3339(&text("time")).ok()?;
        let amount: i64 = text("amount").parse().ok()?;
        let told = Told {
            transaction_id: text("transaction_id"),
            reference: text("reference"),
            amount: if entry["direction"] == "out" { -amount } else { amount },
            at: clock::wall(at.to_utc()),
            memo: text("memo"),
        };
        Some((text("partner"), told))
    })
}

/// The wallets, whose batches the payOS-shaped bank takes in.
fn wallets(world: &World) -> [(&str, &str); 3] {
    let settings = &world.settings;
    [
        (&settings.vnpay_partner, &settings.vnpay_tmn_code),
        (&settings.momo_partner, &settings.momo_partner_code),
        (&settings.zalopay_partner, &settings.zalopay_app_id),
    ]
}

/// A partner's day; none when there is no such partner.
pub fn day_of(world: &World, journal: &[u8], partner: &str, day: NaiveDate) -> Option<Day> {
    let settings = &world.settings;
    let banks = [
        (&settings.payos_partner, &settings.payos_account),
        (&settings.sepay_partner, &settings.sepay_account),
        (&settings.direct_partner, &settings.direct_account),
    ];
    let bank =
        banks.into_iter().find(|(code, _)| *code == partner).map(|(_, account)| account.clone());
    let wallet = wallets(world).into_iter().find(|(code, _)| *code == partner);
    let account = bank.clone().or(wallet.map(|(_, account)| account.to_owned()))?;
    let mut told: Vec<Told> =
        movements(journal).filter(|(whose, _)| whose == partner).map(|(_, told)| told).collect();
    if partner == settings.payos_partner {
        told.extend(batches(world, journal));
    }
    told.sort_by_key(|told| told.at);
    let before = |told: &&Told| told.at.date() < day;
    let opening =
        if bank.is_some() { told.iter().filter(before).map(|t| t.amount).sum() } else { 0 };
    let movements = told.into_iter().filter(|told| told.at.date() == day).collect();
    Some(Day { partner: partner.to_owned(), account, day, opening, movements, off_by: 0 })
}

/// What the wallets have paid in, a batch a day, in the evening.
pub fn batches(world: &World, journal: &[u8]) -> Vec<Told> {
    let mut nets: std::collections::BTreeMap<(NaiveDate, String), i64> =
        std::collections::BTreeMap::default();
    for (partner, told) in movements(journal) {
        if wallets(world).iter().any(|(code, _)| *code == partner) {
            *nets.entry((told.at.date(), partner)).or_default() +=
                told.amount - fee_of(told.amount);
        }
    }
    nets.into_iter()
        .filter(|(_, net)| *net != 0)
        .filter_map(|((day, partner), net)| {
            let batch = batch_of(&partner, day);
            Some(Told {
                transaction_id: format!("BATCH{batch}"),
                reference: String::new(),
                amount: net,
                at: day.and_hms_opt(23, 0, 0)?,
                memo: format!("{} thanh toan lo {batch}", partner.to_uppercase()),
            })
        })
        .collect()
}

/// Plants a defect in the middle of a day.
pub fn spoil(day: &mut Day, defect: Defect) {
    let middle = day.movements.len() / 2;
    match defect {
        Defect::Missing if !day.movements.is_empty() => drop(day.movements.remove(middle)),
        Defect::Duplicate if !day.movements.is_empty() => {
            day.movements.insert(middle, day.movements[middle].clone());
        }
        Defect::Amount => {
            if let Some(told) = day.movements.get_mut(middle) {
                told.amount += 1_000;
            }
        }
        Defect::Unknown => {
            if let Some(at) = day.day.and_hms_opt(12, 0, 0) {
                day.movements.push(Told {
                    transaction_id: format!("UNKNOWN{}", day.day.format("%Y%m%d")),
                    reference: String::new(),
                    amount: 123_000,
                    at: at + TimeDelta::seconds(1),
                    memo: "NGUYEN VAN A chuyen tien".to_owned(),
                });
            }
        }
        Defect::Arithmetic => day.off_by = 1,
        Defect::Missing | Defect::Duplicate | Defect::Truncated => {}
    }
}

/// The file; none when this partner writes no such format.
pub fn write(world: &World, day: &Day, format: Format) -> Option<String> {
    let settings = &world.settings;
    let is = |code: &str| day.partner == code;
    let wallet = wallets(world).iter().any(|(code, _)| is(code));
    Some(match format {
        Format::Camt053 if !wallet => camt::write(day),
        Format::Mt940 if !wallet => mt940::write(day),
        Format::Csv if is(&settings.vnpay_partner) => csv::vnpay(day),
        Format::Csv if is(&settings.momo_partner) => csv::momo(day),
        Format::Csv if is(&settings.zalopay_partner) => csv::zalopay(day),
        _ => return None,
    })
}
