//! What every room stands on; it knows no room.

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
pub mod outbox;
pub mod problem;
pub mod relay;
pub mod seal;
pub mod sequencer;
pub mod settings;
pub mod telemetry;
pub mod webhook_signature;
