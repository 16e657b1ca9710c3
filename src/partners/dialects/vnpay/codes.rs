//! VNPAY's code tables, and what they mean to us.

use crate::partners::dialects::Outcome;
use crate::text_enum;

text_enum! {
    /// `vnp_ResponseCode` of IPN and return: what became of the payer's try.
    pub enum ResponseCode ("VNPAY response code") {
        /// Paid.
        Success = "00",
        /// Debited, but suspicious: to be looked at, not to be settled.
        Suspicious = "07",
        /// Card or account without internet banking.
        NoInternetBanking = "09",
        /// Wrong card data more than three times.
        WrongCardData = "10",
        /// Too late.
        Expired = "11",
        /// Card or account locked.
        Locked = "12",
        /// Wrong one-time password.
        WrongOtp = "13",
        /// Cancelled by the payer.
        Cancelled = "24",
        /// Not enough money.
        InsufficientBalance = "51",
        /// Over the day's limit.
        OverLimit = "65",
        /// The bank is being maintained.
        BankMaintenance = "75",
        /// Wrong password too often.
        WrongPassword = "79",
        /// Anything else.
        Other = "99",
    }
}

text_enum! {
    /// `vnp_TransactionStatus`: what became of the money.
    pub enum TransactionStatus ("VNPAY transaction status") {
        /// Collected.
        Success = "00",
        /// The payer is not through yet.
        NotCompleted = "01",
        /// It failed.
        Error = "02",
        /// Debited at the bank, failed at VNPAY.
        Reversed = "04",
        /// VNPAY works on a refund.
        RefundInProgress = "05",
        /// The refund is with the bank.
        RefundSent = "06",
        /// Suspected fraud.
        SuspectedFraud = "07",
        /// The refund was rejected.
        RefundRejected = "09",
    }
}

text_enum! {
    /// `vnp_ResponseCode` of querydr and refund: what became of the question.
    pub enum ApiCode ("VNPAY answer code") {
        /// Answered.
        Ok = "00",
        /// Bad merchant code.
        BadMerchant = "02",
        /// Bad form.
        BadFormat = "03",
        /// No such transaction.
        NotFound = "91",
        /// The same was asked just before; a refund: asked for already.
        Duplicate = "94",
        /// The payment was not successful, so it cannot be refunded.
        OriginalNotSuccessful = "95",
        /// Bad signature.
        BadChecksum = "97",
        /// Anything else.
        Other = "99",
    }
}

text_enum! {
    /// What our IPN answer says.
    pub enum IpnCode ("VNPAY IPN answer code") {
        /// Recorded, whether paid or failed: stop.
        Recorded = "00",
        /// No such order: come again.
        OrderNotFound = "01",
        /// Recorded before: stop.
        AlreadyConfirmed = "02",
        /// Not the order's amount: come again.
        InvalidAmount = "04",
        /// Bad signature: come again.
        InvalidSignature = "97",
        /// Anything else: come again.
        Unknown = "99",
    }
}

impl IpnCode {
    /// The sentence beside the code; only the code counts.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Recorded => "Confirm Success",
            Self::OrderNotFound => "Order not found",
            Self::AlreadyConfirmed => "Order already confirmed",
            Self::InvalidAmount => "Invalid amount",
            Self::InvalidSignature => "Invalid signature",
            Self::Unknown => "Unknow error",
        }
    }
}

/// Both tables together: collected only when both say so, failed only when nothing hints at money.
///
/// The status decides over the response, a contradiction over both: money may have moved then.
pub fn outcome(response: &str, status: &str) -> Outcome {
    use ResponseCode as R;
    use TransactionStatus as S;
    let unknown = || Outcome::Unknown { code: format!("{response}/{status}") };
    let (Ok(response_code), Ok(status_code)) = (response.parse::<R>(), status.parse::<S>()) else {
        return unknown();
    };
    match (status_code, response_code) {
        (S::Success, R::Success) => Outcome::Collected,
        (
            S::Error,
            R::NoInternetBanking
            | R::WrongCardData
            | R::Expired
            | R::Locked
            | R::WrongOtp
            | R::Cancelled
            | R::InsufficientBalance
            | R::OverLimit
            | R::BankMaintenance
            | R::WrongPassword
            | R::Other,
        ) => Outcome::Failed { code: response.to_owned() },
        (
            S::Success
            | S::Error
            | S::NotCompleted
            | S::Reversed
            | S::RefundInProgress
            | S::RefundSent
            | S::SuspectedFraud
            | S::RefundRejected,
            _,
        ) => unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_pairs_of_codes_one_collects_and_only_errors_fail() {
        for response in ResponseCode::ALL {
            for status in TransactionStatus::ALL {
                let got = outcome(response.as_str(), status.as_str());
                let pair = format!("{response}/{status}");
                match (response.as_str(), status.as_str()) {
                    ("00", "00") => assert_eq!(got, Outcome::Collected),
                    ("00" | "07", _) => assert_eq!(got, Outcome::Unknown { code: pair }),
                    (code, "02") => assert_eq!(got, Outcome::Failed { code: code.to_owned() }),
                    _ => assert_eq!(got, Outcome::Unknown { code: pair }),
                }
            }
        }
        // Codes of older tables, or none at all.
        for (response, status) in [("08", "02"), ("24", "03"), ("", ""), ("00", ""), ("0", "0")] {
            assert!(matches!(outcome(response, status), Outcome::Unknown { .. }));
        }
    }
}
