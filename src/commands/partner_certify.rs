//! `payclear partner certify`: drives a partner's sandbox through its dialect before money does:
//! creates an order, asks after it, takes it back, asks for a refund that nobody owes, calls with
//! wrong keys, and looks at our own door for its callbacks. Each line of the table says what was
//! seen and, where it is not as it must be, what to mend.
//!
//! No order of it stands in our books: nothing is booked whatever the partner makes of them. The run is
//! kept, case by case: one of the settings in force that was passed is what a partner is opened by.

mod calls;
mod settings;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chrono::SubsecRound;
use serde_json::json;
use sqlx::PgPool;

use self::calls::Sandbox;
use self::settings::{aimed_at, with_wrong_keys};
use crate::partners::Partner;
use crate::partners::call::Caller;
use crate::partners::certification::{Run, digest_in_force};
use crate::partners::dialects::{self, Callback, Verdict};
use crate::partners::register;
use crate::partners::store::certifications::certification_insert;
use crate::partners::store::{self, PartnerRow};
use crate::platform::audit::By;
use crate::platform::egress;
use crate::platform::seal::MasterKeys;
use crate::platform::settings::{Mode, Settings};
use crate::registers::caller::{Caller as Whose, CallerKind};
use crate::registers::live::LiveDirectory;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::uuid_v7;

/// A sandbox that takes longer than this to answer would take longer than payers wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which partner, where.
#[derive(Debug, clap::Args)]
pub struct Certify {
    /// The partner's code.
    partner: String,
    /// Settings to certify, a JSON file or - for standard input; those in force when not given.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Call this origin instead of the one in the settings, such as a sandbox's: paths stay.
    #[arg(long)]
    base_url: Option<url::Url>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// As it must be.
    Pass,
    /// Not as it must be.
    Fail,
    /// The dialect has no such thing.
    Skip,
}

impl Came {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Check {
    what: &'static str,
    came: Came,
    seen: String,
    mend: &'static str,
}

impl Check {
    pub(super) fn pass(what: &'static str, seen: impl Into<String>) -> Self {
        Self { what, came: Came::Pass, seen: seen.into(), mend: "" }
    }

    pub(super) fn fail(what: &'static str, seen: impl Into<String>, mend: &'static str) -> Self {
        Self { what, came: Came::Fail, seen: seen.into(), mend }
    }

    pub(super) fn skip(what: &'static str, seen: impl Into<String>) -> Self {
        Self { what, came: Came::Skip, seen: seen.into(), mend: "" }
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "check": self.what, "result": self.came.as_str(), "seen": self.seen, "mend": self.mend,
        })
    }

    fn of(what: &'static str, good: bool, seen: impl Into<String>, mend: &'static str) -> Self {
        if good { Self::pass(what, seen) } else { Self::fail(what, seen, mend) }
    }
}

/// Why nothing could be certified.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The registers hold no such partner.
    #[error("there is no partner {0}: enter it in partners.csv and import the registers")]
    UnknownPartner(String),
    /// No settings, or such that do not open.
    #[error("the settings of {0} are missing or do not open: give them with --settings")]
    NoSettings(String),
    /// A file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Runs the command; exit code 1 when something is to be mended.
pub async fn run(
    args: &Certify,
    pool: &PgPool,
    settings: &Settings,
    (master, directory): (&MasterKeys, &LiveDirectory),
    by: By<'_>,
) -> Result<ExitCode, CertifyError> {
    let directory = directory.current();
    let unknown = || CertifyError::UnknownPartner(args.partner.clone());
    let partner = directory.partner(&args.partner).ok_or_else(unknown)?;
    let mut checks = Vec::new();

    // What stands in our own registers.
    let accounts = directory.collecting_accounts(&partner.code, BusinessDay::of(by.at, None));
    checks.push(Check::of(
        "register: a collecting account",
        !accounts.is_empty(),
        format!("{} collect today", accounts.len()),
        "enter the account, or the merchant's number, in collecting_accounts.csv",
    ));
    checks.push(addresses(partner, settings.mode));
    if !register::has_callback(&partner.dialect_name) {
        let whose = Whose { kind: CallerKind::Partner, code: partner.code.clone() };
        let keys = directory.keys_of(&whose).count();
        checks.push(Check::of(
            "register: a key that signs",
            keys > 0,
            format!("{keys} live"),
            "make one with `payclear partner key` and have it approved",
        ));
    }

    // What the partner does.
    let row = row_of(args, pool).await?;
    let given = given_settings(args, &row, master)?;
    let given = args.base_url.as_ref().map_or(given.clone(), |base| aimed_at(&given, base));
    let mut channel = None;
    match dialects::from_settings(&partner.dialect_name, &given) {
        Err(why) => {
            checks.push(Check::fail(
                "settings",
                why.to_string(),
                "mend them and configure the partner again",
            ));
        }
        Ok(dialect) => {
            channel = Some(dialect.channel());
            checks.push(Check::pass("settings", format!("dialect {}", partner.dialect_name)));
            let path_name = format!("{}{}", settings.realm.prefix(), partner.code);
            let sandbox = Sandbox {
                partner: &path_name,
                caller: Caller::new(egress::partner_client()?, PATIENCE),
                public_url: &settings.http.public_url,
                now: by.at.trunc_subsecs(3),
            };
            checks.extend(sandbox.checks(&*dialect).await);
            checks.push(match with_wrong_keys(&given) {
                None => Check::skip("wrong keys", "the settings hold no key"),
                Some(wrong) => sandbox.wrong_keys(&partner.dialect_name, &wrong).await,
            });
            checks.extend(words(&*dialect));
            checks.push(door(partner, &*dialect, settings).await?);
        }
    }
    checks.push(heard_before(pool, partner).await?);

    let fails = checks.iter().any(|check| check.came == Came::Fail);
    let as_it_runs = args.settings.is_none() && args.base_url.is_none();
    let run = Run {
        id: uuid_v7(by.at),
        partner: partner.code.clone(),
        dialect: partner.dialect_name.clone(),
        channel: channel.map(|channel| channel.as_str().to_owned()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_by: by.actor.to_owned(),
        run_at: by.at,
        settings_sha256: as_it_runs.then(|| digest_in_force(&row)),
        cases: checks.iter().map(Check::to_json).collect(),
        passed: !fails,
    };
    certification_insert(&mut *pool.acquire().await?, &run).await?;
    print(args, &run, &checks);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The partner's row as it stands now: the registers in memory hold no sealed settings.
async fn row_of(args: &Certify, pool: &PgPool) -> Result<PartnerRow, CertifyError> {
    let rows = store::partner_list(&mut *pool.acquire().await?).await?;
    let row = rows.into_iter().find(|row| row.entry.code == args.partner);
    row.ok_or_else(|| CertifyError::UnknownPartner(args.partner.clone()))
}

fn given_settings(
    args: &Certify,
    row: &PartnerRow,
    master: &MasterKeys,
) -> Result<zeroize::Zeroizing<Vec<u8>>, CertifyError> {
    if let Some(path) = &args.settings {
        return super::partner::read(path)
            .map_err(|source| CertifyError::Unreadable { path: path.clone(), source });
    }
    match register::settings_of(row, master) {
        Some(opened) => Ok(zeroize::Zeroizing::new(opened.expose().to_vec())),
        // A dialect that needs none.
        None if row.settings.is_none()
            && dialects::from_settings(&row.entry.dialect, b"{}").is_ok() =>
        {
            Ok(zeroize::Zeroizing::new(b"{}".to_vec()))
        }
        None => Err(CertifyError::NoSettings(args.partner.clone())),
    }
}

fn addresses(partner: &Partner, mode: Mode) -> Check {
    const WHAT: &str = "register: addresses it calls from";
    match (partner.called_from.len(), mode) {
        (0, Mode::Production) => Check::fail(
            WHAT,
            "from anywhere",
            "ask the partner for its addresses and enter them as called_from in partners.csv",
        ),
        (0, Mode::Development) => Check::skip(WHAT, "from anywhere; production wants a list"),
        (count, _) => Check::pass(WHAT, format!("{count} networks")),
    }
}

/// What is not the partner's word must not be taken for it, and every answer must have words.
fn words(dialect: &dyn dialects::Dialect) -> Vec<Check> {
    let unsigned: [(&str, &[u8]); 4] = [("", b""), ("", b"{}"), ("a=b", b""), ("", b"\xff\x00")];
    let taken = unsigned.iter().find(|(query, body)| {
        dialect.hear_callback(&Callback { query, headers: &[], body }).is_ok()
    });
    let speechless = Verdict::ALL.iter().find(|verdict| {
        let said = dialect.say(**verdict);
        said.status >= 500 && **verdict != Verdict::TryLater
    });
    vec![
        Check::of(
            "callback: unsigned is refused",
            taken.is_none(),
            taken.map_or("four forms refused".to_owned(), |taken| format!("{taken:?} was taken")),
            "the dialect's own check of signatures is broken: do not go live",
        ),
        Check::of(
            "callback: every answer has words",
            speechless.is_none(),
            speechless.map_or_else(
                || format!("{} answers", Verdict::ALL.len()),
                |verdict| format!("{verdict} is answered with a server fault"),
            ),
            "the dialect answers with a fault of ours: do not go live",
        ),
    ]
}

/// The partner reaches our door from outside, and what stands there speaks its dialect.
async fn door(
    partner: &Partner,
    dialect: &dyn dialects::Dialect,
    settings: &Settings,
) -> Result<Check, CertifyError> {
    const WHAT: &str = "callback: our door from outside";
    const MEND: &str =
        "http.public_url must lead to this service, and the partner must be configured there";
    if !register::has_callback(&partner.dialect_name) {
        return Ok(Check::skip(WHAT, "it settles through the signed API"));
    }
    let (origin, realm) = (&settings.http.public_url, settings.realm.prefix());
    let url = format!("{origin}/partners/{realm}{}/webhook", partner.code);
    let callback = Callback { query: "", headers: &[], body: b"{}" };
    let heard = dialect.hear_callback(&callback);
    let verdict = heard.err().map_or(Verdict::Recorded, |unheard| Verdict::from(&unheard));
    // To a stranger nothing is said but that the signature does not hold.
    let expected = [verdict, Verdict::BadSignature].map(|v| dialect.say_to(&callback, v));
    let request = egress::partner_client()?.post(&url).timeout(PATIENCE);
    let sent = request.header("content-type", "application/json").body("{}").send().await;
    let answered = match sent {
        Ok(response) => response,
        Err(error) => {
            return Ok(Check::fail(WHAT, format!("{url}: {}", error.without_url()), MEND));
        }
    };
    let status = answered.status().as_u16();
    let body = answered.text().await.unwrap_or_default();
    let ours = expected.iter().any(|said| said.status == status && said.body == body);
    Ok(Check::of(WHAT, ours, format!("{url} answers {status}"), MEND))
}

const HEARD: &str = "callback: its own word was taken";

/// Has the partner's own word ever been taken in?
async fn heard_before(pool: &PgPool, partner: &Partner) -> Result<Check, sqlx::Error> {
    let heard = sqlx::query_scalar!(
        r#"select count(*) as "heard!" from settlement
            where partner = $1 and source in ('webhook', 'api')"#,
        partner.code
    )
    .fetch_one(pool)
    .await?;
    if heard == 0 && !partner.open {
        return Ok(Check::skip(HEARD, "payers are not sent to it yet"));
    }
    Ok(Check::of(
        HEARD,
        heard > 0,
        format!("{heard} times so far"),
        "issue an invoice on a test installation, pay it at the sandbox, and run this again",
    ))
}

fn print(args: &Certify, run: &Run, checks: &[Check]) {
    let failed = checks.iter().filter(|check| check.came == Came::Fail).count();
    if args.json {
        let shown = json!({
            "partner": args.partner, "failed": failed, "checks": run.cases, "certification": run.id,
            "counts": run.settings_sha256.is_some(),
        });
        println!("{shown}");
        return;
    }
    for check in checks {
        let result = if check.came == Came::Fail { "FAIL" } else { check.came.as_str() };
        println!("{result}  {:<36} {}", check.what, check.seen);
        if check.came == Came::Fail {
            println!("      to mend: {}", check.mend);
        }
    }
    println!("kept as run {}", run.id);
    if failed == 0 && run.settings_sha256.is_none() {
        println!("{} would pass: what runs now was not driven", args.partner);
    } else if failed == 0 {
        println!("{} may go live", args.partner);
    } else {
        println!("{} may not go live yet: {failed} to mend", args.partner);
    }
}
