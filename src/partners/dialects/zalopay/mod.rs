//! `zalopay`: the ZaloPay wallet, API v2: a page or app the payer is sent to.
//!
//! ```text
//! POST /v2/create        make an order; its order_url is where the payer goes
//!                    ◀── callback: POST of a text and its mac, after success only; it settles
//! POST /v2/query         what became of it: to be asked until it is known
//! POST /v2/refund        give back the whole or a part: taken first, done later
//! POST /v2/query_refund  what became of that
//! ```
//!
//! Signed are values joined by `|`, with key1. A callback carries its data as one text, which is
//! signed with key2 as it stands, blanks included: it is verified first and read afterwards.
//! Answers are not signed and do not name the order: they are believed for the connection alone.
//!
//! **What it is called.** An order's `app_trans_id` and a refund's `m_refund_id` begin with the
//! day in Việt Nam on which they are made, as `yymmdd_`. An order made just before midnight and sent
//! just after is refused as such, and the payer chooses again.
//!
//! **Which money.** Money is known by `zp_trans_id`. `amount` is what the order said; what the payer
//! paid on top (`user_fee_amount`) or was spared (`discount_amount`) is between payer and wallet.
//!
//! **What is not told.** Only success is told, so an order is asked after while it lives
//! (`poll_seconds`) and once more when its time is over. A "no" with one of the codes of the call
//! itself (bad mac, bad argument, maintenance, system) says nothing of the order.
//!
//! **Which answer.** 1 recorded, 2 recorded before, -1 a wrong mac; everything else is 0, for which
//! ZaloPay calls again. The table has no row for another merchant's message: it is answered like a
//! wrong mac, since it was not signed for us.
//!
//! Not verified against ZaloPay itself, and therefore settings: the code of an unknown order or
//! refund (`not_found_codes`), the page's address (`page_url`), how often to ask (`poll_seconds`),
//! a bank code to begin with (`bank_code`), the name given for every payer (`app_user`). What the
//! payer's browser brings back is not specified, so it is sent to the invoice's own page.
//! Not verified and not ours to set: when a callback is repeated, and that a repeated
//! `m_refund_id` is answered with -68 like a repeated order.

mod calls;
pub mod codes;
mod dialect;
mod refund;
mod report;
pub mod signature;

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};
use crate::vocabulary::day;

/// For people.
pub const ABOUT: super::About = super::About {
    title: "ZaloPay wallet",
    callback: "POST of a text and its HMAC-SHA256, after success only",
    report: super::about::NO_PUBLIC_REPORT,
    source: "documentation pages, OpenAPI file, official Node SDK",
    verified: "vectors of the SDK; the published sample of a callback",
};

/// What ZaloPay gives a merchant, and what is agreed with it. All of it is text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `https://openapi.zalopay.vn`
    pub base_url: String,
    /// An address on the page that payers are sent to.
    pub page_url: String,
    /// The merchant's number.
    pub app_id: String,
    /// Signs our calls.
    pub key1: Key,
    /// Signs callbacks.
    pub key2: Key,
    /// What every payer is called at ZaloPay: no name leaves this service.
    #[serde(default = "app_user")]
    pub app_user: String,
    /// The way to pay that the page begins with; empty leaves the choice to the payer.
    #[serde(default)]
    pub bank_code: String,
    /// Seconds between two questions while an order lives.
    #[serde(default = "poll_seconds")]
    pub poll_seconds: String,
    /// Codes, joined by commas, for an order or refund that is not known.
    #[serde(default = "not_found_codes")]
    pub not_found_codes: String,
}

fn app_user() -> String {
    "nguoi-nop".to_owned()
}

fn poll_seconds() -> String {
    "60".to_owned()
}

fn not_found_codes() -> String {
    "-101".to_owned()
}

/// The dialect.
#[derive(Debug)]
pub struct Zalopay {
    settings: Settings,
    app_id: u64,
    poll: Duration,
    not_found: Vec<String>,
}

impl Zalopay {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "base_url, page_url, app_id, key1, key2 (and, if need be, app_user, \
                      bank_code, poll_seconds, not_found_codes)";
        Self::new(settings::read(settings_json, fields)?)
    }

    /// From settings.
    pub fn new(mut settings: Settings) -> Result<Self, SettingsError> {
        settings.base_url = settings::address("base_url", &settings.base_url)?;
        settings.page_url = settings::address("page_url", &settings.page_url)?;
        settings::filled_key("key1", &settings.key1)?;
        settings::filled_key("key2", &settings.key2)?;
        settings::filled("app_user", &settings.app_user)?;
        let app_id = settings::number("app_id", &settings.app_id, (1, 9_999_999_999))?;
        let poll = settings::number("poll_seconds", &settings.poll_seconds, (1, 900))?;
        let poll = Duration::seconds(i64::try_from(poll).unwrap_or(60));
        let not_found = settings::codes(&settings.not_found_codes);
        Ok(Self { settings, app_id, poll, not_found })
    }

    fn is_not_found(&self, code: &str) -> bool {
        self.not_found.iter().any(|known| known == code)
    }
}

/// `yymmdd` in Việt Nam.
fn day(at: DateTime<Utc>) -> String {
    day::to_local(at).format("%y%m%d").to_string()
}

#[cfg(test)]
mod tests;
