//! Revoking a key.

use serde_json::json;
use sqlx::PgPool;

use super::keys::KeyError;
use super::store;
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::registers::caller::Caller;

/// Revokes a key: from the commit on (a second later in other processes) it is good for nothing.
pub async fn revoke(
    pool: &PgPool,
    by: By<'_>,
    caller: &Caller,
    key_id: &str,
) -> Result<(), KeyError> {
    let mut tx = pool.begin().await?;
    directory_version::raise_in(&mut tx).await?;
    if !store::key_revoke(&mut tx, caller, key_id, by.at).await? {
        return Err(KeyError::NotFound { caller: caller.clone(), key_id: key_id.to_owned() });
    }
    let detail = json!({ "caller": caller.to_string() });
    audit::record_in(&mut tx, by, "key.revoked", key_id, &detail).await?;
    tx.commit().await?;
    Ok(())
}
