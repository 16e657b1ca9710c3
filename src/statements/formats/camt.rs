//! camt.052, .053 and .054: what a bank says of an account, in XML of ISO 20022.
//!
//! The version is taken from the namespace; what differs between versions is told apart by what
//! stands there (`Sts` or `Sts/Cd`, `Dbtr/Nm` or `Dbtr/Pty/Nm`), so that later versions are read too.

use std::io::BufRead;

use super::Lines;
use super::camt_entry::Entry;
use super::camt_statement::Statement;
use super::guard::Guarded;
use super::xml::{Step, Xml};
use crate::statements::finding::FindingCode;
use crate::statements::model::{Kind, ReadFile};

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:camt.";
/// The oldest version that is read: the first was a draft that no bank sends.
const OLDEST: u8 = 2;
/// The newest version that is known to be as it is read here.
const NEWEST: u8 = 14;

/// Which message, by its number.
struct Message {
    format: &'static str,
    /// Where its statements stand.
    statement: &'static str,
    kind: Kind,
}

fn message_of(number: &str) -> Option<Message> {
    let (format, statement, kind) = match number {
        "052" => ("camt.052", "Document/BkToCstmrAcctRpt/Rpt", Kind::Information),
        "053" => ("camt.053", "Document/BkToCstmrStmt/Stmt", Kind::Account),
        "054" => ("camt.054", "Document/BkToCstmrDbtCdtNtfctn/Ntfctn", Kind::Report),
        _ => return None,
    };
    Some(Message { format, statement, kind })
}

/// The message and its version, of a namespace such as `…:camt.053.001.08`.
fn recognise(namespace: &str) -> Option<(Message, String, u8)> {
    let rest = namespace.strip_prefix(NAMESPACE)?;
    let (number, version) = rest.split_once('.')?;
    let release = version.strip_prefix("001.")?;
    if release.len() != 2 || !release.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let release: u8 = release.parse().ok()?;
    if release < OLDEST {
        return None;
    }
    Some((message_of(number)?, version.to_owned(), release))
}

/// Reads a document.
pub fn read(input: Guarded<impl BufRead>, lines: Lines<'_>) -> std::io::Result<ReadFile> {
    let mut file = ReadFile::default();
    let mut xml = Xml::new(input);
    let mut message: Option<Message> = None;
    let mut statement: Option<Statement> = None;
    let mut entry: Option<Entry> = None;
    loop {
        match xml.step(&mut file.findings)? {
            Step::Broken => break,
            Step::Done => {
                if file.statements.is_empty() && !file.findings.refuses() {
                    let detail = "the document holds no statement";
                    file.findings.add(FindingCode::NoStatement, 0, "Document", detail);
                }
                break;
            }
            Step::Begin => {
                let line = xml.line();
                let Some(message) = &message else {
                    let Some((known, version, release)) = recognise(&xml.namespace) else {
                        let detail = if xml.namespace.is_empty() {
                            "the document has no namespace".to_owned()
                        } else {
                            format!("{:?} is not taken", short(&xml.namespace))
                        };
                        file.findings.add(FindingCode::Namespace, line, "Document", detail);
                        break;
                    };
                    known.format.clone_into(&mut file.format);
                    file.version = version;
                    if release > NEWEST {
                        let detail = format!("read like 001.{NEWEST}");
                        file.findings.add(FindingCode::NewerVersion, line, "Document", detail);
                    }
                    message = Some(known);
                    continue;
                };
                let path = xml.path();
                if path == message.statement {
                    statement = Some(Statement::new(message.kind, line));
                } else if let Some(inside) = below(path, message.statement)
                    && let Some(statement) = &mut statement
                {
                    if inside == "Ntry" {
                        entry = Some(Entry::new(line));
                    } else if let (Some(entry), Some(inside)) = (&mut entry, below(inside, "Ntry"))
                    {
                        entry.begins(inside, line);
                    } else {
                        statement.begins(inside);
                    }
                }
            }
            Step::End => {
                let (Some(message), Some(current)) = (&message, &mut statement) else { continue };
                let line = xml.line();
                if xml.path() == message.statement {
                    let read = statement.take().map(|s| s.end(&mut file.findings));
                    file.statements.extend(read);
                    continue;
                }
                let Some(inside) = below(xml.path(), message.statement) else { continue };
                if inside == "Ntry" {
                    let place = file.statements.len();
                    if let Some(entry) = entry.take() {
                        current.takes(entry, &mut file.findings, &mut |line| lines(place, line));
                    }
                } else if let (Some(entry), Some(inside)) = (&mut entry, below(inside, "Ntry")) {
                    entry.ends(inside, &xml.text, &xml.currency, line, &mut file.findings);
                } else {
                    current.ends(inside, &xml.text, &xml.currency, line, &mut file.findings);
                }
            }
        }
    }
    Ok(file)
}

/// What of a path lies below another.
fn below<'p>(path: &'p str, above: &str) -> Option<&'p str> {
    path.strip_prefix(above)?.strip_prefix('/')
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
