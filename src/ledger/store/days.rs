//! Statements about days: closing, reopening, locking, and what a day's entries come to.

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// Closes a day. Waits for the bookings under way, and keeps those that come out until the
/// transaction ends: they find the next open day then.
pub async fn day_close(
    conn: &mut PgConnection,
    (day, revision): (NaiveDate, i32),
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into ledger.closed_day (day, revision, closed_at, closed_by) values ($1, $2, $3, $4)",
        day,
        revision,
        now,
        by
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the closing of a day back: it takes entries again.
pub async fn day_reopen(
    conn: &mut PgConnection,
    (day, revision): (NaiveDate, i32),
    reason: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into ledger.reopened_day (day, revision, reopened_at, reopened_by, reason)
         values ($1, $2, $3, $4, $5)",
        day,
        revision,
        now,
        by,
        reason
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks a month for good, by its first day.
pub async fn month_lock(
    conn: &mut PgConnection,
    month: NaiveDate,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into ledger.locked_month (month, locked_at, locked_by) values ($1, $2, $3)",
        month,
        now,
        by
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Is the month with this first day locked?
pub async fn month_is_locked(
    conn: &mut PgConnection,
    month: NaiveDate,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from ledger.locked_month where month = $1) as "locked!""#,
        month
    )
    .fetch_one(conn)
    .await
}

/// Does the day take no entries any more?
pub async fn day_is_closed(conn: &mut PgConnection, day: NaiveDate) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select ledger.is_closed($1) as "closed!""#, day).fetch_one(conn).await
}

/// The first day with an entry.
pub async fn first_day(conn: &mut PgConnection) -> Result<Option<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar!("select min(business_day) from ledger.entry").fetch_one(conn).await
}

/// The oldest transaction that still runs: what this statement and later ones do not see was made
/// by it or a younger one.
pub async fn oldest_running(conn: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "xmin!""#)
        .fetch_one(conn)
        .await
}

/// How many entries of a day were made by a transaction or a younger one.
pub async fn entries_since(
    conn: &mut PgConnection,
    day: NaiveDate,
    since: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from ledger.entry
            where made_by_tx >= $2::text::xid8 and business_day = $1"#,
        day,
        since
    )
    .fetch_one(conn)
    .await
}

/// What a day did to one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Kind of account.
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// Which.
    pub detail: String,
    /// Currency.
    pub currency: String,
    /// The sum of its debits.
    pub debit: Decimal,
    /// The sum of its credits, positive.
    pub credit: Decimal,
}

/// The movements of a day, by account. An entry's number lies between those of the day's first and
/// last: the postings are read from there, not from the beginning.
pub async fn movements_of(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<Movement>, sqlx::Error> {
    sqlx::query_as!(
        Movement,
        r#"with e as materialized (
                select entry_id from ledger.entry where business_day = $1),
                moved as (
                select p.account_id, sum(greatest(p.amount, 0)) as debit,
                       sum(greatest(-p.amount, 0)) as credit
                  from e join ledger.posting p on p.entry_id = e.entry_id
                 where p.entry_id between (select min(entry_id) from e)
                                      and (select max(entry_id) from e)
                 group by p.account_id)
           select a.kind, a.owner, a.detail, a.currency, m.debit as "debit!", m.credit as "credit!"
             from moved m join ledger.account a on a.account_id = m.account_id
            order by a.kind, a.owner, a.detail, a.currency"#,
        day
    )
    .fetch_all(conn)
    .await
}

/// The sums of all days before a day, by account: slow, for the first day and for verifying.
pub async fn balances_before(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<super::Balance>, sqlx::Error> {
    sqlx::query_as!(
        super::Balance,
        r#"select a.kind, a.owner, a.detail, a.currency, sum(p.amount) as "amount!"
             from ledger.entry e
             join ledger.posting p on p.entry_id = e.entry_id
             join ledger.account a on a.account_id = p.account_id
            where e.business_day < $1
            group by a.kind, a.owner, a.detail, a.currency having sum(p.amount) <> 0
            order by a.kind, a.owner, a.detail, a.currency"#,
        day
    )
    .fetch_all(conn)
    .await
}

/// What was booked on a day, act by act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActTotal {
    /// The business act.
    pub act: String,
    /// Currency.
    pub currency: String,
    /// How many entries.
    pub entries: i64,
    /// The sum of their debits.
    pub amount: Decimal,
}

/// The acts of a day.
pub async fn acts_of(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<ActTotal>, sqlx::Error> {
    sqlx::query_as!(
        ActTotal,
        r#"with e as materialized (
                select entry_id, act, currency from ledger.entry where business_day = $1)
           select e.act, e.currency, count(distinct e.entry_id) as "entries!",
                  sum(greatest(p.amount, 0)) as "amount!"
             from e join ledger.posting p on p.entry_id = e.entry_id
            where p.entry_id between (select min(entry_id) from e) and (select max(entry_id) from e)
            group by e.act, e.currency order by e.act, e.currency"#,
        day
    )
    .fetch_all(conn)
    .await
}

/// How many entries and lines a day has, and a SHA-256 over all of them in the order of their
/// numbers, every field with its length in front.
pub async fn digest_of(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<(i64, i64, [u8; 32]), sqlx::Error> {
    let mut hash = Sha256::new();
    let (mut entries, mut lines, mut last) = (0_i64, 0_i64, None);
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    let mut rows = sqlx::query!(
        r#"with e as materialized (select * from ledger.entry where business_day = $1)
           select e.entry_id, e.act, e.value_date, e.currency, e.source, e.reverses, e.actor,
                  e.reason, e.made_at, p.line, p.amount, a.kind, a.owner, a.detail
             from e
             join ledger.posting p on p.entry_id = e.entry_id
             join ledger.account a on a.account_id = p.account_id
            where p.entry_id between (select min(entry_id) from e) and (select max(entry_id) from e)
            order by e.entry_id, p.line"#,
        day
    )
    .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        if last != Some(row.entry_id) {
            last = Some(row.entry_id);
            entries += 1;
            field(&row.entry_id.to_be_bytes());
            field(row.act.as_bytes());
            field(row.value_date.to_string().as_bytes());
            field(row.currency.as_bytes());
            field(row.source.as_bytes());
            field(&row.reverses.unwrap_or(0).to_be_bytes());
            field(row.actor.as_bytes());
            field(row.reason.as_bytes());
            field(&row.made_at.timestamp_micros().to_be_bytes());
        }
        lines += 1;
        field(&row.line.to_be_bytes());
        field(row.kind.as_bytes());
        field(row.owner.as_bytes());
        field(row.detail.as_bytes());
        field(row.amount.normalize().to_string().as_bytes());
    }
    drop(rows);
    Ok((entries, lines, hash.finalize().into()))
}

/// Lets the statements of this transaction take longer than those of payments may.
pub async fn take_time(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!(r#"select set_config('statement_timeout', '120000', true) as "set!""#)
        .fetch_one(conn)
        .await?;
    Ok(())
}
