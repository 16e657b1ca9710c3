//! `vnpay`: VNPAY 2.1.0, a page the payer is sent to and comes back from.
//!
//! ```text
//! payment address ──▶ payer's browser ──▶ return (proves nothing)
//!                                    ◀── IPN: GET with a signed query; it settles
//! POST api: querydr (what became of it), refund
//! ```
//!
//! Amounts travel times 100. Dates are Vietnamese wall-clock time, and merchants' and gateways'
//! clocks are known to be off: a date refuses nothing.
//!
//! **Which money.** Money is known by `vnp_TransactionNo`, and only a report of collected money has
//! it as its id: the same number may first be reported as suspicious (07) and later as collected,
//! and the first must not stand in the way of the second. The others are `{TxnRef}:failed:{code}`
//! and `{TxnRef}:unknown:{code}`.
//!
//! **Which answer.** VNPAY's table has no row for another merchant's message: it is answered like
//! a wrong signature (97), since it was not signed for us. Nor for a number known with other
//! content: 99, so that it comes again while a person looks.
//!
//! The IPN's address is registered with VNPAY; it is not in the payment address.

mod callback;
pub mod codes;
mod dialect;
mod query;
mod refund;
pub mod signature;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;

use super::key::Key;
use super::{SettingsError, settings};
use crate::vocabulary::day;
use crate::vocabulary::money::{Currency, Money};

const VERSION: &str = "2.1.0";
/// `vnp_IpAddr` of our own calls: VNPAY wants one and the server does not know how it is seen.
const SERVER_IP: &str = "127.0.0.1";

/// For people.
pub const ABOUT: super::About = super::About {
    title: "VNPAY gateway",
    callback: "IPN: GET, HMAC-SHA512 over the sorted query, after success and failure",
    report: super::about::NO_PUBLIC_REPORT,
    source: "official pages 2.1.0, two libraries",
    verified: "vectors of both libraries; another's client at the simulator, and on its IPN and \
               return",
};

/// What VNPAY gives a merchant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `https://…/paymentv2/vpcpay.html`
    pub payment_url: String,
    /// `https://…/merchant_webapi/api/transaction`
    pub api_url: String,
    /// The merchant's code.
    pub tmn_code: String,
    /// Signs.
    pub hash_secret: Key,
}

/// The dialect.
#[derive(Debug)]
pub struct Vnpay {
    settings: Settings,
}

impl Vnpay {
    /// From settings in JSON.
    pub fn open(settings_json: &[u8]) -> Result<Self, SettingsError> {
        let fields = "payment_url, api_url, tmn_code, hash_secret";
        Self::new(settings::read(settings_json, fields)?)
    }

    /// From settings.
    pub fn new(mut settings: Settings) -> Result<Self, SettingsError> {
        settings.payment_url = settings::address("payment_url", &settings.payment_url)?;
        settings.api_url = settings::address("api_url", &settings.api_url)?;
        settings::filled("tmn_code", &settings.tmn_code)?;
        settings::filled_key("hash_secret", &settings.hash_secret)?;
        Ok(Self { settings })
    }
}

/// `yyyyMMddHHmmss` in Việt Nam.
fn date(at: DateTime<Utc>) -> String {
    day::to_local(at).format("%Y%m%d%H%M%S").to_string()
}

fn read_date(text: &str) -> Option<DateTime<Utc>> {
    // The length first: chrono also reads years that no database can hold.
    let plain = text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit());
    let read = || NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").ok();
    plain.then(read).flatten().map(day::from_local)
}

/// Đồng times 100.
fn hundredfold(amount: Money) -> String {
    format!("{}00", amount.minor_units())
}

fn read_hundredfold(text: &str) -> Option<Money> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let dong = text.strip_suffix("00").filter(|_| digits).filter(|dong| !dong.is_empty());
    dong.or_else(|| (text == "0").then_some("0"))
        .and_then(|dong| Money::parse(dong, Currency::Vnd).ok())
}

/// The texts VNPAY takes: plain letters, digits and few signs, at most 255.
fn plain(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || " .,:_-".contains(*c);
    text.chars().filter(allowed).take(255).collect()
}

/// A transaction number; `0` is none.
fn transaction_no(text: &str) -> Option<&str> {
    (!text.bytes().all(|b| b == b'0')).then_some(text)
}

#[cfg(test)]
mod tests;
