//! Reads for the time-line of a case: its own steps, and what stands behind it in other rooms.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaks::case::Case;
use crate::vocabulary::ids::BreakId;

/// A step of a case.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct StepRow {
    pub at: DateTime<Utc>,
    pub from_state: String,
    pub to_state: String,
    pub owner: String,
    pub held: Decimal,
    pub made_by: String,
    pub why: String,
}

/// The steps of a case, the oldest first.
pub async fn steps(conn: &mut PgConnection, id: BreakId) -> Result<Vec<StepRow>, sqlx::Error> {
    sqlx::query_as!(
        StepRow,
        "select at, from_state, to_state, owner, held, made_by, why from break_step
          where break_id = $1 order by step_id limit 500",
        id.0
    )
    .fetch_all(conn)
    .await
}

/// The invoice of a case.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct InvoiceRow {
    pub invoice_id: Uuid,
    pub code: String,
    pub dossier: String,
    pub status: String,
    pub status_since: DateTime<Utc>,
    pub amount: Decimal,
    pub currency: String,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
}

/// The invoice of a case.
pub async fn invoice(
    conn: &mut PgConnection,
    case: &Case,
) -> Result<Option<InvoiceRow>, sqlx::Error> {
    sqlx::query_as!(
        InvoiceRow,
        "select invoice_id, code, dossier, status, status_since, amount, currency, issued_at,
                expires_at, paid_at
           from invoice where invoice_id = $1",
        case.invoice.map(|id| id.0)
    )
    .fetch_optional(conn)
    .await
}

/// An attempt to pay the invoice of a case.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct AttemptRow {
    pub attempt_id: Uuid,
    pub partner: String,
    pub reference: String,
    pub amount: Decimal,
    pub currency: String,
    pub status: String,
    pub created_at: DateTime<Utc>,
    pub status_since: DateTime<Utc>,
    pub last_code: Option<String>,
}

/// The attempts to pay the invoice of a case, the oldest first.
pub async fn attempts(
    conn: &mut PgConnection,
    case: &Case,
) -> Result<Vec<AttemptRow>, sqlx::Error> {
    sqlx::query_as!(
        AttemptRow,
        "select attempt_id, partner, reference, amount, currency, status, created_at, status_since,
                last_code
           from attempt where invoice_id = $1 order by attempt_id limit 100",
        case.invoice.map(|id| id.0)
    )
    .fetch_all(conn)
    .await
}

/// A settlement of a case or of its invoice.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table, told there")]
pub struct SettlementRow {
    pub settlement_id: Uuid,
    pub partner: String,
    pub source: String,
    pub transaction_id: String,
    pub account: String,
    pub amount: Decimal,
    pub currency: String,
    pub memo: String,
    pub value_time: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub outcome: String,
    pub banked_at: Option<DateTime<Utc>>,
    pub reversed_at: Option<DateTime<Utc>>,
}

/// The settlement of a case, those of its invoice, and the one that places its money.
pub async fn settlements(
    conn: &mut PgConnection,
    case: &Case,
) -> Result<Vec<SettlementRow>, sqlx::Error> {
    sqlx::query_as!(
        SettlementRow,
        r#"select s.settlement_id, s.partner, s.source, s.transaction_id, s.account, s.amount,
                  s.currency, s.memo, s.value_time, s.received_at, s.outcome,
                  b.at as "banked_at?", r.received_at as "reversed_at?"
             from (select settlement_id from settlement where settlement_id = $1
                   union
                   select settlement_id from settlement where invoice_id = $2
                   union
                   select settlement_id from placement where places = $1) k
             join settlement s on s.settlement_id = k.settlement_id
             left join settlement_banked b on b.settlement_id = s.settlement_id
             left join reversal r on r.settlement_id = s.settlement_id
            order by s.settlement_id limit 100"#,
        case.settlement.map(|id| id.0),
        case.invoice.map(|id| id.0)
    )
    .fetch_all(conn)
    .await
}

/// A line of an entry about a case.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the tables, told there")]
pub struct EntryLineRow {
    pub entry_id: i64,
    pub act: String,
    pub business_day: NaiveDate,
    pub value_date: NaiveDate,
    pub currency: String,
    pub source: String,
    pub actor: String,
    pub reason: String,
    pub made_at: DateTime<Utc>,
    pub kind: String,
    pub owner: String,
    pub detail: String,
    pub amount: Decimal,
}

/// The entries of these settlements, of their reversals and refunds, and of the ways out that were
/// taken, line by line.
pub async fn entry_lines(
    conn: &mut PgConnection,
    case: &Case,
    settlements: &[Uuid],
) -> Result<Vec<EntryLineRow>, sqlx::Error> {
    sqlx::query_as!(
        EntryLineRow,
        r#"select e.entry_id, e.act, e.business_day, e.value_date, e.currency, e.source, e.actor,
                  e.reason, e.made_at, a.kind, a.owner, a.detail, p.amount
             from (select entry_id from settlement
                    where settlement_id = any($2) and entry_id is not null
                   union select entry_id from settlement_banked where settlement_id = any($2)
                   union select entry_id from reversal where settlement_id = any($2)
                   union select approval_entry from refund
                          where settlement_id = any($2) and approval_entry is not null
                   union select outcome_entry from refund
                          where settlement_id = any($2) and outcome_entry is not null
                   union select unnest(entries) from break_resolution where break_id = $1) k
             join ledger.entry e on e.entry_id = k.entry_id
             join ledger.posting p on p.entry_id = e.entry_id
             join ledger.account a on a.account_id = p.account_id
            order by e.entry_id, p.line limit 1000"#,
        case.id.0,
        settlements
    )
    .fetch_all(conn)
    .await
}

/// The line of a statement or a report that a case is about.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the tables, told there")]
pub struct FileLineRow {
    pub line_id: i64,
    pub file_id: Uuid,
    pub file: String,
    pub kind: String,
    pub partner: String,
    pub account: String,
    pub reference: String,
    pub day: NaiveDate,
    pub place: i32,
    pub amount: Decimal,
    pub currency: String,
    pub value_date: NaiveDate,
    pub transaction_id: String,
    pub order_reference: String,
    pub memo: String,
}

/// The line of a file that a case is about.
pub async fn file_line(
    conn: &mut PgConnection,
    case: &Case,
) -> Result<Option<FileLineRow>, sqlx::Error> {
    sqlx::query_as!(
        FileLineRow,
        "select l.line_id, s.file_id, f.name as file, s.kind, s.partner, s.account, s.reference,
                s.day, l.place, l.amount, s.currency, l.value_date, l.transaction_id,
                l.order_reference, l.memo
           from statement_line l
           join statement s on s.statement_id = l.statement_id
           join statement_file f on f.file_id = s.file_id
          where l.line_id = $1",
        case.line
    )
    .fetch_optional(conn)
    .await
}
