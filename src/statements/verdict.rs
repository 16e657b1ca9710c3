//! What became of a file: the answer that its sender gets, and gets again.

use serde::Serialize;
use utoipa::ToSchema;

use super::finding::{Finding, Severity};
use super::model::{Kind, ReadFile, ReadStatement, plain};
use crate::text_enum;

text_enum! {
    /// The verdict in one word.
    pub enum Outcome ("verdict") {
        /// Taken in; its lines are matched next.
        Accepted = "accepted",
        /// Kept for information.
        Noted = "noted",
        /// Officers decide.
        Quarantined = "quarantined",
        /// Nothing of it was taken.
        Rejected = "rejected",
    }
}

impl Outcome {
    /// What follows from what was found.
    pub fn of(file: &ReadFile) -> Self {
        match file.findings.worst() {
            Some(Severity::Refusal) => Self::Rejected,
            Some(Severity::Quarantine) => Self::Quarantined,
            _ if file.statements.iter().all(|s| s.kind == Kind::Information) => Self::Noted,
            _ => Self::Accepted,
        }
    }
}

/// A file's verdict.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdict {
    /// The file, by our id; none of one that was only looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<uuid::Uuid>,
    /// accepted, noted, quarantined or rejected.
    #[schema(value_type = String, example = "accepted")]
    pub verdict: Outcome,
    /// camt.053, camt.054, camt.052, mt940, mt942, report; empty when it could not be told.
    pub format: String,
    /// 001.08; of a report its mapping.
    pub version: String,
    /// Of the bytes as they came.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Entries of all statements.
    pub entries: u64,
    /// Payments told in all statements.
    pub transactions: u64,
    /// The statements or reports.
    pub statements: Vec<StatementVerdict>,
    /// What was found, by line.
    pub errors: Vec<Finding>,
    /// How many there were in all; at most 200 are told.
    pub errors_found: u64,
}

/// One statement of a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementVerdict {
    /// Its id in the sender's words.
    pub id: String,
    /// By our id, when it was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<uuid::Uuid>,
    /// account, report or information.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// The account.
    pub account: String,
    /// Its running number.
    pub number: Option<i64>,
    /// The first day.
    pub from: Option<chrono::NaiveDate>,
    /// The last day.
    pub to: Option<chrono::NaiveDate>,
    /// ISO 4217.
    pub currency: String,
    /// Entries, or rows of a report.
    pub entries: u64,
    /// Payments told.
    pub transactions: u64,
    /// Lines that are matched.
    pub lines: u64,
    /// Credit positive.
    pub opening: Option<String>,
    /// Credit positive.
    pub closing: Option<String>,
    /// Of what is booked, credit positive.
    pub sum: String,
}

impl StatementVerdict {
    fn of(read: &ReadStatement, statement: Option<uuid::Uuid>) -> Self {
        Self {
            id: read.reference.clone(),
            statement,
            kind: read.kind,
            account: read.account.clone(),
            number: read.number,
            from: read.from,
            to: read.to,
            currency: read.currency.clone(),
            entries: read.entries,
            transactions: read.transactions,
            lines: read.lines,
            opening: read.opening.map(plain),
            closing: read.closing.map(plain),
            sum: plain(read.total),
        }
    }
}

impl Verdict {
    /// Of a file that was read; `ids` are those under which its statements are kept.
    pub fn of(
        file: &ReadFile,
        (id, ids): (Option<uuid::Uuid>, &[uuid::Uuid]),
        (sha256, size): (&[u8; 32], u64),
    ) -> Self {
        let statements: Vec<StatementVerdict> = file
            .statements
            .iter()
            .enumerate()
            .map(|(place, read)| StatementVerdict::of(read, ids.get(place).copied()))
            .collect();
        Self {
            file: id,
            verdict: Outcome::of(file),
            format: file.format.clone(),
            version: file.version.clone(),
            sha256: hex::encode(sha256),
            size,
            entries: file.statements.iter().map(|s| s.entries).sum(),
            transactions: file.statements.iter().map(|s| s.transactions).sum(),
            statements,
            errors: file.findings.told().to_vec(),
            errors_found: file.findings.count(),
        }
    }
}
