//! Reading files: camt, MT940, and partners' reports by a mapping. One model comes out, and no file
//! whatsoever makes it panic or fill the memory.
//!
//! A reader goes through a file once, from front to end, hands out each line as it passes, and tells
//! what it found. It knows neither registers nor database.

mod amount;
mod camt;
mod camt_entry;
mod camt_statement;
mod guard;
pub mod mapping;
mod mt940;
mod mt940_entry;
pub mod probe;
mod report;
mod report_row;
mod texts;
mod xml;

use std::io::{BufRead, Read};

use self::guard::Guarded;
use self::mapping::Mapping;
use super::finding::FindingCode;
use super::model::{Line, ReadFile};

/// Where lines go: the place of their statement in the file, from 0, and the line.
pub type Lines<'l> = &'l mut dyn FnMut(usize, Line);

/// Enough to tell what a file is.
const HEAD: usize = 4096;

/// Reads a file of any known format. The error is one of reading bytes, never of what they say.
pub fn read(
    input: impl BufRead,
    mappings: &[Mapping],
    lines: Lines<'_>,
) -> std::io::Result<ReadFile> {
    let mut input = input;
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let looks = Looks::of(&head);
    let skipped = usize::from(head.starts_with(BOM)) * BOM.len();
    let whole = head[skipped..].chain(input);
    match looks {
        Looks::Xml => camt::read(Guarded::new(whole), lines),
        Looks::Swift => mt940::read(&mut Guarded::new(whole), lines),
        // It looks at the head once more, and guards what it reads then.
        Looks::Text => report::read(whole, mappings, lines),
        Looks::Nothing => Ok(refused(FindingCode::Empty, "the file is empty")),
        Looks::Other(what) => Ok(refused(FindingCode::UnknownFormat, what)),
        Looks::Utf16 => Ok(refused(FindingCode::Encoding, "the file is UTF-16")),
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

fn refused(code: FindingCode, detail: &str) -> ReadFile {
    let mut file = ReadFile::default();
    file.findings.add(code, 0, "file", detail);
    file
}

/// What the first bytes look like.
enum Looks {
    Nothing,
    Xml,
    Swift,
    Text,
    Utf16,
    Other(&'static str),
}

impl Looks {
    fn of(head: &[u8]) -> Self {
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return Self::Utf16;
        }
        let head = head.strip_prefix(BOM).unwrap_or(head);
        let first = head.iter().position(|b| !b.is_ascii_whitespace() && *b != 0);
        let Some(first) = first else { return Self::Nothing };
        let head = &head[first..];
        for (magic, what) in [
            (&b"PK\x03\x04"[..], "the file is a ZIP archive or a spreadsheet (XLSX)"),
            (b"\xd0\xcf\x11\xe0", "the file is an old spreadsheet (XLS)"),
            (b"%PDF", "the file is a PDF"),
            (b"\x1f\x8b", "the file is compressed (gzip)"),
        ] {
            if head.starts_with(magic) {
                return Self::Other(what);
            }
        }
        if head[0] == b'<' {
            return Self::Xml;
        }
        let swift = |line: &[u8]| {
            [&b":20:"[..], b":25:", b":28C:", b":28:", b":60F:", b":60M:", b"{1:"]
                .iter()
                .any(|tag| line.trim_ascii().starts_with(tag))
        };
        if head.split(|b| *b == b'\n').any(swift) { Self::Swift } else { Self::Text }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
