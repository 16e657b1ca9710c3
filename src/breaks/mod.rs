//! Breaks (chênh lệch): anything that does not match is a case with a code, an amount, an owner and
//! an age.
//!
//! The room opens cases for others, in their transaction, and decides nothing: what does not match
//! is known where it is found. A case that is only to be known of closes by itself; every other one
//! stays open until its cause is gone or two people have taken one of its ways out.
//!
//! ```text
//! open ─▶ assigned ⇄ waiting ─▶ resolved (two people) | auto_closed (its cause is gone)
//!   ▲                                   └──── its cause is back ────┘
//! ```
//!
//! Cases are the sub-ledger of suspense, part payments held and refund due: whoever books there says
//! in the same transaction which case holds the money ([`holding`]), and no case closes while it
//! holds any. What to do about a case ([`ways`]) is carried out by the room of resolutions, above
//! those that book.

pub mod ageing;
pub mod care;
pub mod case;
pub mod code;
pub mod evidence;
pub mod holding;
pub mod http;
pub mod shared;
pub mod status;
pub mod store;
pub mod view;
pub mod ways;

use chrono::{DateTime, Utc};

pub use code::BreakCode;
pub use status::BreakState;

use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};
use crate::vocabulary::money::Money;

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
