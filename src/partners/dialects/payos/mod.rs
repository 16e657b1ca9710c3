//! `payos`: a bank's collecting account with payment links, QR codes and webhooks.
//!
//! ```text
//! POST /v2/payment-requests              make a link: QR, checkout page, perhaps an account of its own
//! GET  /v2/payment-requests/{orderCode}  what became of it, with every transaction
//! POST /v2/payment-requests/{…}/cancel   take it back
//! POST /confirm-webhook                  name our address; they call it once to try it
//! ◀── POST webhook                       money came in, for a link or as a plain transfer
//! ```
//!
//! Every `data` object is signed with the checksum key: keys sorted, `key=value` joined by `&`.
//! Nothing outside of `data` is signed, so nothing outside of it is believed.
//!
//! The order's reference is payOS's `orderCode`: a number that a JavaScript client can hold exactly.
//! Money is known by the bank's `reference`. A plain transfer to the account comes with order code
//! 0 and no link; it is found by the invoice code in its memo.
//!
//! When our address is named, payOS sends an example. It is signed like money, so it is
//! reported like money, to an account that is not ours or for an order that is not there: a real
//! credit mistaken for an example would be worse.
//!
//! Not verified against payOS itself: the codes 101 (no such order) and 231 (order code taken), with
//! which code a paid order refuses to be cancelled, the times in the answer to a query, which account
//! it names where the order has one of its own, retries of webhooks.

mod calls;
mod dialect;
mod report;
pub mod signature;
mod wire;

use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};

/// For people.
pub const ABOUT: super::About = super::About {
    title: "VietQR transfer to a bank that speaks payOS",
    callback: "webhook: POST of JSON, HMAC-SHA256 over sorted data, for each credit",
    report: super::about::NO_PUBLIC_REPORT,
    source: "two official SDKs, documentation pages",
    verified: "vectors of both SDKs; the official client at the simulator, and on its webhooks",
};

/// What payOS gives a merchant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `https://api-merchant.payos.vn`
    pub base_url: String,
    /// Goes into the header `x-client-id`.
    pub client_id: Key,
    /// Goes into the header `x-api-key`.
    pub api_key: Key,
    /// Signs.
    pub checksum_key: Key,
}

/// The dialect.
#[derive(Debug)]
pub struct Payos {
    settings: Settings,
}

impl Payos {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "base_url, client_id, api_key, checksum_key";
        Self::new(settings::read(settings_json, fields)?)
    }

    /// From settings.
    pub fn new(mut settings: Settings) -> Result<Self, SettingsError> {
        settings.base_url = settings::address("base_url", &settings.base_url)?;
        settings::filled_key("client_id", &settings.client_id)?;
        settings::filled_key("api_key", &settings.api_key)?;
        settings::filled_key("checksum_key", &settings.checksum_key)?;
        Ok(Self { settings })
    }
}

#[cfg(test)]
mod tests;
