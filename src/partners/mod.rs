//! Banks and e-wallets: who they are, their accounts and keys, and the dialect each of them speaks.
//!
//! Who a partner is and which accounts it collects on comes from the registers. The settings of its
//! dialect (addresses, keys) are the partner's secret: configured from a file, sealed in the
//! database, opened in memory only.

pub mod call;
pub mod certification;
pub mod dialects;
pub mod exchange;
pub mod mask;
pub mod record;
pub mod register;
pub mod store;

use std::sync::Arc;

use chrono::NaiveDate;

use crate::text_enum;
use crate::vocabulary::money::Money;
use crate::vocabulary::network::Network;
use crate::vocabulary::origin::Origin;
use dialects::{Channel, Dialect};

/// What the registers say of a bank or wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerEntry {
    /// Its name in addresses, queues, keys and events.
    pub code: String,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// The dialect it speaks.
    pub dialect: String,
    /// So many calls a second, over all replicas.
    pub calls_per_second: u32,
    /// A partner that is not open is offered to nobody; what it collected is still taken in.
    pub open: bool,
    /// Origins, besides our own, under which the partner may see this service.
    pub seen_as: Vec<Origin>,
    /// Networks it calls us from; none means anywhere.
    pub called_from: Vec<Network>,
}

/// A bank or wallet, ready to be spoken to.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Its name in addresses, queues, keys and events.
    pub code: String,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// So many calls a second, over all replicas.
    pub calls_per_second: u32,
    /// A partner that is not open is offered to nobody; what it collected is still taken in.
    pub open: bool,
    /// Origins, besides our own, under which the partner may see this service.
    pub seen_as: Vec<Origin>,
    /// Networks it calls us from; none means anywhere.
    pub called_from: Vec<Network>,
    /// The name of its dialect.
    pub dialect_name: String,
    /// Its dialect with its settings; none while they are missing or do not open.
    pub dialect: Option<Arc<dyn Dialect>>,
}

impl Partner {
    /// How a payer pays here; none while the partner is not configured.
    pub fn channel(&self) -> Option<Channel> {
        self.dialect.as_ref().map(|dialect| dialect.channel())
    }

    /// Smallest and largest amount of one order, when the partner states them.
    pub fn limits(&self) -> Option<(Money, Money)> {
        self.dialect.as_ref().and_then(|dialect| dialect.limits())
    }

    /// Does it call us from there? An address that nobody can read is nobody's.
    pub fn calls_from(&self, address: &str) -> bool {
        let holds = |address| self.called_from.iter().any(|network| network.holds(address));
        self.called_from.is_empty() || address.parse().is_ok_and(holds)
    }

    /// Can a payer be offered this partner for this amount?
    pub fn takes(&self, amount: Money) -> bool {
        let within = |(least, most)| least <= amount && amount <= most;
        self.open && self.dialect.is_some() && self.limits().is_none_or(within)
    }
}

text_enum! {
    /// Whose word books the money of an account. Exactly one: what another source says is matched.
    pub enum SettlingSource ("settling source") {
        /// The partner's callback in its own dialect.
        Webhook = "webhook",
        /// The plain signed API.
        Api = "api",
        /// The account's statement.
        Statement = "statement",
        /// Two officers: money in suspense whose invoice they found. No account is settled by it.
        Officer = "officer",
    }
}

impl SettlingSource {
    /// What an account can be settled by.
    pub const OF_ACCOUNTS: [Self; 3] = [Self::Webhook, Self::Api, Self::Statement];
}

/// An account that collects, from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectingAccount {
    /// The partner that reports on it.
    pub partner: String,
    /// Account number; at a wallet the merchant's number.
    pub number: String,
    /// First day of this version.
    pub valid_from: NaiveDate,
    /// The bank's six digits at NAPAS; empty when this is no bank account.
    pub bin: String,
    /// Holder, as bank apps show it.
    pub holder: String,
    /// The agency it collects for; none means any.
    pub agency: Option<String>,
    /// Whose word books.
    pub settling_source: SettlingSource,
    /// From `valid_from` on it collects no more.
    pub closed: bool,
}
