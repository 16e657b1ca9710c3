//! Another person looks at what was prepared and signs it: the day closes before the same commit.
//!
//! What was prepared is made once more from the books and must be the same, to the letter. Only then
//! the ledger's lock is taken, for the moment in which it is asked whether an entry of the day was
//! made meanwhile; payments wait for no more than that.

use serde_json::json;
use sqlx::PgConnection;

use super::content;
use super::keys::{self, SignError};
use super::kind::Closing;
use super::prepare::{question, step_in};
use super::seal::{self, Anchor, Sealed};
use super::status::{DayStatus, DayStep};
use super::store::{self, Snapshot};
use super::{DayError, day_of};
use crate::approvals::approval::{Approval, canonical, hash_of};
use crate::approvals::kinds::ApplyError;
use crate::ledger::store::days as ledger;
use crate::payover::positions;
use crate::platform::audit::{self, By};

impl From<DayError> for ApplyError {
    fn from(error: DayError) -> Self {
        match error {
            DayError::Store(error) => Self::Store(error),
            DayError::NotFound => Self::Changed,
            other => Self::Impossible(other.to_string()),
        }
    }
}

impl From<SignError> for ApplyError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Store(error) => Self::Store(error),
            SignError::NoKey | SignError::Sealed(_) => Self::NotYet(error.to_string()),
        }
    }
}

/// Closes a day, in the transaction of the decision.
pub(super) async fn apply_in(
    conn: &mut PgConnection,
    with: &Closing,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    ledger::take_time(conn).await?;
    let (date, revision) = day_of(&approval.subject).ok_or(ApplyError::Changed)?;
    let mut day = store::day_lock(conn, date).await?.ok_or(ApplyError::Changed)?;
    let id = day.preparation.filter(|_| day.status == DayStatus::Prepared);
    let id = id.ok_or(ApplyError::Changed)?;
    let prepared = store::preparation_read(conn, id).await?.ok_or(ApplyError::Changed)?;
    if prepared.revision != revision || prepared.prepared_by == by.actor {
        return Err(ApplyError::OwnMaking);
    }
    let key = store::keys::key_current(conn).await?.ok_or(SignError::NoKey)?;
    let directory = with.directory.current();
    let who = (prepared.prepared_by.as_str(), prepared.prepared_at);
    let now = content::make(conn, (&directory, with.hours), day.clone(), who).await?;
    // What was looked at, what was kept, and what the books say now: one and the same.
    if canonical(&now.value) != prepared.content
        || hash_of(&prepared.content)[..] != prepared.content_hash[..]
        || canonical(&question(&prepared, &now.value)) != approval.content
    {
        return Err(ApplyError::Changed);
    }
    let against = now.checklist.against();
    if !against.is_empty() {
        return Err(DayError::NotReady(against).into());
    }
    let previous = store::snapshot_before(conn, date).await?;
    day.approved_by = Some(by.actor.to_owned());
    step_in(conn, &mut day, DayStep::Approve, by.at).await?;
    let anchor = Anchor::now(conn).await?;
    let seal = canonical(&seal::value(&Sealed {
        of: (date, revision),
        content: &prepared.content_hash,
        previous: previous.as_ref().map(|of| &of.seal_hash[..]),
        people: (&prepared.prepared_by, by.actor),
        at: by.at,
        anchor: &anchor,
        key: &key.key_id,
    }));
    let snapshot = Snapshot {
        day: date,
        revision,
        preparation: id,
        seal_hash: hash_of(&seal).to_vec(),
        signature: keys::sign(&key, &with.keys, seal.as_bytes())?,
        seal,
        key_id: key.key_id,
        closed_at: by.at,
    };
    store::snapshot_insert(conn, &snapshot).await?;
    positions::keep_in(conn, (date, revision), &now.positions).await?;
    let detail = json!({ "approval": approval.id, "seal": hex::encode(&snapshot.seal_hash) });
    audit::record_in(conn, by, "day.closed", &approval.subject, &detail).await?;
    // From here to the commit nothing is booked anywhere: nothing that takes time comes after it.
    ledger::day_close(conn, (date, revision), by.actor, by.at).await?;
    let (running, recent) = &now.recent;
    if ledger::entries_since(conn, date, running).await? != *recent {
        return Err(ApplyError::Changed);
    }
    step_in(conn, &mut day, DayStep::Close, by.at).await?;
    Ok(())
}

/// What was not approved is to be prepared anew.
pub(super) async fn drop_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let Some((date, revision)) = day_of(&approval.subject) else { return Ok(()) };
    let Some(mut day) = store::day_lock(conn, date).await? else { return Ok(()) };
    if day.status != DayStatus::Prepared || day.revision != revision {
        return Ok(());
    }
    day.prepared_by = None;
    day.preparation = None;
    step_in(conn, &mut day, DayStep::Reject, by.at).await?;
    let detail = json!({ "approval": approval.id, "reason": approval.reason });
    audit::record_in(conn, by, "day.rejected", &approval.subject, &detail).await?;
    Ok(())
}
