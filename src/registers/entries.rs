//! The entries of the registers that belong to this room.

use chrono::NaiveDate;

use super::versions::Dated;
use crate::partners::{CollectingAccount, PartnerEntry};
use crate::portals::Portal;
use crate::text_enum;
use crate::vocabulary::money::Money;

/// The body that money belongs to, from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// National code.
    pub code: String,
    /// First day of this version.
    pub valid_from: NaiveDate,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// Budget chapter (chương), or empty.
    pub chapter: String,
    /// Tax code, or empty.
    pub tax_code: String,
    /// From `valid_from` on there is no such agency.
    pub closed: bool,
}

/// Where the Treasury takes an agency's money, from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreasuryAccount {
    /// Whose money.
    pub agency: String,
    /// Account number.
    pub number: String,
    /// First day of this version.
    pub valid_from: NaiveDate,
    /// Code of the Treasury office.
    pub treasury_code: String,
    /// Name of the Treasury office.
    pub treasury_name: String,
    /// The bank through which it is reached, or empty.
    pub bank_bin: String,
    /// From `valid_from` on it is not used.
    pub closed: bool,
}

text_enum! {
    /// When a portal is told that a dossier is paid.
    pub enum NotifyAt ("moment of notice") {
        /// At the partner's signed word.
        Paid = "paid",
        /// When the money has been seen in the bank.
        Banked = "banked",
    }
}

/// An administrative procedure (thủ tục hành chính), from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    /// National code.
    pub code: String,
    /// First day of this version.
    pub valid_from: NaiveDate,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// When the portal is told.
    pub notify_at: NotifyAt,
    /// From `valid_from` on there is no such procedure.
    pub closed: bool,
}

text_enum! {
    /// The two kinds of fee that the law knows.
    pub enum FeeKind ("kind of fee") {
        /// Phí: pays for a service.
        Phi = "phi",
        /// Lệ phí: is due for an act of the state.
        LePhi = "le_phi",
    }
}

/// A line of the tariff of a procedure, from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeLine {
    /// The procedure.
    pub procedure: String,
    /// Its place in the tariff, from 1.
    pub line: i16,
    /// First day of this version.
    pub valid_from: NaiveDate,
    /// Last day, when it is known.
    pub valid_until: Option<NaiveDate>,
    /// Phí or lệ phí.
    pub kind: FeeKind,
    /// Vietnamese name.
    pub name: String,
    /// English name, or empty.
    pub name_en: String,
    /// How much.
    pub amount: Money,
    /// Budget chapter (chương), three digits.
    pub chapter: String,
    /// Budget sub-item (tiểu mục), four digits.
    pub sub_item: String,
    /// The agency the line belongs to; none means the agency that asks.
    pub beneficiary: Option<String>,
    /// The decree or circular that sets it, or empty.
    pub legal_basis: String,
}

text_enum! {
    /// The form of an electronic receipt (Circular 91/2026, annex II).
    pub enum ReceiptForm ("form of receipt") {
        /// Without a printed amount.
        Ebl01 = "EBL01",
        /// With a printed amount.
        Ebl02 = "EBL02",
    }
}

/// A range of receipt numbers (dải số biên lai) that a unit may use, as the tax office was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRange {
    /// The unit.
    pub agency: String,
    /// The form.
    pub form: ReceiptForm,
    /// The symbol: the year's last two digits, `T`, two letters.
    pub symbol: String,
    /// From this number.
    pub first: u32,
    /// To this number.
    pub last: u32,
    /// Who issues on the agency's behalf, or empty.
    pub delegate_name: String,
    /// Their tax code, or empty.
    pub delegate_tax_code: String,
    /// The number and day of the written delegation, or empty.
    pub delegation: String,
    /// What is left of it is given up.
    pub closed: bool,
}

impl ReceiptRange {
    /// What tells it from others.
    pub fn key(&self) -> (&str, ReceiptForm, &str, u32) {
        (&self.agency, self.form, &self.symbol, self.first)
    }
}

/// A day that is not as its weekday says, as it is known from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    /// The day.
    pub day: NaiveDate,
    /// First day of this version: when it was announced.
    pub valid_from: NaiveDate,
    /// What it is called.
    pub name: String,
    /// A weekend that is worked in place of another day; else a day off.
    pub working: bool,
    /// Taken back: the day is as its weekday says.
    pub closed: bool,
}

/// Everything in the registers, every version, in no order.
#[derive(Debug, Default)]
pub struct Entries {
    /// Agencies.
    pub agencies: Vec<Agency>,
    /// Treasury accounts.
    pub treasury_accounts: Vec<TreasuryAccount>,
    /// Procedures.
    pub procedures: Vec<Procedure>,
    /// Lines of tariffs.
    pub fee_lines: Vec<FeeLine>,
    /// Portals: these have no versions.
    pub portals: Vec<Portal>,
    /// Partners: these have no versions.
    pub partners: Vec<PartnerEntry>,
    /// Collecting accounts.
    pub collecting_accounts: Vec<CollectingAccount>,
    /// Ranges of receipt numbers: these have no versions.
    pub receipt_ranges: Vec<ReceiptRange>,
    /// Days off and worked weekends.
    pub holidays: Vec<Holiday>,
}

impl Entries {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.agencies.len()
            + self.treasury_accounts.len()
            + self.procedures.len()
            + self.fee_lines.len()
            + self.portals.len()
            + self.partners.len()
            + self.collecting_accounts.len()
            + self.receipt_ranges.len()
            + self.holidays.len()
    }
}

impl Dated for Agency {
    fn group(&self) -> &str {
        &self.code
    }
    fn valid_from(&self) -> NaiveDate {
        self.valid_from
    }
    fn holds(&self, _: NaiveDate) -> bool {
        !self.closed
    }
}

impl Dated for TreasuryAccount {
    fn group(&self) -> &str {
        &self.agency
    }
    fn item(&self) -> (&str, i16) {
        (&self.number, 0)
    }
    fn valid_from(&self) -> NaiveDate {
        self.valid_from
    }
    fn holds(&self, _: NaiveDate) -> bool {
        !self.closed
    }
}

impl Dated for Procedure {
    fn group(&self) -> &str {
        &self.code
    }
    fn valid_from(&self) -> NaiveDate {
        self.valid_from
    }
    fn holds(&self, _: NaiveDate) -> bool {
        !self.closed
    }
}

impl Dated for FeeLine {
    fn group(&self) -> &str {
        &self.procedure
    }
    fn item(&self) -> (&str, i16) {
        ("", self.line)
    }
    fn valid_from(&self) -> NaiveDate {
        self.valid_from
    }
    fn holds(&self, day: NaiveDate) -> bool {
        self.valid_until.is_none_or(|until| day <= until)
    }
    /// The end of a line that is still in force may be set: it changes no day that has passed.
    fn may_become(&self, new: &Self, today: NaiveDate) -> bool {
        let open_today = |line: &Self| line.valid_until.is_none_or(|until| until >= today);
        let ended = Self { valid_until: new.valid_until, ..self.clone() };
        open_today(self) && open_today(new) && ended == *new
    }
}

impl Dated for CollectingAccount {
    fn group(&self) -> &str {
        &self.partner
    }
    fn item(&self) -> (&str, i16) {
        (&self.number, 0)
    }
    fn valid_from(&self) -> NaiveDate {
        self.valid_from
    }
    fn holds(&self, _: NaiveDate) -> bool {
        !self.closed
    }
}

impl Dated for Holiday {
    fn group(&self) -> &'static str {
        ""
    }
    fn item(&self) -> (&str, i16) {
        // The day, counted from 2000: until the year 2089.
        let first = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
        ("", i16::try_from((self.day - first).num_days()).unwrap_or(i16::MAX))
    }
    fn valid_from(&self) -> NaiveDate {
        self.valid_from
    }
    fn holds(&self, _: NaiveDate) -> bool {
        !self.closed
    }
}
