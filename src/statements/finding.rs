//! What was found in a file: where, how bad, and what to do about it.

use serde::Serialize;

use crate::text_enum;

/// So many findings are written out; the rest is counted.
const MOST_TOLD: usize = 200;

text_enum! {
    /// What follows from a finding. The worst one decides on the file.
    pub enum Severity ("severity") {
        /// To be known of; the file is taken.
        Warning = "warning",
        /// The file waits for officers.
        Quarantine = "quarantine",
        /// Nothing of the file is taken.
        Refusal = "refusal",
    }
}

text_enum! {
    /// What can be wrong with a file.
    pub enum FindingCode ("finding") {
        /// No bytes.
        Empty = "empty",
        /// More bytes than are taken.
        TooLarge = "too-large",
        /// It did not arrive whole.
        Interrupted = "interrupted",
        /// Neither camt, nor MT940, nor a report with a mapping.
        UnknownFormat = "format-unknown",
        /// The XML is of another kind or version.
        Namespace = "namespace",
        /// A newer version than is known; read as the newest known.
        NewerVersion = "version-newer",
        /// MT942: an interim report.
        Interim = "interim-report",
        /// Not well-formed.
        Syntax = "syntax",
        /// Not UTF-8.
        Encoding = "encoding",
        /// A document type or an entity.
        Entity = "entity",
        /// Nested too deeply, or one piece too long.
        Shape = "shape",
        /// It ends too early.
        Truncated = "truncated",
        /// It holds no statement.
        NoStatement = "no-statement",
        /// A field that must be there is not.
        Missing = "missing",
        /// Not an amount, or too large.
        Amount = "amount",
        /// Đồng have no fraction.
        Fraction = "fraction",
        /// Not the currency of the statement or of the account.
        Currency = "currency",
        /// Not a date.
        Date = "date",
        /// A day that the month does not have: its last day is meant.
        DateClamped = "date-clamped",
        /// Neither credit nor debit, or a word that the mapping does not know.
        Word = "word",
        /// Control characters in a text, taken out.
        ControlCharacter = "control-character",
        /// A text that is longer than is kept.
        TextCut = "text-cut",
        /// Details of a batch that do not agree with its entry.
        Batch = "batch",
        /// A batch whose details are not in the file.
        BatchOpaque = "batch-without-details",
        /// Declared counts or sums are not those of the lines.
        Totals = "totals",
        /// A balance is missing, so that nothing can be added up.
        BalanceMissing = "balance-missing",
        /// Opening balance and entries do not make the closing balance.
        Arithmetic = "arithmetic",
        /// A statement before this one is missing.
        Gap = "gap",
        /// The opening balance is not the closing balance before it.
        Opening = "opening",
        /// The same statement with other content stands.
        SameId = "same-id",
        /// No collecting account that is known.
        Account = "account",
        /// No mapping for such a report.
        Mapping = "mapping",
    }
}

impl FindingCode {
    /// What follows.
    pub const fn severity(self) -> Severity {
        match self {
            Self::NewerVersion
            | Self::DateClamped
            | Self::ControlCharacter
            | Self::TextCut
            | Self::Batch
            | Self::BatchOpaque
            | Self::BalanceMissing
            | Self::Gap
            | Self::Opening => Severity::Warning,
            Self::Arithmetic | Self::SameId => Severity::Quarantine,
            _ => Severity::Refusal,
        }
    }

    /// The officers' code of such a difference.
    pub const fn case(self) -> Option<&'static str> {
        match self {
            Self::SameId => Some("F02"),
            Self::Totals | Self::Truncated | Self::Batch | Self::BatchOpaque => Some("F03"),
            Self::Gap | Self::Opening => Some("F04"),
            Self::Arithmetic => Some("F05"),
            _ => None,
        }
    }

    /// What its sender or an officer does.
    pub const fn way_out(self) -> &'static str {
        match self {
            Self::Empty | Self::Truncated | Self::Interrupted => {
                "ask for the whole file and send it again"
            }
            Self::TooLarge => {
                "send it in parts, by day or by account; or raise statements.most_megabytes"
            }
            Self::UnknownFormat => {
                "send camt.053, camt.054, MT940, or a report in UTF-8 whose mapping is registered"
            }
            Self::Namespace => "send camt.052, .053 or .054 in version 001.02, 001.04 or later",
            Self::NewerVersion => "compare a few lines with what was read",
            Self::Interim => "send the MT940 of the day: an interim report is no statement",
            Self::Syntax | Self::Entity | Self::Shape => {
                "have the sender mend how the file is written"
            }
            Self::Encoding => "save the file as UTF-8",
            Self::NoStatement => "ask for the statement of the day",
            Self::Missing | Self::Amount | Self::Fraction | Self::Date | Self::Word => {
                "ask for a corrected file; nothing of this one was taken"
            }
            Self::Currency => "statements are taken in the currency of the account",
            Self::DateClamped | Self::ControlCharacter | Self::TextCut => {
                "nothing, when it looks right"
            }
            Self::Batch => "ask for the details; the entry is matched as one sum",
            Self::BatchOpaque => "nothing, when the partner sends a report of the batch",
            Self::Totals => "ask for the file again: lines are missing or changed",
            Self::BalanceMissing => "nothing, when the sender never tells it",
            Self::Arithmetic => {
                "ask for a corrected statement, or have two officers accept this one"
            }
            Self::Gap => "ask for the statements between",
            Self::Opening => "ask for what lies between, or for a corrected statement",
            Self::SameId => {
                "compare the two, then accept this one in place of the other, or reject it"
            }
            Self::Account => "enter the account in the registers, then send the file again",
            Self::Mapping => {
                "register a mapping (`payclear import --mapping FILE`), then send it again"
            }
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What.
    #[schema(value_type = String, example = "arithmetic")]
    pub code: FindingCode,
    /// The officers' code, when it is one of theirs: F02, F03, F04, F05.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<&'static str>,
    /// What follows from it: warning, quarantine, refusal.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// The line of the file, from 1; 0 when it is of no line.
    pub line: u64,
    /// The element, field or column.
    pub place: String,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    pub way_out: &'static str,
}

/// All that was found in a file. Only so many are kept, so that a broken file of a million lines does
/// not fill the memory.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    told: Vec<Finding>,
    count: u64,
    worst: Option<Severity>,
}

impl Findings {
    /// Notes something down.
    pub fn add(&mut self, code: FindingCode, line: u64, place: &str, detail: impl Into<String>) {
        let severity = code.severity();
        self.count += 1;
        let worse = self.worst.is_none_or(|worst| worst < severity);
        self.worst = self.worst.max(Some(severity));
        let finding = Finding {
            code,
            case: code.case(),
            severity,
            line,
            place: place.to_owned(),
            detail: detail.into(),
            way_out: code.way_out(),
        };
        if self.told.len() < MOST_TOLD {
            self.told.push(finding);
        } else if worse && let Some(last) = self.told.last_mut() {
            // What decides is told, however late it comes.
            *last = finding;
        }
    }

    /// Notes something down once for a file.
    pub fn add_once(&mut self, code: FindingCode, line: u64, place: &str, detail: &str) {
        if !self.told.iter().any(|known| known.code == code && known.place == place) {
            self.add(code, line, place, detail);
        }
    }

    /// Takes others in.
    pub fn extend(&mut self, others: Vec<Finding>) {
        for other in others {
            self.add(other.code, other.line, &other.place, other.detail);
        }
    }

    /// The worst.
    pub const fn worst(&self) -> Option<Severity> {
        self.worst
    }

    /// Is nothing of the file taken?
    pub fn refuses(&self) -> bool {
        self.worst == Some(Severity::Refusal)
    }

    /// Those that are told, in the order of the file.
    pub fn told(&self) -> &[Finding] {
        &self.told
    }

    /// How many there were in all.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Is there one of this code?
    pub fn has(&self, code: FindingCode) -> bool {
        self.told.iter().any(|finding| finding.code == code)
    }
}
