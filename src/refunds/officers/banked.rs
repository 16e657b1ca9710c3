//! One says that a settlement was seen in the bank, another that it is so. What is due back of it is
//! then released by whoever did not say it first.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::kind::About;
use super::{Desk, OfficerError, admit, put_in, subject, unchanged};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::people::role::EVERYTHING;
use crate::platform::audit::By;
use crate::refunds::store::reads;
use crate::settlements::bank::{BankError, confirm_in};
use crate::settlements::store::{self, Booked};
use crate::vocabulary::ids::{ApprovalId, SettlementId};

fn content(id: SettlementId, booked: &Booked, bank_account: Option<&str>) -> Value {
    json!({
        "settlement": id, "invoice": booked.invoice, "partner": booked.partner,
        "account": booked.account, "bank_account": bank_account, "amount": booked.amount,
    })
}

impl Desk {
    /// Proposes that a settlement was seen in the bank, on its own collecting account unless told.
    pub async fn banked(
        &self,
        officer: &Officer,
        id: SettlementId,
        bank_account: Option<&str>,
    ) -> Result<ApprovalId, OfficerError> {
        let mut tx = self.refunding.pool.begin().await?;
        let booked = store::settlement_booked(&mut tx, id).await?.ok_or(OfficerError::NotFound)?;
        // Money in suspense is no single agency's.
        let invoice = match booked.invoice {
            Some(invoice) => invoice_store::invoice_read(&mut tx, invoice).await?,
            None => None,
        };
        let agency = invoice.map_or_else(|| EVERYTHING.to_owned(), |invoice| invoice.agency);
        admit(officer, &agency)?;
        let facts = reads::settlement_facts(&mut tx, id).await?.ok_or(OfficerError::NotFound)?;
        if facts.reversed {
            return Err(OfficerError::WrongState("the settlement was taken back".to_owned()));
        }
        if let Some(by) = facts.banked_by {
            return Err(OfficerError::WrongState(format!("{by} has confirmed it before")));
        }
        let by = By { actor: &officer.email, at: self.refunding.clock.now() };
        let (subject, content) = (id.to_string(), content(id, &booked, bank_account));
        let kind = About::Banked.as_str();
        let approval = put_in(&mut tx, by, kind, (&subject, &agency), &content).await?;
        tx.commit().await?;
        Ok(approval)
    }
}

pub(super) async fn apply_in(
    conn: &mut PgConnection,
    books: &Accounts,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id = SettlementId(subject(approval)?);
    let booked = store::settlement_booked(conn, id).await?.ok_or(ApplyError::Changed)?;
    let proposed = approval.value();
    let bank_account = proposed["bank_account"].as_str();
    unchanged(approval, &content(id, &booked, bank_account))?;
    // Who has seen it: another must release what is due back of it.
    match confirm_in(conn, books, id, bank_account, &approval.made_by, by.at).await {
        Ok(_) => Ok(()),
        Err(BankError::NotFound(_)) => Err(ApplyError::Changed),
        Err(BankError::Store(error)) => Err(error.into()),
        Err(error) => Err(ApplyError::Impossible(error.to_string())),
    }
}
