//! The text that OnePay signs, and HMAC-SHA256 over it with a key given in hex.
//!
//! All `vpc_` and `user_` fields with a value but the signature itself, sorted by name,
//! `name=value` joined by `&`, values as they are meant and not encoded; upper-case hex.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::partners::dialects::key::Key;

/// The field of the signature.
pub const HASH: &str = "vpc_SecureHash";
const HASH_TYPE: &str = "vpc_SecureHashType";

/// The bytes that OnePay's secret is the hex of; after the current one's those of the one before.
pub struct HexKey(Vec<Vec<u8>>);

impl HexKey {
    /// Reads the secret; none when it is not hex.
    pub fn read(secret: &Key) -> Option<Self> {
        secret.alive().map(|key| hex::decode(key).ok()).collect::<Option<_>>().map(Self)
    }

    fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
            .unwrap_or_else(|_| unreachable!("an hmac takes a key of any length"));
        mac.update(text.as_bytes());
        mac
    }

    /// The signature of a text.
    pub fn sign(&self, text: &str) -> String {
        let current = self.0.first().map_or(&[][..], Vec::as_slice);
        hex::encode_upper(Self::mac(current, text).finalize().into_bytes())
    }

    /// Is `hex`, in either case, the signature of the text? Compared in constant time.
    pub fn is_signature(&self, text: &str, hex: &str) -> bool {
        hex::decode(hex).is_ok_and(|code| {
            self.0.iter().any(|key| Self::mac(key, text).verify_slice(&code).is_ok())
        })
    }
}

impl fmt::Debug for HexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexKey(hidden)")
    }
}

fn is_signed(name: &str) -> bool {
    (name.starts_with("vpc_") || name.starts_with("user_")) && name != HASH && name != HASH_TYPE
}

/// The signed text of fields.
pub fn fields_text<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let sorted: BTreeMap<&str, &str> =
        fields.into_iter().filter(|(name, value)| is_signed(name) && !value.is_empty()).collect();
    let pairs: Vec<String> =
        sorted.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Is the signature among the fields that of the others?
pub fn is_genuine(fields: &BTreeMap<String, String>, key: &HexKey) -> bool {
    let text = fields_text(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    fields.get(HASH).is_some_and(|hash| key.is_signature(&text, hash))
}
