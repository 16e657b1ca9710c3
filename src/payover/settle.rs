//! Without a statement that shows it, one officer says what the bank did with the transfers of a run,
//! and another that it is so.

use chrono::NaiveDate;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::confirm::{ConfirmError, Confirmed, Debit, confirm_in, fail_in};
use super::kind::About;
use super::run::{Run, RunLine};
use super::status::{LineStatus, RunStatus};
use super::{PayingOver, PayoverError, admit, lock_in};
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::ApplyError;
use crate::approvals::propose::{Proposal, propose_in};
use crate::ledger::accounts::Accounts;
use crate::people::officer::Officer;
use crate::people::role::EVERYTHING;
use crate::platform::audit::By;
use crate::vocabulary::ids::{ApprovalId, PayoverId, PayoverLineId};

/// What the bank did.
#[derive(Debug, Clone)]
pub enum Word {
    /// It debited the account, on this day.
    Debited(NaiveDate),
    /// It made no transfer, for this reason.
    Refused(String),
}

fn content(run: &Run, lines: &[&RunLine], word: &Word) -> Value {
    let transfers: Vec<Value> =
        lines.iter().map(|line| json!({ "id": line.id, "amount": line.amount })).collect();
    let told = match word {
        Word::Debited(day) => json!({ "as": "confirmed", "value_date": day }),
        Word::Refused(why) => json!({ "as": "failed", "reason": why }),
    };
    json!({ "payover": run.id, "account": run.account, "transfers": transfers, "bank": told })
}

fn told_of(approval: &Approval) -> Option<(Vec<PayoverLineId>, Word)> {
    let value = approval.value();
    let id = |of: &Value| of["id"].as_str()?.parse().ok().map(PayoverLineId);
    let lines = value["transfers"].as_array()?.iter().map(id).collect::<Option<Vec<_>>>()?;
    let bank = &value["bank"];
    let word = match bank["as"].as_str()? {
        "confirmed" => Word::Debited(bank["value_date"].as_str()?.parse().ok()?),
        _ => Word::Refused(bank["reason"].as_str()?.to_owned()),
    };
    Some((lines, word))
}

impl PayingOver {
    /// Proposes what the bank did with some transfers of a run, or with all that have not ended.
    pub async fn say(
        &self,
        officer: &Officer,
        id: PayoverId,
        (of, word): (Option<&[PayoverLineId]>, &Word),
    ) -> Result<ApprovalId, PayoverError> {
        admit(officer)?;
        let mut tx = self.pool.begin().await?;
        let (run, lines) = lock_in(&mut tx, id).await?.ok_or(PayoverError::NotFound)?;
        if run.status != RunStatus::Sent {
            return Err(PayoverError::WrongState(format!("the run is {}, not sent", run.status)));
        }
        let meant = |line: &&RunLine| match of {
            Some(ids) => ids.contains(&line.id),
            None => line.status == LineStatus::Sent,
        };
        let chosen: Vec<&RunLine> = lines.iter().filter(meant).collect();
        if chosen.is_empty() || of.is_some_and(|ids| ids.len() != chosen.len()) {
            return Err(PayoverError::NotFound);
        }
        if let Some(ended) = chosen.iter().find(|line| line.status != LineStatus::Sent) {
            let why = format!("transfer {} is {}", ended.place, ended.status);
            return Err(PayoverError::WrongState(why));
        }
        let by = By { actor: &officer.email, at: self.clock.now() };
        let proposal = Proposal {
            kind: About::Settle.as_str(),
            subject: &id.to_string(),
            agency: EVERYTHING,
            content: &content(&run, &chosen, word),
        };
        let approval = propose_in(&mut tx, by, &proposal).await?;
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
    let id = approval.subject.parse().map(PayoverId).map_err(|_| ApplyError::Changed)?;
    let (run, lines) = lock_in(conn, id).await?.ok_or(ApplyError::Changed)?;
    let (ids, word) = told_of(approval).ok_or(ApplyError::Changed)?;
    let chosen: Vec<&RunLine> = lines.iter().filter(|line| ids.contains(&line.id)).collect();
    if canonical(&content(&run, &chosen, &word)) != approval.content {
        return Err(ApplyError::Changed);
    }
    for line in chosen {
        match &word {
            Word::Debited(day) => {
                let debit = Debit {
                    amount: line.amount,
                    account: run.account.clone(),
                    value_date: *day,
                    statement_line: None,
                };
                match confirm_in(conn, books, line.id, &debit, by).await? {
                    // A statement that came in meanwhile has said the same.
                    Confirmed::Booked { .. } | Confirmed::Repeat => {}
                    Confirmed::Differs { .. } => return Err(ApplyError::Changed),
                }
            }
            Word::Refused(why) => fail_in(conn, line.id, why, by).await?,
        }
    }
    Ok(())
}

impl From<ConfirmError> for ApplyError {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Store(error) => Self::Store(error),
            ConfirmError::NotFound => Self::Changed,
            ConfirmError::WrongState(_) => Self::Impossible(error.to_string()),
        }
    }
}
