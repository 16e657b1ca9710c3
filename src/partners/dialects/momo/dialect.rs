//! The dialect itself.

use chrono::{DateTime, Utc};

use super::calls::{NewOrder, Question};
use super::codes::{
    AUTHORIZED, Finality, INITIATED, NOT_FOUND, REPEATED_ORDER, REPEATED_REQUEST, SUCCESS,
    refuses_the_call,
};
use super::signature::{CREATE, QUERY};
use super::{LEAST, MOST, Momo};
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, Outcome,
    RefundOrder, Refunding, Report, Returned, Said, Standing, Unheard, Verdict, reference_of_code,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;

impl Dialect for Momo {
    fn channel(&self) -> Channel {
        Channel::Redirect
    }

    fn payer_page(&self) -> Option<&str> {
        Some(&self.settings.page_url)
    }

    /// The code and four characters: an `orderId` and `requestId` of letters and digits.
    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        reference_of_code(code, random)
    }

    fn limits(&self) -> Option<(Money, Money)> {
        Some((Money::vnd(LEAST), Money::vnd(MOST)))
    }

    fn ask_create(&self, order: &Order) -> Ask {
        let call = self.call(
            "create",
            CREATE,
            NewOrder {
                partner_code: &self.settings.partner_code,
                // The order's own id: made again, after a crash, it is the same order.
                request_id: &order.reference,
                amount: order.amount.minor_units(),
                order_id: &order.reference,
                order_info: &order_info(order),
                redirect_url: &order.return_url,
                ipn_url: &order.callback_url,
                request_type: &self.settings.request_type,
                extra_data: "",
                auto_capture: true,
                lang: order.language,
            },
        );
        Ask::Call(call.creates(order))
    }

    fn hear_create(&self, order: &Order, answer: Answer<'_>) -> Created {
        let unknown = |why: String| Created::Unknown { why };
        let (body, code) = match self.hear(&order.reference, answer) {
            Ok(heard) => heard,
            Err(why) => return unknown(why),
        };
        match code.as_str() {
            SUCCESS => {}
            // Ours from before, when an answer was lost.
            REPEATED_REQUEST | REPEATED_ORDER => {
                return unknown(format!("code {code}: the order is there from before"));
            }
            refused if refuses_the_call(refused) => return Created::Refused { code },
            _ => {
                return match self.finality(&code) {
                    Finality::Final => Created::Refused { code },
                    Finality::Pending | Finality::NotSaid => unknown(format!("code {code}")),
                };
            }
        }
        if body.text("amount") != Some(order.amount.minor_units().to_string()) {
            return unknown("the answer is about another amount".to_owned());
        }
        match body.filled("payUrl") {
            Some(url) => {
                Created::Ready(Instruction { pay_url: Some(url), ..Instruction::default() })
            }
            None => unknown("made, but without a page to pay on".to_owned()),
        }
    }

    fn ask_query(&self, order: &Order, _now: DateTime<Utc>, request: u64) -> Option<Call> {
        Some(self.question(order, request).asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        let unknown = |why: String| Standing::Unknown { why };
        let (body, code) = match self.hear(&order.reference, answer) {
            Ok(heard) => heard,
            Err(why) => return unknown(why),
        };
        match code.as_str() {
            SUCCESS | AUTHORIZED => {}
            INITIATED => return Standing::Waiting(Instruction::default()),
            NOT_FOUND => return Standing::NotFound,
            _ => {
                return match self.finality(&code) {
                    Finality::Final => Standing::Failed { code },
                    Finality::Pending | Finality::NotSaid => unknown(format!("code {code}")),
                };
            }
        }
        match self.report(&body) {
            // The answer has no orderInfo, and its time is that of the answer. The IPN of the same
            // money may come before or after: both must say the same.
            Ok(report) if report.outcome == Outcome::Collected => {
                Standing::Collected(vec![Report {
                    memo: order_info(order),
                    value_time: None,
                    ..report
                }])
            }
            Ok(_) => unknown("collected, but without a transaction number".to_owned()),
            Err(e) => unknown(e.to_string()),
        }
    }

    /// An order id of its own.
    fn refund_reference(&self, _created_at: DateTime<Utc>, random: u64) -> String {
        format!("RF{random:016X}")
    }

    fn ask_refund(&self, refund: &RefundOrder) -> Option<Call> {
        Some(self.refund_call(refund)?.gives_back(refund))
    }

    fn hear_refund(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        self.read_refund(refund, answer)
    }

    fn ask_refund_query(
        &self,
        refund: &RefundOrder,
        _now: DateTime<Utc>,
        request: u64,
    ) -> Option<Call> {
        Some(self.question(&refund.order, request).asks_after_refund(refund))
    }

    fn hear_refund_query(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        self.read_refund_standing(refund, answer)
    }

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        self.hear_ipn(callback.body)
    }

    fn say(&self, verdict: Verdict) -> Said {
        let status = match verdict {
            Verdict::Recorded | Verdict::Repeat | Verdict::WrongAmount | Verdict::Test => 204,
            Verdict::BadSignature | Verdict::WrongMerchant | Verdict::Malformed => 400,
            Verdict::UnknownOrder => 404,
            Verdict::OtherContent => 409,
            Verdict::TryLater => 503,
        };
        Said { status, content_type: "application/json", body: String::new() }
    }

    fn hear_return(&self, query: &str) -> Option<Returned> {
        self.read_return(query)
    }
}

/// What the payer reads, and what comes back with the result.
fn order_info(order: &Order) -> String {
    format!("Nop phi {}", order.code)
}

impl Momo {
    /// Each question has a request id of its own: the order's would be answered with what became
    /// of the call that made it.
    fn question(&self, order: &Order, request: u64) -> Call {
        self.call(
            "query",
            QUERY,
            Question {
                partner_code: &self.settings.partner_code,
                request_id: &format!("Q{request:016x}"),
                order_id: &order.reference,
                lang: order.language,
            },
        )
    }
}
