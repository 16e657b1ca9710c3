//! A payer names the account that a refund is to go to, where none is known: for what is given back
//! of one settlement, since another may have paid the same invoice. It waits for a second person.

use chrono::{DateTime, Utc};
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
use crate::vocabulary::ids::{ApprovalId, InvoiceId, SettlementId};
use crate::vocabulary::money::Money;

/// So many accounts may be named for one invoice; then a person has to help.
const MOST: i64 = 5;

/// Who names accounts, in approvals.
const PAYER: &str = "payer";

/// One payment of which something cannot be given back before its payer names an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanting {
    /// The settlement.
    pub settlement: SettlementId,
    /// The partner it came through.
    pub partner: String,
    /// When it was paid.
    pub paid_at: DateTime<Utc>,
    /// How much is to go back.
    pub amount: Money,
    /// One before was not accepted, or the transfer to it failed.
    pub again: bool,
}

/// How an invoice stands with the accounts that its refunds go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountStanding {
    /// Nothing is to be transferred, or the account is known.
    NotNeeded,
    /// Of each of these something cannot be given back before its payer names one; never empty.
    Needed(Vec<Wanting>),
    /// What was named waits for a second person.
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
    let wanted = reads::accounts_wanted(conn, invoice).await?;
    if wanted.is_empty() {
        return Ok(AccountStanding::NotNeeded);
    }
    let mut wanting = Vec::with_capacity(wanted.len());
    for of in wanted.into_iter().filter(|of| !of.waiting) {
        wanting.push(Wanting {
            settlement: SettlementId(of.settlement),
            partner: of.partner,
            paid_at: of.paid_at,
            amount: Money::new(of.amount, zero.currency()).map_err(super::defect)?,
            again: of.named,
        });
    }
    Ok(if wanting.is_empty() {
        AccountStanding::Waiting
    } else if reads::accounts_named(conn, invoice).await? >= MOST {
        AccountStanding::TooMany
    } else {
        AccountStanding::Needed(wanting)
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
    /// Keeps the account for what is given back of a settlement, and has it decided on. Without a
    /// settlement it is for the only one that wants one; where several do, it must be said.
    pub async fn name(
        &self,
        (invoice, settlement): (InvoiceId, Option<SettlementId>),
        account: &CounterAccount,
    ) -> Result<ApprovalId, NameError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        // Of many who name one at once, the lock lets one see that none waits.
        let locked = invoice_store::invoices_lock(&mut tx, &[invoice.0]).await?;
        let Some(found) = locked.into_iter().next() else { return Err(NameError::NotAsked) };
        let zero = Money::zero(found.amount.currency());
        let AccountStanding::Needed(wanting) = standing(&mut tx, invoice, zero).await? else {
            return Err(NameError::NotAsked);
        };
        let of = match (settlement, wanting.as_slice()) {
            (None, [only]) => only.settlement,
            (Some(named), all) if all.iter().any(|of| of.settlement == named) => named,
            _ => return Err(NameError::NotAsked),
        };
        let by = By { actor: PAYER, at: now };
        let approval = take_down_in(&mut tx, &self.keys, by, (&found, of), account).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

/// Keeps an account for what is given back of a settlement of an invoice and has it decided on, in
/// the caller's transaction.
pub async fn take_down_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    (invoice, settlement): (&Invoice, SettlementId),
    account: &CounterAccount,
) -> Result<ApprovalId, ProposeError> {
    let of = (invoice.id, settlement);
    let id = accounts::name_in(conn, keys, of, account, by.at).await?;
    let facts = reads::settlement_facts(conn, settlement).await?;
    let sealed = store::refund_account_sealed(conn, id).await?.unwrap_or_default();
    // Who decides compares the holder with the payer; the whole number is opened only for the
    // transfer.
    let content = json!({
        "account": id, "invoice": invoice.code, "payer": invoice.payer.name,
        "settlement": settlement, "transaction": facts.map(|facts| facts.transaction_id),
        "bank": account.bank, "number_ends": last_four(&account.number),
        "holder": account.name, "sealed_sha256": accounts::digest(&sealed),
    });
    let subject = id.to_string();
    let agency = invoice.agency.as_str();
    let proposal = Proposal { kind: APPROVE, subject: &subject, agency, content: &content };
    propose_in(conn, by, &proposal).await
}

pub(super) fn last_four(number: &str) -> &str {
    number.len().checked_sub(4).and_then(|from| number.get(from..)).unwrap_or(number)
}
