//! The dialect itself.

use chrono::{DateTime, Duration, Utc};

use super::checksum::text;
use super::{VERSION, Viettel};
use crate::partners::dialects::{
    Answer, Ask, Bill, BillQuestion, Call, Callback, Channel, Created, Dialect, Instruction, Order,
    Report, Said, Standing, Subject, Unheard, Verdict, form,
};
use crate::vocabulary::codes::InvoiceCode;

impl Dialect for Viettel {
    fn channel(&self) -> Channel {
        Channel::Redirect
    }

    fn payer_page(&self) -> Option<&str> {
        Some(&self.payment_url)
    }

    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        crate::partners::dialects::reference_of_code(code, random)
    }

    /// Nothing to call: the address carries the whole order, signed.
    fn ask_create(&self, order: &Order) -> Ask {
        let amount = order.amount.minor_units().to_string();
        let description = format!("Nop phi {}", order.code);
        let signed = [
            ("version", VERSION),
            ("command", "PAYMENT"),
            ("merchant_code", self.merchant_code.as_str()),
            ("order_id", &order.reference),
            ("trans_amount", &amount),
            ("billcode", order.code.as_str()),
        ];
        let with_access = signed.into_iter().chain([("access_code", self.access_code.expose())]);
        let check_sum = self.hash_key.sha1_base64(&text(with_access));
        let unsigned = [
            ("desc", description.as_str()),
            ("locale", if order.language == "en" { "En" } else { "Vi" }),
            ("return_url", &order.return_url),
            ("check_sum", &check_sum),
        ];
        let query = form::write(signed.into_iter().chain(unsigned));
        Ask::Done(Instruction {
            pay_url: Some(format!("{}?{query}", self.payment_url)),
            ..Instruction::default()
        })
    }

    fn hear_create(&self, _order: &Order, _answer: Answer<'_>) -> Created {
        Created::Unknown { why: "an order is not made known by a call here".to_owned() }
    }

    fn ask_query(&self, order: &Order, _now: DateTime<Utc>, _request: u64) -> Option<Call> {
        let signed = [
            ("cmd", self.search_command.as_str()),
            ("version", VERSION),
            ("merchant_code", &self.merchant_code),
            ("order_id", &order.reference),
        ];
        let with_access = signed.into_iter().chain([("access_code", self.access_code.expose())]);
        let check_sum = self.hash_key.sha1(&text(with_access));
        let body = form::write(signed.into_iter().chain([("check_sum", check_sum.as_str())]));
        let call = Call {
            method: "POST",
            url: self.search_url.clone(),
            headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            body: body.into_bytes(),
            subject: Subject::default(),
        };
        Some(call.asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        self.read_standing(order, answer)
    }

    fn polls_every(&self) -> Option<Duration> {
        Some(Duration::minutes(1))
    }

    fn hear_bill_question(&self, callback: &Callback<'_>) -> Result<BillQuestion, Unheard> {
        self.read_question(callback)
    }

    fn say_bill(&self, question: &BillQuestion, bill: &Bill) -> Said {
        self.answer(question, bill)
    }

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        self.hear_result(&form::of_callback(callback)?)
    }

    fn say(&self, verdict: Verdict) -> Said {
        self.answer_result(&Callback { query: "", headers: &[], body: b"" }, verdict)
    }

    fn say_to(&self, callback: &Callback<'_>, verdict: Verdict) -> Said {
        self.answer_result(callback, verdict)
    }
}
