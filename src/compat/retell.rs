//! A result that was parked is told again, by an operator's wish.

use serde_json::json;
use sqlx::PgPool;

use super::results::RESULT_DUE;
use super::store;
use crate::platform::audit::{self, By};
use crate::platform::due;

/// Why a result is not told again.
#[derive(Debug, thiserror::Error)]
pub enum RetellError {
    /// Not there, or not parked.
    #[error("the portal {portal} has no parked result of {reference}")]
    NotParked {
        /// Whose.
        portal: String,
        /// MaThamChieu.
        reference: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Has the result told now, with all its tries before it.
pub async fn retell(
    pool: &PgPool,
    by: By<'_>,
    portal: &str,
    reference: &str,
) -> Result<(), RetellError> {
    let mut tx = pool.begin().await?;
    let Some(invoice) = store::payment_reopen(&mut tx, portal, reference).await? else {
        return Err(RetellError::NotParked {
            portal: portal.to_owned(),
            reference: reference.to_owned(),
        });
    };
    due::put_in(&mut tx, RESULT_DUE, invoice, by.at).await?;
    let detail = json!({ "reference": reference });
    audit::record_in(&mut tx, by, "portal.result_retold", portal, &detail).await?;
    tx.commit().await?;
    Ok(())
}
