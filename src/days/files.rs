//! Which files a day needs, which are in, and what becomes of those that are not.
//!
//! A bank account's statement is expected of every day on which something was collected on it, and of
//! every working day when that statement is what settles; a wallet's report of every day on which
//! something was collected. One that covers a day off with the next working day will do. By the hour
//! of the next working day that the settings name, what is missing becomes a case (F01).

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::files::{self as store, Missing, Received};
use super::{Days, Hours};
use crate::breaks::store::breaks_insert;
use crate::breaks::store::days::break_close;
use crate::breaks::{Break, BreakCode, BreakState};
use crate::partners::SettlingSource;
use crate::registers::directory::Directory;
use crate::vocabulary::calendar::Calendar;
use crate::vocabulary::day::{self, BusinessDay};
use crate::vocabulary::ids::BreakId;
use crate::vocabulary::money::{Currency, Money};

/// A file that a day needs, and where it stands.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Whose.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// `account`: a bank account's statement; `report`: what a partner says that it collected.
    pub kind: &'static str,
    /// Something was collected on the account that day.
    pub moved: bool,
    /// What is in.
    pub received: Option<Received>,
    /// The case of its absence.
    pub case: Option<Uuid>,
}

impl Expected {
    /// Is it in and taken over?
    pub fn is_in(&self) -> bool {
        self.received.as_ref().is_some_and(|file| file.state == "booked")
    }

    /// Has it come, and may it be taken over as it is? One that is quarantined is not in: it may be
    /// rejected yet, and then there is none.
    pub fn has_come(&self) -> bool {
        self.received.as_ref().is_some_and(|file| matches!(&*file.state, "staged" | "booked"))
    }

    /// For people.
    pub fn name(&self) -> String {
        format!("{} of {} {}", self.kind, self.partner, self.account)
    }
}

/// The last day that a file which covers a day may be of.
fn covered_until(calendar: &Calendar, day: NaiveDate) -> NaiveDate {
    calendar.working_day_from(day)
}

/// By when the files of a day are in.
pub fn due_at(calendar: &Calendar, hours: Hours, day: NaiveDate) -> DateTime<Utc> {
    day::from_local(calendar.next_working_day(day).and_time(hours.files_by))
}

/// The files of a day.
pub async fn expected(
    conn: &mut PgConnection,
    directory: &Directory,
    day: NaiveDate,
) -> Result<Vec<Expected>, sqlx::Error> {
    let on = BusinessDay(day);
    let calendar = directory.calendar(on);
    let works = calendar.is_working_day(day);
    let moved: BTreeSet<(String, String)> =
        store::accounts_moved(conn, day).await?.into_iter().collect();
    let mut needed: BTreeSet<(String, String)> = moved.clone();
    for partner in directory.partners() {
        for account in directory.collecting_accounts(&partner.code, on) {
            if works && account.settling_source == SettlingSource::Statement {
                needed.insert((partner.code.clone(), account.number.clone()));
            }
        }
    }
    let received = store::received(conn, (day, covered_until(&calendar, day))).await?;
    let missing = store::missing_of(conn, day).await?;
    let expected = needed.into_iter().map(|(partner, account)| {
        let kept_by_bank = directory
            .account_ever(&partner, &account)
            .is_some_and(|account| !account.bin.is_empty());
        let kind = if kept_by_bank { "account" } else { "report" };
        let same = |of: (&str, &str, &str)| of == (partner.as_str(), account.as_str(), kind);
        // The one that was taken over goes before one that waits.
        let file = received
            .iter()
            .filter(|file| same((&file.partner, &file.account, &file.kind)))
            .max_by_key(|file| (file.state == "booked", file.state == "staged"));
        let case = missing.iter().find(|m| same((&m.partner, &m.account, &m.kind)));
        Expected {
            kind,
            moved: moved.contains(&(partner.clone(), account.clone())),
            received: file.cloned(),
            case: case.filter(|case| case.found_at.is_none()).map(|case| case.case),
            partner,
            account,
        }
    });
    Ok(expected.collect())
}

impl Days {
    /// Opens cases of files that are due and not in, and closes those whose file came; how many
    /// cases were opened.
    pub async fn sweep_files(&self, day: NaiveDate) -> Result<u32, sqlx::Error> {
        let now = self.clock.now().trunc_subsecs(6);
        let directory = self.directory.current();
        let due = due_at(&directory.calendar(BusinessDay(day)), self.hours, day);
        let mut conn = self.pool.acquire().await?;
        let files = expected(&mut conn, &directory, day).await?;
        drop(conn);
        let mut opened = 0;
        for file in files {
            let missing = Missing {
                partner: file.partner.clone(),
                account: file.account.clone(),
                kind: file.kind.to_owned(),
                case: file.case.unwrap_or_else(|| BreakId::new(now).0),
                found_at: None,
            };
            let mut tx = self.pool.begin().await?;
            match (file.has_come(), file.case) {
                (true, Some(case)) => {
                    if store::missing_found(&mut tx, day, &missing, now).await? {
                        break_close(&mut tx, case, now).await?;
                    }
                }
                (false, None) if due <= now => {
                    open_in(&mut tx, &file, (day, missing.case), now).await?;
                    // Another sweep may have been first: then nothing of this one stays.
                    if !store::missing_insert(&mut tx, day, &missing).await? {
                        continue;
                    }
                    opened += 1;
                }
                _ => continue,
            }
            tx.commit().await?;
        }
        Ok(opened)
    }
}

async fn open_in(
    conn: &mut PgConnection,
    file: &Expected,
    (day, id): (NaiveDate, Uuid),
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let case = Break {
        id: BreakId(id),
        code: BreakCode::FileMissing,
        state: BreakState::Open,
        opened_at: now,
        partner: file.partner.clone(),
        agency: String::new(),
        invoice: None,
        settlement: None,
        amount: Money::zero(Currency::Vnd),
        detail: match &file.received {
            Some(of) => {
                format!("the {} for {day} is {}, and no other is in", file.name(), of.state)
            }
            None => format!("the {} for {day} is not in", file.name()),
        },
    };
    breaks_insert(conn, std::slice::from_ref(&case)).await
}
