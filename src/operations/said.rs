//! What was said between a partner and us about one order: what was booked, our calls with their
//! answers, and what the partner said besides. Masked, for disputes, each with the SHA-256 of what it
//! really was.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::partners::exchange::{Kept, exchanges_of, exchanges_of_late, exchanges_of_nobody};
use crate::settlements::store::raw_of_order;

/// At most so many exchanges of one order are told.
const MOST: i64 = 200;

/// One message.
#[derive(Debug)]
pub struct Said {
    /// When.
    pub at: DateTime<Utc>,
    /// `in`: the partner said it; `out`: it answered a call of ours.
    pub direction: String,
    /// `callback`, `create`, `query`, `cancel`, `refund`; or `settlement`, which was booked.
    pub purpose: String,
    /// Our reference of the order, as far as it is known.
    pub reference: Option<String>,
    /// HTTP status of the answer to a call of ours.
    pub status: Option<i16>,
    /// What was made of it.
    pub verdict: String,
    /// What the partner said, masked.
    pub body: String,
    /// The SHA-256 of what that really was, in hexadecimal.
    pub sha256: String,
    /// What we had said, masked, when it is an answer, and the SHA-256 of what that really was.
    pub request: Option<(String, String)>,
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

impl From<Kept> for Said {
    fn from(kept: Kept) -> Self {
        Self {
            at: kept.made_at,
            direction: kept.direction,
            purpose: kept.purpose,
            reference: kept.reference,
            status: kept.status,
            verdict: kept.verdict,
            body: text(&kept.body),
            sha256: hex::encode(kept.body_sha256),
            request: kept
                .request
                .zip(kept.request_sha256)
                .map(|(said, sha256)| (text(&said), hex::encode(sha256))),
        }
    }
}

/// All that did not go as it should with a partner of late, newest first.
pub async fn said_of_late(pool: &PgPool, partner: &str) -> Result<Vec<Said>, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    let kept = exchanges_of_late(&mut conn, partner, MOST).await?;
    Ok(kept.into_iter().map(Said::from).collect())
}

/// Everything kept about one order of a partner, oldest first; without an order, what the partner
/// said of late that names none.
pub async fn said(
    pool: &PgPool,
    partner: &str,
    reference: Option<&str>,
) -> Result<Vec<Said>, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    let kept = match reference {
        Some(reference) => exchanges_of(&mut conn, partner, reference, MOST).await?,
        None => exchanges_of_nobody(&mut conn, partner, MOST).await?,
    };
    let mut all: Vec<Said> = kept.into_iter().map(Said::from).collect();
    if let Some(reference) = reference {
        for booked in raw_of_order(&mut conn, partner, reference).await? {
            all.push(Said {
                at: booked.received_at,
                direction: "in".to_owned(),
                purpose: "settlement".to_owned(),
                reference: Some(reference.to_owned()),
                status: None,
                verdict: format!("{} {}", booked.outcome, booked.transaction_id),
                body: text(&booked.raw),
                sha256: hex::encode(&booked.raw_sha256),
                request: None,
            });
        }
        all.sort_by_key(|said| said.at);
    }
    Ok(all)
}
