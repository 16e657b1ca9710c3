//! What the clock does about days: opens them, looks for files that are due, brings days to where
//! their files and lines stand, and tells how long days have waited.

use chrono::{NaiveDate, SubsecRound};
use sqlx::PgConnection;

use super::DayError;
use super::Days;
use super::checklist;
use super::prepare::advance_in;
use super::store;
use super::store::files;
use crate::ledger::store::days as ledger;

/// Days of one sweep.
const MOST: i64 = 40;

impl Days {
    /// Opens every day up to today. The first is that of the first entry.
    pub async fn open_days(&self) -> Result<u64, sqlx::Error> {
        let now = self.clock.now().trunc_subsecs(6);
        let today = self.accounts.day_of(now).0;
        let mut conn = self.pool.acquire().await?;
        let from = match store::days_span(&mut conn).await? {
            Some((_, last)) if last >= today => return Ok(0),
            Some((_, last)) => last,
            None => ledger::first_day(&mut conn).await?.unwrap_or(today).min(today),
        };
        store::days_open(&mut conn, (from, today), now).await
    }

    /// Looks at every day that is over and not prepared; how many cases were opened.
    pub async fn sweep(&self) -> Result<u32, DayError> {
        self.open_days().await?;
        let now = self.clock.now().trunc_subsecs(6);
        let today = self.accounts.day_of(now).0;
        let Some(yesterday) = today.pred_opt() else { return Ok(0) };
        let mut conn = self.pool.acquire().await?;
        let days = store::days_unprepared(&mut conn, yesterday, MOST).await?;
        let late = files::days_missing(&mut conn).await?;
        drop(conn);
        let mut opened = 0;
        let looked: Vec<NaiveDate> = days.iter().map(|day| day.day).collect();
        // A file may come when its day is closed already.
        for day in looked.iter().copied().chain(late.into_iter().filter(|d| !looked.contains(d))) {
            opened += self.sweep_files(day).await?;
        }
        for date in looked {
            self.advance(date).await?;
        }
        Ok(opened)
    }

    /// Brings one day to where its files and lines stand.
    pub async fn advance(&self, date: NaiveDate) -> Result<(), DayError> {
        let now = self.clock.now().trunc_subsecs(6);
        let directory = self.directory.current();
        let mut tx = self.pool.begin().await?;
        let Some(mut day) = store::day_lock(&mut tx, date).await? else { return Ok(()) };
        if !day.status.is_open() {
            return Ok(());
        }
        let with = (&*directory, self.hours);
        let looked = checklist::look(&mut tx, with, day.clone(), now).await?;
        let stands = (looked.files_complete(), looked.matched());
        advance_in(&mut tx, &mut day, stands, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How many days are over and not closed, and for how many seconds the oldest has been.
    pub async fn waiting_in(&self, conn: &mut PgConnection) -> Result<(i64, i64), sqlx::Error> {
        let now = self.clock.now();
        let (waiting, oldest) = store::days_waiting(conn, self.accounts.day_of(now).0).await?;
        let age = oldest.map_or(0, |day| (now - self.hours.bounds(day).1).num_seconds().max(0));
        Ok((waiting, age))
    }

    /// Sets the gauges: how many days are over and not closed, and for how many seconds the oldest
    /// has been.
    pub async fn tell(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let mut conn = self.pool.acquire().await?;
        let (waiting, age) = self.waiting_in(&mut conn).await?;
        let gauge = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
        metrics::gauge!("payclear_days_unclosed").set(gauge(waiting));
        metrics::gauge!("payclear_day_open_age_seconds").set(gauge(age));
        let (waiting, oldest) = crate::payover::store::unconfirmed(&mut conn, now).await?;
        metrics::gauge!("payclear_payover_unconfirmed").set(gauge(waiting));
        metrics::gauge!("payclear_payover_unconfirmed_oldest_seconds").set(gauge(oldest));
        Ok(())
    }
}
