//! Sub-commands of the command line: each file is one.

pub mod partner_vectors;
