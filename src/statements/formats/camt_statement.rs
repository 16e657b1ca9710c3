//! One `Stmt`, `Rpt` or `Ntfctn`: account, period, balances, declared counts and sums.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::amount;
use super::camt_entry::{Direction, Entry};
use super::texts::{REFERENCE, clean, iso_date};
use crate::statements::finding::{FindingCode, Findings};
use crate::statements::model::{Kind, Line, ReadStatement, Standing, plain};

/// A balance under way.
#[derive(Debug, Clone, Default)]
struct Balance {
    code: String,
    amount: Option<Decimal>,
    currency: String,
    debit: bool,
    date: Option<NaiveDate>,
    at: u64,
}

/// What a summary declares of one group of entries.
#[derive(Debug, Clone, Copy, Default)]
struct Declared {
    count: Option<u64>,
    sum: Option<Decimal>,
}

/// What a group of entries holds.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    count: u64,
    sum: Decimal,
}

impl Counted {
    fn add(&mut self, amount: Decimal) {
        self.count += 1;
        self.sum = self.sum.saturating_add(amount);
    }
}

/// A statement under way.
#[derive(Debug)]
pub struct Statement {
    read: ReadStatement,
    balance: Balance,
    opening: Option<Balance>,
    closing: Option<Balance>,
    legal_number: Option<i64>,
    made: Option<NaiveDate>,
    /// All entries, credits, debits: declared, counted, counted of what is booked alone.
    declared: [Declared; 3],
    counted: [Counted; 3],
    booked: [Counted; 3],
    /// A balance that cannot be compared with the entries.
    odd: Vec<(u64, String)>,
}

impl Statement {
    /// Begins at a line.
    pub fn new(kind: Kind, at: u64) -> Self {
        Self {
            read: ReadStatement::new(kind, at),
            balance: Balance::default(),
            opening: None,
            closing: None,
            legal_number: None,
            made: None,
            declared: Default::default(),
            counted: Default::default(),
            booked: Default::default(),
            odd: Vec::new(),
        }
    }

    /// An element below the statement begins.
    pub fn begins(&mut self, inside: &str) {
        if inside == "Bal" {
            self.balance = Balance::default();
        }
    }

    /// An element below the statement ends.
    pub fn ends(
        &mut self,
        inside: &str,
        text: &str,
        currency: &str,
        line: u64,
        findings: &mut Findings,
    ) {
        let at = (line, inside);
        match inside {
            "Id" => self.read.reference = clean(text, REFERENCE, at, findings),
            "ElctrncSeqNb" => self.read.number = text.trim().parse().ok(),
            "StmtPgntn/PgNb" | "RptPgntn/PgNb" | "NtfctnPgntn/PgNb" => {
                self.read.page = text.trim().parse().ok().filter(|page| *page > 0).unwrap_or(1);
            }
            "LglSeqNb" => self.legal_number = text.trim().parse().ok(),
            "CreDtTm" => self.made = iso_date(text),
            "FrToDt/FrDtTm" | "FrToDt/FrDt" => self.read.from = iso_date(text),
            "FrToDt/ToDtTm" | "FrToDt/ToDt" => self.read.to = iso_date(text),
            "Acct/Id/IBAN" | "Acct/Id/Othr/Id" => {
                self.read.account = clean(text, REFERENCE, at, findings);
            }
            "Acct/Ccy" => self.set_currency(text.trim(), at, findings),
            "Bal/Tp/CdOrPrtry/Cd" | "Bal/Tp/CdOrPrtry/Prtry" => {
                text.trim().clone_into(&mut self.balance.code);
            }
            "Bal/Amt" => {
                self.balance.amount = amount::unsigned(text.trim(), '.');
                self.balance.at = line;
                currency.clone_into(&mut self.balance.currency);
                if self.balance.amount.is_none() {
                    let detail = format!("{:?} is not an amount", text.trim());
                    findings.add(FindingCode::Amount, line, inside, detail);
                }
            }
            "Bal/CdtDbtInd" => match Direction::of(text) {
                Some(direction) => self.balance.debit = direction == Direction::Debit,
                None => unknown_direction(text, at, findings),
            },
            "Bal/Dt/Dt" | "Bal/Dt/DtTm" => self.balance.date = iso_date(text),
            "Bal" => self.takes_balance(findings),
            "TxsSummry/TtlNtries/NbOfNtries" => self.declares(0, text, at, findings),
            "TxsSummry/TtlCdtNtries/NbOfNtries" => self.declares(1, text, at, findings),
            "TxsSummry/TtlDbtNtries/NbOfNtries" => self.declares(2, text, at, findings),
            "TxsSummry/TtlNtries/Sum" => self.declares_sum(0, text, at, findings),
            "TxsSummry/TtlCdtNtries/Sum" => self.declares_sum(1, text, at, findings),
            "TxsSummry/TtlDbtNtries/Sum" => self.declares_sum(2, text, at, findings),
            _ => {}
        }
    }

    fn set_currency(&mut self, currency: &str, at: (u64, &str), findings: &mut Findings) {
        if amount::is_currency(currency) {
            currency.clone_into(&mut self.read.currency);
        } else {
            let detail = "is not a currency of ISO 4217";
            findings.add(FindingCode::Currency, at.0, at.1, detail);
        }
    }

    fn declares(&mut self, group: usize, text: &str, at: (u64, &str), findings: &mut Findings) {
        match text.trim().parse() {
            Ok(count) => self.declared[group].count = Some(count),
            Err(_) => findings.add(FindingCode::Totals, at.0, at.1, "is not a count"),
        }
    }

    fn declares_sum(&mut self, group: usize, text: &str, at: (u64, &str), findings: &mut Findings) {
        // Some write the sum of debits with a sign.
        let digits = text.trim().trim_start_matches('-');
        match amount::unsigned(digits, '.') {
            Some(sum) => self.declared[group].sum = Some(sum),
            None => findings.add(FindingCode::Totals, at.0, at.1, "is not a sum"),
        }
    }

    fn takes_balance(&mut self, findings: &mut Findings) {
        let balance = std::mem::take(&mut self.balance);
        if balance.amount.is_none() {
            return;
        }
        // Interim balances stand for opening and closing between the pages of one statement.
        match balance.code.as_str() {
            "OPBD" => self.opening = Some(balance),
            "CLBD" => self.closing = Some(balance),
            "PRCD" | "ITBD" if self.opening.is_none() => self.opening = Some(balance),
            "ITBD" if self.closing.is_none() => self.closing = Some(balance),
            _ => return,
        }
        for balance in [&self.opening, &self.closing].into_iter().flatten() {
            if self.read.currency.is_empty() && amount::is_currency(&balance.currency) {
                balance.currency.clone_into(&mut self.read.currency);
            }
        }
        let mine = &self.read.currency;
        for balance in [&self.opening, &self.closing].into_iter().flatten() {
            if balance.currency == *mine
                && let Some(told) = balance.amount
            {
                amount::fits(told, mine, (balance.at, "Bal/Amt"), findings);
            }
        }
    }

    /// Takes an entry in and hands out its lines.
    pub fn takes(&mut self, entry: Entry, findings: &mut Findings, out: &mut dyn FnMut(Line)) {
        if self.read.currency.is_empty() && amount::is_currency(entry.currency()) {
            entry.currency().clone_into(&mut self.read.currency);
        }
        let day = self.day();
        let Some(made) = entry.lines(&self.read.currency, day, findings) else {
            return;
        };
        self.read.entries += 1;
        self.read.transactions += made.transactions;
        let group = if made.amount.is_sign_negative() { 2 } else { 1 };
        for group in [0, group] {
            self.counted[group].add(made.amount.abs());
            if made.standing == Standing::Booked {
                self.booked[group].add(made.amount.abs());
            }
        }
        for line in made.lines {
            self.read.count(&line, findings);
            out(line);
        }
    }

    fn day(&self) -> Option<NaiveDate> {
        let closing = self.closing.as_ref().and_then(|balance| balance.date);
        closing.or(self.read.to).or(self.made)
    }

    /// The statement ends: what it declares is compared with what it holds.
    pub fn end(mut self, findings: &mut Findings) -> ReadStatement {
        self.read.to = self.day();
        self.read.number = self.read.number.or(self.legal_number);
        // All pages bear the statement's id: only the page tells them apart.
        if self.read.page > 1 {
            self.read.reference = format!("{}/{}", self.read.reference, self.read.page);
        }
        let at = self.read.at;
        for (missing, what) in [
            (self.read.reference.is_empty(), "Id"),
            (self.read.account.is_empty(), "Acct/Id"),
            (self.read.to.is_none(), "CreDtTm"),
        ] {
            if missing {
                findings.add(FindingCode::Missing, at, what, "is missing");
            }
        }
        self.compare(findings);
        let currency = self.read.currency.clone();
        let mut balance = |balance: Option<Balance>| {
            let balance = balance?;
            let told = balance.amount?;
            if balance.currency != currency {
                self.odd.push((balance.at, balance.currency));
                return None;
            }
            Some(if balance.debit { -told } else { told })
        };
        self.read.opening = balance(self.opening.take());
        self.read.closing = balance(self.closing.take());
        if self.odd.is_empty() {
            self.read.check_sum(findings);
        } else if self.read.kind == Kind::Account {
            for (line, other) in &self.odd {
                let detail = format!("a balance in {other:?} of a statement in {currency:?}");
                findings.add(FindingCode::Arithmetic, *line, "Bal/Amt", detail);
            }
        }
        self.read
    }

    fn compare(&self, findings: &mut Findings) {
        for (group, name) in ["TtlNtries", "TtlCdtNtries", "TtlDbtNtries"].iter().enumerate() {
            let place = format!("TxsSummry/{name}");
            let (told, all, booked) =
                (self.declared[group], self.counted[group], self.booked[group]);
            // Some count what is not booked yet, some do not.
            if let Some(count) = told.count
                && count != all.count
                && count != booked.count
            {
                let detail = format!("{count} are declared, {} are there", all.count);
                findings.add(FindingCode::Totals, self.read.at, &place, detail);
            }
            if let Some(sum) = told.sum
                && sum != all.sum
                && sum != booked.sum
            {
                let detail =
                    format!("{} is declared, the entries make {}", plain(sum), plain(all.sum));
                findings.add(FindingCode::Totals, self.read.at, &place, detail);
            }
        }
    }
}

pub(super) fn unknown_direction(text: &str, at: (u64, &str), findings: &mut Findings) {
    let text: String = text.trim().chars().take(20).collect();
    let detail = format!("{text:?} is neither CRDT nor DBIT");
    findings.add(FindingCode::Word, at.0, at.1, detail);
}
