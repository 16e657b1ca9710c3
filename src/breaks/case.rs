//! A case in memory, as it stands.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::ageing::{Bucket, Severity, points};
use super::holding::{HeldIn, Holding};
use super::{BreakCode, BreakState};
use crate::people::role::EVERYTHING;
use crate::vocabulary::day;
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};
use crate::vocabulary::money::Money;

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its id.
    pub id: BreakId,
    /// What does not match.
    pub code: BreakCode,
    /// Where it stands.
    pub state: BreakState,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// When it was opened first.
    pub opened_at: DateTime<Utc>,
    /// When it was closed last.
    pub closed_at: Option<DateTime<Utc>>,
    /// The partner it came through.
    pub partner: String,
    /// The agency; empty when none is known.
    pub agency: String,
    /// The invoice, when it is known.
    pub invoice: Option<InvoiceId>,
    /// The settlement it is about.
    pub settlement: Option<SettlementId>,
    /// The line of a statement or report it is about.
    pub line: Option<i64>,
    /// How much does not match.
    pub amount: Money,
    /// The money it holds.
    pub holding: Option<Holding>,
    /// For the officer.
    pub detail: String,
    /// Who has it; empty when nobody has.
    pub owner: String,
    /// Why it is still open, in a person's words.
    pub reason: String,
    /// Until when it waits.
    pub waits_until: Option<DateTime<Utc>>,
    /// Since when its partner sees it.
    pub shared_since: Option<DateTime<Utc>>,
    /// From this day on it ages.
    pub ages_from: NaiveDate,
}

impl Case {
    /// The agency whose business it is; everybody's when none is known.
    pub fn scope(&self) -> &str {
        if self.agency.is_empty() { EVERYTHING } else { &self.agency }
    }

    /// Its age in days: until now, or until it was closed.
    pub fn days(&self, now: DateTime<Utc>) -> i64 {
        let until = day::to_local(self.closed_at.unwrap_or(now)).date();
        (until - self.ages_from).num_days().max(0)
    }

    /// The bucket of its age.
    pub fn bucket(&self, now: DateTime<Utc>) -> Bucket {
        Bucket::of(self.days(now))
    }

    /// How much it matters.
    pub fn severity(&self, now: DateTime<Utc>) -> Severity {
        Severity::of(self.points(now))
    }

    /// The same as points.
    pub fn points(&self, now: DateTime<Utc>) -> i32 {
        let dong = self.amount.amount().trunc().to_i64().unwrap_or(i64::MAX);
        points(self.code, dong, self.days(now))
    }

    /// What it holds, when that is money and not a lack of it.
    pub fn held(&self) -> Option<(HeldIn, Money)> {
        let holding = self.holding.filter(|holding| holding.held > Decimal::ZERO)?;
        Money::new(holding.held, self.amount.currency()).ok().map(|held| (holding.held_in, held))
    }

    /// What is missing where it holds less than nothing.
    pub fn missing(&self) -> Option<(HeldIn, Money)> {
        let holding = self.holding.filter(|holding| holding.held < Decimal::ZERO)?;
        Money::new(-holding.held, self.amount.currency()).ok().map(|held| (holding.held_in, held))
    }
}
