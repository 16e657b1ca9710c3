//! `payclear registers import DIR`.

use std::path::PathBuf;

use sqlx::PgPool;

use crate::platform::audit::By;
use crate::registers::import::{self, ImportError, Loaded};
use crate::vocabulary::clock::Clock;

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
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the sub-command. Mistakes in the files go to standard error, one a line.
pub async fn run(
    command: &Registers,
    pool: &PgPool,
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), ImportError> {
    let Registers::Import(args) = command;
    let by = By { actor, at: clock.now() };
    match import::import(pool, by, &args.dir).await {
        Ok(loaded) if args.json => {
            println!(
                "{}",
                serde_json::json!({
                    "rows": loaded.rows,
                    "load": loaded.load,
                    "changed": loaded
                        .changed
                        .iter()
                        .copied()
                        .collect::<std::collections::BTreeMap<_, _>>(),
                })
            );
            Ok(())
        }
        Ok(loaded) => {
            print(&loaded);
            Ok(())
        }
        Err(error) => {
            if let ImportError::Mistakes(mistakes) = &error {
                for mistake in mistakes.iter().take(MOST_MISTAKES) {
                    eprintln!("{mistake}");
                }
                if mistakes.len() > MOST_MISTAKES {
                    eprintln!("... and {} more", mistakes.len() - MOST_MISTAKES);
                }
            }
            Err(error)
        }
    }
}

fn print(loaded: &Loaded) {
    match loaded.load {
        None => println!("registers: {} rows read, nothing changed", loaded.rows),
        Some(load) => {
            for (file, count) in &loaded.changed {
                println!("{file}: {count} new or changed");
            }
            println!("registers: {} rows read, load {load} taken in", loaded.rows);
        }
    }
}
