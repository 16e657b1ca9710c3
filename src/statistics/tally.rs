//! Counts of some events, by day, agency, procedure and channel. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::histogram::{Histogram, NOTIFY_MILLISECONDS, PAY_SECONDS};
use crate::vocabulary::day::to_local;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The day in Việt Nam.
    pub day: NaiveDate,
    /// Who collects.
    pub agency: String,
    /// What was applied for.
    pub procedure: String,
    /// Through whom; empty where nobody is known yet.
    pub partner: String,
    /// ISO 4217.
    pub currency: String,
}

/// The counts of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct Counts {
    pub issued: i64,
    pub issued_amount: Decimal,
    pub paid: i64,
    pub paid_amount: Decimal,
    pub expired: i64,
    pub cancelled: i64,
    pub reversed: i64,
    pub reversed_amount: Decimal,
    pub refunded: i64,
    pub refunded_amount: Decimal,
    pub attempts: i64,
    pub attempts_succeeded: i64,
    pub attempts_failed: i64,
    pub notices: i64,
    pub notices_failed: i64,
    pub pay_times: Histogram,
    pub notify_times: Histogram,
}

impl Counts {
    /// All of another's.
    pub fn join(&mut self, other: &Self) {
        self.issued += other.issued;
        self.issued_amount += other.issued_amount;
        self.paid += other.paid;
        self.paid_amount += other.paid_amount;
        self.expired += other.expired;
        self.cancelled += other.cancelled;
        self.reversed += other.reversed;
        self.reversed_amount += other.reversed_amount;
        self.refunded += other.refunded;
        self.refunded_amount += other.refunded_amount;
        self.attempts += other.attempts;
        self.attempts_succeeded += other.attempts_succeeded;
        self.attempts_failed += other.attempts_failed;
        self.notices += other.notices;
        self.notices_failed += other.notices_failed;
        self.pay_times.join(&other.pay_times.0);
        self.notify_times.join(&other.notify_times.0);
    }
}

/// An event as far as it is counted.
#[derive(Debug, Clone)]
pub struct Counted {
    /// `invoice.paid`, ...
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Who collects.
    pub agency: String,
    /// What was applied for.
    pub procedure: String,
    /// Through whom.
    pub partner: String,
    /// ISO 4217.
    pub currency: String,
    /// What is owed, or was given back.
    pub amount: Decimal,
    /// When the invoice was issued.
    pub issued_at: DateTime<Utc>,
    /// A payer began the order that it is about.
    pub of_payer: bool,
}

/// A notice that came to its end.
#[derive(Debug, Clone)]
pub struct Told {
    /// What it is counted under.
    pub key: Key,
    /// How long it took; none when it was given up.
    pub milliseconds: Option<i64>,
}

/// Counts under their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(pub BTreeMap<Key, Counts>);

impl Tally {
    /// Counts an event in.
    pub fn take(&mut self, event: &Counted) {
        let key = Key {
            day: to_local(event.at).date(),
            agency: event.agency.clone(),
            procedure: event.procedure.clone(),
            partner: event.partner.clone(),
            currency: event.currency.clone(),
        };
        let counts = self.0.entry(key).or_default();
        match event.kind.as_str() {
            "invoice.issued" => {
                counts.issued += 1;
                counts.issued_amount += event.amount;
            }
            "invoice.paid" => {
                counts.paid += 1;
                counts.paid_amount += event.amount;
                counts.attempts_succeeded += i64::from(event.of_payer);
                counts.pay_times.add((event.at - event.issued_at).num_seconds(), PAY_SECONDS);
            }
            "invoice.expired" => counts.expired += 1,
            "invoice.cancelled" => counts.cancelled += 1,
            "payment.reversed" => {
                counts.reversed += 1;
                counts.reversed_amount += event.amount;
            }
            "refund.confirmed" => {
                counts.refunded += 1;
                counts.refunded_amount += event.amount;
            }
            "attempt.created" => counts.attempts += 1,
            "attempt.failed" | "attempt.expired" => {
                counts.attempts_failed += i64::from(event.of_payer);
            }
            _ => {}
        }
    }

    /// Counts a notice in.
    pub fn tell(&mut self, told: &Told) {
        let counts = self.0.entry(told.key.clone()).or_default();
        match told.milliseconds {
            Some(milliseconds) => {
                counts.notices += 1;
                counts.notify_times.add(milliseconds, NOTIFY_MILLISECONDS);
            }
            None => counts.notices_failed += 1,
        }
    }
}
