//! Making and listing the keys that callers sign with.

use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};

use super::approve;
use super::store::{self, KeyRow};
use crate::approvals::propose::{Maker, Making, Proposal, ProposeError, ask_in};
use crate::people::role::EVERYTHING;
use crate::platform::audit;
use crate::platform::directory_version;
use crate::platform::seal::{MasterKeys, Secret};
use crate::registers::caller::{Caller, CallerKind, KeyPurpose, key_context};
use crate::vocabulary::ids::ApprovalId;
use crate::{partners, portals};

const SECRET_BYTES: usize = 32;
/// The places that living keys take. A key that approves is no part of rotation: it has one place.
const fn slots(purpose: KeyPurpose) -> &'static [i16] {
    match purpose {
        KeyPurpose::Sign => &[1, 2],
        KeyPurpose::Approve => &[1],
    }
}

/// A key as its owner gets it, once.
#[derive(Debug)]
pub struct NewKey {
    /// The name to give in signatures.
    pub key_id: String,
    /// The secret to sign with.
    pub secret: Secret,
    /// The approval that it waits for.
    pub approval: Option<ApprovalId>,
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
    /// As many live already as may.
    #[error(
        "{caller} already has the living keys of this purpose that one may have ({}): change over \
         to the newest, then revoke another with `payclear {} revoke {} KEY_ID`",
        alive.join(", "), caller.kind, caller.code
    )]
    NoPlace {
        /// Whose keys.
        caller: Caller,
        /// Those that live or wait, oldest first.
        alive: Vec<String>,
    },
    /// Only portals approve.
    #[error("{0} is no portal: only portals have keys that approve")]
    OnlyPortals(Caller),
    /// Who made the keys that sign makes the key that approves, or the other way round.
    #[error(
        "{key_id} of {caller} was made by {by} too: a key that approves is registered by another \
         person than those that sign"
    )]
    SamePerson {
        /// Whose keys.
        caller: Caller,
        /// The key of the other purpose.
        key_id: String,
        /// Who.
        by: String,
    },
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
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

/// Draws a key for a caller. It is good for nothing until another has approved it.
pub async fn make(
    pool: &PgPool,
    keys: &MasterKeys,
    maker: Maker<'_>,
    caller: &Caller,
    purpose: KeyPurpose,
) -> Result<NewKey, KeyError> {
    let mut tx = pool.begin().await?;
    let made = make_in(&mut tx, keys, maker, caller, purpose).await?;
    tx.commit().await?;
    Ok(made)
}

async fn make_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    maker: Maker<'_>,
    caller: &Caller,
    purpose: KeyPurpose,
) -> Result<NewKey, KeyError> {
    let by = maker.by;
    // The row lock makes two makers wait for each other, so that the count of living keys holds.
    directory_version::raise_in(conn).await?;
    if !exists(conn, caller).await? {
        return Err(KeyError::UnknownCaller { caller: caller.clone() });
    }
    if purpose == KeyPurpose::Approve && caller.kind != CallerKind::Portal {
        return Err(KeyError::OnlyPortals(caller.clone()));
    }
    let slot = place_in(conn, maker, caller, purpose).await?;
    let realm = keys.realm().prefix();
    let key_id = format!("{realm}{}-{}", caller.code, hex::encode(rand::random::<[u8; 3]>()));
    let secret = Secret::draw(SECRET_BYTES, &mut rand::rng());
    let sealed = keys.seal(&key_context(&key_id), secret.expose());
    let content = json!({
        "key_id": key_id, "caller": caller.to_string(), "purpose": purpose,
        "secret_sha256": hex::encode(Sha256::digest(&sealed)),
    });
    let proposal =
        Proposal { kind: approve::ADD, subject: &key_id, agency: EVERYTHING, content: &content };
    let approval = ask_in(conn, maker, &proposal).await?;
    let row = KeyRow {
        key_id: key_id.clone(),
        purpose: purpose.as_str().to_owned(),
        slot,
        made_at: by.at,
        made_by: by.actor.to_owned(),
        usable_since: (maker.making == Making::Bootstrap).then_some(by.at),
        revoked_at: None,
    };
    store::key_insert(conn, caller, purpose, &row, &sealed).await?;
    let detail = json!({ "caller": caller.to_string(), "purpose": purpose });
    audit::record_in(conn, by, "key.made", &key_id, &detail).await?;
    Ok(NewKey { key_id, secret, approval })
}

/// A free place for one more key, when this maker may make it.
async fn place_in(
    conn: &mut PgConnection,
    maker: Maker<'_>,
    caller: &Caller,
    purpose: KeyPurpose,
) -> Result<i16, KeyError> {
    let mut alive = store::key_list(conn, caller).await?;
    alive.retain(|key| key.revoked_at.is_none());
    let (alive, others): (Vec<_>, Vec<_>) =
        alive.into_iter().partition(|key| key.purpose == purpose.as_str());
    let mine = others.into_iter().find(|key| key.made_by == maker.by.actor);
    if let (Some(key), Making::Pending) = (mine, maker.making) {
        let by = maker.by.actor.to_owned();
        return Err(KeyError::SamePerson { caller: caller.clone(), key_id: key.key_id, by });
    }
    let free = slots(purpose).iter().find(|slot| alive.iter().all(|key| key.slot != **slot));
    free.copied().ok_or_else(|| KeyError::NoPlace {
        caller: caller.clone(),
        alive: alive.into_iter().map(|key| key.key_id).collect(),
    })
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
