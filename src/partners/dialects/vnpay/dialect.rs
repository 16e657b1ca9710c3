//! The dialect itself.

use chrono::{DateTime, Utc};

use super::codes::IpnCode;
use super::signature::signed_query;
use super::{VERSION, Vnpay, date, hundredfold, plain};
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, RefundOrder,
    Refunding, Report, Returned, Said, Standing, Unheard, Verdict,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;

/// `vnp_Amount` has twelve digits, two of them the hundredfold.
const LARGEST: u64 = 9_999_999_999;

impl Dialect for Vnpay {
    fn channel(&self) -> Channel {
        Channel::Redirect
    }

    fn payer_page(&self) -> Option<&str> {
        Some(&self.settings.payment_url)
    }

    /// The code and four characters: VNPAY wants it unique per day.
    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        crate::partners::dialects::reference_of_code(code, random)
    }

    fn limits(&self) -> Option<(Money, Money)> {
        Some((Money::vnd(1), Money::vnd(LARGEST)))
    }

    /// Nothing to call: the address carries the whole order, signed.
    fn ask_create(&self, order: &Order) -> Ask {
        let (amount, info) = (hundredfold(order.amount), format!("Nop phi {}", order.code));
        let (created, expires) = (date(order.created_at), date(order.expires_at));
        let query = signed_query(
            [
                ("vnp_Version", VERSION),
                ("vnp_Command", "pay"),
                ("vnp_TmnCode", self.settings.tmn_code.as_str()),
                ("vnp_Amount", &amount),
                ("vnp_CreateDate", &created),
                ("vnp_ExpireDate", &expires),
                ("vnp_CurrCode", "VND"),
                ("vnp_IpAddr", &order.payer_ip),
                ("vnp_Locale", if order.language == "en" { "en" } else { "vn" }),
                ("vnp_OrderInfo", &plain(&info)),
                ("vnp_OrderType", "other"),
                ("vnp_ReturnUrl", &order.return_url),
                ("vnp_TxnRef", &order.reference),
            ],
            &self.settings.hash_secret,
        );
        Ask::Done(Instruction {
            pay_url: Some(format!("{}?{query}", self.settings.payment_url)),
            ..Instruction::default()
        })
    }

    fn hear_create(&self, _order: &Order, _answer: Answer<'_>) -> Created {
        Created::Unknown { why: "an order is not made known by a call here".to_owned() }
    }

    fn ask_query(&self, order: &Order, now: DateTime<Utc>, request: u64) -> Option<Call> {
        Some(self.query_call(order, now, request).asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        self.read_standing(order, answer)
    }

    fn ask_refund(&self, refund: &RefundOrder) -> Option<Call> {
        Some(self.refund_call(refund).gives_back(refund))
    }

    fn hear_refund(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        self.read_refund(refund, answer)
    }

    fn ask_refund_query(
        &self,
        refund: &RefundOrder,
        now: DateTime<Utc>,
        request: u64,
    ) -> Option<Call> {
        Some(self.refund_query_call(refund, now, request).asks_after_refund(refund))
    }

    fn hear_refund_query(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        self.read_refund_query(refund, answer)
    }

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        self.hear_ipn(callback.query)
    }

    fn say(&self, verdict: Verdict) -> Said {
        let code = match verdict {
            Verdict::Recorded | Verdict::Test => IpnCode::Recorded,
            Verdict::Repeat => IpnCode::AlreadyConfirmed,
            Verdict::UnknownOrder => IpnCode::OrderNotFound,
            Verdict::WrongAmount => IpnCode::InvalidAmount,
            Verdict::BadSignature | Verdict::WrongMerchant => IpnCode::InvalidSignature,
            Verdict::OtherContent | Verdict::Malformed | Verdict::TryLater => IpnCode::Unknown,
        };
        Said {
            status: 200,
            content_type: "application/json",
            body: format!(r#"{{"RspCode":"{code}","Message":"{}"}}"#, code.message()),
        }
    }

    fn hear_return(&self, query: &str) -> Option<Returned> {
        self.read_return(query)
    }
}
