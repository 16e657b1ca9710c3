//! `keypay`: KeyPay in the manner of the National Public Service Portal, message version 3.0.
//! Switched off until the partner confirms it.
//!
//! ```text
//! POST create_url: make the order known ──▶ the address of its page
//! POST detail_url: what became of it
//! ◀── POST callback, answered {"return_code": 0 | -1, "return_msg"}
//! ```
//!
//! Read from public code, and only what is signed is known from it: a check sum, HMAC-SHA256 over
//! values joined by `|`. How a callback proves itself is not known at all, so none is believed; the
//! order is asked after instead, every half minute while a payer may pay.
//!
//! Settable, because unverified: the names of the fields in the answers (`pay_url_field`,
//! `status_field`, `transaction_field`, `amount_field`), which status is paid (`paid_status`) and
//! which ones mean that no money moved (`failed_statuses`). No answer has a check sum that is known:
//! it is believed for coming over the connection that we opened, as long as it names this order and
//! its amount.

pub mod checksum;
mod dialect;

use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};

/// For people.
pub const ABOUT: super::About = super::About {
    title: "KeyPay (National Public Service Portal)",
    callback: "none is believed: how it proves itself is unknown",
    report: super::about::NO_PUBLIC_REPORT,
    source: "public code of one-stop dossier systems",
    verified: "check sums of requests: vectors; nothing else is known",
};

/// What KeyPay gives a merchant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    create_url: String,
    detail_url: String,
    client_id: String,
    hash_key_1: Key,
    pay_url_field: String,
    status_field: String,
    transaction_field: String,
    amount_field: String,
    paid_status: String,
    /// Joined by commas.
    failed_statuses: Option<String>,
    #[serde(default)]
    confirmed_by_partner: bool,
}

/// The dialect.
#[derive(Debug)]
pub struct Keypay {
    settings: Settings,
}

impl Keypay {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "create_url, detail_url, client_id, hash_key_1, pay_url_field, status_field, \
                      transaction_field, amount_field, paid_status, perhaps failed_statuses, and \
                      confirmed_by_partner (true)";
        let mut read: Settings = settings::read(settings_json, fields)?;
        read.create_url = settings::address("create_url", &read.create_url)?;
        read.detail_url = settings::address("detail_url", &read.detail_url)?;
        settings::filled_key("hash_key_1", &read.hash_key_1)?;
        for (field, text) in [
            ("client_id", &read.client_id),
            ("pay_url_field", &read.pay_url_field),
            ("status_field", &read.status_field),
            ("transaction_field", &read.transaction_field),
            ("amount_field", &read.amount_field),
            ("paid_status", &read.paid_status),
        ] {
            settings::filled(field, text)?;
        }
        if read.failed_statuses().any(|status| status == read.paid_status) {
            let why = "the paid status cannot mean that no money moved";
            return Err(SettingsError::Unfit { field: "failed_statuses", why });
        }
        if !read.confirmed_by_partner {
            return Err(SettingsError::Unconfirmed {
                what: "of KeyPay only the check sums of two calls are known; the addresses, the \
                       form of its answers and how its callback proves itself are not verified",
            });
        }
        Ok(Self { settings: read })
    }
}

impl Settings {
    fn failed_statuses(&self) -> impl Iterator<Item = &str> {
        let statuses = self.failed_statuses.as_deref().unwrap_or_default();
        statuses.split(',').map(str::trim).filter(|status| !status.is_empty())
    }
}

#[cfg(test)]
mod tests;
