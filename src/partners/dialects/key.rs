//! Keys shared with a partner, and the HMACs that the dialects sign with.
//!
//! In settings a key is a text, or, while it is exchanged for another, `{ "current": …, "previous": … }`:
//! we sign with the current one alone, and take what the partner has signed with either. So a callback
//! that was on its way, or is sent again, is not refused on the day of the exchange. The previous one
//! is taken out of the settings once nothing is signed with it any more.

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
#[serde(try_from = "Written")]
pub struct Key {
    current: String,
    /// Signs nothing of ours any more; what the partner signs with it is still taken.
    previous: Option<String>,
}

/// A key in settings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Two(Exchanged),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchanged {
    current: String,
    previous: String,
}

impl TryFrom<Written> for Key {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::One(text) => Ok(Self::new(text)),
            // Anybody could sign with an empty key.
            Written::Two(both) if both.previous.trim().is_empty() => Err("previous is empty"),
            Written::Two(both) => Ok(Self::new(both.current).after(both.previous)),
        }
    }
}

impl Key {
    /// Takes a key.
    pub fn new(text: impl Into<String>) -> Self {
        Self { current: text.into(), previous: None }
    }

    /// The same key, in the place of another that is still taken from the partner.
    #[must_use]
    pub fn after(self, previous: impl Into<String>) -> Self {
        Self { previous: Some(previous.into()), ..self }
    }

    /// The key itself, for the header of a call.
    pub fn expose(&self) -> &str {
        &self.current
    }

    /// All that the partner may use at this time, the current one first.
    pub fn alive(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.current.as_str()).chain(self.previous.as_deref())
    }

    /// Is `hex`, in either case, this MAC of the text, with a key that is alive?
    fn is_mac<M: Mac + KeyInit>(&self, text: &str, hex: &str) -> bool {
        hex::decode(hex).is_ok_and(|code| {
            self.alive().any(|key| mac::<M>(key, text).verify_slice(&code).is_ok())
        })
    }

    /// HMAC-SHA256 in lower-case hex.
    pub fn sha256(&self, text: &str) -> String {
        hex::encode(mac::<Hmac<Sha256>>(&self.current, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the HMAC-SHA256 of the text? Compared in constant time.
    pub fn is_sha256(&self, text: &str, hex: &str) -> bool {
        self.is_mac::<Hmac<Sha256>>(text, hex)
    }

    /// HMAC-SHA512 in lower-case hex.
    pub fn sha512(&self, text: &str) -> String {
        hex::encode(mac::<Hmac<Sha512>>(&self.current, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the HMAC-SHA512 of the text? Compared in constant time.
    pub fn is_sha512(&self, text: &str, hex: &str) -> bool {
        self.is_mac::<Hmac<Sha512>>(text, hex)
    }

    /// HMAC-SHA256 in base64.
    pub fn sha256_base64(&self, text: &str) -> String {
        STANDARD.encode(mac::<Hmac<Sha256>>(&self.current, text).finalize().into_bytes())
    }

    /// HMAC-SHA1 in lower-case hex.
    pub fn sha1(&self, text: &str) -> String {
        hex::encode(mac::<Hmac<Sha1>>(&self.current, text).finalize().into_bytes())
    }

    /// HMAC-SHA1 in base64.
    pub fn sha1_base64(&self, text: &str) -> String {
        STANDARD.encode(mac::<Hmac<Sha1>>(&self.current, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the HMAC-SHA1 of the text? Compared in constant time.
    pub fn is_sha1(&self, text: &str, hex: &str) -> bool {
        self.is_mac::<Hmac<Sha1>>(text, hex)
    }

    /// Is the word a key that is alive? Compared in constant time.
    pub fn is_word(&self, word: &str) -> bool {
        self.alive().any(|key| key.as_bytes().ct_eq(word.as_bytes()).into())
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
        let key = Key::new("secret").after("before");
        assert_eq!(format!("{key:?}"), "Key(hidden)");
    }

    #[test]
    fn what_is_signed_with_the_key_of_before_is_taken_and_nothing_is_signed_with_it() {
        let read = |json: &str| serde_json::from_str::<Key>(json);
        let (old, new) = (Key::new("old"), Key::new("new"));
        let both = read(r#"{"current":"new","previous":"old"}"#).expect("a key");
        for (code, is) in [
            (
                Key::sha256 as fn(&Key, &str) -> String,
                Key::is_sha256 as fn(&Key, &str, &str) -> bool,
            ),
            (Key::sha512, Key::is_sha512),
            (Key::sha1, Key::is_sha1),
        ] {
            assert!(
                is(&both, "text", &code(&old, "text")) && is(&both, "text", &code(&new, "text"))
            );
            assert!(!is(&both, "text", &code(&Key::new("other"), "text")));
            assert_eq!(code(&both, "text"), code(&new, "text"));
            assert!(!is(&new, "text", &code(&old, "text")), "without it the old one is over");
        }
        assert!(both.is_word("old") && both.is_word("new") && !both.is_word(""));
        assert_eq!(both.expose(), "new");
        assert!(!read(r#""new""#).expect("a key").is_word("old"));
        for wrong in [
            r#"{"current":"new","previous":" "}"#,
            r#"{"current":"new"}"#,
            r#"{"current":"new","previous":"old","third":"x"}"#,
            "7",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
