//! The sub-commands of `payclear`, one file each.

pub mod request;
