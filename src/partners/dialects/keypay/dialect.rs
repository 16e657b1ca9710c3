//! The dialect itself.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::Keypay;
use super::checksum::{VERSION, create_text, detail_text};
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, Outcome, Report,
    Said, Standing, Subject, Unheard, Verdict, form, keepable,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::{Currency, Money};

/// Nothing is added to the fee.
const ADDITION_FEE: &str = "0";

impl Keypay {
    fn post(&self, url: &str, signed: &[(&str, &str)], text: &str) -> Call {
        let check_sum = self.settings.hash_key_1.sha256(text);
        let fields = signed.iter().copied().chain([("check_sum", check_sum.as_str())]);
        Call {
            method: "POST",
            url: url.to_owned(),
            headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            body: form::write(fields).into_bytes(),
            subject: Subject::default(),
        }
    }

    fn read_standing(&self, order: &Order, answer: Answer<'_>) -> Result<Standing, String> {
        let settings = &self.settings;
        let body = read(answer)?;
        if body.text("transaction_id").as_deref() != Some(order.reference.as_str()) {
            return Err("the answer does not name this order".to_owned());
        }
        let amount = body.text(&settings.amount_field).unwrap_or_default();
        let amount = Money::parse(&amount, Currency::Vnd).map_err(|e| e.to_string())?;
        if amount != order.amount {
            return Err("the answer is about another amount".to_owned());
        }
        let status = body.text(&settings.status_field).unwrap_or_default();
        if status == settings.paid_status {
            let id = keepable("transaction", body.filled(&settings.transaction_field));
            return Ok(Standing::Collected(vec![Report {
                transaction_id: id.map_err(|e| e.to_string())?,
                reference: Some(order.reference.clone()),
                account: None,
                amount,
                memo: order.code.to_string(),
                value_time: None,
                outcome: Outcome::Collected,
                counter_account: None,
            }]));
        }
        if settings.failed_statuses().any(|failed| failed == status) {
            return Ok(Standing::Failed { code: status });
        }
        Err(format!("status {status:?}"))
    }
}

fn read(answer: Answer<'_>) -> Result<Object<'_>, String> {
    if !(200..300).contains(&answer.status) {
        return Err(format!("HTTP {}", answer.status));
    }
    let read = std::str::from_utf8(answer.body).ok().and_then(Object::read);
    read.ok_or_else(|| "no JSON object".to_owned())
}

impl Dialect for Keypay {
    fn channel(&self) -> Channel {
        Channel::Redirect
    }

    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        crate::partners::dialects::reference_of_code(code, random)
    }

    fn ask_create(&self, order: &Order) -> Ask {
        let amount = order.amount.minor_units().to_string();
        let client = self.settings.client_id.as_str();
        let text = create_text(ADDITION_FEE, client, "PAY", &amount, &order.reference, VERSION);
        let fields = [
            ("addition_fee", ADDITION_FEE),
            ("client_id", client),
            ("command", "PAY"),
            ("trans_amount", &amount),
            ("transaction_id", &order.reference),
            ("version", VERSION),
            ("return_url", &order.return_url),
        ];
        Ask::Call(self.post(&self.settings.create_url, &fields, &text).creates(order))
    }

    fn hear_create(&self, _order: &Order, answer: Answer<'_>) -> Created {
        // No code that refuses is known: what is no page is unknown, and is asked after.
        let page = read(answer).and_then(|body| {
            let page = body.filled(&self.settings.pay_url_field);
            page.filter(|page| page.starts_with("https://") || page.starts_with("http://"))
                .ok_or_else(|| "no address of a page in the answer".to_owned())
        });
        match page {
            Ok(page) => {
                Created::Ready(Instruction { pay_url: Some(page), ..Instruction::default() })
            }
            Err(why) => Created::Unknown { why },
        }
    }

    fn ask_query(&self, order: &Order, _now: DateTime<Utc>, _request: u64) -> Option<Call> {
        let client = self.settings.client_id.as_str();
        let fields =
            [("client_id", client), ("command", "QUERY"), ("transaction_id", &order.reference)];
        let text = detail_text(client, "QUERY", &order.reference);
        Some(self.post(&self.settings.detail_url, &fields, &text).asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        self.read_standing(order, answer).unwrap_or_else(|why| Standing::Unknown { why })
    }

    fn polls_every(&self) -> Option<Duration> {
        Some(Duration::seconds(30))
    }

    fn hear_callback(&self, _callback: &Callback<'_>) -> Result<Report, Unheard> {
        Err(Unheard::Malformed { why: "how this callback proves itself is not known".to_owned() })
    }

    fn say(&self, verdict: Verdict) -> Said {
        let taken = matches!(verdict, Verdict::Recorded | Verdict::Repeat | Verdict::Test);
        let body =
            json!({ "return_code": if taken { 0 } else { -1 }, "return_msg": verdict.as_str() });
        Said { status: 200, content_type: "application/json", body: body.to_string() }
    }
}
