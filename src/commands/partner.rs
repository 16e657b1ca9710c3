//! `payclear partner`: keys and settings of banks and wallets.

use std::io::Read;
use std::path::PathBuf;

use serde_json::json;
use sqlx::PgPool;

use super::keys;
use crate::approvals::partners::{self, TakeError};
use crate::callers::keys::KeyError;
use crate::operations::said::said;
use crate::partners::register;
use crate::partners::store;
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::registers::caller::{Caller, CallerKind};
use crate::vocabulary::clock::Clock;

/// Settings longer than this are none.
const MOST_BYTES: u64 = 64 * 1024;

/// Keys and settings of banks and wallets.
#[derive(Debug, clap::Subcommand)]
pub enum Partner {
    /// Makes a key that the partner signs its requests with. It is shown this once, and good once
    /// another has approved it.
    Key(keys::Make),
    /// Lists a partner's keys.
    Keys(keys::List),
    /// Revokes a key.
    Revoke(keys::Revoke),
    /// Takes in the settings of the partner's dialect, a JSON object; they are sealed, and in force
    /// once another has approved them.
    Configure(Configure),
    /// Lists the partners.
    List(List),
    /// Shows what was said about one order, masked; without an order, what names none.
    Exchanges(Exchanges),
}

/// Which messages.
#[derive(Debug, clap::Args)]
pub struct Exchanges {
    /// The partner's code.
    partner: String,
    /// Our reference of the order, as the partner has it.
    order: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The settings to take in.
#[derive(Debug, clap::Args)]
pub struct Configure {
    /// The partner's code.
    partner: String,
    /// JSON file, or - for standard input.
    file: PathBuf,
    #[command(flatten)]
    making: keys::Making,
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

/// Why a command on partners failed.
#[derive(Debug, thiserror::Error)]
pub enum PartnerError {
    /// Keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Settings.
    #[error(transparent)]
    Configure(#[from] TakeError),
    /// The file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Runs the sub-command.
pub async fn run(
    command: &Partner,
    pool: &PgPool,
    master: &MasterKeys,
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), PartnerError> {
    let by = By { actor, at: clock.now() };
    let caller = |code: &String| Caller { kind: CallerKind::Partner, code: code.clone() };
    match command {
        Partner::Key(args) => keys::make(args, pool, master, by, &caller(&args.caller)).await?,
        Partner::Keys(args) => keys::list(args, pool, &caller(&args.caller)).await?,
        Partner::Revoke(args) => keys::revoke(args, pool, by, &caller(&args.caller)).await?,
        Partner::Configure(args) => {
            let settings = read(&args.file)
                .map_err(|source| PartnerError::Unreadable { path: args.file.clone(), source })?;
            let maker = args.making.maker(by);
            let approval =
                partners::configure(pool, master, maker, &args.partner, &settings).await?;
            if args.json {
                let shown = json!({
                    "partner": args.partner, "configured_at": by.at, "approval": approval,
                });
                println!("{shown}");
            } else if approval.is_none() {
                println!("{} is configured; its settings are sealed", args.partner);
            } else {
                println!("the settings of {} are taken in and sealed", args.partner);
                keys::waits(approval);
            }
        }
        Partner::List(args) => list(args, pool, master).await?,
        Partner::Exchanges(args) => exchanges(args, pool).await?,
    }
    Ok(())
}

/// A file of settings, or standard input: never more than they can be.
pub(super) fn read(path: &PathBuf) -> std::io::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    if path.as_os_str() == "-" {
        std::io::stdin().take(MOST_BYTES).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

async fn exchanges(args: &Exchanges, pool: &PgPool) -> Result<(), PartnerError> {
    let said = said(pool, &args.partner, args.order.as_deref()).await?;
    if args.json {
        let shown = said.iter().map(|said| {
            json!({
                "at": said.at, "direction": said.direction, "purpose": said.purpose,
                "status": said.status, "verdict": said.verdict, "body": said.body,
                "sha256": said.sha256,
                "request": said.request.as_ref().map(|(text, sha256)| {
                    json!({ "body": text, "sha256": sha256 })
                }),
            })
        });
        println!("{}", shown.collect::<serde_json::Value>());
    } else if said.is_empty() {
        println!("nothing is kept of it");
    } else {
        for said in &said {
            let status = said.status.map_or_else(String::new, |status| format!(" {status}"));
            let at = said.at.format("%Y-%m-%d %H:%M:%S%.3f UTC");
            println!("{at}  {} {}{status}: {}", said.direction, said.purpose, said.verdict);
            if let Some((text, _)) = &said.request {
                println!("    {}", text.replace('\n', "\n    "));
            }
            println!("    {}", said.body);
        }
    }
    Ok(())
}

async fn list(args: &List, pool: &PgPool, master: &MasterKeys) -> Result<(), PartnerError> {
    let rows = store::partner_list(&mut *pool.acquire().await?).await?;
    let partners: Vec<_> = rows.into_iter().map(|row| register::open(row, master)).collect();
    if args.json {
        let shown = partners.iter().map(|partner| {
            json!({
                "code": partner.code, "name": partner.name, "dialect": partner.dialect_name,
                "open": partner.open, "channel": partner.channel(),
            })
        });
        println!("{}", shown.collect::<serde_json::Value>());
    } else if partners.is_empty() {
        println!("there are no partners: enter them in partners.csv and import the registers");
    } else {
        for partner in &partners {
            let channel = partner.channel().map_or("not configured", |channel| channel.as_str());
            let open = if partner.open { "open" } else { "closed" };
            println!(
                "{}  {}  {}  {channel}  {open}",
                partner.code, partner.name, partner.dialect_name
            );
        }
    }
    Ok(())
}
