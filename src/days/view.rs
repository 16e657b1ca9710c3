//! Days as officers see them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::banks::Compared;
use super::checklist::Checklist;
use super::store::Day;
use crate::vocabulary::ids::ApprovalId;

/// A day and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayView {
    /// The business day (ngày đối soát).
    #[schema(value_type = String, format = Date)]
    day: NaiveDate,
    /// `open`, `files_complete`, `matched`, `prepared`, `closed`, `reopen_requested` or `reopened`.
    status: &'static str,
    /// Since when.
    status_since: DateTime<Utc>,
    /// Rises with each reopening.
    revision: i32,
    /// Who prepared it.
    #[serde(skip_serializing_if = "Option::is_none")]
    prepared_by: Option<String>,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    /// Why somebody wants it open again.
    #[serde(skip_serializing_if = "Option::is_none")]
    reopen_reason: Option<String>,
}

impl From<&Day> for DayView {
    fn from(day: &Day) -> Self {
        Self {
            day: day.day,
            status: day.status.as_str(),
            status_since: day.status_since,
            revision: day.revision,
            prepared_by: day.prepared_by.clone(),
            approved_by: day.approved_by.clone(),
            reopen_reason: day.reopen_reason.clone(),
        }
    }
}

/// A page of days; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayList {
    /// The newest first.
    pub days: Vec<DayView>,
}

/// A file that the day needs.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayFileView {
    /// Whose.
    partner: String,
    /// Of which account.
    account: String,
    /// `account`: a statement of the account; `report`: what the partner says that it collected.
    kind: &'static str,
    /// Something was collected on the account that day.
    moved: bool,
    /// `missing`, or where it stands: `staged`, `quarantined`, `booked`.
    state: String,
    /// The statement or report.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Uuid>,
    /// How many lines it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<i64>,
    /// The case of its absence (`F01`).
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<Uuid>,
}

/// Count and đồng.
#[derive(Debug, Serialize, ToSchema)]
pub struct DaySumView {
    /// How many.
    count: i64,
    /// How much, a decimal.
    #[schema(value_type = String)]
    amount: Decimal,
}

impl From<(i64, Decimal)> for DaySumView {
    fn from((count, amount): (i64, Decimal)) -> Self {
        Self { count, amount }
    }
}

/// *Open before + new − cleared = open now.*
#[derive(Debug, Serialize, ToSchema)]
pub struct RollForwardView {
    /// Open when the day began.
    before: DaySumView,
    /// Opened in it.
    new: DaySumView,
    /// Closed in it.
    cleared: DaySumView,
    /// Open when it ended.
    open: DaySumView,
    /// What the day before was signed with; the same as `before`, or the day cannot be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    carried: Option<DaySumView>,
}

/// A case that was open when the day ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseView {
    /// The case.
    case: Uuid,
    /// Its code.
    code: String,
    /// The partner.
    partner: String,
    /// The agency, or empty.
    agency: String,
    /// How much does not match, a decimal.
    #[schema(value_type = String)]
    amount: Decimal,
    /// ISO 4217.
    currency: String,
    /// When it was opened.
    opened_at: DateTime<Utc>,
    /// Where it stands now: it may have been closed since.
    state: String,
    /// Who has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    owner: String,
    /// Why it is still open.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// Somebody has it, with a reason, or it is closed by now: else the day cannot be signed.
    owned: bool,
}

/// Debits and credits of the day.
#[derive(Debug, Serialize, ToSchema)]
pub struct TurnoverView {
    /// ISO 4217.
    currency: String,
    /// The sum of all debits.
    #[schema(value_type = String)]
    debit: Decimal,
    /// The sum of all credits.
    #[schema(value_type = String)]
    credit: Decimal,
}

/// An account that holds what is nobody's yet, as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldingView {
    /// `suspense`, `part_payments_held` or `refund_due`.
    kind: String,
    /// Through whom it came.
    partner: String,
    /// ISO 4217.
    currency: String,
    /// What the account holds.
    #[schema(value_type = String)]
    held: Decimal,
    /// What open cases hold of it.
    #[schema(value_type = String)]
    explained: Decimal,
    /// What nothing explains: nothing, or look into it.
    #[schema(value_type = String)]
    difference: Decimal,
}

/// A bank account, as its last statement of the day says and as the books say.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankView {
    /// Whose.
    partner: String,
    /// Its number.
    account: String,
    /// ISO 4217.
    currency: String,
    /// The statement.
    statement: Uuid,
    /// Its id in its sender's words.
    reference: String,
    /// What it closes with, credit positive.
    #[schema(value_type = String)]
    closing: Decimal,
    /// What the ledger holds of the account at the end of the day.
    #[schema(value_type = String)]
    ledger: Decimal,
    /// The closing less the ledger's balance.
    #[schema(value_type = String)]
    difference: Decimal,
    /// Why they differ.
    reasons: Vec<BankReasonView>,
    /// What of the difference has no reason: nothing, or the day cannot be signed.
    #[schema(value_type = String)]
    unexplained: Decimal,
}

/// One reason of a difference.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankReasonView {
    /// `booked_later`, `other_statement`, `by_word`, `in_case`, `gap` or `arithmetic`.
    why: &'static str,
    /// Of how many lines, entries or statements.
    count: i64,
    /// How much of the difference, with its sign.
    #[schema(value_type = String)]
    amount: Decimal,
}

impl From<&Compared> for BankView {
    fn from(of: &Compared) -> Self {
        let reasons = of.reasons.iter().map(|reason| BankReasonView {
            why: reason.why.as_str(),
            count: reason.count,
            amount: reason.amount,
        });
        Self {
            partner: of.bank.partner.clone(),
            account: of.bank.account.clone(),
            currency: of.bank.currency.clone(),
            statement: of.bank.statement,
            reference: of.bank.reference.clone(),
            closing: of.bank.closing,
            ledger: of.ledger,
            difference: of.difference(),
            reasons: reasons.collect(),
            unexplained: of.unexplained(),
        }
    }
}

/// What officers look at before they sign a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChecklistView {
    /// Where it stands.
    day: DayView,
    /// Its first instant.
    from: DateTime<Utc>,
    /// The first instant of the next one.
    to: DateTime<Utc>,
    /// The files that it needs.
    files: Vec<DayFileView>,
    /// Lines in the files that are in.
    lines: i64,
    /// Lines that are not placed.
    unplaced: i64,
    /// How cases went on.
    roll_forward: RollForwardView,
    /// Cases that were open when it ended.
    cases: Vec<CaseView>,
    /// Debits and credits, by currency.
    turnover: Vec<TurnoverView>,
    /// The books against the banks whose statements of the day are booked.
    banks: Vec<BankView>,
    /// Money that is nobody's yet, as it is now.
    holdings: Vec<HoldingView>,
    /// All that stands against signing it, each in a sentence; empty: it can be signed.
    against: Vec<String>,
    /// All that keeps a closed day closed, each in a sentence; empty: two people can reopen it.
    keeps_closed: Vec<String>,
    /// The approval that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Uuid>,
}

impl ChecklistView {
    /// A day that was looked at, and what it waits for.
    pub fn of(looked: &Checklist, approval: Option<ApprovalId>) -> Self {
        let files = looked.files.iter().map(|file| DayFileView {
            partner: file.partner.clone(),
            account: file.account.clone(),
            kind: file.kind,
            moved: file.moved,
            state: file.received.as_ref().map_or("missing", |of| of.state.as_str()).to_owned(),
            statement: file.received.as_ref().map(|of| of.id),
            lines: file.received.as_ref().map(|of| of.lines),
            case: file.case,
        });
        let cases = looked.open.iter().map(|case| CaseView {
            case: case.id,
            code: case.code.clone(),
            partner: case.partner.clone(),
            agency: case.agency.clone(),
            amount: case.amount,
            currency: case.currency.clone(),
            opened_at: case.opened_at,
            state: case.state.clone(),
            owner: case.owner.clone(),
            reason: case.reason.clone(),
            owned: case.is_answered_for(),
        });
        let turnover = looked.turnover.iter().map(|(currency, debit, credit)| TurnoverView {
            currency: currency.clone(),
            debit: *debit,
            credit: *credit,
        });
        let holdings = looked.holdings.iter().map(|holding| HoldingView {
            kind: holding.held_in.clone(),
            partner: holding.partner.clone(),
            currency: holding.currency.clone(),
            held: holding.balance,
            explained: holding.cases,
            difference: holding.difference(),
        });
        Self {
            day: (&looked.day).into(),
            from: looked.from,
            to: looked.to,
            files: files.collect(),
            lines: looked.lines,
            unplaced: looked.unplaced,
            roll_forward: RollForwardView {
                before: looked.roll.before.into(),
                new: looked.roll.new.into(),
                cleared: looked.roll.cleared.into(),
                open: looked.roll.open.into(),
                carried: looked.carried.map(Into::into),
            },
            cases: cases.collect(),
            turnover: turnover.collect(),
            banks: looked.banks.iter().map(Into::into).collect(),
            holdings: holdings.collect(),
            against: if looked.day.status.is_open() { looked.against() } else { Vec::new() },
            keeps_closed: looked.keeps_closed.clone(),
            approval: approval.map(|id| id.0),
        }
    }
}

/// A closed day as it was sealed and signed. `payclear verify --day` computes all of it anew.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotView {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    /// Its revision.
    pub revision: i32,
    /// The content, canonical JSON as text: these very bytes were hashed.
    pub content: String,
    /// Its SHA-256, in hex.
    pub content_sha256: String,
    /// The seal, canonical JSON as text: these very bytes were signed.
    pub seal: String,
    /// Its SHA-256, in hex: what the day is known by, and what the next one is chained to.
    pub seal_sha256: String,
    /// Ed25519 over the seal, in hex.
    pub signature: String,
    /// The key: `/.well-known/payclear-signing-keys` has its public half.
    pub key: String,
    /// When the day closed.
    pub closed_at: DateTime<Utc>,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayWaitsView {
    /// What is to be done.
    #[schema(example = "day.close")]
    pub kind: &'static str,
    /// The approval that it waits for: decide here, or at `POST /v1/approvals/{id}/approve`.
    pub approval: Uuid,
    /// SHA-256 of what was prepared, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_sha256: Option<String>,
}
