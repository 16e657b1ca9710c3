//! One CSV file of the registers: from bytes to cells, and what is wrong with them by line.
//!
//! Spreadsheets differ: the file may begin with a byte order mark, cells may be separated by commas
//! or semicolons, rows of nothing may trail behind.

use std::fmt;

/// One thing that is wrong in a file. Written `file:line column: what is wrong, what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// File name.
    pub file: &'static str,
    /// Line in the file, from 1.
    pub line: u64,
    /// Column by its header, or empty when it is the whole line.
    pub column: &'static str,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if !self.column.is_empty() {
            write!(f, " {}", self.column)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// The columns of a file.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// The file's name.
    pub file: &'static str,
    /// Must be in the header.
    pub required: &'static [&'static str],
    /// May be in the header; a missing one reads as empty cells.
    pub optional: &'static [&'static str],
}

impl Columns {
    fn names(self) -> impl Iterator<Item = &'static str> {
        self.required.iter().chain(self.optional).copied()
    }
}

/// One row, its cells in the order of [`Columns`], without blanks around them.
#[derive(Debug)]
pub struct Record {
    /// Where it comes from.
    pub columns: Columns,
    /// Line in the file, from 1.
    pub line: u64,
    cells: Vec<String>,
}

impl Record {
    /// The cell of a column of [`Columns`].
    pub fn cell(&self, column: &'static str) -> &str {
        let place = self.columns.names().position(|name| name == column);
        place.and_then(|place| self.cells.get(place)).map_or("", String::as_str)
    }
}

/// Reads a file into records. What cannot be read is in the second part.
pub fn read(columns: Columns, bytes: &[u8]) -> (Vec<Record>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let mut wrong = |line, column, what| {
        mistakes.push(Mistake { file: columns.file, line, column, what });
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().fold(0, |lines, b| lines + u64::from(*b == b'\n'));
            wrong(line, "", "not UTF-8; save the file as \"CSV UTF-8\"".to_owned());
            return (Vec::new(), mistakes);
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = reader.records();
    let Some(Ok(header)) = rows.next() else {
        wrong(
            1,
            "",
            format!(
                "the file is empty; its first line names the columns: {}",
                columns.names().collect::<Vec<_>>().join(",")
            ),
        );
        return (Vec::new(), mistakes);
    };
    let Some(places) = places(columns, &header, &mut wrong) else {
        return (Vec::new(), mistakes);
    };
    let mut records = Vec::new();
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                wrong(line, "", format!("cannot be read: {error}"));
                continue;
            }
        };
        let line = row.position().map_or(0, |position| line_of(position, text));
        if row.iter().all(str::is_empty) {
            continue;
        }
        if row.iter().skip(header.len()).any(|cell| !cell.is_empty()) || row.len() < header.len() {
            let what = format!(
                "{} cells where the header has {}; put a cell that holds the separator or a \
                 quotation mark into quotation marks",
                row.len(),
                header.len()
            );
            wrong(line, "", what);
            continue;
        }
        let cell = |place: &Option<usize>| place.and_then(|p| row.get(p)).unwrap_or("").to_owned();
        records.push(Record { columns, line, cells: places.iter().map(cell).collect() });
    }
    (records, mistakes)
}

/// The reader's position stands before the line ends and empty lines that it skips to get to a row.
fn line_of(position: &csv::Position, text: &str) -> u64 {
    let at = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(at..).unwrap_or(&[]);
    let skipped = rest.iter().take_while(|b| b"\r\n".contains(b)).filter(|b| **b == b'\n');
    position.line() + skipped.fold(0, |lines, _| lines + 1)
}

/// The separator that the header uses more often.
fn separator(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let count = |separator| header.matches(separator).count();
    if count(';') > count(',') { b';' } else { b',' }
}

/// Where each column of `columns` stands in the file; nothing when the header is wrong.
fn places(
    columns: Columns,
    header: &csv::StringRecord,
    wrong: &mut impl FnMut(u64, &'static str, String),
) -> Option<Vec<Option<usize>>> {
    let mut good = true;
    for (place, name) in header.iter().enumerate() {
        if name.is_empty() && header.iter().skip(place).all(str::is_empty) {
            break;
        }
        if !columns.names().any(|known| known == name) {
            let known = columns.names().collect::<Vec<_>>().join(", ");
            wrong(1, "", format!("unknown column {name:?}; take it out or use one of {known}"));
            good = false;
        } else if header.iter().take(place).any(|before| before == name) {
            wrong(1, "", format!("column {name:?} stands twice; take one out"));
            good = false;
        }
    }
    let place_of = |name: &str| header.iter().position(|column| column == name);
    for name in columns.required.iter().copied() {
        if place_of(name).is_none() {
            wrong(1, name, "the column is missing; add it to the first line".to_owned());
            good = false;
        }
    }
    good.then(|| columns.names().map(place_of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns =
        Columns { file: "agencies.csv", required: &["code", "name"], optional: &["note"] };

    fn cells(bytes: &[u8]) -> Vec<(u64, String, String)> {
        let (records, mistakes) = read(COLUMNS, bytes);
        assert_eq!(mistakes, []);
        let cell = |r: &Record, name| r.cell(name).to_owned();
        records.iter().map(|r| (r.line, cell(r, "code"), cell(r, "name"))).collect()
    }

    fn mistakes(bytes: &[u8]) -> Vec<String> {
        read(COLUMNS, bytes).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let wanted = [(2, "A".to_owned(), "Sở, Tư pháp".to_owned())];
        assert_eq!(cells("code,name\nA,\"Sở, Tư pháp\"\n".as_bytes()), wanted);
        assert_eq!(cells("\u{feff}code;name\r\n A ;Sở, Tư pháp\r\n;\r\n\r\n".as_bytes()), wanted);
        let later = cells(b"\r\ncode,name\r\n\r\n\r\nA,B\r\n\r\nC,\"D\"\r\nE,F");
        assert_eq!(later.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [5, 7, 8]);
        assert_eq!(cells("name,note,code,,\n\"Sở, Tư pháp\",,A,,\n,,,,".as_bytes()), wanted);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_line_and_column() {
        assert_eq!(
            mistakes(b""),
            ["agencies.csv:1: the file is empty; its first line names the columns: code,name,note"]
        );
        assert_eq!(
            mistakes(b"code,nmae,code\nA,B,C\n"),
            [
                "agencies.csv:1: unknown column \"nmae\"; take it out or use one of code, name, \
                 note",
                "agencies.csv:1: column \"code\" stands twice; take one out",
                "agencies.csv:1 name: the column is missing; add it to the first line",
            ]
        );
        let short = mistakes(b"code,name\nA,B\nA\nA,B,C\n");
        assert_eq!(short.len(), 2, "{short:?}");
        assert!(short[0].starts_with("agencies.csv:3: 1 cells where the header has 2"));
        assert!(short[1].starts_with("agencies.csv:4: 3 cells"));
        assert_eq!(
            mistakes(b"code,name\nA,S\xf4\n"),
            ["agencies.csv:2: not UTF-8; save the file as \"CSV UTF-8\""]
        );
    }
}
