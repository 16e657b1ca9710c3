//! The dialect itself.

use chrono::{DateTime, Utc};

use super::Onepay;
use super::signature::{HASH, fields_text, is_genuine};
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, Report, Returned,
    Said, Standing, Subject, Unheard, Verdict, form,
};
use crate::vocabulary::codes::InvoiceCode;

impl Onepay {
    /// The fields with their signature, as a query.
    fn signed(&self, signed: &[(&str, &str)], unsigned: &[(&str, &str)]) -> String {
        let hash = self.key.sign(&fields_text(signed.iter().copied()));
        form::write(unsigned.iter().chain(signed).copied().chain([(HASH, hash.as_str())]))
    }
}

impl Dialect for Onepay {
    fn channel(&self) -> Channel {
        Channel::Redirect
    }

    fn payer_page(&self) -> Option<&str> {
        Some(&self.payment_url)
    }

    /// Twenty characters; OnePay takes 34.
    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        crate::partners::dialects::reference_of_code(code, random)
    }

    /// Nothing to call: the address carries the whole order, signed.
    fn ask_create(&self, order: &Order) -> Ask {
        let amount = format!("{}00", order.amount.minor_units());
        let mut signed = vec![
            ("vpc_Version", "2"),
            ("vpc_Command", "pay"),
            ("vpc_AccessCode", self.access_code.as_str()),
            ("vpc_Merchant", &self.merchant),
            ("vpc_MerchTxnRef", &order.reference),
            ("vpc_OrderInfo", order.code.as_str()),
            ("vpc_Amount", &amount),
            ("vpc_Currency", "VND"),
            ("vpc_Locale", if order.language == "en" { "en" } else { "vn" }),
            ("vpc_ReturnURL", &order.return_url),
            ("vpc_TicketNo", &order.payer_ip),
        ];
        if self.sends_callback {
            signed.push(("vpc_CallbackURL", &order.callback_url));
        }
        let unsigned = [("Title", "Nop phi"), ("AgainLink", order.page_url.as_str())];
        let query = self.signed(&signed, &unsigned);
        Ask::Done(Instruction {
            pay_url: Some(format!("{}?{query}", self.payment_url)),
            ..Instruction::default()
        })
    }

    fn hear_create(&self, _order: &Order, _answer: Answer<'_>) -> Created {
        Created::Unknown { why: "an order is not made known by a call here".to_owned() }
    }

    fn ask_query(&self, order: &Order, _now: DateTime<Utc>, _request: u64) -> Option<Call> {
        let url = self.query_url.clone()?;
        let signed = [
            ("vpc_Version", "2"),
            ("vpc_Command", "queryDR"),
            ("vpc_AccessCode", self.access_code.as_str()),
            ("vpc_Merchant", &self.merchant),
            ("vpc_MerchTxnRef", &order.reference),
        ];
        let call = Call {
            method: "POST",
            url,
            headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            body: self.signed(&signed, &[]).into_bytes(),
            subject: Subject::default(),
        };
        Some(call.asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        self.read_standing(order, answer)
    }

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        self.hear_fields(&form::of_callback(callback)?)
    }

    /// One word for all that is booked, one for all that is not.
    fn say(&self, verdict: Verdict) -> Said {
        let body = match verdict {
            Verdict::Recorded
            | Verdict::Repeat
            | Verdict::UnknownOrder
            | Verdict::WrongAmount
            | Verdict::Test => "responsecode=1&desc=confirm-success",
            Verdict::BadSignature
            | Verdict::WrongMerchant
            | Verdict::Malformed
            | Verdict::OtherContent
            | Verdict::TryLater => "responsecode=0&desc=confirm-fail",
        };
        Said { status: 200, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
    }

    fn hear_return(&self, query: &str) -> Option<Returned> {
        let fields = form::read(query).ok()?;
        Some(Returned {
            reference: fields.get("vpc_MerchTxnRef")?.clone(),
            code: fields.get("vpc_TxnResponseCode").cloned().unwrap_or_default(),
            genuine: is_genuine(&fields, &self.key),
        })
    }
}
