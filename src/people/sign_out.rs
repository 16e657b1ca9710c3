//! Signing out: the token is good for nothing from then on.

use serde_json::json;

use super::officer::{Officer, PeopleDoor};
use super::store;
use crate::platform::audit::{self, By};

/// Ends the session of who is signed in.
pub async fn sign_out(door: &PeopleDoor, officer: &Officer) -> Result<(), sqlx::Error> {
    let by = By { actor: &officer.email, at: door.clock.now() };
    let mut tx = door.pool.begin().await?;
    store::session_end(&mut tx, &officer.session).await?;
    let whom = officer.id.to_string();
    audit::record_in(&mut tx, by, "person.signed_out", &whom, &json!({})).await?;
    tx.commit().await
}
