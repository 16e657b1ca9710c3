//! `payclear`: online payment clearing for government fees.
//!
//! The rooms are named by the business; imports point down only (`docs/architecture.md`).

pub mod callers;
pub mod commands;
pub mod invoices;
pub mod ledger;
pub mod notices;
pub mod partners;
pub mod platform;
pub mod portals;
pub mod registers;
pub mod vocabulary;
