//! Doors for systems that speak another platform's messages.

pub mod signature;
