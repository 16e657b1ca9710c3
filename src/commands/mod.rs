//! What the command line does, one file for each command.
//!
//! Commands stand beside the doors of HTTP: they read arguments and settings, call the rooms' use
//! cases, and say in one sentence what was done or what stands in the way. No rule is kept here;
//! what they change is audited under the name of who gave the command.

pub mod bench;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod keys;
pub mod officer;
pub mod partner;
pub mod partner_certify;
pub mod partner_vectors;
pub mod portal;
pub mod refunds;
pub mod registers;
pub mod request;
pub mod signing_key;
pub mod sweep;
pub mod verify;
