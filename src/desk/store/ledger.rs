//! Double entry, as it is looked through. What is an agency's is seen by those who look after it,
//! what is a partner's by those who look after everything.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// An account with its balance.
#[derive(Debug)]
pub struct AccountRow {
    /// Its number.
    pub account_id: i64,
    /// Its kind.
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// Which.
    pub detail: String,
    /// Its currency.
    pub currency: String,
    /// Debits less credits.
    pub amount: Decimal,
}

/// The accounts in sight with their balances at the end of a day: what it is now, less what was
/// booked on later days.
pub async fn balances(
    conn: &mut PgConnection,
    scopes: &[String],
    day: Option<NaiveDate>,
) -> Result<Vec<AccountRow>, sqlx::Error> {
    sqlx::query_as!(
        AccountRow,
        r#"with later as (
               select p.account_id, sum(p.amount) as amount
                 from ledger.entry e join ledger.posting p on p.entry_id = e.entry_id
                where e.business_day > $2::date group by p.account_id)
           select b.account_id as "account_id!", b.kind as "kind!", b.owner as "owner!",
                  b.detail as "detail!", b.currency as "currency!",
                  b.amount - coalesce(l.amount, 0) as "amount!"
             from ledger.balance b left join later l on l.account_id = b.account_id
            where exists (select from unnest($1::text[]) scope
                           where scope = '*'
                              or (b.kind in ('agency_payable', 'claim_on_agency', 'claim_on_treasury')
                                  and (b.owner = scope or starts_with(b.owner, scope || '.'))))
            order by b.kind, b.owner, b.detail, b.currency"#,
        scopes,
        day
    )
    .fetch_all(conn)
    .await
}

/// One account in sight.
pub async fn account(
    conn: &mut PgConnection,
    scopes: &[String],
    id: i64,
) -> Result<Option<AccountRow>, sqlx::Error> {
    sqlx::query_as!(
        AccountRow,
        r#"select b.account_id as "account_id!", b.kind as "kind!", b.owner as "owner!",
                  b.detail as "detail!", b.currency as "currency!", b.amount as "amount!"
             from ledger.balance b
            where b.account_id = $2
              and exists (select from unnest($1::text[]) scope
                           where scope = '*'
                              or (b.kind in ('agency_payable', 'claim_on_agency', 'claim_on_treasury')
                                  and (b.owner = scope or starts_with(b.owner, scope || '.'))))"#,
        scopes,
        id
    )
    .fetch_optional(conn)
    .await
}

/// A line of an account.
#[derive(Debug)]
pub struct PostingRow {
    /// The entry.
    pub entry_id: i64,
    /// What was booked.
    pub act: String,
    /// For which day.
    pub business_day: NaiveDate,
    /// When it counts at the bank.
    pub value_date: NaiveDate,
    /// When it was booked.
    pub made_at: DateTime<Utc>,
    /// What caused it.
    pub source: String,
    /// By whom.
    pub actor: String,
    /// Debit positive.
    pub amount: Decimal,
}

/// What was booked on an account, the newest first.
pub async fn postings(
    conn: &mut PgConnection,
    account: i64,
    (from, until): (Option<NaiveDate>, Option<NaiveDate>),
    most: i64,
) -> Result<Vec<PostingRow>, sqlx::Error> {
    sqlx::query_as!(
        PostingRow,
        r#"select e.entry_id, e.act, e.business_day, e.value_date, e.made_at, e.source, e.actor,
                  p.amount
             from ledger.posting p join ledger.entry e on e.entry_id = p.entry_id
            where p.account_id = $1
              and ($2::date is null or e.business_day >= $2)
              and ($3::date is null or e.business_day <= $3)
            order by p.entry_id desc, p.line limit $4"#,
        account,
        from,
        until,
        most
    )
    .fetch_all(conn)
    .await
}

/// An entry.
#[derive(Debug)]
pub struct EntryRow {
    /// What was booked.
    pub act: String,
    /// For which day.
    pub business_day: NaiveDate,
    /// When it counts at the bank.
    pub value_date: NaiveDate,
    /// The currency.
    pub currency: String,
    /// What caused it.
    pub source: String,
    /// The entry that it takes back.
    pub reverses: Option<i64>,
    /// The entry that takes it back.
    pub reversed_by: Option<i64>,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When it was booked.
    pub made_at: DateTime<Utc>,
}

/// One entry.
pub async fn entry(conn: &mut PgConnection, id: i64) -> Result<Option<EntryRow>, sqlx::Error> {
    sqlx::query_as!(
        EntryRow,
        r#"select e.act, e.business_day, e.value_date, e.currency, e.source, e.reverses,
                  (select r.entry_id from ledger.entry r where r.reverses = e.entry_id)
                      as "reversed_by?",
                  e.actor, e.reason, e.made_at
             from ledger.entry e where e.entry_id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await
}

/// A line of an entry.
#[derive(Debug)]
pub struct LineRow {
    /// The account.
    pub account_id: i64,
    /// Its kind.
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// Which.
    pub detail: String,
    /// Debit positive.
    pub amount: Decimal,
    /// May who looks see it?
    pub seen: bool,
}

/// The lines of an entry.
pub async fn lines(
    conn: &mut PgConnection,
    scopes: &[String],
    entry: i64,
) -> Result<Vec<LineRow>, sqlx::Error> {
    sqlx::query_as!(
        LineRow,
        r#"select p.account_id, a.kind, a.owner, a.detail, p.amount,
                  exists (select from unnest($1::text[]) scope
                           where scope = '*'
                              or (a.kind in ('agency_payable', 'claim_on_agency', 'claim_on_treasury')
                                  and (a.owner = scope or starts_with(a.owner, scope || '.'))))
                      as "seen!"
             from ledger.posting p join ledger.account a on a.account_id = p.account_id
            where p.entry_id = $2 order by p.line"#,
        scopes,
        entry
    )
    .fetch_all(conn)
    .await
}
