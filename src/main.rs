//! `payclear`: one binary, every command.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use payclear::app::{self, App, Role};
use payclear::commands;
use payclear::days::Days;
use payclear::ledger::accounts::Accounts;
use payclear::operations::sweeps::Sweeping;
use payclear::payover::PayingOver;
use payclear::platform::audit::By;
use payclear::platform::seal::{MasterKey, MasterKeys};
use payclear::platform::settings::{self, Mode, Settings};
use payclear::platform::{database, faults, telemetry};
use payclear::reconciliation::run::{CHUNK, Matching};
use payclear::refunds::export::Exporting;
use payclear::registers::live::LiveDirectory;
use payclear::vocabulary::clock::SharedClock;
use payclear::vocabulary::realm::Realm;

/// A sixth of a settlement's CPU went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Online payment clearing for government fees.
#[derive(Debug, Parser)]
#[command(name = "payclear", version)]
struct Line {
    /// Works on the sandbox: its database, its queues, its names.
    #[arg(long, global = true)]
    sandbox: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serves; with `--roles` only some of what there is to do.
    Serve {
        /// api, relay, dispatch, notices, clock; all unless told.
        #[arg(long, value_delimiter = ',')]
        roles: Vec<String>,
    },
    /// Applies the migrations as the owner (DATABASE_OWNER_URL).
    Migrate {
        /// Make the roles of the cluster first.
        #[arg(long)]
        roles: bool,
    },
    /// Registers: agencies, procedures, fee schedules, portals, partners.
    #[command(subcommand)]
    Registers(commands::registers::Registers),
    /// Keys and endpoints of portals.
    #[command(subcommand)]
    Portal(commands::portal::Portal),
    /// Keys and settings of partners, and wire-format vectors.
    #[command(subcommand)]
    Partner(PartnerCommand),
    /// People who sign in, and their roles.
    #[command(subcommand)]
    Officer(commands::officer::Officer),
    /// Files of refunds, and what became of them.
    #[command(subcommand)]
    Refunds(commands::refunds::Refunds),
    /// Takes statements and partners' reports in, or only looks at them.
    Import(commands::import::Import),
    /// What waits to be looked at again; with a name, has it looked at now.
    Sweep(commands::sweep::SweepArgs),
    /// Signs a request and sends it.
    Request(commands::request::RequestArgs),
    /// Keys that sign closed days.
    #[command(subcommand)]
    SigningKey(commands::signing_key::SigningKey),
    /// Recomputes ledger and chain, or a closed day, and says what it found.
    Verify(commands::verify::Verify),
    /// Checks settings, database and broker, and prints the topology.
    Doctor,
    /// Shows one fee after another from end to end, against a running stack.
    Demo(commands::demo::Demo),
    /// Measures this installation beside pgbench, in the same run.
    Bench(commands::bench::Bench),
}

#[derive(Debug, clap::Subcommand)]
enum PartnerCommand {
    /// Runs a file of wire-format vectors through the dialect of its channel.
    Vectors {
        /// The channel, which is a file's name: vnpay, payos, momo, zalopay, sepay, onepay, vietqr, or one of
        /// dvcqg, viettel and keypay, which share a file.
        channel: String,
        /// The file.
        file: String,
    },
    /// Drives a partner's sandbox through its dialect, before go-live: pass or what to mend.
    Certify(commands::partner_certify::Certify),
    #[command(flatten)]
    Of(commands::partner::Partner),
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let line = Line::parse();
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("payclear: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(line)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("payclear: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: Line) -> Result<ExitCode, Failure> {
    let clock = commands::clock()?;
    let realm = if line.sandbox { Realm::Sandbox } else { Realm::Live };
    match line.command {
        Command::Serve { .. } | Command::Demo(_) | Command::Bench(_) if line.sandbox => {
            return Err("`serve` opens the sandbox beside the live service by itself; \
                        --sandbox is for the other commands"
                .into());
        }
        Command::Serve { roles } => serve(&roles, clock).await?,
        Command::Migrate { roles } => migrate(roles, realm).await?,
        Command::Registers(command) => {
            let pool = pool(realm).await?;
            commands::registers::run(&command, &pool, &*clock, &actor()).await?;
        }
        Command::Portal(command) => {
            let settings = settings_of(realm)?;
            let keys = master_keys(&settings)?;
            let pool = database::open(&settings.database.url, 2).await?;
            let with = (&keys, app::policy(settings.mode));
            commands::portal::run(&command, &pool, with, &*clock, &actor()).await?;
        }
        Command::Partner(PartnerCommand::Vectors { channel, file }) => {
            let tally = commands::partner_vectors::run(&channel, &file)?;
            return Ok(if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Partner(PartnerCommand::Certify(args)) => {
            let settings = settings_of(realm)?;
            let keys = Arc::new(master_keys(&settings)?);
            let pool = database::open(&settings.database.url, 2).await?;
            let directory = LiveDirectory::load(pool.clone(), Arc::clone(&keys)).await?;
            let with = (&*keys, &directory);
            let (actor, at) = (actor(), clock.now());
            let by = By { actor: &actor, at };
            return Ok(commands::partner_certify::run(&args, &pool, &settings, with, by).await?);
        }
        Command::Partner(PartnerCommand::Of(command)) => {
            let settings = settings_of(realm)?;
            let keys = master_keys(&settings)?;
            let pool = database::open(&settings.database.url, 2).await?;
            commands::partner::run(&command, &pool, &keys, &*clock, &actor()).await?;
        }
        Command::Officer(command) => {
            let settings = settings_of(realm)?;
            let keys = master_keys(&settings)?;
            let pool = database::open(&settings.database.url, 2).await?;
            commands::officer::run(&command, &pool, &keys, &*clock, &actor()).await?;
        }
        Command::Refunds(command) => {
            let settings = settings_of(realm)?;
            let keys = Arc::new(master_keys(&settings)?);
            let pool = database::open(&settings.database.url, 2).await?;
            let directory = LiveDirectory::load(pool.clone(), Arc::clone(&keys)).await?;
            let exporting = Exporting {
                pool: pool.clone(),
                clock: clock.clone(),
                accounts: Arc::new(Accounts::new(settings.cut_off().unwrap_or(None))),
                keys,
                directory: directory.current(),
            };
            commands::refunds::run(&command, &pool, &exporting, &*clock, &actor()).await?;
        }
        Command::Import(args) if args.is_check() => {
            return Ok(commands::import::check(&args).await?);
        }
        Command::Import(args) => {
            let settings = settings_of(realm)?;
            let keys = Arc::new(master_keys(&settings)?);
            let pool = database::open(&settings.database.url, 4).await?;
            let directory = LiveDirectory::load(pool.clone(), keys).await?;
            let with = (&settings.statements, &clock);
            return Ok(commands::import::run(&args, &pool, directory, with, &actor()).await?);
        }
        Command::Sweep(args) => {
            let settings = settings_of(realm)?;
            let accounts = Arc::new(Accounts::new(settings.cut_off().unwrap_or(None)));
            let pool = database::open(&settings.database.url, 2).await?;
            let keys = Arc::new(master_keys(&settings)?);
            let directory = LiveDirectory::load(pool.clone(), Arc::clone(&keys)).await?;
            let closing = app::closing(&settings, &directory, &keys);
            let matching = Matching {
                pool: pool.clone(),
                clock: clock.clone(),
                accounts: Arc::clone(&accounts),
                directory: directory.clone(),
                days: app::working_days(&directory, &accounts, &clock),
                chunk: CHUNK,
            };
            let kinds = app::kinds(&accounts, &matching, &closing);
            let days = Days {
                pool: pool.clone(),
                clock: clock.clone(),
                accounts: Arc::clone(&accounts),
                directory: directory.clone(),
                keys,
                kinds: kinds.clone(),
                hours: closing.hours,
            };
            let paying_over = PayingOver {
                pool: pool.clone(),
                clock: clock.clone(),
                accounts: Arc::clone(&accounts),
                directory,
                kinds: kinds.clone(),
            };
            let sweeping =
                Sweeping { pool, clock: clock.clone(), kinds, accounts, days, paying_over };
            commands::sweep::run(&args, &sweeping, &actor()).await?;
        }
        Command::SigningKey(command) => {
            let settings = settings_of(realm)?;
            let keys = master_keys(&settings)?;
            let pool = database::open(&settings.database.url, 2).await?;
            commands::signing_key::run(&command, &pool, &keys, &*clock, &actor()).await?;
        }
        Command::Request(args) => return Ok(commands::request::run(args, &*clock).await?),
        Command::Verify(command) => {
            return Ok(commands::verify::run(&command, &pool(realm).await?).await?);
        }
        Command::Doctor => return Ok(commands::doctor::run().await?),
        Command::Demo(command) => return Ok(commands::demo::run(&command, &clock).await?),
        Command::Bench(command) => return Ok(commands::bench::run(&command, &clock).await?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(roles: &[String], clock: SharedClock) -> Result<(), Failure> {
    telemetry::start_logging();
    let settings = Settings::read()?;
    let mut wanted = Vec::new();
    for role in roles {
        wanted.push(role.parse::<Role>()?);
    }
    if wanted.is_empty() {
        wanted.extend_from_slice(Role::ALL);
    }
    if settings.mode == Mode::Development {
        faults::plan(settings::variable("PAYCLEAR_DIE_AT").as_deref());
    }
    let keys = master_keys(&settings)?;
    let app = App::open(settings, keys, clock).await?;
    let stop = app.stop.clone();
    tokio::spawn(async move {
        ended().await;
        tracing::info!("stopping: what is under way is finished first");
        stop.cancel();
    });
    app.run(&wanted).await?;
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
async fn ended() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            tracing::error!(%error, "SIGTERM cannot be heard");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn migrate(roles: bool, realm: Realm) -> Result<(), Failure> {
    let mut owner = settings::variable("DATABASE_OWNER_URL")
        .ok_or("DATABASE_OWNER_URL is not set: it names a user that may create roles")?;
    if realm == Realm::Sandbox {
        owner = database::made_beside(&owner, &database_url(realm)?).await?;
    }
    if roles {
        let application = database_url(realm)?;
        database::make_roles(&owner, &application).await?;
    }
    let new = database::migrate(&owner).await?;
    println!("{new} migrations applied");
    Ok(())
}

async fn pool(realm: Realm) -> Result<sqlx::PgPool, Failure> {
    Ok(database::open(&database_url(realm)?, 4).await?)
}

/// The address of a realm's database.
fn database_url(realm: Realm) -> Result<String, Failure> {
    let name = match realm {
        Realm::Live => "DATABASE_URL",
        Realm::Sandbox => "PAYCLEAR__SANDBOX__DATABASE_URL",
    };
    Ok(settings::variable(name)
        .ok_or_else(|| format!("{name} is not set: it names the application's user"))?)
}

/// The settings of a realm.
fn settings_of(realm: Realm) -> Result<Settings, Failure> {
    let settings = Settings::read()?;
    match realm {
        Realm::Live => Ok(settings),
        Realm::Sandbox => Ok(settings
            .for_sandbox()
            .ok_or("there is no sandbox: sandbox.database_url is empty")?),
    }
}

fn master_keys(settings: &Settings) -> Result<MasterKeys, Failure> {
    let text = match &settings.secrets.master_key_file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|e| format!("secrets.master_key_file {}: {e}", file.display()))?,
        None => settings.secrets.master_key.clone(),
    };
    if text.trim().is_empty() {
        return Err(
            "no master key: set secrets.master_key_file to a file with base64 of 32 bytes \
                    (`openssl rand -base64 32`)"
                .into(),
        );
    }
    let mut previous = Vec::new();
    for key in &settings.secrets.previous_master_keys {
        previous.push(MasterKey::from_base64(key)?);
    }
    Ok(MasterKeys::new(MasterKey::from_base64(text.trim())?, previous).of(settings.realm))
}

/// Who gives a command, for the audit.
fn actor() -> String {
    format!("cli/{}", settings::variable("USER").unwrap_or_else(|| "unknown".to_owned()))
}
