//! Dispatch: orders go to the partner that the payer, or the invoice from its start, has chosen;
//! always through RabbitMQ, each partner's from its own queue.
//!
//! ```text
//! outbox ─▶ collect.<partner>.v1 ─▶ created ──(committed)──▶ sent ─▶ call ─▶ awaiting_payer
//!                                                             └─ no answer ─▶ unknown ─▶ query
//! ```
//!
//! `created → sent`, guarded and committed, is the inbox: a message that finds the attempt already
//! `sent` is a repeat, or comes after a crash; it asks the partner and never orders twice.

pub mod asking;
pub mod cancel;
pub mod consumer;
pub mod find;
pub mod http;
pub mod query;
pub mod recover;
pub mod resolve;
pub mod start;
pub mod steps;
