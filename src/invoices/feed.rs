//! The feed: every step of a portal's invoices, in the one final order, without a gap.
//!
//! Only what the sequencer has put into a batch is shown: no step that commits late can come to
//! stand before a cursor that was already given out.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgConnection;

use super::store::reads::{self, StepRow};
use crate::platform::problem::FieldError;
use crate::platform::sequencer;
use crate::vocabulary::ids::InvoiceId;

/// A step.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Where it stands in the feed; absent in the history of one invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// What, for example `invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The invoice.
    pub invoice: uuid::Uuid,
    /// The place in the invoice's life; absent for steps beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i32>,
    /// Who.
    pub actor: String,
    /// What was written with it.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

impl EventView {
    fn of(row: StepRow) -> Self {
        Self {
            cursor: None,
            kind: row.kind,
            at: row.made_at,
            invoice: row.invoice,
            sequence: row.sequence,
            actor: row.actor,
            data: raw(row.body),
        }
    }
}

/// A page of the feed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Feed {
    /// In their final order.
    pub events: Vec<EventView>,
    /// Ask with it for what comes next, also when nothing has come yet.
    pub cursor: String,
}

fn raw(body: String) -> Box<RawValue> {
    RawValue::from_string(body).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Where a reader stands: after this event of this life of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    era: i32,
    tx: u64,
    event: i64,
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let era = parts.next()?.parse().ok()?;
        let tx = parts.next()?.parse().ok()?;
        let event = parts.next()?.parse().ok()?;
        Some(Self { era, tx, event })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.era, self.tx, self.event)
    }
}

/// The cursor behind everything that is in a batch.
pub(super) fn place_after(last: &sequencer::LastBatch) -> String {
    format!("{}.{}.0", last.era, last.to_tx)
}

/// Why the feed was not read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Wrong parameters.
    #[error("wrong parameters")]
    Invalid(Vec<FieldError>),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// The steps of a portal after a cursor; from the beginning without one.
pub async fn read(
    conn: &mut PgConnection,
    portal: &str,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Feed, FeedError> {
    let last = sequencer::last_batch(conn).await?;
    let wrong = |pointer: &str, why: &str| FeedError::Invalid(vec![FieldError::new(pointer, why)]);
    if !(1..=500).contains(&limit) {
        return Err(wrong("limit", "must be 1 to 500"));
    }
    let after = match cursor {
        None => Cursor { era: last.era, tx: 0, event: -1 },
        Some(text) => Cursor::read(text)
            .filter(|c| c.era <= last.era)
            .ok_or_else(|| wrong("cursor", "is not a cursor of this feed"))?,
    };
    // After a rebuild from a dump transaction numbers start again: begin anew rather than skip.
    let after =
        if after.era < last.era { Cursor { era: last.era, tx: 0, event: -1 } } else { after };
    let rows = reads::steps_after(conn, portal, (after.tx, after.event), last.to_tx, limit).await?;
    let mut stands = after;
    let events = rows
        .into_iter()
        .map(|row| {
            stands = Cursor { era: last.era, tx: row.place.0, event: row.place.1 };
            EventView { cursor: Some(stands.to_string()), ..EventView::of(row) }
        })
        .collect();
    Ok(Feed { events, cursor: stands.to_string() })
}

/// The whole history of one invoice.
pub async fn history(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<EventView>, sqlx::Error> {
    Ok(reads::steps_of(conn, invoice).await?.into_iter().map(EventView::of).collect())
}
