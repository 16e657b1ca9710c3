//! What the command line does, one file for each command.

pub mod keys;
pub mod partner;
pub mod partner_vectors;
pub mod portal;
pub mod registers;
pub mod request;
