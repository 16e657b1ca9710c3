//! Mappings of reports and opening balances.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// A mapping as it is kept.
#[derive(Debug)]
pub struct KeptMapping {
    /// Whose.
    pub partner: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// TOML.
    pub content: String,
}

/// The newest version of each mapping; of one partner, or of all.
pub async fn mappings_newest(
    conn: &mut PgConnection,
    partner: Option<&str>,
) -> Result<Vec<KeptMapping>, sqlx::Error> {
    sqlx::query_as!(
        KeptMapping,
        "select distinct on (partner, name) partner, name, version, content from report_mapping
          where $1::text is null or partner = $1
          order by partner, name, version desc",
        partner
    )
    .fetch_all(conn)
    .await
}

/// Enters a version.
pub async fn mapping_insert(
    conn: &mut PgConnection,
    mapping: &KeptMapping,
    (made_by, now): (&str, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into report_mapping (partner, name, version, content, made_at, made_by)
         values ($1, $2, $3, $4, $5, $6)",
        mapping.partner,
        mapping.name,
        mapping.version,
        mapping.content,
        now,
        made_by
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What stood on an account at first: day and amount, credit positive.
pub async fn opening_of(
    conn: &mut PgConnection,
    partner: &str,
    account: &str,
) -> Result<Option<(NaiveDate, Decimal)>, sqlx::Error> {
    let row = sqlx::query!(
        "select day, amount from opening_balance where partner = $1 and account = $2",
        partner,
        account
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.day, row.amount)))
}

/// An opening balance to be entered.
#[derive(Debug)]
pub struct NewOpening<'a> {
    /// Whose account.
    pub partner: &'a str,
    /// Its number.
    pub account: &'a str,
    /// ISO 4217.
    pub currency: &'a str,
    /// The evening of this day.
    pub day: NaiveDate,
    /// Credit positive.
    pub amount: Decimal,
    /// The ledger's entry.
    pub entry: Option<i64>,
}

/// Enters it; false when the account has one.
pub async fn opening_insert(
    conn: &mut PgConnection,
    opening: &NewOpening<'_>,
    (made_by, now): (&str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into opening_balance (partner, account, currency, day, amount, entry_id, made_at, made_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint opening_balance_pkey do nothing",
        opening.partner,
        opening.account,
        opening.currency,
        opening.day,
        opening.amount,
        opening.entry,
        now,
        made_by
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The opening balance of an account's first statement that stands.
pub async fn first_opening(
    conn: &mut PgConnection,
    partner: &str,
    account: &str,
) -> Result<Option<(NaiveDate, Option<Decimal>)>, sqlx::Error> {
    let row = sqlx::query!(
        "select day, opening from statement
          where kind = 'account' and partner = $1 and account = $2 and state in ('staged', 'booked')
          order by day, coalesce(number, 0), page limit 1",
        partner,
        account
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.day, row.opening)))
}
