//! Electronic receipts (biên lai điện tử): one for each payment, numbered low to high without a gap
//! inside the range that its unit was given, signed, and checkable by everybody.
//!
//! ```text
//! invoice.paid ──number──▶ valid ──two officers, or the bank takes the money back──▶ cancelled
//!                            └──two officers──▶ replaced ──number──▶ another, valid
//! ```
//!
//! Nothing of this stands in a payment's way: whoever leads follows the sequenced events behind a mark
//! of its own and does what they ask for in their order. A number is given in the transaction that
//! moves the mark, so that a process that dies gives none away; the database refuses a number that does
//! not follow the one before. A key that is kept here signs at once; a signing service is asked
//! afterwards, so that one that is away delays signatures and no numbers. Where a unit's range is used
//! up its payments are written down as tasks, a case says so, and everybody else's go on.
//!
//! What a receipt says is JSON that never changes; its SHA-256 is kept, it is what is signed, and the
//! PDF is drawn from it, the same bytes each time.
//!
//! Sources: Decree 254/2026/NĐ-CP, articles 22 to 29 and 44; Circular 91/2026/TT-BTC, annex II.

pub mod content;
pub mod gaps;
pub mod http;
pub mod number;
pub mod officers;
pub mod paper;
pub mod receipt;
pub mod report;
pub mod sign;
pub mod signer;
pub mod status;
pub mod store;

use std::sync::Arc;

use sqlx::PgPool;

use crate::receipts::signer::Signer;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::realm::Realm;

/// What making receipts needs; clones share it.
#[derive(Debug, Clone)]
pub struct Receipts {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// Who signs.
    pub signer: Arc<dyn Signer>,
    /// Whose receipts: codes of the sandbox begin with `test_`.
    pub realm: Realm,
    /// The origin that the public check is at.
    pub public_url: Arc<str>,
}
