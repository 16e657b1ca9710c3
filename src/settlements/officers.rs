//! What two officers decide about money that a partner told of: where money in suspense belongs, and
//! that a word which did not settle its account is booked after all.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::group::{OfficersWord, Reported, Settled, Settling};
use super::outcome::Outcome;
use super::settlement::Settlement;
use super::store;
use crate::invoices::store as invoice_store;
use crate::partners::SettlingSource;
use crate::partners::mask::KeptMessage;
use crate::platform::telemetry;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::ids::SettlementId;
use crate::vocabulary::money::Money;

/// Why it is not done.
#[derive(Debug, thiserror::Error)]
pub enum OfficersError {
    /// No such settlement, or no such invoice.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The money is not in suspense any more.
    #[error("the settlement {0} is not in suspense")]
    NotInSuspense(SettlementId),
    /// It is booked: by its settling source, or by officers before.
    #[error("transaction {0} is booked already")]
    Booked(String),
    /// It fits no invoice; it would be in suspense again.
    #[error("the money fits no invoice of that code and currency")]
    Misplaced,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Who decides, and why.
#[derive(Debug, Clone, Copy)]
pub struct Says<'a> {
    /// Who proposed it.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub now: DateTime<Utc>,
}

/// A partner's word that is to be booked although it did not settle its account: one that was only
/// noted, or a line of its report.
#[derive(Debug, Clone)]
pub struct Untaken {
    /// Who says it.
    pub partner: String,
    /// The partner's own id of it.
    pub transaction_id: String,
    /// The account that was credited.
    pub account: String,
    /// How much.
    pub amount: Money,
    /// The memo.
    pub memo: String,
    /// Our reference, when the partner named one.
    pub reference: Option<String>,
    /// When it counts.
    pub value_time: DateTime<Utc>,
    /// As what it is booked: the account's settling source, so that this one's own word, when it
    /// comes after all, is a repeat.
    pub source: SettlingSource,
}

/// Places money that stands in suspense on an invoice: decided, booked and told as if it had come for
/// that invoice now.
pub async fn place_in(
    conn: &mut PgConnection,
    settling: &Settling,
    (id, code): (SettlementId, &InvoiceCode),
    says: Says<'_>,
) -> Result<Settled, OfficersError> {
    let found = store::settlement_read(conn, id).await?;
    let first = found.ok_or(OfficersError::NotFound("settlement"))?;
    if !matches!(first.outcome, Outcome::Suspense | Outcome::SuspectedDuplicate)
        || store::reversal_of(conn, id).await?.is_some()
    {
        return Err(OfficersError::NotInSuspense(id));
    }
    let known = invoice_store::invoices_of_codes(conn, std::slice::from_ref(code)).await?;
    if known.is_empty() {
        return Err(OfficersError::NotFound("invoice"));
    }
    let raw = json!({ "places": id, "invoice": code, "by": says.actor, "reason": says.reason });
    let report = Reported {
        candidates: vec![code.clone()],
        timed: true,
        reference: None,
        settles: true,
        changed_source: false,
        trace: telemetry::current_trace(),
        settlement: Settlement {
            id: SettlementId::new(says.now),
            source: SettlingSource::Officer,
            received_at: says.now,
            outcome: Outcome::Suspense,
            invoice: None,
            attempt: None,
            applied_cycle: None,
            entry: None,
            raw: KeptMessage::of(raw.to_string().as_bytes()),
            counter_account: None,
            ..first
        },
    };
    let settled = settling.settle_in(conn, &report, word(says, true)).await?;
    // Another one: the transaction was booked before.
    if settled.settlement.id != report.settlement.id {
        return Err(OfficersError::Booked(settled.settlement.transaction_id));
    }
    if settled.settlement.invoice.is_none() {
        return Err(OfficersError::Misplaced);
    }
    let placed = (settled.settlement.id, id);
    store::placement_insert(conn, placed, says.actor, says.now).await?;
    Ok(settled)
}

/// Books a word that did not settle its account, once.
pub async fn post_in(
    conn: &mut PgConnection,
    settling: &Settling,
    word_of: Untaken,
    says: Says<'_>,
) -> Result<Settled, OfficersError> {
    let raw = json!({
        "transaction_id": word_of.transaction_id, "account": word_of.account,
        "amount": word_of.amount, "memo": word_of.memo, "value_time": word_of.value_time,
        "by": says.actor, "reason": says.reason,
    });
    let report = Reported {
        candidates: InvoiceCode::candidates(&word_of.memo),
        timed: true,
        reference: word_of.reference,
        settles: true,
        changed_source: false,
        trace: telemetry::current_trace(),
        settlement: Settlement {
            id: SettlementId::new(says.now),
            partner: word_of.partner,
            source: word_of.source,
            transaction_id: word_of.transaction_id,
            account: word_of.account,
            amount: word_of.amount,
            memo: word_of.memo,
            value_time: word_of.value_time,
            received_at: says.now,
            outcome: Outcome::Suspense,
            invoice: None,
            attempt: None,
            applied_cycle: None,
            entry: None,
            raw: KeptMessage::of(raw.to_string().as_bytes()),
            counter_account: None,
        },
    };
    let settled = settling.settle_in(conn, &report, word(says, false)).await?;
    if settled.settlement.id != report.settlement.id {
        return Err(OfficersError::Booked(settled.settlement.transaction_id));
    }
    Ok(settled)
}

fn word(says: Says<'_>, from_suspense: bool) -> OfficersWord {
    let (actor, reason) = (says.actor.to_owned(), says.reason.to_owned());
    OfficersWord { actor, reason, from_suspense }
}
