//! Every statement on refunds that writes, and reads of single ones.

pub mod batches;
pub mod officers;
pub mod paid_over;
pub mod reads;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::refund::Refund;
use super::status::RefundStatus;
use crate::vocabulary::ids::{InvoiceId, RefundId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

/// The columns as they are read.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct RefundRow {
    pub refund_id: Uuid,
    pub invoice_id: Uuid,
    pub settlement_id: Uuid,
    pub cycle: i32,
    pub partner: String,
    pub reference: String,
    pub kind: String,
    pub method: String,
    pub amount: Decimal,
    pub currency: String,
    pub shares: String,
    pub reason: String,
    pub requested_by: String,
    pub requested_at: DateTime<Utc>,
    pub status: String,
    pub status_since: DateTime<Utc>,
    pub approved_by: Option<String>,
    pub approval_entry: Option<i64>,
    pub destination: Option<Vec<u8>>,
    pub partner_refund: Option<String>,
    pub last_code: Option<String>,
    pub refund_batch_id: Option<Uuid>,
}

pub(super) fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl TryFrom<RefundRow> for Refund {
    type Error = sqlx::Error;

    fn try_from(row: RefundRow) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        Ok(Self {
            id: RefundId(row.refund_id),
            invoice: InvoiceId(row.invoice_id),
            settlement: SettlementId(row.settlement_id),
            cycle: row.cycle,
            partner: row.partner,
            reference: row.reference,
            kind: row.kind.parse().map_err(undecodable)?,
            method: row.method.parse().map_err(undecodable)?,
            amount: Money::new(row.amount, currency).map_err(undecodable)?,
            shares: serde_json::from_str(&row.shares).map_err(undecodable)?,
            reason: row.reason,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            status: row.status.parse().map_err(undecodable)?,
            status_since: row.status_since,
            approved_by: row.approved_by,
            approval_entry: row.approval_entry,
            destination: row.destination,
            partner_refund: row.partner_refund,
            last_code: row.last_code,
            batch: row.refund_batch_id,
        })
    }
}

/// Writes a refund that is asked for.
pub async fn refund_insert(conn: &mut PgConnection, refund: &Refund) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into refund (refund_id, invoice_id, settlement_id, cycle, partner, reference, kind,
                             method, amount, currency, shares, reason, requested_by, requested_at,
                             status_since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12, $13, $14, $14)",
        refund.id.0,
        refund.invoice.0,
        refund.settlement.0,
        refund.cycle,
        refund.partner,
        refund.reference,
        refund.kind.as_str(),
        refund.method.as_str(),
        refund.amount.amount(),
        refund.amount.currency().as_str(),
        serde_json::to_string(&refund.shares).unwrap_or_default(),
        refund.reason,
        refund.requested_by,
        refund.requested_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Reads refunds by id, in the order of their ids.
pub async fn refunds_read(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Refund>, sqlx::Error> {
    let rows = sqlx::query_as!(
        RefundRow,
        r#"select refund_id, invoice_id, settlement_id, cycle, partner, reference, kind, method,
                  amount, currency, shares::text as "shares!", reason, requested_by, requested_at,
                  status, status_since, approved_by, approval_entry, destination, partner_refund,
                  last_code, refund_batch_id
             from refund where refund_id = any($1) order by refund_id"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// One refund.
pub async fn refund_read(
    conn: &mut PgConnection,
    id: RefundId,
) -> Result<Option<Refund>, sqlx::Error> {
    Ok(refunds_read(conn, &[id.0]).await?.pop())
}

/// Locks refunds, in the order of their ids, and reads them under the lock. Their invoices are
/// locked before.
pub async fn refunds_lock(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Refund>, sqlx::Error> {
    sqlx::query!(
        r#"select count(*) as "locked!"
             from (select from refund where refund_id = any($1)
                    order by refund_id for no key update) l"#,
        ids
    )
    .fetch_one(&mut *conn)
    .await?;
    refunds_read(conn, ids).await
}

/// The refunds of an invoice, the oldest first.
pub async fn refunds_of_invoice(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<Refund>, sqlx::Error> {
    let ids = sqlx::query_scalar!("select refund_id from refund where invoice_id = $1", invoice.0)
        .fetch_all(&mut *conn)
        .await?;
    refunds_read(conn, &ids).await
}

/// The refunds of a settlement.
pub async fn refunds_of_settlement(
    conn: &mut PgConnection,
    settlement: SettlementId,
) -> Result<Vec<Refund>, sqlx::Error> {
    let ids =
        sqlx::query_scalar!("select refund_id from refund where settlement_id = $1", settlement.0)
            .fetch_all(&mut *conn)
            .await?;
    refunds_read(conn, &ids).await
}

/// Takes a refund's step as it stands in memory, guarded by where it stood; `false` when it has
/// moved on meanwhile. `outcome_entry` books a step that ends it.
pub async fn refund_step(
    conn: &mut PgConnection,
    refund: &Refund,
    from: RefundStatus,
    outcome_entry: Option<i64>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update refund
            set status = $3, status_since = $4, approved_by = $5, approval_entry = $6,
                outcome_entry = $7, partner_refund = $8, last_code = $9, refund_batch_id = $10,
                destination = $11
          where refund_id = $1 and status = $2",
        refund.id.0,
        from.as_str(),
        refund.status.as_str(),
        refund.status_since,
        refund.approved_by,
        refund.approval_entry,
        outcome_entry,
        refund.partner_refund,
        refund.last_code,
        refund.batch,
        refund.destination
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes the last word about a refund that goes on.
pub async fn refund_note(
    conn: &mut PgConnection,
    id: RefundId,
    code: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update refund set last_code = $2 where refund_id = $1 and status = 'sent'",
        id.0,
        code
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps an account that a payer named for what is given back of a settlement.
pub async fn refund_account_insert(
    conn: &mut PgConnection,
    id: Uuid,
    (invoice, settlement): (InvoiceId, SettlementId),
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into refund_account (refund_account_id, invoice_id, settlement_id, sealed, named_at)
         values ($1, $2, $3, $4, $5)",
        id,
        invoice.0,
        settlement.0,
        sealed,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Approves an account that nobody has approved; `false` when there is none such.
pub async fn refund_account_approve(
    conn: &mut PgConnection,
    id: Uuid,
    by: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update refund_account set approved_by = $2, approved_at = $3
          where refund_account_id = $1 and approved_by is null and dropped_at is null",
        id,
        by,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is sealed of a named account.
pub async fn refund_account_sealed(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!("select sealed from refund_account where refund_account_id = $1", id)
        .fetch_optional(conn)
        .await
}

/// Drops an account that nobody has approved; `false` when there is none such.
pub async fn refund_account_drop(
    conn: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update refund_account set dropped_at = $2
          where refund_account_id = $1 and approved_by is null and dropped_at is null",
        id,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks a line of an invoice as paid over; a second mark changes nothing.
pub async fn line_paid_over_insert(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    line: i32,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into line_paid_over (invoice_id, line, confirmed_by, at) values ($1, $2, $3, $4)
         on conflict on constraint line_paid_over_pkey do nothing",
        invoice.0,
        line,
        by,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
