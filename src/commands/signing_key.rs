//! `payclear signing-key`: the keys that sign closed days.

use serde_json::json;
use sqlx::PgPool;

use super::keys::{Making, waits};
use crate::approvals::propose::ProposeError;
use crate::days::keys;
use crate::days::store::keys as store;
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::vocabulary::clock::Clock;

/// Keys that sign closed days.
#[derive(Debug, clap::Subcommand)]
pub enum SigningKey {
    /// Makes a key; it signs once another has approved it.
    Make(Make),
    /// Lists the keys; their public halves are shown to anybody.
    List(List),
}

/// How it comes to be.
#[derive(Debug, clap::Args)]
pub struct Make {
    #[command(flatten)]
    making: Making,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// How to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the sub-command.
pub async fn run(
    command: &SigningKey,
    pool: &PgPool,
    master: &MasterKeys,
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), ProposeError> {
    match command {
        SigningKey::Make(args) => {
            let by = By { actor, at: clock.now() };
            let made = keys::make(pool, master, args.making.maker(by)).await?;
            let public = hex::encode(made.public_key);
            if args.json {
                let told = json!({
                    "key_id": made.key_id, "public_key": public, "approval": made.approval,
                });
                println!("{told}");
            } else {
                println!("key id      {}", made.key_id);
                println!("public key  {public}");
                println!("Keep the public key outside: `payclear verify --day` takes it.");
                waits(made.approval);
            }
        }
        SigningKey::List(args) => {
            let rows = store::keys_list(&mut *pool.acquire().await?).await?;
            if args.json {
                let told: Vec<_> = rows
                    .iter()
                    .map(|row| {
                        json!({
                            "key_id": row.key_id, "public_key": hex::encode(&row.public_key),
                            "made_at": row.made_at, "made_by": row.made_by,
                            "usable_since": row.usable_since,
                        })
                    })
                    .collect();
                println!("{}", json!(told));
            } else {
                for row in rows {
                    let since = row.usable_since.map_or_else(
                        || "waits to be approved".to_owned(),
                        |at| format!("since {at}"),
                    );
                    println!("{}  {}  {since}", row.key_id, hex::encode(row.public_key));
                }
            }
        }
    }
    Ok(())
}
