//! XML as it may come from anybody: no document type, no entities but the five, not deep, not long.
//! What comes out is a path and a text.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::guard::{Count, Guarded};
use crate::statements::finding::{FindingCode, Findings};

/// camt goes about twenty deep.
const DEEPEST: usize = 40;

/// What happens in a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// An element begins; its path is `Xml::path`.
    Begin,
    /// An element ends; its text is `Xml::text`, its currency `Xml::currency`.
    End,
    /// The document ends, well.
    Done,
    /// It cannot be read on; the findings say why.
    Broken,
}

/// A document under way.
pub struct Xml<R> {
    reader: Reader<Guarded<R>>,
    buffer: Vec<u8>,
    count: Count,
    path: String,
    depth: usize,
    ends: bool,
    pending_end: bool,
    /// The text of the element that is read.
    pub text: String,
    /// Its `Ccy`.
    pub currency: String,
    /// The namespace of the root.
    pub namespace: String,
}

impl<R: BufRead> Xml<R> {
    /// Begins to read.
    pub fn new(input: Guarded<R>) -> Self {
        let count = input.count();
        let mut reader = Reader::from_reader(input);
        reader.config_mut().check_end_names = true;
        Self {
            reader,
            buffer: Vec::new(),
            count,
            path: String::new(),
            depth: 0,
            ends: false,
            pending_end: false,
            text: String::new(),
            currency: String::new(),
            namespace: String::new(),
        }
    }

    /// The path of the element, without prefixes: `Document/BkToCstmrStmt/Stmt`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        self.count.line()
    }

    /// The next step.
    pub fn step(&mut self, findings: &mut Findings) -> std::io::Result<Step> {
        if self.ends {
            self.leave();
        }
        if self.pending_end {
            self.pending_end = false;
            self.ends = true;
            return Ok(Step::End);
        }
        loop {
            self.buffer.clear();
            self.count.piece_ends();
            let line = self.count.line();
            let broken = |findings: &mut Findings, code, detail: &str| {
                findings.add(code, line, "xml", detail);
                Ok(Step::Broken)
            };
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => {
                    let line = self.count.line();
                    let (code, detail) = if self.count.is_too_long() {
                        (FindingCode::Shape, "one element is longer than 1 MiB".to_owned())
                    } else {
                        match error {
                            quick_xml::Error::Io(error)
                                if error.kind() == std::io::ErrorKind::InvalidData =>
                            {
                                (FindingCode::Encoding, "the text is not UTF-8".to_owned())
                            }
                            quick_xml::Error::Io(error) => {
                                return Err(std::io::Error::new(error.kind(), error.to_string()));
                            }
                            quick_xml::Error::Encoding(_) => {
                                (FindingCode::Encoding, "the text is not UTF-8".to_owned())
                            }
                            quick_xml::Error::Syntax(error) => {
                                (FindingCode::Truncated, error.to_string())
                            }
                            other => (FindingCode::Syntax, other.to_string()),
                        }
                    };
                    findings.add(code, line, "xml", detail);
                    return Ok(Step::Broken);
                }
            };
            match event {
                Event::Start(start) => {
                    let entered = enter(&mut self.path, &start, self.depth);
                    if self.depth == 0 {
                        self.namespace = namespace_of(&start);
                    }
                    self.currency = currency_of(&start);
                    if !entered {
                        let detail = "elements are nested more than 40 deep";
                        return broken(findings, FindingCode::Shape, detail);
                    }
                    self.depth += 1;
                    self.text.clear();
                    return Ok(Step::Begin);
                }
                Event::Empty(start) => {
                    if self.depth == 0 {
                        self.namespace = namespace_of(&start);
                    }
                    self.currency = currency_of(&start);
                    if !enter(&mut self.path, &start, self.depth) {
                        let detail = "elements are nested more than 40 deep";
                        return broken(findings, FindingCode::Shape, detail);
                    }
                    self.depth += 1;
                    self.text.clear();
                    self.pending_end = true;
                    return Ok(Step::Begin);
                }
                Event::End(_) => {
                    self.ends = true;
                    return Ok(Step::End);
                }
                Event::Text(text) => self.text.push_str(&text.xml10_content()),
                Event::CData(text) => self.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let name: &str = &reference;
                    let c = match name {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => reference.resolve_char_ref().ok().flatten(),
                    };
                    let Some(c) = c else {
                        let detail = "an entity of its own; none is taken";
                        return broken(findings, FindingCode::Entity, detail);
                    };
                    self.text.push(c);
                }
                Event::DocType(_) => {
                    let detail = "a document type; none is taken";
                    return broken(findings, FindingCode::Entity, detail);
                }
                Event::Eof => {
                    if self.depth > 0 {
                        let detail = format!("the file ends inside {}", self.path);
                        return broken(findings, FindingCode::Truncated, &detail);
                    }
                    return Ok(Step::Done);
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
            if self.text.len() > 1 << 20 {
                let detail = "one element is longer than 1 MiB";
                return broken(findings, FindingCode::Shape, detail);
            }
        }
    }

    fn leave(&mut self) {
        self.ends = false;
        self.depth = self.depth.saturating_sub(1);
        let length = self.path.rfind('/').unwrap_or(0);
        self.path.truncate(length);
        self.text.clear();
        self.currency.clear();
    }
}

fn enter(path: &mut String, start: &BytesStart<'_>, depth: usize) -> bool {
    if depth >= DEEPEST {
        return false;
    }
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(start.local_name().into_inner());
    true
}

fn currency_of(start: &BytesStart<'_>) -> String {
    for attribute in start.attributes().flatten() {
        if attribute.key.into_inner() == "Ccy" {
            return attribute.value.to_string();
        }
    }
    String::new()
}

/// The namespace that the root's own name is in.
fn namespace_of(start: &BytesStart<'_>) -> String {
    let name = start.name().into_inner();
    let wanted =
        name.split_once(':').map_or_else(|| "xmlns".to_owned(), |(p, _)| format!("xmlns:{p}"));
    for attribute in start.attributes().flatten() {
        if attribute.key.into_inner() == wanted {
            return attribute.value.to_string();
        }
    }
    String::new()
}
