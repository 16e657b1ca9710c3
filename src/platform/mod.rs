//! What every room stands on; it knows no room.

pub mod audit;
pub mod directory_version;
pub mod seal;
