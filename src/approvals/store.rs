//! SQL on `approval`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::approval::Approval;
use super::sight::Sight;
use super::status::ApprovalStatus;
use crate::vocabulary::ids::ApprovalId;

struct Row {
    approval_id: ApprovalId,
    kind: String,
    subject: String,
    agency: String,
    content: String,
    content_hash: Vec<u8>,
    made_by: String,
    made_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    status: String,
    decided_by: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

impl TryFrom<Row> for Approval {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let status = row.status.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let hash = row.content_hash.try_into();
        Ok(Self {
            id: row.approval_id,
            kind: row.kind,
            subject: row.subject,
            agency: row.agency,
            content: row.content,
            content_hash: hash.map_err(|_| sqlx::Error::Decode("no SHA-256".into()))?,
            made_by: row.made_by,
            made_at: row.made_at,
            expires_at: row.expires_at,
            status,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            reason: row.reason,
        })
    }
}

/// Has nothing been approved yet?
pub async fn bootstrap_is_open(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select bootstrap_is_open() as "open!""#).fetch_one(conn).await
}

/// Enters an approval; `false` when the same question is open.
pub async fn approval_insert(
    conn: &mut PgConnection,
    approval: &Approval,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into approval
             (approval_id, kind, subject, agency, content, content_hash, made_by, made_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (kind, subject) where status = 'pending' do nothing",
        approval.id as ApprovalId,
        approval.kind,
        approval.subject,
        approval.agency,
        approval.content,
        &approval.content_hash[..],
        approval.made_by,
        approval.made_at,
        approval.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One approval.
pub async fn approval_read(
    conn: &mut PgConnection,
    id: ApprovalId,
) -> Result<Option<Approval>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select approval_id as "approval_id: ApprovalId", kind, subject, agency, content,
               content_hash, made_by, made_at, expires_at, status, decided_by, decided_at, reason
           from approval where approval_id = $1"#,
        id as ApprovalId,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Approval::try_from).transpose()
}

/// The same, locked until the transaction ends: of two who decide one waits, and sees what the
/// other did.
pub async fn approval_lock(
    conn: &mut PgConnection,
    id: ApprovalId,
) -> Result<Option<Approval>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select approval_id as "approval_id: ApprovalId", kind, subject, agency, content,
               content_hash, made_by, made_at, expires_at, status, decided_by, decided_at, reason
           from approval where approval_id = $1 for update"#,
        id as ApprovalId,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Approval::try_from).transpose()
}

/// The one open question of a kind about something.
pub async fn pending_of(
    conn: &mut PgConnection,
    kind: &str,
    subject: &str,
) -> Result<Option<ApprovalId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select approval_id as "approval_id: ApprovalId" from approval
            where kind = $1 and subject = $2 and status = 'pending'"#,
        kind,
        subject
    )
    .fetch_optional(conn)
    .await
}

/// Which approvals.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// In this sight.
    pub sight: &'a Sight,
    /// In this state.
    pub status: Option<ApprovalStatus>,
    /// Of this kind.
    pub kind: Option<&'a str>,
    /// Older than this one.
    pub before: Option<ApprovalId>,
    /// At most so many.
    pub limit: i64,
}

/// Approvals, newest first. A scope holds its agency and what is below it, `*` everything.
pub async fn approval_list(
    conn: &mut PgConnection,
    wanted: &Wanted<'_>,
) -> Result<Vec<Approval>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select approval_id as "approval_id: ApprovalId", kind, subject, agency, content,
               content_hash, made_by, made_at, expires_at, status, decided_by, decided_at, reason
           from approval
           where (made_by = $8
                  or exists (select from unnest($1::text[]) scope
                              where scope = '*' or agency = scope
                                 or starts_with(agency, scope || '.'))
                  or exists (select from unnest($6::text[], $7::text[]) of_kind (name, scope)
                              where name = kind
                                and (scope = '*' or agency = scope
                                     or starts_with(agency, scope || '.'))))
             and ($2::text is null or status = $2) and ($3::text is null or kind = $3)
             and ($4::uuid is null or approval_id < $4)
           order by approval_id desc limit $5"#,
        &wanted.sight.scopes,
        wanted.status.map(ApprovalStatus::as_str),
        wanted.kind,
        wanted.before as Option<ApprovalId>,
        wanted.limit,
        &wanted.sight.kinds,
        &wanted.sight.kind_scopes,
        wanted.sight.email,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// Writes down a decision on what is pending; `false` when it is not any more.
pub async fn approval_decide(
    conn: &mut PgConnection,
    approval: &Approval,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update approval set status = $2, decided_by = $3, decided_at = $4, reason = $5
          where approval_id = $1 and status = 'pending'",
        approval.id as ApprovalId,
        approval.status.as_str(),
        approval.decided_by,
        approval.decided_at,
        approval.reason,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down that what was approved is done.
pub async fn approval_apply(conn: &mut PgConnection, id: ApprovalId) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update approval set status = 'applied' where approval_id = $1 and status = 'approved'",
        id as ApprovalId
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What nobody decided in time, a few at once, oldest first.
pub async fn approval_overdue(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<ApprovalId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select approval_id as "approval_id: ApprovalId" from approval
            where status = 'pending' and expires_at <= $1 order by approval_id limit 100"#,
        now
    )
    .fetch_all(conn)
    .await
}

/// What waits to be decided: how much, and for how many seconds the longest overdue has been past
/// its end.
pub async fn approvals_waiting(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "waiting!",
                  greatest(0, coalesce(extract(epoch from $1 - min(expires_at)), 0))::bigint
                      as "overdue!"
             from approval where status = 'pending'"#,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok((row.waiting, row.overdue))
}
