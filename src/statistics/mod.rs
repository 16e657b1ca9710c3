//! Statistics (thống kê): what an e-government monitoring centre measures, open to everybody and
//! without personal data: how many fees were issued, paid, left, given back; how much money; how often
//! an order goes through; how long people need to pay and portals wait to be told.
//!
//! ```text
//! event_batch ──collect──▶ statistic_day ──figures──▶ /v1/statistics, /statistics
//! delivery ────notices──────────┘
//! ```
//!
//! Nothing is counted while somebody waits: whoever leads follows the sequenced events behind a mark
//! of its own and adds to one row for each day, agency, procedure and channel, so that a question reads
//! thousands of rows where there are millions of invoices. Durations are kept as counts below fixed
//! bounds: they can be added up, and a percentile is told as the bound that it is below. Counts from 1
//! to 4 are not told.

pub mod collect;
pub mod figures;
pub mod histogram;
pub mod http;
pub mod notices;
pub mod page;
pub mod store;
pub mod tally;
pub mod words;

use sqlx::PgPool;

use crate::vocabulary::clock::SharedClock;

/// What counting needs; clones share it.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
}
