//! `payclear officer`: people who sign in.

use serde_json::json;
use sqlx::PgPool;

use super::keys::{Making, waits};
use crate::approvals::people::{self, Drawing, EnterError, Entered};
use crate::approvals::roles::{self, change::RolesError};
use crate::people::add::PersonError;
use crate::people::password::Hasher;
use crate::people::role::Grant;
use crate::people::{disable, store, totp};
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::vocabulary::clock::Clock;

/// People who sign in: officers, approvers, operators, auditors, admins.
#[derive(Debug, clap::Subcommand)]
pub enum Officer {
    /// Enters a person. Password and secret are shown this once, and good once an admin approves.
    Add(Add),
    /// Lists people.
    List(List),
    /// Disables a person at once.
    Disable(Disable),
    /// Gives a person other roles, good once another admin approves.
    Roles(Roles),
    /// Draws a new password and secret for a person, good once an admin approves.
    Reset(Reset),
}

/// The person to enter.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The address to sign in with.
    email: String,
    /// The name.
    #[arg(long)]
    name: String,
    /// viewer, officer, approver, operator, auditor or admin, for an agency and all below it, or
    /// for everything without one: `--role officer:G01 --role viewer`. Or, for somebody who works
    /// for a partner, that alone: `--role partner:CODE`.
    #[arg(long = "role", value_name = "ROLE[:AGENCY]", required = true)]
    roles: Vec<Grant>,
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

/// The person to disable.
#[derive(Debug, clap::Args)]
pub struct Disable {
    /// Their address.
    email: String,
}

/// The person and their roles from then on.
#[derive(Debug, clap::Args)]
pub struct Roles {
    /// Their address.
    email: String,
    /// All roles that they have from then on: `--role officer:G01 --role viewer`.
    #[arg(long = "role", value_name = "ROLE[:AGENCY]", required = true)]
    grants: Vec<Grant>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The person to reset.
#[derive(Debug, clap::Args)]
pub struct Reset {
    /// Their address.
    email: String,
    #[command(flatten)]
    making: Making,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Why a command on people failed.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// Entering or resetting.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// Other roles.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// Disabling.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Runs the sub-command.
pub async fn run(
    command: &Officer,
    pool: &PgPool,
    keys: &MasterKeys,
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), OfficerError> {
    let by = By { actor, at: clock.now() };
    let hasher = Hasher::default();
    let drawing = Drawing { hasher: &hasher, keys };
    match command {
        Officer::Add(args) => {
            let who = (args.email.as_str(), args.name.as_str());
            let maker = args.making.maker(by);
            show(&people::add(pool, drawing, maker, who, &args.roles).await?, args.json);
        }
        Officer::Reset(args) => {
            let maker = args.making.maker(by);
            show(&people::reset(pool, drawing, maker, &args.email).await?, args.json);
        }
        Officer::Roles(args) => {
            let approval = roles::change::propose(pool, by, &args.email, &args.grants).await?;
            if args.json {
                println!("{}", json!({ "email": args.email, "approval": approval }));
            } else {
                waits(Some(approval));
            }
        }
        Officer::Disable(args) => {
            let done = disable::disable(pool, by, &args.email).await?;
            println!("{} {}", args.email, if done { "is disabled" } else { "was disabled before" });
        }
        Officer::List(args) => list(args, pool).await?,
    }
    Ok(())
}

/// Shows what a person signs in with, once.
fn show(entered: &Entered, as_json: bool) {
    let (drawn, email) = (&entered.drawn, entered.email.as_str());
    let address = totp::address(&drawn.totp, email);
    let secret = totp::secret_text(&drawn.totp);
    if as_json {
        println!(
            "{}",
            json!({
                "id": entered.id, "email": email, "password": drawn.password.expose(),
                "totp": secret.as_str(), "otpauth": address.as_str(), "approval": entered.approval,
            })
        );
    } else {
        println!("{email}");
        println!("password  {}", drawn.password.expose());
        println!("codes     {}", address.as_str());
        println!("Both are shown this once; hand them over in a sealed way.");
        waits(entered.approval);
    }
}

async fn list(args: &List, pool: &PgPool) -> Result<(), sqlx::Error> {
    let rows = store::person_list(&mut *pool.acquire().await?).await?;
    if args.json {
        println!("{}", json!(rows));
    } else if rows.is_empty() {
        println!("there is nobody: `payclear officer add --bootstrap` enters the first");
    } else {
        for row in rows {
            let life = match (row.approved_at, row.disabled_at) {
                (_, Some(at)) => format!("disabled {at}"),
                (None, None) => "pending".to_owned(),
                (Some(_), None) => "active".to_owned(),
            };
            println!("{}  {}  {}  {life}", row.email, row.name, row.roles.join(" "));
        }
    }
    Ok(())
}
