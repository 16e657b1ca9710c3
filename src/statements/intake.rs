//! Taking a file in: known already, or kept, read, judged, and its lines put in.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::cases;
use super::finding::{FindingCode, Findings};
use super::formats::mapping::Mapping;
use super::judge::{Placed, judge};
use super::mappings;
use super::model::{Kind, ReadFile};
use super::spool::Spool;
use super::stage::{self, StageError};
use super::status::{FileState, StatementState, Step};
use super::store::{self, NewFile, NewStatement, Told, reads};
use super::verdict::{Outcome, Verdict};
use crate::breaks::store::files::breaks_insert_of_file;
use crate::platform::audit::{self, By};
use crate::registers::live::LiveDirectory;
use crate::text_enum;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::{FileId, StatementId};

/// Nobody reads a file that has been silent for so long.
const SILENT: TimeDelta = TimeDelta::minutes(2);
/// A piece of the kept bytes.
const PIECE: usize = 1 << 18;

text_enum! {
    /// Where a file came in.
    pub enum Source ("source") {
        /// An officer.
        Desk = "desk",
        /// A partner's signed call.
        Api = "api",
        /// A person who works for a partner, on its screens.
        Partner = "partner",
        /// The command line.
        Command = "command",
        /// The watched folder.
        Folder = "folder",
    }
}

/// How a file came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where.
    pub source: Source,
    /// Who brought it.
    pub by: &'a str,
    /// Only of this partner's accounts. Of what a partner sends itself, that partner.
    pub partner: Option<&'a str>,
}

impl Arrival<'_> {
    fn sender(&self) -> &str {
        match self.source {
            Source::Api | Source::Partner => self.partner.unwrap_or(""),
            Source::Desk | Source::Command | Source::Folder => "",
        }
    }
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The file.
    pub file: FileId,
    /// Is it new? Else this is the first answer again.
    pub new: bool,
    /// The verdict in one word.
    pub outcome: Outcome,
    /// The whole verdict, as JSON.
    pub verdict: String,
}

impl Taken {
    /// Was it refused or laid aside because the same statement stands with other content?
    pub fn differs(&self) -> bool {
        let verdict: Value = serde_json::from_str(&self.verdict).unwrap_or_default();
        verdict["errors"]
            .as_array()
            .is_some_and(|e| e.iter().any(|e| e["code"] == FindingCode::SameId.as_str()))
    }
}

/// Why nothing became of a file.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Somebody is reading the same bytes.
    #[error("the same file is being read")]
    InProgress,
    /// There is no such partner.
    #[error("there is no partner {0:?}")]
    UnknownPartner(String),
    /// The reading.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Takes files in.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The registers.
    pub directory: LiveDirectory,
}

/// What is done with a file: its bytes, what reads it, how it came.
struct Work<'a> {
    file: Uuid,
    spool: &'a Spool,
    mappings: Arc<[Mapping]>,
    arrival: Arrival<'a>,
}

impl Intake {
    /// Takes a file in. The same bytes again have no effect and get the first answer.
    pub async fn take(&self, spool: &Spool, arrival: Arrival<'_>) -> Result<Taken, IntakeError> {
        if let Some(partner) = arrival.partner
            && self.directory.current().partner(partner).is_none()
        {
            return Err(IntakeError::UnknownPartner(partner.to_owned()));
        }
        let now = self.clock.now();
        let mut conn = self.pool.acquire().await?;
        let known = store::file_of_content(&mut conn, &spool.sha256, arrival.sender()).await?;
        let file = match known {
            Some(known) if known.state == FileState::Received.as_str() => {
                let (file, before) = (known.file_id, now - SILENT);
                if !store::file_take_over(&mut conn, file, before, now).await? {
                    return Err(IntakeError::InProgress);
                }
                file
            }
            Some(known) if !is_worth_another_try(&known) => {
                return Ok(taken(known.file_id, false, known.verdict.unwrap_or_default()));
            }
            _ => {
                let file = FileId::new(now).0;
                let new = NewFile {
                    file_id: file,
                    sha256: &spool.sha256,
                    sender: arrival.sender(),
                    partner: arrival.partner.unwrap_or(""),
                    name: arrival.name,
                    source: arrival.source.as_str(),
                    received_by: arrival.by,
                    size: i64::try_from(spool.size).unwrap_or(i64::MAX),
                };
                if !store::file_insert(&mut conn, &new, now).await? {
                    return Err(IntakeError::InProgress);
                }
                file
            }
        };
        drop(conn);
        self.keep(file, spool).await?;
        self.go_on(file, spool, arrival).await
    }

    /// Reads a file that is kept, and puts it where it belongs.
    async fn go_on(
        &self,
        file: Uuid,
        spool: &Spool,
        arrival: Arrival<'_>,
    ) -> Result<Taken, IntakeError> {
        let mappings: Arc<[Mapping]> = {
            let mut conn = self.pool.acquire().await?;
            mappings::newest(&mut conn, arrival.partner).await?.into()
        };
        let work = Work { file, spool, mappings, arrival };
        let looked = stage::look(spool, &work.mappings).await?;
        // Another file with the same statement may be taken in at this very moment: the second to
        // end finds it standing.
        for _ in 0..3 {
            let mut read = looked.clone();
            let directory = self.directory.current();
            let placed = {
                let mut conn = self.pool.acquire().await?;
                judge(&mut conn, &directory, &mut read, arrival.partner, &spool.sha256).await?
            };
            match self.settle(&work, &read, &placed).await {
                Err(IntakeError::Store(error)) if stands_already(&error) => {}
                settled => return settled,
            }
        }
        Err(IntakeError::InProgress)
    }

    /// Keeps the bytes, in pieces.
    async fn keep(&self, file: Uuid, spool: &Spool) -> Result<(), IntakeError> {
        use tokio::io::AsyncReadExt;
        let mut from = tokio::fs::File::from_std(spool.from_front().map_err(StageError::from)?);
        let mut conn = self.pool.acquire().await?;
        let mut place = 0;
        loop {
            let mut pieces = Vec::with_capacity(4);
            while pieces.len() < 4 {
                let mut piece = Vec::with_capacity(PIECE);
                let mut part = (&mut from).take(PIECE as u64);
                part.read_to_end(&mut piece).await.map_err(StageError::from)?;
                if piece.is_empty() {
                    break;
                }
                pieces.push(piece);
            }
            if pieces.is_empty() {
                return Ok(());
            }
            store::pieces_insert(&mut conn, file, place, &pieces).await?;
            place += i32::try_from(pieces.len()).unwrap_or(0);
        }
    }

    /// Puts the lines in, then lets the file stand as it was judged, in one commit.
    async fn settle(
        &self,
        work: &Work<'_>,
        read: &ReadFile,
        placed: &[Placed],
    ) -> Result<Taken, IntakeError> {
        let outcome = Outcome::of(read);
        let staged = matches!(outcome, Outcome::Accepted | Outcome::Quarantined);
        let ids = if staged { self.enter(work.file, read, placed).await? } else { Vec::new() };
        if staged {
            let from = (work.spool, &work.mappings);
            stage::stage(&self.pool, &self.clock, work.file, &ids, from).await?;
        }
        let of = (&work.spool.sha256, work.spool.size);
        let verdict = Verdict::of(read, (Some(work.file), &ids), of);
        let verdict = serde_json::to_string(&verdict).unwrap_or_default();
        let (step, to) = match outcome {
            Outcome::Accepted => (Step::Stage, StatementState::Staged),
            Outcome::Quarantined => (Step::Quarantine, StatementState::Quarantined),
            Outcome::Rejected => (Step::Reject, StatementState::Rejected),
            Outcome::Noted => (Step::Note, StatementState::Reading),
        };
        let now = self.clock.now();
        let partner = placed.iter().map(|p| p.partner.as_str()).find(|p| !p.is_empty());
        let format = [read.format.as_str(), read.version.as_str()].join(".");
        let told = Told {
            partner: partner.or(work.arrival.partner).unwrap_or(""),
            format: format.trim_matches('.'),
            verdict: &verdict,
        };
        let Ok(state) = FileState::Received.after(step) else {
            return Err(IntakeError::InProgress);
        };
        let mut tx = self.pool.begin().await?;
        let kept = store::file_told(&mut tx, work.file, state, &told, now).await?;
        // Somebody else has taken it over.
        let kept = kept.ok_or(IntakeError::InProgress)?;
        if to != StatementState::Reading {
            let steps = (StatementState::Reading, to);
            store::statements_of_file_step(&mut tx, work.file, steps, now).await?;
        }
        let opened = cases::of(read, placed, work.arrival.name, now);
        breaks_insert_of_file(&mut tx, work.file, &opened).await?;
        if outcome == Outcome::Accepted {
            cases::answered_in(&mut tx, work.file, now).await?;
        }
        let by = By { actor: work.arrival.by, at: now };
        let detail = json!({
            "name": work.arrival.name, "source": work.arrival.source, "verdict": outcome,
            "sha256": hex::encode(work.spool.sha256), "format": told.format,
        });
        audit::record_in(&mut tx, by, "statement.received", &work.file.to_string(), &detail)
            .await?;
        tx.commit().await?;
        metrics::counter!("payclear_statement_files_total",
            "source" => work.arrival.source.as_str(), "verdict" => outcome.as_str())
        .increment(1);
        metrics::counter!("payclear_statement_lines_total")
            .increment(read.statements.iter().map(|s| s.lines).sum::<u64>() * u64::from(staged));
        Ok(taken(work.file, true, kept))
    }

    /// Enters the statements, which nobody looks at yet.
    async fn enter(
        &self,
        file: Uuid,
        read: &ReadFile,
        placed: &[Placed],
    ) -> Result<Vec<Uuid>, IntakeError> {
        let now = self.clock.now();
        let mut ids = Vec::with_capacity(read.statements.len());
        let mut conn = self.pool.acquire().await?;
        for ((place, statement), placed) in (0..).zip(&read.statements).zip(placed) {
            if statement.kind == Kind::Information {
                continue;
            }
            let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            let new = NewStatement {
                statement_id: StatementId::new(now).0,
                place,
                kind: statement.kind.as_str(),
                partner: &placed.partner,
                account: &placed.account,
                reference: &statement.reference,
                number: statement.number,
                page: statement.page,
                day: statement.to.unwrap_or_default(),
                from_day: statement.from,
                currency: if statement.currency.is_empty() { "VND" } else { &statement.currency },
                opening: statement.opening,
                closing: statement.closing,
                lines: count(statement.lines),
                entries: count(statement.entries),
                total: statement.total,
                supersedes: placed.supersedes,
            };
            ids.push(store::statement_insert(&mut conn, file, &new, now).await?);
        }
        Ok(ids)
    }

    /// Goes on with files whose reading was broken off by the end of a process; one whose bytes are
    /// not all there is refused, so that it can be sent again. How many were found.
    pub async fn resume(
        &self,
        spooling: &super::spool::Spooling<'_>,
    ) -> Result<usize, IntakeError> {
        let now = self.clock.now();
        let mut conn = self.pool.acquire().await?;
        let unfinished = reads::files_unfinished(&mut conn, now - SILENT).await?;
        for file in &unfinished {
            if !store::file_take_over(&mut conn, file.file_id, now - SILENT, now).await? {
                continue;
            }
            let arrival = Arrival {
                name: &file.name,
                source: file.source.parse().unwrap_or(Source::Command),
                by: &file.received_by,
                // Kept from the first, whoever said it: the file may be readable in two ways.
                partner: [&file.partner, &file.sender]
                    .into_iter()
                    .find(|p| !p.is_empty())
                    .map(String::as_str),
            };
            if store::pieces_size(&mut conn, file.file_id).await? == file.size {
                let spool = spooling.of_kept(&mut conn, file.file_id).await?;
                self.go_on(file.file_id, &spool, arrival).await?;
                continue;
            }
            let mut read = ReadFile::default();
            let detail = "the service ended before all of it had arrived";
            read.findings.add(FindingCode::Interrupted, 0, "file", detail);
            let sha256 = file.sha256.as_slice().try_into().unwrap_or([0; 32]);
            let size = u64::try_from(file.size).unwrap_or(0);
            let verdict = Verdict::of(&read, (Some(file.file_id), &[]), (&sha256, size));
            let verdict = serde_json::to_string(&verdict).unwrap_or_default();
            let told = Told { partner: &file.partner, format: "", verdict: &verdict };
            store::file_told(&mut conn, file.file_id, FileState::Rejected, &told, now).await?;
        }
        Ok(unfinished.len())
    }
}

fn taken(file: Uuid, new: bool, verdict: String) -> Taken {
    let read: Value = serde_json::from_str(&verdict).unwrap_or_default();
    let word = read["verdict"].as_str().and_then(|word| word.parse().ok());
    Taken { file: FileId(file), new, outcome: word.unwrap_or(Outcome::Rejected), verdict }
}

/// A file that was refused because of the registers, or did not arrive whole, may be good today.
fn is_worth_another_try(known: &store::KnownFile) -> bool {
    if known.state != FileState::Rejected.as_str() {
        return false;
    }
    let verdict: Value =
        known.verdict.as_deref().and_then(|v| serde_json::from_str(v).ok()).unwrap_or_default();
    let passing = [FindingCode::Account, FindingCode::Mapping, FindingCode::Interrupted];
    let of = |error: &Value, code: &FindingCode| error["code"] == code.as_str();
    verdict["errors"].as_array().is_some_and(|errors| {
        errors
            .iter()
            .filter(|error| error["severity"] == "refusal")
            .all(|error| passing.iter().any(|code| of(error, code)))
    })
}

fn stands_already(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|told| told.constraint() == Some("statement_stands_once"))
}

/// A verdict of a file that is only looked at: nothing is kept, no register is asked.
pub async fn check(spool: &Spool, mappings: Vec<Mapping>) -> Result<Verdict, StageError> {
    let mut read = stage::look(spool, &mappings.into()).await?;
    follow_each_other(&mut read);
    Ok(Verdict::of(&read, (None, &[]), (&spool.sha256, spool.size)))
}

/// Balances of several statements of one account must meet.
fn follow_each_other(file: &mut ReadFile) {
    let mut found = Findings::default();
    for (place, read) in file.statements.iter().enumerate() {
        let before = file.statements[..place].iter().rev();
        let before = before.clone().find(|s| s.account == read.account && s.kind == read.kind);
        let (Some(before), Kind::Account) = (before, read.kind) else { continue };
        if let (Some(closing), Some(opening)) = (before.closing, read.opening)
            && closing != opening
        {
            let detail =
                format!("it opens with {opening}, the one before it closes with {closing}");
            found.add(FindingCode::Opening, read.at, &read.reference, detail);
        }
    }
    file.findings.extend(found.told().to_vec());
}

/// The verdict of a file that is not even read.
pub fn too_large(error: &super::spool::SpoolError) -> Verdict {
    let mut read = ReadFile::default();
    read.findings.add(FindingCode::TooLarge, 0, "file", error.to_string());
    Verdict::of(&read, (None, &[]), (&[0; 32], 0))
}
