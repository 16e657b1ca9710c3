//! What screens read: every statement names the scopes of who looks. Nothing is written here.

pub mod audit;
pub mod breaks;
pub mod deliveries;
pub mod invoices;
pub mod ledger;
pub mod reports;
pub mod today;
