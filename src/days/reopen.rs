//! A closed day is opened again by two people, with a reason, as a new revision. The signed snapshot
//! of before stays what it is.

use chrono::{NaiveDate, SubsecRound};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::prepare::step_in;
use super::status::{DayStatus, DayStep};
use super::store::{self, Day};
use super::{DayError, Days, admit, day_of, subject};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::ApplyError;
use crate::approvals::propose::{Proposal, propose_in};
use crate::ledger::store::days as ledger;
use crate::people::officer::Officer;
use crate::people::role::EVERYTHING;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::ApprovalId;

fn content(day: &Day, seal: &[u8]) -> Value {
    json!({
        "day": day.day, "revision": day.revision, "reason": day.reopen_reason,
        "requested_by": day.reopen_by, "seal": hex::encode(seal),
    })
}

/// What keeps a day closed, each in a sentence.
pub(super) async fn against_in(
    conn: &mut PgConnection,
    day: &Day,
) -> Result<Vec<String>, sqlx::Error> {
    let mut found = Vec::new();
    let month = first_of(day.day);
    if ledger::month_is_locked(conn, month).await? {
        found.push(format!("the month {} is locked for good", month.format("%Y-%m")));
    }
    let next = day.day.succ_opt().unwrap_or(day.day);
    if next != day.day && ledger::day_is_closed(conn, next).await? {
        found.push(format!("the last closed day is reopened first: {next} is closed"));
    }
    Ok(found)
}

/// The first day of a day's month.
pub(super) fn first_of(day: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    day.with_day(1).unwrap_or(day)
}

impl Days {
    /// Asks for a closed day to be opened again.
    pub async fn reopen(
        &self,
        officer: &Officer,
        date: NaiveDate,
        reason: &str,
    ) -> Result<ApprovalId, DayError> {
        admit(officer)?;
        let now = self.clock.now().trunc_subsecs(6);
        let mut tx = self.pool.begin().await?;
        let mut day = store::day_lock(&mut tx, date).await?.ok_or(DayError::NotFound)?;
        day.status.after(DayStep::AskToReopen)?;
        let against = against_in(&mut tx, &day).await?;
        if !against.is_empty() {
            return Err(DayError::NotReady(against));
        }
        let snapshot = store::snapshot_read(&mut tx, date, Some(day.revision)).await?;
        let snapshot = snapshot.ok_or(DayError::NotFound)?;
        day.reopen_by = Some(officer.email.clone());
        day.reopen_reason = Some(reason.to_owned());
        step_in(&mut tx, &mut day, DayStep::AskToReopen, now).await?;
        let by = By { actor: &officer.email, at: now };
        let subject = subject(date, day.revision);
        let proposal = Proposal {
            kind: About::Reopen.as_str(),
            subject: &subject,
            agency: EVERYTHING,
            content: &content(&day, &snapshot.seal_hash),
        };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        let detail = json!({ "reason": reason });
        audit::record_in(&mut tx, by, "day.reopen_requested", &subject, &detail).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

/// Opens a day again, in the transaction of the decision.
pub(super) async fn apply_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let (date, revision) = day_of(&approval.subject).ok_or(ApplyError::Changed)?;
    let mut day = store::day_lock(conn, date).await?.ok_or(ApplyError::Changed)?;
    if day.status != DayStatus::ReopenRequested || day.revision != revision {
        return Err(ApplyError::Changed);
    }
    let snapshot = store::snapshot_read(conn, date, Some(revision)).await?;
    let snapshot = snapshot.ok_or(ApplyError::Changed)?;
    if canonical(&content(&day, &snapshot.seal_hash)) != approval.content {
        return Err(ApplyError::Changed);
    }
    let against = against_in(conn, &day).await?;
    if !against.is_empty() {
        return Err(DayError::NotReady(against).into());
    }
    let reason = day.reopen_reason.take().unwrap_or_default();
    ledger::day_reopen(conn, (date, revision), &reason, by.actor, by.at).await?;
    day.revision += 1;
    day.prepared_by = None;
    day.preparation = None;
    day.approved_by = None;
    day.reopen_by = None;
    step_in(conn, &mut day, DayStep::Reopen, by.at).await?;
    let detail = json!({ "approval": approval.id, "reason": reason });
    audit::record_in(conn, by, "day.reopened", &approval.subject, &detail).await?;
    Ok(())
}

/// The day stays closed.
pub(super) async fn drop_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let Some((date, revision)) = day_of(&approval.subject) else { return Ok(()) };
    let Some(mut day) = store::day_lock(conn, date).await? else { return Ok(()) };
    if day.status != DayStatus::ReopenRequested || day.revision != revision {
        return Ok(());
    }
    day.reopen_by = None;
    day.reopen_reason = None;
    step_in(conn, &mut day, DayStep::StayClosed, by.at).await?;
    Ok(())
}
