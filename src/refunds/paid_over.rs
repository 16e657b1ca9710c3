//! Lines that were paid over to the Treasury: what is given back of them is the Treasury's to pay.
//! Until pay-over runs stand here an officer says so, line by line.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::store;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::InvoiceId;

/// Marks a line, counted from 1, as paid over.
pub async fn mark_in(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    line: u32,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let place = i32::try_from(line).unwrap_or(i32::MAX);
    store::line_paid_over_insert(conn, invoice, place, by, now).await?;
    let detail = json!({ "line": line });
    let by = By { actor: by, at: now };
    audit::record_in(conn, by, "line.paid_over", &invoice.to_string(), &detail).await
}
