//! A month is locked by two people, for good: its days are never reopened.

use chrono::NaiveDate;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::reopen::first_of;
use super::store;
use super::{DayError, Days, admit};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::ApplyError;
use crate::approvals::propose::{Proposal, propose_in};
use crate::ledger::store::days as ledger;
use crate::people::officer::Officer;
use crate::people::role::EVERYTHING;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::ApprovalId;

/// The last day of the month that begins with a day.
fn last_of(month: NaiveDate) -> NaiveDate {
    month
        .checked_add_months(chrono::Months::new(1))
        .and_then(|next| next.pred_opt())
        .unwrap_or(month)
}

/// What is decided on: the month, and the seal that its last day closed with.
async fn content_in(conn: &mut PgConnection, month: NaiveDate) -> Result<Value, DayError> {
    let last = last_of(month);
    if ledger::month_is_locked(conn, month).await? {
        let told = format!("the month {} is locked already", month.format("%Y-%m"));
        return Err(DayError::NotReady(vec![told]));
    }
    if !ledger::day_is_closed(conn, last).await? {
        return Err(DayError::NotReady(vec![format!("its last day, {last}, is not closed")]));
    }
    let seal = store::snapshot_read(conn, last, None).await?.ok_or(DayError::NotFound)?;
    Ok(json!({
        "month": month.format("%Y-%m").to_string(), "last_day": last,
        "seal": hex::encode(seal.seal_hash),
    }))
}

impl Days {
    /// Proposes to lock the month of a day.
    pub async fn lock_month(
        &self,
        officer: &Officer,
        of: NaiveDate,
    ) -> Result<ApprovalId, DayError> {
        admit(officer)?;
        let month = first_of(of);
        let mut tx = self.pool.begin().await?;
        let content = content_in(&mut tx, month).await?;
        let by = By { actor: &officer.email, at: self.clock.now() };
        let proposal = Proposal {
            kind: About::LockMonth.as_str(),
            subject: &month.format("%Y-%m").to_string(),
            agency: EVERYTHING,
            content: &content,
        };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

/// Locks a month, in the transaction of the decision.
pub(super) async fn apply_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let month: NaiveDate =
        format!("{}-01", approval.subject).parse().map_err(|_| ApplyError::Changed)?;
    if canonical(&content_in(conn, month).await?) != approval.content {
        return Err(ApplyError::Changed);
    }
    ledger::month_lock(conn, month, by.actor, by.at).await?;
    let detail = json!({ "approval": approval.id });
    audit::record_in(conn, by, "month.locked", &approval.subject, &detail).await?;
    Ok(())
}
