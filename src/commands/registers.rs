//! `payclear registers import DIR`.

use std::path::{Path, PathBuf};

use sqlx::PgPool;

use super::keys::{Making, waits};
use crate::approvals::propose::{Maker, ProposeError};
use crate::platform::audit::By;
use crate::registers::approve::{self, TakeError};
use crate::registers::import::{ImportError, Loaded};
use crate::statements::mappings::{self, RegisterError};
use crate::vocabulary::clock::Clock;
use crate::vocabulary::ids::ApprovalId;

/// So many mistakes are written out; the rest is counted.
const MOST_MISTAKES: usize = 200;

/// Agencies, procedures, tariffs, portals, partners and accounts.
#[derive(Debug, clap::Subcommand)]
pub enum Registers {
    /// Takes a folder of CSV files in, in whole or not at all.
    Import(Import),
}

/// What to import.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Folder with agencies.csv, procedures.csv and so on; files may be left out.
    dir: PathBuf,
    /// Whether another must agree.
    #[command(flatten)]
    making: Making,
    /// Open partners that have not passed `payclear partner certify`, for this reason: who approves
    /// reads it, and it is kept.
    #[arg(long, value_name = "REASON")]
    uncertified: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Why registers were not taken in.
#[derive(Debug, thiserror::Error)]
pub enum RegistersError {
    /// The registers.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// A mapping that cannot be opened.
    #[error("{name}: {source}")]
    Unreadable {
        /// The file.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A mapping that is none.
    #[error("{name}: {source}")]
    Mapping {
        /// The file.
        name: String,
        /// Why not.
        source: RegisterError,
    },
}

/// Runs the sub-command. Mistakes in the files go to standard error, one a line.
pub async fn run(
    command: &Registers,
    pool: &PgPool,
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), RegistersError> {
    let Registers::Import(args) = command;
    let by = By { actor, at: clock.now() };
    let taken = approve::take(pool, args.making.maker(by), &args.dir, args.uncertified.as_deref());
    let taken = taken.await;
    // Those of a partner that is not there yet are entered when the same is imported once more.
    if matches!(taken, Ok((_, None))) {
        enter_mappings(pool, args.making.maker(by), &args.dir.join("reports")).await?;
    }
    match taken {
        Ok((loaded, approval)) if args.json => {
            println!(
                "{}",
                serde_json::json!({
                    "rows": loaded.rows,
                    "load": loaded.load,
                    "approval": approval,
                    "changed": loaded
                        .changed
                        .iter()
                        .copied()
                        .collect::<std::collections::BTreeMap<_, _>>(),
                })
            );
            Ok(())
        }
        Ok((loaded, approval)) => {
            print(&loaded, approval);
            Ok(())
        }
        Err(error) => {
            if let TakeError::Import(ImportError::Mistakes(mistakes)) = &error {
                for mistake in mistakes.iter().take(MOST_MISTAKES) {
                    eprintln!("{mistake}");
                }
                if mistakes.len() > MOST_MISTAKES {
                    eprintln!("... and {} more", mistakes.len() - MOST_MISTAKES);
                }
            }
            Err(error.into())
        }
    }
}

/// Enters the mappings of partners' reports, when there are any beside the registers.
async fn enter_mappings(pool: &PgPool, maker: Maker<'_>, dir: &Path) -> Result<(), RegistersError> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(()) };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    for path in paths {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| RegistersError::Unreadable { name: name.clone(), source })?;
        match mappings::register(pool, maker, &text).await {
            Ok(entered) => {
                if let Some(approval) = entered.approval {
                    eprintln!("mapping {}: waits for approval {approval}", entered.name);
                }
            }
            // It was handed in before and is not decided yet.
            Err(RegisterError::Propose(error @ ProposeError::AlreadyPending { .. })) => {
                eprintln!("{error}");
            }
            Err(source) => return Err(RegistersError::Mapping { name, source }),
        }
    }
    Ok(())
}

fn print(loaded: &Loaded, approval: Option<ApprovalId>) {
    for (file, count) in &loaded.changed {
        println!("{file}: {count} new or changed");
    }
    match loaded.load {
        Some(load) => println!("registers: {} rows read, load {load} taken in", loaded.rows),
        None if approval.is_some() => println!("registers: {} rows read", loaded.rows),
        None => println!("registers: {} rows read, nothing changed", loaded.rows),
    }
    if approval.is_some() {
        println!(
            "Forms of reports beside them are entered when the same is imported once more, after that."
        );
    }
    waits(approval);
}
