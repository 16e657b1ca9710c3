//! Another person looks at a run and releases exactly that, or does not. What must hold before money
//! goes out is asked then, and once more when it goes.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;

use super::prepare::treasury_account;
use super::run::{Run, RunLine, content};
use super::status::{RunStatus, RunStep, WrongRunStep};
use super::store::{self, candidates};
use super::{count, lock_in};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::ApplyError;
use crate::ledger::accounts::Accounts;
use crate::ledger::chart::AccountKind;
use crate::ledger::store as ledger;
use crate::platform::audit::{self, By};
use crate::refunds::paid_over;
use crate::registers::directory::Directory;
use crate::vocabulary::ids::PayoverId;

/// Why a run may not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Abort {
    /// The transfers do not make the run, or the parts do not make the transfers.
    #[error("the sums do not agree: run {run}, transfers {lines}, parts {items}")]
    Sums {
        /// Of the run.
        run: Decimal,
        /// Of its transfers.
        lines: Decimal,
        /// Of their parts.
        items: Decimal,
    },
    /// An amount is nothing, or has a fraction that its currency has not.
    #[error("transfer {0} has no valid amount")]
    Amount(i32),
    /// Invoices that were taken back, given up or unmatched since.
    #[error("{0} parts are of invoices that are not paid and banked any more")]
    Items(i64),
    /// The account of the Treasury is not the one of the registers any more.
    #[error("{agency} has no treasury account {account} any more")]
    TreasuryAccount {
        /// Whose.
        agency: String,
        /// Which.
        account: String,
    },
    /// More than is owed.
    #[error("{agency} is owed {owed} of {budget}, less than the {wanted} of this run")]
    NotOwed {
        /// To whom.
        agency: String,
        /// Chapter and sub-item.
        budget: String,
        /// What the books owe.
        owed: Decimal,
        /// What goes out.
        wanted: Decimal,
    },
    /// More than is there.
    #[error("{account} holds {held} of {partner}, less than the {wanted} that go out of it")]
    NotHeld {
        /// The bank account.
        account: String,
        /// Whose money in it.
        partner: String,
        /// What the books say is there.
        held: Decimal,
        /// What goes out, with the runs under way.
        wanted: Decimal,
    },
    /// The ledger itself does not add up.
    #[error("the positions of all accounts make {0}, not nothing")]
    Ledger(Decimal),
}

/// All that stands against a run going out, the run being locked.
pub(super) async fn aborts(
    conn: &mut PgConnection,
    (books, directory): (&Accounts, &Directory),
    (run, lines): (&Run, &[RunLine]),
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<Abort>, sqlx::Error> {
    let mut found = Vec::new();
    let items: Decimal =
        store::items_of(conn, run).await?.iter().map(|(_, item)| item.amount.amount()).sum();
    let sum: Decimal = lines.iter().map(|line| line.amount.amount()).sum();
    let total = run.amount.amount();
    if sum != total || items != total || usize::try_from(run.lines) != Ok(lines.len()) {
        found.push(Abort::Sums { run: total, lines: sum, items });
    }
    for line in lines {
        // The scale is Money's own to keep; nothing is what it lets pass.
        if line.amount.is_zero() {
            found.push(Abort::Amount(line.place));
        }
    }
    let changed = candidates::items_changed(conn, run.id.0).await?;
    if changed > 0 {
        found.push(Abort::Items(changed));
    }
    let today = books.day_of(now);
    for line in lines {
        let account = treasury_account(directory, &line.agency, today);
        if account.is_none_or(|account| account.number != line.treasury_account) {
            let (agency, account) = (line.agency.clone(), line.treasury_account.clone());
            found.push(Abort::TreasuryAccount { agency, account });
        }
    }
    found.dedup();
    balances(conn, (run, lines), &mut found).await?;
    Ok(found)
}

async fn balances(
    conn: &mut PgConnection,
    (run, lines): (&Run, &[RunLine]),
    found: &mut Vec<Abort>,
) -> Result<(), sqlx::Error> {
    let currency = run.currency.as_str();
    let all = ledger::trial_balance(conn).await?;
    let of = |kind: AccountKind, owner: &str, detail: &str| -> Decimal {
        let same = |b: &&ledger::Balance| {
            b.kind == kind.as_str()
                && b.owner == owner
                && b.detail == detail
                && b.currency == currency
        };
        all.iter().find(same).map(|b| b.amount).unwrap_or_default()
    };
    let total: Decimal = all.iter().filter(|b| b.currency == currency).map(|b| b.amount).sum();
    if !total.is_zero() {
        found.push(Abort::Ledger(total));
    }
    let mut owed: BTreeMap<(&str, String), Decimal> = BTreeMap::new();
    let mut held: BTreeMap<&str, Decimal> = BTreeMap::new();
    for line in lines {
        *owed.entry((&line.agency, line.budget())).or_default() += line.amount.amount();
        *held.entry(&line.partner).or_default() += line.amount.amount();
    }
    for ((agency, budget), wanted) in owed {
        let owed = -of(AccountKind::AgencyPayable, agency, &budget);
        if owed < wanted {
            found.push(Abort::NotOwed { agency: agency.to_owned(), budget, owed, wanted });
        }
    }
    // Whose money it is in the account does not matter to the bank: all of it together must do.
    let there: Decimal = all
        .iter()
        .filter(|b| b.kind == AccountKind::BankAccount.as_str() && b.detail == run.account)
        .filter(|b| b.currency == currency)
        .map(|b| b.amount)
        .sum();
    let wanted = run.amount.amount() + candidates::under_way(conn, &run.account, run.id.0).await?;
    if there < wanted {
        let partner = held.into_keys().collect::<Vec<_>>().join(", ");
        let account = run.account.clone();
        found.push(Abort::NotHeld { account, partner, held: there, wanted });
    }
    Ok(())
}

fn told(found: &[Abort]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Refuses what may not go out.
pub(super) fn none_of(found: &[Abort]) -> Result<(), String> {
    if found.is_empty() { Ok(()) } else { Err(told(found)) }
}

/// Releases a run, in the transaction of the decision.
pub(super) async fn apply_in(
    conn: &mut PgConnection,
    with: (&Accounts, &Directory),
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id = approval.subject.parse().map(PayoverId).map_err(|_| ApplyError::Changed)?;
    let (mut run, lines) = lock_in(conn, id).await?.ok_or(ApplyError::Changed)?;
    let items = store::items_of(conn, &run).await?;
    if canonical(&content(&run, &lines, &items)) != approval.content {
        return Err(ApplyError::Changed);
    }
    if run.prepared_by == by.actor {
        return Err(ApplyError::OwnMaking);
    }
    let found = aborts(conn, with, (&run, &lines), by.at).await?;
    none_of(&found).map_err(ApplyError::Impossible)?;
    let from = run.status;
    run.status =
        from.after(RunStep::Approve).map_err(|why| ApplyError::Impossible(why.to_string()))?;
    run.status_since = by.at;
    run.approved_by = Some(by.actor.to_owned());
    if !store::run_step(conn, &run, from).await? {
        return Err(ApplyError::Changed);
    }
    let detail = json!({ "approval": approval.id, "amount": run.amount });
    audit::record_in(conn, by, "payover.approved", &approval.subject, &detail).await?;
    count(&run);
    Ok(())
}

/// A run that was not released is refused: its lines are free again.
pub(super) async fn drop_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let Ok(id) = approval.subject.parse().map(PayoverId) else { return Ok(()) };
    let Some((run, lines)) = lock_in(conn, id).await? else { return Ok(()) };
    if run.status != RunStatus::Prepared {
        return Ok(());
    }
    let why = approval.reason.as_deref().unwrap_or("not released");
    match refuse_in(conn, run, &lines, why, by).await {
        // A rejection is always possible.
        Err(RefuseError::WrongStep(_)) | Ok(_) => Ok(()),
        Err(RefuseError::Store(error)) => Err(error.into()),
    }
}

/// Why a run is not refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum RefuseError {
    #[error(transparent)]
    WrongStep(#[from] WrongRunStep),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Ends a run that has not gone out, the run being locked.
pub(super) async fn refuse_in(
    conn: &mut PgConnection,
    mut run: Run,
    lines: &[RunLine],
    why: &str,
    by: By<'_>,
) -> Result<Run, RefuseError> {
    let from = run.status;
    run.status = from.after(RunStep::Refuse)?;
    run.status_since = by.at;
    if !store::run_step(conn, &run, from).await? {
        return Err(WrongRunStep { from, step: RunStep::Refuse }.into());
    }
    let transfers: Vec<_> = lines.iter().map(|line| line.id.0).collect();
    paid_over::leave_taken_in(conn, &transfers).await?;
    let detail = json!({ "reason": why });
    audit::record_in(conn, by, "payover.refused", &run.id.to_string(), &detail).await?;
    count(&run);
    Ok(run)
}
