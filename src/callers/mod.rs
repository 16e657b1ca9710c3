//! Callers: portals and partners that sign what they ask for, and the keys they sign with.
//!
//! A key is drawn here, shown once, and kept sealed. Two keys of one caller and purpose live at
//! once, so that a caller can change over without a pause; then the old one is revoked. A key is good
//! for nothing until somebody else has approved it, and one that approves is registered by another
//! person than those that sign.

pub mod approve;
pub mod doors;
pub mod keys;
pub mod revoke;
pub mod store;
