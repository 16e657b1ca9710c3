//! Statements on the cases that files open.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaks::{Break, BreakCode};

/// Opens the cases of a file.
pub async fn breaks_insert_of_file(
    conn: &mut PgConnection,
    file: Uuid,
    cases: &[Break],
) -> Result<(), sqlx::Error> {
    if cases.is_empty() {
        return Ok(());
    }
    super::breaks_insert(conn, cases).await?;
    let ids: Vec<Uuid> = cases.iter().map(|case| case.id.0).collect();
    sqlx::query!("update break_case set file_id = $2 where break_id = any($1)", &ids, file)
        .execute(conn)
        .await?;
    Ok(())
}

/// Closes the open cases of files, of these codes: what was decided about the files, or what came
/// instead of them, answers them.
pub async fn breaks_close_of_files(
    conn: &mut PgConnection,
    files: &[Uuid],
    codes: &[BreakCode],
    (why, now): (&str, DateTime<Utc>),
) -> Result<u64, sqlx::Error> {
    if files.is_empty() {
        return Ok(0);
    }
    let codes: Vec<String> = codes.iter().map(|code| code.as_str().to_owned()).collect();
    let done = sqlx::query!(
        "update break_case
            set state = 'auto_closed', state_since = $3, closed_at = $3, changed_at = $3,
                changed_by = 'payclear', change = $4
          where file_id = any($1) and code = any($2) and held = 0
            and state in ('open', 'assigned', 'waiting')",
        files,
        &codes,
        now,
        why
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
