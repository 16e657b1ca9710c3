//! Pretend banks and gateways, and a pretend portal: an independent witness for the service.
//!
//! Nothing here is shared with the service: every codec is written a second time from the
//! partners' specifications, so that a misreading on one side shows as a refused signature.
//! What a bank truly did stands in an append-only journal before anybody is told.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect"))]

pub mod app;
pub mod behaviour;
pub mod clock;
pub mod control;
pub mod courier;
pub mod deeds;
pub mod directbank;
pub mod dossier;
pub mod journal;
pub mod momo;
pub mod pain001;
pub mod payer_page;
pub mod payos;
pub mod portal;
pub mod sepay;
pub mod settings;
pub mod signing;
pub mod statements;
pub mod vietqr;
pub mod vnpay;
pub mod zalopay;
