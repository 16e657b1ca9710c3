//! Control totals: how many, how much, and a digest of the list, for each agency and business day.
//!
//! A portal that keeps a list of its own computes the same digest over it: when the digests are
//! equal the lists are, and when they are not, count and sum tell which way to look. What is counted
//! is what the feed has shown: the answer names the place in the feed up to which it reaches.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::feed::place_after;
use super::store::totals::{MoneyStep, money_steps};
use crate::platform::sequencer;
use crate::vocabulary::day;

/// The totals of a portal's day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Totals {
    /// The business day.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant of the next one.
    pub to: DateTime<Utc>,
    /// A cursor of `GET /v1/events`: what stands before it is counted, and nothing after it.
    pub as_of: String,
    /// For each agency and currency, by agency.
    pub totals: Vec<AgencyTotals>,
}

/// What one agency's money did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AgencyTotals {
    /// Whose money.
    pub agency: String,
    /// ISO 4217.
    pub currency: String,
    /// Invoices that were paid: steps `invoice.paid`.
    pub paid: Total,
    /// Payments that partners took back: steps `payment.reversed`.
    pub reversed: Total,
    /// Refunds that reached their payers: steps `refund.confirmed`.
    pub refunded: Total,
}

/// Count, sum and digest of one list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Total {
    /// How many lines.
    pub count: u64,
    /// The sum of their amounts, a decimal.
    #[schema(value_type = String)]
    pub amount: Decimal,
    /// SHA-256 over the lines `code,amount,at`, each ended by a line feed, sorted by their bytes;
    /// in hex.
    pub digest: String,
}

/// The instants of a business day: from, and the first that is no more of it.
pub fn bounds(
    day: NaiveDate,
    cut_off: Option<NaiveTime>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let turns = |date: NaiveDate| date.and_time(cut_off.unwrap_or(NaiveTime::MIN));
    // With a cut-off a day begins on the evening before.
    let first = if cut_off.is_some() { day.pred_opt()? } else { day };
    Some((day::from_local(turns(first)), day::from_local(turns(first.succ_opt()?))))
}

/// Reads the totals of a portal's day.
pub async fn read(
    conn: &mut PgConnection,
    portal: &str,
    day: NaiveDate,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Totals, sqlx::Error> {
    let last = sequencer::last_batch(conn).await?;
    let as_of = place_after(&last);
    let mut all = Adding::default();
    {
        let mut steps = money_steps(conn, portal, (from, to), &last.to_tx);
        while let Some(step) = steps.try_next().await? {
            all.take(&step)?;
        }
    }
    Ok(Totals { day, from, to, as_of, totals: all.end() })
}

/// One line of a list.
pub fn line(code: &str, amount: &str, at: DateTime<Utc>) -> String {
    format!("{code},{amount},{}\n", at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[derive(Default)]
struct Sum {
    count: u64,
    amount: Decimal,
    hash: Sha256,
}

impl Sum {
    fn total(self) -> Total {
        Total {
            count: self.count,
            amount: self.amount.normalize(),
            digest: hex::encode(self.hash.finalize()),
        }
    }
}

/// The sums of one agency and currency.
#[derive(Default)]
struct Sums {
    agency: String,
    currency: String,
    paid: Sum,
    reversed: Sum,
    refunded: Sum,
}

/// Adds steps up as they come in, agency by agency.
#[derive(Default)]
struct Adding {
    done: Vec<AgencyTotals>,
    now: Option<Sums>,
}

impl Adding {
    fn take(&mut self, step: &MoneyStep) -> Result<(), sqlx::Error> {
        let another = |sums: &Sums| sums.agency != step.agency || sums.currency != step.currency;
        if self.now.as_ref().is_none_or(another) {
            self.turn();
        }
        let sums = self.now.get_or_insert_with(|| Sums {
            agency: step.agency.clone(),
            currency: step.currency.clone(),
            ..Sums::default()
        });
        let sum = match step.kind.as_str() {
            "invoice.paid" => &mut sums.paid,
            "payment.reversed" => &mut sums.reversed,
            _ => &mut sums.refunded,
        };
        let amount: Decimal =
            step.amount.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        sum.count += 1;
        sum.amount += amount;
        sum.hash.update(line(&step.code, &step.amount, step.at));
        Ok(())
    }

    fn turn(&mut self) {
        if let Some(sums) = self.now.take() {
            self.done.push(AgencyTotals {
                agency: sums.agency,
                currency: sums.currency,
                paid: sums.paid.total(),
                reversed: sums.reversed.total(),
                refunded: sums.refunded.total(),
            });
        }
    }

    fn end(mut self) -> Vec<AgencyTotals> {
        self.turn();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_day_begins_at_midnight_or_at_the_cut_off_of_the_day_before() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 20).expect("a date");
        let midnight = (at("2026-11-19T17:00:00Z"), at("2026-11-20T17:00:00Z"));
        assert_eq!(bounds(day, None), Some(midnight));
        let four = NaiveTime::from_hms_opt(16, 0, 0);
        let (from, to) = bounds(day, four).expect("bounds");
        assert_eq!((from, to), (at("2026-11-19T09:00:00Z"), at("2026-11-20T09:00:00Z")));
        // The same as everywhere else.
        assert_eq!(day::BusinessDay::of(from, four).0, day);
        assert_eq!(day::BusinessDay::of(to, four).0, day.succ_opt().expect("a day"));
    }

    #[test]
    fn agencies_are_added_up_apart_and_lists_too() {
        let step = |agency: &str, kind: &str, code: &str, amount: &str| MoneyStep {
            agency: agency.to_owned(),
            currency: "VND".to_owned(),
            kind: kind.to_owned(),
            code: code.to_owned(),
            amount: amount.to_owned(),
            at: at("2026-11-20T03:00:00.12Z"),
        };
        let mut adding = Adding::default();
        for step in [
            step("A", "invoice.paid", "PG1", "1000"),
            step("A", "invoice.paid", "PG2", "500"),
            step("A", "payment.reversed", "PG1", "1000"),
            step("B", "refund.confirmed", "PG3", "7"),
        ] {
            adding.take(&step).expect("an amount");
        }
        let totals = adding.end();
        let paid = &totals[0].paid;
        assert_eq!((paid.count, paid.amount), (2, Decimal::from(1500)));
        let lines = "PG1,1000,2026-11-20T03:00:00.120Z\nPG2,500,2026-11-20T03:00:00.120Z\n";
        assert_eq!(paid.digest, hex::encode(Sha256::digest(lines)));
        assert_eq!((totals[0].reversed.count, totals[0].refunded.count), (1, 0));
        assert_eq!((totals[1].agency.as_str(), totals[1].refunded.count), ("B", 1));
        assert_eq!(totals[1].paid.digest, hex::encode(Sha256::digest("")));
    }
}
