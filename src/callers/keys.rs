//! Making and listing the keys that callers sign with.

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::store::{self, KeyRow};
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::platform::seal::{MasterKeys, Secret};
use crate::registers::caller::{Caller, CallerKind, KeyPurpose, key_context};
use crate::{partners, portals};

const SECRET_BYTES: usize = 32;
/// The places that two living keys take.
const SLOTS: [i16; 2] = [1, 2];

/// A key as its owner gets it, once.
#[derive(Debug)]
pub struct NewKey {
    /// The name to give in signatures.
    pub key_id: String,
    /// The secret to sign with.
    pub secret: Secret,
}

/// Why a key was not made, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The registers hold no such caller.
    #[error("there is no {} {}: enter it in {}s.csv and import the registers", caller.kind,
        caller.code, caller.kind)]
    UnknownCaller {
        /// Who was asked for.
        caller: Caller,
    },
    /// Two live already.
    #[error(
        "{caller} already has two living keys, {} and {}: change over to the newer one, then \
         revoke the other with `payclear {} revoke {} KEY_ID`",
        alive[0], alive[1], caller.kind, caller.code
    )]
    TwoAlive {
        /// Whose keys.
        caller: Caller,
        /// The two, older first.
        alive: [String; 2],
    },
    /// No living key of that name.
    #[error("{caller} has no living key {key_id}")]
    NotFound {
        /// Who was asked for.
        caller: Caller,
        /// The key asked for.
        key_id: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Draws a key for a caller.
pub async fn make(
    pool: &PgPool,
    keys: &MasterKeys,
    by: By<'_>,
    caller: &Caller,
    purpose: KeyPurpose,
) -> Result<NewKey, KeyError> {
    let mut tx = pool.begin().await?;
    let made = make_in(&mut tx, keys, by, caller, purpose).await?;
    tx.commit().await?;
    Ok(made)
}

async fn make_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    caller: &Caller,
    purpose: KeyPurpose,
) -> Result<NewKey, KeyError> {
    // The row lock makes two makers wait for each other, so that the count of living keys holds.
    directory_version::raise_in(conn).await?;
    if !exists(conn, caller).await? {
        return Err(KeyError::UnknownCaller { caller: caller.clone() });
    }
    let mut alive = store::key_list(conn, caller).await?;
    alive.retain(|key| key.revoked_at.is_none() && key.purpose == purpose.as_str());
    let free = SLOTS.into_iter().find(|slot| alive.iter().all(|key| key.slot != *slot));
    let Some(slot) = free else {
        let mut ids = alive.into_iter().map(|key| key.key_id);
        let alive = [ids.next().unwrap_or_default(), ids.next().unwrap_or_default()];
        return Err(KeyError::TwoAlive { caller: caller.clone(), alive });
    };
    let key_id = format!("{}-{}", caller.code, hex::encode(rand::random::<[u8; 3]>()));
    let secret = Secret::draw(SECRET_BYTES, &mut rand::rng());
    let row = KeyRow {
        key_id: key_id.clone(),
        purpose: purpose.as_str().to_owned(),
        slot,
        made_at: by.at,
        made_by: by.actor.to_owned(),
        revoked_at: None,
    };
    let sealed = keys.seal(&key_context(&key_id), secret.expose());
    store::key_insert(conn, caller, purpose, &row, &sealed).await?;
    let detail = json!({ "caller": caller.to_string(), "purpose": purpose });
    audit::record_in(conn, by, "key.made", &key_id, &detail).await?;
    Ok(NewKey { key_id, secret })
}

/// A caller's keys, revoked ones too.
pub async fn list(pool: &PgPool, caller: &Caller) -> Result<Vec<KeyRow>, KeyError> {
    let mut conn = pool.acquire().await?;
    if !exists(&mut conn, caller).await? {
        return Err(KeyError::UnknownCaller { caller: caller.clone() });
    }
    Ok(store::key_list(&mut conn, caller).await?)
}

async fn exists(conn: &mut PgConnection, caller: &Caller) -> Result<bool, sqlx::Error> {
    match caller.kind {
        CallerKind::Portal => portals::store::portal_exists(conn, &caller.code).await,
        CallerKind::Partner => {
            Ok(partners::store::partner_dialect(conn, &caller.code).await?.is_some())
        }
    }
}
