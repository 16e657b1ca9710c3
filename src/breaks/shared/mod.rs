//! Cases that are shared with their partner: it sees what it is asked, answers, and hands in proof.
//!
//! A partner sees the case, its amount and the transaction it is about, and what was said for it to
//! see; never a payer's name, an owner, or what officers say among themselves.

pub mod answer;
pub mod http;
pub mod view;
