//! The grouping writer: many callers, one commit.
//!
//! Whatever waits, up to [`MOST`], becomes one group and one transaction; who waits for an answer
//! never waits for a group to fill. One group is in flight per writer, so a group also is the place
//! where copies of one request meet: the later copy sees what the earlier did.
//!
//! A writer has a connection of its own, with settings that suit groups and nothing else.
//!
//! A group that the database refuses is rolled back and run once more when the refusal may be a
//! lost race (it now sees the winner), and only then halved down to the one bad item, which alone
//! gets the error. When the answer to COMMIT is lost, the writer asks the database what became of
//! the transaction: it never runs a group again that may have been committed.

use std::future::Future;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool, Row};
use tokio::sync::{mpsc, oneshot};

use super::faults;

/// The most items of one group.
pub const MOST: usize = 256;
/// How long a lost COMMIT is asked after.
const ASK_AFTER_COMMIT: Duration = Duration::from_secs(20);

/// No server takes longer to let one in, unless it is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// One round trip: the transaction, and its number for the case that COMMIT's answer is lost.
const BEGIN: &str = "begin; select pg_current_xact_id()::text";

/// Plans that stay good while tables grow. A group touches rows by their keys alone. Left to its
/// statistics PostgreSQL plans the same statements anew for every group, and keeps for its triggers
/// whatever was best when a table was small: reading all of the ledger to check a few lines of it.
const PLANS_BY_KEY: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// What a group does in its transaction.
pub trait Work: Send + Sync + 'static {
    /// What one caller brings.
    type Item: Send + Sync + 'static;
    /// What one caller gets.
    type Outcome: Send + 'static;
    /// For logs and metrics.
    const NAME: &'static str;
    /// How long the first item of a group waits for others. Nothing, where somebody waits for the
    /// answer.
    const GATHER: Duration = Duration::ZERO;

    /// Does the whole group, one outcome for each item in the items' order.
    fn run(
        &self,
        conn: &mut PgConnection,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, sqlx::Error>> + Send;

    /// Told once for each group that is committed, before its callers are answered.
    fn committed(&self) {}
}

/// Why an item got no outcome. Nothing of it was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GroupError {
    /// Somebody else works on the same thing; the same request may be sent again.
    #[error("somebody else is working on the same thing")]
    Busy,
    /// The database is not there, or not writable.
    #[error("the database cannot be written to: {0}")]
    Unavailable(String),
    /// The database refused this very item: a defect, told to operators.
    #[error("the database refused the item: {0}")]
    Refused(String),
    /// The answer to COMMIT was lost and the database could not be asked; a repeat will tell.
    #[error("it is not known whether the write was committed")]
    Unknown,
}

struct Job<W: Work> {
    item: W::Item,
    alone: bool,
    reply: Reply<W::Outcome>,
}

type Reply<T> = oneshot::Sender<Result<T, GroupError>>;

/// A handle to a writer; clones share it.
pub struct Writer<W: Work> {
    jobs: mpsc::Sender<Job<W>>,
}

impl<W: Work> Clone for Writer<W> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

impl<W: Work> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer<{}>", W::NAME)
    }
}

impl<W: Work> Writer<W> {
    /// Starts the writer's task. It ends, after its last group, when the last handle is dropped.
    /// It writes to the pool's database over a connection of its own.
    pub fn start(pool: PgPool, work: W) -> Self {
        let (jobs, waiting) = mpsc::channel(4 * MOST);
        tokio::spawn(write_groups(pool, work, waiting));
        Self { jobs }
    }

    /// Hands in an item and waits until its group is committed.
    pub async fn submit(&self, item: W::Item) -> Result<W::Outcome, GroupError> {
        self.hand_in(item, false).await
    }

    /// The same for a large item, a batch or a list, that shall be a group of its own.
    pub async fn submit_alone(&self, item: W::Item) -> Result<W::Outcome, GroupError> {
        self.hand_in(item, true).await
    }

    async fn hand_in(&self, item: W::Item, alone: bool) -> Result<W::Outcome, GroupError> {
        let (reply, answer) = oneshot::channel();
        let gone = || GroupError::Unavailable("the writer has stopped".to_owned());
        self.jobs.send(Job { item, alone, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| GroupError::Unknown)?
    }
}

async fn write_groups<W: Work>(pool: PgPool, work: W, mut waiting: mpsc::Receiver<Job<W>>) {
    let mut line = Line::to(pool);
    while let Some((group, alone)) = next_group(&mut waiting).await {
        for jobs in [group, alone.into_iter().collect()] {
            if jobs.is_empty() {
                continue;
            }
            metrics::histogram!("payclear_group_items", "writer" => W::NAME)
                .record(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
            let (items, replies) = jobs.into_iter().map(|job| (job.item, job.reply)).unzip();
            run_and_reply(&mut line, &work, items, replies).await;
        }
    }
}

/// Whatever waits, and the large item behind it that is to be a group of its own; none when nothing
/// will come any more.
async fn next_group<W: Work>(
    waiting: &mut mpsc::Receiver<Job<W>>,
) -> Option<(Vec<Job<W>>, Option<Job<W>>)> {
    let first = waiting.recv().await?;
    if first.alone {
        return Some((Vec::new(), Some(first)));
    }
    if !W::GATHER.is_zero() {
        tokio::time::sleep(W::GATHER).await;
    }
    let mut jobs = vec![first];
    while jobs.len() < MOST {
        match waiting.try_recv() {
            Ok(job) if job.alone => return Some((jobs, Some(job))),
            Ok(job) => jobs.push(job),
            Err(_) => break,
        }
    }
    Some((jobs, None))
}

/// Runs a group of single items; halves it where the database refuses, down to the one bad item.
async fn run_and_reply<W: Work>(
    line: &mut Line,
    work: &W,
    items: Vec<W::Item>,
    replies: Vec<Reply<W::Outcome>>,
) {
    // What is still to be run; the whole group at first.
    let mut ranges: Vec<Range<usize>> = std::iter::once(0..items.len()).collect();
    let mut replies: Vec<Option<_>> = replies.into_iter().map(Some).collect();
    while let Some(range) = ranges.pop() {
        match run_settled(line, work, &items[range.clone()]).await {
            Ok(outcomes) => {
                for (place, outcome) in range.zip(outcomes) {
                    if let Some(reply) = replies[place].take() {
                        // A caller that went away does not undo the commit.
                        let _ = reply.send(Ok(outcome));
                    }
                }
            }
            Err(GroupError::Refused(_) | GroupError::Busy) if range.len() > 1 => {
                let middle = range.start + range.len() / 2;
                // The earlier half is taken first: arrival order stays.
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            }
            Err(error) => {
                tracing::error!(writer = W::NAME, items = range.len(), %error, "group failed");
                for place in range {
                    if let Some(reply) = replies[place].take() {
                        let _ = reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

/// Runs a group, and once more after a lost race or a lost connection.
async fn run_settled<W: Work>(
    line: &mut Line,
    work: &W,
    items: &[W::Item],
) -> Result<Vec<W::Outcome>, GroupError> {
    match run_once(line, work, items).await {
        Err(Failure::Race | Failure::Lost(_)) => match run_once(line, work, items).await {
            Ok(outcomes) => Ok(outcomes),
            Err(Failure::Race) => Err(GroupError::Busy),
            Err(other) => Err(other.into()),
        },
        Ok(outcomes) => Ok(outcomes),
        Err(other) => Err(other.into()),
    }
}

enum Failure {
    /// Rolled back: another transaction was first.
    Race,
    /// Rolled back: the connection broke before COMMIT was sent.
    Lost(String),
    /// Rolled back: the database refused the rows.
    Refused(String),
    /// COMMIT was sent, its answer never came, nor an answer to the question.
    Unknown,
}

impl From<Failure> for GroupError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Race => Self::Busy,
            Failure::Lost(why) => Self::Unavailable(why),
            Failure::Refused(why) => Self::Refused(why),
            Failure::Unknown => Self::Unknown,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let told = match &error {
            sqlx::Error::Database(told) => told,
            // What was read or asked makes no sense: one item is to blame, and is looked for.
            sqlx::Error::Protocol(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Encode(_) => return Self::Refused(error.to_string()),
            _ => return Self::Lost(error.to_string()),
        };
        match told.code().as_deref() {
            // Unique violation, serialization failure, deadlock, lock not available.
            // Too slow together: halved, each half is faster.
            Some("23505" | "40001" | "40P01" | "55P03" | "57014") => {
                tracing::info!(%error, "a group lost a race");
                Self::Race
            }
            // Shutting down, read-only, out of disk, memory or connections, cancelled.
            Some(code)
                if code.starts_with("57")
                    || code.starts_with("53")
                    || code.starts_with("08")
                    || code == "25006"
                    || code.starts_with("58") =>
            {
                Self::Lost(error.to_string())
            }
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// A writer's own connection, made when it is needed.
struct Line {
    pool: PgPool,
    options: PgConnectOptions,
    /// None before the first group, and after anything that leaves a connection in doubt.
    conn: Option<PgConnection>,
}

impl Line {
    fn to(pool: PgPool) -> Self {
        let options = pool.connect_options().as_ref().clone().options(PLANS_BY_KEY);
        Self { pool, options, conn: None }
    }

    /// The connection that stands, or a new one.
    async fn connected(&mut self) -> Result<PgConnection, Failure> {
        if let Some(conn) = self.conn.take() {
            return Ok(conn);
        }
        let connecting = PgConnection::connect_with(&self.options);
        match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
            Ok(conn) => Ok(conn?),
            Err(_) => Err(Failure::Lost("no connection in time".to_owned())),
        }
    }
}

async fn run_once<W: Work>(
    line: &mut Line,
    work: &W,
    items: &[W::Item],
) -> Result<Vec<W::Outcome>, Failure> {
    // Kept only where it is known to be outside a transaction; dropped, it is closed.
    let mut conn = line.connected().await?;
    let begun = sqlx::raw_sql(BEGIN).fetch_one(&mut conn).await;
    let transaction: String = begun.and_then(|row| row.try_get(0))?;
    // A panic is a defect of one item: it must not take the writer with it.
    let worked = AssertUnwindSafe(work.run(&mut conn, items)).catch_unwind().await;
    let Ok(worked) = worked else {
        return Err(Failure::Refused("a defect: the writer panicked".to_owned()));
    };
    let outcomes = match worked {
        Ok(outcomes) => outcomes,
        Err(error) => {
            if sqlx::raw_sql("rollback").execute(&mut conn).await.is_ok() {
                line.conn = Some(conn);
            }
            return Err(error.into());
        }
    };
    faults::point_of(W::NAME, "before_commit");
    let outcomes = match sqlx::raw_sql("commit").execute(&mut conn).await {
        Ok(_) => {
            line.conn = Some(conn);
            faults::point_of(W::NAME, "after_commit");
            outcomes
        }
        Err(error @ sqlx::Error::Database(_)) => return Err(error.into()),
        Err(_) => commit_status(&line.pool, &transaction, outcomes).await?,
    };
    work.committed();
    Ok(outcomes)
}

/// Asks what became of a transaction whose COMMIT was sent and not answered.
async fn commit_status<T>(pool: &PgPool, transaction: &str, outcomes: T) -> Result<T, Failure> {
    let ask = async {
        loop {
            let status = sqlx::query_scalar!("select pg_xact_status($1::text::xid8)", transaction)
                .fetch_one(pool)
                .await;
            match status.ok().flatten().as_deref() {
                Some("committed") => return true,
                Some("aborted") => return false,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    match tokio::time::timeout(ASK_AFTER_COMMIT, ask).await {
        Ok(true) => {
            tracing::warn!(
                transaction,
                "the answer to COMMIT was lost; the database says it is committed"
            );
            Ok(outcomes)
        }
        Ok(false) => Err(Failure::Lost("the commit did not take place".to_owned())),
        Err(_) => Err(Failure::Unknown),
    }
}
