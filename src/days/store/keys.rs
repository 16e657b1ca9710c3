//! Statements on keys that sign.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A key that signs.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Its name.
    pub key_id: String,
    /// The public half.
    pub public_key: Vec<u8>,
    /// The secret half, sealed.
    pub secret: Vec<u8>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// By whom.
    pub made_by: String,
    /// From when on it signs; none: it waits for another's approval.
    pub usable_since: Option<DateTime<Utc>>,
}

/// Enters a key.
pub async fn key_insert(conn: &mut PgConnection, key: &KeyRow) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into signing_key (key_id, public_key, secret, made_at, made_by, usable_since)
         values ($1, $2, $3, $4, $5, $6)",
        key.key_id,
        key.public_key,
        key.secret,
        key.made_at,
        key.made_by,
        key.usable_since
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets a key sign from now on; `false` when there is none that waits.
pub async fn key_use(
    conn: &mut PgConnection,
    key_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update signing_key set usable_since = $2 where key_id = $1 and usable_since is null",
        key_id,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One key.
pub async fn key_read(
    conn: &mut PgConnection,
    key_id: &str,
) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "select key_id, public_key, secret, made_at, made_by, usable_since
           from signing_key where key_id = $1",
        key_id
    )
    .fetch_optional(conn)
    .await
}

/// The key that signs now: the one that was approved last.
pub async fn key_current(conn: &mut PgConnection) -> Result<Option<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "select key_id, public_key, secret, made_at, made_by, usable_since
           from signing_key where usable_since is not null
          order by usable_since desc, key_id desc limit 1"
    )
    .fetch_optional(conn)
    .await
}

/// Every key, the newest first.
pub async fn keys_list(conn: &mut PgConnection) -> Result<Vec<KeyRow>, sqlx::Error> {
    sqlx::query_as!(
        KeyRow,
        "select key_id, public_key, secret, made_at, made_by, usable_since
           from signing_key order by made_at desc, key_id desc"
    )
    .fetch_all(conn)
    .await
}
