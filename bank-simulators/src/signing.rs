//! Message authentication as the partners do it: HMAC, compared in constant time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

fn tag<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA256.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    tag::<Hmac<Sha256>>(key, text)
}

/// HMAC-SHA256 in lower-case hex.
pub fn hmac_sha256_hex(key: &str, text: &str) -> String {
    hex::encode(hmac_sha256(key.as_bytes(), text.as_bytes()))
}

/// HMAC-SHA512 in lower-case hex.
pub fn hmac_sha512_hex(key: &str, text: &str) -> String {
    hex::encode(tag::<Hmac<Sha512>>(key.as_bytes(), text.as_bytes()))
}

/// SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// Compares hex in constant time. Peers may send either case.
pub fn same_hex(expected: &str, received: &str) -> bool {
    let received = received.to_ascii_lowercase();
    expected.as_bytes().ct_eq(received.as_bytes()).into()
}

/// Compares a shared word in constant time.
pub fn same_word(expected: &str, received: &str) -> bool {
    expected.as_bytes().ct_eq(received.as_bytes()).into()
}

/// A signature that looks right and is not: its last digit is another one.
pub fn spoiled(signature: &str) -> String {
    let mut text = signature.to_owned();
    let last = text.pop();
    text.push(if last == Some('0') { '1' } else { '0' });
    text
}
