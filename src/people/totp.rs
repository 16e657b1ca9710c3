//! One-time codes (RFC 6238): HMAC-SHA-1, six digits, steps of 30 seconds.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::platform::seal::Secret;

/// RFC 4226 recommends 160 bits.
pub const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// Clocks differ: one step early and one late are taken.
const SLACK: i64 = 1;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step of a time.
pub fn step_at(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP_SECONDS)
}

/// The code of a step.
#[expect(clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
pub fn code_of(secret: &Secret, step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose()).expect("a key of any length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    // Dynamic truncation: the last nibble says where the four bytes lie.
    let at = usize::from(digest[digest.len() - 1] & 0x0f);
    let four = [digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]];
    format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
}

/// The step that a code belongs to, now or a step to either side, when it is after the last one
/// that was taken. Every step is looked at, whichever fits.
pub fn step_of(secret: &Secret, code: &str, now: DateTime<Utc>, taken: i64) -> Option<i64> {
    let here = step_at(now);
    let mut found = None;
    for step in here - SLACK..=here + SLACK {
        let fits = bool::from(code_of(secret, step).as_bytes().ct_eq(code.as_bytes()));
        if fits && step > taken {
            found = Some(step);
        }
    }
    found
}

/// Is this the form of a code?
pub fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

/// The secret as authenticators take it, in base32 without padding.
pub fn secret_text(secret: &Secret) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in secret.expose() {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[((held >> bits) & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(BASE32[((held << (5 - bits)) & 31) as usize]));
    }
    text
}

/// The address that authenticators read from a QR code.
pub fn address(secret: &Secret, email: &str) -> Zeroizing<String> {
    let label: String = url::form_urlencoded::byte_serialize(email.as_bytes()).collect();
    let secret = secret_text(secret);
    Zeroizing::new(format!(
        "otpauth://totp/payclear:{label}?secret={}&issuer=payclear&algorithm=SHA1&digits=6&period=30",
        secret.as_str()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    fn secret() -> Secret {
        Secret::new(b"12345678901234567890".to_vec())
    }

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        // Appendix B, SHA-1; its eight digits end in our six.
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code_of(&secret(), step_at(at(seconds))), code[2..], "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_a_step_to_either_side() {
        let now = at(1_234_567_890);
        let step = step_at(now);
        for near in [step - 1, step, step + 1] {
            assert_eq!(step_of(&secret(), &code_of(&secret(), near), now, 0), Some(near));
        }
        for far in [step - 2, step + 2] {
            assert_eq!(step_of(&secret(), &code_of(&secret(), far), now, 0), None);
        }
        assert_eq!(step_of(&secret(), &code_of(&secret(), step), now, step), None, "used before");
        assert_eq!(step_of(&secret(), "", now, 0), None);
    }

    #[test]
    fn a_secret_is_written_in_base32() {
        // RFC 4648, section 10, without padding.
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(secret_text(&Secret::new(bytes.into())).as_str(), text);
        }
        let address = address(&secret(), "an@example.vn");
        assert!(address.starts_with(
            "otpauth://totp/payclear:an%40example.vn?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"
        ));
    }
}
