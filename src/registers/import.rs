//! Takes a folder of CSV files into the registers: in whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};

use super::csv_file::Mistake;
use super::entries::Entries;
use super::{changes, rows, store};
use crate::partners::certification::{Opening, opened_in};
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::vocabulary::day::BusinessDay;
use crate::{partners, portals};

/// Somebody else's change may get in between so often before we give up.
const TRIES: usize = 5;
/// A statement stays far below the time that one may take.
const ROWS_AT_ONCE: usize = 10_000;
/// A file larger than this is no register.
const MOST_BYTES: u64 = 100 * 1024 * 1024;

/// What a load did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Loaded {
    /// Rows in the files.
    pub rows: usize,
    /// The number of the load; none when nothing changed.
    pub load: Option<i64>,
    /// For every file with news: how many rows of it were new or changed.
    pub changed: Vec<(&'static str, usize)>,
}

/// Why a load was not taken. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is beyond any register.
    #[error("{} is larger than 100 MB; split it", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// No file of a known name.
    #[error("{} holds none of {}", dir.display(), file_names())]
    NoFiles {
        /// The folder.
        dir: PathBuf,
    },
    /// A CSV file of an unknown name would be left out without a word.
    #[error("{} is none of {}; rename it or take it away", path.display(), file_names())]
    UnknownFile {
        /// Which.
        path: PathBuf,
    },
    /// What is wrong in the files, in the order of the files and their lines.
    #[error("{} mistakes in the files; nothing was written", .0.len())]
    Mistakes(Vec<Mistake>),
    /// Others kept changing the registers.
    #[error("the registers are being changed by somebody else; try again")]
    Busy,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn file_names() -> String {
    rows::FILES.map(|columns| columns.file).join(", ")
}

/// The register files of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(Vec<(&'static str, Vec<u8>)>);

impl Folder {
    /// Reads them. Files may be left out: what is in the registers stays.
    pub fn read(dir: &Path) -> Result<Self, ImportError> {
        files(dir).map(Self)
    }

    /// SHA-256 of names and content.
    pub fn digest(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        for (name, bytes) in &self.0 {
            digest.update(format!("{name} {}\n", bytes.len()));
            digest.update(bytes);
        }
        digest.finalize().to_vec()
    }

    /// The text of each file by its name; what is taken in is text.
    pub fn texts(&self) -> BTreeMap<&'static str, String> {
        self.0.iter().map(|(name, b)| (*name, String::from_utf8_lossy(b).into_owned())).collect()
    }

    /// The same, back again.
    pub fn of_texts(mut texts: BTreeMap<String, String>) -> Self {
        let names = rows::FILES.map(|columns| columns.file);
        let kept = names.into_iter().filter_map(|name| Some((name, texts.remove(name)?)));
        Self(kept.map(|(name, text)| (name, text.into_bytes())).collect())
    }
}

/// What a folder would change.
#[derive(Debug)]
pub struct News {
    /// Rows in its files.
    pub rows: usize,
    /// New versions and changed rows.
    pub entries: Entries,
    /// The partners that payers were not sent to before and will be.
    pub opens: Vec<String>,
    digest: Vec<u8>,
}

impl News {
    /// For every file with news: how many rows of it are new or changed.
    pub fn changed(&self) -> Vec<(&'static str, usize)> {
        counts(&self.entries)
    }
}

/// What a folder would change in the registers as they stand.
pub async fn news(
    conn: &mut PgConnection,
    folder: &Folder,
    today: NaiveDate,
) -> Result<News, ImportError> {
    let (book, mut mistakes) = rows::read(&folder.0);
    let rows = book.row_count();
    let now = store::entries(conn).await?;
    match changes::find(book, &now, today) {
        Ok(entries) if mistakes.is_empty() => {
            let is_open = |code: &str| now.partners.iter().any(|p| p.code == code && p.open);
            let opens = entries.partners.iter().filter(|p| p.open && !is_open(&p.code));
            let opens = opens.map(|partner| partner.code.clone()).collect();
            Ok(News { rows, entries, opens, digest: folder.digest() })
        }
        Ok(_) => Err(ImportError::Mistakes(sorted(mistakes))),
        Err(more) => {
            mistakes.extend(more);
            Err(ImportError::Mistakes(sorted(mistakes)))
        }
    }
}

/// Enters news; the number of the load. `openings` says by what it opens partners; while an
/// installation begins nothing does. Nobody else changes the registers meanwhile: the caller has
/// raised [`directory_version`] in the same transaction.
pub async fn enter_in(
    conn: &mut PgConnection,
    by: By<'_>,
    news: &News,
    openings: &[Opening],
) -> Result<i64, sqlx::Error> {
    let load = put_in(conn, by, (&news.entries, openings), &news.digest).await?;
    let detail = json!({
        "rows": news.rows,
        "changed": news.changed().into_iter().collect::<BTreeMap<_, _>>(),
        "sha256": hex::encode(&news.digest),
    });
    audit::record_in(conn, by, "registers.import", &load.to_string(), &detail).await?;
    Ok(load)
}

/// Takes the CSV files of `dir` in, while an installation begins: later another person looks at them
/// first ([`super::approve`]). The same content again changes nothing.
#[tracing::instrument(name = "registers.import", skip_all)]
pub async fn import(pool: &PgPool, by: By<'_>, dir: &Path) -> Result<Loaded, ImportError> {
    load(pool, by, &Folder::read(dir)?).await
}

/// The same of files that were read.
pub async fn load(pool: &PgPool, by: By<'_>, folder: &Folder) -> Result<Loaded, ImportError> {
    let today = BusinessDay::of(by.at, None).0;
    for _ in 0..TRIES {
        // The registers are read and compared before the transaction begins, so that it is short;
        // the version that was read first tells whether they are still the same when it does.
        let mut conn = pool.acquire().await?;
        let seen = directory_version::read(&mut conn).await?;
        let news = news(&mut conn, folder, today).await?;
        drop(conn);
        let (rows, changed) = (news.rows, news.changed());
        if changed.is_empty() {
            return Ok(Loaded { rows, load: None, changed });
        }
        let mut tx = pool.begin().await?;
        if !directory_version::raise_from_in(&mut tx, seen).await? {
            continue;
        }
        let load = enter_in(&mut tx, by, &news, &[]).await?;
        tx.commit().await?;
        return Ok(Loaded { rows, load: Some(load), changed });
    }
    Err(ImportError::Busy)
}

async fn put_in(
    conn: &mut PgConnection,
    by: By<'_>,
    (new, openings): (&Entries, &[Opening]),
    digest: &[u8],
) -> Result<i64, sqlx::Error> {
    let row_count = i32::try_from(new.count()).unwrap_or(i32::MAX);
    let load = store::load_insert(conn, (by.actor, by.at), digest, row_count).await?;
    for rows in new.agencies.chunks(ROWS_AT_ONCE) {
        store::agency_put(conn, rows, load).await?;
    }
    for rows in new.treasury_accounts.chunks(ROWS_AT_ONCE) {
        store::treasury_account_put(conn, rows, load).await?;
    }
    for rows in new.procedures.chunks(ROWS_AT_ONCE) {
        store::procedure_put(conn, rows, load).await?;
    }
    for rows in new.fee_lines.chunks(ROWS_AT_ONCE) {
        store::fee_line_put(conn, rows, load).await?;
    }
    for rows in new.holidays.chunks(ROWS_AT_ONCE) {
        store::holiday_put(conn, rows, load).await?;
    }
    // Portals, partners and accounts are few: one statement each.
    for portal in &new.portals {
        portals::store::portal_put(conn, portal, load).await?;
    }
    opened_in(conn, by, openings, load).await?;
    for partner in &new.partners {
        partners::store::partner_put(conn, partner, load).await?;
    }
    for account in &new.collecting_accounts {
        partners::store::collecting_account_put(conn, account, load).await?;
    }
    for rows in new.receipt_ranges.chunks(ROWS_AT_ONCE) {
        store::receipt_range_put(conn, rows, load).await?;
    }
    Ok(load)
}

fn counts(new: &Entries) -> Vec<(&'static str, usize)> {
    let counts = [
        (rows::AGENCIES, new.agencies.len()),
        (rows::TREASURY_ACCOUNTS, new.treasury_accounts.len()),
        (rows::PROCEDURES, new.procedures.len()),
        (rows::FEE_LINES, new.fee_lines.len()),
        (rows::PORTALS, new.portals.len()),
        (rows::PARTNERS, new.partners.len()),
        (rows::COLLECTING_ACCOUNTS, new.collecting_accounts.len()),
        (rows::RECEIPT_RANGES, new.receipt_ranges.len()),
        (rows::CALENDAR, new.holidays.len()),
    ];
    counts.into_iter().filter(|(_, n)| *n > 0).map(|(columns, n)| (columns.file, n)).collect()
}

/// In the order in which somebody goes through the files.
fn sorted(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let place = |file| rows::FILES.iter().position(|columns| columns.file == file);
    mistakes.sort_by_key(|mistake| (place(mistake.file), mistake.line));
    mistakes
}

/// The files of a folder that are registers, in their fixed order. Files may be left out: what is
/// in the registers stays.
fn files(dir: &Path) -> Result<Vec<(&'static str, Vec<u8>)>, ImportError> {
    let unreadable = |path: &Path, source| ImportError::Unreadable { path: path.into(), source };
    for file in std::fs::read_dir(dir).map_err(|error| unreadable(dir, error))? {
        let path = file.map_err(|error| unreadable(dir, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Agencies.CSV is another file than agencies.csv: better refused than passed over.
        let is_csv = path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("csv"));
        let known = rows::FILES.iter().any(|columns| columns.file == name);
        if is_csv && !name.starts_with(['.', '~']) && !known {
            return Err(ImportError::UnknownFile { path });
        }
    }
    let mut files = Vec::new();
    for columns in rows::FILES {
        let path = dir.join(columns.file);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&path, error)),
            Ok(meta) if meta.len() > MOST_BYTES => return Err(ImportError::TooLarge { path }),
            Ok(_) => {}
        }
        files.push((columns.file, std::fs::read(&path).map_err(|e| unreadable(&path, e))?));
    }
    if files.is_empty() { Err(ImportError::NoFiles { dir: dir.into() }) } else { Ok(files) }
}
