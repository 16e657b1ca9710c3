//! Cases as officers see them, and what stands behind them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::case::Case;
use super::evidence::Shown;
use super::store::said::{self, Comment};
use super::store::timeline;
use super::ways::{self, Way};
use crate::platform::problem::Problem;
use crate::vocabulary::ids::BreakId;
use crate::vocabulary::money::{Currency, Money};

/// So much of a currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AmountView {
    /// Whole đồng as text.
    #[schema(example = "150000")]
    amount: String,
    /// ISO 4217.
    #[schema(example = "VND")]
    currency: String,
}

impl AmountView {
    /// Of an amount, which may be below zero.
    pub fn of(amount: Decimal, currency: &str) -> Self {
        Self { amount: amount.normalize().to_string(), currency: currency.to_owned() }
    }

    fn money(money: Money) -> Self {
        Self::of(money.amount(), money.currency().as_str())
    }
}

/// A case.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Break)]
pub struct BreakView {
    /// UUID v7.
    id: uuid::Uuid,
    /// `F01` to `F05`, `B01` to `B18`.
    #[schema(example = "B07")]
    code: String,
    /// What the code means.
    name: &'static str,
    /// The same in Vietnamese.
    name_vi: &'static str,
    /// `open`, `assigned`, `waiting`, `resolved` or `auto_closed`.
    state: &'static str,
    /// Since when.
    state_since: DateTime<Utc>,
    /// `low`, `medium`, `high` or `critical`.
    severity: &'static str,
    /// `today`, `t1`, `t2_3`, `t4_7`, `8_30` or `over_30`.
    age: &'static str,
    /// The same in days.
    days: i64,
    /// When it was opened first.
    opened_at: DateTime<Utc>,
    /// From this day on it ages.
    ages_from: NaiveDate,
    /// When it was closed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<DateTime<Utc>>,
    /// The partner it came through; empty when it is nobody's.
    partner: String,
    /// The agency; empty when none is known.
    agency: String,
    /// How much does not match.
    amount: AmountView,
    /// `suspense`, `part_payments_held`, `refund_due` or `refunds_in_transit`: where it holds money.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_in: Option<&'static str>,
    /// How much it holds there; below zero when that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<AmountView>,
    /// The invoice, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice_id: Option<uuid::Uuid>,
    /// The settlement it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement_id: Option<uuid::Uuid>,
    /// What was found.
    detail: String,
    /// Who has it; empty when nobody has.
    owner: String,
    /// Why it is still open, in a person's words.
    reason: String,
    /// Until when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<DateTime<Utc>>,
    /// Since when its partner sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_since: Option<DateTime<Utc>>,
    /// The ways out that there are now: see `POST /v1/breaks/{id}/preview`.
    #[schema(value_type = Vec<String>)]
    ways: Vec<Way>,
}

impl BreakView {
    /// A case as it stands now.
    pub fn of(case: &Case, now: DateTime<Utc>) -> Self {
        Self {
            id: case.id.0,
            code: case.code.to_string(),
            name: case.code.name_en(),
            name_vi: case.code.name_vi(),
            state: case.state.as_str(),
            state_since: case.state_since,
            severity: case.severity(now).as_str(),
            age: case.bucket(now).as_str(),
            days: case.days(now),
            opened_at: case.opened_at,
            ages_from: case.ages_from,
            closed_at: case.closed_at,
            partner: case.partner.clone(),
            agency: case.agency.clone(),
            amount: AmountView::money(case.amount),
            held_in: case.holding.map(|holding| holding.held_in.as_str()),
            held: case
                .holding
                .map(|holding| AmountView::of(holding.held, case.amount.currency().as_str())),
            invoice_id: case.invoice.map(|id| id.0),
            settlement_id: case.settlement.map(|id| id.0),
            detail: case.detail.clone(),
            owner: case.owner.clone(),
            reason: case.reason.clone(),
            waits_until: case.waits_until,
            shared_since: case.shared_since,
            ways: ways::of_case(case),
        }
    }
}

/// A page of cases; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct BreakList {
    /// Those that matter most first, then the oldest.
    pub breaks: Vec<BreakView>,
}

/// What was said.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommentView {
    /// UUID v7.
    id: uuid::Uuid,
    /// When.
    at: DateTime<Utc>,
    /// Who.
    by: String,
    /// The partner sees it.
    shared: bool,
    /// What.
    text: String,
}

impl From<Comment> for CommentView {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id,
            at: comment.made_at,
            by: comment.made_by,
            shared: comment.shared,
            text: comment.said,
        }
    }
}

/// A file that is kept with a case.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    /// UUID v7.
    id: uuid::Uuid,
    /// When it came.
    at: DateTime<Utc>,
    /// Who handed it in.
    by: String,
    /// The partner sees it.
    shared: bool,
    /// Its name.
    name: String,
    /// What it is, by its bytes.
    media_type: String,
    /// So many bytes.
    size: i64,
    /// SHA-256 in hex.
    sha256: String,
    /// Where it is.
    href: String,
}

impl EvidenceView {
    /// A file below a path.
    pub fn of(shown: Shown, below: &str) -> Self {
        Self {
            href: format!("{below}/evidence/{}", shown.id),
            id: shown.id,
            at: shown.made_at,
            by: shown.made_by,
            shared: shown.shared,
            name: shown.name,
            media_type: shown.media_type,
            size: shown.size,
            sha256: hex::encode(shown.sha256),
        }
    }
}

/// A step of a case.
#[derive(Debug, Serialize, ToSchema)]
struct BreakStepView {
    /// When.
    at: DateTime<Utc>,
    /// Where it stood; empty at its opening.
    from: String,
    /// Where it stood then.
    to: String,
    /// Who had it then.
    owner: String,
    /// What it held then.
    held: String,
    /// Who did it.
    by: String,
    /// Why.
    why: String,
}

/// The invoice of a case.
#[derive(Debug, Serialize, ToSchema)]
struct CaseInvoiceView {
    /// UUID v7.
    id: uuid::Uuid,
    /// What people read and type.
    code: String,
    /// The dossier.
    dossier: String,
    /// Where it stands.
    status: String,
    /// Since when.
    status_since: DateTime<Utc>,
    /// What is owed.
    amount: AmountView,
    /// When it was issued.
    issued_at: DateTime<Utc>,
    /// When it expires.
    expires_at: DateTime<Utc>,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<DateTime<Utc>>,
}

/// An attempt to pay the invoice.
#[derive(Debug, Serialize, ToSchema)]
struct CaseAttemptView {
    /// UUID v7.
    id: uuid::Uuid,
    /// Through whom.
    partner: String,
    /// Our reference there.
    reference: String,
    /// How much.
    amount: AmountView,
    /// Where it stands.
    status: String,
    /// Since when.
    status_since: DateTime<Utc>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The partner's last word.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_code: Option<String>,
}

/// A settlement of the case or of its invoice.
#[derive(Debug, Serialize, ToSchema)]
struct CaseSettlementView {
    /// UUID v7.
    id: uuid::Uuid,
    /// Who said it.
    partner: String,
    /// `webhook`, `api`, `statement`, or `officer`: placed by two people.
    source: String,
    /// The partner's own id.
    transaction_id: String,
    /// The account that was credited.
    account: String,
    /// How much.
    amount: AmountView,
    /// The memo.
    memo: String,
    /// When it counts.
    value_time: DateTime<Utc>,
    /// When it came here.
    received_at: DateTime<Utc>,
    /// What was done with it.
    outcome: String,
    /// When it was seen in the bank.
    #[serde(skip_serializing_if = "Option::is_none")]
    banked_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reversed_at: Option<DateTime<Utc>>,
}

/// One line of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct EntryLineView {
    /// The kind of account.
    #[schema(example = "suspense")]
    pub account: String,
    /// Whose.
    pub owner: String,
    /// Account number or budget code; empty when the kind has none.
    pub detail: String,
    /// `debit` or `credit`.
    pub side: String,
    /// How much.
    #[schema(example = "150000")]
    pub amount: String,
}

/// An entry of the ledger.
#[derive(Debug, Serialize, ToSchema)]
struct CaseEntryView {
    /// Its number.
    id: i64,
    /// The business act.
    act: String,
    /// The day it belongs to.
    business_day: NaiveDate,
    /// When the money counts.
    value_date: NaiveDate,
    /// Its currency.
    currency: String,
    /// What caused it.
    source: String,
    /// Who.
    actor: String,
    /// Why.
    reason: String,
    /// When it was booked.
    made_at: DateTime<Utc>,
    /// Its lines.
    lines: Vec<EntryLineView>,
}

/// The line of a statement or report that the case is about.
#[derive(Debug, Serialize, ToSchema)]
struct CaseLineView {
    /// The file.
    file_id: uuid::Uuid,
    /// Its name.
    file: String,
    /// `account` or `report`.
    kind: String,
    /// Whose.
    partner: String,
    /// Of which account.
    account: String,
    /// The statement's id in its sender's words.
    statement: String,
    /// The day it is of.
    day: NaiveDate,
    /// Its place, from 1.
    place: i32,
    /// How much, credit positive.
    amount: AmountView,
    /// When it counts.
    value_date: NaiveDate,
    /// The sender's number of it.
    transaction_id: String,
    /// Our reference as the sender gives it back.
    order_reference: String,
    /// The memo.
    memo: String,
}

/// A case with all that stands behind it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BreakFile {
    /// The case.
    #[serde(rename = "break")]
    case: BreakView,
    /// Its steps, the oldest first.
    steps: Vec<BreakStepView>,
    /// What was said, the oldest first.
    comments: Vec<CommentView>,
    /// What shows it.
    evidence: Vec<EvidenceView>,
    /// Its invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<CaseInvoiceView>,
    /// The attempts to pay that.
    attempts: Vec<CaseAttemptView>,
    /// Its settlement, and those of its invoice.
    settlements: Vec<CaseSettlementView>,
    /// The line of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<CaseLineView>,
    /// What was booked about all this.
    entries: Vec<CaseEntryView>,
}

/// Everything about a case. `below` is its path.
pub async fn file_of(
    conn: &mut PgConnection,
    case: &Case,
    below: &str,
    now: DateTime<Utc>,
) -> Result<BreakFile, Problem> {
    let settlements = timeline::settlements(conn, case).await?;
    let ids: Vec<_> = settlements.iter().map(|row| row.settlement_id).collect();
    let entries = entries(timeline::entry_lines(conn, case, &ids).await?);
    let attempts = timeline::attempts(conn, case).await?;
    let (invoice, line) =
        (timeline::invoice(conn, case).await?, timeline::file_line(conn, case).await?);
    let comments = said::comments(conn, case.id, false).await?;
    let evidence = said::evidence_list(conn, case.id, false).await?;
    Ok(BreakFile {
        case: BreakView::of(case, now),
        steps: timeline::steps(conn, case.id).await?.into_iter().map(step).collect(),
        comments: comments.into_iter().map(CommentView::from).collect(),
        evidence: evidence.into_iter().map(|shown| EvidenceView::of(shown, below)).collect(),
        invoice: invoice.map(|row| CaseInvoiceView {
            id: row.invoice_id,
            code: row.code,
            dossier: row.dossier,
            status: row.status,
            status_since: row.status_since,
            amount: AmountView::of(row.amount, &row.currency),
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            paid_at: row.paid_at,
        }),
        attempts: attempts.into_iter().map(attempt).collect(),
        settlements: settlements.into_iter().map(settlement).collect(),
        line: line.map(file_line),
        entries,
    })
}

fn step(row: timeline::StepRow) -> BreakStepView {
    BreakStepView {
        at: row.at,
        from: row.from_state,
        to: row.to_state,
        owner: row.owner,
        held: row.held.normalize().to_string(),
        by: row.made_by,
        why: row.why,
    }
}

fn attempt(row: timeline::AttemptRow) -> CaseAttemptView {
    CaseAttemptView {
        id: row.attempt_id,
        partner: row.partner,
        reference: row.reference,
        amount: AmountView::of(row.amount, &row.currency),
        status: row.status,
        status_since: row.status_since,
        created_at: row.created_at,
        last_code: row.last_code,
    }
}

fn settlement(row: timeline::SettlementRow) -> CaseSettlementView {
    CaseSettlementView {
        id: row.settlement_id,
        partner: row.partner,
        source: row.source,
        transaction_id: row.transaction_id,
        account: row.account,
        amount: AmountView::of(row.amount, &row.currency),
        memo: row.memo,
        value_time: row.value_time,
        received_at: row.received_at,
        outcome: row.outcome,
        banked_at: row.banked_at,
        reversed_at: row.reversed_at,
    }
}

fn file_line(row: timeline::FileLineRow) -> CaseLineView {
    CaseLineView {
        file_id: row.file_id,
        file: row.file,
        kind: row.kind,
        partner: row.partner,
        account: row.account,
        statement: row.reference,
        day: row.day,
        place: row.place,
        amount: AmountView::of(row.amount, &row.currency),
        value_date: row.value_date,
        transaction_id: row.transaction_id,
        order_reference: row.order_reference,
        memo: row.memo,
    }
}

/// A line as it is shown: the side in words.
pub fn line_of(
    (account, owner, detail): (String, String, String),
    signed: Decimal,
) -> EntryLineView {
    let side = if signed.is_sign_negative() { "credit" } else { "debit" };
    let amount = signed.abs().normalize().to_string();
    EntryLineView { account, owner, detail, side: side.to_owned(), amount }
}

fn entries(rows: Vec<timeline::EntryLineRow>) -> Vec<CaseEntryView> {
    let mut entries: Vec<CaseEntryView> = Vec::new();
    for row in rows {
        let line = line_of((row.kind, row.owner, row.detail), row.amount);
        match entries.last_mut() {
            Some(entry) if entry.id == row.entry_id => entry.lines.push(line),
            _ => entries.push(CaseEntryView {
                id: row.entry_id,
                act: row.act,
                business_day: row.business_day,
                value_date: row.value_date,
                currency: row.currency,
                source: row.source,
                actor: row.actor,
                reason: row.reason,
                made_at: row.made_at,
                lines: vec![line],
            }),
        }
    }
    entries
}

/// The path of a case for officers.
pub fn path_of(id: BreakId) -> String {
    format!("/v1/breaks/{id}")
}

/// The amount of a currency as it is shown.
pub fn shown(amount: Decimal, currency: Currency) -> AmountView {
    AmountView::of(amount, currency.as_str())
}
