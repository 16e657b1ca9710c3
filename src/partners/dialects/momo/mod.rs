//! `momo`: the MoMo wallet, gateway API v2: a page or app the payer is sent to and comes back from.
//!
//! ```text
//! POST /v2/gateway/api/create  make an order; its payUrl is where the payer goes
//!                          ──▶ payer's browser or app ──▶ redirect (proves nothing)
//!                          ◀── IPN: POST of signed JSON; it settles
//! POST /v2/gateway/api/query   what became of it
//! POST /v2/gateway/api/refund  give back the whole or a part
//! ```
//!
//! Signed is `key=value` joined by `&`, the keys in alphabetical order, the values as they are.
//! Answers are not signed: they are believed for the connection they come over, and only when they
//! name our merchant and our order.
//!
//! **Asked twice.** MoMo knows a call by its `requestId` for 31 days and answers a repeat with the
//! first result. So an order and a refund have one `requestId`, their reference, and a repeat of
//! either makes nothing new; each question has an id of its own, or it would be answered with what
//! was true before. While the first is under way a repeat gets HTTP 422 with code 7000, later code
//! 40: both say nothing of what becomes of it, and it is asked after.
//!
//! **Which money.** Money is known by `transId`, and only a report of collected money has it as its
//! id: for an unpaid order `transId` is 0 or looks like a time. The others are
//! `{orderId}:failed:{code}` and `{orderId}:unknown:{code}`. Orders are captured at once, so 9000
//! (authorised) is money like 0.
//!
//! **Which answer.** MoMo has no words for errors, only HTTP: 204 without a body is "recorded"
//! (also with another amount: the difference is ours to look into), 400 a wrong signature, 404 an
//! unknown order. For a number known with other content there is no row: 409, so that it comes
//! again while a person looks.
//!
//! Not verified against MoMo itself, and therefore settings: whether the codes without a flag in
//! the table end an order (`also_final`), or one with the flag does not (`also_pending`); that
//! payers are sent to the host of the API (`page_url`). Not verified and not ours to set: when an
//! IPN is repeated, how long a page lives (15 minutes are assumed; money that comes later is taken
//! all the same), the elements of `refundTrans` (`orderId`, `resultCode`, `transId`), and that
//! code 1080 leaves a refund open: until a refund is named there, nothing is said of it.

mod calls;
pub mod codes;
mod dialect;
mod refund;
mod report;
pub mod signature;

use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};
use crate::vocabulary::money::Money;
use codes::{Finality, finality};

/// Smallest amount of an order and of a refund, in đồng.
pub const LEAST: u64 = 1_000;
/// Largest amount of an order and of a refund, in đồng.
pub const MOST: u64 = 50_000_000;

/// For people.
pub const ABOUT: super::About = super::About {
    title: "MoMo wallet",
    callback: "IPN: POST of JSON, HMAC-SHA256 over 13 fields, after success and failure",
    report: super::about::NO_PUBLIC_REPORT,
    source: "developer pages v3, official Java SDK",
    verified: "create, refund: vectors of the SDK, and another's client at the simulator; query: \
               vectors; IPN: pages and an official sample agree",
};

/// What MoMo gives a merchant, and what is agreed with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `https://payment.momo.vn`
    pub base_url: String,
    /// The merchant's code.
    pub partner_code: String,
    /// Stands in every signed text.
    pub access_key: Key,
    /// Signs.
    pub secret_key: Key,
    /// Where payers are sent to; the host of the API when it is left out.
    #[serde(default)]
    pub page_url: String,
    /// `captureWallet`, or `payWithMethod` for a page with cards as well.
    #[serde(default = "capture_wallet")]
    pub request_type: String,
    /// Result codes, joined by commas, that end an order although the table does not say so.
    #[serde(default)]
    pub also_final: String,
    /// Result codes, joined by commas, that do not end an order although the table says so.
    #[serde(default)]
    pub also_pending: String,
}

fn capture_wallet() -> String {
    "captureWallet".to_owned()
}

/// The dialect.
#[derive(Debug)]
pub struct Momo {
    settings: Settings,
    also_final: Vec<String>,
    also_pending: Vec<String>,
}

impl Momo {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "base_url, partner_code, access_key, secret_key (and, if need be, page_url, \
                      request_type, also_final, also_pending)";
        Self::new(settings::read(settings_json, fields)?)
    }

    /// From settings.
    pub fn new(mut settings: Settings) -> Result<Self, SettingsError> {
        settings.base_url = settings::address("base_url", &settings.base_url)?;
        if settings.page_url.is_empty() {
            settings.page_url.clone_from(&settings.base_url);
        }
        settings.page_url = settings::address("page_url", &settings.page_url)?;
        settings::filled("partner_code", &settings.partner_code)?;
        settings::filled("request_type", &settings.request_type)?;
        settings::filled_key("access_key", &settings.access_key)?;
        settings::filled_key("secret_key", &settings.secret_key)?;
        let also_final = settings::codes(&settings.also_final);
        let also_pending = settings::codes(&settings.also_pending);
        Ok(Self { settings, also_final, also_pending })
    }

    /// Does this code end an order or a refund?
    fn finality(&self, code: &str) -> Finality {
        let is_in = |list: &[String]| list.iter().any(|known| known == code);
        match finality(code) {
            _ if is_in(&self.also_pending) => Finality::Pending,
            Finality::NotSaid if is_in(&self.also_final) => Finality::Final,
            said => said,
        }
    }
}

fn takes(amount: Money) -> bool {
    Money::vnd(LEAST) <= amount && amount <= Money::vnd(MOST)
}

#[cfg(test)]
mod tests;
