//! `plain`: a bank with no calls of its own.
//!
//! The payer transfers with the invoice's code in the memo; the bank tells what it collected by
//! posting to the signed settlements API. So there is nothing to create, to ask, or to hear here.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, Report, Said,
    SettingsError, Standing, Unheard, Verdict, settings,
};
use crate::vocabulary::codes::InvoiceCode;

/// For people.
pub const ABOUT: super::About = super::About {
    title: "Bank that reports by the signed API",
    callback: "POST /v1/settlements: RFC 9421 signature, RFC 9530 digest",
    report: "the same call, as a list",
    source: "this service's own API",
    verified: "signatures: two libraries of others sign and check them",
};

/// Nothing to set: an empty object, or nothing at all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// The dialect.
#[derive(Debug)]
pub struct Plain;

impl Plain {
    /// From settings: `{}` or nothing.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        if !settings_json.trim_ascii().is_empty() {
            let Settings {} = settings::read(settings_json, "no fields")?;
        }
        Ok(Self)
    }
}

impl Dialect for Plain {
    fn channel(&self) -> Channel {
        Channel::BankTransfer
    }

    fn reference(&self, code: &InvoiceCode, _now: DateTime<Utc>, random: u64) -> String {
        super::reference_of_code(code, random)
    }

    fn wants_orders(&self) -> bool {
        false
    }

    fn ask_create(&self, _order: &Order) -> Ask {
        Ask::Done(Instruction::default())
    }

    fn hear_create(&self, _order: &Order, _answer: Answer<'_>) -> Created {
        Created::Ready(Instruction::default())
    }

    fn ask_query(&self, _order: &Order, _now: DateTime<Utc>, _request: u64) -> Option<Call> {
        None
    }

    fn hear_query(&self, _order: &Order, _answer: Answer<'_>) -> Standing {
        Standing::Unknown { why: "this partner cannot be asked".to_owned() }
    }

    fn hear_callback(&self, _callback: &Callback<'_>) -> Result<Report, Unheard> {
        Err(Unheard::Malformed { why: "this partner reports to /v1/settlements".to_owned() })
    }

    fn say(&self, verdict: Verdict) -> Said {
        let status = match verdict {
            Verdict::Recorded
            | Verdict::Repeat
            | Verdict::UnknownOrder
            | Verdict::WrongAmount
            | Verdict::Test => 200,
            Verdict::BadSignature | Verdict::WrongMerchant => 401,
            Verdict::Malformed => 400,
            Verdict::OtherContent => 409,
            Verdict::TryLater => 503,
        };
        Said {
            status,
            content_type: "application/json",
            body: format!(r#"{{"verdict":"{verdict}"}}"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_nothing_to_set_nothing_to_call_and_nothing_to_hear() {
        for good in [&b"{}"[..], b"", b" \n"] {
            assert!(Plain::open(good).is_ok());
        }
        assert!(Plain::open(br#"{"api_key":"k"}"#).is_err());
        let callback = Callback { query: "", headers: &[], body: b"{}" };
        assert!(matches!(Plain.hear_callback(&callback), Err(Unheard::Malformed { .. })));
    }
}
