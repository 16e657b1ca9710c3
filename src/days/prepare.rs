//! One officer signs a day off: what is signed is made, kept, and waits for another.

use chrono::{NaiveDate, SubsecRound};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::content::{self, Content};
use super::kind::About;
use super::status::{DayStatus, DayStep};
use super::store::{self, Day, Preparation};
use super::{DayError, Days, admit, defect, subject};
use crate::approvals::approval::{canonical, hash_of};
use crate::approvals::propose::{Proposal, propose_in};
use crate::people::officer::Officer;
use crate::people::role::EVERYTHING;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::{ApprovalId, uuid_v7};

/// What another decides on: the hash of all, and what it says in short.
pub(super) fn question(of: &Preparation, content: &Value) -> Value {
    json!({
        "day": of.day, "revision": of.revision, "preparation": of.id,
        "snapshot_sha256": hex::encode(&of.content_hash),
        "entries": content["ledger"]["entries"], "acts": content["ledger"]["acts"],
        "breaks": {
            "before": content["breaks"]["before"], "new": content["breaks"]["new"],
            "cleared": content["breaks"]["cleared"], "open": content["breaks"]["open"],
        },
        "files": content["files"].as_array().map_or(0, Vec::len),
        "previous": content["previous"],
    })
}

/// Brings a day that is not prepared to where its files and lines stand, the day being locked.
pub(super) async fn advance_in(
    conn: &mut PgConnection,
    day: &mut Day,
    (files, matched): (bool, bool),
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), DayError> {
    let mut steps = Vec::new();
    match (day.status, files, matched) {
        (DayStatus::Open | DayStatus::Reopened, true, false) => steps.push(DayStep::FilesIn),
        (DayStatus::Open | DayStatus::Reopened, true, true) => {
            steps.extend([DayStep::FilesIn, DayStep::Placed]);
        }
        (DayStatus::FilesComplete, true, true) => steps.push(DayStep::Placed),
        (DayStatus::FilesComplete, false, _) => steps.push(DayStep::FallBack),
        // Back to the files: what was placed is looked at again from there.
        (DayStatus::Matched, _, false) => {
            steps.push(DayStep::FallBack);
            if files {
                steps.push(DayStep::FilesIn);
            }
        }
        _ => {}
    }
    for step in steps {
        step_in(conn, day, step, now).await?;
    }
    Ok(())
}

/// Takes a step of a locked day.
pub(super) async fn step_in(
    conn: &mut PgConnection,
    day: &mut Day,
    step: DayStep,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), DayError> {
    let from = day.status;
    day.status = from.after(step)?;
    day.status_since = now;
    if !store::day_step(conn, day, from).await? {
        return Err(defect("a locked day moved").into());
    }
    metrics::counter!("payclear_day_steps_total", "status" => day.status.as_str()).increment(1);
    Ok(())
}

impl Days {
    /// Prepares a day. Refused with all that stands against it.
    pub async fn prepare(
        &self,
        officer: &Officer,
        date: NaiveDate,
    ) -> Result<(Preparation, ApprovalId), DayError> {
        admit(officer)?;
        let now = self.clock.now().trunc_subsecs(6);
        let directory = self.directory.current();
        let mut tx = self.pool.begin().await?;
        crate::ledger::store::days::take_time(&mut tx).await?;
        let mut day = store::day_lock(&mut tx, date).await?.ok_or(DayError::NotFound)?;
        let with = (&*directory, self.hours);
        let who = (officer.email.as_str(), now);
        let Content { value, checklist, .. } =
            content::make(&mut tx, with, day.clone(), who).await?;
        if day.status.is_open() {
            let stands = (checklist.files_complete(), checklist.matched());
            advance_in(&mut tx, &mut day, stands, now).await?;
        }
        let against = checklist.against();
        if !against.is_empty() {
            // Where it stands is worth keeping, whatever is missing.
            tx.commit().await?;
            return Err(DayError::NotReady(against));
        }
        let text = canonical(&value);
        let made = Preparation {
            id: uuid_v7(now),
            day: date,
            revision: day.revision,
            content_hash: hash_of(&text).to_vec(),
            content: text,
            prepared_by: officer.email.clone(),
            prepared_at: now,
        };
        // Refused here when it is prepared already, or closed.
        let prepared = day.status.after(DayStep::Prepare)?;
        debug_assert_eq!(prepared, DayStatus::Prepared);
        store::preparation_insert(&mut tx, &made).await?;
        day.prepared_by = Some(officer.email.clone());
        day.preparation = Some(made.id);
        step_in(&mut tx, &mut day, DayStep::Prepare, now).await?;
        let by = By { actor: &officer.email, at: now };
        let subject = subject(date, day.revision);
        let proposal = Proposal {
            kind: About::Close.as_str(),
            subject: &subject,
            agency: EVERYTHING,
            content: &question(&made, &value),
        };
        let approval = propose_in(&mut tx, by, &proposal).await?;
        let detail = json!({ "sha256": hex::encode(&made.content_hash) });
        audit::record_in(&mut tx, by, "day.prepared", &subject, &detail).await?;
        tx.commit().await?;
        Ok((made, approval))
    }
}
