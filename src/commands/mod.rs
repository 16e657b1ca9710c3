//! What the command line does, one file for each command.

pub mod bench;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod keys;
pub mod partner;
pub mod partner_vectors;
pub mod portal;
pub mod registers;
pub mod request;
pub mod verify;
