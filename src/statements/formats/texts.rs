//! Texts and dates as files write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::statements::finding::{FindingCode, Findings};
use crate::vocabulary::day;

/// References are kept up to here (characters).
pub const REFERENCE: usize = 100;
/// Memos are kept up to here (characters).
pub const MEMO: usize = 1000;

/// A text without control characters, trimmed, at most `most` characters long.
pub fn clean(text: &str, most: usize, at: (u64, &str), findings: &mut Findings) -> String {
    let text = text.trim();
    // Line ends and tabs are how texts are laid out, others do not belong there.
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(odd) {
        let detail = "control characters are left out";
        findings.add_once(FindingCode::ControlCharacter, at.0, at.1, detail);
    }
    let mut cleaned = String::with_capacity(text.len().min(4 * most));
    let mut length = 0;
    let mut space = false;
    for c in text.chars() {
        if odd(c) {
            continue;
        }
        if c.is_whitespace() {
            space = true;
            continue;
        }
        if length >= most {
            let detail = format!("only {most} characters are kept");
            findings.add_once(FindingCode::TextCut, at.0, at.1, &detail);
            break;
        }
        if space && length > 0 {
            cleaned.push(' ');
            length += 1;
        }
        space = false;
        cleaned.push(c);
        length += 1;
    }
    cleaned
}

/// An account number of somebody else: its last four characters are enough to recognise it.
pub fn masked(account: &str) -> String {
    let characters: Vec<char> = account.chars().filter(|c| c.is_alphanumeric()).collect();
    let from = characters.len().saturating_sub(4);
    if characters.is_empty() {
        return String::new();
    }
    format!("*{}", characters[from..].iter().collect::<String>())
}

/// `2026-11-20`, also with a time behind it; a time with its offset is told by Việt Nam's clock.
pub fn iso_date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(day::to_local(at.to_utc()).date());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
            return Some(at.date());
        }
    }
    // A date may carry an offset too: `2026-11-20+07:00`.
    let date = text.get(..10)?;
    let rest = &text[10..];
    let is_offset = rest.is_empty() || rest == "Z" || rest.starts_with(['+', '-']);
    if is_offset { NaiveDate::parse_from_str(date, "%Y-%m-%d").ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_in_many_dresses() {
        let date = |text: &str| iso_date(text).map(|d| d.to_string());
        for (text, expected) in [
            ("2026-11-20", "2026-11-20"),
            ("2026-11-20+07:00", "2026-11-20"),
            ("2026-11-20T23:30:00Z", "2026-11-21"),
            ("2026-11-20T23:30:00+07:00", "2026-11-20"),
            ("2025-07-23T00:00:00.000000000", "2025-07-23"),
        ] {
            assert_eq!(date(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "2026-02-30", "20261120", "2026-11-20 x", "ngày 20", "2026-11-20é"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn texts_lose_what_does_not_belong_there() {
        let mut findings = Findings::default();
        let cleaned = clean("  a\u{1}b \r\n c\u{0}  ", 10, (3, "Ustrd"), &mut findings);
        assert_eq!(cleaned, "ab c");
        assert_eq!(findings.count(), 1);
        assert_eq!(clean("xxxxxxxxxxxx", 5, (3, "Ustrd"), &mut findings), "xxxxx");
        assert!(findings.has(FindingCode::TextCut));
        assert_eq!(masked("NL56 AGDH 9619008421"), "*8421");
    }
}
