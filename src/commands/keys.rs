//! What `payclear portal` and `payclear partner` have in common: the keys of a caller.

use serde_json::json;
use sqlx::PgPool;

use crate::approvals::propose::Maker;
use crate::callers::keys::KeyError;
use crate::callers::{keys, revoke as revoking};
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::registers::caller::{Caller, KeyPurpose};
use crate::vocabulary::ids::ApprovalId;

/// How something comes to be.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Making {
    /// At once, without another's approval. Only until something has been approved here; audited.
    #[arg(long)]
    bootstrap: bool,
}

impl Making {
    /// Who makes it, and how.
    pub const fn maker(self, by: By<'_>) -> Maker<'_> {
        if self.bootstrap { Maker::bootstrap(by) } else { Maker::pending(by) }
    }
}

/// Says what still stands before the use of something.
pub fn waits(approval: Option<ApprovalId>) {
    if let Some(id) = approval {
        println!("It waits for approval {id} by another person, for a week.");
    }
}

/// The key to make.
#[derive(Debug, clap::Args)]
pub struct Make {
    /// The caller's code in the registers.
    #[arg(value_name = "CODE")]
    pub caller: String,
    /// What the key does: sign (requests) or approve (of portals; made by another person).
    #[arg(long, default_value = "sign")]
    purpose: KeyPurpose,
    /// How it comes to be.
    #[command(flatten)]
    making: Making,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Whose to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// The caller's code in the registers.
    #[arg(value_name = "CODE")]
    pub caller: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The key to revoke.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The caller's code in the registers.
    #[arg(value_name = "CODE")]
    pub caller: String,
    /// The key.
    key_id: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Makes a key and shows it.
pub async fn make(
    args: &Make,
    pool: &PgPool,
    master: &MasterKeys,
    by: By<'_>,
    caller: &Caller,
) -> Result<(), KeyError> {
    let made = keys::make(pool, master, args.making.maker(by), caller, args.purpose).await?;
    let secret = made.secret.to_base64();
    if args.json {
        println!(
            "{}",
            json!({
                "key_id": made.key_id, "secret": secret.as_str(), "approval": made.approval,
            })
        );
    } else {
        println!("key id  {}", made.key_id);
        println!("secret  {}", secret.as_str());
        println!("The secret is shown this once; hand it over in a sealed way.");
        waits(made.approval);
    }
    Ok(())
}

/// Lists keys, without their secrets.
pub async fn list(args: &List, pool: &PgPool, caller: &Caller) -> Result<(), KeyError> {
    let rows = keys::list(pool, caller).await?;
    if args.json {
        println!("{}", json!(rows));
    } else if rows.is_empty() {
        println!("{caller} has no keys");
    } else {
        for row in rows {
            let life = match (row.usable_since, row.revoked_at) {
                (_, Some(at)) => format!("revoked {at}"),
                (None, None) => "waits to be approved".to_owned(),
                (Some(_), None) => "alive".to_owned(),
            };
            println!(
                "{}  {}  made {} by {}  {life}",
                row.key_id, row.purpose, row.made_at, row.made_by
            );
        }
    }
    Ok(())
}

/// Revokes a key.
pub async fn revoke(
    args: &Revoke,
    pool: &PgPool,
    by: By<'_>,
    caller: &Caller,
) -> Result<(), KeyError> {
    revoking::revoke(pool, by, caller, &args.key_id).await?;
    if args.json {
        println!("{}", json!({ "key_id": args.key_id, "revoked_at": by.at }));
    } else {
        println!("{} is revoked; every replica refuses it within a second", args.key_id);
    }
    Ok(())
}
