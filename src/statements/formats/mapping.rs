//! How a partner's report is read: data, in TOML, one file for each form of a report.

use serde::Deserialize;

use crate::statements::model::{Nature, Standing};

/// Which columns and words mean what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Whose report it is.
    pub partner: String,
    /// The name of this form.
    pub name: String,
    /// Given by the register: 1, 2, …
    #[serde(skip)]
    pub version: i32,
    /// The collecting account, when the file does not tell it.
    #[serde(default)]
    pub account: String,
    /// The currency, when the file does not tell it.
    #[serde(default = "dong")]
    pub currency: String,
    /// Between cells.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Before the fraction of an amount.
    #[serde(default = "point")]
    pub decimal: char,
    /// Between thousands; nothing when it is empty.
    #[serde(default)]
    pub grouping: String,
    /// How times are written, as in strftime; a date alone will do. The first that fits.
    pub times: Vec<String>,
    /// Are amounts written with their sign? Else refunds, reversals and fees are money out.
    #[serde(default)]
    pub signed: bool,
    /// Rows before the column names: name in the first cell, value in the second.
    #[serde(default)]
    pub header: Header,
    /// The names of the columns.
    pub columns: Columns,
    /// What the words of the kind column mean.
    #[serde(default)]
    pub kinds: Kinds,
    /// What the words of the status column mean.
    #[serde(default)]
    pub standings: Standings,
    /// The row that ends it; without one nothing says that it is whole.
    pub trailer: Option<Trailer>,
}

fn dong() -> String {
    "VND".to_owned()
}

const fn comma() -> char {
    ','
}

const fn point() -> char {
    '.'
}

/// The names of rows before the column names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Header {
    /// The id of the report.
    pub reference: String,
    /// The day that it is of.
    pub day: String,
    /// The settlement batch of all its rows.
    pub batch: String,
    /// The collecting account.
    pub account: String,
    /// The currency.
    pub currency: String,
}

/// The names of columns; empty for one that is not there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// The partner's own id of the payment.
    pub transaction_id: String,
    /// The order, which is our reference.
    pub order_reference: String,
    /// How much the payer paid.
    pub amount: String,
    /// What the partner keeps of it.
    pub fee: String,
    /// When it was.
    pub time: String,
    /// Payment, refund …
    pub kind: String,
    /// Success, failure …
    pub status: String,
    /// The text.
    pub memo: String,
    /// The settlement batch.
    pub batch: String,
    /// The collecting account.
    pub account: String,
    /// The currency.
    pub currency: String,
}

impl Columns {
    /// Those that the report must have.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [
            &self.transaction_id,
            &self.order_reference,
            &self.amount,
            &self.fee,
            &self.time,
            &self.kind,
            &self.status,
            &self.memo,
            &self.batch,
            &self.account,
            &self.currency,
        ]
        .into_iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
    }
}

/// Words of the kind column.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kinds {
    payment: Vec<String>,
    refund: Vec<String>,
    reversal: Vec<String>,
    fee: Vec<String>,
    other: Vec<String>,
}

impl Kinds {
    /// What a word means.
    pub fn of(&self, word: &str) -> Option<Nature> {
        [
            (&self.payment, Nature::Payment),
            (&self.refund, Nature::Refund),
            (&self.reversal, Nature::Reversal),
            (&self.fee, Nature::Fee),
            (&self.other, Nature::Other),
        ]
        .into_iter()
        .find(|(words, _)| words.iter().any(|known| known == word))
        .map(|(_, nature)| nature)
    }
}

/// Words of the status column.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Standings {
    booked: Vec<String>,
    pending: Vec<String>,
    failed: Vec<String>,
}

impl Standings {
    /// What a word means.
    pub fn of(&self, word: &str) -> Option<Standing> {
        [
            (&self.booked, Standing::Booked),
            (&self.pending, Standing::Pending),
            (&self.failed, Standing::Failed),
        ]
        .into_iter()
        .find(|(words, _)| words.iter().any(|known| known == word))
        .map(|(_, standing)| standing)
    }
}

/// The row that ends a report. Cells are counted from 1.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// The text of its first cell.
    pub mark: String,
    /// The cell with the count of rows.
    pub count: Option<usize>,
    /// The cell with the sum of the amounts of what is booked, refunds taken off.
    pub sum: Option<usize>,
    /// The cell with the sum of fees of what is booked.
    pub fee: Option<usize>,
}

/// Why a mapping is none.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not TOML, or a field that is not known.
    #[error("the mapping cannot be read: {0}")]
    Unreadable(String),
    /// It cannot work.
    #[error("the mapping cannot be used: {0}")]
    Unusable(&'static str),
}

impl Mapping {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let source = config::File::from_str(text, config::FileFormat::Toml);
        let mapping: Self = config::Config::builder()
            .add_source(source)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| MappingError::Unreadable(error.to_string()))?;
        let columns = &mapping.columns;
        for (wrong, what) in [
            (mapping.partner.is_empty(), "partner is empty"),
            (mapping.name.is_empty(), "name is empty"),
            (columns.amount.is_empty(), "columns.amount is empty"),
            (columns.time.is_empty(), "columns.time is empty"),
            (mapping.times.is_empty(), "times is empty"),
            (!mapping.delimiter.is_ascii(), "delimiter must be one ASCII character"),
            (
                mapping.delimiter == mapping.decimal && mapping.delimiter != ',',
                "delimiter and decimal are the same",
            ),
            (
                columns.transaction_id.is_empty() && columns.order_reference.is_empty(),
                "columns must have transaction_id or order_reference",
            ),
        ] {
            if wrong {
                return Err(MappingError::Unusable(what));
            }
        }
        Ok(mapping)
    }

    /// Those of the sample registers, for checking a file without a database.
    pub fn samples() -> Vec<Self> {
        [
            include_str!("../../../registers/sample/reports/vnpay.toml"),
            include_str!("../../../registers/sample/reports/momo.toml"),
            include_str!("../../../registers/sample/reports/zalopay.toml"),
        ]
        .iter()
        .filter_map(|text| Self::parse(text).ok())
        .collect()
    }

    /// Where each column stands, if this row names them all.
    pub fn places<'c>(&self, cells: &[&'c str]) -> Option<Vec<(&'c str, usize)>> {
        let named = |name: &str| cells.iter().position(|cell| cell.trim() == name);
        self.columns
            .names()
            .all(|name| named(name).is_some())
            .then(|| cells.iter().enumerate().map(|(place, cell)| (cell.trim(), place)).collect())
    }
}
