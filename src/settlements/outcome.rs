//! What is done with money that a partner reports.

use crate::text_enum;

text_enum! {
    /// What was done with a settlement.
    pub enum Outcome ("settlement outcome") {
        /// It paid the invoice.
        Applied = "applied",
        /// It paid the invoice after its time was over.
        AppliedLate = "applied_late",
        /// It paid the invoice, and what was over is due back.
        Overpaid = "overpaid",
        /// Less than is owed: held until the rest comes.
        Held = "held",
        /// For an invoice that is paid, cancelled or replaced: due back.
        RefundDue = "refund_due",
        /// No invoice, or two candidates.
        Suspense = "suspense",
        /// Perhaps the same money that another source reported before the account changed sources.
        SuspectedDuplicate = "suspected_duplicate",
        /// Another source settles this account: kept for matching, not booked.
        Noted = "noted",
    }
}

impl Outcome {
    /// Did it pay the invoice?
    pub const fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::AppliedLate | Self::Overpaid)
    }
}
