//! Giving money back through VNPAY: the call, its answer, and what became of it.
//!
//! The request id is our reference of the refund and every date in the call is the refund's own, so
//! a call that is made again is the same call to the last byte. VNPAY keeps request ids for a day;
//! after that, asking comes before asking again.
//!
//! querydr knows no refund by our reference: it names the payment, and the answer is about the
//! payment or about its newest refund (unverified). So an answer is taken as the word about this
//! refund only when it cannot be another one: there is one full refund of a payment, and of partial
//! ones that whose description we wrote. Anything else is unknown, and a person looks.

use chrono::{DateTime, Utc};

use super::codes::{ApiCode, TransactionStatus};
use super::signature::{QUERY_ANSWER, REFUND_ANSWER, REFUND_CALL};
use super::{SERVER_IP, VERSION, Vnpay, date, hundredfold, plain, transaction_no};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{Answer, Call, RefundOrder, Refunding};

/// `vnp_TransactionType` of a refund of all, and of a part.
const FULL: &str = "02";
const PARTIAL: &str = "03";

impl Vnpay {
    pub(super) fn refund_call(&self, refund: &RefundOrder) -> Call {
        self.call(
            REFUND_CALL,
            &[
                ("vnp_RequestId", &refund.reference),
                ("vnp_Version", VERSION),
                ("vnp_Command", "refund"),
                ("vnp_TmnCode", &self.settings.tmn_code),
                ("vnp_TransactionType", kind(refund)),
                ("vnp_TxnRef", &refund.order.reference),
                ("vnp_Amount", &hundredfold(refund.amount)),
                ("vnp_TransactionNo", transaction_no(&refund.transaction_id).unwrap_or_default()),
                ("vnp_TransactionDate", &date(refund.order.created_at)),
                ("vnp_CreateBy", &plain(&refund.requested_by)),
                ("vnp_CreateDate", &date(refund.created_at)),
                ("vnp_IpAddr", SERVER_IP),
                ("vnp_OrderInfo", &reason(refund)),
            ],
        )
    }

    pub(super) fn read_refund(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        let body = match self.hear(REFUND_ANSWER, "refund", &refund.order.reference, answer) {
            Ok(body) => body,
            Err(why) => return Refunding::Unknown { why },
        };
        let code = body.text("vnp_ResponseCode").unwrap_or_default();
        match code.parse() {
            Ok(ApiCode::Ok) => progress(refund, &body),
            // Asked for before: by us, when an answer was lost. It is on its way.
            Ok(ApiCode::Duplicate) => Refunding::Processing,
            Ok(
                ApiCode::BadMerchant
                | ApiCode::BadFormat
                | ApiCode::NotFound
                | ApiCode::OriginalNotSuccessful
                | ApiCode::BadChecksum,
            ) => Refunding::Refused { code },
            Ok(ApiCode::Other) | Err(_) => Refunding::Unknown { why: format!("answered {code}") },
        }
    }

    pub(super) fn refund_query_call(
        &self,
        refund: &RefundOrder,
        now: DateTime<Utc>,
        request: u64,
    ) -> Call {
        self.query_call(&refund.order, now, request)
    }

    pub(super) fn read_refund_query(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        let unknown = |why: String| Refunding::Unknown { why };
        let body = match self.hear(QUERY_ANSWER, "querydr", &refund.order.reference, answer) {
            Ok(body) => body,
            Err(why) => return unknown(why),
        };
        let code = body.text("vnp_ResponseCode").unwrap_or_default();
        match code.parse() {
            Ok(ApiCode::Ok) => {}
            Ok(ApiCode::NotFound) => return Refunding::NotFound,
            Ok(
                ApiCode::BadMerchant
                | ApiCode::BadFormat
                | ApiCode::Duplicate
                | ApiCode::OriginalNotSuccessful
                | ApiCode::BadChecksum
                | ApiCode::Other,
            )
            | Err(_) => return unknown(format!("the question was answered {code}")),
        }
        let told = body.text("vnp_TransactionType").unwrap_or_default();
        if told != kind(refund) {
            return unknown(format!("the answer is about a transaction of type {told:?}"));
        }
        let ours = body.text("vnp_OrderInfo").is_some_and(|info| info.contains(&refund.reference));
        if !refund.whole && !ours {
            return unknown("the answer may be about another partial refund".to_owned());
        }
        progress(refund, &body)
    }
}

fn kind(refund: &RefundOrder) -> &'static str {
    if refund.whole { FULL } else { PARTIAL }
}

/// It names the refund, so that an answer can be told from that about another one.
fn reason(refund: &RefundOrder) -> String {
    plain(&format!("Hoan tien {}", refund.reference))
}

/// What a genuine answer about this very refund says.
fn progress(refund: &RefundOrder, body: &Object<'_>) -> Refunding {
    let amount = body.text("vnp_Amount");
    if amount.is_some_and(|amount| amount != hundredfold(refund.amount)) {
        return Refunding::Unknown { why: "the answer is about another amount".to_owned() };
    }
    let status = body.text("vnp_TransactionStatus").unwrap_or_default();
    match status.parse() {
        Ok(TransactionStatus::RefundInProgress | TransactionStatus::NotCompleted) => {
            Refunding::Processing
        }
        Ok(TransactionStatus::RefundSent | TransactionStatus::Success) => Refunding::Confirmed {
            partner_refund: body
                .filled("vnp_TransactionNo")
                .filter(|number| transaction_no(number).is_some()),
        },
        Ok(TransactionStatus::RefundRejected) => Refunding::Refused { code: status },
        Ok(
            TransactionStatus::Error
            | TransactionStatus::Reversed
            | TransactionStatus::SuspectedFraud,
        )
        | Err(_) => Refunding::Unknown { why: format!("transaction status {status:?}") },
    }
}
