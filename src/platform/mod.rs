//! What every room stands on; it knows no room.

pub mod egress;
pub mod message_signature;
pub mod seal;
pub mod webhook_signature;
