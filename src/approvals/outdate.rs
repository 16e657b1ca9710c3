//! What waits for a decision and is not what would be done any more gives way to what is.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::approval::canonical;
use super::status::ApprovalStep;
use super::store;
use crate::platform::audit::{self, By};

/// Expires the open question of a kind about a subject when it is about other content than this, in
/// the caller's transaction; whether there was one. Nothing is cleared away: the same thing is
/// proposed anew.
pub async fn outdate_in(
    conn: &mut PgConnection,
    by: By<'_>,
    (kind, subject): (&str, &str),
    content: &Value,
) -> Result<bool, sqlx::Error> {
    let Some(id) = store::pending_of(conn, kind, subject).await? else { return Ok(false) };
    let Some(mut approval) = store::approval_lock(conn, id).await? else { return Ok(false) };
    let Ok(expired) = approval.status.after(ApprovalStep::Expire) else { return Ok(false) };
    if approval.content == canonical(content) {
        return Ok(false);
    }
    approval.status = expired;
    approval.decided_at = Some(by.at);
    store::approval_decide(conn, &approval).await?;
    let detail = json!({ "kind": kind, "subject": subject });
    audit::record_in(conn, by, "approval.outdated", &id.to_string(), &detail).await?;
    Ok(true)
}
