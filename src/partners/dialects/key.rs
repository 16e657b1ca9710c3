//! Keys shared with a partner, and the HMACs that the dialects sign with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// A key as the partner gave it; its UTF-8 bytes sign. It never shows itself.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// Takes a key.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key itself, for the header of a call.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// HMAC-SHA256 in lower-case hex.
    pub fn sha256(&self, text: &str) -> String {
        hex::encode(mac::<Hmac<Sha256>>(&self.0, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the HMAC-SHA256 of the text? Compared in constant time.
    pub fn is_sha256(&self, text: &str, hex: &str) -> bool {
        hex::decode(hex)
            .is_ok_and(|code| mac::<Hmac<Sha256>>(&self.0, text).verify_slice(&code).is_ok())
    }

    /// HMAC-SHA512 in lower-case hex.
    pub fn sha512(&self, text: &str) -> String {
        hex::encode(mac::<Hmac<Sha512>>(&self.0, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the HMAC-SHA512 of the text? Compared in constant time.
    pub fn is_sha512(&self, text: &str, hex: &str) -> bool {
        hex::decode(hex)
            .is_ok_and(|code| mac::<Hmac<Sha512>>(&self.0, text).verify_slice(&code).is_ok())
    }

    /// HMAC-SHA256 in base64.
    pub fn sha256_base64(&self, text: &str) -> String {
        STANDARD.encode(mac::<Hmac<Sha256>>(&self.0, text).finalize().into_bytes())
    }

    /// HMAC-SHA1 in lower-case hex.
    pub fn sha1(&self, text: &str) -> String {
        hex::encode(mac::<Hmac<Sha1>>(&self.0, text).finalize().into_bytes())
    }

    /// HMAC-SHA1 in base64.
    pub fn sha1_base64(&self, text: &str) -> String {
        STANDARD.encode(mac::<Hmac<Sha1>>(&self.0, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the HMAC-SHA1 of the text? Compared in constant time.
    pub fn is_sha1(&self, text: &str, hex: &str) -> bool {
        hex::decode(hex)
            .is_ok_and(|code| mac::<Hmac<Sha1>>(&self.0, text).verify_slice(&code).is_ok())
    }

    /// Is the word the key itself? Compared in constant time.
    pub fn is_word(&self, word: &str) -> bool {
        self.0.as_bytes().ct_eq(word.as_bytes()).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

fn mac<M: Mac + KeyInit>(key: &str, text: &str) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes())
        .unwrap_or_else(|_| unreachable!("an hmac takes a key of any length"));
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macs_are_those_of_rfc_4231() {
        // RFC 4231, test case 2.
        let key = Key::new("Jefe");
        let text = "what do ya want for nothing?";
        assert_eq!(
            key.sha256(text),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(key.sha512(text).starts_with("164b7a7bfcf819e2e395fbe73b56e0a3"));
        // RFC 2202, test case 2.
        assert_eq!(key.sha1(text), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(key.sha1_base64(text), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
        assert!(key.sha256_base64(text).starts_with("W9zBRr9gdU5qBCQmCJV1"));
        assert!(key.is_word("Jefe") && !key.is_word("jefe") && !key.is_word(""));
    }

    #[test]
    fn a_code_is_taken_in_either_case_and_only_whole() {
        let key = Key::new("secret");
        for (code, is) in [
            (key.sha256("text"), Key::is_sha256 as fn(&Key, &str, &str) -> bool),
            (key.sha512("text"), Key::is_sha512),
            (key.sha1("text"), Key::is_sha1),
        ] {
            assert!(is(&key, "text", &code));
            assert!(is(&key, "text", &code.to_uppercase()));
            assert!(!is(&key, "other", &code));
            assert!(!is(&Key::new("other"), "text", &code));
            for wrong in
                ["", "zz", &code[1..], &code[2..], &format!("{code}00"), &format!(" {code}")]
            {
                assert!(!is(&key, "text", wrong), "{wrong}");
            }
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", Key::new("secret")), "Key(hidden)");
    }
}
