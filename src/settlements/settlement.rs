//! A settlement in memory.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::outcome::Outcome;
use crate::partners::SettlingSource;
use crate::partners::mask::KeptMessage;
use crate::vocabulary::ids::{AttemptId, InvoiceId, SettlementId};
use crate::vocabulary::money::Money;

/// A partner's word, and what was done with it. It never changes.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Its id.
    pub id: SettlementId,
    /// Who says it.
    pub partner: String,
    /// How.
    pub source: SettlingSource,
    /// The partner's own id.
    pub transaction_id: String,
    /// The account that was credited.
    pub account: String,
    /// How much.
    pub amount: Money,
    /// The memo.
    pub memo: String,
    /// When it counts, by the bank.
    pub value_time: DateTime<Utc>,
    /// When it came here.
    pub received_at: DateTime<Utc>,
    /// What was done with it.
    pub outcome: Outcome,
    /// The invoice that was meant.
    pub invoice: Option<InvoiceId>,
    /// The attempt it came through.
    pub attempt: Option<AttemptId>,
    /// Set on the one that paid the invoice in this cycle of its life.
    pub applied_cycle: Option<i32>,
    /// The entry that books it.
    pub entry: Option<i64>,
    /// What was received, masked.
    pub raw: KeptMessage,
    /// The account that paid, sealed.
    pub counter_account: Option<Vec<u8>>,
}

impl Settlement {
    /// Is it the same word? What it does not say is not compared.
    pub fn same_content(&self, other: &Self) -> bool {
        self.account == other.account
            && self.amount == other.amount
            && self.memo == other.memo
            && self.value_time == other.value_time
    }
}

/// The answer of the plain signed API: made of columns that never change, so that a repeat is byte
/// for byte the first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Settlement)]
pub struct SettlementView<'a> {
    /// UUID v7.
    id: uuid::Uuid,
    /// The partner's own id.
    transaction_id: &'a str,
    /// `applied`, `applied_late`, `overpaid`, `held`, `refund_due`, `suspense`,
    /// `suspected_duplicate` or `noted`.
    outcome: &'a str,
    /// How much.
    #[schema(value_type = crate::invoices::view::MoneySchema)]
    amount: Money,
    /// When it came here.
    received_at: DateTime<Utc>,
}

impl<'a> SettlementView<'a> {
    /// The view of a settlement.
    pub fn of(settlement: &'a Settlement) -> Self {
        Self {
            id: settlement.id.0,
            transaction_id: &settlement.transaction_id,
            outcome: settlement.outcome.as_str(),
            amount: settlement.amount,
            received_at: settlement.received_at,
        }
    }
}
