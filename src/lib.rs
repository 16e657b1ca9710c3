//! `payclear`: online payment clearing for government fees.
//!
//! The rooms are named by the business; imports point down only (`docs/architecture.md`).

pub mod counter;
pub mod partners;
pub mod platform;
pub mod vocabulary;
