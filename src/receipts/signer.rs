//! The port to whoever signs for the collecting body. A signing service with the body's certificate
//! (HSM, remote signing) is one implementation; the other, built in, keeps an Ed25519 key for each
//! agency, sealed: it proves that a receipt is ours and unchanged, and is no qualified signature.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};
use std::sync::Arc;

use super::store::keys;
use crate::platform::seal::{MasterKeys, Secret};
use crate::vocabulary::clock::SharedClock;

/// A signature and the key that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Which key.
    pub key_id: String,
    /// The bytes.
    pub signature: Vec<u8>,
}

/// Why nothing was signed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key cannot be used.
    #[error("the signing key of {agency} cannot be used: {why}")]
    Key {
        /// Whose.
        agency: String,
        /// Why.
        why: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// A key that is at hand: it signs without asking anybody.
#[derive(Debug)]
pub struct LocalKey {
    key_id: String,
    key: SigningKey,
}

impl LocalKey {
    /// Signs a content.
    #[must_use]
    pub fn sign(&self, content: &[u8]) -> Signed {
        Signed {
            key_id: self.key_id.clone(),
            signature: self.key.sign(content).to_bytes().to_vec(),
        }
    }
}

/// Signs for collecting bodies.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The key of an agency, where it is kept here: its receipts are signed as they are numbered. None
    /// where a service elsewhere signs, which no transaction waits for.
    fn key_at_hand<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _agency: &'a str,
    ) -> BoxFuture<'a, Result<Option<LocalKey>, SignError>> {
        Box::pin(async { Ok(None) })
    }

    /// Signs contents for an agency, each for itself; called outside any transaction.
    fn sign<'a>(
        &'a self,
        agency: &'a str,
        contents: &'a [&'a [u8]],
    ) -> BoxFuture<'a, Result<Vec<Signed>, SignError>>;

    /// Does a signature of a key hold? `None`: the key is not known here.
    fn holds<'a>(
        &'a self,
        signed: &'a Signed,
        content: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<bool>, SignError>>;
}

/// The built-in signer: Ed25519, a key for each agency, made when it is first needed and sealed.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// Where keys are kept.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// What seals them.
    pub keys: Arc<MasterKeys>,
}

fn context(key_id: &str) -> String {
    format!("receipt_key/{key_id}")
}

impl BuiltIn {
    async fn key_in(&self, conn: &mut PgConnection, agency: &str) -> Result<LocalKey, SignError> {
        let kept = if let Some(kept) = keys::key_of_agency(conn, agency).await? {
            kept
        } else {
            self.make_in(conn, agency).await?;
            keys::key_of_agency(conn, agency).await?.ok_or(sqlx::Error::RowNotFound)?
        };
        let wrong = |why: String| SignError::Key { agency: agency.to_owned(), why };
        let opened = self
            .keys
            .open(&context(&kept.key_id), &kept.secret)
            .map_err(|error| wrong(error.to_string()))?;
        let seed: [u8; 32] =
            opened.expose().try_into().map_err(|_| wrong("it has no 32 bytes".to_owned()))?;
        Ok(LocalKey { key_id: kept.key_id, key: SigningKey::from_bytes(&seed) })
    }

    /// Two processes may make one at once: the first is kept.
    async fn make_in(&self, conn: &mut PgConnection, agency: &str) -> Result<(), SignError> {
        let now = self.clock.now();
        let seed = Secret::draw(32, &mut rand::rng());
        let bytes: [u8; 32] = seed.expose().try_into().unwrap_or_default();
        let public = SigningKey::from_bytes(&bytes).verifying_key();
        let key_id = hex::encode(&super::content::hash_of(&hex::encode(public.as_bytes()))[..8]);
        let sealed = self.keys.seal(&context(&key_id), seed.expose());
        keys::key_insert(conn, (&key_id, agency), public.as_bytes(), &sealed, now).await?;
        Ok(())
    }
}

impl Signer for BuiltIn {
    fn key_at_hand<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        agency: &'a str,
    ) -> BoxFuture<'a, Result<Option<LocalKey>, SignError>> {
        Box::pin(async move { self.key_in(conn, agency).await.map(Some) })
    }

    fn sign<'a>(
        &'a self,
        agency: &'a str,
        contents: &'a [&'a [u8]],
    ) -> BoxFuture<'a, Result<Vec<Signed>, SignError>> {
        Box::pin(async move {
            let mut conn = self.pool.acquire().await?;
            let key = self.key_in(&mut conn, agency).await?;
            Ok(contents.iter().map(|content| key.sign(content)).collect())
        })
    }

    fn holds<'a>(
        &'a self,
        signed: &'a Signed,
        content: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<bool>, SignError>> {
        Box::pin(async move {
            let mut conn = self.pool.acquire().await?;
            let Some(public) = keys::public_key(&mut conn, &signed.key_id).await? else {
                return Ok(None);
            };
            let key: Option<VerifyingKey> =
                public.as_slice().try_into().ok().and_then(|b| VerifyingKey::from_bytes(b).ok());
            let signature = ed25519_dalek::Signature::from_slice(&signed.signature).ok();
            Ok(Some(match (key, signature) {
                (Some(key), Some(signature)) => key.verify_strict(content, &signature).is_ok(),
                _ => false,
            }))
        })
    }
}
