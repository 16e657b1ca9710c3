//! `test`: the bank of the sandbox, which makes its money up. It lives in this process: nothing is
//! called, and what it says of an order follows from the order's amount and age alone, so that a
//! maker of portals can try every outcome without a bank. It is spoken to in the sandbox alone.
//!
//! The last two digits of the amount choose what happens ([`Outcome`]); the last two digits of a
//! refund's amount choose what becomes of the refund ([`Giving`]).

mod magic;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Deserialize;

use super::{
    Answer, Ask, Call, Callback, Cancelled, Channel, Created, Dialect, Instruction, NO_CALL, Order,
    RefundOrder, Refunding, Report, Said, SettingsError, Standing, Subject, Unheard, Verdict,
    settings,
};
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;

pub use magic::{Giving, Outcome};

/// A payer takes so long.
const PAYER_TAKES: Duration = Duration::seconds(2);
/// The bank cannot say anything for so long.
const IN_THE_DARK: Duration = Duration::seconds(20);

/// For people.
pub const ABOUT: super::About = super::About {
    title: "The sandbox's own bank",
    callback: "none: nothing is called",
    report: "none",
    source: "made up; docs/api.md, magic amounts",
    verified: "by this service's own tests",
};

/// Nothing to set: an empty object, or nothing at all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// The dialect.
#[derive(Debug)]
pub struct TestBank;

impl TestBank {
    /// From settings: `{}` or nothing.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        if !settings_json.trim_ascii().is_empty() {
            let Settings {} = settings::read(settings_json, "no fields")?;
        }
        Ok(Self)
    }
}

/// A question that is its own answer: the time at which it was asked.
fn asked_at(now: DateTime<Utc>) -> Call {
    Call {
        method: NO_CALL,
        url: String::new(),
        headers: Vec::new(),
        body: now.to_rfc3339_opts(SecondsFormat::Nanos, true).into_bytes(),
        subject: Subject::default(),
    }
}

fn time_of(answer: Answer<'_>) -> Option<DateTime<Utc>> {
    std::str::from_utf8(answer.body).ok()?.parse().ok()
}

fn dark() -> Standing {
    Standing::Unknown { why: "the test bank cannot say".to_owned() }
}

/// One transaction of an order; `part` tells several apart.
fn credit(order: &Order, part: &str, amount: Money) -> Report {
    Report {
        transaction_id: format!("TEST-{}{part}", order.reference),
        reference: Some(order.reference.clone()),
        account: None,
        amount,
        memo: order.code.to_string(),
        value_time: None,
        outcome: super::Outcome::Collected,
        counter_account: None,
    }
}

/// So much and a thousand more or less; at least one đồng.
fn changed(amount: Money, more: bool) -> Money {
    let thousand = Money::vnd(1000);
    let sum = if more { amount.checked_add(thousand) } else { amount.checked_sub(thousand) };
    sum.ok().filter(|sum| !sum.is_zero()).unwrap_or_else(|| Money::vnd(1))
}

impl TestBank {
    /// What the bank knows of an order at a time.
    pub fn standing(order: &Order, now: DateTime<Utc>) -> Standing {
        let age = now - order.created_at;
        let whole = || credit(order, "", order.amount);
        let ended = now >= order.expires_at;
        match Outcome::of(order.amount) {
            Outcome::Late if ended => Standing::Collected(vec![whole()]),
            Outcome::Never | Outcome::Late => Standing::Waiting(Instruction::default()),
            _ if age < PAYER_TAKES => Standing::Waiting(Instruction::default()),
            Outcome::UnknownThenPaid | Outcome::UnknownThenFailed if age < IN_THE_DARK => dark(),
            Outcome::Paid | Outcome::UnknownThenPaid => Standing::Collected(vec![whole()]),
            Outcome::Cancelled => Standing::Failed { code: "24".to_owned() },
            Outcome::UnknownThenFailed => Standing::Failed { code: "99".to_owned() },
            Outcome::Twice => Standing::Collected(vec![whole(), credit(order, "-2", order.amount)]),
            Outcome::TooLittle => {
                Standing::Collected(vec![credit(order, "", changed(order.amount, false))])
            }
            Outcome::TooMuch => {
                Standing::Collected(vec![credit(order, "", changed(order.amount, true))])
            }
            Outcome::InTwoParts => {
                let first = changed(order.amount, false);
                let rest = order.amount.checked_sub(first).ok().filter(|rest| !rest.is_zero());
                let mut reports = vec![credit(order, "", first)];
                reports.extend(rest.map(|rest| credit(order, "-2", rest)));
                Standing::Collected(reports)
            }
            // It was never taken.
            Outcome::Refused => Standing::NotFound,
        }
    }
}

impl Dialect for TestBank {
    fn channel(&self) -> Channel {
        Channel::BankTransfer
    }

    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        super::reference_of_code(code, random)
    }

    fn ask_create(&self, order: &Order) -> Ask {
        Ask::Call(asked_at(order.created_at))
    }

    fn hear_create(&self, order: &Order, _answer: Answer<'_>) -> Created {
        if Outcome::of(order.amount) == Outcome::Refused {
            return Created::Refused { code: "05".to_owned() };
        }
        // An order of its own at the bank: it is taken back when the invoice ends.
        let partner_order = Some(format!("TEST-{}", order.reference));
        Created::Ready(Instruction { partner_order, ..Instruction::default() })
    }

    fn ask_query(&self, _order: &Order, now: DateTime<Utc>, _request: u64) -> Option<Call> {
        Some(asked_at(now))
    }

    fn hear_query(&self, order: &Order, answer: Answer<'_>) -> Standing {
        time_of(answer).map_or_else(dark, |now| Self::standing(order, now))
    }

    fn polls_every(&self) -> Option<Duration> {
        Some(PAYER_TAKES)
    }

    fn ask_cancel(&self, order: &Order) -> Option<Call> {
        Some(asked_at(order.created_at))
    }

    fn hear_cancel(&self, order: &Order, _answer: Answer<'_>) -> Cancelled {
        // The payer was faster: the bank is asked what it collected.
        match Outcome::of(order.amount) {
            Outcome::Late => Cancelled::TooLate,
            _ => Cancelled::Done,
        }
    }

    fn ask_refund(&self, refund: &RefundOrder) -> Option<Call> {
        Some(asked_at(refund.created_at))
    }

    fn hear_refund(&self, refund: &RefundOrder, _answer: Answer<'_>) -> Refunding {
        match Giving::of(refund.amount) {
            Giving::AtOnce => Refunding::Confirmed { partner_refund: Some(given(refund)) },
            Giving::Later => Refunding::Processing,
            Giving::Refused => Refunding::Refused { code: "05".to_owned() },
        }
    }

    fn ask_refund_query(
        &self,
        _refund: &RefundOrder,
        now: DateTime<Utc>,
        _request: u64,
    ) -> Option<Call> {
        Some(asked_at(now))
    }

    fn hear_refund_query(&self, refund: &RefundOrder, answer: Answer<'_>) -> Refunding {
        match (Giving::of(refund.amount), time_of(answer)) {
            (Giving::Refused, _) => Refunding::Refused { code: "05".to_owned() },
            (Giving::Later, Some(now)) if now - refund.created_at < IN_THE_DARK => {
                Refunding::Processing
            }
            (_, Some(_)) => Refunding::Confirmed { partner_refund: Some(given(refund)) },
            (_, None) => Refunding::Processing,
        }
    }

    fn hear_callback(&self, _callback: &Callback<'_>) -> Result<Report, Unheard> {
        Err(Unheard::Malformed { why: "the test bank calls nobody back".to_owned() })
    }

    fn say(&self, verdict: Verdict) -> Said {
        Said {
            status: 400,
            content_type: "application/json",
            body: format!(r#"{{"verdict":"{verdict}"}}"#),
        }
    }
}

fn given(refund: &RefundOrder) -> String {
    format!("TEST-{}", refund.reference)
}

#[cfg(test)]
mod tests;
