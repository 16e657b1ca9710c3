//! MoMo's result codes, and which of them are the last word.

/// Is a code the last word about an order?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// It is: nothing more will happen.
    Final,
    /// It is not: ask later.
    Pending,
    /// The table does not say: ask later as well.
    NotSaid,
}

/// Paid.
pub const SUCCESS: &str = "0";
/// Authorised: with immediate capture as good as paid.
pub const AUTHORIZED: &str = "9000";
/// Made, and waiting for the payer.
pub const INITIATED: &str = "1000";
/// The same request id was used before, and has no final result yet.
pub const REPEATED_REQUEST: &str = "40";
/// The same order id was used before.
pub const REPEATED_ORDER: &str = "41";
/// Order id invalid or not found.
pub const NOT_FOUND: &str = "42";
/// Another transaction of the same order is under way.
pub const CONFLICT: &str = "43";
/// "Unknown error": final, and yet no word of what happened.
pub const UNKNOWN: &str = "99";

/// The whole table.
pub const TABLE: &[(&str, Finality)] = &[
    // Success.
    ("0", Finality::Final),
    // Being processed; maintenance; access denied; API version; authentication failed.
    ("9", Finality::Pending),
    ("10", Finality::Pending),
    ("11", Finality::Pending),
    ("12", Finality::Pending),
    ("13", Finality::Pending),
    // The call is refused: form, amount, amount out of range.
    ("20", Finality::NotSaid),
    ("21", Finality::NotSaid),
    ("22", Finality::NotSaid),
    // Repeated request id and order id; order id; a conflict; repeated item; inapplicable data.
    ("40", Finality::NotSaid),
    ("41", Finality::NotSaid),
    ("42", Finality::NotSaid),
    ("43", Finality::NotSaid),
    ("45", Finality::NotSaid),
    ("47", Finality::NotSaid),
    // No QR code could be made.
    ("98", Finality::NotSaid),
    // Unknown error.
    ("99", Finality::Final),
    // Waiting for the payer.
    ("1000", Finality::Pending),
    // Funds; issuer; cancelled after authorisation; limit; expired; payer refused; account.
    ("1001", Finality::Final),
    ("1002", Finality::Final),
    ("1003", Finality::Final),
    ("1004", Finality::Final),
    ("1005", Finality::Final),
    ("1006", Finality::Final),
    ("1007", Finality::Final),
    // Cancelled by the merchant; rules of a promotion.
    ("1017", Finality::Final),
    ("1026", Finality::Final),
    // A refund: failed for now; rejected; the original cannot be refunded.
    ("1080", Finality::NotSaid),
    ("1081", Finality::NotSaid),
    ("1088", Finality::NotSaid),
    // A bad group of orders; account restricted; not verified; login failed.
    ("2019", Finality::NotSaid),
    ("4001", Finality::NotSaid),
    ("4002", Finality::NotSaid),
    ("4100", Finality::NotSaid),
    // Processing, here and at a provider; the payer must confirm again; authorised.
    ("7000", Finality::Pending),
    ("7002", Finality::Pending),
    ("8000", Finality::Pending),
    ("9000", Finality::Pending),
];

/// What the table says; a code that is not in it is not the last word.
pub fn finality(code: &str) -> Finality {
    TABLE.iter().find(|(known, _)| *known == code).map_or(Finality::NotSaid, |(_, said)| *said)
}

/// Is this "no" about the call itself, so that nothing was made?
pub fn refuses_the_call(code: &str) -> bool {
    matches!(code, "20" | "21" | "22" | "42" | "45" | "47" | "98" | "2019")
}

/// Is this "no" about the refund: it was rejected, or the original cannot be refunded?
pub fn refuses_the_refund(code: &str) -> bool {
    matches!(code, "1081" | "1088")
}
