//! Lines that were paid over to the Treasury: what is given back of them is the Treasury's to pay.
//! A run of the pay-over takes lines in, many at once, and ends; where no run did, an officer says so,
//! line by line.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use super::store::paid_over;
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

/// Takes lines of invoices (invoice, line from 1) into transfers to the Treasury: nothing of them can
/// be asked back until these end. The invoices are locked by the caller.
pub async fn take_in(
    conn: &mut PgConnection,
    lines: &[(Uuid, i32, Uuid)],
) -> Result<(), sqlx::Error> {
    paid_over::lines_in_payover_insert(conn, lines).await
}

/// The bank has made transfers: their lines are paid over, all in one statement. How many.
pub async fn mark_taken_in(
    conn: &mut PgConnection,
    transfers: &[Uuid],
    by: &str,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    paid_over::lines_in_payover_end(conn, transfers, Some((by, now))).await
}

/// Transfers came to nothing: their lines are as they were before. How many.
pub async fn leave_taken_in(
    conn: &mut PgConnection,
    transfers: &[Uuid],
) -> Result<u64, sqlx::Error> {
    paid_over::lines_in_payover_end(conn, transfers, None).await
}
