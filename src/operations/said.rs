//! What was said between a partner and us about one order: what was booked, and what did not go as
//! it should. Masked, for disputes.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::partners::exchange::{exchanges_of, exchanges_of_nobody};
use crate::partners::mask::masked;
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
    /// HTTP status of the answer to a call of ours.
    pub status: Option<i16>,
    /// What was made of it.
    pub verdict: String,
    /// What was said, masked.
    pub body: String,
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
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    let mut all: Vec<Said> = kept
        .into_iter()
        .map(|kept| Said {
            at: kept.made_at,
            direction: kept.direction,
            purpose: kept.purpose,
            status: kept.status,
            verdict: kept.verdict,
            body: text(&kept.body),
        })
        .collect();
    if let Some(reference) = reference {
        for booked in raw_of_order(&mut conn, partner, reference).await? {
            all.push(Said {
                at: booked.received_at,
                direction: "in".to_owned(),
                purpose: "settlement".to_owned(),
                status: None,
                verdict: format!("{} {}", booked.outcome, booked.transaction_id),
                body: text(&masked(&booked.raw)),
            });
        }
        all.sort_by_key(|said| said.at);
    }
    Ok(all)
}
