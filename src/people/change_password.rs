//! A person changes their own password.

use serde_json::json;

use super::officer::{Officer, PeopleDoor};
use super::password::{HashError, Password, WeakPassword};
use super::store;
use crate::platform::audit::{self, By};

/// Why it was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The password of before is another one.
    #[error("the password of before is another one")]
    OtherPassword,
    /// The new one is too short or too long.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// Hashing.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Changes it and ends the person's other sessions.
pub async fn change_password(
    door: &PeopleDoor,
    officer: &Officer,
    (old, new): (Password, Password),
) -> Result<(), ChangeError> {
    new.check()?;
    let known = store::password_of_email(&mut *door.pool.acquire().await?, &officer.email).await?;
    if !door.hasher.verify(old, known.clone()).await? {
        return Err(ChangeError::OtherPassword);
    }
    let hash = door.hasher.hash(new).await?;
    let by = By { actor: &officer.email, at: door.clock.now() };
    let mut tx = door.pool.begin().await?;
    let both = (known.as_deref().unwrap_or_default(), hash.as_str());
    if !store::person_password_put(&mut tx, officer.id, both).await? {
        return Err(ChangeError::OtherPassword);
    }
    store::session_end_all(&mut tx, officer.id, Some(&officer.session)).await?;
    let whom = officer.id.to_string();
    audit::record_in(&mut tx, by, "person.password_changed", &whom, &json!({})).await?;
    tx.commit().await?;
    Ok(())
}
