//! The seal of a closed day: what binds its content to the seal before it, to the head of the event
//! chain, and to the two people. Its bytes are what is signed.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::content::instant;
use crate::platform::sequencer;

/// The form of the seal.
pub const FORM: &str = "payclear.day.seal/1";

/// The head of the chain of events at an instant: the daily anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The life of the database.
    pub era: i32,
    /// The last batch; 0 when there is none.
    pub batch: i64,
    /// The number of the last event in it.
    pub number: i64,
    /// The digest of the batch.
    pub digest: Vec<u8>,
}

impl Anchor {
    /// The head now.
    pub async fn now(conn: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let last = sequencer::last_batch(conn).await?;
        Ok(Self {
            era: last.era,
            batch: last.batch_id,
            number: last.next_number - 1,
            digest: last.digest,
        })
    }

    /// Reads it from a seal.
    pub fn of(seal: &Value) -> Option<Self> {
        let events = &seal["events"];
        Some(Self {
            era: events["era"].as_i64()?.try_into().ok()?,
            batch: events["batch"].as_i64()?,
            number: events["number"].as_i64()?,
            digest: hex::decode(events["digest"].as_str()?).ok()?,
        })
    }
}

/// What is sealed.
#[derive(Debug)]
pub struct Sealed<'a> {
    /// The day and its revision.
    pub of: (NaiveDate, i32),
    /// SHA-256 of its content.
    pub content: &'a [u8],
    /// The hash of the seal before it.
    pub previous: Option<&'a [u8]>,
    /// Who prepared, who approved.
    pub people: (&'a str, &'a str),
    /// When it closed.
    pub at: DateTime<Utc>,
    /// The head of the event chain.
    pub anchor: &'a Anchor,
    /// The key that signs.
    pub key: &'a str,
}

/// The seal's JSON.
pub fn value(of: &Sealed<'_>) -> Value {
    json!({
        "form": FORM, "day": of.of.0, "revision": of.of.1, "content": hex::encode(of.content),
        "previous": of.previous.map(hex::encode),
        "prepared_by": of.people.0, "approved_by": of.people.1, "closed_at": instant(of.at),
        "events": {
            "era": of.anchor.era, "batch": of.anchor.batch, "number": of.anchor.number,
            "digest": hex::encode(&of.anchor.digest),
        },
        "key": of.key,
    })
}
