//! What nobody decided in a week expires, and what waited is cleared away.

use serde_json::json;
use sqlx::PgPool;

use super::kinds::{ApplyError, Kinds};
use super::status::ApprovalStep;
use super::store;
use crate::platform::audit::{self, By};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::ApprovalId;

/// Expires what is overdue, each for itself; how many. One that cannot be cleared away holds up no
/// other and is tried again.
pub async fn expire_overdue(
    pool: &PgPool,
    kinds: &Kinds,
    clock: &SharedClock,
) -> Result<u32, sqlx::Error> {
    let by = By { actor: "clock", at: clock.now() };
    let overdue = store::approval_overdue(&mut *pool.acquire().await?, by.at).await?;
    let mut expired = 0;
    for id in overdue {
        match expire(pool, kinds, by, id).await {
            Ok(true) => expired += 1,
            Ok(false) => {}
            Err(error) => tracing::warn!(approval.id = %id, %error, "it does not expire"),
        }
    }
    Ok(expired)
}

async fn expire(
    pool: &PgPool,
    kinds: &Kinds,
    by: By<'_>,
    id: ApprovalId,
) -> Result<bool, ApplyError> {
    let mut tx = pool.begin().await?;
    let Some(mut approval) = store::approval_lock(&mut tx, id).await? else { return Ok(false) };
    let Ok(expired) = approval.status.after(ApprovalStep::Expire) else { return Ok(false) };
    approval.status = expired;
    approval.decided_at = Some(by.at);
    store::approval_decide(&mut tx, &approval).await?;
    if let Some(kind) = kinds.get(&approval.kind) {
        kind.drop_in(&mut tx, &approval, by).await?;
    }
    let detail = json!({ "kind": approval.kind, "subject": approval.subject });
    audit::record_in(&mut tx, by, "approval.expired", &id.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(true)
}
