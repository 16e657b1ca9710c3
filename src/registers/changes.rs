//! What a load would change: the rows that are new, or the reasons why it cannot be taken.
//!
//! Pure: the same files against the same registers on the same day give the same result.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use chrono::NaiveDate;

use super::csv_file::{Columns, Mistake};
use super::entries::{Entries, ReceiptRange};
use super::rows::{self, Book, Row};
use super::versions::Dated;
use crate::partners::{CollectingAccount, PartnerEntry, SettlingSource, register};

/// The entries of `book` that are not in the registers yet, or every reason to refuse the load.
pub fn find(book: Book, now: &Entries, today: NaiveDate) -> Result<Entries, Vec<Mistake>> {
    let mut notes = Notes::default();
    references(&book, now, &mut notes);
    accounts(&book, now, &mut notes);
    let receipt_ranges = receipt_ranges(&book.receipt_ranges, &now.receipt_ranges, &mut notes);
    let changes = Entries {
        agencies: dated(rows::AGENCIES, book.agencies, &now.agencies, today, &mut notes),
        treasury_accounts: dated(
            rows::TREASURY_ACCOUNTS,
            book.treasury_accounts,
            &now.treasury_accounts,
            today,
            &mut notes,
        ),
        procedures: dated(rows::PROCEDURES, book.procedures, &now.procedures, today, &mut notes),
        fee_lines: dated(rows::FEE_LINES, book.fee_lines, &now.fee_lines, today, &mut notes),
        portals: undated(rows::PORTALS, book.portals, &now.portals, |p| &p.code, &mut notes),
        partners: partners(book.partners, &now.partners, &mut notes),
        collecting_accounts: dated(
            rows::COLLECTING_ACCOUNTS,
            book.collecting_accounts,
            &now.collecting_accounts,
            today,
            &mut notes,
        ),
        receipt_ranges,
        holidays: dated(rows::CALENDAR, book.holidays, &now.holidays, today, &mut notes),
    };
    if notes.0.is_empty() { Ok(changes) } else { Err(notes.0) }
}

#[derive(Debug, Default)]
struct Notes(Vec<Mistake>);

impl Notes {
    fn add(&mut self, columns: Columns, line: u64, column: &'static str, what: String) {
        self.0.push(Mistake { file: columns.file, line, column, what });
    }

    /// Remembers where a key stands; notes when it stands there for the second time.
    fn once<K: Hash + Eq>(
        &mut self,
        seen: &mut HashMap<K, u64>,
        key: K,
        (columns, line): (Columns, u64),
        column: &'static str,
    ) {
        if let Some(first) = seen.insert(key, line) {
            let what = format!("the same entry stands on line {first}; take one of the two out");
            self.add(columns, line, column, what);
        }
    }
}

fn key<T: Dated>(entry: &T) -> (&str, (&str, i16), NaiveDate) {
    (entry.group(), entry.item(), entry.valid_from())
}

/// New versions, and those that replace one which has not begun or of which no past day changes.
fn dated<T: Dated + Eq>(
    columns: Columns,
    rows: Vec<Row<T>>,
    now: &[T],
    today: NaiveDate,
    notes: &mut Notes,
) -> Vec<T> {
    let known: HashMap<_, &T> = now.iter().map(|entry| (key(entry), entry)).collect();
    let mut seen = HashMap::new();
    let mut new = HashSet::new();
    for Row { line, entry } in &rows {
        notes.once(&mut seen, key(entry), (columns, *line), "valid_from");
        match known.get(&key(entry)) {
            Some(old) if *old == entry => {}
            Some(old) if entry.valid_from() <= today && !old.may_become(entry, today) => {
                let what = format!(
                    "the version of {} is in force and is not rewritten; write the change in a \
                     row of its own with a later valid_from",
                    entry.valid_from()
                );
                notes.add(columns, *line, "valid_from", what);
            }
            _ => {
                new.insert(*line);
            }
        }
    }
    rows.into_iter().filter(|row| new.contains(&row.line)).map(|row| row.entry).collect()
}

/// New entries and changed ones of a register without versions.
fn undated<T: Eq>(
    columns: Columns,
    rows: Vec<Row<T>>,
    now: &[T],
    code: impl Fn(&T) -> &String,
    notes: &mut Notes,
) -> Vec<T> {
    let known: HashMap<_, &T> = now.iter().map(|entry| (code(entry), entry)).collect();
    let mut seen = HashMap::new();
    for Row { line, entry } in &rows {
        notes.once(&mut seen, code(entry), (columns, *line), "code");
    }
    let is_new = |row: &Row<T>| known.get(code(&row.entry)).is_none_or(|old| **old != row.entry);
    rows.into_iter().filter(is_new).map(|row| row.entry).collect()
}

fn partners(
    rows: Vec<Row<PartnerEntry>>,
    now: &[PartnerEntry],
    notes: &mut Notes,
) -> Vec<PartnerEntry> {
    for Row { line, entry } in &rows {
        let old = now.iter().find(|old| old.code == entry.code);
        // References, settings and open orders are in the words of the dialect.
        if let Some(old) = old.filter(|old| old.dialect != entry.dialect) {
            let what = format!(
                "{} speaks {}, which does not change; close it and enter a partner of another code",
                old.code, old.dialect
            );
            notes.add(rows::PARTNERS, *line, "dialect", what);
        }
    }
    undated(rows::PARTNERS, rows, now, |partner| &partner.code, notes)
}

/// Every code that a row names must be in the registers or in the same load.
fn references(book: &Book, now: &Entries, notes: &mut Notes) {
    let agencies = codes(&now.agencies, &book.agencies);
    let procedures = codes(&now.procedures, &book.procedures);
    let mut missing = |columns: Columns, line, column, code: &str, file: Columns| {
        let what = format!("{code} is in no register; enter it in {} or correct it", file.file);
        notes.add(columns, line, column, what);
    };
    for Row { line, entry } in &book.treasury_accounts {
        if !agencies.contains(entry.agency.as_str()) {
            missing(rows::TREASURY_ACCOUNTS, *line, "agency", &entry.agency, rows::AGENCIES);
        }
    }
    for Row { line, entry } in &book.fee_lines {
        if !procedures.contains(entry.procedure.as_str()) {
            missing(rows::FEE_LINES, *line, "procedure", &entry.procedure, rows::PROCEDURES);
        }
        if let Some(agency) = entry.beneficiary.as_deref().filter(|code| !agencies.contains(code)) {
            missing(rows::FEE_LINES, *line, "beneficiary", agency, rows::AGENCIES);
        }
    }
    for Row { line, entry } in &book.receipt_ranges {
        if !agencies.contains(entry.agency.as_str()) {
            missing(rows::RECEIPT_RANGES, *line, "agency", &entry.agency, rows::AGENCIES);
        }
    }
    for Row { line, entry } in &book.collecting_accounts {
        if let Some(agency) = entry.agency.as_deref().filter(|code| !agencies.contains(code)) {
            missing(rows::COLLECTING_ACCOUNTS, *line, "agency", agency, rows::AGENCIES);
        }
    }
}

/// What was notified stays: a range may be new or be closed, no number is of two ranges.
fn receipt_ranges(
    rows: &[Row<ReceiptRange>],
    now: &[ReceiptRange],
    notes: &mut Notes,
) -> Vec<ReceiptRange> {
    let known: HashMap<_, &ReceiptRange> = now.iter().map(|range| (range.key(), range)).collect();
    let mut seen = HashMap::new();
    let mut runs: HashMap<_, Vec<&ReceiptRange>> = HashMap::new();
    let run = |range: &ReceiptRange| (range.agency.clone(), range.form, range.symbol.clone());
    for range in now {
        runs.entry(run(range)).or_default().push(range);
    }
    let mut new = Vec::new();
    for Row { line, entry } in rows {
        notes.once(&mut seen, entry.key(), (rows::RECEIPT_RANGES, *line), "first");
        let mut wrong = |column, what| notes.add(rows::RECEIPT_RANGES, *line, column, what);
        match known.get(&entry.key()) {
            Some(old) if *old == entry => continue,
            Some(old) => {
                let closed = ReceiptRange { closed: entry.closed, ..(*old).clone() };
                if closed == *entry && !old.closed {
                    new.push(entry.clone());
                } else {
                    let what =
                        "the range stands as it was notified; it can only be closed".to_owned();
                    wrong("first", what);
                }
                continue;
            }
            None => {}
        }
        let others = runs.entry(run(entry)).or_default();
        if let Some(other) = others.iter().find(|o| o.first <= entry.last && entry.first <= o.last)
        {
            let what = format!(
                "overlaps the range {}-{} of the same unit, form and symbol",
                other.first, other.last
            );
            wrong("first", what);
        }
        others.push(entry);
        new.push(entry.clone());
    }
    new
}

fn codes<'a, T: Dated>(now: &'a [T], rows: &'a [Row<T>]) -> HashSet<&'a str> {
    now.iter().map(T::group).chain(rows.iter().map(|row| row.entry.group())).collect()
}

/// A collecting account belongs to one partner, which can report on it in the way it says.
fn accounts(book: &Book, now: &Entries, notes: &mut Notes) {
    let mut dialects: HashMap<&str, &str> = HashMap::new();
    for partner in now.partners.iter().chain(book.partners.iter().map(|row| &row.entry)) {
        dialects.insert(&partner.code, &partner.dialect);
    }
    let mut owners: HashMap<(&str, &str), &str> = HashMap::new();
    for account in newest(&now.collecting_accounts) {
        owners.insert((&account.bin, &account.number), &account.partner);
    }
    for Row { line, entry } in &book.collecting_accounts {
        let mut wrong = |column, what| notes.add(rows::COLLECTING_ACCOUNTS, *line, column, what);
        let Some(dialect) = dialects.get(entry.partner.as_str()) else {
            let file = rows::PARTNERS.file;
            wrong("partner", format!("{} is no partner; enter it in {file}", entry.partner));
            continue;
        };
        if entry.bin.is_empty() && register::has_bank_accounts(dialect) {
            wrong("bin", "is empty; write the bank's six digits at NAPAS".to_owned());
        }
        if entry.settling_source == SettlingSource::Webhook && !register::has_callback(dialect) {
            wrong("settling_source", format!("a {dialect} partner calls nobody back; use api"));
        }
        if entry.bin.is_empty() || entry.closed {
            continue;
        }
        let owner = owners.entry((&entry.bin, &entry.number)).or_insert(&entry.partner);
        if *owner != entry.partner {
            let what = format!(
                "{} already collects for {owner}; an account has one partner: close it there first",
                entry.number
            );
            wrong("number", what);
        }
    }
}

/// The newest version of every account, when it is open.
fn newest(accounts: &[CollectingAccount]) -> impl Iterator<Item = &CollectingAccount> {
    let mut newest: HashMap<(&str, &str), &CollectingAccount> = HashMap::new();
    for account in accounts {
        let last = newest.entry((&account.partner, &account.number)).or_insert(account);
        if last.valid_from < account.valid_from {
            *last = account;
        }
    }
    newest.into_values().filter(|account| !account.closed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::money::Money;

    const AGENCIES: &str = "code,valid_from,name\nG01.A,2024-01-01,Sở Tư pháp\n";
    const PROCEDURES: &str = "code,valid_from,name\n1.001234,2024-01-01,Phiếu lý lịch\n";
    const PARTNERS: &str = "code,name,dialect\nbank,Ngân hàng,payos\nplain,B,plain\nw,Ví,vnpay\n";
    const FEES: &str = "procedure,line,valid_from,valid_until,kind,name,amount,chapter,sub_item\n";
    const ACCOUNTS: &str = "partner,number,valid_from,bin,holder,agency,settling_source,closed\n";

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    /// Loads files over the registers on 15 November 2026; what is wrong is told as text.
    fn load(now: &Entries, files: &[(&str, &str)]) -> Result<Entries, Vec<String>> {
        let files: Vec<_> =
            files.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect();
        let (book, mistakes) = rows::read(&files);
        assert_eq!(mistakes, []);
        find(book, now, day("2026-11-15"))
            .map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    fn basis() -> Entries {
        let files = [
            ("agencies.csv", AGENCIES),
            ("procedures.csv", PROCEDURES),
            ("partners.csv", PARTNERS),
        ];
        load(&Entries::default(), &files).expect("good files")
    }

    #[test]
    fn the_same_content_again_is_no_change() {
        let files = [
            ("agencies.csv", AGENCIES),
            ("procedures.csv", PROCEDURES),
            ("partners.csv", PARTNERS),
        ];
        assert_eq!(load(&basis(), &files).expect("good files").count(), 0);
    }

    #[test]
    fn what_has_begun_is_not_rewritten_and_what_has_not_may_be() {
        let mut now = basis();
        let fee = |rows: &str| format!("{FEES}{rows}");
        let first = fee("1.001234,1,2024-01-01,,phi,Phí,200000,414,2716\n\
             1.001234,1,2027-01-01,,phi,Phí,250000,414,2716\n");
        now.fee_lines = load(&now, &[("fee_lines.csv", &first)]).expect("new").fee_lines;
        let past = fee("1.001234,1,2024-01-01,,phi,Phí,210000,414,2716\n");
        assert_eq!(
            load(&now, &[("fee_lines.csv", &past)]).expect_err("in force"),
            ["fee_lines.csv:2 valid_from: the version of 2024-01-01 is in force and is not \
              rewritten; write the change in a row of its own with a later valid_from"]
        );
        let future = fee("1.001234,1,2027-01-01,,phi,Phí,260000,414,2716\n");
        let changed = load(&now, &[("fee_lines.csv", &future)]).expect("not begun").fee_lines;
        assert_eq!(changed[0].amount, Money::vnd(260_000));
        let ended = fee("1.001234,1,2024-01-01,2026-11-15,phi,Phí,200000,414,2716\n");
        assert_eq!(load(&now, &[("fee_lines.csv", &ended)]).expect("ends today").count(), 1);
        let back = fee("1.001234,1,2024-01-01,2026-11-14,phi,Phí,200000,414,2716\n");
        assert!(load(&now, &[("fee_lines.csv", &back)]).is_err(), "a day that has passed");
    }

    #[test]
    fn every_code_must_be_known_and_every_key_stand_once() {
        let fees = format!(
            "{FEES}9.9,1,2024-01-01,,phi,Phí,1,414,2716\n\
             1.001234,1,2024-01-01,,phi,Phí,1,414,2716\n\
             1.001234,1,2024-01-01,,phi,Phí,2,414,2716\n"
        );
        let accounts = format!("{ACCOUNTS}nobody,1,2024-01-01,970418,H,G09,api,\n");
        let files = [("fee_lines.csv", fees.as_str()), ("collecting_accounts.csv", &accounts)];
        assert_eq!(
            load(&basis(), &files).expect_err("wrong"),
            [
                "fee_lines.csv:2 procedure: 9.9 is in no register; enter it in procedures.csv or \
                 correct it",
                "collecting_accounts.csv:2 agency: G09 is in no register; enter it in \
                 agencies.csv or correct it",
                "collecting_accounts.csv:2 partner: nobody is no partner; enter it in partners.csv",
                "fee_lines.csv:4 valid_from: the same entry stands on line 3; take one of the two \
                 out",
            ]
        );
    }

    #[test]
    fn an_account_has_one_partner_who_can_report_on_it() {
        let try_load = |rows: &str| {
            let accounts = format!("{ACCOUNTS}{rows}");
            load(&basis(), &[("collecting_accounts.csv", &accounts)])
                .map(|new| new.count())
                .map_err(|all| all.join("\n"))
        };
        assert_eq!(try_load("bank,12,2024-01-01,970418,H,,webhook,\n"), Ok(1));
        assert_eq!(try_load("w,SHOP-1,2024-01-01,,H,,webhook,\n"), Ok(1));
        let error = |rows| try_load(rows).expect_err("wrong");
        assert!(error("bank,12,2024-01-01,,H,,webhook,\n").contains(":2 bin: is empty"));
        assert!(error("plain,12,2024-01-01,970418,H,,webhook,\n").contains("use api"));
        let two = "bank,12,2024-01-01,970418,H,,webhook,\nplain,12,2024-01-01,970418,H,,api,\n";
        assert!(error(two).contains(":3 number: 12 already collects for bank"));
        let closed = "plain,12,2024-01-01,970418,H,,api,yes\nbank,12,2024-01-01,970418,H,,api,\n";
        assert_eq!(try_load(closed), Ok(2));
    }

    #[test]
    fn the_dialect_of_a_partner_never_changes() {
        let files = [("partners.csv", "code,name,dialect\nbank,Ngân hàng,plain\n")];
        let error = load(&basis(), &files).expect_err("another dialect").join("\n");
        assert!(error.starts_with("partners.csv:2 dialect: bank speaks payos"), "{error}");
    }
}
