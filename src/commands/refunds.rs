//! `payclear refunds`: files of transfers and claims, and a person's word on what became of one.

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::keys::{Making, waits};
use crate::approvals::propose::Maker;
use crate::ledger::accounts::Accounts;
use crate::platform::audit::By;
use crate::refunds::export::{ExportError, Exporting};
use crate::refunds::finish::End;
use crate::refunds::officers::finish::{EndError, say};
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
    /// Proposes that a refund that was sent has reached the payer; another person approves it.
    Confirm(Confirm),
    /// Proposes that a refund that was sent has not reached the payer and will not; another person
    /// approves it.
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
    /// Whether another must agree.
    #[command(flatten)]
    making: Making,
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
    /// Whether another must agree.
    #[command(flatten)]
    making: Making,
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
    End(#[from] EndError),
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
            let maker = args.making.maker(by);
            finish(pool, &exporting.accounts, maker, (args.refund, &end), args.json).await
        }
        Refunds::Fail(args) => {
            let end = End::Failed { code: args.reason.clone() };
            let maker = args.making.maker(by);
            finish(pool, &exporting.accounts, maker, (args.refund, &end), args.json).await
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
    maker: Maker<'_>,
    (refund, end): (Uuid, &End),
    as_json: bool,
) -> Result<(), RefundsError> {
    let status = match end {
        End::Confirmed { .. } => "confirmed",
        End::Failed { .. } => "failed",
    };
    let approval = say(pool, accounts, maker, RefundId(refund), end).await?;
    if as_json {
        println!("{}", json!({ "refund": refund, "status": status, "approval": approval }));
    } else if approval.is_none() {
        println!("{refund} is {status}; it is booked and the portal is told");
    } else {
        println!("{refund} is to be {status}");
        waits(approval);
    }
    Ok(())
}
