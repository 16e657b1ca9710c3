//! `viettel`: Viettel Money (ViettelPay), which asks us about a bill before it takes money for it.
//! Switched off until the partner confirms it.
//!
//! ```text
//! payment address ──▶ payer's browser or scanned code
//! ◀── POST form: bill question ── what is owed for this order? ──▶ JSON with a check sum
//! ◀── POST form: result ── it settles ──▶ JSON with a check sum
//! POST search_url: what became of it
//! ```
//!
//! A check sum is an HMAC-SHA1 over values with nothing between them, in byte order of their names.
//! That of the bill question covers the amount, which the question itself does not carry: it can be
//! checked only once the order is found, with the amount that we know.
//!
//! Read from three public code bases, so unverified, and settable where it matters: how the result is
//! signed (`result_hash`, `sha1` or `sha256`; the fields are those of a public verifier), which
//! payment statuses besides 1 (paid) mean that no money moved (`failed_statuses`, none when absent:
//! then a person looks), the word of the search (`search_command`), and that its answer has the
//! fields and the check sum of a result.
//!
//! Viettel repeats no result; the merchant searches. So orders are asked after while they are open.

mod bill;
pub mod checksum;
mod dialect;
mod result;

use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};

const VERSION: &str = "2.0";

/// For people.
pub const ABOUT: super::About = super::About {
    title: "Viettel Money",
    callback: "POST of a form, HMAC-SHA1 or SHA-256; before it, a question about the bill",
    report: super::about::NO_PUBLIC_REPORT,
    source: "three public code bases",
    verified: "vectors of our own from that code; the proof of a result is unsure",
};

/// What Viettel gives a merchant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    payment_url: String,
    search_url: String,
    merchant_code: String,
    access_code: Key,
    hash_key: Key,
    result_hash: Option<String>,
    failed_statuses: Option<String>,
    search_command: Option<String>,
    #[serde(default)]
    confirmed_by_partner: bool,
}

/// The hash of the result's check sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResultHash {
    Sha1,
    Sha256,
}

/// The dialect.
#[derive(Debug)]
pub struct Viettel {
    payment_url: String,
    search_url: String,
    merchant_code: String,
    access_code: Key,
    hash_key: Key,
    result_hash: ResultHash,
    failed_statuses: Vec<String>,
    search_command: String,
}

impl Viettel {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "payment_url, search_url, merchant_code, access_code, hash_key, perhaps \
                      result_hash, failed_statuses and search_command, and confirmed_by_partner \
                      (true)";
        let read: Settings = settings::read(settings_json, fields)?;
        let payment_url = settings::address("payment_url", &read.payment_url)?;
        let search_url = settings::address("search_url", &read.search_url)?;
        settings::filled("merchant_code", &read.merchant_code)?;
        settings::filled_key("access_code", &read.access_code)?;
        settings::filled_key("hash_key", &read.hash_key)?;
        let result_hash = match read.result_hash.as_deref() {
            None | Some("sha1") => ResultHash::Sha1,
            Some("sha256") => ResultHash::Sha256,
            Some(_) => {
                let why = "sha1 or sha256 expected";
                return Err(SettingsError::Unfit { field: "result_hash", why });
            }
        };
        let statuses = read.failed_statuses.unwrap_or_default();
        let failed_statuses: Vec<String> = statuses
            .split(',')
            .map(|status| status.trim().to_owned())
            .filter(|status| !status.is_empty())
            .collect();
        if failed_statuses.iter().any(|status| status == "1") {
            let why = "1 is paid and cannot mean that no money moved";
            return Err(SettingsError::Unfit { field: "failed_statuses", why });
        }
        if !read.confirmed_by_partner {
            return Err(SettingsError::Unconfirmed {
                what: "how Viettel signs the result of a payment (SHA-1 or SHA-256, over which \
                       fields) and what its search answers are not verified",
            });
        }
        Ok(Self {
            payment_url,
            search_url,
            merchant_code: read.merchant_code,
            access_code: read.access_code,
            hash_key: read.hash_key,
            result_hash,
            failed_statuses,
            search_command: read.search_command.unwrap_or_else(|| "TRANS_INQUIRY".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests;
