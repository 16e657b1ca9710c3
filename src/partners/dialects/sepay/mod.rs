//! `sepay`: credits of a bank account, told by webhook.
//!
//! ```text
//! payer ──transfer with the invoice's code──▶ bank account ──▶ SePay ──POST webhook──▶ us
//! ```
//!
//! There is nothing to create and nothing to ask: the payer transfers to the collecting account of
//! the registers by the VietQR on the invoice, and what came in is told, up to seven times more when
//! we do not answer `{"success":true}` with a 2xx. Money is known by SePay's `id`. What leaves the
//! account is told by the same hook (`transferType` `out`): it is kept, answered, and booked nowhere.
//!
//! How a hook proves itself is chosen at SePay, hook by hook. Two of the four ways are taken for
//! money: an API key (`Authorization: Apikey …`), and an HMAC over timestamp and raw body. Without
//! any proof anybody could pay; and OAuth2 proves who fetched a token, not who wrote the body.
//!
//! Not verified against SePay itself: the text that the HMAC is made over (two public integrators
//! agree), and whether a repeat is signed anew. If it is not, the last repeats are older than what
//! is taken here, which is settable within five and ten minutes; what is missed then is booked from
//! the bank's statement.

mod callback;
pub mod form;

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use super::key::Key;
use super::{
    Answer, Ask, Call, Callback, Channel, Created, Dialect, Instruction, Order, Report, Said,
    SettingsError, Standing, Unheard, Verdict, settings,
};
use crate::vocabulary::codes::InvoiceCode;

/// A timestamp may be so old when nothing else is set.
const MINUTES: u8 = 10;

/// For people.
pub const ABOUT: super::About = super::About {
    title: "VietQR transfer to a bank account watched by SePay",
    callback: "webhook: POST of JSON, HMAC-SHA256 over time and body, or an API key",
    report: super::about::NO_PUBLIC_REPORT,
    source: "developer pages, two public integrators",
    verified: "checkout form: the official client; webhook: vectors of our own, its formula \
               unconfirmed",
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// `hmac` or `apikey`, as chosen for the hook at SePay.
    authentication: String,
    /// The secret of the HMAC, or the API key.
    secret: Key,
    /// Text, `5` to `10`.
    tolerance_minutes: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Hmac,
    ApiKey,
}

/// The dialect.
#[derive(Debug)]
pub struct Sepay {
    proof: Proof,
    secret: Key,
    tolerance: Duration,
}

impl Sepay {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "authentication, secret and perhaps tolerance_minutes";
        let settings: Settings = settings::read(settings_json, fields)?;
        settings::filled_key("secret", &settings.secret)?;
        let unfit = |why| SettingsError::Unfit { field: "authentication", why };
        let proof = match settings.authentication.as_str() {
            "hmac" => Proof::Hmac,
            "apikey" => Proof::ApiKey,
            "none" => {
                return Err(unfit(
                    "without authentication anybody could report money; choose hmac or apikey for \
                     this hook at SePay",
                ));
            }
            "oauth2" => {
                return Err(unfit(
                    "OAuth2 does not bind the body that reports money; choose hmac or apikey for \
                     this hook at SePay",
                ));
            }
            _ => return Err(unfit("hmac or apikey expected")),
        };
        let minutes = match settings.tolerance_minutes.as_deref() {
            None => MINUTES,
            Some(text) => {
                text.parse().ok().filter(|minutes| (5..=MINUTES).contains(minutes)).ok_or(
                    SettingsError::Unfit { field: "tolerance_minutes", why: "5 to 10 expected" },
                )?
            }
        };
        let tolerance = Duration::minutes(minutes.into());
        Ok(Self { proof, secret: settings.secret, tolerance })
    }
}

impl Dialect for Sepay {
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

    fn hear_callback(&self, callback: &Callback<'_>) -> Result<Report, Unheard> {
        self.verify(callback)?;
        callback::report(callback.body)
    }

    /// Only what is signed with a time has one.
    fn is_stale(&self, callback: &Callback<'_>, now: DateTime<Utc>) -> bool {
        self.proof == Proof::Hmac
            && callback::signed_at(callback).is_none_or(|at| (now - at).abs() > self.tolerance)
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
            body: format!(r#"{{"success":{}}}"#, status == 200),
        }
    }
}

#[cfg(test)]
mod tests;
