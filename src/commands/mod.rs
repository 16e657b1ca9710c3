//! The sub-commands of `payclear`, one file each.

pub mod keys;
pub mod partner;
pub mod portal;
pub mod registers;
pub mod request;
