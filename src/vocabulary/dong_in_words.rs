//! An amount of đồng in Vietnamese words, as receipts must show it.
//!
//! Groups of three digits are read with nghìn, triệu and tỷ; above the tỷ the words begin anew
//! (`một nghìn tỷ`, `một triệu tỷ`). Inside a number a group keeps its `không trăm` and its `linh`,
//! so that nothing can be written in between.

/// The amount in words, with a capital: `Một trăm năm mươi nghìn đồng`.
pub fn dong_in_words(dong: u64) -> String {
    let words = format!("{} đồng", number(dong));
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const BILLION: u64 = 1_000_000_000;

fn number(n: u64) -> String {
    if n == 0 {
        return "không".to_owned();
    }
    let (billions, rest) = (n / BILLION, n % BILLION);
    let mut words = Vec::new();
    if billions > 0 {
        words.push(format!("{} tỷ", number(billions)));
    }
    below_billion(rest, billions > 0, &mut words);
    words.join(" ")
}

/// The three groups below a tỷ; `inside`: something stands before them.
fn below_billion(n: u64, inside: bool, words: &mut Vec<String>) {
    let mut inside = inside;
    for (divisor, name) in [(1_000_000, " triệu"), (1000, " nghìn"), (1, "")] {
        let group = n / divisor % 1000;
        if group > 0 {
            words.push(format!("{}{name}", three_digits(group, inside)));
            inside = true;
        }
    }
}

const DIGITS: [&str; 10] = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"];

fn digit(n: u64) -> &'static str {
    usize::try_from(n % 10).map_or("", |n| DIGITS[n])
}

fn three_digits(n: u64, inside: bool) -> String {
    let (hundreds, tens, units) = (n / 100, n / 10 % 10, n % 10);
    let mut words = Vec::new();
    let has_hundreds = hundreds > 0 || inside;
    if has_hundreds {
        words.push(digit(hundreds));
        words.push("trăm");
    }
    match tens {
        0 if units > 0 && has_hundreds => words.push("linh"),
        0 => {}
        1 => words.push("mười"),
        _ => words.extend([digit(tens), "mươi"]),
    }
    match (tens, units) {
        (_, 0) => {}
        (2.., 1) => words.push("mốt"),
        (2.., 4) => words.push("tư"),
        (1.., 5) => words.push("lăm"),
        _ => words.push(digit(units)),
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_a_cashier_reads_them() {
        for (dong, words) in [
            (0, "Không đồng"),
            (1, "Một đồng"),
            (4, "Bốn đồng"),
            (5, "Năm đồng"),
            (10, "Mười đồng"),
            (11, "Mười một đồng"),
            (14, "Mười bốn đồng"),
            (15, "Mười lăm đồng"),
            (20, "Hai mươi đồng"),
            (21, "Hai mươi mốt đồng"),
            (24, "Hai mươi tư đồng"),
            (25, "Hai mươi lăm đồng"),
            (44, "Bốn mươi tư đồng"),
            (55, "Năm mươi lăm đồng"),
            (91, "Chín mươi mốt đồng"),
            (100, "Một trăm đồng"),
            (101, "Một trăm linh một đồng"),
            (104, "Một trăm linh bốn đồng"),
            (105, "Một trăm linh năm đồng"),
            (110, "Một trăm mười đồng"),
            (111, "Một trăm mười một đồng"),
            (115, "Một trăm mười lăm đồng"),
            (121, "Một trăm hai mươi mốt đồng"),
            (555, "Năm trăm năm mươi lăm đồng"),
            (1_000, "Một nghìn đồng"),
            (1_001, "Một nghìn không trăm linh một đồng"),
            (1_010, "Một nghìn không trăm mười đồng"),
            (1_021, "Một nghìn không trăm hai mươi mốt đồng"),
            (1_100, "Một nghìn một trăm đồng"),
            (8_000, "Tám nghìn đồng"),
            (10_000, "Mười nghìn đồng"),
            (15_500, "Mười lăm nghìn năm trăm đồng"),
            (21_000, "Hai mươi mốt nghìn đồng"),
            (100_005, "Một trăm nghìn không trăm linh năm đồng"),
            (104_000, "Một trăm linh bốn nghìn đồng"),
            (150_000, "Một trăm năm mươi nghìn đồng"),
            (1_000_000, "Một triệu đồng"),
            (1_000_001, "Một triệu không trăm linh một đồng"),
            (1_005_000, "Một triệu không trăm linh năm nghìn đồng"),
            (1_050_000, "Một triệu không trăm năm mươi nghìn đồng"),
            (
                24_524_024,
                "Hai mươi tư triệu năm trăm hai mươi tư nghìn không trăm hai mươi tư đồng",
            ),
            (
                123_456_789,
                "Một trăm hai mươi ba triệu bốn trăm năm mươi sáu nghìn bảy trăm tám mươi chín đồng",
            ),
            (1_000_000_000, "Một tỷ đồng"),
            (1_000_000_005, "Một tỷ không trăm linh năm đồng"),
            (1_000_015_000, "Một tỷ không trăm mười lăm nghìn đồng"),
            (15_000_000_000, "Mười lăm tỷ đồng"),
            (1_000_000_000_000, "Một nghìn tỷ đồng"),
            (1_001_000_000_000, "Một nghìn không trăm linh một tỷ đồng"),
            (1_234_000_000_000, "Một nghìn hai trăm ba mươi tư tỷ đồng"),
            (1_000_000_000_001, "Một nghìn tỷ không trăm linh một đồng"),
            (1_000_000_000_000_000, "Một triệu tỷ đồng"),
            (1_000_000_000_000_000_000, "Một tỷ tỷ đồng"),
        ] {
            assert_eq!(dong_in_words(dong), words, "{dong}");
        }
    }

    /// Reads words back, by rules of its own: what is written says the amount and no other.
    fn read(words: &str) -> u64 {
        let value = |word: &str| match word {
            "mốt" => Some(1),
            "tư" => Some(4),
            "lăm" => Some(5),
            _ => DIGITS.iter().position(|d| *d == word).and_then(|n| u64::try_from(n).ok()),
        };
        let (mut total, mut group, mut last) = (0_u64, 0_u64, 0_u64);
        for word in words.to_lowercase().split(' ') {
            match word {
                "tỷ" => {
                    total = (total + group + last) * BILLION;
                    (group, last) = (0, 0);
                }
                "triệu" | "nghìn" => {
                    let times = if word == "triệu" { 1_000_000 } else { 1000 };
                    total += (group + last) * times;
                    (group, last) = (0, 0);
                }
                "trăm" => (group, last) = (last * 100, 0),
                "mươi" => (group, last) = (group + last * 10, 0),
                "mười" => (group, last) = (group + 10, 0),
                "linh" | "đồng" => {}
                other => last = value(other).unwrap_or_else(|| panic!("{other} in {words}")),
            }
        }
        total + group + last
    }

    #[test]
    fn what_is_written_reads_back_as_the_amount() {
        let below = (0..=20_000).chain((0..2_000).map(|n| n * 499_979 + 13));
        // Up to the largest amount of an invoice.
        let high = (0..2_000).map(|n| n * 499_999_993 + n);
        for dong in below.chain(high).chain([999_999_999_999, 1_000_000_000_000]) {
            let words = dong_in_words(dong);
            assert_eq!(read(&words), dong, "{words}");
        }
    }
}
