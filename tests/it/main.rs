//! What must hold of the whole: the house rules, the schema, the interface.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests: what is not there fails the test")]

mod architecture;
mod conforms;
mod documents;
mod openapi;
mod schema;
mod scratch;
mod telemetry;
