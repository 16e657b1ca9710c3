//! MT940, with the line ends of SWIFT.

use std::fmt::Write;

use super::Day;

const fn word(amount: i64) -> char {
    if amount < 0 { 'D' } else { 'C' }
}

/// SWIFT's characters, without what begins a field.
fn plain(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '.' }).collect();
    text.trim_start_matches([':', '-']).to_owned()
}

/// The statement of a day.
pub fn write(day: &Day) -> String {
    let date = day.day.format("%y%m%d");
    let mut text = format!(
        ":20:{}{date}\r\n:25:{}\r\n:28C:{}/1\r\n:60F:{}{date}VND{},\r\n",
        &day.partner.to_uppercase()[..day.partner.len().min(4)],
        day.account,
        day.number(),
        word(day.opening),
        day.opening.abs()
    );
    for told in &day.movements {
        let reference = if told.reference.is_empty() { "NONREF" } else { &told.reference };
        let _ = write!(
            text,
            ":61:{date}{}{}{},NTRF{}//{}\r\n:86:",
            told.at.format("%m%d"),
            word(told.amount),
            told.amount.abs(),
            plain(reference).replace("//", "/"),
            plain(&told.transaction_id)
        );
        let memo: Vec<char> = plain(&told.memo).chars().collect();
        for part in memo.chunks(65) {
            let part: String = part.iter().collect();
            let _ = write!(text, "{}\r\n", part.trim_start_matches([':', '-']));
        }
        if memo.is_empty() {
            text.push_str("\r\n");
        }
    }
    let closing = day.closing();
    let _ = write!(text, ":62F:{}{date}VND{},\r\n-\r\n", word(closing), closing.abs());
    text
}
