//! One row of a report.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use rust_decimal::Decimal;

use super::amount;
use super::mapping::{Columns, Mapping};
use super::texts::{MEMO, REFERENCE, clean};
use crate::statements::finding::{FindingCode, Findings};
use crate::statements::model::{Line, Nature, Standing};
use crate::vocabulary::day;

/// Where the columns stand in this file.
#[derive(Debug, Default)]
pub struct Places {
    transaction_id: Option<usize>,
    order_reference: Option<usize>,
    amount: Option<usize>,
    fee: Option<usize>,
    time: Option<usize>,
    kind: Option<usize>,
    status: Option<usize>,
    memo: Option<usize>,
    batch: Option<usize>,
    account: Option<usize>,
    currency: Option<usize>,
}

impl Places {
    /// Of the row that names the columns.
    pub fn of(columns: &Columns, found: &[(&str, usize)]) -> Self {
        let place = |name: &str| {
            found.iter().find(|(cell, _)| !name.is_empty() && *cell == name).map(|(_, p)| *p)
        };
        Self {
            transaction_id: place(&columns.transaction_id),
            order_reference: place(&columns.order_reference),
            amount: place(&columns.amount),
            fee: place(&columns.fee),
            time: place(&columns.time),
            kind: place(&columns.kind),
            status: place(&columns.status),
            memo: place(&columns.memo),
            batch: place(&columns.batch),
            account: place(&columns.account),
            currency: place(&columns.currency),
        }
    }
}

/// A row that could be read.
pub struct Row {
    /// The line.
    pub line: Line,
    /// The collecting account.
    pub account: String,
    /// The currency.
    pub currency: String,
}

/// An amount as the mapping writes it, with its sign.
pub fn amount_of(mapping: &Mapping, text: &str) -> Option<Decimal> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let amount = if mapping.grouping.is_empty() {
        amount::unsigned(text, mapping.decimal)
    } else {
        amount::unsigned(&text.replace(&mapping.grouping, ""), mapping.decimal)
    }?;
    Some(if negative { -amount } else { amount })
}

/// A day as the mapping writes it; a time with its offset is told by Việt Nam's clock.
pub fn day_of(mapping: &Mapping, text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    mapping.times.iter().find_map(|form| {
        DateTime::parse_from_str(text, form)
            .map(|at| day::to_local(at.to_utc()).date())
            .or_else(|_| NaiveDateTime::parse_from_str(text, form).map(|at| at.date()))
            .or_else(|_| NaiveDate::parse_from_str(text, form))
            .ok()
    })
}

impl Row {
    /// Reads the cells; what is wrong is told by column.
    pub fn read(
        mapping: &Mapping,
        places: &Places,
        (account, batch, currency): (&str, &str, &str),
        (cells, line): (&[&str], u64),
        findings: &mut Findings,
    ) -> Option<Self> {
        let columns = &mapping.columns;
        let cell = |place: Option<usize>| place.and_then(|p| cells.get(p)).map_or("", |c| c.trim());
        let before = findings.count();
        let mut wrong =
            |code, column: &str, detail: String| findings.add(code, line, column, detail);
        let shown = |text: &str| text.chars().take(40).collect::<String>();

        let nature = match places.kind.map(|p| cell(Some(p))) {
            None => Nature::Payment,
            Some(word) => mapping.kinds.of(word).unwrap_or_else(|| {
                let detail = format!("{:?} is no kind of the mapping", shown(word));
                wrong(FindingCode::Word, &columns.kind, detail);
                Nature::Other
            }),
        };
        let standing = match places.status.map(|p| cell(Some(p))) {
            None => Standing::Booked,
            Some(word) => mapping.standings.of(word).unwrap_or_else(|| {
                let detail = format!("{:?} is no status of the mapping", shown(word));
                wrong(FindingCode::Word, &columns.status, detail);
                Standing::Pending
            }),
        };
        let told = cell(places.amount);
        let amount = amount_of(mapping, told).unwrap_or_else(|| {
            wrong(
                FindingCode::Amount,
                &columns.amount,
                format!("{:?} is not an amount", shown(told)),
            );
            Decimal::ZERO
        });
        if amount.is_sign_negative() && !amount.is_zero() && !mapping.signed {
            wrong(FindingCode::Amount, &columns.amount, "is negative".to_owned());
        }
        let out = matches!(nature, Nature::Refund | Nature::Reversal | Nature::Fee);
        let amount = if out && !mapping.signed { -amount } else { amount };
        let fee = match cell(places.fee) {
            "" => Decimal::ZERO,
            told => amount_of(mapping, told).map_or_else(
                || {
                    let detail = format!("{:?} is not an amount", shown(told));
                    wrong(FindingCode::Amount, &columns.fee, detail);
                    Decimal::ZERO
                },
                |fee| fee.abs(),
            ),
        };
        let time = cell(places.time);
        let value_date = day_of(mapping, time);
        if value_date.is_none() {
            let detail = format!("{:?} is not a time of the mapping's form", shown(time));
            wrong(FindingCode::Date, &columns.time, detail);
        }
        let or = |own: &str, told: &str, last: &str| {
            [own, told, last].into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned()
        };
        let account = or(cell(places.account), account, &mapping.account);
        if account.is_empty() {
            wrong(FindingCode::Missing, "account", "no collecting account is told".to_owned());
        }
        let currency = or(cell(places.currency), currency, &mapping.currency);
        if !amount::is_currency(&currency) {
            let detail = "is not a currency of ISO 4217".to_owned();
            wrong(FindingCode::Currency, &columns.currency, detail);
        }
        amount::fits(amount, &currency, (line, &columns.amount), findings);
        amount::fits(fee, &currency, (line, &columns.fee), findings);
        let mut text = |place: Option<usize>, most, column: &str| {
            clean(cell(place), most, (line, column), findings)
        };
        let transaction_id = text(places.transaction_id, REFERENCE, &columns.transaction_id);
        let order_reference = text(places.order_reference, REFERENCE, &columns.order_reference);
        let memo = text(places.memo, MEMO, &columns.memo);
        let own_batch = text(places.batch, REFERENCE, &columns.batch);
        if transaction_id.is_empty() && order_reference.is_empty() {
            let detail = "neither a transaction nor an order is told";
            findings.add(FindingCode::Missing, line, &columns.transaction_id, detail);
        }
        // Warnings do not spoil a row.
        let refused = findings.count() > before && findings.refuses();
        let value_date = value_date.filter(|_| !refused)?;
        let line = Line {
            nature,
            standing,
            amount,
            fee,
            value_date,
            transaction_id,
            order_reference,
            batch: if own_batch.is_empty() { batch.to_owned() } else { own_batch },
            memo,
            counterparty: String::new(),
            at: line,
        };
        Some(Self { line, account: account.chars().take(REFERENCE).collect(), currency })
    }
}
