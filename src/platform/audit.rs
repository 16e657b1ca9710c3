//! What people and programs did to registers, keys and settings: one row each, in the transaction
//! of the deed, so that there is no deed without its row.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// A person's address, `cli:<login>`, or the caller that asked.
    pub actor: &'a str,
    /// The injected clock's word.
    pub at: DateTime<Utc>,
}

/// Writes down what was done to what. `detail` holds no secret and no personal data.
pub async fn record_in(
    conn: &mut PgConnection,
    by: By<'_>,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into audit (made_at, actor, action, subject, detail)
         values ($1, $2, $3, $4, $5::text::jsonb)",
        by.at,
        by.actor,
        action,
        subject,
        detail.to_string(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
