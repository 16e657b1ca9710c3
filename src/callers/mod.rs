//! Callers: portals and partners that sign what they ask for, and the keys they sign with.
//!
//! A key is drawn here, shown once, and kept sealed. Two keys of one caller and purpose live at
//! once, so that a caller can change over without a pause; then the old one is revoked.

pub mod doors;
pub mod keys;
pub mod revoke;
pub mod store;
