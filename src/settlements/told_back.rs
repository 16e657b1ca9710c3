//! A partner that has no key of ours takes money back outside of its interface: a wallet's desk, a
//! bank's letter. An officer says so, with the partner's reference, and another decides.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::reverse::{Reversed, Word, is_taken, take_all_back_in};
use super::settlement::Settlement;
use super::store;
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::invoices::store as invoice_store;
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::{ApprovalId, SettlementId};

/// The name of the kind of approval.
pub const REVERSE: &str = "settlement.reverse";

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum ReverseError {
    /// Not there, never booked, or of none of this person's agencies.
    #[error("there is no such settlement in this person's scope")]
    NotFound,
    /// The person has no role for it.
    #[error("the role officer for {agency} is needed")]
    NotAllowed {
        /// The agency of the invoice; everything for money that has none.
        agency: String,
    },
    /// It is taken back.
    #[error("the settlement was taken back by {0}")]
    TakenBack(String),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn content(settlement: &Settlement, (reference, reason): (&str, &str)) -> Value {
    json!({
        "settlement": settlement.id, "partner": settlement.partner,
        "transaction": settlement.transaction_id, "account": settlement.account,
        "amount": settlement.amount, "invoice": settlement.invoice,
        "reference": reference, "reason": reason,
    })
}

/// Proposes that a settlement was taken back: under which reference of the partner, and why.
pub async fn propose(
    pool: &PgPool,
    officer: &Officer,
    id: SettlementId,
    said: (&str, &str),
    now: DateTime<Utc>,
) -> Result<ApprovalId, ReverseError> {
    let mut tx = pool.begin().await?;
    let settlement = store::settlement_read(&mut tx, id).await?;
    let settlement = settlement.filter(|found| found.entry.is_some());
    let settlement = settlement.ok_or(ReverseError::NotFound)?;
    // Money in suspense is no single agency's.
    let invoice = match settlement.invoice {
        Some(invoice) => invoice_store::invoice_read(&mut tx, invoice).await?,
        None => None,
    };
    let agency = invoice.map_or_else(|| EVERYTHING.to_owned(), |invoice| invoice.agency);
    if !officer.sees(&agency) {
        return Err(ReverseError::NotFound);
    }
    if !officer.may(Role::Officer, &agency) {
        return Err(ReverseError::NotAllowed { agency });
    }
    if let Some(by) = store::reversal_of(&mut tx, id).await? {
        return Err(ReverseError::TakenBack(by));
    }
    let (subject, content) = (id.to_string(), content(&settlement, said));
    let proposal =
        Proposal { kind: REVERSE, subject: &subject, agency: &agency, content: &content };
    let by = By { actor: &officer.email, at: now };
    let approval = propose_in(&mut tx, by, &proposal).await?;
    tx.commit().await?;
    Ok(approval)
}

/// The word of officers that a settlement was taken back.
#[derive(Debug)]
pub struct ReverseKind {
    /// The books.
    pub books: Arc<Accounts>,
}

impl ReverseKind {
    async fn take_back(
        &self,
        conn: &mut PgConnection,
        approval: &Approval,
        by: By<'_>,
    ) -> Result<(), ApplyError> {
        let id = approval.subject.parse().map(SettlementId).map_err(|_| ApplyError::Changed)?;
        let proposed = approval.value();
        let (Some(reference), Some(reason)) =
            (proposed["reference"].as_str(), proposed["reason"].as_str())
        else {
            return Err(ApplyError::Changed);
        };
        let settlement = store::settlement_read(conn, id).await?.ok_or(ApplyError::Changed)?;
        if canonical(&content(&settlement, (reference, reason))) != approval.content {
            return Err(ApplyError::Changed);
        }
        let word =
            Word { actor: by.actor.to_owned(), reason, transaction_id: reference, tells: true };
        let impossible = |why: &str| Err(ApplyError::Impossible(why.to_owned()));
        match take_all_back_in(conn, &self.books, &settlement, &word, by.at).await {
            Ok(Reversed::Booked) => {}
            Ok(_) => return impossible("the settlement was taken back meanwhile"),
            Err(error) if is_taken(&error) => {
                return impossible("this reference has taken back another settlement");
            }
            Err(error) => return Err(error.into()),
        }
        let detail = json!({ "approval": approval.id, "reference": reference });
        audit::record_in(conn, by, "settlement.reversed", &approval.subject, &detail).await?;
        Ok(())
    }
}

impl Kind for ReverseKind {
    fn name(&self) -> &'static str {
        REVERSE
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(self.take_back(conn, approval, by))
    }

    /// Nothing waits anywhere but in the approval itself.
    fn drop_in<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _approval: &'a Approval,
        _by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
