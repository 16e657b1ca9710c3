//! The lists of a portal's deliveries, page by page.
//!
//! What is due or parked has an index; what was delivered is found through the portal's events, so
//! that a delivery costs no index entry that only a list would use.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::notice::NoticeKind;
use super::notice_id::{DeliveryKey, StepKey};
use super::status::DeliveryState;
use super::store::reads;
use crate::vocabulary::ids::EndpointId;

/// A delivery, for its portal's eyes.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// Which.
    pub key: DeliveryKey,
    /// What was told.
    pub kind: NoticeKind,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: i32,
    /// When it was first tried.
    pub first_at: DateTime<Utc>,
    /// When it was last tried.
    pub last_at: DateTime<Utc>,
    /// When it is tried again.
    pub next_at: Option<DateTime<Utc>>,
    /// The last answer.
    pub last_status: Option<i16>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// Where a page begins. As text it is the `cursor` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// After the endpoint's delivery of the step at a place among the events.
    Step {
        /// Transaction and event.
        place: (i64, i64),
        /// The endpoint, in falling order.
        endpoint: Uuid,
    },
    /// After a delivery with its time.
    Time {
        /// When it is due or was last tried.
        at: DateTime<Utc>,
        /// Which.
        key: DeliveryKey,
    },
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step { place: (tx, id), endpoint } => {
                write!(f, "s.{tx}.{id}.{}", endpoint.simple())
            }
            Self::Time { at, key } => write!(f, "t.{}.{}", at.timestamp_micros(), key.notice_id()),
        }
    }
}

impl Cursor {
    /// Reads a cursor that we gave.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts[..] {
            ["s", tx, id, endpoint] => Some(Self::Step {
                place: (tx.parse().ok()?, id.parse().ok()?),
                endpoint: Uuid::try_parse(endpoint).ok()?,
            })
            .filter(|cursor| matches!(cursor, Self::Step { place: (0.., _), .. })),
            ["t", at, key] => Some(Self::Time {
                at: DateTime::from_timestamp_micros(at.parse().ok()?)?,
                key: DeliveryKey::parse(key)?,
            }),
            _ => None,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Whose deliveries.
    pub portal: &'a str,
    /// Of one state only.
    pub state: Option<DeliveryState>,
    /// To one endpoint only.
    pub endpoint: Option<EndpointId>,
    /// Where the page begins.
    pub cursor: Option<Cursor>,
    /// How many at most.
    pub limit: u16,
}

/// A page, and where the next begins. A page may hold fewer than were asked for and still have a
/// next one.
#[derive(Debug)]
pub struct Page {
    /// The deliveries.
    pub rows: Vec<DeliveryRow>,
    /// The next page.
    pub next: Option<Cursor>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor is of another list.
    #[error("the cursor is not of this list")]
    OtherCursor,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Reads a page.
pub async fn page(pool: &PgPool, ask: Ask<'_>) -> Result<Page, ListError> {
    let mut conn = pool.acquire().await?;
    let whose = (ask.portal, ask.endpoint);
    let after = match (ask.state, ask.cursor) {
        (Some(DeliveryState::Due | DeliveryState::Parked), Some(Cursor::Time { at, key })) => {
            Some((at, key))
        }
        (Some(DeliveryState::Due | DeliveryState::Parked), None) => None,
        (None | Some(DeliveryState::Delivered), None | Some(Cursor::Step { .. })) => {
            return through_steps(&mut conn, ask).await;
        }
        _ => return Err(ListError::OtherCursor),
    };
    let most = i64::from(ask.limit);
    let rows = if ask.state == Some(DeliveryState::Due) {
        reads::deliveries_due(&mut conn, whose, after, most).await?
    } else {
        reads::deliveries_parked(&mut conn, whose, after, most).await?
    };
    let full = rows.len() >= usize::from(ask.limit);
    let next = rows
        .last()
        .filter(|_| full)
        .map(|last| Cursor::Time { at: last.next_at.unwrap_or(last.last_at), key: last.key });
    Ok(Page { rows, next })
}

async fn through_steps(conn: &mut PgConnection, ask: Ask<'_>) -> Result<Page, ListError> {
    let (from, begun) = match ask.cursor {
        Some(Cursor::Step { place, endpoint }) => (place, Some((place, endpoint))),
        _ => ((i64::MAX, i64::MAX), None),
    };
    let limit = usize::from(ask.limit);
    // One more than the page: the first may be the rest of the page before.
    let steps = reads::steps_back(conn, ask.portal, from, i64::from(ask.limit) + 1).await?;
    let keys: Vec<StepKey> = steps.iter().map(|placed| placed.step).collect();
    let place_of = |step: StepKey| steps.iter().find(|p| p.step == step).map(|p| p.place);
    let mut rows = reads::deliveries_of(conn, &keys, ask.state, ask.endpoint).await?;
    if let Some((place, endpoint)) = begun {
        let at_begin = steps.first().filter(|first| first.place == place).map(|first| first.step);
        rows.retain(|row| Some(row.key.step) != at_begin || row.key.endpoint.0 < endpoint);
    }
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().and_then(|last| {
            let place = place_of(last.key.step)?;
            Some(Cursor::Step { place, endpoint: last.key.endpoint.0 })
        })
    } else {
        let full = steps.len() > limit;
        let last = steps.last().filter(|_| full);
        // All its endpoints are told: none is smaller than the smallest.
        last.map(|last| Cursor::Step { place: last.place, endpoint: Uuid::nil() })
    };
    Ok(Page { rows, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_read() {
        let key = DeliveryKey {
            step: StepKey { invoice: Uuid::from_u128(9), sequence: 2 },
            endpoint: EndpointId(Uuid::from_u128(8)),
        };
        let at = "2026-11-20T02:03:04.123456Z".parse().expect("an instant");
        for cursor in
            [Cursor::Step { place: (7, 9), endpoint: Uuid::from_u128(3) }, Cursor::Time { at, key }]
        {
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        for wrong in ["", "s", "s.1.2", "s.1.2.x", "t.1.2", "s.-1.2.00", "t.x.ntc_", "x.1.2.3"] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }
}
