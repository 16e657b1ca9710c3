//! The runner: statements that are staged go through the rules, chunk by chunk. Each chunk is one
//! transaction that also says how far it came, so that a crash goes on where it stopped and nothing is
//! booked twice; whoever else works on the same statement waits for the chunk and goes on after it.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::calendar::WorkingDays;
use super::chunk::{self, Scene, Sight};
use super::store::reads;
use super::store::work::{self, OpenLine, Tally, Which};
use super::{batches, fee, missing, rules, undo};
use crate::ledger::accounts::Accounts;
use crate::partners::SettlingSource;
use crate::people::role::EVERYTHING;
use crate::platform::{faults, lease, outbox};
use crate::registers::live::LiveDirectory;
use crate::statements::read::{self, Line};
use crate::statements::store::statement_booked_in;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::money::Currency;

/// Who holds it matches what comes in.
pub const LEASE: &str = "matching";
/// Lines of one chunk.
pub const CHUNK: i64 = 10_000;
/// A chunk is worked on in so many parts: while one is written, the next is looked at.
pub(super) const PARTS: i64 = 4;
/// A chunk that meets the door's writers in the database is tried so often.
const TRIES: u32 = 5;

/// What matching needs.
#[derive(Debug, Clone)]
pub struct Matching {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The books.
    pub accounts: Arc<Accounts>,
    /// Whose word settles which account.
    pub directory: LiveDirectory,
    /// The banks' working days.
    pub days: WorkingDays,
    /// Lines of one chunk.
    pub chunk: i64,
}

/// Why matching stopped. What was committed stays; running it again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MatchingError {
    /// There is none.
    #[error("there is no such statement that waits to be matched")]
    NotFound,
    /// Somebody else changed what this chunk was decided on.
    #[error("what was to be matched has changed meanwhile")]
    Overtaken,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// A rule of ours was broken by ourselves: the chunk fails, nothing of it is written.
pub(super) fn defect(error: impl std::fmt::Display) -> MatchingError {
    MatchingError::Store(sqlx::Error::Protocol(format!("defect: {error}")))
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Statements that were finished.
    pub statements: u64,
    /// Lines of them, and open ones that were looked at again.
    pub lines: u64,
    /// What they came to; of open ones, what has changed.
    pub tally: Tally,
    /// Settlements that were missed.
    pub missing: u64,
}

impl Matching {
    /// Now, as the database keeps it.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }

    /// Does all there is to do: statements that wait, then what their lines may have brought for lines
    /// that were open, then settlements that nobody has told of in time.
    pub async fn run(&self) -> Result<Done, MatchingError> {
        let mut done = Done::default();
        let mut failed = Vec::new();
        loop {
            let mut conn = self.pool.acquire().await?;
            let waiting = read::store::statements_waiting(&mut conn, 100).await?;
            drop(conn);
            let Some(next) = waiting.into_iter().find(|id| !failed.contains(id)) else { break };
            match self.run_statement(next).await {
                Ok(tally) => {
                    done.statements += 1;
                    done.tally = done.tally.and(tally.1);
                    done.lines += tally.0;
                }
                // One that cannot be worked through keeps none of the others.
                Err(error) => {
                    tracing::error!(statement = %next, %error, "a statement is not matched");
                    failed.push(next);
                }
            }
        }
        if done.statements > 0 {
            self.again(Which::Lumps, &mut done).await?;
        }
        let today = self.accounts.day_of(self.now()).0;
        self.again(Which::Due(today), &mut done).await?;
        batches::bank_funded(self).await?;
        done.missing = missing::sweep(self).await?;
        Ok(done)
    }

    /// Does what there is to do as the one that leads: statements that wait, or everything when it is
    /// time for it. Was everything done?
    pub async fn tick(&self, holder: &str, all: bool) -> Result<bool, MatchingError> {
        let mut conn = self.pool.acquire().await?;
        if lease::take(&mut conn, LEASE, holder).await?.is_none() {
            return Ok(false);
        }
        let waits = !read::store::statements_waiting(&mut conn, 1).await?.is_empty();
        drop(conn);
        // What two people have matched meanwhile.
        batches::bank_funded(self).await?;
        if waits || all {
            self.run().await?;
        }
        Ok(waits || all)
    }

    /// The same, and every line that is open is looked at once more: the cause may be gone.
    pub async fn run_all_again(&self) -> Result<Done, MatchingError> {
        let mut done = self.run().await?;
        self.again(Which::All, &mut done).await?;
        batches::bank_funded(self).await?;
        Ok(done)
    }

    /// Banks the settlements of batches whose money was seen, until none is left.
    pub async fn bank_funded(&self) -> Result<(), MatchingError> {
        batches::bank_funded(self).await
    }

    /// Takes one statement through; how many lines, and what they came to.
    pub async fn run_statement(&self, id: Uuid) -> Result<(u64, Tally), MatchingError> {
        let mut conn = self.pool.acquire().await?;
        let statement = read::store::statement_read(&mut conn, id).await?;
        let scene = self.scene(&mut conn, statement.ok_or(MatchingError::NotFound)?).await?;
        drop(conn);
        let mut all = (0, Tally::default());
        let mut failures = 0;
        loop {
            match self.step(&scene).await {
                Ok(Some((lines, tally))) => {
                    failures = 0;
                    all = (all.0 + lines, all.1.and(tally));
                    faults::point("matching.between_chunks");
                }
                Ok(None) => break,
                Err(error) => {
                    failures += 1;
                    if failures >= TRIES || !may_pass(&error) {
                        return Err(error);
                    }
                    tracing::info!(statement = %id, %error, "a chunk is tried again");
                }
            }
        }
        outbox::WRITTEN.notify_one();
        Ok(all)
    }

    /// The next piece of work on a statement: what it stands in for is taken back, then its own lines;
    /// none when nothing is left.
    async fn step(&self, scene: &Scene) -> Result<Option<(u64, Tally)>, MatchingError> {
        let statement = &scene.statement;
        let now = self.now();
        let mut ahead = self.ahead().await?;
        let mut tx = self.pool.begin().await?;
        work::plan_by_keys(&mut tx).await?;
        let undoing = statement.supersedes.is_some();
        let progress =
            work::matching_begin(&mut tx, statement.id, undoing, rules::VERSION, now).await?;
        let mut came_to = (0, Tally::default());
        match (progress.phase.as_str(), statement.supersedes) {
            ("undoing", Some(old)) => {
                match undo::statement_piece_in(&mut tx, self, (statement.id, old), progress.upto)
                    .await?
                {
                    Some(upto) => work::matching_undoing(&mut tx, statement.id, upto).await?,
                    None => work::matching_phase(&mut tx, statement.id, "lines", None).await?,
                }
            }
            ("lines", _) => {
                let upto = progress.upto;
                let (last, lines, tally) = self.lines_in(&mut tx, &mut ahead, scene, upto).await?;
                if lines > 0 {
                    came_to = (lines, tally);
                    if !work::matching_step(&mut tx, statement.id, (upto, last), tally).await? {
                        return Err(MatchingError::Overtaken);
                    }
                } else {
                    work::matching_phase(&mut tx, statement.id, "done", Some(now)).await?;
                    work::batches_open(&mut tx, statement.id).await?;
                    let booked = statement_booked_in(&mut tx, statement.id, now).await?;
                    if !booked {
                        return Err(MatchingError::NotFound);
                    }
                }
            }
            _ => return Ok(None),
        }
        tx.commit().await?;
        Ok(Some(came_to))
    }

    /// A transaction beside that of a chunk, which reads what comes next while the chunk is written. What
    /// the chunk has locked stays as it is meanwhile; what it has used up is known in memory.
    pub(super) async fn ahead(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut ahead = self.pool.begin().await?;
        work::plan_by_keys(&mut ahead).await?;
        Ok(ahead)
    }

    /// Works on the lines of a chunk after a place: the last place, how many lines, what they came to.
    async fn lines_in(
        &self,
        conn: &mut PgConnection,
        ahead: &mut PgConnection,
        scene: &Scene,
        after: i32,
    ) -> Result<(i32, u64, Tally), MatchingError> {
        let (mut at, mut lines, mut tally) = (after, 0, Tally::default());
        let mut taken = rules::Taken::new();
        let mut next = self.look_ahead(ahead, scene, at).await?;
        for part in 1..=PARTS {
            let Some(sight) = next.take() else { break };
            at = sight.last_place();
            lines += sight.len() as u64;
            // Both to their ends: a question that is broken off leaves its answer on the connection.
            let (done, looked) =
                tokio::join!(chunk::work_in(conn, self, scene, &sight, &mut taken), async {
                    if part == PARTS { Ok(None) } else { self.look_ahead(ahead, scene, at).await }
                });
            tally = tally.and(done?);
            next = looked?;
        }
        Ok((at, lines, tally))
    }

    /// What is known about the next part of a statement's lines; none when there are no more.
    async fn look_ahead(
        &self,
        ahead: &mut PgConnection,
        scene: &Scene,
        after: i32,
    ) -> Result<Option<Sight>, MatchingError> {
        let most = (self.chunk / PARTS).max(1);
        let lines = read::store::lines_of(ahead, scene.statement.id, after, most).await?;
        if lines.is_empty() {
            return Ok(None);
        }
        let looked = lines.into_iter().map(|line| (line, None)).collect();
        chunk::look(ahead, scene, looked).await.map(Some)
    }

    /// What is true of a statement.
    pub(super) async fn scene(
        &self,
        conn: &mut PgConnection,
        statement: read::Statement,
    ) -> Result<Scene, MatchingError> {
        let directory = self.directory.current();
        let (partner, account) = (statement.partner.as_str(), statement.account.as_str());
        let collecting = directory
            .account_numbered(partner, account, BusinessDay(statement.day))
            .or_else(|| directory.account_ever(partner, account));
        // An account that collects nothing has no word that settles it.
        let source = collecting.map_or(SettlingSource::Webhook, |account| account.settling_source);
        let agency = collecting.and_then(|account| account.agency.clone());
        let terms = reads::terms_of(conn, partner, statement.day).await?;
        // The books of these accounts are in đồng.
        let currency = statement.currency.parse().ok().filter(|c| *c == Currency::Vnd);
        Ok(Scene {
            statement,
            currency,
            source,
            terms: terms.unwrap_or(fee::Terms::NONE),
            agency: agency.unwrap_or_else(|| EVERYTHING.to_owned()),
        })
    }

    /// Looks at open lines once more, statement by statement.
    async fn again(&self, which: Which, done: &mut Done) -> Result<(), MatchingError> {
        let mut after = 0;
        loop {
            let mut tx = self.pool.begin().await?;
            work::plan_by_keys(&mut tx).await?;
            let mut open = work::open_lines_lock(&mut tx, which, after, 1_000).await?;
            let Some(first) = open.first().map(|open| open.statement) else { return Ok(()) };
            // One statement at a time: its scene is that of all of them.
            let upto = open.iter().position(|o| o.statement != first).unwrap_or(open.len());
            open.truncate(upto);
            after = open.last().map_or(after, |open| open.line);
            done.lines += u64::try_from(open.len()).unwrap_or(0);
            match self.again_in(&mut tx, first, open).await {
                Ok(tally) => {
                    tx.commit().await?;
                    done.tally = done.tally.and(tally);
                }
                // They stay open; the next run looks at them again.
                Err(error) if may_pass(&error) => {
                    tracing::info!(statement = %first, %error, "open lines are left for the next run");
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn again_in(
        &self,
        tx: &mut PgConnection,
        statement: Uuid,
        open: Vec<OpenLine>,
    ) -> Result<Tally, MatchingError> {
        let statement = read::store::statement_read(tx, statement).await?;
        let scene = self.scene(tx, statement.ok_or(MatchingError::NotFound)?).await?;
        let ids: Vec<i64> = open.iter().map(|open| open.line).collect();
        let lines: Vec<Line> = read::store::lines_read(tx, &ids).await?;
        let mut of: std::collections::HashMap<i64, OpenLine> =
            open.into_iter().map(|open| (open.line, open)).collect();
        let suggested = reads::lines_suggested(tx, &ids).await?;
        let looked = lines
            .into_iter()
            // What waits for a person's word is left to it.
            .filter(|line| !suggested.contains(&line.id))
            .map(|line| {
                let open = of.remove(&line.id);
                (line, open)
            })
            .collect();
        let sight = chunk::look(tx, &scene, looked).await?;
        let tally = chunk::work_in(tx, self, &scene, &sight, &mut rules::Taken::new()).await?;
        work::matching_tally(tx, scene.statement.id, tally).await?;
        Ok(tally)
    }
}

/// Lost races with the door's writers pass by themselves: unique keys, deadlocks, waits that ended.
fn may_pass(error: &MatchingError) -> bool {
    match error {
        MatchingError::Overtaken => true,
        MatchingError::NotFound => false,
        MatchingError::Store(error) => error.as_database_error().is_some_and(|told| {
            matches!(told.code().as_deref(), Some("23505" | "40P01" | "40001" | "55P03"))
        }),
    }
}
