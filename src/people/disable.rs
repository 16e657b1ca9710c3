//! Disabling a person: at once, by one person alone, because it takes power away.

use serde_json::json;
use sqlx::PgPool;

use super::add::{PersonError, email};
use super::store;
use crate::platform::audit::{self, By};

/// Disables a person and ends their sessions; `false` when that was done before.
pub async fn disable(pool: &PgPool, by: By<'_>, address: &str) -> Result<bool, PersonError> {
    let address = email(address)?;
    let mut tx = pool.begin().await?;
    let known = store::person_of_email(&mut tx, &address).await?;
    let (id, _) = known.ok_or_else(|| PersonError::Unknown(address.clone()))?;
    let done = store::person_disable(&mut tx, id, by.at).await?;
    if done {
        store::session_end_all(&mut tx, id, None).await?;
        let detail = json!({ "email": address });
        audit::record_in(&mut tx, by, "person.disabled", &id.to_string(), &detail).await?;
    }
    tx.commit().await?;
    Ok(done)
}
