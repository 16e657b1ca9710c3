//! Every statement on runs, transfers and their parts.

pub mod candidates;
pub mod items;
pub mod positions;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::run::{Item, Run, RunLine};
use super::status::{LineStatus, RunStatus};
use crate::vocabulary::ids::{PayoverId, PayoverLineId};
use crate::vocabulary::money::{Currency, Money};

pub(super) fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

struct RunRow {
    payover_id: Uuid,
    account: String,
    currency: String,
    until: NaiveDate,
    amount: Decimal,
    lines: i32,
    prepared_by: String,
    prepared_at: DateTime<Utc>,
    status: String,
    status_since: DateTime<Utc>,
    approved_by: Option<String>,
    sent_by: Option<String>,
    sent_at: Option<DateTime<Utc>>,
}

impl TryFrom<RunRow> for Run {
    type Error = sqlx::Error;

    fn try_from(row: RunRow) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        Ok(Self {
            id: PayoverId(row.payover_id),
            account: row.account,
            currency,
            until: row.until,
            amount: Money::new(row.amount, currency).map_err(undecodable)?,
            lines: row.lines,
            prepared_by: row.prepared_by,
            prepared_at: row.prepared_at,
            status: row.status.parse().map_err(undecodable)?,
            status_since: row.status_since,
            approved_by: row.approved_by,
            sent_by: row.sent_by,
            sent_at: row.sent_at,
        })
    }
}

struct LineRow {
    payover_line_id: Uuid,
    payover_id: Uuid,
    place: i32,
    partner: String,
    agency: String,
    treasury_account: String,
    treasury_name: String,
    treasury_bank: String,
    chapter: String,
    sub_item: String,
    day: NaiveDate,
    amount: Decimal,
    currency: String,
    items: i32,
    status: String,
    status_since: DateTime<Utc>,
    confirmed_by: Option<String>,
    value_date: Option<NaiveDate>,
    statement_line: Option<i64>,
    entry_id: Option<i64>,
    break_id: Option<Uuid>,
}

impl TryFrom<LineRow> for RunLine {
    type Error = sqlx::Error;

    fn try_from(row: LineRow) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        Ok(Self {
            id: PayoverLineId(row.payover_line_id),
            run: PayoverId(row.payover_id),
            place: row.place,
            partner: row.partner,
            agency: row.agency,
            treasury_account: row.treasury_account,
            treasury_name: row.treasury_name,
            treasury_bank: row.treasury_bank,
            chapter: row.chapter,
            sub_item: row.sub_item,
            day: row.day,
            amount: Money::new(row.amount, currency).map_err(undecodable)?,
            items: row.items,
            status: row.status.parse().map_err(undecodable)?,
            status_since: row.status_since,
            confirmed_by: row.confirmed_by,
            value_date: row.value_date,
            statement_line: row.statement_line,
            entry: row.entry_id,
            case: row.break_id,
        })
    }
}

/// Writes a run with its transfers and their parts: the parts in one statement, so that the database
/// can add them up.
pub async fn run_insert(
    conn: &mut PgConnection,
    run: &Run,
    lines: &[RunLine],
    items: &[(PayoverLineId, Item)],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into payover (payover_id, account, currency, until, amount, lines, prepared_by,
                              prepared_at, status_since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        run.id.0,
        run.account,
        run.currency.as_str(),
        run.until,
        run.amount.amount(),
        run.lines,
        run.prepared_by,
        run.prepared_at
    )
    .execute(&mut *conn)
    .await?;
    let text = |pick: fn(&RunLine) -> &str| -> Vec<String> {
        lines.iter().map(|line| pick(line).to_owned()).collect()
    };
    let ids: Vec<Uuid> = lines.iter().map(|line| line.id.0).collect();
    let places: Vec<i32> = lines.iter().map(|line| line.place).collect();
    let days: Vec<NaiveDate> = lines.iter().map(|line| line.day).collect();
    let amounts: Vec<Decimal> = lines.iter().map(|line| line.amount.amount()).collect();
    let counts: Vec<i32> = lines.iter().map(|line| line.items).collect();
    sqlx::query!(
        "insert into payover_line (payover_id, status_since, payover_line_id, place, partner, agency,
                                   treasury_account, treasury_name, treasury_bank, chapter, sub_item,
                                   day, amount, items)
         select $1, $2, l.*
           from unnest($3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::text[], $10::text[], $11::text[], $12::date[], $13::numeric[],
                       $14::integer[]) l",
        run.id.0,
        run.prepared_at,
        &ids,
        &places,
        &text(|line| &line.partner),
        &text(|line| &line.agency),
        &text(|line| &line.treasury_account),
        &text(|line| &line.treasury_name),
        &text(|line| &line.treasury_bank),
        &text(|line| &line.chapter),
        &text(|line| &line.sub_item),
        &days,
        &amounts,
        &counts
    )
    .execute(&mut *conn)
    .await?;
    let of: Vec<Uuid> = items.iter().map(|(of, _)| of.0).collect();
    let invoices: Vec<Uuid> = items.iter().map(|(_, item)| item.invoice).collect();
    let places: Vec<i32> = items.iter().map(|(_, item)| item.line).collect();
    let cycles: Vec<i32> = items.iter().map(|(_, item)| item.cycle).collect();
    let amounts: Vec<Decimal> = items.iter().map(|(_, item)| item.amount.amount()).collect();
    sqlx::query!(
        "insert into payover_item (payover_line_id, invoice_id, line, cycle, amount)
         select * from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $5::numeric[])",
        &of,
        &invoices,
        &places,
        &cycles,
        &amounts
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One run.
pub async fn run_read(conn: &mut PgConnection, id: PayoverId) -> Result<Option<Run>, sqlx::Error> {
    let row = sqlx::query_as!(
        RunRow,
        "select payover_id, account, currency, until, amount, lines, prepared_by, prepared_at,
                status, status_since, approved_by, sent_by, sent_at
           from payover where payover_id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Run::try_from).transpose()
}

/// The same, locked: its transfers are changed under this lock alone.
pub async fn run_lock(conn: &mut PgConnection, id: PayoverId) -> Result<Option<Run>, sqlx::Error> {
    sqlx::query_scalar!(
        "select payover_id from payover where payover_id = $1 for no key update",
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    run_read(conn, id).await
}

/// Runs, the newest first.
pub async fn runs_list(
    conn: &mut PgConnection,
    status: Option<RunStatus>,
    before: Option<PayoverId>,
    limit: i64,
) -> Result<Vec<Run>, sqlx::Error> {
    let rows = sqlx::query_as!(
        RunRow,
        "select payover_id, account, currency, until, amount, lines, prepared_by, prepared_at,
                status, status_since, approved_by, sent_by, sent_at
           from payover
          where ($1::text is null or status = $1) and ($2::uuid is null or payover_id < $2)
          order by payover_id desc limit $3",
        status.map(RunStatus::as_str),
        before.map(|id| id.0),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Run::try_from).collect()
}

/// Takes a run's step as it stands in memory; `false` when it does not stand where it was read.
pub async fn run_step(
    conn: &mut PgConnection,
    run: &Run,
    from: RunStatus,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update payover set status = $3, status_since = $4, approved_by = $5, sent_by = $6,
                            sent_at = $7
          where payover_id = $1 and status = $2",
        run.id.0,
        from.as_str(),
        run.status.as_str(),
        run.status_since,
        run.approved_by,
        run.sent_by,
        run.sent_at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The transfers of a run, by place.
pub async fn lines_of(
    conn: &mut PgConnection,
    run: PayoverId,
) -> Result<Vec<RunLine>, sqlx::Error> {
    let rows = sqlx::query_as!(
        LineRow,
        "select l.payover_line_id, l.payover_id, l.place, l.partner, l.agency, l.treasury_account,
                l.treasury_name, l.treasury_bank, l.chapter, l.sub_item, l.day, l.amount, p.currency,
                l.items, l.status, l.status_since, l.confirmed_by, l.value_date, l.statement_line,
                l.entry_id, l.break_id
           from payover_line l join payover p on p.payover_id = l.payover_id
          where l.payover_id = $1 order by l.place",
        run.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(RunLine::try_from).collect()
}

/// The run of a transfer.
pub async fn run_of_line(
    conn: &mut PgConnection,
    line: PayoverLineId,
) -> Result<Option<PayoverId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "select payover_id from payover_line where payover_line_id = $1",
        line.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(PayoverId))
}

/// The parts of a run, in the order of transfers, invoices and lines.
pub async fn items_of(
    conn: &mut PgConnection,
    run: &Run,
) -> Result<Vec<(PayoverLineId, Item)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select i.payover_line_id, i.invoice_id, i.line, i.cycle, i.amount
           from payover_line l join payover_item i on i.payover_line_id = l.payover_line_id
          where l.payover_id = $1 order by l.place, i.invoice_id, i.line",
        run.id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let amount = Money::new(row.amount, run.currency).map_err(undecodable)?;
            let item = Item { invoice: row.invoice_id, line: row.line, cycle: row.cycle, amount };
            Ok((PayoverLineId(row.payover_line_id), item))
        })
        .collect()
}

/// All transfers of a run go out.
pub async fn lines_send(
    conn: &mut PgConnection,
    run: PayoverId,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "update payover_line set status = 'sent', status_since = $2
          where payover_id = $1 and status = 'waiting'",
        run.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Writes down where a transfer that was sent has ended.
pub async fn line_end(conn: &mut PgConnection, line: &RunLine) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update payover_line
            set status = $2, status_since = $3, confirmed_by = $4, value_date = $5,
                statement_line = $6, entry_id = $7, break_id = $8
          where payover_line_id = $1 and status = 'sent'",
        line.id.0,
        line.status.as_str(),
        line.status_since,
        line.confirmed_by,
        line.value_date,
        line.statement_line,
        line.entry,
        line.case
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes the statement's line that shows a transfer's debit.
pub async fn line_shown(
    conn: &mut PgConnection,
    line: PayoverLineId,
    shown: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update payover_line set statement_line = $2 where payover_line_id = $1",
        line.0,
        shown
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Does another issue stand for the statement of a line?
pub async fn is_superseded(conn: &mut PgConnection, line: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from statement_line l join statement s using (statement_id)
                           where l.line_id = $1 and s.state = 'superseded') as "is!""#,
        line
    )
    .fetch_one(conn)
    .await
}

/// Notes the case about a transfer.
pub async fn line_case(
    conn: &mut PgConnection,
    line: PayoverLineId,
    case: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update payover_line set break_id = $2 where payover_line_id = $1", line.0, case)
        .execute(conn)
        .await?;
    Ok(())
}

/// Transfers that were sent before an instant, have not ended and have no case: run and transfer, in
/// the order in which they are locked.
pub async fn lines_unconfirmed(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    most: i64,
) -> Result<Vec<(PayoverId, PayoverLineId, DateTime<Utc>)>, sqlx::Error> {
    sqlx::query!(
        "select payover_id, payover_line_id, status_since from payover_line
          where status = 'sent' and status_since < $1 and break_id is null
          order by payover_id, place limit $2",
        before,
        most
    )
    .map(|row| (PayoverId(row.payover_id), PayoverLineId(row.payover_line_id), row.status_since))
    .fetch_all(conn)
    .await
}

/// How many transfers the bank has not confirmed, and for how many seconds the oldest has been out.
pub async fn unconfirmed(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "waiting!",
                  greatest(0, coalesce(extract(epoch from $1 - min(status_since)), 0))::bigint as "oldest!"
             from payover_line where status = 'sent'"#,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok((row.waiting, row.oldest))
}

/// How many transfers of each state a list of runs has.
pub async fn line_statuses(
    conn: &mut PgConnection,
    run: PayoverId,
) -> Result<Vec<LineStatus>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        "select status from payover_line where payover_id = $1 order by place",
        run.0
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(|text| text.parse().map_err(undecodable)).collect()
}
