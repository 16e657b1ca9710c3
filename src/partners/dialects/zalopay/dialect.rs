//! The dialect itself.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use super::calls::{NewOrder, Question, hear, sub_code};
use super::codes::{CallbackCode, ReturnCode, SYSTEM, refuses_the_call};
use super::report::paid;
use super::signature::{CREATE, QUERY};
use super::{Zalopay, day};
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, RefundOrder,
    Refunding, Report, Said, Standing, Unheard, Verdict, reference_of_code,
};
use crate::vocabulary::codes::InvoiceCode;

/// How long an order may live, in seconds.
const LIVES: (i64, i64) = (300, 2_592_000);
/// The largest random part of a refund's id: eighteen digits.
const REFUNDS: u64 = 1_000_000_000_000_000_000;

/// What goes with an order and comes back with it.
#[derive(Serialize)]
struct Embedded<'a> {
    redirecturl: &'a str,
}

impl Dialect for Zalopay {
    fn channel(&self) -> Channel {
        Channel::Redirect
    }

    fn payer_page(&self) -> Option<&str> {
        Some(&self.settings.page_url)
    }

    /// The day, the code and four characters: `yymmdd_` and 20.
    fn reference(&self, code: &InvoiceCode, now: DateTime<Utc>, random: u64) -> String {
        format!("{}_{}", day(now), reference_of_code(code, random))
    }

    fn ask_create(&self, order: &Order) -> Ask {
        // The browser brings nothing signed back, so it goes to the invoice's own page.
        let embedded = serde_json::to_string(&Embedded { redirecturl: &order.page_url });
        let lives = (order.expires_at - order.created_at).num_seconds();
        let body = NewOrder {
            app_id: self.app_id,
            app_user: &self.settings.app_user,
            app_trans_id: &order.reference,
            app_time: order.created_at.timestamp_millis(),
            amount: order.amount.minor_units(),
            item: "[]",
            embed_data: &embedded.unwrap_or_else(|_| "{}".to_owned()),
            description: &format!("Nop phi {}", order.code),
            callback_url: &order.callback_url,
            bank_code: &self.settings.bank_code,
            expire_duration_seconds: lives.clamp(LIVES.0, LIVES.1),
        };
        Ask::Call(self.call("create", CREATE, body).creates(order))
    }

    fn hear_create(&self, _order: &Order, answer: Answer<'_>) -> Created {
        let unknown = |why: String| Created::Unknown { why };
        let (body, code) = match hear(answer) {
            Ok(heard) => heard,
            Err(why) => return unknown(why),
        };
        match code {
            ReturnCode::Ok => match body.filled("order_url") {
                Some(url) => Created::Ready(Instruction {
                    pay_url: Some(url),
                    partner_order: body.filled("zp_trans_token"),
                    ..Instruction::default()
                }),
                None => unknown("made, but without a page to pay on".to_owned()),
            },
            ReturnCode::Failed => match sub_code(&body) {
                code if refuses_the_call(&code) => Created::Refused { code },
                // Taken means ours from before, when an answer was lost; any other code says
                // nothing of whether the order was made.
                code => unknown(format!("answered {code}")),
            },
            ReturnCode::Processing => unknown("answered 3".to_owned()),
        }
    }

    fn ask_query(&self, order: &Order, _now: DateTime<Utc>, _request: u64) -> Option<Call> {
        let body = Question { app_id: self.app_id, app_trans_id: &order.reference };
        Some(self.call("query", QUERY, body).asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        let unknown = |why: String| Standing::Unknown { why };
        let (body, code) = match hear(answer) {
            Ok(heard) => heard,
            Err(why) => return unknown(why),
        };
        match code {
            ReturnCode::Ok => match paid(&order.reference, &body) {
                Ok(report) => Standing::Collected(vec![report]),
                Err(e) => unknown(e.to_string()),
            },
            // The payer's money is on its way, or nobody has paid yet.
            ReturnCode::Processing if body.text("is_processing").as_deref() == Some("true") => {
                unknown("the payment is being processed".to_owned())
            }
            ReturnCode::Processing => Standing::Waiting(Instruction::default()),
            ReturnCode::Failed => match sub_code(&body) {
                code if self.is_not_found(&code) => Standing::NotFound,
                // The question was refused: that says nothing of the order.
                code if refuses_the_call(&code) || code == SYSTEM => {
                    unknown(format!("the question was answered {code}"))
                }
                code => Standing::Failed { code },
            },
        }
    }

    /// Only success is told, so an order is asked after while it lives.
    fn polls_every(&self) -> Option<Duration> {
        Some(self.poll)
    }

    /// `yymmdd_appid_` and eighteen digits.
    fn refund_reference(&self, created_at: DateTime<Utc>, random: u64) -> String {
        format!("{}_{}_{:018}", day(created_at), self.app_id, random % REFUNDS)
    }

    fn ask_refund(&self, refund: &RefundOrder) -> Option<Call> {
        self.refund_call(refund)
    }

    fn hear_refund(&self, _refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        Self::read_refund(answer)
    }

    fn ask_refund_query(
        &self,
        refund: &RefundOrder,
        now: DateTime<Utc>,
        _request: u64,
    ) -> Option<Call> {
        Some(self.refund_question(refund, now))
    }

    fn hear_refund_query(&self, _refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        self.read_refund_standing(answer)
    }

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        self.hear_word(callback.body)
    }

    fn say(&self, verdict: Verdict) -> Said {
        let code = match verdict {
            Verdict::Recorded | Verdict::Test => CallbackCode::Recorded,
            Verdict::Repeat => CallbackCode::Repeat,
            Verdict::BadSignature | Verdict::WrongMerchant => CallbackCode::BadMac,
            Verdict::UnknownOrder
            | Verdict::WrongAmount
            | Verdict::OtherContent
            | Verdict::Malformed
            | Verdict::TryLater => CallbackCode::Again,
        };
        Said {
            status: 200,
            content_type: "application/json",
            body: format!(r#"{{"return_code":{code},"return_message":"{}"}}"#, code.message()),
        }
    }
}
