//! Where a transfer goes: the account that paid, kept sealed with its settlement, or one that the
//! payer named for what is given back of that settlement and a second person approved. Two people may
//! have paid one invoice: what one of them named is never of use for the other's money.
//!
//! Who approves a refund approves where it goes: the digest of the sealed account is part of what is
//! decided on and stays with the refund. A file names that account alone, whatever is named later.

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
use crate::vocabulary::ids::{InvoiceId, RefundId, SettlementId, uuid_v7};

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// What is sealed does not open.
    #[error("the account of refund {refund} does not open: {why}")]
    Sealed {
        /// Which refund.
        refund: RefundId,
        /// Why not.
        why: OpenError,
    },
    /// What is sealed is no account.
    #[error("what is sealed as the account of refund {0} is none")]
    Formless(RefundId),
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

/// An account that a refund may go to, sealed.
#[derive(Debug)]
pub struct Destination {
    context: String,
    sealed: Vec<u8>,
}

impl Destination {
    /// Names it, and gives nothing away.
    pub fn sha256(&self) -> Vec<u8> {
        Sha256::digest(&self.sealed).to_vec()
    }

    /// The account.
    pub fn open(
        &self,
        keys: &MasterKeys,
        refund: RefundId,
    ) -> Result<CounterAccount, AccountError> {
        let opened = keys
            .open(&self.context, &self.sealed)
            .map_err(|why| AccountError::Sealed { refund, why })?;
        serde_json::from_slice(opened.expose()).map_err(|_| AccountError::Formless(refund))
    }
}

/// Keeps the account that a payer names for what is given back of a settlement; it counts once
/// approved.
pub async fn name_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    of: (InvoiceId, SettlementId),
    account: &CounterAccount,
    now: DateTime<Utc>,
) -> Result<Uuid, sqlx::Error> {
    let id = uuid_v7(now);
    let text = serde_json::to_vec(account).unwrap_or_default();
    let sealed = keys.seal(&named_context(id), &text);
    store::refund_account_insert(conn, id, of, &sealed, now).await?;
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

/// All that a refund may go to, the best first: one that the payer named for this very money was
/// asked for, and comes before the one that paid.
async fn destinations(
    conn: &mut PgConnection,
    refund: &Refund,
) -> Result<Vec<Destination>, sqlx::Error> {
    let named = reads::approved_accounts(conn, refund.settlement).await?;
    let mut all: Vec<Destination> = named
        .into_iter()
        .map(|(id, sealed)| Destination { context: named_context(id), sealed })
        .collect();
    let facts = reads::settlement_facts(conn, refund.settlement).await?;
    if let Some((with, sealed)) = facts.and_then(|f| Some((f.sealed_with, f.counter_account?))) {
        all.push(Destination { context: format!("counter-account/{with}"), sealed });
    }
    Ok(all)
}

/// Where a refund would go if it were approved now; none while nobody knows.
pub async fn destination(
    conn: &mut PgConnection,
    refund: &Refund,
) -> Result<Option<Destination>, sqlx::Error> {
    Ok(destinations(conn, refund).await?.into_iter().next())
}

/// Where an approved refund goes, which is where it was approved to go; none when that is none of
/// its accounts.
pub async fn approved_destination(
    conn: &mut PgConnection,
    refund: &Refund,
) -> Result<Option<Destination>, sqlx::Error> {
    let is_it = |to: &Destination| refund.destination.as_deref() == Some(&to.sha256()[..]);
    Ok(destinations(conn, refund).await?.into_iter().find(is_it))
}
