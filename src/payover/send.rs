//! A run that was released is handed to the bank, or withdrawn before that.

use chrono::SubsecRound;
use serde_json::json;

use super::release::{RefuseError, aborts, none_of, refuse_in};
use super::run::Run;
use super::status::{RunStatus, RunStep, WrongRunStep};
use super::store;
use super::{PayingOver, PayoverError, admit, count, lock_in};
use crate::people::officer::Officer;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::PayoverId;

impl PayingOver {
    /// Notes that the bank has the file. From now on only the bank, or two officers, say what became
    /// of it. Said again of a run that was sent: the run as it stands.
    pub async fn sent(&self, officer: &Officer, id: PayoverId) -> Result<Run, PayoverError> {
        admit(officer)?;
        let now = self.clock.now().trunc_subsecs(6);
        let mut tx = self.pool.begin().await?;
        let (mut run, lines) = lock_in(&mut tx, id).await?.ok_or(PayoverError::NotFound)?;
        if run.status == RunStatus::Sent && run.sent_by.as_deref() == Some(&officer.email) {
            return Ok(run);
        }
        let from = run.status;
        run.status = from.after(RunStep::Send)?;
        let directory = self.directory.current();
        let found = aborts(&mut tx, (&self.accounts, &directory), (&run, &lines), now).await?;
        none_of(&found).map_err(PayoverError::WrongState)?;
        run.status_since = now;
        run.sent_by = Some(officer.email.clone());
        run.sent_at = Some(now);
        if !store::run_step(&mut tx, &run, from).await? {
            return Err(WrongRunStep { from, step: RunStep::Send }.into());
        }
        store::lines_send(&mut tx, id, now).await?;
        let by = By { actor: &officer.email, at: now };
        let detail = json!({ "amount": run.amount, "transfers": run.lines });
        audit::record_in(&mut tx, by, "payover.sent", &id.to_string(), &detail).await?;
        tx.commit().await?;
        count(&run);
        Ok(run)
    }

    /// Withdraws a run that was released and has not gone out: its lines are free again.
    pub async fn withdraw(
        &self,
        officer: &Officer,
        id: PayoverId,
        why: &str,
    ) -> Result<Run, PayoverError> {
        admit(officer)?;
        let now = self.clock.now().trunc_subsecs(6);
        let mut tx = self.pool.begin().await?;
        let (run, lines) = lock_in(&mut tx, id).await?.ok_or(PayoverError::NotFound)?;
        if run.status == RunStatus::Prepared {
            let why = "the run waits for an approval: have it rejected".to_owned();
            return Err(PayoverError::WrongState(why));
        }
        let by = By { actor: &officer.email, at: now };
        let run = refuse_in(&mut tx, run, &lines, why, by).await.map_err(|error| match error {
            RefuseError::WrongStep(error) => PayoverError::WrongStep(error),
            RefuseError::Store(error) => PayoverError::Store(error),
        })?;
        tx.commit().await?;
        Ok(run)
    }
}
