//! `payclear sweep`: what waits for which sweep, and having it looked at now.

use serde_json::{Value, json};

use crate::operations::sweeps::{Sweep, Sweeping};

/// Lists the sweeps and how much waits for each; with a name, has all of it looked at now.
#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    /// The sweep, such as attempt.query; all are listed when it is not given.
    kind: Option<Sweep>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: &SweepArgs, sweeping: &Sweeping, actor: &str) -> Result<(), sqlx::Error> {
    if let Some(kind) = args.kind {
        let hastened = sweeping.run_now(kind, actor).await?;
        if args.json {
            println!("{}", json!({ "kind": kind, "hastened": hastened }));
        } else {
            println!("{kind}: {hastened} are looked at now ({})", kind.does());
        }
        return Ok(());
    }
    let waiting = sweeping.waiting().await?;
    if args.json {
        let shown = waiting.iter().map(|of| {
            json!({
                "kind": of.sweep, "does": of.sweep.does(), "waiting": of.waiting,
                "overdue_seconds": of.overdue,
            })
        });
        println!("{}", shown.collect::<Value>());
        return Ok(());
    }
    println!("{:<16} {:>8} {:>11}  what it does", "sweep", "waiting", "overdue (s)");
    for of in waiting {
        let name = of.sweep.as_str();
        println!("{name:<16} {:>8} {:>11}  {}", of.waiting, of.overdue, of.sweep.does());
    }
    Ok(())
}
