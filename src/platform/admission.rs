//! Admission of signed writes: a nonce is used once, a request has one effect.
//!
//! The answer to a request is stored in the transaction of its effect. The same again gets the same
//! status and bytes; the same key with other content gets 422.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::problem::{Problem, ProblemType};

/// A nonce as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nonce {
    /// The key that signed.
    pub key_id: String,
    /// When it was signed, in seconds since 1970.
    pub created: i64,
    /// The nonce itself.
    pub nonce: String,
}

/// A signed write that asks to be let in.
#[derive(Debug, Clone)]
pub struct Admission {
    /// `portal:<code>` or `partner:<code>`.
    pub caller: String,
    /// The nonce of the signature.
    pub nonce: Nonce,
    /// The raw value of the `Idempotency-Key` field.
    pub key: String,
    /// SHA-256 of method, path and body as sent.
    pub fingerprint: [u8; 32],
}

/// SHA-256 over method, path with query, and body, each with its length in front.
pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// An answer as it is stored and sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl StoredAnswer {
    /// Only decided answers are stored; a fault must be able to succeed on a retry.
    pub fn is_decided(&self) -> bool {
        (200..300).contains(&self.status) || matches!(self.status, 409 | 412)
    }
}

/// What became of asking to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// New: go on, and store the answer.
    Fresh,
    /// Done before: this is the answer.
    Stored(StoredAnswer),
    /// The same request stands earlier in the same group: its answer is this one's too.
    CopyOf(usize),
    /// The signature was used before.
    NonceUsed,
    /// The key was used for another request.
    OtherContent,
}

/// Uses nonces; tells for each whether it was new.
pub async fn use_nonces_in(
    conn: &mut PgConnection,
    nonces: &[&Nonce],
) -> Result<Vec<bool>, sqlx::Error> {
    let slots: Vec<i16> = nonces.iter().map(|n| slot_of(n.created)).collect();
    let key_ids: Vec<String> = nonces.iter().map(|n| n.key_id.clone()).collect();
    let created: Vec<i64> = nonces.iter().map(|n| n.created).collect();
    let texts: Vec<String> = nonces.iter().map(|n| n.nonce.clone()).collect();
    let new = sqlx::query!(
        "insert into nonce (slot, key_id, created, nonce)
         select * from unnest($1::smallint[], $2::text[], $3::bigint[], $4::text[]) n(s, k, c, n)
          order by s, k, c, n
         on conflict do nothing
         returning key_id, created, nonce",
        &slots,
        &key_ids,
        &created,
        &texts,
    )
    .fetch_all(conn)
    .await?;
    let mut new: std::collections::HashSet<Nonce> = new
        .into_iter()
        .map(|r| Nonce { key_id: r.key_id, created: r.created, nonce: r.nonce })
        .collect();
    // Two in one group with one nonce: the first is new, the second is not.
    Ok(nonces.iter().map(|n| new.remove(*n)).collect())
}

fn slot_of(created: i64) -> i16 {
    i16::try_from((created / 900).rem_euclid(8)).unwrap_or(0)
}

/// Lets a group of requests in.
pub async fn admit_in(
    conn: &mut PgConnection,
    admissions: &[&Admission],
) -> Result<Vec<Admitted>, sqlx::Error> {
    let nonces: Vec<&Nonce> = admissions.iter().map(|a| &a.nonce).collect();
    let new = use_nonces_in(conn, &nonces).await?;
    let callers: Vec<String> = admissions.iter().map(|a| a.caller.clone()).collect();
    let keys: Vec<String> = admissions.iter().map(|a| a.key.clone()).collect();
    let rows = sqlx::query!(
        "select a.caller, a.key, a.fingerprint, a.status, a.body
           from unnest($1::text[], $2::text[]) asked(caller, key)
          cross join lateral (
                select * from answer a
                 where a.caller = asked.caller and a.key = asked.key offset 0) a",
        &callers,
        &keys
    )
    .fetch_all(conn)
    .await?;
    let stored: HashMap<(String, String), (Vec<u8>, StoredAnswer)> = rows
        .into_iter()
        .map(|r| {
            let status = u16::try_from(r.status).unwrap_or(500);
            ((r.caller, r.key), (r.fingerprint, StoredAnswer { status, body: r.body }))
        })
        .collect();
    let mut first: HashMap<(&str, &str), usize> = HashMap::new();
    let mut admitted = Vec::with_capacity(admissions.len());
    for (place, (admission, new)) in admissions.iter().zip(new).enumerate() {
        let key = (admission.caller.as_str(), admission.key.as_str());
        admitted.push(if !new {
            Admitted::NonceUsed
        } else if let Some((fingerprint, answer)) =
            stored.get(&(admission.caller.clone(), admission.key.clone()))
        {
            if fingerprint == &admission.fingerprint {
                Admitted::Stored(answer.clone())
            } else {
                Admitted::OtherContent
            }
        } else if let Some(earlier) = first.get(&key) {
            if admissions[*earlier].fingerprint == admission.fingerprint {
                Admitted::CopyOf(*earlier)
            } else {
                Admitted::OtherContent
            }
        } else {
            first.insert(key, place);
            Admitted::Fresh
        });
    }
    Ok(admitted)
}

/// Stores decided answers, in one statement. A copy that another process runs at this moment meets
/// the primary key: its whole transaction goes, and it finds this answer when it tries again.
pub async fn store_in(
    conn: &mut PgConnection,
    answers: &[(&Admission, &StoredAnswer)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let decided: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_decided()).collect();
    if decided.is_empty() {
        return Ok(());
    }
    let callers: Vec<String> = decided.iter().map(|(a, _)| a.caller.clone()).collect();
    let keys: Vec<String> = decided.iter().map(|(a, _)| a.key.clone()).collect();
    let fingerprints: Vec<Vec<u8>> = decided.iter().map(|(a, _)| a.fingerprint.to_vec()).collect();
    let statuses: Vec<i16> =
        decided.iter().map(|(_, s)| i16::try_from(s.status).unwrap_or(500)).collect();
    let bodies: Vec<Vec<u8>> = decided.iter().map(|(_, s)| s.body.clone()).collect();
    sqlx::query!(
        "insert into answer (caller, key, fingerprint, status, body, made_at)
         select a.*, $6 from unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::bytea[]) a",
        &callers,
        &keys,
        &fingerprints,
        &statuses,
        &bodies,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// The signature was used before.
    #[error("the nonce was used before")]
    NonceUsed,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    OtherContent,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<NotAdmitted> for Problem {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::NonceUsed => Self::new(ProblemType::Unauthenticated),
            NotAdmitted::OtherContent => Self::new(ProblemType::IdempotencyKeyReused),
            NotAdmitted::Store(error) => error.into(),
        }
    }
}

/// Lets one request of a use case with a transaction of its own in; its answer when it was done
/// before (then only the nonce is left to commit). A copy that runs at the same time waits here for
/// the first one's end (`lock_timeout`), and then finds its answer.
pub async fn admit_one_in(
    conn: &mut PgConnection,
    admission: &Admission,
) -> Result<Option<StoredAnswer>, NotAdmitted> {
    sqlx::query_scalar!(
        r#"select 1 as "one!" from pg_advisory_xact_lock(hashtextextended($1 || chr(1) || $2, 7))"#,
        admission.caller,
        admission.key
    )
    .fetch_one(&mut *conn)
    .await?;
    match admit_in(conn, &[admission]).await?.pop() {
        Some(Admitted::Stored(answer)) => Ok(Some(answer)),
        Some(Admitted::NonceUsed) => Err(NotAdmitted::NonceUsed),
        Some(Admitted::OtherContent) => Err(NotAdmitted::OtherContent),
        // One alone is nobody's copy.
        Some(Admitted::Fresh | Admitted::CopyOf(_)) | None => Ok(None),
    }
}

/// Empties the leaf of the nonce ring that is next but one.
pub async fn empty_nonces(pool: &sqlx::PgPool) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("select nonce_empty_ahead()").fetch_one(pool).await?;
    Ok(())
}

/// Forgets old answers in small steps: the clock role calls this every minute.
pub async fn prune(pool: &sqlx::PgPool, keep_days: i32) -> Result<(), sqlx::Error> {
    loop {
        let gone = sqlx::query!(
            "delete from answer where (caller, key) in (
                select caller, key from answer
                 where made_at < statement_timestamp() - make_interval(days => $1) limit 2000)",
            keep_days
        )
        .execute(pool)
        .await?
        .rows_affected();
        if gone < 2000 {
            return Ok(());
        }
    }
}
