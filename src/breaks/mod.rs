//! Breaks (chênh lệch): anything that does not match is a case with a code, an amount and an age.
//!
//! The room opens cases for others, in their transaction, and decides nothing: what does not match
//! is known where it is found. A case that is only to be known of closes by itself; every other one
//! stays open until an officer has found its way out.

pub mod store;

use chrono::{DateTime, Utc};

use crate::text_enum;
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};
use crate::vocabulary::money::Money;

text_enum! {
    /// What does not match. The codes are those officers use; more come with reconciliation.
    pub enum BreakCode ("break code") {
        /// A statement or report is not in by the cut-off.
        FileMissing = "F01",
        /// The same statement with other content.
        FileDuplicate = "F02",
        /// Declared counts or sums are not those of the lines.
        FileTotals = "F03",
        /// A statement is missing before this one, or balances do not meet.
        StatementGap = "F04",
        /// Opening balance and entries do not make the closing balance.
        StatementArithmetic = "F05",
        /// Another amount than is owed.
        AmountDiffers = "B03",
        /// We say one thing of an order, the partner another.
        StatusDiffers = "B04",
        /// One invoice paid twice, or one transaction told twice.
        Duplicate = "B05",
        /// Paid after expiry or cancellation.
        Late = "B06",
        /// Money without a reference that is known.
        Unknown = "B07",
        /// Two invoices could be meant.
        Ambiguous = "B08",
        /// A refund that nobody can vouch for.
        RefundUnmatched = "B12",
        /// Money taken back by the bank.
        Reversed = "B13",
    }
}

text_enum! {
    /// Where a case stands.
    pub enum BreakState ("break state") {
        /// Nobody has it.
        Open = "open",
        /// Closed by the system: nothing is left to do.
        AutoClosed = "auto_closed",
    }
}

/// A case to be opened.
#[derive(Debug, Clone)]
pub struct Break {
    /// Its id.
    pub id: BreakId,
    /// What does not match.
    pub code: BreakCode,
    /// Open, or closed at once when it only has to be known.
    pub state: BreakState,
    /// When.
    pub opened_at: DateTime<Utc>,
    /// The partner it came through.
    pub partner: String,
    /// The agency, when an invoice is known.
    pub agency: String,
    /// The invoice, when it is known.
    pub invoice: Option<InvoiceId>,
    /// The settlement it is about.
    pub settlement: Option<SettlementId>,
    /// How much does not match.
    pub amount: Money,
    /// For the officer.
    pub detail: String,
}
