//! A payer names the account that a refund is to go to, where none is known. It waits for a second
//! person.

use serde_json::json;
use sqlx::{PgConnection, PgPool};
use std::sync::Arc;

use super::account_approval::APPROVE;
use super::accounts;
use super::store::{self, reads};
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::invoices::invoice::Invoice;
use crate::invoices::store as invoice_store;
use crate::partners::dialects::CounterAccount;
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::{ApprovalId, InvoiceId};
use crate::vocabulary::money::Money;

/// So many accounts may be named for one invoice; then a person has to help.
const MOST: i64 = 5;

/// Who names accounts, in approvals.
const PAYER: &str = "payer";

/// How an invoice stands with the account that its refunds go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStanding {
    /// Nothing is to be transferred, or the account is known.
    NotNeeded,
    /// So much cannot be given back before the payer names one. `again`: one before was not
    /// accepted, or the transfer to it failed.
    Needed {
        /// How much.
        amount: Money,
        /// Was there one before?
        again: bool,
    },
    /// One was named and waits for a second person.
    Waiting,
    /// Too many were named.
    TooMany,
}

/// How an invoice stands.
pub async fn standing(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    zero: Money,
) -> Result<AccountStanding, sqlx::Error> {
    let wanted = reads::account_wanted(conn, invoice).await?;
    let Some(amount) = wanted.and_then(|n| Money::new(n, zero.currency()).ok()) else {
        return Ok(AccountStanding::NotNeeded);
    };
    let named = reads::accounts_named(conn, invoice).await?;
    Ok(match named {
        (waiting, _) if waiting > 0 => AccountStanding::Waiting,
        (_, all) if all >= MOST => AccountStanding::TooMany,
        (_, all) => AccountStanding::Needed { amount, again: all > 0 },
    })
}

/// Why no account was taken.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// No refund waits for one, one waits already, or too many were named.
    #[error("no account is asked for now")]
    NotAsked,
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// What naming needs.
#[derive(Debug, Clone)]
pub struct Naming {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Seals accounts.
    pub keys: Arc<MasterKeys>,
}

impl Naming {
    /// Keeps the account, and has it decided on.
    pub async fn name(
        &self,
        invoice: InvoiceId,
        account: &CounterAccount,
    ) -> Result<ApprovalId, NameError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        // Of many who name one at once, the lock lets one see that none waits.
        let locked = invoice_store::invoices_lock(&mut tx, &[invoice.0]).await?;
        let Some(found) = locked.into_iter().next() else { return Err(NameError::NotAsked) };
        let zero = Money::zero(found.amount.currency());
        if !matches!(standing(&mut tx, invoice, zero).await?, AccountStanding::Needed { .. }) {
            return Err(NameError::NotAsked);
        }
        let by = By { actor: PAYER, at: now };
        let approval = take_down_in(&mut tx, &self.keys, by, &found, account).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

/// Keeps an account for the refunds of an invoice and has it decided on, in the caller's
/// transaction.
pub async fn take_down_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    invoice: &Invoice,
    account: &CounterAccount,
) -> Result<ApprovalId, ProposeError> {
    let id = accounts::name_in(conn, keys, invoice.id, account, by.at).await?;
    let sealed = store::refund_account_sealed(conn, id).await?.unwrap_or_default();
    // Who decides compares the holder with the payer; the whole number is opened only for the
    // transfer.
    let content = json!({
        "account": id, "invoice": invoice.code, "payer": invoice.payer.name,
        "bank": account.bank, "number_ends": last_four(&account.number),
        "holder": account.name, "sealed_sha256": accounts::digest(&sealed),
    });
    let subject = id.to_string();
    let agency = invoice.agency.as_str();
    let proposal = Proposal { kind: APPROVE, subject: &subject, agency, content: &content };
    propose_in(conn, by, &proposal).await
}

fn last_four(number: &str) -> &str {
    number.len().checked_sub(4).and_then(|from| number.get(from..)).unwrap_or(number)
}
