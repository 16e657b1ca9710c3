//! Files that show something about a case: what may be kept, told by its bytes and not by its name.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::vocabulary::ids::uuid_v7;

/// The most bytes of a file.
pub const MOST: usize = 10 * 1024 * 1024;
/// The most files of a case.
pub const FILES: usize = 50;

/// A file, as it is listed.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its id.
    pub id: Uuid,
    /// When it came.
    pub made_at: DateTime<Utc>,
    /// Who handed it in.
    pub made_by: String,
    /// The partner sees it.
    pub shared: bool,
    /// Its name.
    pub name: String,
    /// What it is, by its bytes.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// So many bytes.
    pub size: i64,
}

/// A file with its bytes.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// All but the bytes.
    pub shown: Shown,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why a file is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// More than is kept.
    #[error("the file is larger than 10 MiB")]
    TooLarge,
    /// Its bytes are of no kind that is kept.
    #[error(
        "the file is none of PDF, PNG, JPEG, spreadsheet (XLSX), XML, CSV or plain text in UTF-8"
    )]
    Unknown,
    /// It has no name, or a bad one.
    #[error("the name must have 1 to 120 characters, without slashes and control characters")]
    BadName,
}

/// What bytes are, whatever they are called.
fn kind_of(bytes: &[u8], name: &str) -> Option<&'static str> {
    if bytes.starts_with(b"%PDF-") {
        return Some("application/pdf");
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Some("image/jpeg");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        // A spreadsheet is an archive with this member; no other archive is kept.
        let member = b"xl/workbook.xml";
        return bytes
            .windows(member.len())
            .any(|window| window == member)
            .then_some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = |c: char| !c.is_control() || matches!(c, '\r' | '\n' | '\t');
    if !text.chars().all(plain) {
        return None;
    }
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<?xml") {
        return Some("application/xml");
    }
    // A page would be shown as one by a browser that is led to it.
    if start.starts_with('<') {
        return None;
    }
    let ends = std::path::Path::new(name).extension();
    let csv = ends.is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    Some(if csv { "text/csv; charset=utf-8" } else { "text/plain; charset=utf-8" })
}

/// A file that is to be kept.
pub fn take(
    name: &str,
    bytes: Vec<u8>,
    (made_by, shared): (&str, bool),
    now: DateTime<Utc>,
) -> Result<Evidence, EvidenceError> {
    let fits = (1..=120).contains(&name.chars().count())
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '"'))
        && name.trim() == name;
    if !fits {
        return Err(EvidenceError::BadName);
    }
    if bytes.is_empty() {
        return Err(EvidenceError::Empty);
    }
    if bytes.len() > MOST {
        return Err(EvidenceError::TooLarge);
    }
    let media_type = kind_of(&bytes, name).ok_or(EvidenceError::Unknown)?;
    let shown = Shown {
        id: uuid_v7(now),
        made_at: now,
        made_by: made_by.to_owned(),
        shared,
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        sha256: Sha256::digest(&bytes).to_vec(),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
    };
    Ok(Evidence { shown, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        let kind = |name: &str, bytes: &[u8]| {
            take(name, bytes.to_vec(), ("an", false), DateTime::UNIX_EPOCH)
                .map(|taken| taken.shown.media_type)
        };
        assert_eq!(kind("a.exe", b"%PDF-1.7 x").as_deref(), Ok("application/pdf"));
        assert_eq!(kind("a", b"\x89PNG\r\n\x1a\nx").as_deref(), Ok("image/png"));
        assert_eq!(kind("a.csv", "số;tiền\n".as_bytes()).as_deref(), Ok("text/csv; charset=utf-8"));
        assert_eq!(kind("a.pdf", b"hello").as_deref(), Ok("text/plain; charset=utf-8"));
        assert_eq!(kind("a.xml", b"<?xml version='1.0'?><a/>").as_deref(), Ok("application/xml"));
        for bad in [b"MZ\x90\x00".as_slice(), b"<html>", b"PK\x03\x04zip", b"\xff\xfe"] {
            assert_eq!(kind("a.pdf", bad), Err(EvidenceError::Unknown), "{bad:?}");
        }
        assert_eq!(kind("a", b""), Err(EvidenceError::Empty));
        assert_eq!(kind("../a", b"x"), Err(EvidenceError::BadName));
        assert_eq!(kind("", b"x"), Err(EvidenceError::BadName));
        assert_eq!(kind("a", &vec![b'x'; MOST + 1]), Err(EvidenceError::TooLarge));
    }
}
