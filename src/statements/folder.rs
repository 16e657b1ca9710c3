//! The watched folder: what appears there is taken in and moved away, to `done` or to `refused`, its
//! verdict beside it. A file is taken once it has stopped changing; one whose name begins with a
//! point or ends in `.part` or `.tmp` is not there yet. A file in a folder named like a partner is
//! that partner's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::finding::{FindingCode, Findings};
use super::intake::{Arrival, Intake, IntakeError, Source, Taken};
use super::spool::{Spool, SpoolError, Spooling};
use super::verdict::Outcome;
use crate::platform::lease;
use crate::platform::settings::StatementsSettings;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Who holds this looks.
const LEASE: &str = "statements.folder";

/// What a file was at the last look: size and time.
type Seen = HashMap<PathBuf, (u64, Option<SystemTime>)>;

/// Watches a folder.
#[derive(Debug)]
pub struct Watching {
    /// Taking files in.
    pub intake: Intake,
    /// The folder, limits.
    pub settings: std::sync::Arc<StatementsSettings>,
    /// The database, for the lease.
    pub pool: PgPool,
    /// Who holds the lease.
    pub holder: String,
}

impl Watching {
    /// Looks until `stop`: the folder, when there is one, and files whose reading was broken off.
    pub async fn run(self, stop: CancellationToken) {
        let mut seen = Seen::new();
        while !stop.is_cancelled() {
            if self.leads().await {
                match self.intake.resume(&Spooling(&self.settings)).await {
                    Ok(0) => {}
                    Ok(count) => {
                        tracing::warn!(count, "files were read on that had been broken off");
                    }
                    Err(error) => tracing::warn!(%error, "a file cannot be read on"),
                }
                if !self.settings.folder.is_empty() {
                    self.look(&mut seen, &stop).await;
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn leads(&self) -> bool {
        let Ok(mut conn) = self.pool.acquire().await else { return false };
        matches!(lease::take(&mut conn, LEASE, &self.holder).await, Ok(Some(_)))
    }

    async fn look(&self, seen: &mut Seen, stop: &CancellationToken) {
        let folder = PathBuf::from(&self.settings.folder);
        let mut now = Seen::new();
        let found = files_below(&folder);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the folder cannot be read");
                return;
            }
        };
        for (path, partner) in found {
            let Ok(about) = std::fs::metadata(&path) else { continue };
            let state = (about.len(), about.modified().ok());
            let still = seen.get(&path) == Some(&state);
            now.insert(path.clone(), state);
            // The lease is renewed between files, so that nobody else begins meanwhile.
            if !still || stop.is_cancelled() || !self.leads().await {
                continue;
            }
            self.take(&folder, &path, partner.as_deref()).await;
            now.remove(&path);
        }
        *seen = now;
    }

    /// Takes one file in and moves it away. What cannot be taken for a reason of ours stays.
    async fn take(&self, folder: &Path, path: &Path, partner: Option<&str>) {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let told = self.told(path, &name, partner).await;
        let (to, verdict) = match told {
            Ok(taken) => {
                let good = taken.outcome != Outcome::Rejected;
                (if good { "done" } else { "refused" }, taken.verdict)
            }
            Err(Refused::ByUs(code, why)) => {
                let mut findings = Findings::default();
                findings.add(code, 0, "file", why);
                let told = json!({ "verdict": Outcome::Rejected, "errors": findings.told() });
                ("refused", told.to_string())
            }
            Err(Refused::NotNow(why)) => {
                tracing::warn!(file = name, why, "a file stays in the folder");
                return;
            }
        };
        match move_away(path, &folder.join(to), &name, &verdict) {
            Ok(place) => {
                tracing::info!(file = name, to = %place.display(), "a file was taken from the folder");
            }
            Err(error) => tracing::error!(file = name, %error, "a file cannot be moved away"),
        }
    }

    async fn told(&self, path: &Path, name: &str, partner: Option<&str>) -> Result<Taken, Refused> {
        let spool = Spool::of_file(path, &self.settings).await.map_err(|error| match error {
            SpoolError::TooLarge { .. } => Refused::ByUs(FindingCode::TooLarge, error.to_string()),
            other => Refused::NotNow(other.to_string()),
        })?;
        let arrival = Arrival { name, source: Source::Folder, by: "folder", partner };
        self.intake.take(&spool, arrival).await.map_err(|error| match error {
            IntakeError::UnknownPartner(_) => {
                Refused::ByUs(FindingCode::Account, error.to_string())
            }
            other => Refused::NotNow(other.to_string()),
        })
    }
}

enum Refused {
    ByUs(FindingCode, String),
    NotNow(String),
}

/// The files of a folder and of those one below it that are named like partners, by name.
fn files_below(folder: &Path) -> std::io::Result<Vec<(PathBuf, Option<String>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_file() && is_there(&name) {
            found.push((entry.path(), None));
        } else if kind.is_dir() && !["done", "refused"].contains(&name.as_str()) {
            for below in std::fs::read_dir(entry.path())? {
                let below = below?;
                let file = below.file_name().to_string_lossy().into_owned();
                if below.file_type()?.is_file() && is_there(&file) {
                    found.push((below.path(), Some(name.clone())));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_there(name: &str) -> bool {
    let unfinished = [".part", ".tmp", ".filepart"].iter().any(|end| name.ends_with(end));
    !name.starts_with('.') && !unfinished
}

/// Moves a file, its verdict first; one of the same name that is there stays.
fn move_away(path: &Path, to: &Path, name: &str, verdict: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(to)?;
    let mut place = to.join(name);
    let mut count = 1;
    while place.exists() {
        count += 1;
        place = to.join(format!("{count}-{name}"));
    }
    let beside = PathBuf::from(format!("{}.verdict.json", place.display()));
    std::fs::write(beside, verdict)?;
    std::fs::rename(path, &place)?;
    Ok(place)
}
