//! Two officers take a file that is doubtful: one whose balances do not add up (F05), or another
//! issue of a statement that stands (F02), which then takes its place.
//!
//! What was booked of the earlier issue is taken back by the matching, when it comes to the later
//! one: that names the earlier (`supersedes`).

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::cases;
use super::status::{FileState, StatementState};
use super::store::{self, reads};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::ApprovalId;

const ACCEPT: &str = "statement.accept";

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Not there.
    #[error("there is no such file")]
    NotFound,
    /// It does not wait for officers.
    #[error("the file is {0}, not quarantined")]
    WrongState(String),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Everything that is decided on.
async fn content(
    conn: &mut PgConnection,
    row: &reads::FileRow,
    reason: &str,
) -> Result<Value, sqlx::Error> {
    let statements = reads::statements_of_file(conn, row.file_id).await?;
    let text = |amount: Option<rust_decimal::Decimal>| amount.map(super::model::plain);
    let statements: Vec<Value> = statements
        .iter()
        .map(|s| {
            json!({
                "statement": s.statement_id, "kind": s.kind, "partner": s.partner,
                "account": s.account, "id": s.reference, "day": s.day, "lines": s.lines,
                "opening": text(s.opening), "sum": super::model::plain(s.total),
                "closing": text(s.closing), "supersedes": s.supersedes,
            })
        })
        .collect();
    let verdict: Value =
        row.verdict.as_deref().and_then(|v| serde_json::from_str(v).ok()).unwrap_or_default();
    let cases: Vec<&Value> = verdict["errors"]
        .as_array()
        .map(|errors| errors.iter().map(|e| &e["case"]).filter(|c| !c.is_null()).collect())
        .unwrap_or_default();
    Ok(json!({
        "file": row.file_id, "name": row.name, "sha256": hex::encode(&row.sha256),
        "statements": statements, "cases": cases, "reason": reason,
    }))
}

/// Proposes to take a file that is quarantined.
pub async fn propose(
    pool: &PgPool,
    (actor, now): (&str, DateTime<Utc>),
    file: Uuid,
    reason: &str,
) -> Result<ApprovalId, AcceptError> {
    let mut tx = pool.begin().await?;
    let row = reads::file_lock(&mut tx, file).await?.ok_or(AcceptError::NotFound)?;
    if row.state != FileState::Quarantined.as_str() {
        return Err(AcceptError::WrongState(row.state));
    }
    let content = content(&mut tx, &row, reason).await?;
    let subject = file.to_string();
    let proposal =
        Proposal { kind: ACCEPT, subject: &subject, agency: EVERYTHING, content: &content };
    let approval = propose_in(&mut tx, By { actor, at: now }, &proposal).await?;
    tx.commit().await?;
    Ok(approval)
}

/// Taking a doubtful file.
#[derive(Debug, Clone, Copy)]
pub struct AcceptKind;

impl Kind for AcceptKind {
    fn name(&self) -> &'static str {
        ACCEPT
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(accept_in(conn, approval, by))
    }

    fn drop_in<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: &'a Approval,
        _: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        // It stays quarantined until somebody rejects it.
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn accept_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let file: Uuid = approval.subject.parse().map_err(|_| ApplyError::Changed)?;
    let row = reads::file_lock(conn, file).await?.ok_or(ApplyError::Changed)?;
    if row.state != FileState::Quarantined.as_str() {
        return Err(ApplyError::Impossible(format!("the file is {}", row.state)));
    }
    let proposed = approval.value();
    let reason = proposed["reason"].as_str().unwrap_or_default();
    if canonical(&content(conn, &row, reason).await?) != approval.content {
        return Err(ApplyError::Changed);
    }
    for statement in reads::statements_of_file(conn, file).await? {
        let (who, what) =
            ((&*statement.kind, &*statement.partner), (&*statement.account, &*statement.reference));
        let standing = store::statement_standing(conn, who, what).await?;
        if standing.as_ref().map(|s| s.statement_id) != statement.supersedes {
            let why = format!("another issue of {:?} stands now", statement.reference);
            return Err(ApplyError::Impossible(why));
        }
        if let Some(earlier) = statement.supersedes {
            supersede_in(conn, earlier, by.at).await?;
        }
    }
    let steps = (StatementState::Quarantined, StatementState::Staged);
    store::statements_of_file_step(conn, file, steps, by.at).await?;
    store::file_step(conn, file, (FileState::Quarantined, FileState::Staged), by.at).await?;
    cases::taken_in(conn, file, by.at).await?;
    let detail = json!({ "name": row.name, "reason": reason });
    audit::record_in(conn, by, "statement.accepted", &file.to_string(), &detail).await?;
    Ok(())
}

/// An earlier issue does not stand any more; its file neither, once none of its statements does.
async fn supersede_in(
    conn: &mut PgConnection,
    earlier: Uuid,
    now: DateTime<Utc>,
) -> Result<(), ApplyError> {
    for from in [StatementState::Staged, StatementState::Booked] {
        store::statements_step(conn, &[earlier], (from, StatementState::Superseded), now).await?;
    }
    if let Some(file) = store::file_of_statement(conn, earlier).await? {
        for from in [FileState::Staged, FileState::Booked] {
            store::file_follows(conn, file, (from, FileState::Superseded), now).await?;
        }
        let row = reads::file_lock(conn, file).await?;
        if row.is_some_and(|row| row.state == FileState::Superseded.as_str()) {
            cases::superseded_in(conn, file, now).await?;
        }
    }
    Ok(())
}
