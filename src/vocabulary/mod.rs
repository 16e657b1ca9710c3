//! The nouns that every room shares: money, ids, codes, days, the clock.
//!
//! Nothing here reads or writes anything; the one exception, [`clock::SystemClock`], is the only
//! place that asks the machine for the time.

pub mod calendar;
pub mod clock;
pub mod codes;
pub mod day;
pub mod dong_in_words;
pub mod ids;
pub mod money;
pub mod network;
pub mod origin;
pub mod realm;
pub mod text_enum;
