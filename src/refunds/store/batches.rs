//! Statements on batches: refunds that are handed over in one file.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::undecodable;
use crate::refunds::refund::RefundMethod;

/// One file.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its id.
    pub id: Uuid,
    /// Transfers or claims.
    pub method: RefundMethod,
    /// The partner whose accounts pay.
    pub partner: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// Writes a batch.
pub async fn refund_batch_insert(
    conn: &mut PgConnection,
    batch: &Batch,
    by: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into refund_batch (refund_batch_id, method, partner, made_by, made_at)
         values ($1, $2, $3, $4, $5)",
        batch.id,
        batch.method.as_str(),
        batch.partner,
        by,
        batch.made_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One batch.
pub async fn refund_batch_read(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Batch>, sqlx::Error> {
    let row = sqlx::query!(
        "select refund_batch_id, method, partner, made_at from refund_batch
          where refund_batch_id = $1",
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let method = row.method.parse().map_err(undecodable)?;
        Ok(Batch { id: row.refund_batch_id, method, partner: row.partner, made_at: row.made_at })
    })
    .transpose()
}

/// The refunds of a batch, in the order of their ids.
pub async fn refunds_of_batch(
    conn: &mut PgConnection,
    batch: Uuid,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select refund_id from refund where refund_batch_id = $1 order by refund_id",
        batch
    )
    .fetch_all(conn)
    .await
}

/// Approved refunds of a partner that go by a file, with their invoices.
pub async fn refunds_to_export(
    conn: &mut PgConnection,
    partner: &str,
    method: RefundMethod,
    most: i64,
) -> Result<Vec<(Uuid, Uuid)>, sqlx::Error> {
    sqlx::query!(
        "select refund_id, invoice_id from refund
          where partner = $1 and method = $2 and status = 'approved' order by refund_id limit $3",
        partner,
        method.as_str(),
        most
    )
    .map(|row| (row.refund_id, row.invoice_id))
    .fetch_all(conn)
    .await
}
