//! MT940: what a bank says of an account, in SWIFT's fields. A reader of its own, because what banks
//! send keeps to the book less than libraries do.

use std::io::BufRead;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::guard::{Count, Guarded};
use super::mt940_entry::{Entry, day_of};
use super::texts::{REFERENCE, clean};
use super::{Lines, amount};
use crate::statements::finding::{FindingCode, Findings};
use crate::statements::model::{Kind, ReadFile, ReadStatement};

/// Lines are not longer than 65 characters; more than this is no line at all.
const LONGEST_LINE: usize = 64 * 1024;
/// The text of one entry (bytes).
const LONGEST_TEXT: usize = 16 * 1024;

/// One statement under way.
struct Statement {
    read: ReadStatement,
    entry: Option<Entry>,
    closed: bool,
}

struct Reader<'l> {
    file: ReadFile,
    statement: Option<Statement>,
    reference: String,
    lines: Lines<'l>,
    interim: bool,
}

/// Reads a file.
pub fn read(input: &mut Guarded<impl BufRead>, lines: Lines<'_>) -> std::io::Result<ReadFile> {
    let count = input.count();
    let mut file = ReadFile { format: "mt940".to_owned(), ..ReadFile::default() };
    "2004".clone_into(&mut file.version);
    let mut reader =
        Reader { file, statement: None, reference: String::new(), lines, interim: false };
    let (mut tag, mut text, mut begun) = (String::new(), String::new(), 0);
    let mut bytes = Vec::new();
    loop {
        let line = count.line();
        bytes.clear();
        let Some(raw) = line_of(input, &count, &mut bytes)? else { break };
        let Some(raw) = raw else {
            let detail = "a line is longer than 64 KiB";
            reader.file.findings.add(FindingCode::Shape, line, "file", detail);
            return Ok(reader.file);
        };
        let raw = block_of(raw.trim_end_matches(['\r', '\n']));
        let raw = raw.trim_start_matches(|c: char| c.is_control());
        if raw == "942" {
            reader.interim = true;
        }
        let ends = raw.trim_end_matches(|c: char| c.is_control());
        if ends == "-" || ends == "-}" {
            reader.field(&tag, &text, begun);
            tag.clear();
            reader.end_statement(line);
        } else if let Some((next, rest)) = tag_of(raw) {
            reader.field(&tag, &text, begun);
            next.clone_into(&mut tag);
            rest.clone_into(&mut text);
            begun = line;
        } else if !tag.is_empty() && text.len() < LONGEST_TEXT {
            text.push('\n');
            text.push_str(raw);
        }
    }
    reader.field(&tag, &text, begun);
    reader.end_statement(count.line());
    let mut file = reader.file;
    if reader.interim {
        "mt942".clone_into(&mut file.format);
        file.statements.clear();
        file.findings = Findings::default();
        let detail = "this is an MT942, an interim report of the day";
        file.findings.add(FindingCode::Interim, 1, "file", detail);
    } else if file.statements.is_empty() && !file.findings.refuses() {
        file.findings.add(FindingCode::NoStatement, 0, "file", "the file holds no statement");
    }
    Ok(file)
}

/// The next line as text; none inside when it is too long. Bytes that are not UTF-8 are Latin-1.
#[expect(clippy::option_option, reason = "the end of the file, or a field that is none")]
fn line_of<'b>(
    input: &mut Guarded<impl BufRead>,
    count: &Count,
    bytes: &'b mut Vec<u8>,
) -> std::io::Result<Option<Option<std::borrow::Cow<'b, str>>>> {
    count.piece_ends();
    let mut limited = std::io::Read::take(&mut *input, LONGEST_LINE as u64);
    let read = limited.read_until(b'\n', bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if read == LONGEST_LINE && !bytes.ends_with(b"\n") {
        return Ok(Some(None));
    }
    Ok(Some(Some(match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect::<String>().into(),
    })))
}

/// What stands behind the headers `{1:…}{2:…}{4:` of a message.
fn block_of(line: &str) -> &str {
    if !line.starts_with('{') {
        return line;
    }
    if line.contains("{2:O942") || line.contains("{2:I942") {
        return "942";
    }
    line.split_once("{4:").map_or("", |(_, rest)| rest)
}

/// `:61:` and what follows.
fn tag_of(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.strip_prefix(':')?.split_once(':')?;
    let fits = (2..=3).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    fits.then_some((tag, rest))
}

impl Reader<'_> {
    fn field(&mut self, tag: &str, text: &str, line: u64) {
        let place = format!(":{tag}:");
        let at = (line, place.as_str());
        match tag {
            "20" => {
                self.end_statement(line);
                self.reference = clean(text, REFERENCE, at, &mut self.file.findings);
                self.begin(line);
            }
            "34F" | "13D" | "13" | "90D" | "90C" => self.interim = true,
            "25" | "25P" => {
                let first = text.lines().next().unwrap_or("");
                let account = clean(first, REFERENCE, at, &mut self.file.findings);
                self.begin(line).read.account = account;
            }
            "28C" | "28" => {
                let reference = clean(text, 40, at, &mut self.file.findings);
                let number = reference.split('/').next().and_then(|n| n.trim().parse().ok());
                let page = reference.split('/').nth(1).and_then(|n| n.trim().parse().ok());
                let statement = self.begin(line);
                statement.read.page = page.filter(|page| *page > 0).unwrap_or(1);
                // 0: the sender does not count.
                statement.read.number = number.filter(|n| *n > 0);
                statement.read.reference = reference;
            }
            "60F" | "60M" => {
                if let Some((day, currency, amount)) = self.balance(text, at) {
                    let statement = self.begin(line);
                    statement.read.from = Some(day);
                    statement.read.currency = currency;
                    statement.read.opening = Some(amount);
                }
            }
            "61" => {
                self.hand_out();
                let statement = self.begin(line);
                let (day, currency) = (statement.read.from, statement.read.currency.clone());
                let entry = Entry::read(text, day, &currency, at, &mut self.file.findings);
                if let (Some(entry), Some(statement)) = (entry, &mut self.statement) {
                    statement.entry = Some(entry);
                }
            }
            "86" | "NS" => {
                let open = self.statement.as_mut().filter(|s| !s.closed);
                if let Some(entry) = open.and_then(|s| s.entry.as_mut()) {
                    entry.adds_text(text, at, &mut self.file.findings);
                }
            }
            "62F" | "62M" => {
                self.hand_out();
                if let Some((day, currency, amount)) = self.balance(text, at) {
                    let statement = self.begin(line);
                    let differs = statement.read.currency != currency;
                    statement.read.to = Some(day);
                    statement.closed = true;
                    if differs {
                        let detail =
                            format!("closing in {currency:?}, opening in another currency");
                        self.file.findings.add(FindingCode::Currency, line, at.1, detail);
                    } else {
                        statement.read.closing = Some(amount);
                    }
                }
            }
            _ => {}
        }
    }

    /// The statement under way; begun now when there is none.
    fn begin(&mut self, line: u64) -> &mut Statement {
        self.statement.get_or_insert_with(|| Statement {
            read: ReadStatement::new(Kind::Account, line),
            entry: None,
            closed: false,
        })
    }

    /// `C110522EUR3236,28`: with its sign.
    fn balance(&mut self, text: &str, at: (u64, &str)) -> Option<(NaiveDate, String, Decimal)> {
        let text = text.trim();
        let findings = &mut self.file.findings;
        let mut wrong = |code, detail: &str| {
            findings.add(code, at.0, at.1, detail);
            None
        };
        let debit = match text.as_bytes().first() {
            Some(b'C') => false,
            Some(b'D') => true,
            _ => return wrong(FindingCode::Word, "begins neither with C nor with D"),
        };
        let (Some(day), Some(currency), Some(told)) =
            (text.get(1..7), text.get(7..10), text.get(10..))
        else {
            return wrong(FindingCode::Amount, "is too short for a balance");
        };
        if !amount::is_currency(currency) {
            return wrong(FindingCode::Currency, "has no currency of ISO 4217");
        }
        let Some(told) = amount::unsigned(told.trim(), ',') else {
            return wrong(FindingCode::Amount, "has no amount such as 3236,28");
        };
        let (day, currency) = (day_of(day, at, findings)?, currency.to_owned());
        if !amount::fits(told, &currency, at, findings) {
            return None;
        }
        Some((day, currency, if debit { -told } else { told }))
    }

    /// The entry under way is whole.
    fn hand_out(&mut self) {
        let place = self.file.statements.len();
        let Some(statement) = &mut self.statement else { return };
        if let Some(entry) = statement.entry.take() {
            let line = entry.line();
            statement.read.entries += 1;
            statement.read.transactions += 1;
            statement.read.count(&line, &mut self.file.findings);
            (self.lines)(place, line);
        }
    }

    fn end_statement(&mut self, line: u64) {
        self.hand_out();
        let Some(Statement { mut read, closed, .. }) = self.statement.take() else { return };
        let findings = &mut self.file.findings;
        if !closed && !self.interim {
            let detail = "the file ends before :62F:";
            findings.add(FindingCode::Truncated, line, ":62F:", detail);
        }
        for (missing, what) in [
            (read.account.is_empty(), ":25:"),
            (read.reference.is_empty(), ":28C:"),
            (read.opening.is_none(), ":60F:"),
        ] {
            if missing {
                findings.add(FindingCode::Missing, read.at, what, "is missing or cannot be read");
            }
        }
        // The same number comes again each year; :20: is often the same for all.
        if let Some(day) = read.to {
            read.reference = format!("{}/{day}", read.reference);
        }
        if read.reference.is_empty() {
            read.reference.clone_from(&self.reference);
        }
        if closed && !findings.has(FindingCode::Currency) {
            read.check_sum(findings);
        }
        self.file.statements.push(read);
    }
}
