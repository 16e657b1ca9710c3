//! SQL on `compat_portal` and `compat_payment`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::vocabulary::ids::InvoiceId;

/// The portal that is known by a MaDoiTac.
pub async fn portal_of_code(
    conn: &mut PgConnection,
    partner_code: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("select portal from compat_portal where partner_code = $1", partner_code)
        .fetch_optional(conn)
        .await
}

/// Enters what waits to be approved of a portal, beside what is in force.
pub async fn portal_next_put(
    conn: &mut PgConnection,
    portal: &str,
    (partner_code, sealed): (&str, &[u8]),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into compat_portal (portal, next_partner_code, next_settings) values ($1, $2, $3)
         on conflict on constraint compat_portal_pkey do update set
             next_partner_code = excluded.next_partner_code,
             next_settings = excluded.next_settings",
        portal,
        partner_code,
        sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What waits to be approved of a portal, sealed.
pub async fn portal_next(
    conn: &mut PgConnection,
    portal: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let next = sqlx::query_scalar!(
        "select next_settings from compat_portal where portal = $1 for update",
        portal
    )
    .fetch_optional(conn)
    .await?;
    Ok(next.flatten())
}

/// Puts in force what waits.
pub async fn portal_next_take(
    conn: &mut PgConnection,
    portal: &str,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update compat_portal
            set partner_code = next_partner_code, settings = next_settings, configured_at = $2,
                next_partner_code = null, next_settings = null
          where portal = $1 and next_settings is not null",
        portal,
        at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what waits.
pub async fn portal_next_drop(conn: &mut PgConnection, portal: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update compat_portal set next_partner_code = null, next_settings = null where portal = $1",
        portal
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was agreed with a portal, sealed; by its MaDoiTac.
pub async fn portal_sealed(
    conn: &mut PgConnection,
    partner_code: &str,
) -> Result<Option<(String, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select portal, settings as "settings!" from compat_portal
            where partner_code = $1 and settings is not null"#,
        partner_code
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.portal, row.settings)))
}

/// What was agreed with a portal, sealed; by its code in the registers.
pub async fn settings_of_portal(
    conn: &mut PgConnection,
    portal: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let settings =
        sqlx::query_scalar!("select settings from compat_portal where portal = $1", portal)
            .fetch_optional(conn)
            .await?;
    Ok(settings.flatten())
}

/// A payment that was asked for.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Whose.
    pub portal: String,
    /// MaThamChieu.
    pub reference: String,
    /// Its invoice.
    pub invoice: InvoiceId,
    /// ThongTinGiaoDich.
    pub description: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// `open`, `told`, `parked` or `closed`.
    pub state: String,
    /// Tries to tell its result.
    pub tries: i32,
}

/// Enters a payment; one that is there stays as it is.
pub async fn payment_insert(conn: &mut PgConnection, payment: &Payment) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into compat_payment (portal, reference, invoice_id, description, asked_at)
         values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        payment.portal,
        payment.reference,
        payment.invoice as InvoiceId,
        payment.description,
        payment.asked_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens a payment whose result was told, because what had paid it was taken back; the payment, or
/// none when nothing was told.
pub async fn payment_untell(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Option<Payment>, sqlx::Error> {
    sqlx::query_as!(
        Payment,
        r#"update compat_payment set state = 'open', tries = 0
            where invoice_id = $1 and state = 'told'
           returning portal, reference, invoice_id as "invoice: InvoiceId", description, asked_at,
                     state, tries"#,
        invoice as InvoiceId,
    )
    .fetch_optional(conn)
    .await
}

/// Opens a payment whose result was parked; its invoice, or none when it is not parked.
pub async fn payment_reopen(
    conn: &mut PgConnection,
    portal: &str,
    reference: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "update compat_payment set state = 'open', tries = 0
          where portal = $1 and reference = $2 and state = 'parked'
         returning invoice_id",
        portal,
        reference,
    )
    .fetch_optional(conn)
    .await
}

/// The payment of a portal with a MaThamChieu.
pub async fn payment_read(
    conn: &mut PgConnection,
    portal: &str,
    reference: &str,
) -> Result<Option<Payment>, sqlx::Error> {
    sqlx::query_as!(
        Payment,
        r#"select portal, reference, invoice_id as "invoice: InvoiceId", description, asked_at,
                  state, tries
           from compat_payment where portal = $1 and reference = $2"#,
        portal,
        reference,
    )
    .fetch_optional(conn)
    .await
}

/// The payment of an invoice.
pub async fn payment_of_invoice(
    conn: &mut PgConnection,
    invoice: Uuid,
) -> Result<Option<Payment>, sqlx::Error> {
    sqlx::query_as!(
        Payment,
        r#"select portal, reference, invoice_id as "invoice: InvoiceId", description, asked_at,
                  state, tries
           from compat_payment where invoice_id = $1"#,
        invoice,
    )
    .fetch_optional(conn)
    .await
}

/// Notes a try, or an end, of a payment that is open; `false` when it was not.
pub async fn payment_step(
    conn: &mut PgConnection,
    payment: &Payment,
    (to, tries): (&str, i32),
    error: Option<&str>,
    at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update compat_payment set state = $3, tries = $4, last_error = $5, last_at = $6
          where portal = $1 and reference = $2 and state = 'open'",
        payment.portal,
        payment.reference,
        to,
        tries,
        error,
        at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
