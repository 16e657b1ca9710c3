//! The account that a payer names for a refund, as an officer takes it down; another looks at it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::kind::About;
use super::{Desk, OfficerError, put_in, refund_in, subject};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::invoices::invoice::Invoice;
use crate::partners::dialects::CounterAccount;
use crate::people::officer::Officer;
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::refunds::{accounts, store};
use crate::vocabulary::ids::{ApprovalId, InvoiceId, RefundId};

/// So much of a number is shown: enough to compare with a paper in the hand.
const SHOWN: usize = 4;

fn masked(number: &str) -> String {
    let count = number.chars().count();
    let hidden = count.saturating_sub(SHOWN);
    let rest: String = number.chars().skip(hidden).collect();
    format!("{}{rest}", "•".repeat(hidden))
}

/// Sealed values are different each time: this names one and gives nothing away.
fn digest(sealed: &[u8]) -> String {
    hex::encode(Sha256::digest(sealed))
}

/// Keeps the account that a payer names for the refunds of an invoice and proposes it, in the
/// caller's transaction.
pub async fn name_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    invoice: &Invoice,
    account: &CounterAccount,
) -> Result<ApprovalId, OfficerError> {
    let id = accounts::name_in(conn, keys, invoice.id, account, by.at).await?;
    let kept = store::refund_account_read(conn, id).await?.ok_or(OfficerError::NotFound)?;
    let content = json!({
        "invoice": invoice.id, "code": invoice.code, "bank": account.bank,
        "number": masked(&account.number), "name": account.name,
        "sealed_sha256": digest(&kept.1),
    });
    let about = (id.to_string(), invoice.agency.as_str());
    put_in(conn, by, About::Account.as_str(), (&about.0, about.1), &content).await
}

impl Desk {
    /// Takes down the account that the payer of a refund names, and proposes it.
    pub async fn name_account(
        &self,
        officer: &Officer,
        id: RefundId,
        account: &CounterAccount,
    ) -> Result<ApprovalId, OfficerError> {
        let mut tx = self.refunding.pool.begin().await?;
        let (_, invoice) = refund_in(&mut tx, officer, id).await?;
        let by = By { actor: &officer.email, at: self.refunding.clock.now() };
        let approval = name_in(&mut tx, &self.keys, by, &invoice, account).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

pub(super) async fn apply_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id: Uuid = subject(approval)?;
    let Some((invoice, sealed, approved)) = store::refund_account_read(conn, id).await? else {
        return Err(ApplyError::Changed);
    };
    if !is_same(&approval.value(), invoice, &sealed) {
        return Err(ApplyError::Changed);
    }
    if approved || !accounts::approve_in(conn, id, by.actor, by.at).await? {
        return Err(ApplyError::Impossible("the account is approved already".to_owned()));
    }
    Ok(())
}

fn is_same(content: &Value, invoice: InvoiceId, sealed: &[u8]) -> bool {
    content["invoice"] == invoice.to_string().as_str()
        && content["sealed_sha256"] == digest(sealed).as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_account_number_its_last_digits_are_shown() {
        assert_eq!(masked("0099887766"), "••••••7766");
        assert_eq!(masked("12"), "12");
    }
}
