//! Refunds that go by a file: transfers as pain.001 for the bank, claims as CSV for the Treasury.
//! What goes into a file is `sent` with it; the file of a batch can be made again, the same.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::accounts::{self, AccountError};
use super::query::FILE_CASE_AFTER;
use super::refund::{Refund, RefundMethod};
use super::send::{CarryError, send_in};
use super::store::batches::{self, Batch};
use super::store::{self, reads};
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::platform::outbox;
use crate::platform::pain001::{self, Debtor, Document, Transfer, Version};
use crate::platform::seal::MasterKeys;
use crate::registers::directory::Directory;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::{RefundId, uuid_v7};

/// Refunds of one file.
const MOST: i64 = 1000;

/// What exporting needs.
#[derive(Debug, Clone)]
pub struct Exporting {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// What opens the payers' accounts.
    pub keys: Arc<MasterKeys>,
    /// Whose the paying accounts are.
    pub directory: Arc<Directory>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its batch.
    pub batch: Uuid,
    /// How many refunds are in it.
    pub count: usize,
    /// What is in it.
    pub text: String,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Nothing waits.
    #[error("no approved refund of {partner} waits to go by {method}")]
    Nothing {
        /// Whose.
        partner: String,
        /// How.
        method: RefundMethod,
    },
    /// There is none of that id.
    #[error("there is no batch {0}")]
    UnknownBatch(Uuid),
    /// The registers do not know the paying account.
    #[error("the registers hold no collecting account {number} of {partner}")]
    UnknownAccount {
        /// Whose.
        partner: String,
        /// Which.
        number: String,
    },
    /// None of a refund's accounts is the one that was approved.
    #[error("refund {0} was approved to go to an account that is none of its own any more")]
    OtherAccount(RefundId),
    /// A payer's account does not open.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A refund could not be marked as sent.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The sums.
    #[error(transparent)]
    Money(#[from] crate::vocabulary::money::MoneyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Exporting {
    /// Makes a file of all that waits, and marks it as sent: both or neither.
    pub async fn export(
        &self,
        partner: &str,
        method: RefundMethod,
        by: &str,
    ) -> Result<File, ExportError> {
        let now = chrono::SubsecRound::trunc_subsecs(self.clock.now(), 6);
        let mut tx = self.pool.begin().await?;
        let waiting = batches::refunds_to_export(&mut tx, partner, method, MOST).await?;
        let (ids, mut of): (Vec<Uuid>, Vec<Uuid>) = waiting.into_iter().unzip();
        of.sort_unstable();
        of.dedup();
        let invoices = invoice_store::invoices_lock(&mut tx, &of).await?;
        let batch = Batch { id: uuid_v7(now), method, partner: partner.to_owned(), made_at: now };
        let mut goes = false;
        batches::refund_batch_insert(&mut tx, &batch, by).await?;
        for mut refund in store::refunds_lock(&mut tx, &ids).await? {
            let Some(invoice) = invoices.iter().find(|i| i.id == refund.invoice) else { continue };
            // One whose money was taken back fails instead of going out, and is in no file.
            let facts = reads::settlement_facts(&mut tx, refund.settlement).await?;
            refund.batch = facts.filter(|facts| !facts.reversed).map(|_| batch.id);
            let who = (by, now);
            // A refund before it may have changed the invoice.
            let invoice = invoice_store::invoice_read(&mut tx, invoice.id).await?;
            let Some(invoice) = invoice else { continue };
            let wait = FILE_CASE_AFTER;
            goes |= send_in(&mut tx, &self.accounts, &mut refund, &invoice, who, wait).await?;
        }
        if !goes {
            // What failed on the way keeps its steps; an empty batch is nobody's.
            if !ids.is_empty() {
                tx.commit().await?;
            }
            return Err(ExportError::Nothing { partner: partner.to_owned(), method });
        }
        let file = self.write(&mut tx, &batch).await?;
        tx.commit().await?;
        outbox::WRITTEN.notify_one();
        Ok(file)
    }

    /// The file of a batch, once more.
    pub async fn again(&self, batch: Uuid) -> Result<File, ExportError> {
        let mut conn = self.pool.acquire().await?;
        let found = batches::refund_batch_read(&mut conn, batch).await?;
        let found = found.ok_or(ExportError::UnknownBatch(batch))?;
        self.write(&mut conn, &found).await
    }

    async fn write(&self, conn: &mut PgConnection, batch: &Batch) -> Result<File, ExportError> {
        let ids = batches::refunds_of_batch(conn, batch.id).await?;
        let mut refunds = Vec::with_capacity(ids.len());
        for refund in store::refunds_read(conn, &ids).await? {
            let facts = reads::settlement_facts(conn, refund.settlement).await?;
            let account = facts.map(|facts| facts.account).unwrap_or_default();
            refunds.push((refund, account));
        }
        let text = match batch.method {
            RefundMethod::Treasury => claims(&refunds),
            RefundMethod::Transfer | RefundMethod::Partner => {
                self.transfers(conn, batch, &refunds).await?
            }
        };
        Ok(File { batch: batch.id, count: refunds.len(), text })
    }

    async fn transfers(
        &self,
        conn: &mut PgConnection,
        batch: &Batch,
        refunds: &[(Refund, String)],
    ) -> Result<String, ExportError> {
        let mut payments: BTreeMap<Debtor, Vec<Transfer>> = BTreeMap::new();
        for (refund, account) in refunds {
            let unknown = || ExportError::UnknownAccount {
                partner: refund.partner.clone(),
                number: account.clone(),
            };
            let of = self.directory.account_ever(&refund.partner, account).ok_or_else(unknown)?;
            let debtor =
                Debtor { number: of.number.clone(), name: of.holder.clone(), bank: of.bin.clone() };
            // Approval asks for the account, and one that is there stays there.
            let to = accounts::approved_destination(conn, refund).await?;
            let to = to.ok_or(ExportError::OtherAccount(refund.id))?.open(&self.keys, refund.id)?;
            let invoice = invoice_store::invoice_read(conn, refund.invoice).await?;
            let code = invoice.map(|invoice| invoice.code.to_string()).unwrap_or_default();
            payments.entry(debtor).or_default().push(Transfer {
                memo: format!("Hoan tien {code} {}", refund.reference),
                reference: refund.reference.clone(),
                amount: refund.amount,
                bank: to.bank,
                number: to.number,
                name: to.name,
            });
        }
        let payments: Vec<_> = payments.into_iter().collect();
        Ok(pain001::write(&Document {
            version: Version::V03,
            id: &batch.id.simple().to_string(),
            made_at: batch.made_at,
            initiator: "payclear",
            payments: &payments,
        })?)
    }
}

/// Claims on the Treasury, a row for each line that was paid over.
fn claims(refunds: &[(Refund, String)]) -> String {
    let mut csv = "refund,invoice,agency,budget,line,amount,currency\n".to_owned();
    for (refund, _) in refunds {
        for share in &refund.shares {
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{},{}",
                refund.id,
                refund.invoice,
                share.agency,
                share.budget,
                share.line,
                share.amount.amount(),
                share.amount.currency()
            );
        }
    }
    csv
}
