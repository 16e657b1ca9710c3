//! `payclear`: online payment clearing for government fees.
//!
//! The rooms are named by the business; imports point down only (`docs/architecture.md`).

pub mod app;
pub mod approvals;
pub mod breaks;
pub mod callers;
pub mod commands;
pub mod compat;
pub mod counter;
pub mod days;
pub mod desk;
pub mod dispatch;
pub mod invoices;
pub mod ledger;
pub mod mail;
pub mod notices;
pub mod operations;
pub mod partners;
pub mod payover;
pub mod people;
pub mod platform;
pub mod portals;
pub mod receipts;
pub mod reconciliation;
pub mod refunds;
pub mod registers;
pub mod resolutions;
pub mod settlements;
pub mod statements;
pub mod statistics;
pub mod vocabulary;
