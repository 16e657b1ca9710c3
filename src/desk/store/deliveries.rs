//! Notices to portals, as operators see them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A notice and how far it is.
#[derive(Debug)]
pub struct Delivery {
    /// The endpoint.
    pub endpoint_id: Uuid,
    /// The invoice it tells of.
    pub invoice_id: Uuid,
    /// The step it tells of.
    pub sequence: i32,
    /// The portal.
    pub portal: String,
    /// What it tells.
    pub kind: String,
    /// `due`, `delivered`, `parked`.
    pub state: String,
    /// Tries so far.
    pub tries: i32,
    /// The first one.
    pub first_at: DateTime<Utc>,
    /// The last one.
    pub last_at: DateTime<Utc>,
    /// The next one.
    pub next_at: Option<DateTime<Utc>>,
    /// The last answer.
    pub last_status: Option<i16>,
    /// What went wrong.
    pub last_error: Option<String>,
}

/// Notices that wait or were given up, the longest waiting last.
pub async fn deliveries(
    conn: &mut PgConnection,
    state: &str,
    portal: Option<&str>,
    most: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    sqlx::query_as!(
        Delivery,
        r#"select endpoint_id, invoice_id, sequence, portal, kind, state, tries, first_at, last_at,
                  next_at, last_status, last_error
             from delivery
            where state = $1 and state in ('due', 'parked') and ($2::text is null or portal = $2)
            order by last_at desc limit $3"#,
        state,
        portal,
        most
    )
    .fetch_all(conn)
    .await
}

/// The notices of one invoice.
pub async fn deliveries_of(
    conn: &mut PgConnection,
    invoice: Uuid,
) -> Result<Vec<Delivery>, sqlx::Error> {
    sqlx::query_as!(
        Delivery,
        r#"select endpoint_id, invoice_id, sequence, portal, kind, state, tries, first_at, last_at,
                  next_at, last_status, last_error
             from delivery where invoice_id = $1 order by sequence, endpoint_id limit 200"#,
        invoice
    )
    .fetch_all(conn)
    .await
}
