//! What must hold of the whole: the house rules, the schema, the interface.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod architecture;
mod schema;
mod scratch;
