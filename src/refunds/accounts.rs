//! Where a transfer goes: the account that paid, kept sealed with its settlement, or one that the
//! payer named and a second person approved.

use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::refund::Refund;
use super::store::{self, reads};
use crate::partners::dialects::CounterAccount;
use crate::platform::audit::{self, By};
use crate::platform::seal::{MasterKeys, OpenError};
use crate::vocabulary::ids::{InvoiceId, uuid_v7};

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// What is sealed does not open.
    #[error("the account of refund {refund} does not open: {why}")]
    Sealed {
        /// Which refund.
        refund: crate::vocabulary::ids::RefundId,
        /// Why not.
        why: OpenError,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn named_context(id: Uuid) -> String {
    format!("refund-account/{id}")
}

/// Sealed values are different each time: this names one and gives nothing away.
pub fn digest(sealed: &[u8]) -> String {
    hex::encode(Sha256::digest(sealed))
}

/// Keeps the account that a payer names for the refunds of an invoice; it counts once approved.
pub async fn name_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    invoice: InvoiceId,
    account: &CounterAccount,
    now: DateTime<Utc>,
) -> Result<Uuid, sqlx::Error> {
    let id = uuid_v7(now);
    let text = serde_json::to_vec(account).unwrap_or_default();
    let sealed = keys.seal(&named_context(id), &text);
    store::refund_account_insert(conn, id, invoice, &sealed, now).await?;
    Ok(id)
}

/// Approves a named account; `false` when there is none of that id that waits.
pub async fn approve_in(
    conn: &mut PgConnection,
    id: Uuid,
    by: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let approved = store::refund_account_approve(conn, id, by, now).await?;
    if approved {
        let by = By { actor: by, at: now };
        audit::record_in(conn, by, "refund_account.approved", &id.to_string(), &json!({})).await?;
    }
    Ok(approved)
}

/// Is there an account to transfer a refund to, at this time?
pub async fn is_known(
    conn: &mut PgConnection,
    refund: &Refund,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let facts = reads::settlement_facts(conn, refund.settlement).await?;
    if facts.is_some_and(|facts| facts.counter_account.is_some()) {
        return Ok(true);
    }
    Ok(reads::approved_account(conn, refund.invoice, now).await?.is_some())
}

/// The account to transfer a refund to, as it was known when its file was made: a file that is made
/// again names the same. One that the payer named comes first: it was asked for.
pub async fn of_refund(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    refund: &Refund,
    made_at: DateTime<Utc>,
) -> Result<Option<CounterAccount>, AccountError> {
    let named = reads::approved_account(conn, refund.invoice, made_at).await?;
    let (context, sealed) = if let Some((id, sealed)) = named {
        (named_context(id), sealed)
    } else {
        let facts = reads::settlement_facts(conn, refund.settlement).await?;
        let sealed = facts.and_then(|facts| Some((facts.sealed_with, facts.counter_account?)));
        let Some((sealed_with, sealed)) = sealed else { return Ok(None) };
        (format!("counter-account/{sealed_with}"), sealed)
    };
    let opened = keys
        .open(&context, &sealed)
        .map_err(|why| AccountError::Sealed { refund: refund.id, why })?;
    Ok(serde_json::from_slice(opened.expose()).ok())
}
