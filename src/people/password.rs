//! Passwords: argon2id, hashed on threads of their own, a few at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use rand::seq::IndexedRandom;
use tokio::sync::Semaphore;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A shorter password is refused.
pub const SHORTEST: usize = 12;
/// A longer one is no password.
pub const LONGEST: usize = 200;
/// Each hash takes 19 MiB and a core for a while: more at once would starve the doors.
const AT_ONCE: usize = 2;
/// Who waits longer for a turn is told to come again.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// Letters and digits that are not taken for one another.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 24 letters of 31 are 118 bits.
const DRAWN: usize = 24;

/// A password as somebody gave it. Prints nothing and is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop, serde::Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes over a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Draws one.
    pub fn draw() -> Self {
        let mut random = rand::rng();
        let letter = |_| char::from(LETTERS.choose(&mut random).copied().unwrap_or(b'x'));
        Self((0..DRAWN).map(letter).collect())
    }

    /// The text, for the one time that it is shown to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// May somebody choose it?
    pub fn check(&self) -> Result<(), WeakPassword> {
        let length = self.0.chars().count();
        if (SHORTEST..=LONGEST).contains(&length) { Ok(()) } else { Err(WeakPassword) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The password is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password has {SHORTEST} to {LONGEST} characters")]
pub struct WeakPassword;

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many sign in at once.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The hash could not be made.
    #[error("argon2: {0}")]
    Argon2(argon2::password_hash::Error),
}

/// Hashes and compares, a few at a time; clones share the turns.
#[derive(Debug, Clone)]
pub struct Hasher(Arc<Semaphore>);

impl Default for Hasher {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// What the password of somebody unknown is compared with: the same work. Nobody knows a password
/// for it, and a match would let nobody in.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$Upr8/JfvB+rk/QTD7\
    FkfHg$YZGzPZ2ion8/xqBXkU+0d8i/Wl1pqJEuZXFYa1iBq7A";

impl Hasher {
    /// The hash of a password, in the PHC form.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.in_turn(move || hash(&password)).await?.map_err(HashError::Argon2)
    }

    /// Does the password fit? Without a hash the same work is done for nothing.
    pub async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        self.in_turn(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODYS);
            let fits = PasswordHash::new(hash).is_ok_and(|parsed| {
                Argon2::default().verify_password(password.0.as_bytes(), &parsed).is_ok()
            });
            known && fits
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let turn = tokio::time::timeout(TURN_WITHIN, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(HashError::Busy) };
        // The turn goes with the work: a caller that hangs up does not make room for another.
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        work.await.map_err(|_| HashError::Busy)
    }
}

fn hash(password: &Password) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>())?;
    Ok(Argon2::default().hash_password(password.0.as_bytes(), &salt)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let hasher = Hasher::default();
        let hashed = hasher.hash(password("correct horse battery")).await.expect("a hash");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        let fits = |text: &str, hash: Option<String>| {
            let hasher = hasher.clone();
            let text = password(text);
            async move { hasher.verify(text, hash).await.expect("a turn") }
        };
        let work = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(work(&hashed), work(NOBODYS), "somebody unknown costs the same");
        assert!(PasswordHash::new(NOBODYS).is_ok());
        assert!(fits("correct horse battery", Some(hashed.clone())).await);
        assert!(!fits("correct horse batterz", Some(hashed)).await);
        assert!(!fits("correct horse battery", None).await);
        assert!(!fits("correct horse battery", Some("nonsense".to_owned())).await);
    }

    #[test]
    fn a_password_is_long_enough_and_never_printed() {
        assert_eq!(password("elevenchars").check(), Err(WeakPassword));
        assert_eq!(password("mật khẩu dài").check(), Ok(()), "12 characters");
        assert_eq!(password(&"x".repeat(201)).check(), Err(WeakPassword));
        let drawn = Password::draw();
        assert_eq!(drawn.check(), Ok(()));
        assert_ne!(drawn.expose(), Password::draw().expose());
        assert!(!format!("{:?}", password("canary-canary")).contains("canary"));
    }
}
