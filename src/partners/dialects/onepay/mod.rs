//! `onepay`: OnePay `vpc_*` version 2, a page the payer is sent to and comes back from. Switched off
//! until the partner confirms it.
//!
//! ```text
//! payment address ──▶ payer's browser ──▶ return (proves nothing)
//!                                    ◀── IPN: GET or POST with signed fields; it settles
//! POST query_url: queryDR (what became of it)
//! ```
//!
//! Amounts travel times 100. `vpc_TxnResponseCode` is a word, never a number: card schemes have
//! letters. Only `0` collects; only the codes of the domestic table and `99` (cancelled) fail; all
//! others, `300` (pending), `253` (time-out) and the letters among them, are unknown.
//!
//! Known from one library of 2018 and from public integrators, so unverified, and settable where it
//! matters: the address of the page (`payment_url`; three are seen), whether the IPN's address is
//! registered with OnePay or sent as `vpc_CallbackURL` (`callback`), the address and fields of queryDR
//! (`query_url`; without it nobody is asked).

mod dialect;
mod report;
pub mod signature;

use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};
use signature::HexKey;

/// For people.
pub const ABOUT: super::About = super::About {
    title: "OnePay",
    callback: "IPN: GET or POST, HMAC-SHA256 over sorted vpc_ fields",
    report: super::about::NO_PUBLIC_REPORT,
    source: "a client library of 2018, public integrators",
    verified: "signatures: that library makes and checks them; queryDR unverified",
};

/// What OnePay gives a merchant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    payment_url: String,
    query_url: Option<String>,
    merchant: String,
    access_code: String,
    /// Hex; its bytes sign.
    secure_secret: Key,
    /// `registered` (the default) or `sent`.
    callback: Option<String>,
    #[serde(default)]
    confirmed_by_partner: bool,
}

/// The dialect.
#[derive(Debug)]
pub struct Onepay {
    payment_url: String,
    query_url: Option<String>,
    merchant: String,
    access_code: String,
    key: HexKey,
    sends_callback: bool,
}

impl Onepay {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "payment_url, merchant, access_code, secure_secret, perhaps query_url and \
                      callback, and confirmed_by_partner (true)";
        let read: Settings = settings::read(settings_json, fields)?;
        let payment_url = settings::address("payment_url", &read.payment_url)?;
        let query_url = read.query_url.as_deref().map(|url| settings::address("query_url", url));
        settings::filled("merchant", &read.merchant)?;
        settings::filled("access_code", &read.access_code)?;
        settings::filled_key("secure_secret", &read.secure_secret)?;
        let key = HexKey::read(&read.secure_secret).ok_or(SettingsError::Unfit {
            field: "secure_secret",
            why: "an even number of hex digits expected",
        })?;
        let sends_callback = match read.callback.as_deref() {
            None | Some("registered") => false,
            Some("sent") => true,
            Some(_) => {
                let why = "registered or sent expected";
                return Err(SettingsError::Unfit { field: "callback", why });
            }
        };
        if !read.confirmed_by_partner {
            return Err(SettingsError::Unconfirmed {
                what: "the address of OnePay's page, how it is told where to call back, and the \
                       fields of queryDR are known from integrators only",
            });
        }
        Ok(Self {
            payment_url,
            query_url: query_url.transpose()?,
            merchant: read.merchant,
            access_code: read.access_code,
            key,
            sends_callback,
        })
    }
}

#[cfg(test)]
mod tests;
