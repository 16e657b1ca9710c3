//! What came of tries is written in groups: many notices, one commit.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::notice::NoticeKind;
use super::notice_id::DeliveryKey;
use super::status::DeliveryState;
use super::store;
use crate::platform::group::Work;

/// What stood in the database before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// No row: the message is being handled for the first time.
    Nothing,
    /// A row that is due, with so many tries, which this process has claimed.
    Claimed {
        /// The tries so far.
        tries: i32,
    },
}

/// What came of a try, or of not trying.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which delivery.
    pub key: DeliveryKey,
    /// Whose endpoint it is.
    pub portal: String,
    /// What is told.
    pub kind: NoticeKind,
    /// Where it stands now.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: i32,
    /// When.
    pub at: DateTime<Utc>,
    /// When to try again, when it is due.
    pub next_at: Option<DateTime<Utc>>,
    /// The endpoint's answer, when it gave one.
    pub status: Option<i16>,
    /// What went wrong.
    pub error: Option<String>,
    /// What stood there.
    pub before: Before,
}

/// Writes outcomes. The row of a delivery is also the mark that its message was handled: it is
/// committed before the message is acknowledged.
#[derive(Debug)]
pub struct Record;

impl Work for Record {
    /// What is written together: one outcome, or those of a sweep.
    type Item = Vec<Outcome>;
    type Outcome = ();
    const NAME: &'static str = "notices";
    // The portal has been told: only the broker waits for the acknowledgement.
    const GATHER: Duration = Duration::from_millis(10);

    async fn run(
        &self,
        conn: &mut PgConnection,
        items: &[Vec<Outcome>],
    ) -> Result<Vec<()>, sqlx::Error> {
        let (new, claimed): (Vec<_>, Vec<_>) =
            items.iter().flatten().partition(|outcome| outcome.before == Before::Nothing);
        let (new, claimed) = (once_each(new), once_each(claimed));
        if !new.is_empty() {
            store::delivery_insert(conn, &new).await?;
        }
        if !claimed.is_empty() {
            store::delivery_step(conn, &claimed).await?;
        }
        Ok(vec![(); items.len()])
    }
}

/// One outcome for each delivery, in the order of the rows' keys, which is the order in which they
/// are locked. A message that came twice at once may have two: taken is taken.
fn once_each(outcomes: Vec<&Outcome>) -> Vec<&Outcome> {
    let mut kept: BTreeMap<DeliveryKey, &Outcome> = BTreeMap::new();
    for outcome in outcomes {
        let standing = kept.entry(outcome.key).or_insert(outcome);
        if outcome.state == DeliveryState::Delivered {
            *standing = outcome;
        }
    }
    kept.into_values().collect()
}
