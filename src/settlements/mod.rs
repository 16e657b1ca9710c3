//! Settlements: a partner's signed word that it collected money is taken in, booked, and the invoice
//! is paid. Money received is always booked; what does not fit becomes a case.
//!
//! A settlement is its own idempotency record: (partner, source, transaction id) is unique, the raw
//! body is kept, a repeat has no effect. A collecting account has exactly one settling source; what
//! another source says of it is `noted` and matched, never booked.
//!
//! Locks are always taken in this order: invoices by id, attempts by id, then inserts room by room
//! (settlements, ledger, cases, events, outbox), rows sorted by key.

pub mod bank;
pub mod banked;
pub mod decide;
pub mod group;
pub mod http;
pub mod officers;
pub mod officers_http;
pub mod outcome;
pub mod partner_http;
mod parts;
mod refused;
pub mod report_failed;
pub mod reverse;
pub mod settlement;
pub mod store;
pub mod told_back;
