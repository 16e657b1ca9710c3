//! Everything that requests look up, as one snapshot in memory: who calls, what it costs, who
//! collects. A snapshot never changes; [`super::live`] puts a new one in its place.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::caller::{Caller, CallerKey};
use super::entries::{Agency, Entries, FeeLine, Holiday, Procedure, TreasuryAccount};
use super::versions::Versions;
use crate::partners::{CollectingAccount, Partner};
use crate::portals::Portal;
use crate::portals::endpoint::Endpoint;
use crate::vocabulary::calendar::Calendar;
use crate::vocabulary::day::BusinessDay;

/// The registers, keys and endpoints as they were at one version.
#[derive(Debug, Default)]
pub struct Directory {
    version: i64,
    agencies: Versions<Agency>,
    treasury_accounts: Versions<TreasuryAccount>,
    procedures: Versions<Procedure>,
    fee_lines: Versions<FeeLine>,
    portals: HashMap<String, Portal>,
    partners: Vec<Arc<Partner>>,
    collecting_accounts: Versions<CollectingAccount>,
    holidays: Versions<Holiday>,
    keys: HashMap<String, CallerKey>,
    endpoints: HashMap<String, Vec<Endpoint>>,
}

/// What a directory holds besides the entries of the registers.
#[derive(Debug, Default)]
pub struct Opened {
    /// Partners with their dialects.
    pub partners: Vec<Partner>,
    /// Living keys.
    pub keys: Vec<CallerKey>,
    /// Open endpoints.
    pub endpoints: Vec<Endpoint>,
}

impl Directory {
    /// Arranges what was read at a version. `entries.partners` is not used: `opened` has them.
    pub fn new(version: i64, entries: Entries, opened: Opened) -> Self {
        let mut endpoints: HashMap<String, Vec<Endpoint>> = HashMap::new();
        for endpoint in opened.endpoints {
            endpoints.entry(endpoint.portal.clone()).or_default().push(endpoint);
        }
        let mut partners: Vec<_> = opened.partners.into_iter().map(Arc::new).collect();
        partners.sort_by(|a, b| a.code.cmp(&b.code));
        let portals = entries.portals.into_iter().map(|portal| (portal.code.clone(), portal));
        let keys = opened.keys.into_iter().map(|key| (key.key_id.clone(), key));
        Self {
            version,
            agencies: Versions::new(entries.agencies),
            treasury_accounts: Versions::new(entries.treasury_accounts),
            procedures: Versions::new(entries.procedures),
            fee_lines: Versions::new(entries.fee_lines),
            portals: portals.collect(),
            partners,
            collecting_accounts: Versions::new(entries.collecting_accounts),
            holidays: Versions::new(entries.holidays),
            keys: keys.collect(),
            endpoints,
        }
    }

    /// The number of the last change that is in here.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The agency of that code on a day.
    pub fn agency(&self, code: &str, day: BusinessDay) -> Option<&Agency> {
        self.agencies.on(code, day.0).next()
    }

    /// The treasury accounts of an agency on a day, by number.
    pub fn treasury_accounts(&self, agency: &str, day: BusinessDay) -> Vec<&TreasuryAccount> {
        self.treasury_accounts.on(agency, day.0).collect()
    }

    /// The agency whose treasury account has that number on a day. None also when two agencies say
    /// that it is theirs: whose money would it be?
    pub fn agency_of_treasury_account(&self, number: &str, day: BusinessDay) -> Option<&str> {
        let mut owners = self.treasury_accounts.all_on(day.0).filter(|a| a.number == number);
        let owner = owners.next()?;
        owners.all(|other| other.agency == owner.agency).then_some(owner.agency.as_str())
    }

    /// The procedure of that code on a day.
    pub fn procedure(&self, code: &str, day: BusinessDay) -> Option<&Procedure> {
        self.procedures.on(code, day.0).next()
    }

    /// The tariff of a procedure on a day, by line; empty when none is in force.
    pub fn fee_lines(&self, procedure: &str, day: BusinessDay) -> Vec<&FeeLine> {
        self.fee_lines.on(procedure, day.0).collect()
    }

    /// A portal, open or not.
    pub fn portal(&self, code: &str) -> Option<&Portal> {
        self.portals.get(code)
    }

    /// A partner, open or not.
    pub fn partner(&self, code: &str) -> Option<&Arc<Partner>> {
        let place = self.partners.binary_search_by(|partner| partner.code.as_str().cmp(code));
        place.ok().and_then(|place| self.partners.get(place))
    }

    /// Every partner, open or not, by code.
    pub fn partners(&self) -> &[Arc<Partner>] {
        &self.partners
    }

    /// The accounts that a partner collects on, on a day, by number.
    pub fn collecting_accounts(&self, partner: &str, day: BusinessDay) -> Vec<&CollectingAccount> {
        self.collecting_accounts.on(partner, day.0).collect()
    }

    /// The account that a partner collects an agency's money on: its own, else one for any agency;
    /// of several the one with the smallest number, so that every replica says the same.
    pub fn account_for(
        &self,
        partner: &str,
        agency: &str,
        day: BusinessDay,
    ) -> Option<&CollectingAccount> {
        let accounts = || self.collecting_accounts.on(partner, day.0);
        accounts()
            .find(|account| account.agency.as_deref() == Some(agency))
            .or_else(|| accounts().find(|account| account.agency.is_none()))
    }

    /// A partner's account of that number, when it collects on that day.
    pub fn account_numbered(
        &self,
        partner: &str,
        number: &str,
        day: BusinessDay,
    ) -> Option<&CollectingAccount> {
        self.collecting_accounts.on(partner, day.0).find(|account| account.number == number)
    }

    /// A partner's account of that number as it is, or last was: also one that is closed or begins
    /// later. Money that comes is booked, whatever the registers say of the day.
    pub fn account_ever(&self, partner: &str, number: &str) -> Option<&CollectingAccount> {
        self.accounts_ever(partner).rev().find(|account| account.number == number)
    }

    /// Every version of every account of a partner, by number, oldest first.
    pub fn accounts_ever(
        &self,
        partner: &str,
    ) -> impl DoubleEndedIterator<Item = &CollectingAccount> {
        self.collecting_accounts.all(partner).iter()
    }

    /// The day on which the settling source of an account last changed, up to a day. Its first
    /// version is no change.
    pub fn settling_change(
        &self,
        partner: &str,
        number: &str,
        day: BusinessDay,
    ) -> Option<NaiveDate> {
        let versions = self.collecting_accounts.all(partner);
        let begun: Vec<_> = versions
            .iter()
            .filter(|version| version.number == number && version.valid_from <= day.0)
            .collect();
        let changed =
            begun.windows(2).rev().find(|two| two[0].settling_source != two[1].settling_source);
        changed.map(|two| two[1].valid_from)
    }

    /// The working calendar as it is known on a day.
    pub fn calendar(&self, known_on: BusinessDay) -> Calendar {
        Calendar::new(self.holidays.all_on(known_on.0).map(|of| (of.day, of.working)))
    }

    /// The bank account of that number, whoever collects on it, when a bank keeps it.
    pub fn bank_account(&self, number: &str) -> Option<&CollectingAccount> {
        self.partners
            .iter()
            .filter_map(|partner| self.account_ever(&partner.code, number))
            .find(|account| !account.bin.is_empty())
    }

    /// A living key by the name that a signature gives.
    pub fn key(&self, key_id: &str) -> Option<&CallerKey> {
        self.keys.get(key_id)
    }

    /// The living keys of a caller.
    pub fn keys_of(&self, caller: &Caller) -> impl Iterator<Item = &CallerKey> {
        self.keys.values().filter(move |key| key.caller == *caller)
    }

    /// The open endpoints of a portal, oldest first.
    pub fn endpoints(&self, portal: &str) -> &[Endpoint] {
        self.endpoints.get(portal).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partners::SettlingSource;
    use crate::registers::entries::{FeeKind, NotifyAt};
    use crate::vocabulary::money::Money;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn day(text: &str) -> BusinessDay {
        BusinessDay(date(text))
    }

    fn fee(line: i16, from: &str, until: Option<&str>, dong: u64) -> FeeLine {
        FeeLine {
            procedure: "1.1".to_owned(),
            line,
            valid_from: date(from),
            valid_until: until.map(date),
            kind: FeeKind::Phi,
            name: "Phí".to_owned(),
            name_en: String::new(),
            amount: Money::vnd(dong),
            chapter: "414".to_owned(),
            sub_item: "2716".to_owned(),
            beneficiary: None,
            legal_basis: String::new(),
        }
    }

    fn account(
        number: &str,
        from: &str,
        agency: Option<&str>,
        source: SettlingSource,
    ) -> CollectingAccount {
        CollectingAccount {
            partner: "bank".to_owned(),
            number: number.to_owned(),
            valid_from: date(from),
            bin: "970418".to_owned(),
            holder: "H".to_owned(),
            agency: agency.map(str::to_owned),
            settling_source: source,
            closed: false,
        }
    }

    fn directory(entries: Entries) -> Directory {
        Directory::new(1, entries, Opened::default())
    }

    #[test]
    fn a_tariff_is_that_of_the_day() {
        let directory = directory(Entries {
            fee_lines: vec![
                fee(1, "2026-01-01", None, 115_000),
                fee(2, "2024-01-01", Some("2025-06-30"), 50_000),
                fee(1, "2024-01-01", None, 135_000),
            ],
            ..Entries::default()
        });
        let amounts = |on| {
            let lines = directory.fee_lines("1.1", day(on));
            lines.iter().map(|line| line.amount.minor_units()).collect::<Vec<_>>()
        };
        assert_eq!(amounts("2023-12-31"), [0; 0]);
        assert_eq!(amounts("2024-01-01"), [135_000, 50_000]);
        assert_eq!(amounts("2025-06-30"), [135_000, 50_000]);
        assert_eq!(amounts("2025-07-01"), [135_000]);
        assert_eq!(amounts("2026-01-01"), [115_000]);
        assert!(directory.fee_lines("1.2", day("2026-01-01")).is_empty());
    }

    #[test]
    fn a_closed_entry_is_gone_from_its_day_on() {
        let procedure = |from, closed| Procedure {
            code: "1.1".to_owned(),
            valid_from: date(from),
            name: "N".to_owned(),
            name_en: String::new(),
            notify_at: NotifyAt::Paid,
            closed,
        };
        let directory = directory(Entries {
            procedures: vec![procedure("2026-07-01", true), procedure("2024-01-01", false)],
            ..Entries::default()
        });
        assert!(directory.procedure("1.1", day("2026-06-30")).is_some());
        assert!(directory.procedure("1.1", day("2026-07-01")).is_none());
        assert!(directory.procedure("1.1", day("2023-12-31")).is_none());
    }

    #[test]
    fn an_agencys_own_account_goes_before_one_for_any() {
        use SettlingSource::{Api, Webhook};
        let directory = directory(Entries {
            collecting_accounts: vec![
                account("2", "2024-01-01", None, Webhook),
                account("3", "2026-07-01", Some("G01.A"), Webhook),
                account("2", "2026-11-03", None, Api),
                account("2", "2026-11-05", Some("G02"), Api),
                account("9", "2024-01-01", None, Webhook),
            ],
            ..Entries::default()
        });
        let number =
            |agency, on| directory.account_for("bank", agency, day(on)).map(|a| a.number.as_str());
        assert_eq!(number("G01.A", "2026-06-30"), Some("2"));
        assert_eq!(number("G01.A", "2026-07-01"), Some("3"));
        assert_eq!(number("G01.B", "2026-07-01"), Some("2"));
        assert_eq!(number("G01.B", "2026-11-05"), Some("9"));
        let change = |on| directory.settling_change("bank", "2", day(on));
        assert_eq!(change("2026-11-02"), None);
        assert_eq!(change("2026-11-03"), Some(date("2026-11-03")));
        assert_eq!(change("2026-12-31"), Some(date("2026-11-03")));
        assert_eq!(directory.settling_change("bank", "9", day("2026-12-31")), None);
        assert!(directory.account_numbered("bank", "2", day("2023-01-01")).is_none());
        assert!(directory.account_numbered("bank", "2", day("2026-01-01")).is_some());
    }
}
