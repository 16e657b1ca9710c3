//! `payclear import`: statements, reports, mappings of reports, opening balances.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;

use super::keys::{Making, waits};
use crate::platform::audit::By;
use crate::platform::settings::{StatementsSettings, variable};
use crate::registers::live::LiveDirectory;
use crate::statements::formats::mapping::{Mapping, MappingError};
use crate::statements::intake::{self, Arrival, Intake, IntakeError, Source, Taken};
use crate::statements::mappings::{self, RegisterError};
use crate::statements::opening::{self, Opening, OpeningError};
use crate::statements::spool::{Spool, SpoolError};
use crate::statements::stage::StageError;
use crate::statements::verdict::{Outcome, Verdict};
use crate::vocabulary::clock::SharedClock;

/// Takes statements and reports in. Exit code 0: accepted or noted; 3: quarantined; 4: rejected.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The files.
    files: Vec<PathBuf>,
    /// Only of this partner's accounts.
    #[arg(long)]
    partner: Option<String>,
    /// Only look: nothing is kept or booked, and no database is needed.
    #[arg(long, conflicts_with_all = ["partner", "opening"])]
    check: bool,
    /// How a partner's report is read (TOML): entered as its newest version, or, with --check, used.
    #[arg(long, value_name = "FILE")]
    mapping: Vec<PathBuf>,
    /// What stood on an account on the evening of a day, in đồng, when the installation began.
    #[arg(long, num_args = 3, value_names = ["ACCOUNT", "AMOUNT", "DAY"], allow_hyphen_values = true,
          conflicts_with = "files")]
    opening: Option<Vec<String>>,
    /// Whether another must agree to the opening balance.
    #[command(flatten)]
    making: Making,
    /// Print JSON: one object for each file.
    #[arg(long)]
    json: bool,
}

/// Why nothing was taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Nothing to do.
    #[error(
        "which files? `payclear import FILE…`, or --mapping FILE, or --opening ACCOUNT AMOUNT DAY"
    )]
    Nothing,
    /// The file.
    #[error(transparent)]
    Spool(#[from] SpoolError),
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
        source: MappingError,
    },
    /// Entering a mapping.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// Not an amount or a day.
    #[error("{0:?} is not {1}")]
    Argument(String, &'static str),
    /// The opening balance.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// Taking it in.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// Reading it.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl Import {
    /// Is it only looked at?
    pub const fn is_check(&self) -> bool {
        self.check
    }
}

const fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Accepted | Outcome::Noted => 0,
        Outcome::Quarantined => 3,
        Outcome::Rejected => 4,
    }
}

/// Looks at files; nothing is kept. The limit of the settings holds when it is in the environment.
pub async fn check(args: &Import) -> Result<ExitCode, ImportError> {
    if args.files.is_empty() {
        return Err(ImportError::Nothing);
    }
    let mut settings = StatementsSettings::default();
    let most = variable("PAYCLEAR__STATEMENTS__MOST_MEGABYTES").and_then(|text| text.parse().ok());
    settings.most_megabytes = most.unwrap_or(settings.most_megabytes);
    let mut mappings = Vec::new();
    for path in &args.mapping {
        let text = text_of(path)?;
        let parsed = Mapping::parse(&text);
        let name = path.display().to_string();
        mappings.push(parsed.map_err(|source| ImportError::Mapping { name, source })?);
    }
    mappings.extend(Mapping::samples());
    let mut worst = 0;
    for path in &args.files {
        let name = path.display().to_string();
        let verdict = match Spool::of_file(path, &settings).await {
            Ok(spool) => intake::check(&spool, mappings.clone()).await?,
            Err(error @ SpoolError::TooLarge { .. }) => intake::too_large(&error),
            Err(error) => return Err(error.into()),
        };
        worst = worst.max(code(verdict.verdict));
        if args.json {
            let mut told = serde_json::to_value(&verdict).unwrap_or_default();
            told["name"] = name.into();
            println!("{told}");
        } else {
            show(&name, &verdict);
        }
    }
    Ok(ExitCode::from(worst))
}

fn text_of(path: &Path) -> Result<String, ImportError> {
    let name = path.display().to_string();
    std::fs::read_to_string(path).map_err(|source| ImportError::Unreadable { name, source })
}

fn show(name: &str, verdict: &Verdict) {
    let format = [verdict.format.as_str(), verdict.version.as_str()].join(" ");
    println!("{name}: {} ({})", verdict.verdict, format.trim());
    for s in &verdict.statements {
        let told = |amount: &Option<String>| amount.clone().unwrap_or_else(|| "–".to_owned());
        let day = s.to.map_or_else(String::new, |day| day.to_string());
        println!(
            "  {} {} of {}, {day}: {} entries, {} transactions, {} + {} = {} {}",
            s.kind,
            s.id,
            s.account,
            s.entries,
            s.transactions,
            told(&s.opening),
            s.sum,
            told(&s.closing),
            s.currency
        );
    }
    for e in &verdict.errors {
        let case = e.case.map_or_else(String::new, |case| format!(" {case}"));
        println!(
            "  {}{case}, line {}, {}: {}; {}",
            e.severity, e.line, e.place, e.detail, e.way_out
        );
    }
    let more = verdict.errors_found.saturating_sub(verdict.errors.len() as u64);
    if more > 0 {
        println!("  … and {more} more");
    }
}

/// Takes files in, enters mappings and opening balances.
pub async fn run(
    args: &Import,
    pool: &PgPool,
    directory: LiveDirectory,
    (settings, clock): (&StatementsSettings, &SharedClock),
    actor: &str,
) -> Result<ExitCode, ImportError> {
    if args.files.is_empty() && args.mapping.is_empty() && args.opening.is_none() {
        return Err(ImportError::Nothing);
    }
    let by = By { actor, at: clock.now() };
    for path in &args.mapping {
        let text = text_of(path)?;
        let entered = mappings::register(pool, args.making.maker(by), &text).await?;
        let mappings::Registered { name, version, new, approval } = entered;
        if args.json {
            let told = json!({
                "mapping": name, "version": version, "new": new, "approval": approval,
            });
            println!("{told}");
        } else if let Some(approval) = approval {
            println!("mapping {name}: version {version} waits for approval {approval}");
        } else {
            println!("mapping {name}: version {version}{}", if new { "" } else { ", as before" });
        }
    }
    if let Some(given) = &args.opening {
        open(args, pool, &directory, by, given).await?;
    }
    let intake = Intake { pool: pool.clone(), clock: clock.clone(), directory };
    let mut worst = 0;
    for path in &args.files {
        let spool = Spool::of_file(path, settings).await?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let partner = args.partner.as_deref();
        let arrival = Arrival { name: &name, source: Source::Command, by: actor, partner };
        let taken = intake.take(&spool, arrival).await?;
        worst = worst.max(code(taken.outcome));
        tell(args, &name, &taken);
    }
    Ok(ExitCode::from(worst))
}

fn tell(args: &Import, name: &str, taken: &Taken) {
    if args.json {
        println!("{}", taken.verdict);
        return;
    }
    let again = if taken.new { "" } else { ", as before" };
    println!("{name}: {}{again} (file {})", taken.outcome, taken.file);
    let verdict: serde_json::Value = serde_json::from_str(&taken.verdict).unwrap_or_default();
    for error in verdict["errors"].as_array().into_iter().flatten() {
        let text = |field: &str| error[field].as_str().unwrap_or_default();
        println!(
            "  {}, line {}, {}: {}; {}",
            text("severity"),
            error["line"],
            text("place"),
            text("detail"),
            text("way_out")
        );
    }
}

async fn open(
    args: &Import,
    pool: &PgPool,
    directory: &LiveDirectory,
    by: By<'_>,
    given: &[String],
) -> Result<(), ImportError> {
    let [account, amount, day] = given else { return Err(ImportError::Nothing) };
    let bad = |text: &str, what| ImportError::Argument(text.to_owned(), what);
    let told = Decimal::from_str_exact(amount).map_err(|_| bad(amount, "an amount of đồng"))?;
    let day: NaiveDate = day.parse().map_err(|_| bad(day, "a day such as 2026-11-20"))?;
    let directory = directory.current();
    let opening = Opening::of(&directory, args.partner.as_deref(), account, (told, day))?;
    let approval = opening::propose(pool, args.making.maker(by), &opening).await?;
    if args.json {
        println!(
            "{}",
            json!({ "account": opening.account, "amount": amount, "approval": approval })
        );
    } else {
        println!("{} opens with {amount} ₫ on the evening of {day}", opening.account);
        waits(approval);
    }
    Ok(())
}
