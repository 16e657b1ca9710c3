//! What officers do with files: bring them, look at them, take or reject what is doubtful.
//!
//! A file may hold money of many agencies, so that it takes a role for all of them (`*`).

pub mod http;
