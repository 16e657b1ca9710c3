//! Gauges of everything that is not final: how much, and for how long.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgPool;

use super::sweeps::Sweeping;
use crate::breaks::ageing::Bucket;
use crate::breaks::holding::HeldIn;
use crate::breaks::{self, BreakCode};
use crate::invoices::store::reads;
use crate::refunds::store::reads as refund_reads;
use crate::vocabulary::day;

/// Attempts of so long are counted by state: what is older and not final has a row that waits.
const COUNTED: chrono::Duration = chrono::Duration::days(1);

fn gauge(n: i64) -> f64 {
    f64::from(i32::try_from(n).unwrap_or(i32::MAX))
}

/// Sets the gauges that are cheap to read: what waits, for every sweep.
pub async fn tell_waiting(sweeping: &Sweeping) -> Result<(), sqlx::Error> {
    for of in sweeping.waiting().await? {
        let kind = of.sweep.as_str();
        metrics::gauge!("payclear_due_waiting", "kind" => kind).set(gauge(of.waiting));
        metrics::gauge!("payclear_due_overdue_seconds", "kind" => kind).set(gauge(of.overdue));
    }
    Ok(())
}

/// Sets the gauges of cases: how many are open, by code and age, and what the books say otherwise
/// than they do.
pub async fn tell_cases(pool: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let mut conn = pool.acquire().await?;
    let today = day::to_local(now).date();
    let mut open: BTreeMap<(BreakCode, Bucket), i64> = BTreeMap::new();
    for (code, from, count) in breaks::store::reads::breaks_open_by_age(&mut conn).await? {
        let Ok(code) = code.parse::<BreakCode>() else { continue };
        *open.entry((code, Bucket::of((today - from).num_days()))).or_default() += count;
    }
    for code in BreakCode::ALL {
        for age in Bucket::ALL {
            let count = open.get(&(*code, *age)).copied().unwrap_or(0);
            metrics::gauge!("payclear_breaks_open", "code" => code.as_str(), "age" => age.as_str())
                .set(gauge(count));
        }
    }
    let differing = breaks::store::holds::differences(&mut conn).await?;
    for held_in in HeldIn::WHOLLY {
        let of = differing.iter().filter(|found| found.held_in == held_in.as_str());
        // Shown, not reckoned with: a gauge has no other form.
        let sum: Decimal = of.map(|found| found.difference().abs()).sum();
        metrics::gauge!("payclear_cases_difference", "account" => held_in.as_str())
            .set(f64::try_from(sum).unwrap_or(f64::NAN));
    }
    Ok(())
}

/// Sets those that count by state, which takes longer.
pub async fn tell_states(pool: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let attempts = reads::attempts_by_state(pool, now - COUNTED).await?;
    for status in ["created", "sent", "awaiting_payer", "unknown"] {
        let of = attempts.iter().find(|(of, ..)| of == status);
        let (waiting, since) = of.map_or((0, now), |(_, waiting, since)| (*waiting, *since));
        metrics::gauge!("payclear_attempts_waiting", "status" => status).set(gauge(waiting));
        metrics::gauge!("payclear_attempts_oldest_seconds", "status" => status)
            .set(gauge((now - since).num_seconds().max(0)));
    }
    let refunds = refund_reads::refunds_waiting(pool).await?;
    for status in ["requested", "approved", "sent"] {
        let of = refunds.iter().find(|(of, _)| of == status).map_or(0, |(_, n)| *n);
        metrics::gauge!("payclear_refunds_waiting", "status" => status).set(gauge(of));
    }
    Ok(())
}
