//! Every statement on the tables of matching, and reads beside them.
//!
//! What is looked up by keys that come in goes through `lateral … offset 0`: a plan made while a table
//! was empty, or without statistics of a file just staged, would read whole tables for every chunk.

pub mod candidates;
pub mod matches;
pub mod reads;
pub mod summary;
pub mod words;
pub mod work;

/// The place of a line in a chunk, back from the database.
pub(super) fn place(n: i32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
