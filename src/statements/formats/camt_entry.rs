//! One `Ntry` with its details: which lines it makes.
//!
//! Details are used only if their count and their sum agree with the entry. Otherwise the entry is
//! one sum that nobody can look into, and that is said.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::amount;
use super::camt_statement::unknown_direction;
use super::texts::{MEMO, REFERENCE, clean, iso_date, masked};
use crate::statements::finding::{FindingCode, Findings};
use crate::statements::model::{Line, Nature, Standing, plain};

/// More details of one entry are not held in memory.
const MOST_DETAILS: usize = 200_000;

/// `CdtDbtInd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Money in.
    Credit,
    /// Money out.
    Debit,
}

impl Direction {
    /// The word of ISO 20022.
    pub fn of(text: &str) -> Option<Self> {
        match text.trim() {
            "CRDT" => Some(Self::Credit),
            "DBIT" => Some(Self::Debit),
            _ => None,
        }
    }

    fn signed(self, amount: Decimal) -> Decimal {
        if self == Self::Debit { -amount } else { amount }
    }
}

/// What entry and detail have in common.
#[derive(Debug, Clone, Default)]
struct Facts {
    amount: Option<Decimal>,
    currency: String,
    direction: Option<Direction>,
    servicer: String,
    transaction: String,
    end_to_end: String,
    batch: String,
    memo: String,
    code: String,
    accounts: [String; 2],
    at: u64,
}

/// An entry under way.
#[derive(Debug)]
pub struct Entry {
    facts: Facts,
    status: String,
    reversal: bool,
    booking: Option<NaiveDate>,
    value: Option<NaiveDate>,
    declared: Option<u64>,
    details: Vec<Facts>,
    too_many: bool,
}

/// What an entry comes to.
pub struct Made {
    /// With its sign.
    pub amount: Decimal,
    /// How far it has got.
    pub standing: Standing,
    /// Payments told.
    pub transactions: u64,
    /// Its lines.
    pub lines: Vec<Line>,
}

const DETAIL: &str = "NtryDtls/TxDtls";

impl Entry {
    /// Begins at a line.
    pub fn new(at: u64) -> Self {
        Self {
            facts: Facts { at, ..Facts::default() },
            status: String::new(),
            reversal: false,
            booking: None,
            value: None,
            declared: None,
            details: Vec::new(),
            too_many: false,
        }
    }

    /// Its currency.
    pub fn currency(&self) -> &str {
        &self.facts.currency
    }

    /// An element below the entry begins.
    pub fn begins(&mut self, inside: &str, line: u64) {
        if inside == DETAIL {
            self.too_many = self.details.len() >= MOST_DETAILS;
            if !self.too_many {
                self.details.push(Facts { at: line, ..Facts::default() });
            }
        }
    }

    /// An element below the entry ends.
    pub fn ends(
        &mut self,
        inside: &str,
        text: &str,
        currency: &str,
        line: u64,
        findings: &mut Findings,
    ) {
        let at = (line, inside);
        if let Some(part) = inside.strip_prefix(DETAIL).and_then(|p| p.strip_prefix('/')) {
            if let (Some(detail), false) = (self.details.last_mut(), self.too_many) {
                detail.ends(part, text, currency, at, findings);
            }
            return;
        }
        match inside {
            "Sts" if self.status.is_empty() => text.trim().clone_into(&mut self.status),
            "Sts/Cd" | "Sts/Prtry" => text.trim().clone_into(&mut self.status),
            "RvslInd" => self.reversal = matches!(text.trim(), "true" | "1"),
            "BookgDt/Dt" | "BookgDt/DtTm" => self.booking = date(text, at, findings),
            "ValDt/Dt" | "ValDt/DtTm" => self.value = date(text, at, findings),
            "AddtlNtryInf" => self.facts.adds_memo(text, at, findings),
            "NtryRef" if self.facts.transaction.is_empty() => {
                self.facts.transaction = clean(text, REFERENCE, at, findings);
            }
            "NtryDtls/Btch/NbOfTxs" => match text.trim().parse::<u64>() {
                Ok(count) => self.declared = Some(self.declared.unwrap_or(0).saturating_add(count)),
                Err(_) => findings.add(FindingCode::Totals, line, inside, "is not a count"),
            },
            "NtryDtls/Btch/PmtInfId" => self.facts.batch = clean(text, REFERENCE, at, findings),
            "NtryDtls/Btch/MsgId" if self.facts.batch.is_empty() => {
                self.facts.batch = clean(text, REFERENCE, at, findings);
            }
            _ => self.facts.ends(inside, text, currency, at, findings),
        }
    }

    /// Its lines; none when it cannot be read, which is told.
    pub fn lines(
        mut self,
        currency: &str,
        day: Option<NaiveDate>,
        findings: &mut Findings,
    ) -> Option<Made> {
        let at = self.facts.at;
        let mut missing = |what: &str| findings.add(FindingCode::Missing, at, what, "is missing");
        let (Some(amount), Some(direction)) = (self.facts.amount, self.facts.direction) else {
            missing(if self.facts.amount.is_none() { "Ntry/Amt" } else { "Ntry/CdtDbtInd" });
            return None;
        };
        let Some(value_date) = self.value.or(self.booking).or(day) else {
            missing("Ntry/ValDt");
            return None;
        };
        if self.facts.currency != currency {
            let detail = format!("{:?} in a statement in {currency:?}", self.facts.currency);
            findings.add(FindingCode::Currency, at, "Ntry/Amt", detail);
            return None;
        }
        if self.too_many {
            let detail = format!("more than {MOST_DETAILS} details in one entry");
            findings.add(FindingCode::Shape, at, "Ntry/NtryDtls", detail);
            return None;
        }
        if !amount::fits(amount, currency, (at, "Ntry/Amt"), findings) {
            return None;
        }
        let standing = match self.status.as_str() {
            "BOOK" | "" => Standing::Booked,
            _ => Standing::Pending,
        };
        let signed = direction.signed(amount);
        let splits = self.splits(signed, direction, findings);
        let details = std::mem::take(&mut self.details);
        let transactions = match (details.len() as u64, self.declared) {
            (0, declared) => declared.unwrap_or(1),
            (count, _) => count,
        };
        let line_of = |facts: &Facts, amount: Decimal, lump: bool| Line {
            nature: self.nature(facts, amount, lump),
            standing,
            amount,
            fee: Decimal::ZERO,
            value_date,
            transaction_id: facts.first_of(&self.facts, |f| {
                if f.servicer.is_empty() { &f.transaction } else { &f.servicer }
            }),
            order_reference: facts.first_of(&self.facts, |f| &f.end_to_end),
            batch: facts.first_of(&self.facts, |f| &f.batch),
            memo: facts.first_of(&self.facts, |f| &f.memo),
            counterparty: facts.counterparty(amount),
            at: facts.at,
        };
        let lines = match (splits, details.as_slice()) {
            (Some(amounts), _) => details
                .iter()
                .zip(amounts)
                .map(|(detail, amount)| line_of(detail, amount, false))
                .collect(),
            (None, [one]) => vec![line_of(one, signed, self.declared.is_some_and(|n| n > 1))],
            (None, _) => vec![line_of(&self.facts, signed, transactions > 1)],
        };
        Some(Made { amount: signed, standing, transactions, lines })
    }

    /// The amounts of its details, if they make the entry.
    fn splits(
        &self,
        signed: Decimal,
        direction: Direction,
        findings: &mut Findings,
    ) -> Option<Vec<Decimal>> {
        let (at, count) = (self.facts.at, self.details.len());
        if count == 0 {
            if self.declared.is_some_and(|n| n > 1) {
                let detail = format!("{} payments in one sum", self.declared.unwrap_or(0));
                findings.add(FindingCode::BatchOpaque, at, "Ntry/NtryDtls", detail);
            }
            return None;
        }
        let mut disagree = |detail: String| {
            findings.add(FindingCode::Batch, at, "Ntry/NtryDtls", detail);
            None
        };
        if let Some(declared) = self.declared
            && declared != count as u64
        {
            return disagree(format!("{declared} details are declared, {count} are there"));
        }
        if let [one] = self.details.as_slice()
            && one.amount.is_none()
        {
            // A detail without an amount of its own has the entry's.
            return Some(vec![signed]);
        }
        let mut amounts = Vec::with_capacity(count);
        let mut sum = Decimal::ZERO;
        for detail in &self.details {
            let Some(amount) = detail.amount else {
                return disagree("a detail has no amount".to_owned());
            };
            if detail.currency != self.facts.currency {
                let detail = format!("a detail in {:?}", detail.currency);
                return disagree(detail);
            }
            let amount = detail.direction.unwrap_or(direction).signed(amount);
            sum = sum.checked_add(amount)?;
            amounts.push(amount);
        }
        if sum != signed {
            return disagree(format!(
                "the details make {}, the entry is {}",
                plain(sum),
                plain(signed)
            ));
        }
        Some(amounts)
    }

    fn nature(&self, facts: &Facts, amount: Decimal, lump: bool) -> Nature {
        let code = if facts.code.is_empty() { &self.facts.code } else { &facts.code };
        let charges = ["CHRG", "COMM", "COMI", "FEES", "CAJT"].contains(&code.as_str());
        let ours = !facts.end_to_end.is_empty() || !self.facts.end_to_end.is_empty();
        match (self.reversal, amount.is_sign_negative()) {
            (true, _) => Nature::Reversal,
            (_, _) if charges => Nature::Fee,
            (_, false) if lump => Nature::Lump,
            (_, false) => Nature::Payment,
            (_, true) if ours => Nature::Payout,
            (_, true) => Nature::Other,
        }
    }
}

impl Facts {
    fn ends(
        &mut self,
        inside: &str,
        text: &str,
        currency: &str,
        at: (u64, &str),
        findings: &mut Findings,
    ) {
        let mut reference = || {
            let text = clean(text, REFERENCE, at, findings);
            // What banks write where they have nothing to say.
            let nothing = ["NOTPROVIDED", "NONREF", "NOT PROVIDED"];
            if nothing.contains(&text.to_ascii_uppercase().as_str()) { String::new() } else { text }
        };
        match inside {
            "Amt" | "AmtDtls/TxAmt/Amt" if self.amount.is_none() || inside == "Amt" => {
                self.amount = amount::unsigned(text.trim(), '.');
                currency.clone_into(&mut self.currency);
                if self.amount.is_none() {
                    let text: String = text.trim().chars().take(40).collect();
                    let detail = format!("{text:?} is not an amount");
                    findings.add(FindingCode::Amount, at.0, at.1, detail);
                }
            }
            "CdtDbtInd" => {
                self.direction = Direction::of(text);
                if self.direction.is_none() {
                    unknown_direction(text, at, findings);
                }
            }
            "AcctSvcrRef" | "Refs/AcctSvcrRef" => self.servicer = reference(),
            "Refs/TxId" => self.transaction = reference(),
            "Refs/InstrId" | "Refs/UETR" if self.transaction.is_empty() => {
                self.transaction = reference();
            }
            "Refs/EndToEndId" => self.end_to_end = reference(),
            "Refs/PmtInfId" => self.batch = reference(),
            "Refs/MsgId" if self.batch.is_empty() => self.batch = reference(),
            "BkTxCd/Domn/Fmly/SubFmlyCd" => text.trim().clone_into(&mut self.code),
            "RmtInf/Ustrd"
            | "RmtInf/Strd/CdtrRefInf/Ref"
            | "RmtInf/Strd/AddtlRmtInf"
            | "AddtlTxInf" => self.adds_memo(text, at, findings),
            "RltdPties/DbtrAcct/Id/IBAN" | "RltdPties/DbtrAcct/Id/Othr/Id" => {
                self.accounts[0] = masked(text);
            }
            "RltdPties/CdtrAcct/Id/IBAN" | "RltdPties/CdtrAcct/Id/Othr/Id" => {
                self.accounts[1] = masked(text);
            }
            _ => {}
        }
    }

    fn adds_memo(&mut self, text: &str, at: (u64, &str), findings: &mut Findings) {
        let text = clean(text, MEMO, at, findings);
        if text.is_empty() || self.memo.chars().count() >= MEMO {
            return;
        }
        if !self.memo.is_empty() {
            self.memo.push(' ');
        }
        self.memo.push_str(&text);
        if self.memo.chars().count() > MEMO {
            self.memo = self.memo.chars().take(MEMO).collect();
            let detail = format!("only {MEMO} characters are kept");
            findings.add_once(FindingCode::TextCut, at.0, at.1, &detail);
        }
    }

    /// A detail's own, else the entry's.
    fn first_of(&self, entry: &Self, pick: impl Fn(&Self) -> &String) -> String {
        let own = pick(self);
        if own.is_empty() { pick(entry).clone() } else { own.clone() }
    }

    /// The other account: of money in the debtor's, of money out the creditor's.
    fn counterparty(&self, amount: Decimal) -> String {
        self.accounts[usize::from(amount.is_sign_negative())].clone()
    }
}

fn date(text: &str, at: (u64, &str), findings: &mut Findings) -> Option<NaiveDate> {
    let date = iso_date(text);
    if date.is_none() {
        let text: String = text.trim().chars().take(40).collect();
        findings.add(FindingCode::Date, at.0, at.1, format!("{text:?} is not a date"));
    }
    date
}
