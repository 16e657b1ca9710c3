//! Matching (đối soát): what banks and partners say meets what we booked.
//!
//! Four layers, each with a proof of its own: a line of a partner's report and our settlement (`line`);
//! money on a bank account and what it pays, one payment or a whole batch (`funds`); a transfer of ours
//! and a line of the pay-over (`payout`); and the account itself, whose lines are all booked, matched
//! or not, so that the books hold to the đồng what the bank says.
//!
//! [`rules`] decides, without input or output; [`run`] takes statements through it, chunk by chunk, each
//! chunk one transaction. A match is never changed: it is taken back by a row beside it, with a reason.
//! What no rule matches stays in sight as an open line, with a case once its time is over.

pub mod batches;
pub mod calendar;
mod candidates;
mod chunk;
pub mod confirm;
pub mod dossier;
pub mod fee;
pub mod hand;
pub mod http;
pub mod missing;
pub mod rules;
pub mod run;
pub mod store;
pub mod summary;
pub mod terms;
pub mod undo;
mod views;
mod words;
