//! ZaloPay's codes.

use crate::text_enum;

text_enum! {
    /// `return_code` of an answer.
    pub enum ReturnCode ("ZaloPay return code") {
        /// Done: made, paid, given back.
        Ok = "1",
        /// Not done: refused, failed.
        Failed = "2",
        /// Not paid yet, or not given back yet.
        Processing = "3",
    }
}

/// `sub_return_code`: this `app_trans_id` is taken.
pub const TAKEN: &str = "-68";
/// Something broke there: it says nothing of what was asked.
pub const SYSTEM: &str = "-500";

/// Is this "no" about the call itself: maintenance, a bad argument, a bad mac?
pub fn refuses_the_call(sub_code: &str) -> bool {
    matches!(sub_code, "-33" | "-401" | "-402")
}

text_enum! {
    /// What our answer to a callback says.
    pub enum CallbackCode ("ZaloPay callback answer code") {
        /// Recorded: stop.
        Recorded = "1",
        /// Recorded before: stop.
        Repeat = "2",
        /// Not signed as it should be.
        BadMac = "-1",
        /// Anything else: come again.
        Again = "0",
    }
}

impl CallbackCode {
    /// The sentence beside the code; only the code counts.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Recorded => "success",
            Self::Repeat => "already recorded",
            Self::BadMac => "mac not equal",
            Self::Again => "try again",
        }
    }
}
