//! What is known of a channel beyond what its dialect does: for whoever chooses one, and for
//! whoever has to say how far its wire format can be relied on. A page of the documentation is made
//! of it.

/// A few words about a dialect.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// As people call it.
    pub title: &'static str,
    /// How it tells of money, and how that is proved.
    pub callback: &'static str,
    /// How all that it collected in a day can be had.
    pub report: &'static str,
    /// Where its wire format is known from.
    pub source: &'static str,
    /// How ours was checked.
    pub verified: &'static str,
}

/// For channels that publish none.
pub const NO_PUBLIC_REPORT: &str = "no public format";
