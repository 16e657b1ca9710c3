//! What `payclear portal` and `payclear partner` have in common: the keys of a caller.

use serde_json::json;
use sqlx::PgPool;

use crate::callers::keys::KeyError;
use crate::callers::{keys, revoke as revoking};
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::registers::caller::{Caller, KeyPurpose};

/// The key to make.
#[derive(Debug, clap::Args)]
pub struct Make {
    /// The caller's code in the registers.
    #[arg(value_name = "CODE")]
    pub caller: String,
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
    let made = keys::make(pool, master, by, caller, KeyPurpose::Sign).await?;
    let secret = made.secret.to_base64();
    if args.json {
        println!("{}", json!({ "key_id": made.key_id, "secret": secret.as_str() }));
    } else {
        println!("key id  {}", made.key_id);
        println!("secret  {}", secret.as_str());
        println!("The secret is shown this once; hand it over in a sealed way.");
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
            let life = row.revoked_at.map_or("alive".to_owned(), |at| format!("revoked {at}"));
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
