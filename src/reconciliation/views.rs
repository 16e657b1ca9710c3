//! What officers see of matching, and what they send.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::fee::Terms;
use super::hand::{ByHand, Target};
use super::run::Done;
use super::store::reads::{MatchRow, SideRow};
use super::store::summary::{LinesRow, OpenLineRow};
use super::summary::{Reconciled, Sum};
use crate::platform::problem::{FieldError, Problem};

/// An amount with its sign, in đồng.
fn dong(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// One side of a match.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchSideView {
    /// A line of a statement or report.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<i64>,
    /// Its statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Uuid>,
    /// Its place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<i32>,
    /// Its amount with its sign, in đồng.
    #[serde(skip_serializing_if = "Option::is_none")]
    line_amount: Option<String>,
    /// Its value date.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_date: Option<NaiveDate>,
    /// The sender's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<String>,
    /// Our settlement.
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement: Option<Uuid>,
    /// The code of the invoice it is of, or is suggested to be of.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<String>,
    /// A refund, or a reversal.
    #[serde(skip_serializing_if = "Option::is_none")]
    back: Option<Uuid>,
    /// A report, of which a batch is meant as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Uuid>,
    /// That batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    /// A line of a pay-over.
    #[serde(skip_serializing_if = "Option::is_none")]
    payout: Option<Uuid>,
    /// What is ours of it, with its sign, in đồng.
    own_amount: String,
}

/// A match: what belongs together, by which rule, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchView {
    /// Its id.
    id: Uuid,
    /// `line`, `funds` or `payout`.
    layer: String,
    /// `suggested`, `confirmed` or `undone`.
    state: &'static str,
    /// `R1` to `R10`, or `hand`.
    rule: String,
    /// The rules' version.
    rule_version: i16,
    /// The fields that agreed; of one by hand, the reason.
    why: String,
    /// Whose statement.
    partner: String,
    /// Of which account.
    account: String,
    /// What the partner kept by contract, in đồng.
    fee: String,
    /// What two people accepted as missing (-) or over, in đồng.
    difference: String,
    /// Who made it.
    made_by: String,
    /// When.
    made_at: DateTime<Utc>,
    /// Who agreed to the suggestion.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<String>,
    /// Who took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_because: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_at: Option<DateTime<Utc>>,
    /// What it joins.
    sides: Vec<MatchSideView>,
}

impl MatchView {
    pub(super) fn of(row: MatchRow, sides: &[SideRow]) -> Self {
        let state = row.state();
        let sides = sides.iter().filter(|side| side.of == row.id).map(|side| MatchSideView {
            line: side.line,
            statement: side.statement,
            place: side.line_place,
            line_amount: side.line.map(|_| dong(side.line_amount)),
            value_date: side.value_date,
            transaction_id: side.transaction_id.clone().filter(|id| !id.is_empty()),
            memo: side.memo.clone(),
            settlement: side.settlement,
            invoice: side.invoice_code.clone(),
            back: side.back,
            report: side.report,
            batch: side.batch.clone(),
            payout: side.payout,
            own_amount: dong(side.own_amount),
        });
        Self {
            sides: sides.collect(),
            id: row.id,
            layer: row.layer,
            state,
            rule: row.rule,
            rule_version: row.rule_version,
            why: row.reason,
            partner: row.partner,
            account: row.account,
            fee: dong(row.fee),
            difference: dong(row.difference),
            made_by: row.made_by,
            made_at: row.made_at,
            confirmed_by: row.confirmed_by,
            undone_by: row.undone_by,
            undone_because: row.undone_because,
            undone_at: row.undone_at,
        }
    }
}

/// A page of matches; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchList {
    /// In the order of their lines.
    pub(super) matches: Vec<MatchView>,
}

/// A line that no rule has matched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenLineView {
    /// Its number.
    line: i64,
    /// Whose statement.
    partner: String,
    /// Of which account.
    account: String,
    /// The statement's id in its sender's words.
    statement: String,
    /// Its place there.
    place: i32,
    /// `waiting` (its window is open), `open` (a case), `payout` (a transfer of ours), `kept`.
    standing: String,
    /// The code of its case, now or when its window is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Its case.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#break: Option<Uuid>,
    /// Why nothing matches.
    why: String,
    /// With its sign, in đồng.
    amount: String,
    /// Its value date.
    value_date: NaiveDate,
    /// The sender's id of it.
    transaction_id: String,
    /// Its text.
    memo: String,
}

impl From<OpenLineRow> for OpenLineView {
    fn from(row: OpenLineRow) -> Self {
        Self {
            line: row.line,
            partner: row.partner,
            account: row.account,
            statement: row.reference,
            place: row.place,
            standing: row.standing,
            code: row.code,
            r#break: row.case,
            why: row.why,
            amount: dong(row.amount),
            value_date: row.value_date,
            transaction_id: row.transaction_id,
            memo: row.memo,
        }
    }
}

/// A page of open lines; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenLineList {
    /// In their order.
    pub(super) lines: Vec<OpenLineView>,
}

/// So many, so much.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SumView {
    /// How many.
    count: i64,
    /// How much, in đồng.
    amount: String,
}

impl From<Sum> for SumView {
    fn from(sum: Sum) -> Self {
        Self { count: sum.count, amount: dong(sum.amount) }
    }
}

/// One account of a partner on one day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReconciledView {
    /// Whose.
    partner: String,
    /// Which.
    account: String,
    /// Booked here on the day.
    expected: SumView,
    /// Of it, told of in a report.
    reported: SumView,
    /// Of it, seen in the bank.
    banked: SumView,
    /// Expected less banked.
    difference: SumView,
}

impl From<Reconciled> for ReconciledView {
    fn from(of: Reconciled) -> Self {
        Self {
            partner: of.partner,
            account: of.account,
            expected: of.expected.into(),
            reported: of.reported.into(),
            banked: of.banked.into(),
            difference: of.difference.into(),
        }
    }
}

/// A statement or report, and how far it is matched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchedStatementView {
    /// Its id.
    id: Uuid,
    /// `account` or `report`.
    kind: String,
    /// Whose.
    partner: String,
    /// Of which account.
    account: String,
    /// Its id in its sender's words.
    reference: String,
    /// `staged`, `quarantined`, `booked`, `rejected` or `superseded`.
    state: String,
    /// How many lines.
    lines: i64,
    /// The sum of its booked lines with their sign, in đồng.
    total: String,
    /// Lines that are matched.
    matched: i64,
    /// Suggestions.
    suggested: i64,
    /// Lines that are open.
    open: i64,
    /// Lines that nothing is to be done about.
    kept: i64,
    /// Every line was looked at.
    done: bool,
}

impl From<LinesRow> for MatchedStatementView {
    fn from(row: LinesRow) -> Self {
        Self {
            id: row.statement,
            kind: row.kind,
            partner: row.partner,
            account: row.account,
            reference: row.reference,
            state: row.state,
            lines: row.lines,
            total: dong(row.total),
            matched: row.matched,
            suggested: row.suggested,
            open: row.open,
            kept: row.kept,
            done: row.phase.as_deref() == Some("done"),
        }
    }
}

/// The day in sums.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReconciliationView {
    /// The day, in Asia/Ho_Chi_Minh.
    pub(super) day: NaiveDate,
    /// By partner and account.
    pub(super) accounts: Vec<ReconciledView>,
    /// Its statements and reports.
    pub(super) statements: Vec<MatchedStatementView>,
}

/// What a run did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunView {
    /// Statements that were finished.
    statements: u64,
    /// Lines that were looked at.
    lines: u64,
    /// More of them are matched now.
    matched: i64,
    /// More suggestions.
    suggested: i64,
    /// More (or, below zero, fewer) lines are open.
    open: i64,
    /// Settlements that nobody told of in time.
    missing: u64,
}

impl From<Done> for RunView {
    fn from(done: Done) -> Self {
        Self {
            statements: done.statements,
            lines: done.lines,
            matched: done.tally.matched,
            suggested: done.tally.suggested,
            open: done.tally.open,
            missing: done.missing,
        }
    }
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchProposedView {
    /// What is to be done.
    #[schema(example = "match.by_hand")]
    pub(super) kind: &'static str,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    pub(super) approval: Uuid,
}

/// What became of each suggestion that was confirmed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfirmedList {
    /// In the order of the request.
    pub(super) results: Vec<ConfirmedView>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfirmedView {
    /// The match.
    pub(super) id: Uuid,
    /// It is confirmed.
    pub(super) confirmed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

/// The terms of a partner.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TermsView {
    /// Whose.
    partner: String,
    /// From this day on.
    valid_from: NaiveDate,
    /// Of each payment, so many đồng.
    fixed: String,
    /// And so many hundredths of it.
    percent: String,
    /// Its money is in the bank within so many working days.
    window_days: u16,
    /// How far a whole batch may be off, for two people to accept, in đồng.
    tolerance: String,
}

impl From<(String, Terms)> for TermsView {
    fn from((partner, terms): (String, Terms)) -> Self {
        Self {
            partner,
            valid_from: terms.valid_from,
            fixed: dong(terms.fixed),
            percent: dong(terms.percent),
            window_days: terms.window_days,
            tolerance: dong(terms.tolerance),
        }
    }
}

/// All terms.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TermsList {
    /// By partner, the newest first.
    pub(super) terms: Vec<TermsView>,
}

fn reason_of(reason: &str, errors: &mut Vec<FieldError>) -> String {
    let reason = reason.trim();
    let length = reason.chars().count();
    if !(1..=1000).contains(&length) || reason.chars().any(char::is_control) {
        errors.push(FieldError::new("/reason", "must have 1 to 1000 characters"));
    }
    reason.to_owned()
}

/// Why a match is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UndoRequest {
    /// 1 to 1000 characters.
    reason: String,
}

impl UndoRequest {
    pub(super) fn reason(&self) -> Result<String, Problem> {
        let mut errors = Vec::new();
        let reason = reason_of(&self.reason, &mut errors);
        if errors.is_empty() { Ok(reason) } else { Err(Problem::invalid(errors)) }
    }
}

/// Suggestions to be confirmed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmRequest {
    /// 1 to 500 matches.
    matches: Vec<Uuid>,
}

impl ConfirmRequest {
    pub(super) fn ids(self) -> Result<Vec<Uuid>, Problem> {
        if (1..=500).contains(&self.matches.len()) {
            return Ok(self.matches);
        }
        Err(Problem::invalid(vec![FieldError::new("/matches", "must name 1 to 500 matches")]))
    }
}

/// A match by hand: a line that is open, and settlements or a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByHandRequest {
    /// The line.
    line: i64,
    /// Settlements whose sum is the line's.
    #[serde(default)]
    settlements: Option<Vec<Uuid>>,
    /// Or a report, of which
    #[serde(default)]
    report: Option<Uuid>,
    /// this batch is paid by the line.
    #[serde(default)]
    batch: Option<String>,
    /// Why, 1 to 1000 characters.
    reason: String,
}

impl ByHandRequest {
    pub(super) fn wanted(self) -> Result<ByHand, Problem> {
        let mut errors = Vec::new();
        let reason = reason_of(&self.reason, &mut errors);
        let target = match (self.settlements, self.report, self.batch) {
            (Some(mut ids), None, None) => {
                ids.sort_unstable();
                ids.dedup();
                if !(1..=500).contains(&ids.len()) {
                    errors.push(FieldError::new("/settlements", "must name 1 to 500 settlements"));
                }
                Some(Target::Settlements(ids))
            }
            (None, Some(report), Some(batch)) => Some(Target::Batch(report, batch)),
            _ => {
                let why = "must have settlements, or a report and a batch of it";
                errors.push(FieldError::new("", why));
                None
            }
        };
        match target {
            Some(target) if errors.is_empty() => Ok(ByHand { line: self.line, target, reason }),
            _ => Err(Problem::invalid(errors)),
        }
    }
}

/// Terms to be proposed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TermsRequest {
    /// Whose.
    partner: String,
    /// From this day on.
    valid_from: NaiveDate,
    /// Of each payment, so many đồng; digits.
    fixed: String,
    /// And so many hundredths of it, such as `0.66`.
    percent: String,
    /// Working days, 0 to 60.
    window_days: u16,
    /// 0 to 1000 đồng; digits. 0 when it is not given.
    #[serde(default)]
    tolerance: Option<String>,
}

impl TermsRequest {
    pub(super) fn terms(self) -> Result<(String, Terms), Problem> {
        let mut errors = Vec::new();
        let mut number = |name: &str, text: &str, most: i64, scale: u32| {
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.len() <= 20;
            let read = text.parse::<Decimal>().ok().filter(|n| {
                plain && *n >= Decimal::ZERO && *n <= Decimal::from(most) && n.scale() <= scale
            });
            if read.is_none() {
                let why = format!(
                    "must be a number from 0 to {most}, with {scale} digits after the point at most"
                );
                errors.push(FieldError::new(name, why));
            }
            read.unwrap_or_default()
        };
        let terms = Terms {
            valid_from: self.valid_from,
            fixed: number("/fixed", &self.fixed, 1_000_000, 0),
            percent: number("/percent", &self.percent, 99, 4),
            window_days: self.window_days,
            tolerance: number("/tolerance", self.tolerance.as_deref().unwrap_or("0"), 1_000, 0),
        };
        if terms.window_days > 60 {
            errors.push(FieldError::new("/window_days", "must be a whole number from 0 to 60"));
        }
        if errors.is_empty() { Ok((self.partner, terms)) } else { Err(Problem::invalid(errors)) }
    }
}
