//! A large report from one partner: its lines matched with settlements that were made in bulk before,
//! its one credit on the bank's statement, and the booking that follows. Nothing else runs beside it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::load::as_f64;
use super::{Bench, BenchError, needed};
use crate::ledger::accounts::Accounts;
use crate::platform::database;
use crate::platform::seal::{MasterKey, MasterKeys, Secret};
use crate::reconciliation::calendar::WorkingDays;
use crate::reconciliation::run::{CHUNK, Matching};
use crate::registers::live::LiveDirectory;
use crate::vocabulary::clock::SharedClock;

/// What one round came to.
struct Round {
    staged_seconds: f64,
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
    let key = MasterKey::from_base64(&drawn.to_base64())
        .map_err(|error| BenchError::Io(std::io::Error::other(error.to_string())))?;
    let keys = Arc::new(MasterKeys::new(key, Vec::new()));
    let matching = Matching {
        pool: pool.clone(),
        clock: clock.clone(),
        accounts: Arc::new(Accounts::new(None)),
        directory: LiveDirectory::load(pool.clone(), keys).await?,
        days: WorkingDays::plain(),
        chunk: CHUNK,
    };
    let mut rounds = Vec::new();
    let mut whole = true;
    for round in 0..command.rounds {
        let run = format!("bench-{:x}-{round}", clock.now().timestamp_micros());
        let (measured, complete) = once(command.lines, &run, &owner_url, &matching).await?;
        whole &= complete;
        rounds.push(measured);
    }
    tell(command, &rounds);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn once(
    lines: u32,
    run: &str,
    owner_url: &str,
    matching: &Matching,
) -> Result<(Round, bool), BenchError> {
    let mut owner = PgConnection::connect(owner_url).await?;
    sqlx::query("select set_config('bench.run', $1, false), set_config('bench.rows', $2, false)")
        .bind(run)
        .bind(lines.to_string())
        .execute(&mut owner)
        .await?;
    sqlx::raw_sql(include_str!("files.sql")).execute(&mut owner).await?;
    let (staged, report, statement): (String, String, String) = sqlx::query_as(
        "select current_setting('bench.staged_ms'), current_setting('bench.report'),
                current_setting('bench.statement')",
    )
    .fetch_one(&mut owner)
    .await?;
    let id = |text: &str| {
        text.parse().map_err(|_| BenchError::Io(std::io::Error::other("no such statement")))
    };
    let failed = |error: &dyn std::fmt::Display| {
        BenchError::Io(std::io::Error::other(format!("matching: {error}")))
    };
    let began = Instant::now();
    matching.run_statement(id(&report)?).await.map_err(|error| failed(&error))?;
    let matched_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    matching.run_statement(id(&statement)?).await.map_err(|error| failed(&error))?;
    matching.bank_funded().await.map_err(|error| failed(&error))?;
    let booked_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    matching.run_statement(id(&report)?).await.map_err(|error| failed(&error))?;
    let again_seconds = began.elapsed().as_secs_f64();
    let banked: i64 = sqlx::query_scalar(
        "select count(*) from settlement s join settlement_banked b using (settlement_id)
          where s.partner = 'filebench' and s.account = $1",
    )
    .bind(run)
    .fetch_one(&mut owner)
    .await?;
    let round = Round {
        staged_seconds: staged.parse::<f64>().unwrap_or(f64::NAN) / 1000.0,
        matched_seconds,
        booked_seconds,
        again_seconds,
        resident_kib: resident_kib(),
    };
    Ok((round, banked == i64::from(lines)))
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
        let all = round.staged_seconds + round.matched_seconds + round.booked_seconds;
        let told = json!({
            "round": n + 1, "lines": command.lines,
            "staged_per_second": (lines / round.staged_seconds).round(),
            "matched_per_second": (lines / round.matched_seconds).round(),
            "booked_per_second": (lines / round.booked_seconds).round(),
            "all_per_second": (lines / all).round(),
            "again_seconds": round.again_seconds,
            "most_memory_kib": round.resident_kib,
        });
        println!("{told}");
    }
}
