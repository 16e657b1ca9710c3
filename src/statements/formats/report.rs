//! Partners' reports: CSV, by the mapping whose columns are there.

use std::io::{BufRead, Cursor, Read};

use chrono::NaiveDate;
use csv::{ByteRecord, ReaderBuilder};
use rust_decimal::Decimal;

use super::Lines;
use super::guard::Guarded;
use super::mapping::Mapping;
use super::report_row::{Places, Row, amount_of};
use super::texts::{REFERENCE, clean};
use crate::statements::finding::{FindingCode, Findings};
use crate::statements::model::{Kind, ReadFile, ReadStatement, Standing, plain};

/// The column names stand in here.
const HEAD: u64 = 16 * 1024;
/// Rows before the column names.
const MOST_HEADER_ROWS: u64 = 40;
/// Accounts of one report.
const MOST_ACCOUNTS: usize = 1000;

/// Reads a report.
pub fn read(
    input: impl BufRead,
    mappings: &[Mapping],
    lines: Lines<'_>,
) -> std::io::Result<ReadFile> {
    let mut input = input;
    let mut head = Vec::new();
    input.by_ref().take(HEAD).read_to_end(&mut head)?;
    let mut file = ReadFile::default();
    let fitting: Vec<&Mapping> = mappings.iter().filter(|mapping| fits(mapping, &head)).collect();
    if let Some(other) = fitting.iter().find(|other| other.partner != fitting[0].partner) {
        // Whose columns they are the file does not say: to guess would book another's money.
        let (one, other) = (fitting[0], *other);
        let detail = format!(
            "the mappings {:?} of {} and {:?} of {} both fit: name the partner that it is of",
            one.name, one.partner, other.name, other.partner
        );
        file.findings.add(FindingCode::Mapping, 1, "columns", detail);
        return Ok(file);
    }
    let Some(mapping) = fitting.first().copied() else {
        let (code, detail) = if std::str::from_utf8(&head).is_err_and(|e| e.error_len().is_some()) {
            (FindingCode::Encoding, "the text is not UTF-8")
        } else if looks_like_cells(&head) {
            (FindingCode::Mapping, "no mapping names these columns")
        } else {
            (FindingCode::UnknownFormat, "neither camt, nor MT940, nor a report with a mapping")
        };
        file.findings.add(code, 1, "file", detail);
        return Ok(file);
    };
    "report".clone_into(&mut file.format);
    file.version = format!("{}/{}", mapping.name, mapping.version);
    let guarded = Guarded::new(Cursor::new(head).chain(input));
    let count = guarded.count();
    let mut csv = ReaderBuilder::new()
        .delimiter(u8::try_from(mapping.delimiter).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .from_reader(guarded);
    let mut reader = Report::new(mapping, file);
    let mut record = ByteRecord::new();
    loop {
        count.piece_ends();
        match csv.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = csv.position().line();
                let findings = &mut reader.file.findings;
                if count.is_too_long() {
                    findings.add(FindingCode::Shape, line, "row", "a row is longer than 1 MiB");
                    return Ok(reader.file);
                }
                match error.into_kind() {
                    csv::ErrorKind::Io(error) => return Err(error),
                    other => {
                        let detail = format!("{other:?}");
                        findings.add(FindingCode::Syntax, line, "row", detail);
                        return Ok(reader.file);
                    }
                }
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let mut cells = Vec::with_capacity(record.len());
        for cell in &record {
            let Ok(cell) = std::str::from_utf8(cell) else {
                let detail = "the text is not UTF-8";
                reader.file.findings.add(FindingCode::Encoding, line, "row", detail);
                return Ok(reader.file);
            };
            cells.push(cell);
        }
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            reader.row(&cells, line, lines);
        }
    }
    Ok(reader.end())
}

fn fits(mapping: &Mapping, head: &[u8]) -> bool {
    String::from_utf8_lossy(head).lines().take(40).any(|line| {
        let cells: Vec<&str> =
            line.split(mapping.delimiter).map(|cell| cell.trim().trim_matches('"')).collect();
        mapping.places(&cells).is_some()
    })
}

fn looks_like_cells(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let first: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
    [',', ';', '\t', '|'].iter().any(|d| first.iter().any(|line| line.contains(*d)))
}

/// What the rows before the column names said.
#[derive(Default)]
struct Told {
    reference: String,
    day: Option<NaiveDate>,
    batch: String,
    account: String,
    currency: String,
}

struct Report<'m> {
    mapping: &'m Mapping,
    file: ReadFile,
    told: Told,
    places: Option<Places>,
    before: u64,
    rows: u64,
    sum: Decimal,
    fees: Decimal,
    ended: bool,
}

impl<'m> Report<'m> {
    fn new(mapping: &'m Mapping, file: ReadFile) -> Self {
        Self {
            mapping,
            file,
            told: Told::default(),
            places: None,
            before: 0,
            rows: 0,
            sum: Decimal::ZERO,
            fees: Decimal::ZERO,
            ended: false,
        }
    }

    fn row(&mut self, cells: &[&str], line: u64, lines: Lines<'_>) {
        let Some(places) = &self.places else {
            if let Some(found) = self.mapping.places(cells) {
                self.places = Some(Places::of(&self.mapping.columns, &found));
            } else if self.before < MOST_HEADER_ROWS {
                self.before += 1;
                self.header(cells, line);
            } else {
                let detail = "the column names are not among the first rows";
                self.file.findings.add_once(FindingCode::Mapping, line, "columns", detail);
            }
            return;
        };
        if self.ended {
            let detail = "a row after the one that ends the report";
            self.file.findings.add(FindingCode::Totals, line, "row", detail);
            return;
        }
        if let Some(trailer) = &self.mapping.trailer
            && cells.first().is_some_and(|cell| cell.trim() == trailer.mark)
        {
            self.ended = true;
            self.compare(cells, line);
            return;
        }
        self.rows += 1;
        let defaults = (&*self.told.account, &*self.told.batch, &*self.told.currency);
        let row = Row::read(self.mapping, places, defaults, (cells, line), &mut self.file.findings);
        let Some(Row { line: made, account, currency }) = row else { return };
        if made.standing == Standing::Booked {
            self.sum = self.sum.saturating_add(made.amount);
            self.fees = self.fees.saturating_add(made.fee);
        }
        let Some(place) = self.statement(account, currency, line) else { return };
        let statement = &mut self.file.statements[place];
        statement.entries += 1;
        statement.transactions += 1;
        let day = made.value_date;
        statement.from = Some(statement.from.map_or(day, |from| from.min(day)));
        statement.to = Some(statement.to.map_or(day, |to| to.max(day)));
        statement.count(&made, &mut self.file.findings);
        lines(place, made);
    }

    fn header(&mut self, cells: &[&str], line: u64) {
        let (Some(name), Some(value)) = (cells.first(), cells.get(1)) else { return };
        let (name, names) = (name.trim().trim_end_matches(':'), &self.mapping.header);
        if name.is_empty() {
            return;
        }
        let findings = &mut self.file.findings;
        let mut text = || clean(value, REFERENCE, (line, name), findings);
        if name == names.reference {
            self.told.reference = text();
        } else if name == names.batch {
            self.told.batch = text();
        } else if name == names.account {
            self.told.account = text();
        } else if name == names.currency {
            self.told.currency = text();
        } else if name == names.day {
            self.told.day = super::report_row::day_of(self.mapping, value);
            if self.told.day.is_none() {
                findings.add(FindingCode::Date, line, name, "is not a date of the mapping's form");
            }
        }
    }

    /// The statement of an account; made when it is new.
    fn statement(&mut self, account: String, currency: String, line: u64) -> Option<usize> {
        let known = self.file.statements.iter().position(|statement| statement.account == account);
        if let Some(place) = known {
            if self.file.statements[place].currency != currency {
                let detail = format!("{currency:?} in a report in another currency");
                self.file.findings.add(FindingCode::Currency, line, "currency", detail);
                return None;
            }
            return Some(place);
        }
        if self.file.statements.len() >= MOST_ACCOUNTS {
            let detail = "more than 1000 accounts in one report";
            self.file.findings.add_once(FindingCode::Shape, line, "account", detail);
            return None;
        }
        let mut statement = ReadStatement::new(Kind::Report, line);
        statement.account = account;
        statement.currency = currency;
        self.file.statements.push(statement);
        Some(self.file.statements.len() - 1)
    }

    fn compare(&mut self, cells: &[&str], line: u64) {
        let Some(trailer) = &self.mapping.trailer else { return };
        let cell = |place: Option<usize>| {
            place.map(|p| cells.get(p.wrapping_sub(1)).map_or("", |c| c.trim()))
        };
        let mut differs = |place: &str, told: &str, counted: String| {
            let detail = format!("{told:?} is declared, the rows make {counted}");
            self.file.findings.add(FindingCode::Totals, line, place, detail);
        };
        if let Some(told) = cell(trailer.count)
            && told.parse() != Ok(self.rows)
        {
            differs("count", told, self.rows.to_string());
        }
        for (place, name, counted) in
            [(trailer.sum, "sum", self.sum), (trailer.fee, "fee", self.fees)]
        {
            if let Some(told) = cell(place)
                && amount_of(self.mapping, told) != Some(counted)
            {
                differs(name, told, plain(counted));
            }
        }
    }

    fn end(mut self) -> ReadFile {
        let findings: &mut Findings = &mut self.file.findings;
        if self.places.is_none() {
            findings.add_once(FindingCode::Mapping, 1, "columns", "the column names are missing");
        }
        if self.mapping.trailer.is_some() && !self.ended {
            let detail = "the row that ends the report is missing";
            findings.add(FindingCode::Truncated, 0, "trailer", detail);
        }
        // A day on which nothing was collected is told too.
        if self.file.statements.is_empty() && !findings.refuses() {
            let account = [&self.told.account, &self.mapping.account];
            let account = account.into_iter().find(|a| !a.is_empty());
            match (account, self.told.day) {
                (Some(account), Some(day)) => {
                    let mut statement = ReadStatement::new(Kind::Report, 1);
                    statement.account.clone_from(account);
                    statement.currency.clone_from(&self.mapping.currency);
                    statement.to = Some(day);
                    self.file.statements.push(statement);
                }
                _ => findings.add(FindingCode::NoStatement, 0, "file", "the report has no rows"),
            }
        }
        for statement in &mut self.file.statements {
            statement.to = self.told.day.or(statement.to);
            statement.from = statement.from.or(statement.to);
            let by_day = || statement.to.map_or_else(String::new, |day| day.to_string());
            statement.reference = [&self.told.reference, &self.told.batch]
                .into_iter()
                .find(|told| !told.is_empty())
                .map_or_else(by_day, Clone::clone);
        }
        self.file
    }
}
