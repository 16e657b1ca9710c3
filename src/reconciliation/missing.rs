//! What we booked by a partner's word and the partner's own report, or the bank, never told of.

use chrono::{Days, NaiveDate};
use uuid::Uuid;

use super::fee::Terms;
use super::run::{Matching, MatchingError};
use super::store::{reads, work};
use crate::breaks::{self, Break, BreakCode, BreakState};
use crate::partners::SettlingSource;
use crate::vocabulary::day;
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

/// Batches of one look.
const AT_ONCE: i64 = 500;

/// The smallest id that can have been made at an instant.
pub(super) fn first_id(day: NaiveDate) -> Uuid {
    let at = day::from_local(day.into());
    let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    Uuid::from_bytes(bytes)
}

/// Opens a case for each settlement of days whose window is over and that were told of in statements;
/// how many. Days are those on which settlements came, so that none slips through.
pub(super) async fn sweep(matching: &Matching) -> Result<u64, MatchingError> {
    let directory = matching.directory.current();
    let mut missing = 0;
    for partner in directory.partners() {
        while batches_of(matching, &partner.code).await? {}
        let mut accounts: Vec<_> = directory
            .accounts_ever(&partner.code)
            .map(|account| (account.number.clone(), account.settling_source))
            .collect();
        // The last version of each account is the one that counts.
        accounts.reverse();
        accounts.sort_by(|a, b| a.0.cmp(&b.0));
        accounts.dedup_by(|a, b| a.0 == b.0);
        for (account, source) in accounts {
            if source == SettlingSource::Statement {
                continue;
            }
            while let Some(found) = day_of(matching, &partner.code, &account, source).await? {
                missing += found;
            }
        }
    }
    Ok(missing)
}

/// Opens a case (B09) for batches that a partner has reported and whose money has not come within the
/// window of its contract; `false` when none is left. Nobody else would miss it: each of its payments
/// is told of by the report.
async fn batches_of(matching: &Matching, partner: &str) -> Result<bool, MatchingError> {
    let now = matching.now();
    let today = matching.accounts.day_of(now).0;
    let mut tx = matching.pool.begin().await?;
    let terms = reads::terms_of(&mut tx, partner, today).await?.unwrap_or(Terms::NONE);
    let mut until = today;
    while matching.days.window_end(until, terms.window_days) >= today {
        let Some(before) = until.pred_opt() else { return Ok(false) };
        until = before;
    }
    let due = work::batches_due(&mut tx, partner, until, AT_ONCE).await?;
    let mut cases = Vec::with_capacity(due.len());
    for batch in &due {
        let currency: Currency = batch.currency.parse().map_err(super::run::defect)?;
        let case = Break {
            id: BreakId::new(now),
            code: BreakCode::FundsShort,
            state: BreakState::Open,
            opened_at: now,
            partner: batch.partner.clone(),
            agency: String::new(),
            invoice: None,
            settlement: None,
            amount: Money::new(batch.net, currency).map_err(super::run::defect)?,
            detail: format!(
                "nothing has come of batch {:?} on account {}; its report waits for {}",
                batch.batch, batch.account, batch.net
            ),
        };
        work::batch_case(&mut tx, (batch.statement, &batch.batch), case.id.0).await?;
        cases.push(case);
    }
    breaks::store::breaks_insert(&mut tx, &cases).await?;
    tx.commit().await?;
    Ok(due.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX))
}

/// Looks at the next day of an account; none when its time has not come.
async fn day_of(
    matching: &Matching,
    partner: &str,
    account: &str,
    source: SettlingSource,
) -> Result<Option<u64>, MatchingError> {
    let now = matching.now();
    let mut tx = matching.pool.begin().await?;
    let Some(told) = reads::told_of(&mut tx, partner, account).await? else { return Ok(None) };
    let begun = reads::missing_upto_lock(&mut tx, partner, account).await?;
    let Some(day) = begun.map_or(Some(told.first), |day| day.checked_add_days(Days::new(1))) else {
        return Ok(None);
    };
    let terms = reads::terms_of(&mut tx, partner, day).await?.unwrap_or(Terms::NONE);
    let over = matching.days.window_end(day, terms.window_days);
    if over >= matching.accounts.day_of(now).0 || told.last < day {
        return Ok(None);
    }
    let next = day.succ_opt().unwrap_or(day);
    let of = (partner, account, source.as_str());
    let found = reads::settlements_missing(&mut tx, of, (first_id(day), first_id(next))).await?;
    let mut cases = Vec::with_capacity(found.len());
    for row in &found {
        let currency: Currency = row.currency.parse().map_err(super::run::defect)?;
        cases.push(Break {
            id: BreakId::new(now),
            code: BreakCode::MissingAtProvider,
            state: BreakState::Open,
            opened_at: now,
            partner: partner.to_owned(),
            agency: row.agency.clone().unwrap_or_default(),
            invoice: row.invoice.map(InvoiceId),
            settlement: Some(SettlementId(row.settlement)),
            amount: Money::new(row.amount, currency).map_err(super::run::defect)?,
            detail: format!(
                "{} was told as paid on {day}, and no statement tells of it",
                row.transaction_id
            ),
        });
    }
    breaks::store::breaks_insert(&mut tx, &cases).await?;
    reads::missing_upto_set(&mut tx, partner, account, day).await?;
    tx.commit().await?;
    Ok(Some(u64::try_from(cases.len()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::ids::uuid_v7;

    #[test]
    fn ids_of_a_day_are_between_its_first_and_the_next_days() {
        let of = |text: &str| uuid_v7(text.parse().expect("an instant"));
        let day = |text: &str| first_id(text.parse().expect("a date"));
        assert!(day("2026-11-20") <= of("2026-11-19T17:00:00Z"));
        assert!(of("2026-11-20T16:59:59.999Z") < day("2026-11-21"));
        assert!(of("2026-11-19T16:59:59.999Z") < day("2026-11-20"));
    }
}
