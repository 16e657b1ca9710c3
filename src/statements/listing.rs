//! Files as they are shown: by the interface and on the desk.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::plain;
use super::store::reads::{FileRow, StatementRow};
use super::verdict::Verdict;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView<'a> {
    /// By our id.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// Whose it is; empty while nobody knows.
    pub partner: &'a str,
    /// desk, api, command or folder.
    pub source: &'a str,
    /// Who brought it.
    pub received_by: &'a str,
    /// When.
    pub received_at: DateTime<Utc>,
    /// Bytes.
    pub size: i64,
    /// Of the bytes.
    pub sha256: String,
    /// With its version.
    pub format: &'a str,
    /// received, staged, quarantined, rejected, booked, noted or superseded.
    pub state: &'a str,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// What was found when it came in; nothing while it is read.
    #[schema(value_type = Option<Verdict>)]
    pub verdict: Option<Box<RawValue>>,
}

impl<'a> FileView<'a> {
    /// As it is kept.
    pub fn of(row: &'a FileRow) -> Self {
        Self {
            id: row.file_id,
            name: &row.name,
            partner: &row.partner,
            source: &row.source,
            received_by: &row.received_by,
            received_at: row.received_at,
            size: row.size,
            sha256: hex::encode(&row.sha256),
            format: &row.format,
            state: &row.state,
            state_since: row.state_since,
            verdict: row.verdict.clone().and_then(|text| RawValue::from_string(text).ok()),
        }
    }
}

/// A statement of a file, as it stands now.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementView<'a> {
    /// By our id.
    pub statement: Uuid,
    /// account or report.
    pub kind: &'a str,
    /// Whose.
    pub partner: &'a str,
    /// The account.
    pub account: &'a str,
    /// Its id in the sender's words.
    pub id: &'a str,
    /// Its running number.
    pub number: Option<i64>,
    /// The business day that it is of.
    pub day: NaiveDate,
    /// ISO 4217.
    pub currency: &'a str,
    /// Credit positive.
    pub opening: Option<String>,
    /// Of what is booked, credit positive.
    pub sum: String,
    /// Credit positive.
    pub closing: Option<String>,
    /// How many lines.
    pub lines: i64,
    /// staged, quarantined, booked, rejected or superseded.
    pub state: &'a str,
    /// The earlier issue that it stands in for.
    pub supersedes: Option<Uuid>,
}

impl<'a> StatementView<'a> {
    /// As it is kept.
    pub fn of(row: &'a StatementRow) -> Self {
        Self {
            statement: row.statement_id,
            kind: &row.kind,
            partner: &row.partner,
            account: &row.account,
            id: &row.reference,
            number: row.number,
            day: row.day,
            currency: &row.currency,
            opening: row.opening.map(plain),
            sum: plain(row.total),
            closing: row.closing.map(plain),
            lines: row.lines,
            state: &row.state,
            supersedes: row.supersedes,
        }
    }
}

/// A page of files; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileList<'a> {
    /// The newest first.
    pub files: Vec<FileView<'a>>,
}

/// A file with its statements.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileDetail<'a> {
    /// The file.
    pub file: FileView<'a>,
    /// Its statements.
    pub statements: Vec<StatementView<'a>>,
}
