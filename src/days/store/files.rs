//! Statements on the files of a day: what came in, and what is missing.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// A statement or report of a day, as it stands.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its id.
    pub id: Uuid,
    /// `account` or `report`.
    pub kind: String,
    /// Whose.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// The sender's own id of it.
    pub reference: String,
    /// The last day that it covers.
    pub day: NaiveDate,
    /// ISO 4217.
    pub currency: String,
    /// The balance that it opens with, credit positive.
    pub opening: Option<Decimal>,
    /// The balance that it closes with.
    pub closing: Option<Decimal>,
    /// How many lines.
    pub lines: i64,
    /// The sum of its booked lines.
    pub total: Decimal,
    /// `staged`, `quarantined`, `booked`, `rejected` or `superseded`.
    pub state: String,
    /// Of the bytes as they came.
    pub sha256: Vec<u8>,
}

/// The statements and reports of the days from one to another, but for those that were rejected or
/// that another stands in for.
pub async fn received(
    conn: &mut PgConnection,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<Received>, sqlx::Error> {
    sqlx::query_as!(
        Received,
        "select s.statement_id as id, s.kind, s.partner, s.account, s.reference, s.day, s.currency,
                s.opening, s.closing, s.lines, s.total, s.state, f.sha256
           from statement s join statement_file f on f.file_id = s.file_id
          where s.day between $1 and $2 and s.state not in ('rejected', 'superseded')
          order by s.partner, s.account, s.kind, s.day, s.reference",
        from,
        to
    )
    .fetch_all(conn)
    .await
}

/// How many lines of the statements of a day, and of these statements, are open although they were
/// matched through and have no case: nobody would see them once the day is signed.
pub async fn lines_without_case(
    conn: &mut PgConnection,
    day: NaiveDate,
    statements: &[Uuid],
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "lines!"
             from open_line o join statement s on s.statement_id = o.statement_id
            where o.standing = 'open' and o.break_id is null and s.state = 'booked'
              and (s.day = $1 or s.statement_id = any($2))"#,
        day,
        statements
    )
    .fetch_one(conn)
    .await
}

/// The collecting accounts that a day's entries touched: partner and number.
pub async fn accounts_moved(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query!(
        "with e as materialized (select entry_id from ledger.entry where business_day = $1)
         select distinct a.owner, a.detail
           from e
           join ledger.posting p on p.entry_id = e.entry_id
           join ledger.account a on a.account_id = p.account_id
          where a.kind = 'partner_receivable' and p.amount > 0
            and p.entry_id between (select min(entry_id) from e) and (select max(entry_id) from e)
          order by a.owner, a.detail",
        day
    )
    .map(|row| (row.owner, row.detail))
    .fetch_all(conn)
    .await
}

/// A file that is known to be missing.
#[derive(Debug, Clone)]
pub struct Missing {
    /// Whose.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// `account` or `report`.
    pub kind: String,
    /// Its case.
    pub case: Uuid,
    /// When it was in after all.
    pub found_at: Option<DateTime<Utc>>,
}

/// The files of a day that were found missing.
pub async fn missing_of(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<Missing>, sqlx::Error> {
    sqlx::query_as!(
        Missing,
        r#"select partner, account, kind, break_id as "case", found_at from missing_file
            where day = $1 order by partner, account, kind"#,
        day
    )
    .fetch_all(conn)
    .await
}

/// Notes a file that is missing, with its case; `false` when it is known. One that was found and is
/// missing again, because what came was rejected, is noted anew.
pub async fn missing_insert(
    conn: &mut PgConnection,
    day: NaiveDate,
    missing: &Missing,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into missing_file (day, partner, account, kind, break_id) values ($1, $2, $3, $4, $5)
         on conflict on constraint missing_file_pkey
            do update set found_at = null, break_id = excluded.break_id
            where missing_file.found_at is not null",
        day,
        missing.partner,
        missing.account,
        missing.kind,
        missing.case
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A file that was missing is in.
pub async fn missing_found(
    conn: &mut PgConnection,
    day: NaiveDate,
    missing: &Missing,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update missing_file set found_at = $5
          where day = $1 and partner = $2 and account = $3 and kind = $4 and found_at is null",
        day,
        missing.partner,
        missing.account,
        missing.kind,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Days that still have a file missing.
pub async fn days_missing(conn: &mut PgConnection) -> Result<Vec<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar!("select distinct day from missing_file where found_at is null order by day")
        .fetch_all(conn)
        .await
}

/// The SHA-256 of the bytes of the file that a statement came in, computed from the bytes; none when
/// they are gone.
pub async fn bytes_sha256(
    conn: &mut PgConnection,
    statement: Uuid,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        "select sha256(string_agg(p.bytes, ''::bytea order by p.place))
           from statement s join statement_file_piece p on p.file_id = s.file_id
          where s.statement_id = $1",
        statement
    )
    .fetch_one(conn)
    .await
}
