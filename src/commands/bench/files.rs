//! A large report from one partner, as its file comes in: read, judged and put in, its lines matched
//! with settlements that were made in bulk before, its one credit on the bank's statement, and the
//! booking that follows; then the same file once more. A service that runs beside it leads no matching
//! meanwhile.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use super::load::as_f64;
use super::{Bench, BenchError, needed};
use crate::approvals::kinds::Kind;
use crate::approvals::propose::Maker;
use crate::approvals::status::ApprovalStatus;
use crate::approvals::store as approvals;
use crate::ledger::accounts::Accounts;
use crate::platform::audit::By;
use crate::platform::seal::{MasterKey, MasterKeys, Secret};
use crate::platform::settings::StatementsSettings;
use crate::platform::{database, lease};
use crate::reconciliation::calendar::WorkingDays;
use crate::reconciliation::run::{CHUNK, LEASE, Matching};
use crate::registers::live::LiveDirectory;
use crate::statements::intake::{Arrival, Intake, Source};
use crate::statements::mappings::{self, MappingKind};
use crate::statements::spool::Spool;
use crate::statements::verdict::Outcome;
use crate::vocabulary::clock::SharedClock;

const HOLDER: &str = "bench";

/// How the report is read.
const MAPPING: &str = r#"
partner = "filebench"
name = "day"
times = ["%Y-%m-%d"]
[header]
reference = "Report"
day = "Day"
batch = "Batch"
account = "Account"
[columns]
transaction_id = "Transaction"
amount = "Amount"
fee = "Fee"
time = "Time"
memo = "Memo"
[trailer]
mark = "END"
count = 2
sum = 3
"#;

/// What one round came to.
struct Round {
    bytes: u64,
    imported_seconds: f64,
    matched_seconds: f64,
    booked_seconds: f64,
    again_seconds: f64,
    resident_kib: u64,
}

/// Measures; exit code 0 only when every line was matched and banked.
pub async fn run(command: &Bench, clock: &SharedClock) -> Result<ExitCode, BenchError> {
    let (database_url, owner_url) = (needed("DATABASE_URL")?, needed("DATABASE_OWNER_URL")?);
    let pool = database::open(&database_url, 8).await?;
    let drawn = Secret::draw(32, &mut rand::rng());
    let key = MasterKey::from_base64(&drawn.to_base64()).map_err(failed)?;
    let keys = Arc::new(MasterKeys::new(key, Vec::new()));
    let mut owner = PgConnection::connect(&owner_url).await?;
    // Tables that were filled a moment ago have no statistics: what was banked is counted by hashing.
    sqlx::query("set enable_nestloop = off").execute(&mut owner).await?;
    let leading = lead(&pool).await?;
    let mut rounds = Vec::new();
    let mut whole = true;
    for round in 0..command.rounds {
        let now = clock.now();
        let run = format!("bench-{:x}-{round}", now.timestamp_micros());
        let statement = lay_in(&mut owner, command.lines, &run).await?;
        let by = By { actor: "bench", at: now };
        enter_mapping(&pool, by).await?;
        let matching = Matching {
            pool: pool.clone(),
            clock: clock.clone(),
            accounts: Arc::new(Accounts::new(None)),
            directory: LiveDirectory::load(pool.clone(), keys.clone()).await?,
            days: WorkingDays::plain(),
            chunk: CHUNK,
        };
        let day = matching.accounts.day_of(now).0;
        let path = std::env::temp_dir().join(format!("payclear-{run}.csv"));
        let measured = match write(&path, command.lines, &run, day) {
            Ok(()) => once(&matching, &path, statement).await,
            Err(error) => Err(error.into()),
        };
        let _ = std::fs::remove_file(&path);
        rounds.push(measured?);
        let banked: i64 = sqlx::query_scalar(
            "select count(*) from settlement s join settlement_banked b using (settlement_id)
              where s.partner = 'filebench' and s.account = $1",
        )
        .bind(&run)
        .fetch_one(&mut owner)
        .await?;
        whole &= banked == i64::from(command.lines);
    }
    leading.abort();
    lease::release(&mut owner, LEASE, HOLDER).await?;
    tell(command, &rounds);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leads the matching, so that no service takes a part of what is measured.
async fn lead(pool: &sqlx::PgPool) -> Result<tokio::task::JoinHandle<()>, BenchError> {
    let mut conn = pool.acquire().await?;
    lease::seize(&mut conn, LEASE, HOLDER).await?;
    drop(conn);
    let pool = pool.clone();
    Ok(tokio::spawn(async move {
        loop {
            tokio::time::sleep(lease::HOLDS / 4).await;
            let Ok(mut conn) = pool.acquire().await else { continue };
            if let Err(error) = lease::take(&mut conn, LEASE, HOLDER).await {
                tracing::warn!(%error, "the lead was not renewed");
            }
        }
    }))
}

/// Enters the mapping as two people do: the database takes none on one word.
async fn enter_mapping(pool: &PgPool, by: By<'_>) -> Result<(), BenchError> {
    let made = mappings::register(pool, Maker::pending(by), MAPPING).await.map_err(failed)?;
    let Some(id) = made.approval else { return Ok(()) };
    let mut tx = pool.begin().await?;
    let approval = approvals::approval_lock(&mut tx, id).await?;
    let mut approval = approval.ok_or_else(|| failed("the approval is gone"))?;
    approval.status = ApprovalStatus::Approved;
    approval.decided_by = Some("bench/second".to_owned());
    approval.decided_at = Some(by.at);
    approvals::approval_decide(&mut tx, &approval).await?;
    MappingKind.apply_in(&mut tx, &approval, by).await.map_err(failed)?;
    approvals::approval_apply(&mut tx, id).await?;
    tx.commit().await?;
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> BenchError {
    BenchError::Io(std::io::Error::other(error.to_string()))
}

/// Makes what the report tells of; the bank statement that pays it.
async fn lay_in(owner: &mut PgConnection, lines: u32, run: &str) -> Result<Uuid, BenchError> {
    sqlx::query("select set_config('bench.run', $1, false), set_config('bench.rows', $2, false)")
        .bind(run)
        .bind(lines.to_string())
        .execute(&mut *owner)
        .await?;
    sqlx::raw_sql(include_str!("files.sql")).execute(&mut *owner).await?;
    let statement: String =
        sqlx::query_scalar("select current_setting('bench.statement')").fetch_one(owner).await?;
    statement.parse().map_err(failed)
}

/// The report, in an order that is not that of the settlements, as reports are.
fn write(path: &Path, lines: u32, run: &str, day: NaiveDate) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "Report,{run}\nDay,{day}\nBatch,{run}\nAccount,{run}")?;
    writeln!(file, "Transaction,Amount,Fee,Time,Memo")?;
    let (mut place, step) = (0, stride(u64::from(lines)));
    for _ in 0..lines {
        place = (place + step) % u64::from(lines);
        writeln!(file, "{run}-{},150000,1000,{day},nop phi", place + 1)?;
    }
    writeln!(file, "END,{lines},{}", Decimal::from(lines) * Decimal::from(150_000))?;
    file.flush()
}

/// A stride that visits every place once: one that shares no divisor with their number.
fn stride(places: u64) -> u64 {
    let mut stride = places / 2 + places / 9 + 1;
    while divisor(stride, places) != 1 {
        stride += 1;
    }
    stride
}

const fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

async fn once(matching: &Matching, path: &Path, statement: Uuid) -> Result<Round, BenchError> {
    let intake = Intake {
        pool: matching.pool.clone(),
        clock: matching.clock.clone(),
        directory: matching.directory.clone(),
    };
    let arrival =
        Arrival { name: "report.csv", source: Source::Command, by: "bench", partner: None };
    let settings = StatementsSettings { spool: String::new(), ..StatementsSettings::default() };
    let began = Instant::now();
    let spool = Spool::of_file(path, &settings).await.map_err(failed)?;
    let taken = intake.take(&spool, arrival).await.map_err(failed)?;
    let imported_seconds = began.elapsed().as_secs_f64();
    if taken.outcome != Outcome::Accepted {
        return Err(failed(format_args!("the report was not accepted: {}", taken.verdict)));
    }
    let report: Uuid = sqlx::query_scalar("select statement_id from statement where file_id = $1")
        .bind(taken.file.0)
        .fetch_one(&matching.pool)
        .await?;
    let began = Instant::now();
    matching.run_statement(report).await.map_err(failed)?;
    let matched_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    matching.run_statement(statement).await.map_err(failed)?;
    matching.bank_funded().await.map_err(failed)?;
    let booked_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let spool = Spool::of_file(path, &settings).await.map_err(failed)?;
    let again = intake.take(&spool, arrival).await.map_err(failed)?;
    matching.run_statement(report).await.map_err(failed)?;
    let again_seconds = began.elapsed().as_secs_f64();
    if again.new || again.verdict != taken.verdict {
        return Err(failed("the same file again got another answer"));
    }
    Ok(Round {
        bytes: spool.size,
        imported_seconds,
        matched_seconds,
        booked_seconds,
        again_seconds,
        resident_kib: resident_kib(),
    })
}

/// The most memory that this process held.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn tell(command: &Bench, rounds: &[Round]) {
    let lines = as_f64(u64::from(command.lines));
    for (n, round) in rounds.iter().enumerate() {
        let all = round.imported_seconds + round.matched_seconds + round.booked_seconds;
        let told = json!({
            "round": n + 1, "lines": command.lines, "file_bytes": round.bytes,
            "imported_per_second": (lines / round.imported_seconds).round(),
            "matched_per_second": (lines / round.matched_seconds).round(),
            "booked_per_second": (lines / round.booked_seconds).round(),
            "all_per_second": (lines / all).round(),
            "again_per_second": (lines / round.again_seconds).round(),
            "most_memory_kib": round.resident_kib,
        });
        println!("{told}");
    }
}
