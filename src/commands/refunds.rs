//! `payclear refunds`: files of transfers and claims, and a person's word on what became of one.

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::ledger::accounts::Accounts;
use crate::platform::audit::{self, By};
use crate::refunds::export::{ExportError, Exporting};
use crate::refunds::finish::{End, FinishError, finish_in};
use crate::refunds::refund::RefundMethod;
use crate::vocabulary::clock::Clock;
use crate::vocabulary::ids::RefundId;

/// Files of refunds, and what became of them.
#[derive(Debug, clap::Subcommand)]
pub enum Refunds {
    /// Writes the approved transfers of a partner as pain.001 and marks them as sent.
    Export(Export),
    /// Writes the approved claims on the Treasury of a partner as CSV and marks them as sent.
    Claims(Export),
    /// Says that a refund that was sent has reached the payer.
    Confirm(Confirm),
    /// Says that a refund that was sent has not reached the payer and will not.
    Fail(Fail),
}

/// What to export.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The partner whose accounts pay.
    #[arg(long)]
    partner: String,
    /// Write the file of this batch once more instead.
    #[arg(long)]
    batch: Option<Uuid>,
}

/// Which refund arrived.
#[derive(Debug, clap::Args)]
pub struct Confirm {
    /// The refund.
    refund: Uuid,
    /// The bank's id of it.
    #[arg(long)]
    transaction: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Which refund failed.
#[derive(Debug, clap::Args)]
pub struct Fail {
    /// The refund.
    refund: Uuid,
    /// Why, in the bank's words.
    #[arg(long)]
    reason: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Why a command on refunds failed.
#[derive(Debug, thiserror::Error)]
pub enum RefundsError {
    /// Files.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Ends.
    #[error(transparent)]
    Finish(#[from] FinishError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Runs the sub-command. A file goes to standard output, what it is to standard error.
pub async fn run(
    command: &Refunds,
    pool: &PgPool,
    exporting: &Exporting,
    clock: &dyn Clock,
    actor: &str,
) -> Result<(), RefundsError> {
    let by = By { actor, at: clock.now() };
    match command {
        Refunds::Export(args) => write(args, RefundMethod::Transfer, exporting, actor).await,
        Refunds::Claims(args) => write(args, RefundMethod::Treasury, exporting, actor).await,
        Refunds::Confirm(args) => {
            let end = End::Confirmed { partner_refund: args.transaction.clone() };
            finish(pool, &exporting.accounts, args.refund, &end, by).await?;
            say(args.refund, "confirmed", args.json);
            Ok(())
        }
        Refunds::Fail(args) => {
            let end = End::Failed { code: args.reason.clone() };
            finish(pool, &exporting.accounts, args.refund, &end, by).await?;
            say(args.refund, "failed", args.json);
            Ok(())
        }
    }
}

async fn write(
    args: &Export,
    method: RefundMethod,
    exporting: &Exporting,
    actor: &str,
) -> Result<(), RefundsError> {
    let file = match args.batch {
        Some(batch) => exporting.again(batch).await?,
        None => exporting.export(&args.partner, method, actor).await?,
    };
    eprintln!(
        "batch {} with {} refunds; `--batch {}` writes it once more",
        file.batch, file.count, file.batch
    );
    print!("{}", file.text);
    Ok(())
}

async fn finish(
    pool: &PgPool,
    accounts: &Accounts,
    refund: Uuid,
    end: &End,
    by: By<'_>,
) -> Result<(), RefundsError> {
    let mut tx = pool.begin().await?;
    let done = finish_in(&mut tx, accounts, RefundId(refund), end, by.actor, by.at).await?;
    let (action, detail) = match end {
        End::Confirmed { partner_refund } => {
            ("refund.confirmed", json!({ "transaction": partner_refund }))
        }
        End::Failed { code } => ("refund.failed", json!({ "reason": code })),
    };
    audit::record_in(&mut tx, by, action, &done.id.to_string(), &detail).await?;
    tx.commit().await?;
    Ok(())
}

fn say(refund: Uuid, status: &str, as_json: bool) {
    if as_json {
        println!("{}", json!({ "refund": refund, "status": status }));
    } else {
        println!("{refund} is {status}; it is booked and the portal is told");
    }
}
