//! `payclear bench`: how fast this installation is, beside what PostgreSQL and RabbitMQ do by
//! themselves on the same servers, in the same run, in turns.
//!
//! Disks and neighbours swing more than any change of ours: what counts are the ratios, and the
//! medians of the rounds.
#![expect(clippy::float_arithmetic, reason = "rates and ratios; no money is reckoned here")]

mod door;
mod fees;
mod files;
mod floors;
mod load;
mod mixed;
mod report;
mod watch;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use self::floors::Pgbench;
use self::report::Findings;
use super::client::{self, Client, ClientError};
use crate::platform::database;
use crate::platform::settings::variable;
use crate::vocabulary::clock::SharedClock;

/// Counters of tables are told by idle connections after ten seconds.
const COUNTERS_SETTLE: Duration = Duration::from_secs(11);
/// The rate at which the way from paid to notified is timed.
const NOTIFIED_AT: u64 = 100;
/// Messages of what was laid in shall be gone before the door is measured, and what follows its events be
/// done.
const DRAINS_WITHIN: Duration = Duration::from_mins(5);

/// How to measure.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How often everything is measured, in turns; medians are told.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Only some: floors, invoices, door, fees, notified; mixed (fees over all channels at once)
    /// and files (a large report, beside nothing else) are
    /// measured only when they are named.
    #[arg(long, value_delimiter = ',')]
    only: Option<Vec<Only>>,
    /// With mixed: measure once more while this partner answers every call two seconds late.
    #[arg(long, value_parser = slow_partner)]
    slow: Option<String>,
    /// With files: lines of the report.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    lines: u32,
    /// With mixed: the header in which the service trusts a proxy to name the payer's address, so
    /// that thousands of payers are not taken for one.
    #[arg(long, default_value = "x-payer-address")]
    payer_address_header: String,
}

fn slow_partner(text: &str) -> Result<String, &'static str> {
    if mixed::can_be_slow(text) {
        Ok(text.to_owned())
    } else {
        Err("one of samplebank, vnpay, momo, zalopay")
    }
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// pgbench and RabbitMQ.
    Floors,
    /// Issuing.
    Invoices,
    /// Settling.
    Door,
    /// Fees from end to end.
    Fees,
    /// From paid to notified, at a rate.
    Notified,
    /// Fees over all channels at once.
    Mixed,
    /// A large report, by itself.
    Files,
}

impl Bench {
    /// Are fees over all channels measured?
    fn mixes(&self) -> bool {
        self.only.as_ref().is_some_and(|only| only.contains(&Only::Mixed))
    }
}

/// A word that is none of those.
#[derive(Debug, thiserror::Error)]
#[error("one of floors, invoices, door, fees, notified, mixed, files")]
pub struct NotMeasured;

impl std::str::FromStr for Only {
    type Err = NotMeasured;

    fn from_str(text: &str) -> Result<Self, NotMeasured> {
        match text {
            "floors" => Ok(Self::Floors),
            "invoices" => Ok(Self::Invoices),
            "door" => Ok(Self::Door),
            "fees" => Ok(Self::Fees),
            "notified" => Ok(Self::Notified),
            "mixed" => Ok(Self::Mixed),
            "files" => Ok(Self::Files),
            _ => Err(NotMeasured),
        }
    }
}

/// Why there is nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The environment, or a call.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database.
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
    /// A statement.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] crate::platform::broker::BrokerError),
    /// The broker, by itself.
    #[error("broker: {0}")]
    Lapin(#[from] lapin::Error),
    /// A file or a program.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A floor could not be measured.
    #[error("floor: {0}")]
    Floor(String),
    /// Messages did not drain.
    #[error("orders were not dispatched within two minutes: {0} wait")]
    NotDrained(i64),
}

/// What every measurement needs.
struct Stage {
    portal: Client,
    bank: Client,
    web: reqwest::Client,
    simulators: String,
    clock: SharedClock,
    pool: sqlx::PgPool,
    processes: watch::Processes,
    began: chrono::DateTime<chrono::Utc>,
    dossiers: AtomicU64,
    /// Invoices to be settled: code and amount.
    stock: Mutex<Vec<(String, Value)>>,
    outbox: Mutex<door::OutboxDepth>,
    told: fees::Told,
}

impl Stage {
    /// A dossier that nobody has named before.
    fn dossier(&self) -> String {
        let number = self.dossiers.fetch_add(1, Ordering::Relaxed);
        format!("BENCH-{:x}-{number}", self.began.timestamp_micros())
    }

    fn lay_in(&self, invoice: &Value) {
        if let Some(code) = invoice["code"].as_str() {
            let kept = (code.to_owned(), invoice["amount"].clone());
            self.stock.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
    }

    fn stock(&self) -> usize {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take_stock(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.stock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until every order is known to its partner and the outbox is empty.
    async fn drain(&self) -> Result<(), BenchError> {
        let began = std::time::Instant::now();
        loop {
            let waiting = watch::outbox_depth(&self.pool).await?
                + watch::orders_under_way(&self.pool, self.began).await?
                + watch::not_followed(&self.pool, self.began).await?;
            if waiting == 0 {
                return Ok(());
            }
            if began.elapsed() > DRAINS_WITHIN {
                return Err(BenchError::NotDrained(waiting));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn needed(name: &'static str) -> Result<String, ClientError> {
    variable(name).ok_or(ClientError::Missing(name))
}

/// Runs the command; exit code 0 only without a single error.
pub async fn run(command: &Bench, clock: &SharedClock) -> Result<ExitCode, BenchError> {
    if command.only.as_ref().is_some_and(|only| only.contains(&Only::Files)) {
        return files::run(command, clock).await;
    }
    let (url, simulators) = (needed("PAYCLEAR_URL")?, needed("SIMULATORS_URL")?);
    let (database_url, amqp_url) = (needed("DATABASE_URL")?, needed("AMQP_URL")?);
    let owner_url = needed("DATABASE_OWNER_URL")?;
    let web = client::http()?;
    let caller = |id: String, secret: String| Client::new(web.clone(), &url, &id, &secret);
    let stage = Arc::new(Stage {
        portal: caller(needed("PORTAL_KEY_ID")?, needed("PORTAL_SECRET")?)?,
        bank: caller(needed("BANK_KEY_ID")?, needed("BANK_SECRET")?)?,
        web: web.clone(),
        processes: watch::Processes::find(&[
            ("payclear", &url),
            ("simulators", &simulators),
            ("postgresql", &database_url),
            ("rabbitmq", &amqp_url),
        ]),
        simulators,
        clock: clock.clone(),
        pool: database::open(&database_url, 4).await?,
        began: clock.now(),
        dossiers: AtomicU64::new(0),
        stock: Mutex::default(),
        outbox: Mutex::default(),
        told: fees::Told::default(),
    });
    let following = tokio::spawn(fees::follow(Arc::clone(&stage)));
    let wanted = |what| command.only.as_ref().is_none_or(|only| only.contains(&what));
    let turns = Turns::new(command, wanted);
    let pgbench = if wanted(Only::Floors) {
        turns.say("filling pgbench's tables");
        Pgbench::prepare(&owner_url, stage.processes.clone()).await?
    } else {
        None
    };
    let measured = measure(command, &stage, (pgbench.as_ref(), &amqp_url), &turns).await;
    if let Some(pgbench) = pgbench {
        pgbench.drop(&owner_url).await?;
    }
    following.abort();
    turns.bar.finish_and_clear();
    let findings = measured?;
    if command.json {
        println!("{}", findings.json());
        if let Some(error) = findings.first_error() {
            eprintln!("payclear bench: first error: {error}");
        }
    } else {
        findings.print(command.only.as_deref());
    }
    Ok(if findings.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The order of things, and how far they are.
struct Turns {
    bar: ProgressBar,
}

impl Turns {
    fn new(command: &Bench, wanted: impl Fn(Only) -> bool) -> Self {
        let each = BTreeMap::from([
            ("floors", 4 * u64::from(wanted(Only::Floors))),
            ("invoices", u64::from(wanted(Only::Invoices))),
            ("door", 2 * u64::from(wanted(Only::Door))),
            ("fees", u64::from(wanted(Only::Fees))),
            ("notified", u64::from(wanted(Only::Notified))),
            ("mixed", u64::from(command.mixes()) + u64::from(command.slow.is_some())),
        ]);
        let steps = each.values().sum::<u64>() * u64::from(command.rounds) + 2;
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(steps)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar }
    }

    fn say(&self, what: &'static str) {
        self.bar.set_message(what);
        self.bar.inc(1);
    }
}

async fn measure(
    command: &Bench,
    stage: &Arc<Stage>,
    (pgbench, amqp_url): (Option<&Pgbench>, &str),
    turns: &Turns,
) -> Result<Findings, BenchError> {
    let wanted = |what| command.only.as_ref().is_none_or(|only| only.contains(&what));
    let seconds = command.seconds;
    let mut found = Findings::default();
    let before = watch::written(&stage.pool).await?;
    for round in 0..command.rounds {
        if wanted(Only::Floors) {
            turns.say("fdatasync");
            let probe = tokio::task::spawn_blocking(watch::fdatasyncs).await;
            found.fdatasync.push(load::as_f64(probe.map_err(std::io::Error::other)??));
            if let Some(pgbench) = pgbench {
                turns.say("TPC-B");
                found.tpcb.push(pgbench.tpcb(seconds).await?);
            }
        }
        if wanted(Only::Invoices) {
            turns.say("invoices");
            found.invoices.push(door::invoices(stage, seconds).await);
        }
        if wanted(Only::Door) {
            turns.say("laying in invoices to settle");
            // The window begins a second late; what is left over serves the next round.
            let last = found.settlements.last().map(|measured| measured.operations / seconds);
            let per_second = last.unwrap_or(3000).max(500);
            let enough = per_second * (seconds + 2) * 5 / 4;
            door::lay_in(stage, usize::try_from(enough).unwrap_or(usize::MAX)).await?;
            stage.drain().await?;
            turns.say("settlements at the door");
            let (measured, depth) = door::settlements(stage, seconds).await?;
            found.settlements.push(measured);
            found.outbox.push(depth);
        }
        if wanted(Only::Floors) {
            if let Some(pgbench) = pgbench {
                turns.say("one-statement clearing");
                found.one_statement.push(pgbench.one_statement(seconds).await?);
            }
            turns.say("RabbitMQ");
            found.broker.push(floors::broker(amqp_url, seconds.min(5)).await?);
        }
        if wanted(Only::Fees) {
            turns.say("fees, end to end");
            stage.drain().await?;
            found.fees.push(fees::throughput(stage, seconds).await);
        }
        if wanted(Only::Notified) {
            turns.say("paid to notified");
            // Once, with pauses around, so that the tables' counters are told in full.
            if round == 0 {
                // All that follows a fee counts, and nothing of those before it.
                stage.drain().await?;
                tokio::time::sleep(COUNTERS_SETTLE).await;
                let before = watch::written(&stage.pool).await?;
                let measured = fees::at_rate(stage, NOTIFIED_AT, seconds).await;
                stage.drain().await?;
                tokio::time::sleep(COUNTERS_SETTLE).await;
                let written = watch::written(&stage.pool).await?.since(&before);
                found.written = Some((written, measured.operations));
                found.notified.push(measured);
            } else {
                found.notified.push(fees::at_rate(stage, NOTIFIED_AT, seconds).await);
            }
        }
    }
    if command.mixes() {
        let with = (seconds, command.payer_address_header.as_str());
        for _ in 0..command.rounds {
            turns.say("fees over all channels");
            stage.drain().await?;
            found.mixed.push(mixed::run(stage, with, None).await?);
            if let Some(slow) = &command.slow {
                turns.say("fees over all channels, one slow");
                stage.drain().await?;
                found.mixed_slow.push(mixed::run(stage, with, Some(slow)).await?);
            }
        }
    }
    found.all_written = watch::written(&stage.pool).await?.since(&before);
    Ok(found)
}
