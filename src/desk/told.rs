//! What rooms note about cases in English, as officers who read Vietnamese see it. What is not known
//! here is shown as it was noted.

use crate::counter::words::Language;

/// Whole notes.
const NOTES: &[(&str, &str)] = &[
    ("another currency than the account's", "Loại tiền khác với tài khoản"),
    ("a fee that is not of a payment", "Phí không thuộc khoản thu nào"),
    ("the fee is not the contract's", "Phí khác với hợp đồng"),
    ("it went back, and brings money in", "Ghi là hoàn nhưng lại có tiền vào"),
    ("no original is known", "Không tìm thấy giao dịch gốc"),
    ("the original is of another amount", "Số tiền khác giao dịch gốc"),
    ("another line tells of the same", "Một dòng khác đã nêu khoản này"),
    ("several originals fit", "Nhiều giao dịch gốc cùng phù hợp"),
    (
        "collected there, failed or expired here",
        "Đối tác đã thu; ở đây không thành hoặc đã hết hạn",
    ),
    ("collected there, not known here", "Đối tác đã thu; ở đây chưa ghi nhận"),
    ("the bank has not booked it", "Ngân hàng chưa ghi sổ"),
    ("no money moves", "Không có tiền chuyển"),
    ("failed there, and not paid here", "Đối tác báo không thành; ở đây cũng chưa thu"),
    (
        "many payments in one credit, and no report of them",
        "Nhiều khoản trong một lần báo có, chưa có bảng kê",
    ),
    ("settled by this line", "Ghi thu theo dòng này"),
    ("transaction id, amount", "Mã giao dịch, số tiền"),
    ("our reference, amount, days", "Số tham chiếu của ta, số tiền, ngày"),
    ("code in the text, amount, days", "Mã trong nội dung, số tiền, ngày"),
    ("dossier in the text, amount", "Mã hồ sơ trong nội dung, số tiền"),
    ("batch id, sum to the đồng", "Mã lô, tổng đúng đến từng đồng"),
    ("day and sum of the only such batch", "Ngày và tổng của lô duy nhất như vậy"),
    ("batch id, sum less the fee of the contract", "Mã lô, tổng trừ phí hợp đồng"),
    ("reference of the original, amount", "Số tham chiếu giao dịch gốc, số tiền"),
    (
        "the codes of one transfer, sum to the đồng",
        "Các mã trong một lần chuyển, tổng đúng đến từng đồng",
    ),
    ("batch id, sum within the tolerance", "Mã lô, tổng trong ngưỡng cho phép"),
    ("its cause is gone", "Nguyên nhân đã hết"),
    ("the partner has answered", "Đối tác đã trả lời"),
    ("the settlement was taken back", "Khoản thu đã bị lấy lại"),
    (
        "dossier in the text, amount of its only open invoice",
        "Nội dung có mã hồ sơ, đúng số tiền của khoản thu duy nhất còn mở",
    ),
];

/// Notes with something in them: what stands before, between and after, and the same in Vietnamese.
const PATTERNS: &[(&[&str], &[&str])] = &[
    (&["refund_due of invoice ", ""], &["Tiền phải hoàn của khoản thu ", ""]),
    (&["overpaid of invoice ", ""], &["Nộp thừa cho khoản thu ", ""]),
    (&["held of invoice ", ""], &["Nộp chưa đủ cho khoản thu ", ""]),
    (&["applied_late of invoice ", ""], &["Nộp sau hạn cho khoản thu ", ""]),
    (&["suspected_duplicate of invoice ", ""], &["Nghi nộp trùng cho khoản thu ", ""]),
    (&["memo: ", ""], &["Nội dung chuyển khoản: ", ""]),
    (&["settlement ", " was taken back"], &["Khoản đã thu ", " đã bị lấy lại"]),
    (
        &["", " was told as paid on ", ", and no statement tells of it"],
        &["", " được báo đã thu ngày ", ", không sao kê nào có"],
    ),
    (&["paid on ", ", told of ", ""], &["Thu ngày ", ", sao kê ghi ngày ", ""]),
    (&["collected on ", ", told of ", ""], &["Thu vào tài khoản ", ", sao kê ghi ", ""]),
    (&["the text names ", " invoices"], &["Nội dung nêu ", " khoản thu"]),
    (&["", " settlements fit"], &["", " khoản đã thu cùng phù hợp"]),
    (&["", " batches have this sum"], &["", " lô có cùng tổng này"]),
    (&["", " batches have this name"], &["", " lô có cùng tên này"]),
    (
        &["batch ", " comes to ", ", the credit is ", ""],
        &["Lô ", " cộng được ", ", tiền về là ", ""],
    ),
    (&["of ", ", which is closed; ", ""], &["Của ngày ", " đã đóng; ", ""]),
    (
        &["order ", " is ", ", the partner says ", ""],
        &["Giao dịch ", " ở đây là ", ", đối tác báo ", ""],
    ),
    (&["", " there, ", " here"], &["Đối tác ", ", ở đây ", ""]),
    (&["its match was taken back: ", ""], &["Việc khớp đã được gỡ: ", ""]),
    (&["the account of ", " for ", " is not in"], &["Chưa nhận sao kê của ", ", ngày ", ""]),
    (&["the report of ", " for ", " is not in"], &["Chưa nhận bảng kê của ", ", ngày ", ""]),
    (&["suggested: ", ""], &["Gợi ý: ", ""]),
];

/// A note of a case in a language.
pub fn note(language: Language, told: &str) -> String {
    if language != Language::Vi {
        return told.to_owned();
    }
    // Where it stands in a file comes last.
    if let Some((why, place)) = told.rsplit_once("; line ")
        && let Some((line, statement)) = place.split_once(" of ")
    {
        return format!("{}; dòng {line} của {statement}", vietnamese(why));
    }
    vietnamese(told)
}

fn vietnamese(told: &str) -> String {
    if let Some((_, say)) = NOTES.iter().find(|(known, _)| *known == told) {
        return (*say).to_owned();
    }
    let found = PATTERNS.iter().find_map(|(pattern, say)| filled(told, pattern).zip(Some(say)));
    let Some((parts, say)) = found else { return told.to_owned() };
    let mut text = say[0].to_owned();
    for (part, after) in parts.iter().zip(&say[1..]) {
        text.push_str(part);
        text.push_str(after);
    }
    text
}

/// What stands between the parts of a pattern, when it is all of the text.
fn filled<'t>(text: &'t str, pattern: &[&str]) -> Option<Vec<&'t str>> {
    let (first, rest) = pattern.split_first()?;
    let (last, between) = rest.split_last()?;
    let mut left = text.strip_prefix(first)?.strip_suffix(last)?;
    let mut found = Vec::new();
    for part in between {
        let (before, after) = left.split_once(part)?;
        found.push(before);
        left = after;
    }
    found.push(left);
    found.iter().all(|part| !part.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_told_in_the_readers_language_with_all_that_stands_in_it() {
        let told = |text| note(Language::Vi, text);
        assert_eq!(
            told("the fee is not the contract's; line 2 of RMOMO20261123"),
            "Phí khác với hợp đồng; dòng 2 của RMOMO20261123"
        );
        assert_eq!(
            told("settlement 01a2 was taken back; line 2 of 0011-20261123"),
            "Khoản đã thu 01a2 đã bị lấy lại; dòng 2 của 0011-20261123"
        );
        assert_eq!(told("overpaid of invoice PG1"), "Nộp thừa cho khoản thu PG1");
        assert_eq!(told("batch B1 comes to 5, the credit is 4"), "Lô B1 cộng được 5, tiền về là 4");
        assert_eq!(told("150000 there, 140000 here"), "Đối tác 150000, ở đây 140000");
        // Words of people, and what nobody foresaw, stay as they are.
        for as_it_is in ["chuyển nhầm", "memo: ", "of", "", "settlement was taken back"] {
            assert_eq!(told(as_it_is), as_it_is);
        }
        assert_eq!(note(Language::En, "its cause is gone"), "its cause is gone");
    }

    #[test]
    fn every_pattern_is_said_with_as_many_parts() {
        for (pattern, say) in PATTERNS {
            assert_eq!(pattern.len(), say.len(), "{pattern:?}");
        }
    }
}
