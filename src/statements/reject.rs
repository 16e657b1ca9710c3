//! An officer does not take a file that is doubtful. Nothing of it was booked.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::cases;
use super::status::{FileState, StatementState, Step};
use super::store::{self, reads};
use crate::platform::audit::{self, By};

/// Why it stays.
#[derive(Debug, thiserror::Error)]
pub enum RejectError {
    /// Not there.
    #[error("there is no such file")]
    NotFound,
    /// It does not wait for officers.
    #[error("the file is {0}, not quarantined")]
    WrongState(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Rejects a file that is quarantined.
pub async fn reject(
    pool: &PgPool,
    (actor, now): (&str, DateTime<Utc>),
    file: Uuid,
    reason: &str,
) -> Result<(), RejectError> {
    let mut tx = pool.begin().await?;
    let row = reads::file_lock(&mut tx, file).await?.ok_or(RejectError::NotFound)?;
    let wrong = || RejectError::WrongState(row.state.clone());
    let state: FileState = row.state.parse().map_err(|_| wrong())?;
    if state != FileState::Quarantined {
        return Err(wrong());
    }
    let to = state.after(Step::Reject).map_err(|_| wrong())?;
    store::file_step(&mut tx, file, (state, to), now).await?;
    let steps = (StatementState::Quarantined, StatementState::Rejected);
    store::statements_of_file_step(&mut tx, file, steps, now).await?;
    cases::rejected_in(&mut tx, file, now).await?;
    let by = By { actor, at: now };
    let detail = json!({ "name": row.name, "reason": reason });
    audit::record_in(&mut tx, by, "statement.rejected", &file.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(())
}
