//! Keys that sign closed days (Ed25519). The secret half is sealed under the master key; the public
//! half is shown at `/.well-known/payclear-signing-keys` for good, so that what was signed years ago
//! can be checked by anybody. A new key needs another person; from then on it signs.

use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};

use super::store::keys::{self as store, KeyRow};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::ApplyError;
use crate::approvals::propose::{Maker, Making, Proposal, ProposeError, ask_in};
use crate::people::role::EVERYTHING;
use crate::platform::audit::{self, By};
use crate::platform::seal::{MasterKeys, Secret};
use crate::vocabulary::ids::ApprovalId;

/// The name of the kind of approval.
pub const ADD: &str = "signing_key.add";
const SECRET_BYTES: usize = 32;

/// A key that was made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name.
    pub key_id: String,
    /// The public half.
    pub public_key: [u8; 32],
    /// What it waits for.
    pub approval: Option<ApprovalId>,
}

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// No key was made, or none approved.
    #[error("no signing key is in use: make one with `payclear signing-key make`")]
    NoKey,
    /// It does not open under our master keys, or is not the half of what is shown.
    #[error("the signing key {0} does not open under the master keys at hand")]
    Sealed(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn context(key_id: &str) -> String {
    format!("signing_key/{key_id}/secret")
}

fn content(row: &KeyRow) -> Value {
    json!({
        "key_id": row.key_id, "public_key": hex::encode(&row.public_key),
        "secret_sha256": hex::encode(Sha256::digest(&row.secret)),
    })
}

/// Draws a key. It signs nothing until another has approved it.
pub async fn make(
    pool: &PgPool,
    master: &MasterKeys,
    maker: Maker<'_>,
) -> Result<NewKey, ProposeError> {
    let mut tx = pool.begin().await?;
    let made = make_in(&mut tx, master, maker).await?;
    tx.commit().await?;
    Ok(made)
}

async fn make_in(
    conn: &mut PgConnection,
    master: &MasterKeys,
    maker: Maker<'_>,
) -> Result<NewKey, ProposeError> {
    let by = maker.by;
    let secret = Secret::draw(SECRET_BYTES, &mut rand::rng());
    let bytes: [u8; SECRET_BYTES] =
        secret.expose().try_into().map_err(|_| super::defect("a key of another length"))?;
    let public_key = SigningKey::from_bytes(&bytes).verifying_key().to_bytes();
    let key_id =
        format!("{}day-{}", master.realm().prefix(), hex::encode(rand::random::<[u8; 4]>()));
    let row = KeyRow {
        secret: master.seal(&context(&key_id), secret.expose()),
        key_id: key_id.clone(),
        public_key: public_key.to_vec(),
        made_at: by.at,
        made_by: by.actor.to_owned(),
        usable_since: (maker.making == Making::Bootstrap).then_some(by.at),
    };
    let content = content(&row);
    let proposal = Proposal { kind: ADD, subject: &key_id, agency: EVERYTHING, content: &content };
    let approval = ask_in(conn, maker, &proposal).await?;
    store::key_insert(conn, &row).await?;
    let detail = json!({ "public_key": hex::encode(public_key) });
    audit::record_in(conn, by, "signing_key.made", &key_id, &detail).await?;
    Ok(NewKey { key_id, public_key, approval })
}

/// Lets a key sign, in the transaction of the decision.
pub(super) async fn apply_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let row = store::key_read(conn, &approval.subject).await?.ok_or(ApplyError::Changed)?;
    if approval.value() != content(&row) {
        return Err(ApplyError::Changed);
    }
    if !store::key_use(conn, &row.key_id, by.at).await? {
        return Err(ApplyError::Changed);
    }
    let detail = json!({ "approval": approval.id });
    audit::record_in(conn, by, "signing_key.approved", &row.key_id, &detail).await?;
    Ok(())
}

/// Signs with the key in use; its name and the signature.
pub(super) fn sign(
    row: &KeyRow,
    master: &MasterKeys,
    message: &[u8],
) -> Result<Vec<u8>, SignError> {
    let sealed = || SignError::Sealed(row.key_id.clone());
    let secret = master.open(&context(&row.key_id), &row.secret).map_err(|_| sealed())?;
    let bytes: [u8; SECRET_BYTES] = secret.expose().try_into().map_err(|_| sealed())?;
    let key = SigningKey::from_bytes(&bytes);
    if key.verifying_key().to_bytes()[..] != row.public_key[..] {
        return Err(sealed());
    }
    Ok(key.sign(message).to_bytes().to_vec())
}

/// Does the signature hold under a public key?
pub fn holds(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let bytes = <&[u8; 32]>::try_from(public_key).ok();
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
    let signature = Signature::from_slice(signature).ok();
    key.zip(signature)
        .is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}

/// A key as anybody may see it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PublicKey {
    /// Its name, as snapshots give it.
    pub key_id: String,
    /// Always `Ed25519`.
    pub algorithm: &'static str,
    /// The public half, in hex.
    pub public_key: String,
    /// From when on it signed.
    pub since: DateTime<Utc>,
}

/// Every key that ever signed, the newest first.
pub async fn public_keys(conn: &mut PgConnection) -> Result<Vec<PublicKey>, sqlx::Error> {
    let used = store::keys_list(conn).await?.into_iter().filter_map(|row| {
        row.usable_since.map(|since| PublicKey {
            key_id: row.key_id,
            algorithm: "Ed25519",
            public_key: hex::encode(&row.public_key),
            since,
        })
    });
    Ok(used.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_holds_and_nothing_else() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let signature = key.sign(b"the day").to_bytes();
        assert!(holds(&public, b"the day", &signature));
        assert!(!holds(&public, b"the dax", &signature));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
        assert!(!holds(&other, b"the day", &signature));
        assert!(!holds(&public[1..], b"the day", &signature));
        assert!(!holds(&public, b"the day", &signature[1..]));
        // RFC 8032, test 1.
        let public =
            hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
                .expect("hex");
        let signature = hex::decode(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        )
        .expect("hex");
        assert!(holds(&public, b"", &signature));
    }
}
