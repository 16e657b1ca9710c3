//! Double entry: who holds whose money. The ledger knows accounts and entries, nothing of invoices.
//!
//! An entry is balanced when it is made ([`entry::Entry`] cannot be had otherwise), and PostgreSQL
//! checks it again, seals it with the transaction that made it, and lets nobody change it. payclear
//! holds no money itself: the accounts say which bank, wallet or treasury does.

pub mod accounts;
pub mod acts;
pub mod chart;
pub mod entry;
pub mod store;
pub mod verify;
