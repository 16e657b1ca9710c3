//! Statements on the keys that sign receipts.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A key as it is kept.
#[derive(Debug)]
pub struct KeptKey {
    /// Its name.
    pub key_id: String,
    /// The secret, sealed.
    pub secret: Vec<u8>,
}

/// The key of an agency.
pub async fn key_of_agency(
    conn: &mut PgConnection,
    agency: &str,
) -> Result<Option<KeptKey>, sqlx::Error> {
    sqlx::query_as!(KeptKey, "select key_id, secret from receipt_key where agency = $1", agency)
        .fetch_optional(conn)
        .await
}

/// Keeps a key, unless the agency has one.
pub async fn key_insert(
    conn: &mut PgConnection,
    (key_id, agency): (&str, &str),
    public: &[u8],
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into receipt_key (key_id, agency, public_key, secret, made_at)
         values ($1, $2, $3, $4, $5) on conflict on constraint receipt_key_of_agency do nothing",
        key_id,
        agency,
        public,
        sealed,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The public half of a key.
pub async fn public_key(
    conn: &mut PgConnection,
    key_id: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!("select public_key from receipt_key where key_id = $1", key_id)
        .fetch_optional(conn)
        .await
}
