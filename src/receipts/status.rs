//! Where a receipt stands.

use crate::text_enum;

text_enum! {
    /// Where a receipt stands. It leaves `valid` once.
    pub enum ReceiptStatus ("receipt status") {
        /// It holds.
        Valid = "valid",
        /// It does not hold any more.
        Cancelled = "cancelled",
        /// Another stands in its place.
        Replaced = "replaced",
    }
}

impl ReceiptStatus {
    /// As it is printed and reported.
    pub const fn in_vietnamese(self) -> &'static str {
        match self {
            Self::Valid => "Có hiệu lực",
            Self::Cancelled => "Đã huỷ",
            Self::Replaced => "Đã bị thay thế",
        }
    }
}
