//! What officers look at before they sign a day: files, lines, cases, the roll-forward, money that is
//! held, the trial balance; and in sentences whatever stands against signing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::banks::{self, Compared};
use super::files::{self, Expected};
use super::store::{self, Day, files as received_files};
use super::{Days, Hours, reopen};
use crate::breaks::store::days as breaks;
use crate::breaks::store::days::{OpenCase, RollForward, Rolled};
use crate::breaks::store::holds::{self, Held};
use crate::ledger::store::days as ledger;
use crate::registers::directory::Directory;

/// One day, looked at.
#[derive(Debug)]
pub struct Checklist {
    /// Where it stands.
    pub day: Day,
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant of the next one.
    pub to: DateTime<Utc>,
    /// The files that it needs.
    pub files: Vec<Expected>,
    /// How many lines its files have.
    pub lines: i64,
    /// How many lines are in files that are not taken over yet, or stand open without a case.
    pub unplaced: i64,
    /// How cases went on, all codes together.
    pub roll: RollForward,
    /// The same by code.
    pub by_code: Vec<Rolled>,
    /// What the day before was signed with: its open cases.
    pub carried: Option<(i64, Decimal)>,
    /// Cases that were open when it ended.
    pub open: Vec<OpenCase>,
    /// Cases of files that are missing, opened once they were due.
    pub of_files: Vec<OpenCase>,
    /// Those of all these that are open, without an owner or without a reason.
    pub ownerless: Vec<Uuid>,
    /// For each currency the debits and the credits of the day.
    pub turnover: Vec<(String, Decimal, Decimal)>,
    /// The books against the banks whose statements of the day are booked.
    pub banks: Vec<Compared>,
    /// Accounts that hold what is nobody's yet, as they are now; not looked at for the signature,
    /// which is of the day's end.
    pub holdings: Vec<Held>,
    /// What keeps a closed day closed, each in a sentence; as it is now, like the holdings.
    pub keeps_closed: Vec<String>,
    /// The oldest day that is not closed.
    pub first_unclosed: Option<NaiveDate>,
    /// The day has ended.
    pub is_over: bool,
}

impl Checklist {
    /// Every file is in, or its absence is the case of somebody.
    pub fn files_complete(&self) -> bool {
        self.files.iter().all(|file| self.is_settled(file))
    }

    fn is_settled(&self, file: &Expected) -> bool {
        file.is_in()
            || (file.received.is_none()
                && file.case.is_some_and(|case| !self.ownerless.contains(&case)))
    }

    /// Every line is placed.
    pub fn matched(&self) -> bool {
        self.files_complete() && self.unplaced == 0
    }

    /// What stands against signing the day, each in a sentence.
    pub fn against(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !self.is_over {
            found.push(format!("the day ends at {}", self.to.to_rfc3339()));
        }
        if let Some(first) = self.first_unclosed.filter(|first| *first < self.day.day) {
            found.push(format!("days close in their order: {first} is not closed"));
        }
        for file in self.files.iter().filter(|file| !self.is_settled(file)) {
            let how = match &file.received {
                Some(received) => format!("is {}", received.state),
                None if file.case.is_some() => "is missing, and nobody has its case".to_owned(),
                None => "is not in".to_owned(),
            };
            found.push(format!("the {} {how}", file.name()));
        }
        if self.unplaced > 0 {
            found.push(format!("{} lines are not placed", self.unplaced));
        }
        if !self.ownerless.is_empty() {
            let count = self.ownerless.len();
            found.push(format!("{count} open cases have no owner or no reason"));
        }
        if let Some(carried) = self.carried
            && carried != self.roll.before
        {
            found.push(format!(
                "the day before was signed with {} open cases of {}, this one begins with {} of {}",
                carried.0, carried.1, self.roll.before.0, self.roll.before.1
            ));
        }
        if !self.by_code.iter().all(Rolled::balances) {
            found.push("open cases before, new and cleared do not make those now open".to_owned());
        }
        for (currency, debit, credit) in &self.turnover {
            if debit != credit {
                found.push(format!("debits {debit} and credits {credit} of {currency} differ"));
            }
        }
        found.extend(self.banks.iter().filter_map(Compared::against));
        found
    }
}

/// The open cases that a snapshot was signed with.
fn carried(content: &Value) -> Option<(i64, Decimal)> {
    let open = &content["breaks"]["open"];
    Some((open["count"].as_i64()?, open["amount"].as_str()?.parse().ok()?))
}

/// Looks at a day at an instant: who has cases, and why, is told as of then.
pub async fn look(
    conn: &mut PgConnection,
    (directory, hours): (&Directory, Hours),
    day: Day,
    at: DateTime<Utc>,
) -> Result<Checklist, sqlx::Error> {
    let (from, to) = hours.bounds(day.day);
    let files = files::expected(conn, directory, day.day).await?;
    let received: Vec<_> = files.iter().filter_map(|file| file.received.as_ref()).collect();
    let ids: Vec<Uuid> = received.iter().map(|file| file.id).collect();
    let (mut lines, mut unplaced) =
        (0, received_files::lines_without_case(conn, day.day, &ids).await?);
    for file in received {
        lines += file.lines;
        // The lines of a statement that was taken over are placed, or stand on the list of open ones.
        if file.state != "booked" {
            unplaced += file.lines;
        }
    }
    let previous = store::snapshot_before(conn, day.day).await?;
    let carried = match previous {
        Some(of) if of.day.succ_opt() == Some(day.day) => {
            let prepared = store::preparation_read(conn, of.preparation).await?;
            let content = prepared.and_then(|p| serde_json::from_str(&p.content).ok());
            content.as_ref().and_then(carried)
        }
        _ => None,
    };
    let mut turnover: BTreeMap<String, (Decimal, Decimal)> = BTreeMap::new();
    for movement in ledger::movements_of(conn, day.day).await? {
        let sums = turnover.entry(movement.currency).or_default();
        sums.0 += movement.debit;
        sums.1 += movement.credit;
    }
    let by_code = breaks::roll_forward(conn, (from, to)).await?;
    let open = breaks::open_at(conn, (to, at)).await?;
    let of_files: Vec<Uuid> = files.iter().filter_map(|file| file.case).collect();
    let of_files = breaks::as_of(conn, &of_files, at).await?;
    // The case of a file may be one that was open already when the day ended.
    let ownerless: BTreeSet<Uuid> = open
        .iter()
        .chain(&of_files)
        .filter(|case| !case.is_answered_for())
        .map(|case| case.id)
        .collect();
    Ok(Checklist {
        from,
        to,
        files,
        lines,
        unplaced,
        roll: RollForward::of(&by_code),
        by_code,
        carried,
        open,
        of_files,
        ownerless: ownerless.into_iter().collect(),
        turnover: turnover.into_iter().map(|(c, (debit, credit))| (c, debit, credit)).collect(),
        banks: banks::of_day(conn, day.day).await?,
        holdings: Vec::new(),
        keeps_closed: Vec::new(),
        first_unclosed: store::first_unclosed(conn).await?,
        is_over: to <= at,
        day,
    })
}

impl Days {
    /// A day as it stands now.
    pub async fn look(&self, day: NaiveDate) -> Result<Option<Checklist>, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        let Some(day) = store::day_read(&mut conn, day).await? else { return Ok(None) };
        let directory = self.directory.current();
        let with = (&*directory, self.hours);
        let mut looked = look(&mut conn, with, day, self.clock.now()).await?;
        looked.holdings = holds::held(&mut conn).await?;
        if !looked.day.status.is_open() {
            looked.keeps_closed = reopen::against_in(&mut conn, &looked.day).await?;
        }
        Ok(Some(looked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::days::status::DayStatus;

    fn checklist() -> Checklist {
        let at: DateTime<Utc> = "2026-01-15T00:00:00Z".parse().expect("an instant");
        let none = (0, Decimal::ZERO);
        Checklist {
            day: Day {
                day: "2026-01-15".parse().expect("a date"),
                status: DayStatus::Open,
                status_since: at,
                revision: 1,
                prepared_by: None,
                preparation: None,
                approved_by: None,
                reopen_by: None,
                reopen_reason: None,
            },
            from: at,
            to: at,
            files: Vec::new(),
            lines: 0,
            unplaced: 0,
            roll: RollForward { before: none, new: none, cleared: none, open: none },
            by_code: Vec::new(),
            carried: None,
            open: Vec::new(),
            of_files: Vec::new(),
            ownerless: Vec::new(),
            turnover: Vec::new(),
            banks: Vec::new(),
            holdings: Vec::new(),
            keeps_closed: Vec::new(),
            first_unclosed: None,
            is_over: true,
        }
    }

    fn file(case: Option<Uuid>) -> Expected {
        let name = str::to_owned;
        Expected {
            partner: name("bank"),
            account: name("1"),
            kind: "account",
            moved: true,
            received: None,
            case,
        }
    }

    #[test]
    fn an_empty_day_may_be_signed_and_one_with_a_gap_may_not() {
        assert!(checklist().against().is_empty() && checklist().matched());
        let mut early = checklist();
        early.is_over = false;
        early.first_unclosed = Some("2026-01-14".parse().expect("a date"));
        assert_eq!(early.against().len(), 2);
        let mut gap = checklist();
        gap.carried = Some((1, Decimal::ONE));
        assert_eq!(gap.against().len(), 1);
        gap.roll.before = (1, Decimal::ONE);
        assert!(gap.against().is_empty());
        gap.by_code = vec![Rolled {
            code: "B07".to_owned(),
            currency: "VND".to_owned(),
            before: 1,
            before_amount: Decimal::ONE,
            new: 0,
            new_amount: Decimal::ZERO,
            cleared: 0,
            cleared_amount: Decimal::ZERO,
            after: 0,
            after_amount: Decimal::ZERO,
        }];
        let told = gap.against();
        assert!(told[0].contains("do not make"), "{told:?}");
    }

    #[test]
    fn a_missing_file_is_settled_by_a_case_that_somebody_has() {
        let case = Uuid::nil();
        let mut day = checklist();
        day.files = vec![file(None)];
        assert!(!day.files_complete());
        day.files = vec![file(Some(case))];
        assert!(day.matched());
        day.ownerless = vec![case];
        assert!(!day.files_complete());
        assert!(day.against().iter().any(|told| told.contains("nobody has its case")));
    }
}
