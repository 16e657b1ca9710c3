//! What is missing: payments without a receipt, numbers without one, receipts without a signature.

use chrono::TimeDelta;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::store::reads::{self, MissingNumbers, RangeUse, Waiting};
use crate::people::role::EVERYTHING;
use chrono::{DateTime, Utc};

/// A signature that has not come by then is missed.
const SIGNED_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// What is missing, of the agencies in sight.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Gaps {
    /// Is nothing missing?
    pub whole: bool,
    /// Payments that wait for a number.
    pub waiting: Vec<Waiting>,
    /// Numbers that no receipt has.
    pub missing: Vec<MissingNumbers>,
    /// Receipts that have had no signature for five minutes.
    pub unsigned: i64,
    /// The ranges, and how far each is used.
    pub ranges: Vec<RangeUse>,
}

/// Looks for what is missing.
pub async fn gaps(
    conn: &mut PgConnection,
    scopes: &[String],
    now: DateTime<Utc>,
) -> Result<Gaps, sqlx::Error> {
    let waiting = reads::payments_waiting(conn, scopes).await?;
    let missing = reads::numbers_missing(conn, scopes).await?;
    let unsigned = reads::unsigned_before(conn, scopes, now - SIGNED_WITHIN).await?;
    let ranges = reads::ranges_used(conn, scopes).await?;
    let whole = waiting.is_empty() && missing.is_empty() && unsigned == 0;
    Ok(Gaps { whole, waiting, missing, unsigned, ranges })
}

/// What `payclear verify` says of receipts: each figure is zero when everything holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReceiptReport {
    /// Payments that were passed over: neither a receipt nor a place in the queue.
    pub payments_without: i64,
    /// Receipts of nothing that was paid.
    pub without_payment: i64,
    /// Places where a number is missing.
    pub gaps: usize,
}

impl ReceiptReport {
    /// Does everything hold?
    pub const fn holds(&self) -> bool {
        self.payments_without == 0 && self.without_payment == 0 && self.gaps == 0
    }
}

/// Looks at every receipt.
pub async fn verify(conn: &mut PgConnection) -> Result<ReceiptReport, sqlx::Error> {
    let (payments_without, without_payment) = reads::payments_without(conn).await?;
    let gaps = reads::numbers_missing(conn, &[EVERYTHING.to_owned()]).await?.len();
    Ok(ReceiptReport { payments_without, without_payment, gaps })
}
