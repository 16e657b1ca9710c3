//! SQL on `caller_key`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::registers::caller::{Caller, KeyPurpose};
use crate::vocabulary::realm::{Realm, TEST};

/// A key without its secret.
#[derive(Debug, Clone, serde::Serialize)]
pub struct KeyRow {
    /// The name that signatures give.
    pub key_id: String,
    /// What it may be used for.
    pub purpose: String,
    /// Which of the two places it takes.
    pub slot: i16,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Who made it.
    pub made_by: String,
    /// Since when it is good; none while it waits to be approved.
    pub usable_since: Option<DateTime<Utc>>,
    /// Since when it is good for nothing.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A caller's keys, revoked ones too, oldest first.
pub async fn key_list(
    conn: &mut PgConnection,
    caller: &Caller,
) -> Result<Vec<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "select key_id, purpose, slot, made_at, made_by, usable_since, revoked_at
         from caller_key
         where caller_kind = $1 and caller = $2
         order by made_at, key_id",
        caller.kind.as_str(),
        caller.code,
    )
    .fetch_all(conn)
    .await
}

/// Enters a key, its secret sealed.
pub async fn key_insert(
    conn: &mut PgConnection,
    caller: &Caller,
    purpose: KeyPurpose,
    key: &KeyRow,
    secret: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into caller_key
             (key_id, caller_kind, caller, purpose, slot, secret, made_at, made_by, usable_since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.key_id,
        caller.kind.as_str(),
        caller.code,
        purpose.as_str(),
        key.slot,
        secret,
        key.made_at,
        key.made_by,
        key.usable_since,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Revokes a living key of a caller; `false` when it has none of that name.
pub async fn key_revoke(
    conn: &mut PgConnection,
    caller: &Caller,
    key_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update caller_key set revoked_at = $4
         where key_id = $1 and caller_kind = $2 and caller = $3 and revoked_at is null",
        key_id,
        caller.kind.as_str(),
        caller.code,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a key usable that waits; `false` when none of that name and secret does.
pub async fn key_approve(
    conn: &mut PgConnection,
    key_id: &str,
    secret_sha256: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update caller_key set usable_since = $3
         where key_id = $1 and encode(sha256(secret), 'hex') = $2
           and usable_since is null and revoked_at is null",
        key_id,
        secret_sha256,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Is there a key of the other realm? Then this database is the other realm's.
pub async fn key_of_other_realm(
    conn: &mut PgConnection,
    realm: Realm,
) -> Result<bool, sqlx::Error> {
    let is_sandbox = realm == Realm::Sandbox;
    sqlx::query_scalar!(
        r#"select exists (select from caller_key where starts_with(key_id, $1) <> $2) as "some!""#,
        TEST,
        is_sandbox
    )
    .fetch_one(conn)
    .await
}
