//! Secrets at rest: sealed under a master key that never enters the database.
//!
//! A sealed value is `version (1) | fingerprint of the key (4) | nonce (24) | XChaCha20-Poly1305`.
//! The context (which row and column it belongs to) is bound in, so that a sealed value that was
//! moved to another row does not open there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::{CryptoRng, Rng};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::vocabulary::realm::Realm;

const VERSION: u8 = 1;
const FINGERPRINT: usize = 4;
const NONCE: usize = 24;
const KEY: usize = 32;
/// Version and fingerprint; they are bound in as well.
const HEAD: usize = 1 + FINGERPRINT;

/// Bytes that nobody should see: prints nothing, is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes over bytes; the caller's copy is this one.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Draws `length` bytes.
    pub fn draw(length: usize, random: &mut impl CryptoRng) -> Self {
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads padded base64; blanks around it are allowed.
    pub fn from_base64(text: &str) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text.trim()).map(Self)
    }

    /// The secret as base64, for the one time that it is shown to its owner.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&self.0))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The text is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes in base64")]
pub struct BadMasterKey;

/// A sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is too short or of an unknown version.
    #[error("this is not a sealed value")]
    NotSealed,
    /// It was sealed under a key that is not at hand.
    #[error("sealed under an unknown master key, fingerprint {fingerprint}")]
    UnknownKey {
        /// The fingerprint in the sealed value, in hex.
        fingerprint: String,
    },
    /// It was changed, or belongs to another context.
    #[error("the sealed value was changed or belongs elsewhere")]
    Forged,
}

/// A key that seals other secrets.
#[derive(Clone, ZeroizeOnDrop)]
pub struct MasterKey {
    key: [u8; KEY],
    fingerprint: [u8; FINGERPRINT],
}

impl MasterKey {
    /// Reads a key: base64 of 32 bytes, blanks around it are allowed.
    pub fn from_base64(text: &str) -> Result<Self, BadMasterKey> {
        let bytes = Secret::from_base64(text).map_err(|_| BadMasterKey)?;
        Ok(Self::new(bytes.expose().try_into().map_err(|_| BadMasterKey)?))
    }

    fn new(key: [u8; KEY]) -> Self {
        let digest =
            Sha256::new().chain_update(b"payclear master key").chain_update(key).finalize();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT]);
        Self { key, fingerprint }
    }

    /// The key's fingerprint in hex: enough to tell keys apart, nothing to guess one by.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint)
    }

    /// Seals a value for a context.
    #[expect(clippy::missing_panics_doc, reason = "no secret is longer than 256 GiB")]
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(HEAD + NONCE + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.fingerprint);
        let payload = Payload { msg: plain, aad: &bound(&sealed, context) };
        let cipher = XChaCha20Poly1305::new(&self.key.into());
        let closed = cipher.encrypt(&XNonce::from(nonce), payload).expect("shorter than 256 GiB");
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&closed);
        sealed
    }

    /// Opens what was sealed under this key for the same context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret, OpenError> {
        if sealed.len() < HEAD + NONCE || sealed[0] != VERSION {
            return Err(OpenError::NotSealed);
        }
        let (head, rest) = sealed.split_at(HEAD);
        if head[1..] != self.fingerprint {
            return Err(OpenError::UnknownKey { fingerprint: hex::encode(&head[1..]) });
        }
        let (nonce, closed) = rest.split_at(NONCE);
        let nonce = XNonce::try_from(nonce).map_err(|_| OpenError::NotSealed)?;
        let payload = Payload { msg: closed, aad: &bound(head, context) };
        let cipher = XChaCha20Poly1305::new(&self.key.into());
        cipher.decrypt(&nonce, payload).map(Secret).map_err(|_| OpenError::Forged)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.fingerprint())
    }
}

/// What is bound in: the head, of fixed length, then the context.
fn bound(head: &[u8], context: &str) -> Vec<u8> {
    [head, context.as_bytes()].concat()
}

/// The key in use, and older ones that still open what they sealed. They are of one realm: what is
/// sealed in the sandbox does not open live, nor the other way round, so that a row that got from
/// one database into the other is good for nothing there.
#[derive(Debug, Clone)]
pub struct MasterKeys {
    current: MasterKey,
    previous: Vec<MasterKey>,
    realm: Realm,
}

impl MasterKeys {
    /// The current key and those before it.
    pub fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current, previous, realm: Realm::Live }
    }

    /// The same keys in a realm.
    #[must_use]
    pub fn of(&self, realm: Realm) -> Self {
        Self { realm, ..self.clone() }
    }

    /// The realm that they are of.
    pub const fn realm(&self) -> Realm {
        self.realm
    }

    fn context(&self, context: &str) -> String {
        format!("{}{context}", self.realm.prefix())
    }

    /// Seals under the current key.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        self.current.seal(&self.context(context), plain)
    }

    /// Opens with whichever key sealed the value.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret, OpenError> {
        let context = self.context(context);
        let mut result = self.current.open(&context, sealed);
        for key in &self.previous {
            if !matches!(result, Err(OpenError::UnknownKey { .. })) {
                break;
            }
            result = key.open(&context, sealed);
        }
        result
    }

    /// Whether a sealed value should be sealed again, so that an older key can go.
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        sealed.get(1..HEAD) != Some(&self.current.fingerprint[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "portal_key/0190/secret";

    #[test]
    fn what_one_realm_seals_does_not_open_in_the_other() {
        let live = MasterKeys::new(key(1), vec![]);
        let sandbox = live.of(Realm::Sandbox);
        let sealed = [live.seal(CONTEXT, b"one"), sandbox.seal(CONTEXT, b"two")];
        assert_eq!(live.open(CONTEXT, &sealed[0]).expect("ours").expose(), b"one");
        assert_eq!(sandbox.open(CONTEXT, &sealed[1]).expect("ours").expose(), b"two");
        assert_eq!(live.open(CONTEXT, &sealed[1]).err(), Some(OpenError::Forged));
        assert_eq!(sandbox.open(CONTEXT, &sealed[0]).err(), Some(OpenError::Forged));
    }

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([byte; 32])).expect("32 bytes")
    }

    #[test]
    fn what_was_sealed_opens_and_never_looks_the_same() {
        let (one, two) = (key(1).seal(CONTEXT, b"secret"), key(1).seal(CONTEXT, b"secret"));
        assert_ne!(one, two);
        assert_eq!(one.len(), 1 + 4 + 24 + 6 + 16);
        assert_eq!(key(1).open(CONTEXT, &one).expect("opens").expose(), b"secret");
        assert_eq!(key(1).open(CONTEXT, &key(1).seal(CONTEXT, b"")).expect("opens").expose(), b"");
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let sealed = key(1).seal(CONTEXT, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).open(CONTEXT, &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key(1).open(CONTEXT, &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_sealed_value_does_not_open_in_another_row() {
        let sealed = key(1).seal(CONTEXT, b"secret");
        assert_eq!(
            key(1).open("portal_key/0191/secret", &sealed).map(|_| ()),
            Err(OpenError::Forged)
        );
    }

    #[test]
    fn an_older_key_opens_what_it_sealed_until_all_is_sealed_again() {
        let old = key(1).seal(CONTEXT, b"secret");
        let both = MasterKeys::new(key(2), vec![key(3), key(1)]);
        assert!(both.is_outdated(&old));
        let again = both.seal(CONTEXT, both.open(CONTEXT, &old).expect("opens").expose());
        assert!(!both.is_outdated(&again));
        assert!(key(2).open(CONTEXT, &again).is_ok());
        let alone = MasterKeys::new(key(2), vec![]);
        let fingerprint = key(1).fingerprint();
        assert_eq!(
            alone.open(CONTEXT, &old).map(|_| ()),
            Err(OpenError::UnknownKey { fingerprint })
        );
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        let secret = Secret::new(b"canary".to_vec());
        let shown = format!("{secret:?} {:?} {:?}", key(7), MasterKeys::new(key(7), vec![key(8)]));
        for hidden in ["canary", "99, 97", "7, 7", "BwcH", "0707"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn a_master_key_is_32_bytes() {
        assert!(MasterKey::from_base64(&format!(" {}\n", STANDARD.encode([1; 32]))).is_ok());
        for wrong in ["", "AAAA", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), "!"] {
            assert_eq!(MasterKey::from_base64(wrong).map(|_| ()), Err(BadMasterKey), "{wrong}");
        }
    }
}
