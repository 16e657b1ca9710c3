//! How statements step, and their files with them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::statements::status::{FileState, StatementState};

/// The file of a statement.
pub async fn file_of_statement(
    conn: &mut PgConnection,
    statement: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select file_id from statement where statement_id = $1", statement)
        .fetch_optional(conn)
        .await
}

/// Steps statements; how many did.
pub async fn statements_step(
    conn: &mut PgConnection,
    statements: &[Uuid],
    (from, to): (StatementState, StatementState),
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "update statement set state = $3, state_since = $4
          where statement_id = any($1) and state = $2",
        statements,
        from.as_str(),
        to.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// A statement is matched and booked; with the last one its file is too. False when it does not
/// wait.
pub async fn statement_booked_in(
    conn: &mut PgConnection,
    statement: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let file = sqlx::query_scalar!(
        "update statement set state = 'booked', state_since = $2
          where statement_id = $1 and state = 'staged' returning file_id",
        statement,
        now
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(file) = file else { return Ok(false) };
    file_follows(conn, file, (FileState::Staged, FileState::Booked), now).await?;
    Ok(true)
}

/// A file steps once none of its statements stands before that.
pub(in crate::statements) async fn file_follows(
    conn: &mut PgConnection,
    file: Uuid,
    (from, to): (FileState, FileState),
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let before: &[&str] = match to {
        FileState::Superseded => &["staged", "booked"],
        _ => &["reading", "staged"],
    };
    sqlx::query!(
        "update statement_file f set state = $3, state_since = $4
          where f.file_id = $1 and f.state = $2
            and not exists (select from statement s
                             where s.file_id = f.file_id and s.state = any($5))",
        file,
        from.as_str(),
        to.as_str(),
        now,
        before as &[&str]
    )
    .execute(conn)
    .await?;
    Ok(())
}
