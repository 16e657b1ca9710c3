//! querydr: what became of an order.

use chrono::{DateTime, Utc};

use super::callback::report;
use super::codes::{ApiCode, TransactionStatus};
use super::signature::{QUERY_ANSWER, QUERY_CALL, Signed};
use super::{SERVER_IP, VERSION, Vnpay, date, plain};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{Answer, Call, Instruction, Order, Outcome, Standing, Subject};

impl Vnpay {
    pub(super) fn query_call(&self, order: &Order, now: DateTime<Utc>, request: u64) -> Call {
        self.call(
            QUERY_CALL,
            &[
                ("vnp_RequestId", &format!("{request:016x}")),
                ("vnp_Version", VERSION),
                ("vnp_Command", "querydr"),
                ("vnp_TmnCode", &self.settings.tmn_code),
                ("vnp_TxnRef", &order.reference),
                // VNPAY's references are unique per day only: the day makes it one order.
                ("vnp_TransactionDate", &date(order.created_at)),
                ("vnp_CreateDate", &date(now)),
                ("vnp_IpAddr", SERVER_IP),
                ("vnp_OrderInfo", &plain(&format!("Truy van {}", order.reference))),
            ],
        )
    }

    pub(super) fn read_standing(&self, order: &Order, answer: Answer<'_>) -> Standing {
        match self.hear_standing(order, answer) {
            Ok(standing) => standing,
            Err(why) => Standing::Unknown { why },
        }
    }

    fn hear_standing(&self, order: &Order, answer: Answer<'_>) -> Result<Standing, String> {
        let body = self.hear(QUERY_ANSWER, "querydr", &order.reference, answer)?;
        let code = body.text("vnp_ResponseCode").unwrap_or_default();
        match code.parse() {
            Ok(ApiCode::Ok) => {}
            Ok(ApiCode::NotFound) => return Ok(Standing::NotFound),
            Ok(
                ApiCode::BadMerchant
                | ApiCode::BadFormat
                | ApiCode::Duplicate
                | ApiCode::OriginalNotSuccessful
                | ApiCode::BadChecksum
                | ApiCode::Other,
            )
            | Err(_) => return Err(format!("the question was answered {code}")),
        }
        // After a refund the answer may be about the refund: its number is not the payment's.
        let kind = body.text("vnp_TransactionType").unwrap_or_default();
        if !matches!(kind.as_str(), "" | "01") {
            return Err(format!("the answer is about a transaction of type {kind}"));
        }
        let status = body.text("vnp_TransactionStatus").unwrap_or_default();
        match status.parse() {
            Ok(TransactionStatus::Success) => {}
            Ok(TransactionStatus::NotCompleted) => {
                return Ok(Standing::Waiting(Instruction::default()));
            }
            Ok(TransactionStatus::Error) => return Ok(Standing::Failed { code: status }),
            Ok(
                TransactionStatus::Reversed
                | TransactionStatus::RefundInProgress
                | TransactionStatus::RefundSent
                | TransactionStatus::SuspectedFraud
                | TransactionStatus::RefundRejected,
            )
            | Err(_) => return Err(format!("transaction status {status:?}")),
        }
        let report = report(
            Outcome::Collected,
            order.reference.clone(),
            body.text("vnp_TransactionNo"),
            &body.text("vnp_Amount").unwrap_or_default(),
            body.text("vnp_OrderInfo"),
            &body.text("vnp_PayDate").unwrap_or_default(),
        )
        .map_err(|e| e.to_string())?;
        if report.outcome == Outcome::Collected {
            Ok(Standing::Collected(vec![report]))
        } else {
            Err("collected, but without a transaction number".to_owned())
        }
    }

    pub(super) fn call(&self, signed: Signed, fields: &[(&'static str, &str)]) -> Call {
        Call {
            method: "POST",
            url: self.settings.api_url.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: signed.body(fields, &self.settings.hash_secret),
            subject: Subject::default(),
        }
    }

    /// The signed answer to a call about this order, or why there is none.
    pub(super) fn hear<'a>(
        &self,
        signed: Signed,
        command: &str,
        reference: &str,
        answer: Answer<'a>,
    ) -> Result<Object<'a>, String> {
        let read = std::str::from_utf8(answer.body).ok().and_then(Object::read);
        let body = read.ok_or_else(|| format!("HTTP {}: no JSON object", answer.status))?;
        if !signed.is_genuine(&body, &self.settings.hash_secret) {
            let code = body.text("vnp_ResponseCode").unwrap_or_default();
            return Err(format!("HTTP {}: signature wrong, code {code:?}", answer.status));
        }
        let ours = [
            ("vnp_Command", command),
            ("vnp_TmnCode", &self.settings.tmn_code),
            ("vnp_TxnRef", reference),
        ];
        for (name, expected) in ours {
            if body.text(name).as_deref() != Some(expected) {
                return Err(format!("the answer has another {name}"));
            }
        }
        Ok(body)
    }
}
