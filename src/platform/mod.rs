//! What every room stands on: the database, the broker, HTTP, telemetry, settings and secrets; and
//! the machinery that makes a write happen once and be told at least once: admission, the grouping
//! writer, events and their sequencer, outbox and relay.
//!
//! It knows no room. What it needs to hear of them comes in as an argument.

pub mod admission;
pub mod audit;
pub mod broker;
pub mod database;
pub mod directory_version;
pub mod due;
pub mod egress;
pub mod event;
pub mod faults;
pub mod group;
pub mod http;
pub mod lease;
pub mod message_signature;
mod objects;
pub mod openapi;
pub mod outbox;
pub mod pain001;
pub mod pdf;
pub mod problem;
pub mod problem_page;
pub mod relay;
pub mod seal;
pub mod sequencer;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod webhook_signature;
