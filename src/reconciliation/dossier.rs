//! Dossier codes in a memo: as they were written, or with their dots and dashes put back.
//!
//! Forms: `000.00.19.H47-260105-0001` (Circular 01/2018/TT-VPCP art. 19) and the newer
//! `H57.132-260804-0583`. A bank that drops punctuation leaves digits and one letter in a row.

/// The codes that a memo may hold, each once, at most eight.
pub fn candidates(memo: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |code: String| {
        if found.len() < 8 && !found.contains(&code) {
            found.push(code);
        }
    };
    for word in memo.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '/')) {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_uppercase();
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let form = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if (8..=40).contains(&word.len()) && digits >= 6 && word.bytes().all(form) {
            add(word);
        }
    }
    let squeezed: Vec<u8> =
        memo.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
    for start in 0..squeezed.len() {
        for form in FORMS {
            if let Some(code) = punctuated(&squeezed[start..], form) {
                add(code);
            }
        }
    }
    found
}

/// `9` a digit, `A` a letter, anything else stands in the code and not in the memo.
const FORMS: [&str; 4] = [
    "999.99.99.A99-999999-9999",
    "999.99.99.A99-999999-99999",
    "A99.999-999999-9999",
    "A99-999999-9999",
];

fn punctuated(text: &[u8], form: &str) -> Option<String> {
    let mut rest = text.iter();
    let mut code = String::with_capacity(form.len());
    for place in form.bytes() {
        let wanted: fn(&u8) -> bool = match place {
            b'9' => u8::is_ascii_digit,
            b'A' => u8::is_ascii_uppercase,
            other => {
                code.push(char::from(other));
                continue;
            }
        };
        code.push(char::from(*rest.next().filter(|b| wanted(b))?));
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dossier_code_is_found_as_written_or_with_its_points_put_back() {
        let holds = |memo: &str, code: &str| candidates(memo).iter().any(|c| c == code);
        assert!(holds("nop phi HS 000.00.19.H47-260105-0001, cam on", "000.00.19.H47-260105-0001"));
        assert!(holds("NOPPHI 000 00 19 H47 260105 0001 CAM ON", "000.00.19.H47-260105-0001"));
        assert!(holds("phi h57132 260804 0583", "H57.132-260804-0583"));
        assert!(holds("HS-00017 x9 HS-2026-000017", "HS-2026-000017"));
        assert!(candidates("chuyen tien an trua").is_empty());
        assert!(candidates(&"H57132260804".repeat(50)).len() <= 8);
    }
}
