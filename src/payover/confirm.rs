//! What the bank did with a transfer: the debit that its statement shows, or that there will be none.
//!
//! `confirm_in` is what matching calls for a line of an account's statement that is a payout of ours;
//! with the same debit again it does nothing.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::run::{Run, RunLine};
use super::status::{LineStatus, end_of};
use super::store;
use super::{count, defect, lock_in};
use crate::breaks::store::breaks_insert;
use crate::breaks::store::days::break_close;
use crate::breaks::{Break, BreakCode, BreakState};
use crate::ledger::accounts::Accounts;
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::ledger::store as ledger;
use crate::platform::audit::{self, By};
use crate::refunds::paid_over;
use crate::vocabulary::ids::{BreakId, PayoverLineId};
use crate::vocabulary::money::Money;

/// A debit of ours, as the bank's statement shows it.
#[derive(Debug, Clone)]
pub struct Debit {
    /// How much left the account.
    pub amount: Money,
    /// The account that it left.
    pub account: String,
    /// The bank's day.
    pub value_date: NaiveDate,
    /// The statement's line; none on officers' word.
    pub statement_line: Option<i64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// It is booked.
    Booked {
        /// The entry.
        entry: i64,
    },
    /// It was, by the same debit.
    Repeat,
    /// Another amount or account than was ordered: a case is open (B17), nothing is booked.
    Differs {
        /// The case.
        case: BreakId,
    },
}

/// Why a debit is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// No transfer of that reference.
    #[error("no transfer goes by that reference")]
    NotFound,
    /// It did not go out, has failed, or was confirmed by another debit.
    #[error("the transfer is {0}")]
    WrongState(LineStatus),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Reads the reference that a bank gives back (`EndToEndId`): the transfer that it names.
pub fn transfer_of(reference: &str) -> Option<PayoverLineId> {
    let reference = reference.trim();
    let plain = reference.len() == 32 && reference.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { reference.parse().ok().map(PayoverLineId) } else { None }
}

/// Takes a debit in, in the caller's transaction: books `agency payable → bank account` with the
/// bank's day, marks the lines as paid over, and ends the run with its last transfer.
pub async fn confirm_in(
    conn: &mut PgConnection,
    books: &Accounts,
    id: PayoverLineId,
    debit: &Debit,
    by: By<'_>,
) -> Result<Confirmed, ConfirmError> {
    let (run, mut lines, place) = of_line(conn, id).await?;
    let line = &mut lines[place];
    if line.status == LineStatus::Confirmed {
        // The debit of a confirmed transfer is one line: the first that shows it after officers' word,
        // or the same in another issue of its statement.
        let same = match (line.statement_line, debit.statement_line) {
            (Some(old), Some(new)) => old == new || store::is_superseded(conn, old).await?,
            _ => true,
        };
        if !same || line.amount != debit.amount {
            return Err(ConfirmError::WrongState(line.status));
        }
        if let Some(new) = debit.statement_line {
            store::line_shown(conn, id, new).await?;
        }
        return Ok(Confirmed::Repeat);
    }
    if line.status != LineStatus::Sent {
        return Err(ConfirmError::WrongState(line.status));
    }
    if line.amount != debit.amount || run.account != debit.account {
        let case = differs_in(conn, (&run, line), debit, by.at).await?;
        return Ok(Confirmed::Differs { case });
    }
    let occasion = Occasion {
        act: "pay_over",
        business_day: books.day_of(by.at),
        value_date: debit.value_date,
        source: format!("payover/{id}"),
        reverses: None,
        actor: by.actor.to_owned(),
        reason: format!("paid over to {}", line.treasury_account),
    };
    let from = line.pays_from(&run.account);
    let entry = acts::pay_over(occasion, &line.agency, &line.budget(), from, line.amount);
    let entry = entry.map_err(defect)?;
    let keys: Vec<_> = entry.accounts().into_iter().cloned().collect();
    let numbers: std::collections::HashMap<_, _> =
        ledger::accounts_open(conn, &keys).await?.into_iter().collect();
    let number = ledger::entry_numbers(conn, 1).await?[0];
    ledger::entries_insert(conn, &[(number, &entry)], &numbers).await?;
    line.status = LineStatus::Confirmed;
    line.value_date = Some(debit.value_date);
    line.statement_line = debit.statement_line;
    line.entry = Some(number);
    paid_over::mark_taken_in(conn, &[id.0], by.actor, by.at).await?;
    end_in(conn, run, &mut lines, place, by).await?;
    Ok(Confirmed::Booked { entry: number })
}

/// The bank did not make a transfer: its lines are as they were before, and go into another run.
pub async fn fail_in(
    conn: &mut PgConnection,
    id: PayoverLineId,
    why: &str,
    by: By<'_>,
) -> Result<(), ConfirmError> {
    let (run, mut lines, place) = of_line(conn, id).await?;
    let line = &mut lines[place];
    if line.status != LineStatus::Sent {
        return Err(ConfirmError::WrongState(line.status));
    }
    line.status = LineStatus::Failed;
    paid_over::leave_taken_in(conn, &[id.0]).await?;
    let detail = json!({ "reason": why });
    audit::record_in(conn, by, "payover.failed", &id.to_string(), &detail).await?;
    end_in(conn, run, &mut lines, place, by).await
}

/// The transfer with its run, locked.
async fn of_line(
    conn: &mut PgConnection,
    id: PayoverLineId,
) -> Result<(Run, Vec<RunLine>, usize), ConfirmError> {
    let run = store::run_of_line(conn, id).await?.ok_or(ConfirmError::NotFound)?;
    let (run, lines) = lock_in(conn, run).await?.ok_or(ConfirmError::NotFound)?;
    let place = lines.iter().position(|line| line.id == id).ok_or(ConfirmError::NotFound)?;
    Ok((run, lines, place))
}

/// Writes the end of a transfer down, closes its case, and ends the run with the last one.
async fn end_in(
    conn: &mut PgConnection,
    mut run: Run,
    lines: &mut [RunLine],
    place: usize,
    by: By<'_>,
) -> Result<(), ConfirmError> {
    let line = &mut lines[place];
    line.status_since = by.at;
    line.confirmed_by = Some(by.actor.to_owned());
    if let Some(case) = line.case {
        break_close(conn, case, by.at).await?;
    }
    if !store::line_end(conn, line).await? {
        return Err(ConfirmError::WrongState(line.status));
    }
    metrics::counter!("payclear_payover_transfers_total", "status" => line.status.as_str())
        .increment(1);
    let statuses: Vec<LineStatus> = lines.iter().map(|line| line.status).collect();
    let Some(step) = end_of(&statuses) else { return Ok(()) };
    let from = run.status;
    run.status = from.after(step).map_err(defect)?;
    run.status_since = by.at;
    if !store::run_step(conn, &run, from).await? {
        return Err(defect(super::WrongRunStep { from, step }).into());
    }
    count(&run);
    Ok(())
}

/// Opens the case of a debit that is another one than was ordered; the one that is open already is
/// that one.
async fn differs_in(
    conn: &mut PgConnection,
    (run, line): (&Run, &RunLine),
    debit: &Debit,
    now: DateTime<Utc>,
) -> Result<BreakId, ConfirmError> {
    let difference = if line.amount > debit.amount {
        line.amount.checked_sub(debit.amount)
    } else {
        debit.amount.checked_sub(line.amount)
    };
    let told = format!(
        "transfer {}: {} ordered out of {}, {} debited from {} on {}",
        line.reference(),
        line.amount.for_people(),
        run.account,
        debit.amount.for_people(),
        debit.account,
        debit.value_date
    );
    if let Some(case) = line.case {
        // Open since it was overdue, or for the same difference: this is what it is now.
        break_close(conn, case, now).await?;
    }
    let amount = difference.map_err(defect)?;
    open_case_in(conn, line, BreakCode::PayoutDiffers, (amount, told), now).await
}

/// Opens a case about a transfer.
pub(super) async fn open_case_in(
    conn: &mut PgConnection,
    line: &RunLine,
    code: BreakCode,
    (amount, detail): (Money, String),
    now: DateTime<Utc>,
) -> Result<BreakId, ConfirmError> {
    let case = Break {
        id: BreakId::new(now),
        code,
        state: BreakState::Open,
        opened_at: now,
        partner: line.partner.clone(),
        agency: line.agency.clone(),
        invoice: None,
        settlement: None,
        amount,
        detail,
    };
    breaks_insert(conn, std::slice::from_ref(&case)).await?;
    store::line_case(conn, line.id, Some(case.id.0)).await?;
    Ok(case.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_the_id_without_dashes_and_nothing_else() {
        let id = "0196f0a0-b0c0-7000-8000-00000000abcd";
        let plain = "0196f0a0b0c07000800000000000abcd";
        assert_eq!(transfer_of(plain), id.parse().ok().map(PayoverLineId));
        assert_eq!(transfer_of(" 0196F0A0B0C07000800000000000ABCD "), transfer_of(plain));
        for other in ["", id, "NOTPROVIDED", "0196f0a0b0c07000800000000000abc"] {
            assert_eq!(transfer_of(other), None, "{other}");
        }
    }
}
