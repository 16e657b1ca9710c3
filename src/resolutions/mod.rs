//! Resolutions: the ways out of cases that book something or close them. One person proposes, another
//! approves, and exactly what was shown is booked, once.
//!
//! What a way out would book is found by doing it: in a transaction that is rolled back, with the
//! very code that does it later. The entries read there are the preview, and part of the content that
//! the approval's hash covers. When it is approved the same is done again; if anything else was booked
//! than was shown, the whole transaction goes, the decision with it, and the answer is 412.
//!
//! The room stands above those that book: settlements place and post and take back, refunds are
//! opened, the rest are entries between two accounts. The case follows the money
//! ([`crate::breaks::holding`]), and the database lets no case be resolved, and no resolution be
//! written, but in the transaction of an approval that another person gave.

pub mod acts;
pub mod http;
pub mod kind;
pub mod propose;
pub mod quiet;
pub mod rehearse;
pub mod store;
pub mod wish;

use std::sync::Arc;

use sqlx::PgPool;

use crate::ledger::accounts::Accounts;
use crate::refunds::send::Orders;
use crate::settlements::group::Settling;
use crate::settlements::reverse::Reversing;
use crate::vocabulary::clock::SharedClock;

/// How much may be given up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// At once, in đồng.
    pub most: u64,
    /// For one partner in a day, in đồng.
    pub day: u64,
}

/// What taking ways out needs.
#[derive(Debug, Clone)]
pub struct Resolving {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// Refunds that are opened; the registers with it.
    pub orders: Orders,
    /// What may be written off.
    pub limits: Limits,
}

impl Resolving {
    fn settling(&self) -> Settling {
        Settling {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
        }
    }

    fn reversing(&self) -> Reversing {
        Reversing {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            accounts: Arc::clone(&self.accounts),
        }
    }
}
