//! The books against the bank: what the last statement of a day closes with, what the ledger holds of
//! that account at the day's end, and why the two differ, to the đồng.
//!
//! A bank's closing is what stood on the account before, and every line since. The ledger's balance is
//! every entry on that account up to the business day. Most days they are equal and nothing else is
//! asked. Where they are not, each side is told of what the other does not have, from the rows
//! themselves and never as a remainder (`docs/decisions/0025-books-against-the-bank.md`); what is left
//! then is a difference without a reason, and a day with one is not signed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::store::banks::{self as store, Broken, Closing, Moved, Unbooked};
use crate::text_enum;

text_enum! {
    /// Why a bank's closing is not the ledger's balance.
    pub enum Why ("reason of a difference") {
        /// A line is booked on a later business day: it was dated ahead, or came when the day was closed.
        BookedLater = "booked_later",
        /// An entry comes of another statement: a later one that dates back, or one that was replaced.
        OtherStatement = "other_statement",
        /// People said that money moved, and no statement up to the day shows it.
        ByWord = "by_word",
        /// A line that is booked by nobody has an open case.
        InCase = "in_case",
        /// Two people took a statement that does not begin where the one before ended.
        Gap = "gap",
        /// Two people took a statement that does not add up.
        Arithmetic = "arithmetic",
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: Why,
    /// Of how many lines, entries or statements.
    pub count: i64,
    /// How much of the difference, with its sign.
    pub amount: Decimal,
}

/// An account, compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// What the bank says.
    pub bank: Closing,
    /// What the ledger holds.
    pub ledger: Decimal,
    /// Why they differ.
    pub reasons: Vec<Reason>,
    /// What the first statement begins with, when nobody has entered it: part of what has no reason.
    pub begins: Decimal,
}

impl Compared {
    /// The bank's closing less the ledger's balance.
    pub fn difference(&self) -> Decimal {
        self.bank.closing - self.ledger
    }

    /// What of it has no reason; nothing, or the books are wrong.
    pub fn unexplained(&self) -> Decimal {
        self.difference() - self.reasons.iter().map(|of| of.amount).sum::<Decimal>()
    }

    /// What stands against signing, in a sentence.
    pub fn against(&self) -> Option<String> {
        let left = self.unexplained();
        if left.is_zero() {
            return None;
        }
        let bank = &self.bank;
        let begins = if self.begins.is_zero() {
            String::new()
        } else {
            format!(
                "; its first statement begins with {}, which nobody entered as opening balance",
                plain(self.begins)
            )
        };
        Some(format!(
            "account {} of {} closes with {} by statement {}, the ledger holds {}: {} differ without \
             a reason{begins}",
            bank.account,
            bank.partner,
            plain(bank.closing),
            bank.reference,
            plain(self.ledger),
            plain(left.abs())
        ))
    }

    /// As it is signed.
    pub fn content(&self) -> Value {
        let reasons = self.reasons.iter();
        json!({
            "partner": self.bank.partner, "account": self.bank.account,
            "currency": self.bank.currency, "statement": self.bank.statement,
            "reference": self.bank.reference, "closing": plain(self.bank.closing),
            "ledger": plain(self.ledger), "difference": plain(self.difference()),
            "reasons": reasons.map(|of| json!({
                "why": of.why, "count": of.count, "amount": plain(of.amount),
            })).collect::<Vec<_>>(),
            "unexplained": plain(self.unexplained()),
        })
    }
}

fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// The accounts of which a statement of this day is booked. An account without one is compared on the
/// day of its next statement.
pub async fn of_day(conn: &mut PgConnection, day: NaiveDate) -> Result<Vec<Compared>, sqlx::Error> {
    compare(conn, Some(day)).await
}

/// Every account, on the day of its last booked statement.
pub async fn latest(conn: &mut PgConnection) -> Result<Vec<Compared>, sqlx::Error> {
    compare(conn, None).await
}

async fn compare(
    conn: &mut PgConnection,
    day: Option<NaiveDate>,
) -> Result<Vec<Compared>, sqlx::Error> {
    let mut found = Vec::new();
    for bank in store::closings(conn, day).await? {
        let of = (&*bank.account, &*bank.currency);
        let ledger = store::balance(conn, of, bank.day).await?;
        let (mut reasons, mut begins) = (Vec::new(), Decimal::ZERO);
        if ledger != bank.closing {
            let broken = store::broken(conn, &bank).await?;
            let moved = store::movements(conn, &bank).await?;
            let unbooked = store::unbooked(conn, &bank).await?;
            reasons = reasons_of(&broken, &moved, &unbooked);
            begins = broken.begins;
        }
        found.push(Compared { bank, ledger, reasons, begins });
    }
    Ok(found)
}

/// Both sides of what comes of one thing: lines of the bank, entries of the ledger up to the day.
#[derive(Default)]
struct Pair {
    lines: (i64, Decimal),
    entries: (i64, Decimal),
    later: bool,
    in_case: bool,
}

/// What each side has and the other has not.
fn reasons_of(broken: &Broken, moved: &[Moved], unbooked: &[Unbooked]) -> Vec<Reason> {
    let mut found: BTreeMap<&'static str, Reason> = BTreeMap::new();
    let mut tell = |why: Why, count: i64, amount: Decimal| {
        if !amount.is_zero() {
            let none = Reason { why, count: 0, amount: Decimal::ZERO };
            let reason = found.entry(why.as_str()).or_insert(none);
            reason.count += count;
            reason.amount += amount;
        }
    };
    tell(Why::Gap, broken.gaps, broken.gap);
    tell(Why::Arithmetic, broken.wrong, broken.off);
    for of in moved.iter().filter(|of| of.by_statement) {
        match (of.own, of.later) {
            (true, true) => tell(Why::BookedLater, of.entries, of.amount),
            (false, false) => tell(Why::OtherStatement, of.entries, -of.amount),
            _ => {}
        }
    }
    let mut pairs: BTreeMap<&str, Pair> = BTreeMap::new();
    for of in moved.iter().filter(|of| !of.by_statement && of.act != "carried_in") {
        let pair = pairs.entry(of.source.as_str()).or_default();
        if of.later {
            pair.later = true;
        } else {
            pair.entries.0 += of.entries;
            pair.entries.1 += of.amount;
        }
    }
    // A line that pays a settlement is booked by matching, unless a person's word had booked it: the
    // statements themselves tell which.
    let by_matching: Decimal =
        moved.iter().filter(|of| of.by_statement && of.own).map(|of| of.amount).sum();
    let sum = |pays: bool| -> Decimal {
        unbooked.iter().filter(|of| of.pays == pays).map(|of| of.amount).sum()
    };
    let left_to_word = broken.total - by_matching - sum(false) == sum(true);
    for of in unbooked {
        let pair = pairs.entry(of.source.as_str()).or_default();
        pair.lines.0 += of.lines;
        pair.lines.1 += of.amount;
        pair.in_case |= of.in_case;
        // Booked by matching as well as by word, it is booked twice: no reason, but a fault.
        pair.later &= !of.pays || left_to_word;
    }
    for pair in pairs.values() {
        let (lines, entries) = (pair.lines, pair.entries);
        match (lines.0 > 0, entries.0 > 0) {
            (true, false) if pair.later => tell(Why::BookedLater, lines.0, lines.1),
            (true, false) if pair.in_case => tell(Why::InCase, lines.0, lines.1),
            (true, true) if pair.in_case => tell(Why::InCase, lines.0, lines.1 - entries.1),
            (false, true) => tell(Why::ByWord, entries.0, -entries.1),
            _ => {}
        }
    }
    found.into_values().collect()
}

/// Where what was signed of the accounts is not so: the closing is not the statement's, the balance
/// not the ledger's, or the reasons do not make the difference.
pub async fn differing(
    conn: &mut PgConnection,
    day: NaiveDate,
    signed: &Value,
) -> Result<Vec<String>, sqlx::Error> {
    let mut differs = Vec::new();
    let mut seen = BTreeSet::new();
    for of in signed.as_array().into_iter().flatten() {
        let text = |name: &str| of[name].as_str().unwrap_or_default();
        let decimal = |value: &Value| -> Option<Decimal> { value.as_str()?.parse().ok() };
        let (account, currency) = (text("account"), text("currency"));
        let statement = text("statement").parse();
        let now = match statement {
            Ok(id) => store::closing_of(conn, id).await?,
            Err(_) => None,
        };
        let (closing, ledger) = (decimal(&of["closing"]), decimal(&of["ledger"]));
        if closing.is_none() || now != closing {
            differs.push(format!("the closing of account {account} is not its statement's"));
        }
        if ledger != Some(store::balance(conn, (account, currency), day).await?) {
            differs.push(format!("the balance of account {account} is not the ledger's"));
        }
        let reasons = of["reasons"].as_array().into_iter().flatten();
        let reasons: Option<Decimal> = reasons.map(|of| decimal(&of["amount"])).sum();
        let difference = closing.zip(ledger).map(|(bank, books)| bank - books);
        if difference.is_none() || difference != reasons {
            differs.push(format!("account {account}: its reasons do not make the difference"));
        }
        if !seen.insert((text("partner"), account, currency)) {
            differs.push(format!("account {account} was signed twice"));
        }
    }
    Ok(differs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(act: &str, source: &str, flags: (bool, bool, bool), amount: i64) -> Moved {
        let (by_statement, own, later) = flags;
        Moved {
            act: act.to_owned(),
            source: source.to_owned(),
            later,
            by_statement,
            own,
            entries: 1,
            amount: amount.into(),
        }
    }

    fn line(source: &str, in_case: bool, pays: bool, amount: i64) -> Unbooked {
        Unbooked { source: source.to_owned(), in_case, pays, lines: 1, amount: amount.into() }
    }

    fn told(broken: Broken, moved: &[Moved], lines: &[Unbooked]) -> Vec<(Why, i64)> {
        let amount = |of: Reason| i64::try_from(of.amount).expect("small");
        reasons_of(&broken, moved, lines).into_iter().map(|of| (of.why, amount(of))).collect()
    }

    #[test]
    fn each_side_is_told_of_what_the_other_has_not() {
        let none = Broken::default();
        let own = moved("statement", "statement/1", (true, true, true), 7);
        assert_eq!(told(none, &[own], &[]), [(Why::BookedLater, 7)]);
        let other = moved("statement", "statement/2", (true, false, false), 7);
        assert_eq!(told(none, &[other], &[]), [(Why::OtherStatement, -7)]);
        // A transfer: said and not shown, shown and booked later, both, shown and a case.
        let said = |later| moved("pay_over", "payover/1", (false, false, later), -5);
        assert_eq!(told(none, &[said(false)], &[]), [(Why::ByWord, 5)]);
        let shown = |in_case| line("payover/1", in_case, false, -5);
        assert_eq!(told(none, &[said(true)], &[shown(false)]), [(Why::BookedLater, -5)]);
        assert_eq!(told(none, &[said(false)], &[shown(false)]), []);
        assert_eq!(told(none, &[], &[shown(true)]), [(Why::InCase, -5)]);
        // A line that nobody booked and that has no case has no reason.
        assert_eq!(told(none, &[], &[shown(false)]), []);
        let carried = moved("carried_in", "opening/1", (false, false, false), 100);
        assert_eq!(told(none, &[carried], &[]), []);
    }

    #[test]
    fn money_that_was_booked_by_word_and_once_more_by_its_line_has_no_reason() {
        let word = moved("banked", "settlement/1", (false, false, false), 5);
        let pays = line("settlement/1", false, true, 5);
        let total = Broken { total: 5.into(), ..Broken::default() };
        // The line is left to the word: the two are one.
        assert_eq!(told(total, std::slice::from_ref(&word), std::slice::from_ref(&pays)), []);
        let twice = moved("statement", "statement/1", (true, true, false), 5);
        assert_eq!(told(total, &[word, twice], &[pays]), []);
    }
}
