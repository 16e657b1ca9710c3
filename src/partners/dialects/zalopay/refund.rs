//! Giving money back: taken first, done later.

use chrono::{DateTime, Utc};

use super::Zalopay;
use super::calls::{NewRefund, RefundQuestion, hear, sub_code};
use super::codes::{ReturnCode, SYSTEM, TAKEN, refuses_the_call};
use super::signature::{REFUND, REFUND_QUERY};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::reading::transaction;
use crate::partners::dialects::{Answer, Call, RefundOrder, Refunding};

impl Zalopay {
    /// None for a transaction that is not one of ZaloPay's.
    pub(super) fn refund_call(&self, refund: &RefundOrder) -> Option<Call> {
        let body = NewRefund {
            app_id: self.app_id,
            m_refund_id: &refund.reference,
            zp_trans_id: refund.transaction_id.parse().ok()?,
            amount: refund.amount.minor_units(),
            // The refund's own time, so that the call made again is the same call.
            timestamp: refund.created_at.timestamp_millis(),
            description: &format!("Hoan tien {}", refund.order.code),
        };
        Some(self.call("refund", REFUND, body).gives_back(refund))
    }

    pub(super) fn read_refund(answer: Answer<'_>) -> Refunding {
        let (body, code) = match hear(answer) {
            Ok(heard) => heard,
            Err(why) => return Refunding::Unknown { why },
        };
        match code {
            ReturnCode::Ok => confirmed(&body),
            ReturnCode::Processing => Refunding::Processing,
            ReturnCode::Failed => match sub_code(&body) {
                // Ours from before, when an answer was lost.
                code if code == TAKEN => Refunding::Processing,
                code if refuses_the_call(&code) => Refunding::Refused { code },
                // Whether the refund was taken at all only the question can tell.
                code => Refunding::Unknown { why: format!("answered {code}") },
            },
        }
    }

    pub(super) fn refund_question(&self, refund: &RefundOrder, now: DateTime<Utc>) -> Call {
        let body = RefundQuestion {
            app_id: self.app_id,
            m_refund_id: &refund.reference,
            timestamp: now.timestamp_millis(),
        };
        self.call("query_refund", REFUND_QUERY, body).asks_after_refund(refund)
    }

    pub(super) fn read_refund_standing(&self, answer: Answer<'_>) -> Refunding {
        let (body, code) = match hear(answer) {
            Ok(heard) => heard,
            Err(why) => return Refunding::Unknown { why },
        };
        match code {
            ReturnCode::Ok => confirmed(&body),
            ReturnCode::Processing => Refunding::Processing,
            ReturnCode::Failed => match sub_code(&body) {
                code if self.is_not_found(&code) => Refunding::NotFound,
                // The question was refused: that says nothing of the refund.
                code if refuses_the_call(&code) || code == SYSTEM => {
                    Refunding::Unknown { why: format!("the question was answered {code}") }
                }
                code => Refunding::Refused { code },
            },
        }
    }
}

fn confirmed(body: &Object<'_>) -> Refunding {
    Refunding::Confirmed { partner_refund: transaction(body.text("refund_id")) }
}
