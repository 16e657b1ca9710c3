//! Transfers that the bank has not confirmed by the cut-off of the next working day become cases
//! (B16): somebody asks the bank after them (tra soát). The bank's own word closes the case.

use chrono::{DateTime, NaiveTime, Utc};

use super::confirm::{ConfirmError, open_case_in};
use super::status::LineStatus;
use super::store;
use super::{PayingOver, lock_in};
use crate::breaks::BreakCode;
use crate::vocabulary::day;

/// Transfers of one sweep.
const MOST: i64 = 500;

impl PayingOver {
    /// By when a transfer that was sent at an instant is confirmed: the working day after it, at an
    /// hour.
    pub fn confirmed_by(&self, sent_at: DateTime<Utc>, hour: NaiveTime) -> DateTime<Utc> {
        let day = self.accounts.day_of(sent_at);
        let calendar = self.directory.current().calendar(day);
        let sent_on = calendar.working_day_from(day::to_local(sent_at).date());
        day::from_local(calendar.next_working_day(sent_on).and_time(hour))
    }

    /// Opens the cases that are due; how many.
    pub async fn sweep_overdue(&self, hour: NaiveTime) -> Result<u32, sqlx::Error> {
        let now = self.clock.now();
        let mut conn = self.pool.acquire().await?;
        let waiting = store::lines_unconfirmed(&mut conn, now, MOST).await?;
        drop(conn);
        let mut opened = 0;
        for (run, line, sent_at) in waiting {
            if self.confirmed_by(sent_at, hour) > now {
                continue;
            }
            let mut tx = self.pool.begin().await?;
            let Some((_, lines)) = lock_in(&mut tx, run).await? else { continue };
            // Another may have been first, or the bank's word.
            let still = |of: &&super::RunLine| {
                of.id == line && of.status == LineStatus::Sent && of.case.is_none()
            };
            let Some(line) = lines.iter().find(still) else { continue };
            let told = format!(
                "transfer {} of {} to {} sent {}, not confirmed",
                line.reference(),
                line.amount.for_people(),
                line.treasury_account,
                day::to_local(sent_at).format("%Y-%m-%d %H:%M")
            );
            let case = (line.amount, told);
            match open_case_in(&mut tx, line, BreakCode::PayoutUnconfirmed, case, now).await {
                Ok(_) => {}
                Err(ConfirmError::Store(error)) => return Err(error),
                Err(_) => continue,
            }
            tx.commit().await?;
            opened += 1;
        }
        Ok(opened)
    }
}
