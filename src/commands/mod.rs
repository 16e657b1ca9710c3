//! Sub-commands of the command line: each file is one.

pub mod keys;
pub mod partner;
pub mod portal;
pub mod registers;
