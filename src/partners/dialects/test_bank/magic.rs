//! Which amounts do what. The table is also that of the documentation.

use crate::vocabulary::money::Money;

macro_rules! magic {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $($digits:literal)|*,)+ } else $other:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $meaning])+ $variant,)+ }

        impl $name {
            /// Every outcome, its digits (none: all others) and what it means.
            pub const TABLE: &'static [(Self, &'static [&'static str], &'static str)] =
                &[$((Self::$variant, &[$($digits),*], concat!($($meaning),+)),)+];

            /// What an amount asks for.
            pub fn of(amount: Money) -> Self {
                let text = format!("{:0>2}", amount.to_string());
                let last = text.get(text.len().saturating_sub(2)..).unwrap_or_default();
                let found = Self::TABLE.iter().find(|(_, digits, _)| digits.contains(&last));
                found.map_or(Self::$other, |(outcome, ..)| *outcome)
            }
        }
    };
}

magic! {
    /// What becomes of an order.
    Outcome {
        /// Paid in full, some seconds after it was issued.
        Paid = ,
        /// Nobody pays: the invoice stays open until it expires or is cancelled.
        Never = "01",
        /// The payer gives up at the bank: the attempt fails with the code 24, the invoice can still be paid.
        Cancelled = "02",
        /// The bank cannot say for 20 seconds, the attempt is unknown; then it is paid.
        UnknownThenPaid = "03",
        /// The bank cannot say for 20 seconds, the attempt is unknown; then it has failed.
        UnknownThenFailed = "04",
        /// Paid twice: the second payment is due back to the payer.
        Twice = "05",
        /// 1,000 đồng too little: the part is held, and due back when the invoice ends.
        TooLittle = "06",
        /// 1,000 đồng too much: paid, and the surplus is due back.
        TooMuch = "07",
        /// The money comes once the invoice has expired: it is paid late.
        Late = "08",
        /// Paid in two parts, one after the other.
        InTwoParts = "09",
        /// The bank refuses the order: the attempt fails with the code 05.
        Refused = "10",
    } else Paid
}

magic! {
    /// What becomes of a refund.
    Giving {
        /// Confirmed at once.
        AtOnce = ,
        /// Under way for 20 seconds, then confirmed.
        Later = "03",
        /// Refused: `refund.failed`.
        Refused = "02",
    } else AtOnce
}
