//! Giving money back through VNPAY: the call and its answer.

use chrono::{DateTime, Utc};

use super::codes::{ApiCode, TransactionStatus};
use super::signature::{REFUND_ANSWER, REFUND_CALL};
use super::{SERVER_IP, VERSION, Vnpay, date, hundredfold, plain};
use crate::partners::dialects::{Answer, Call};
use crate::vocabulary::money::Money;

/// A refund to ask for.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Of the attempt whose money goes back.
    pub reference: String,
    /// When that attempt was made.
    pub ordered_at: DateTime<Utc>,
    /// VNPAY's number of the payment, when it is known.
    pub transaction_no: Option<String>,
    /// How much.
    pub amount: Money,
    /// Is that the whole payment?
    pub whole: bool,
    /// Who asks, by name of account.
    pub by: String,
    /// Why, in plain letters.
    pub reason: String,
}

/// What the answer to a refund means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refunded {
    /// VNPAY works on it, or is done with it.
    Taken {
        /// VNPAY's number of the refund.
        transaction_no: Option<String>,
        /// How far it is.
        status: TransactionStatus,
    },
    /// It was asked for before.
    AskedBefore,
    /// VNPAY said no.
    Refused {
        /// Its code.
        code: ApiCode,
    },
    /// Nothing can be said; ask about the payment before asking again.
    Unknown {
        /// For the log and the case.
        why: String,
    },
}

impl Vnpay {
    /// The call that asks for a refund.
    pub fn ask_refund(&self, refund: &Refund, now: DateTime<Utc>, request: u64) -> Call {
        self.call(
            REFUND_CALL,
            &[
                ("vnp_RequestId", &format!("{request:016x}")),
                ("vnp_Version", VERSION),
                ("vnp_Command", "refund"),
                ("vnp_TmnCode", &self.settings.tmn_code),
                ("vnp_TransactionType", if refund.whole { "02" } else { "03" }),
                ("vnp_TxnRef", &refund.reference),
                ("vnp_Amount", &hundredfold(refund.amount)),
                ("vnp_TransactionNo", refund.transaction_no.as_deref().unwrap_or_default()),
                ("vnp_TransactionDate", &date(refund.ordered_at)),
                ("vnp_CreateBy", &plain(&refund.by)),
                ("vnp_CreateDate", &date(now)),
                ("vnp_IpAddr", SERVER_IP),
                ("vnp_OrderInfo", &plain(&refund.reason)),
            ],
        )
    }

    /// Reads the answer to it.
    pub fn hear_refund(&self, refund: &Refund, answer: Answer<'_>) -> Refunded {
        let body = match self.hear(REFUND_ANSWER, "refund", &refund.reference, answer) {
            Ok(body) => body,
            Err(why) => return Refunded::Unknown { why },
        };
        let code = body.text("vnp_ResponseCode").unwrap_or_default();
        match code.parse() {
            Ok(ApiCode::Ok) => {
                let status = body.text("vnp_TransactionStatus").unwrap_or_default();
                match status.parse() {
                    Ok(status) => {
                        Refunded::Taken { transaction_no: body.filled("vnp_TransactionNo"), status }
                    }
                    Err(_) => Refunded::Unknown { why: format!("transaction status {status:?}") },
                }
            }
            Ok(ApiCode::Duplicate) => Refunded::AskedBefore,
            Ok(
                code @ (ApiCode::BadMerchant
                | ApiCode::BadFormat
                | ApiCode::NotFound
                | ApiCode::OriginalNotSuccessful
                | ApiCode::BadChecksum),
            ) => Refunded::Refused { code },
            Ok(ApiCode::Other) | Err(_) => Refunded::Unknown { why: format!("answered {code}") },
        }
    }
}
