//! The simulators in one process, with a pretend service that records what the banks send.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod banks;
mod portal;
mod sepay;
mod support;
mod wallets;
