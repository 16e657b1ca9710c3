//! The screens, one file for each.

pub mod approvals;
pub mod audit;
pub mod breaks;
pub mod deliveries;
pub mod invoices;
pub mod ledger;
pub mod me;
pub mod partners;
pub mod people;
pub mod refunds;
pub mod session;
pub mod sweeps;
pub mod today;
