//! The dialect itself.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Payos;
use super::report::{order_of, report};
use super::signature::create_text;
use super::wire::Envelope;
use crate::partners::dialects::json::Object;
use crate::partners::dialects::{
    Answer, Ask, Call, Callback, Cancelled, Channel, Created, Dialect, Instruction, Order,
    PayeeAccount, Report, Said, Standing, Subject, Unheard, Verdict,
};
use crate::vocabulary::codes::InvoiceCode;

/// The largest integer that a JavaScript client holds exactly.
const LARGEST_ORDER_CODE: u64 = (1 << 53) - 1;
/// "No such order" (unverified).
const NO_SUCH_ORDER: &str = "101";
/// "Order code taken": ours from before, when an answer was lost (unverified).
const ORDER_CODE_TAKEN: &str = "231";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder<'a> {
    order_code: u64,
    amount: u64,
    description: &'a str,
    cancel_url: &'a str,
    return_url: &'a str,
    expired_at: i64,
    signature: String,
}

impl Dialect for Payos {
    fn channel(&self) -> Channel {
        Channel::BankTransfer
    }

    /// An order code: 1 to 2^53 - 1.
    fn reference(&self, _code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        (random % LARGEST_ORDER_CODE + 1).to_string()
    }

    fn ask_create(&self, order: &Order) -> Ask {
        // A reference that is no number is not ours; payOS refuses order code 0.
        let order_code: u64 = order.reference.parse().unwrap_or(0);
        let amount = order.amount.minor_units();
        let (description, url) = (order.code.as_str(), order.page_url.as_str());
        let signed =
            create_text(&amount.to_string(), url, description, &order_code.to_string(), url);
        let body = NewOrder {
            order_code,
            amount,
            description,
            cancel_url: url,
            return_url: url,
            expired_at: order.expires_at.timestamp(),
            signature: self.settings.checksum_key.sha256(&signed),
        };
        Ask::Call(self.post("/v2/payment-requests", &body).creates(order))
    }

    fn hear_create(&self, order: &Order, answer: Answer<'_>) -> Created {
        let data = match self.hear(order, answer) {
            Ok(data) => data,
            Err(Unsaid::Refused { code }) if code == ORDER_CODE_TAKEN => {
                return Created::Unknown { why: "the order code is taken".to_owned() };
            }
            Err(Unsaid::Refused { code }) => return Created::Refused { code },
            Err(Unsaid::Unknown { why }) => return Created::Unknown { why },
        };
        let amount = order.amount.minor_units().to_string();
        if data.text("amount") != Some(amount) {
            return Created::Unknown { why: "the answer is about another amount".to_owned() };
        }
        let account = match (data.filled("bin"), data.filled("accountNumber")) {
            (Some(bin), Some(number)) => Some(PayeeAccount {
                bin,
                number,
                name: data.text("accountName").unwrap_or_default(),
            }),
            _ => None,
        };
        Created::Ready(Instruction {
            pay_url: data.filled("checkoutUrl"),
            qr: data.filled("qrCode"),
            account,
            partner_order: data.filled("paymentLinkId"),
        })
    }

    fn ask_query(&self, order: &Order, _now: DateTime<Utc>, _request: u64) -> Option<Call> {
        let call = Call {
            method: "GET",
            url: format!("{}/v2/payment-requests/{}", self.settings.base_url, order.reference),
            headers: self.headers(),
            body: Vec::new(),
            subject: Subject::default(),
        };
        Some(call.asks_after(order))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        match self.hear(order, answer) {
            Ok(data) => standing(order, &data),
            Err(Unsaid::Refused { code }) if code == NO_SUCH_ORDER || answer.status == 404 => {
                Standing::NotFound
            }
            Err(Unsaid::Refused { code }) => {
                Standing::Unknown { why: format!("the question was refused with {code}") }
            }
            Err(Unsaid::Unknown { why }) => Standing::Unknown { why },
        }
    }

    fn ask_cancel(&self, order: &Order) -> Option<Call> {
        Some(self.cancel_call(order, "Huy khoan thu"))
    }

    fn hear_cancel(&self, order: &Order, answer: Answer<'_>) -> Cancelled {
        match self.hear(order, answer) {
            Ok(data) => match data.filled("status").as_deref() {
                Some("CANCELLED") => Cancelled::Done,
                Some("PAID" | "UNDERPAID" | "PROCESSING" | "EXPIRED") => Cancelled::TooLate,
                status => Cancelled::Unknown { why: format!("status {status:?}") },
            },
            // The order itself may still be on its way there.
            Err(Unsaid::Refused { code }) if code == NO_SUCH_ORDER || answer.status == 404 => {
                Cancelled::Unknown { why: "the order is not known there".to_owned() }
            }
            Err(Unsaid::Refused { code }) if matches!(answer.status, 401 | 403) => {
                Cancelled::Unknown { why: format!("not allowed to ask: {code}") }
            }
            // What refuses is not in any public table; asking after the order tells [unverified].
            Err(Unsaid::Refused { .. }) => Cancelled::TooLate,
            Err(Unsaid::Unknown { why }) => Cancelled::Unknown { why },
        }
    }

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        let data = Envelope::read(callback.body)?.verified(&self.settings.checksum_key)?;
        report(&data, order_of(&data)?)
    }

    fn say(&self, verdict: Verdict) -> Said {
        let (status, desc) = match verdict {
            Verdict::Recorded
            | Verdict::Repeat
            | Verdict::Test
            | Verdict::UnknownOrder
            | Verdict::WrongAmount => (200, None),
            Verdict::BadSignature | Verdict::WrongMerchant => (401, Some("invalid signature")),
            Verdict::Malformed => (400, Some("not readable")),
            Verdict::OtherContent => (409, Some("reference known with other content")),
            Verdict::TryLater => (503, Some("try again later")),
        };
        let body = desc.map_or_else(
            || r#"{"success":true}"#.to_owned(),
            |desc| format!(r#"{{"success":false,"desc":"{desc}"}}"#),
        );
        Said { status, content_type: "application/json", body }
    }
}

/// Why there is no signed word.
enum Unsaid {
    Refused { code: String },
    Unknown { why: String },
}

impl Payos {
    /// The signed word about this order.
    fn hear<'a>(&self, order: &Order, answer: Answer<'a>) -> Result<Object<'a>, Unsaid> {
        let unknown = |why: String| Unsaid::Unknown { why };
        let status = answer.status;
        if matches!(status, 408 | 429 | 500..) {
            return Err(unknown(format!("HTTP {status}")));
        }
        let envelope =
            Envelope::read(answer.body).map_err(|e| unknown(format!("HTTP {status}: {e}")))?;
        match (envelope.code.as_str(), status) {
            ("00", 200..=299) => {}
            ("00" | "", _) => return Err(unknown(format!("HTTP {status} without a code"))),
            (code, _) => return Err(Unsaid::Refused { code: code.to_owned() }),
        }
        let data =
            envelope.verified(&self.settings.checksum_key).map_err(|e| unknown(e.to_string()))?;
        if data.text("orderCode").as_deref() == Some(order.reference.as_str()) {
            Ok(data)
        } else {
            Err(unknown("the answer is about another order".to_owned()))
        }
    }
}

fn standing(order: &Order, data: &Object<'_>) -> Standing {
    let unknown = |why: String| Standing::Unknown { why };
    let Some(transactions) = data.objects("transactions") else {
        return unknown("transactions: a list of objects expected".to_owned());
    };
    // Whatever the order's status says, money that came in is money to be booked.
    let reports: Result<Vec<Report>, Unheard> = transactions
        .iter()
        .map(|transaction| report(transaction, Some(order.reference.clone())))
        .collect();
    match reports {
        Err(e) => return unknown(format!("a transaction is {e}")),
        Ok(reports) if !reports.is_empty() => return Standing::Collected(reports),
        Ok(_) => {}
    }
    let paid = data.filled("amountPaid");
    if paid.as_deref().is_some_and(|paid| paid != "0") {
        return unknown("paid, but no transaction is named".to_owned());
    }
    match data.filled("status").as_deref() {
        Some("PENDING" | "PROCESSING") => Standing::Waiting(Instruction {
            partner_order: data.filled("id"),
            ..Instruction::default()
        }),
        Some(code @ ("CANCELLED" | "EXPIRED" | "FAILED")) => {
            Standing::Failed { code: code.to_owned() }
        }
        status => unknown(format!("status {status:?} without a transaction")),
    }
}
