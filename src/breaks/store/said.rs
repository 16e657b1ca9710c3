//! Statements on what is said and shown about cases, and on who has them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaks::BreakState;
use crate::breaks::evidence::{Evidence, Shown};
use crate::vocabulary::ids::BreakId;

/// Who changes a case, when, and why.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Who.
    pub by: &'a str,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: &'a str,
}

/// What people set of a case.
#[derive(Debug, Clone)]
pub struct Care {
    /// Where it stands now.
    pub state: BreakState,
    /// Who has it.
    pub owner: String,
    /// Why it is still open.
    pub reason: String,
    /// Until when it waits.
    pub waits_until: Option<DateTime<Utc>>,
    /// Since when its partner sees it.
    pub shared_since: Option<DateTime<Utc>>,
}

/// Writes what people set of a case, guarded by where it stood; `false` when it has moved.
pub async fn break_care(
    conn: &mut PgConnection,
    (id, from): (BreakId, BreakState),
    care: &Care,
    change: Change<'_>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update break_case
            set state = $3, state_since = case when state = $3 then state_since else $4 end,
                owner = $5, reason = $6, waits_until = $7, shared_since = $8, changed_at = $4,
                changed_by = $9, change = $10
          where break_id = $1 and state = $2",
        id.0,
        from.as_str(),
        care.state.as_str(),
        change.at,
        care.owner,
        care.reason,
        care.waits_until,
        care.shared_since,
        change.by,
        change.why
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub made_at: DateTime<Utc>,
    /// Who.
    pub made_by: String,
    /// The partner sees it.
    pub shared: bool,
    /// What.
    pub said: String,
}

/// Adds a comment.
pub async fn comment_insert(
    conn: &mut PgConnection,
    id: BreakId,
    comment: &Comment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into break_comment (comment_id, break_id, made_at, made_by, shared, said)
         values ($1, $2, $3, $4, $5, $6)",
        comment.id,
        id.0,
        comment.made_at,
        comment.made_by,
        comment.shared,
        comment.said
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The comments of a case, the oldest first; of those for the partner alone when `shared`.
pub async fn comments(
    conn: &mut PgConnection,
    id: BreakId,
    shared: bool,
) -> Result<Vec<Comment>, sqlx::Error> {
    sqlx::query_as!(
        Comment,
        "select comment_id as id, made_at, made_by, shared, said from break_comment
          where break_id = $1 and (shared or not $2) order by comment_id",
        id.0,
        shared
    )
    .fetch_all(conn)
    .await
}

/// Keeps a file; `false` when the same bytes are kept with this case already.
pub async fn evidence_insert(
    conn: &mut PgConnection,
    id: BreakId,
    evidence: &Evidence,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into break_evidence (evidence_id, break_id, made_at, made_by, shared, name,
                                     media_type, sha256, bytes)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict on constraint break_evidence_once do nothing",
        evidence.shown.id,
        id.0,
        evidence.shown.made_at,
        evidence.shown.made_by,
        evidence.shown.shared,
        evidence.shown.name,
        evidence.shown.media_type,
        &evidence.shown.sha256,
        &evidence.bytes
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is kept with a case, the oldest first, without the bytes; of what the partner sees alone when
/// `shared`.
pub async fn evidence_list(
    conn: &mut PgConnection,
    id: BreakId,
    shared: bool,
) -> Result<Vec<Shown>, sqlx::Error> {
    sqlx::query_as!(
        Shown,
        r#"select evidence_id as id, made_at, made_by, shared, name, media_type, sha256,
                  length(bytes)::bigint as "size!"
             from break_evidence
            where break_id = $1 and (shared or not $2) order by evidence_id"#,
        id.0,
        shared
    )
    .fetch_all(conn)
    .await
}

/// A file of a case.
pub async fn evidence_read(
    conn: &mut PgConnection,
    id: BreakId,
    evidence: Uuid,
) -> Result<Option<Evidence>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select evidence_id, made_at, made_by, shared, name, media_type, sha256, bytes,
                  length(bytes)::bigint as "size!"
             from break_evidence where break_id = $1 and evidence_id = $2"#,
        id.0,
        evidence
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Evidence {
        shown: Shown {
            id: row.evidence_id,
            made_at: row.made_at,
            made_by: row.made_by,
            shared: row.shared,
            name: row.name,
            media_type: row.media_type,
            sha256: row.sha256,
            size: row.size,
        },
        bytes: row.bytes,
    }))
}
