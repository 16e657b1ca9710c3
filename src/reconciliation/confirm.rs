//! A person agrees to a suggestion.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::batches::{bank_funded, write_in};
use super::chunk::receivable;
use super::run::{Matching, MatchingError, defect};
use super::store::matches;
use super::store::reads::{MatchRow, SideRow};
use super::store::work;
use super::undo::{OfficerError, match_in};
use crate::breaks::{self, BreakCode};
use crate::invoices::store as invoices;
use crate::ledger::acts;
use crate::ledger::entry::Occasion;
use crate::platform::audit::{self, By};
use crate::statements::read;
use crate::vocabulary::ids::{InvoiceId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

impl Matching {
    /// Confirms a suggestion: a batch's money is where it belongs from then on. Of money in suspense the
    /// case learns the invoice; two people place it there, by the case's own way out.
    pub async fn confirm(&self, id: Uuid, by: &str) -> Result<MatchRow, OfficerError> {
        let now = self.now();
        let mut tx = self.pool.begin().await?;
        work::plan_by_keys(&mut tx).await?;
        let (row, sides) = match_in(&mut tx, id).await?.ok_or(OfficerError::NotFound)?;
        if row.state() != "suggested" {
            let why = format!("the match is {}, not suggested", row.state());
            return Err(OfficerError::WrongState(why));
        }
        if !row.difference.is_zero() {
            let why = "what is off by some đồng is matched by hand, by two people".to_owned();
            return Err(OfficerError::WrongState(why));
        }
        if !matches::match_confirmation_insert(&mut tx, id, (by, now)).await? {
            return Err(OfficerError::WrongState("somebody has confirmed it".to_owned()));
        }
        for side in &sides {
            if let (Some(invoice), Some(settlement)) = (side.suggests, side.settlement) {
                tell_case(&mut tx, invoice, settlement, by).await?;
            }
            if let (Some(report), Some(batch)) = (side.report, &side.batch) {
                fund_in(&mut tx, self, (&row, side), (report, batch), by).await?;
            }
        }
        let detail = json!({ "rule": row.rule, "layer": row.layer });
        let who = By { actor: by, at: now };
        audit::record_in(&mut tx, who, "match.confirmed", &id.to_string(), &detail).await?;
        let row = super::store::reads::matches_read(&mut tx, &[id]).await?.pop();
        tx.commit().await?;
        bank_funded(self).await?;
        row.ok_or(OfficerError::NotFound)
    }
}

/// The cases of money in suspense learn which invoice it is for.
async fn tell_case(
    conn: &mut PgConnection,
    invoice: Uuid,
    settlement: Uuid,
    by: &str,
) -> Result<(), OfficerError> {
    let invoice = invoices::invoice_read(conn, InvoiceId(invoice)).await?;
    let Some(invoice) = invoice else { return Ok(()) };
    let said = format!("{by}: meant for invoice {}", invoice.code);
    for code in [BreakCode::Unknown, BreakCode::Ambiguous] {
        breaks::store::break_tell(conn, code, SettlementId(settlement), &said).await?;
    }
    Ok(())
}

/// The credit is the money of the batch: it moves to the receivable that it pays.
pub(super) async fn fund_in(
    conn: &mut PgConnection,
    matching: &Matching,
    (row, side): (&MatchRow, &SideRow),
    (report, name): (Uuid, &str),
    by: &str,
) -> Result<(), OfficerError> {
    let line = side.line.ok_or(MatchingError::Overtaken)?;
    let open = work::open_lines_of(conn, &[line]).await?.pop();
    let open = open.ok_or(MatchingError::Overtaken)?;
    let batch = work::batch_lock(conn, report, name).await?;
    let Some(batch) = batch.filter(|batch| batch.state == "open") else {
        return Err(OfficerError::WrongState("the batch is not open any more".to_owned()));
    };
    let statement = read::store::statement_read(conn, open.statement).await?;
    let statement = statement.ok_or(MatchingError::Overtaken)?;
    let currency: Currency = statement.currency.parse().map_err(defect)?;
    let money = Money::new(side.line_amount, currency).map_err(defect)?;
    let from = receivable(&row.partner, &row.account, currency);
    let to = receivable(&batch.partner, &batch.account, currency);
    let mut entry = open.entry;
    if from != to {
        let today = matching.accounts.day_of(matching.now());
        let occasion = Occasion {
            act: "receivable_moves",
            business_day: today,
            value_date: side.value_date.unwrap_or(today.0),
            source: format!("match/{}", row.id),
            reverses: None,
            actor: by.to_owned(),
            reason: row.reason.clone(),
        };
        let moved = acts::receivable_moves(occasion, from, to, money).map_err(defect)?;
        entry = Some(write_in(conn, matching, statement.id, moved).await?);
    }
    let entry = entry.ok_or(MatchingError::Overtaken)?;
    if !work::batch_funded(conn, (report, name), row.id, entry).await? {
        return Err(MatchingError::Overtaken.into());
    }
    breaks::store::breaks_close(conn, batch.case.as_slice(), matching.now()).await?;
    // What is short or over is still the partner's to explain.
    if row.difference.is_zero() {
        let cases: Vec<Uuid> = open.case.into_iter().collect();
        breaks::store::breaks_close(conn, &cases, matching.now()).await?;
    }
    work::open_lines_delete(conn, &[line]).await?;
    Ok(())
}
