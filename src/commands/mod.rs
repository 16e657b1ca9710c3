//! What the command line does, one file for each command.

pub mod partner_vectors;
pub mod request;
