//! Codes that people read, say and type.
//!
//! An invoice code is `PG`, twelve digits or capitals without I and O, and two check characters of
//! ISO 7064 MOD 1271-36 over the twelve. It goes into the memo of a bank transfer, where banks
//! upper-case it, take blanks out and put words around it; [`InvoiceCode::candidates`] finds it
//! again whatever was done around it.

use std::fmt;
use std::str::FromStr;

/// Digits and capitals; a letter's place is its value in ISO 7064.
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const PREFIX: &str = "PG";
const BODY: usize = 12;
/// `PG` + 12 + 2.
const LENGTH: usize = 16;

/// The text is no invoice code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an invoice code is PG, 12 digits or capitals without I and O, and 2 check characters")]
pub struct NotACode;

/// The code of an invoice, 16 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct InvoiceCode(String);

impl InvoiceCode {
    /// Draws a code. One draw in ten has I or O among its check characters and is drawn again.
    pub fn draw(random: &mut impl rand::Rng) -> Self {
        use rand::RngExt;
        loop {
            let mut text = String::with_capacity(LENGTH);
            text.push_str(PREFIX);
            while text.len() < PREFIX.len() + BODY {
                let letter = char::from(ALPHABET[random.random_range(0..36)]);
                if letter != 'I' && letter != 'O' {
                    text.push(letter);
                }
            }
            let check = check_characters(&text.as_bytes()[PREFIX.len()..]);
            if !check.iter().any(|c| matches!(c, b'I' | b'O')) {
                text.extend(check.iter().map(|c| char::from(*c)));
                return Self(text);
            }
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every code that a memo can be read to hold, each once, in order of appearance.
    ///
    /// Everything but letters and digits is dropped and letters become capitals; then every place
    /// where `PG` stands is tried. O and I, which no code has, are read as 0 and 1.
    pub fn candidates(memo: &str) -> Vec<Self> {
        let squeezed: Vec<u8> = memo
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|b| b.to_ascii_uppercase())
            .collect();
        let mut found = Vec::new();
        for window in squeezed.windows(LENGTH) {
            if !window.starts_with(PREFIX.as_bytes()) {
                continue;
            }
            let mut text = String::from(PREFIX);
            text.extend(window[PREFIX.len()..].iter().map(|b| match b {
                b'O' => '0',
                b'I' => '1',
                other => char::from(*other),
            }));
            if let Ok(code) = text.parse()
                && !found.contains(&code)
            {
                found.push(code);
            }
        }
        found
    }
}

impl FromStr for InvoiceCode {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let bytes = text.as_bytes();
        let allowed = |b: &u8| ALPHABET.contains(b) && !matches!(b, b'I' | b'O');
        if bytes.len() != LENGTH || !text.starts_with(PREFIX) || !bytes[2..].iter().all(allowed) {
            return Err(NotACode);
        }
        let (body, check) = bytes[PREFIX.len()..].split_at(BODY);
        if check_characters(body) == check { Ok(Self(text.to_owned())) } else { Err(NotACode) }
    }
}

impl fmt::Display for InvoiceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InvoiceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for InvoiceCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// ISO 7064, pure system MOD 1271-36: the whole string, check characters included, is 1 modulo
/// 1271 when read in base 36.
fn check_characters(body: &[u8]) -> [u8; 2] {
    const MODULUS: usize = 1271;
    const RADIX: usize = 36;
    let value = |b: u8| ALPHABET.iter().position(|a| *a == b).unwrap_or(0);
    let sum = body.iter().fold(0, |sum, b| (sum * RADIX + value(*b)) % MODULUS);
    let check = (MODULUS + 1 - sum * RADIX * RADIX % MODULUS) % MODULUS;
    [ALPHABET[check / RADIX], ALPHABET[check % RADIX]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_check_characters_are_those_of_the_standard() {
        // ISO 7064's own example for MOD 1271-36, also used by the International Standard
        // Musical Work lists: "ISO79" is followed by "3W".
        assert_eq!(&check_characters(b"ISO79"), b"3W");
    }

    #[test]
    fn a_drawn_code_reads_back_and_one_wrong_character_is_noticed() {
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..2_000 {
            let code = InvoiceCode::draw(&mut random);
            assert_eq!(code.as_str().parse(), Ok(code.clone()));
            for place in 2..LENGTH {
                for letter in ALPHABET {
                    let mut wrong = code.as_str().as_bytes().to_vec();
                    if wrong[place] != *letter {
                        wrong[place] = *letter;
                        let wrong = String::from_utf8(wrong).expect("ascii");
                        assert_eq!(wrong.parse::<InvoiceCode>(), Err(NotACode), "{code} {wrong}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_code_is_found_in_a_mangled_memo() {
        let mut random = rand::rngs::StdRng::seed_from_u64(11);
        let code = InvoiceCode::draw(&mut random);
        let text = code.as_str();
        let lower = text.to_lowercase();
        let (head, tail) = text.split_at(7);
        for memo in [
            text.to_owned(),
            format!("CT DEN:0123 {text} FT2231 GD 12"),
            format!("mbvcb.123.{lower}.ct tu 00110"),
            format!("{head} {tail}"),
            format!("{head}-{tail}-NGUYEN VAN A"),
            format!("PG{text}PG"),
            format!("PGPG {text}"),
            text.replace('0', "O").replace('1', "I"),
        ] {
            assert_eq!(InvoiceCode::candidates(&memo), std::slice::from_ref(&code), "{memo}");
        }
        assert!(InvoiceCode::candidates(&text[..15]).is_empty());
        assert!(InvoiceCode::candidates("NOP LE PHI").is_empty());
    }

    #[test]
    fn two_codes_in_one_memo_are_both_told() {
        let mut random = rand::rngs::StdRng::seed_from_u64(13);
        let (one, two) = (InvoiceCode::draw(&mut random), InvoiceCode::draw(&mut random));
        assert_eq!(InvoiceCode::candidates(&format!("{one}{two} {one}")), [one, two]);
    }
}
