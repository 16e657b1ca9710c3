//! Every statement on the ledger's tables.

pub mod days;

use std::collections::HashMap;
use std::hash::BuildHasher;

use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::chart::{AccountKey, AccountKind};
use super::entry::{Entry, Line, Side};
use crate::vocabulary::money::Money;

/// Opens accounts that are not there and returns the numbers of all.
pub async fn accounts_open(
    conn: &mut PgConnection,
    keys: &[AccountKey],
) -> Result<Vec<(AccountKey, i64)>, sqlx::Error> {
    let kinds: Vec<String> = keys.iter().map(|k| k.kind.to_string()).collect();
    let owners: Vec<String> = keys.iter().map(|k| k.owner.clone()).collect();
    let details: Vec<String> = keys.iter().map(|k| k.detail.clone()).collect();
    let currencies: Vec<String> = keys.iter().map(|k| k.currency.to_string()).collect();
    sqlx::query!(
        "insert into ledger.account (kind, owner, detail, currency)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
         on conflict on constraint account_once do nothing",
        &kinds,
        &owners,
        &details,
        &currencies
    )
    .execute(&mut *conn)
    .await?;
    let rows = sqlx::query!(
        r#"select k.place as "place!", a.account_id
             from unnest($1::text[], $2::text[], $3::text[], $4::text[])
                  with ordinality k(kind, owner, detail, currency, place)
             join ledger.account a on a.kind = k.kind and a.owner = k.owner
                  and a.detail = k.detail and a.currency = k.currency"#,
        &kinds,
        &owners,
        &details,
        &currencies
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let place = usize::try_from(row.place).ok()?.checked_sub(1)?;
            keys.get(place).map(|key| (key.clone(), row.account_id))
        })
        .collect())
}

/// Draws numbers for entries.
pub async fn entry_numbers(conn: &mut PgConnection, count: usize) -> Result<Vec<i64>, sqlx::Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        r#"select nextval('ledger.entry_number') as "number!" from generate_series(1, $1::integer)"#,
        i32::try_from(count).unwrap_or(i32::MAX)
    )
    .fetch_all(conn)
    .await
}

/// Writes entries under their numbers with their lines, all in one statement: at its end the
/// database looks whether they are whole.
pub async fn entries_insert(
    conn: &mut PgConnection,
    entries: &[(i64, &Entry)],
    accounts: &HashMap<AccountKey, i64, impl BuildHasher>,
) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = entries.iter().map(|(id, _)| *id).collect();
    let acts: Vec<String> = entries.iter().map(|(_, e)| e.occasion().act.to_owned()).collect();
    let days: Vec<chrono::NaiveDate> =
        entries.iter().map(|(_, e)| e.occasion().business_day.0).collect();
    let values: Vec<chrono::NaiveDate> =
        entries.iter().map(|(_, e)| e.occasion().value_date).collect();
    let currencies: Vec<String> = entries.iter().map(|(_, e)| e.currency().to_string()).collect();
    let sources: Vec<String> = entries.iter().map(|(_, e)| e.occasion().source.clone()).collect();
    let reverses: Vec<Option<i64>> = entries.iter().map(|(_, e)| e.occasion().reverses).collect();
    let actors: Vec<String> = entries.iter().map(|(_, e)| e.occasion().actor.clone()).collect();
    let reasons: Vec<String> = entries.iter().map(|(_, e)| e.occasion().reason.clone()).collect();
    let mut entry_ids = Vec::new();
    let mut lines: Vec<i16> = Vec::new();
    let mut account_ids = Vec::new();
    let mut amounts: Vec<Decimal> = Vec::new();
    for (id, entry) in entries {
        for (place, line) in entry.lines().iter().enumerate() {
            entry_ids.push(*id);
            lines.push(i16::try_from(place + 1).unwrap_or(i16::MAX));
            account_ids.push(accounts.get(&line.account).copied().unwrap_or_default());
            amounts.push(line.signed());
        }
    }
    // The stamps are the trigger's; what is sent for them counts for nothing.
    sqlx::query!(
        "with entered as (
             insert into ledger.entry (entry_id, act, business_day, value_date, currency, source,
                                       reverses, actor, reason, made_by_tx, made_at)
             select e.*, pg_current_xact_id(), transaction_timestamp()
               from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::text[], $6::text[],
                           $7::bigint[], $8::text[], $9::text[]) e)
         insert into ledger.posting (entry_id, line, account_id, amount)
         select * from unnest($10::bigint[], $11::smallint[], $12::bigint[], $13::numeric[])",
        &ids,
        &acts,
        &days,
        &values,
        &currencies,
        &sources,
        &reverses as &[Option<i64>],
        &actors,
        &reasons,
        &entry_ids,
        &lines,
        &account_ids,
        &amounts
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The lines of an entry, as they were booked.
pub async fn entry_lines(conn: &mut PgConnection, entry: i64) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query!(
        "select a.kind, a.owner, a.detail, a.currency, p.amount
           from ledger.posting p join ledger.account a on a.account_id = p.account_id
          where p.entry_id = $1 order by p.line",
        entry
    )
    .fetch_all(conn)
    .await?;
    let undecodable = |e: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(e);
    rows.into_iter()
        .map(|row| {
            let currency = row.currency.parse().map_err(|e| undecodable(Box::new(e)))?;
            let kind = row.kind.parse().map_err(|e| undecodable(Box::new(e)))?;
            let amount =
                Money::new(row.amount.abs(), currency).map_err(|e| undecodable(Box::new(e)))?;
            let side = if row.amount.is_sign_negative() { Side::Credit } else { Side::Debit };
            let account = AccountKey { kind, owner: row.owner, detail: row.detail, currency };
            Ok(Line { account, side, amount })
        })
        .collect()
}

/// An entry as it was booked.
#[derive(Debug, Clone)]
pub struct BookedEntry {
    /// Its number.
    pub id: i64,
    /// The business act.
    pub act: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// What this very transaction has booked so far, in order.
pub async fn entries_of_this_transaction(
    conn: &mut PgConnection,
) -> Result<Vec<BookedEntry>, sqlx::Error> {
    let rows = sqlx::query!(
        "select entry_id, act from ledger.entry
          where made_by_tx = pg_current_xact_id() and made_at = transaction_timestamp()
          order by entry_id"
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let lines = entry_lines(conn, row.entry_id).await?;
        entries.push(BookedEntry { id: row.entry_id, act: row.act, lines });
    }
    Ok(entries)
}

/// A line of the trial balance.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Kind of account.
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// Which.
    pub detail: String,
    /// Currency.
    pub currency: String,
    /// Debits less credits.
    pub amount: Decimal,
}

/// The trial balance: every account with its balance, debit positive; the sum is zero.
pub async fn trial_balance(conn: &mut PgConnection) -> Result<Vec<Balance>, sqlx::Error> {
    sqlx::query_as!(
        Balance,
        r#"select kind as "kind!", owner as "owner!", detail as "detail!",
                  currency as "currency!", amount as "amount!"
             from ledger.balance order by kind, owner, detail, currency"#
    )
    .fetch_all(conn)
    .await
}

/// The balances of one kind of account, debit positive.
pub async fn balances_of(
    conn: &mut PgConnection,
    kind: AccountKind,
) -> Result<Vec<Balance>, sqlx::Error> {
    sqlx::query_as!(
        Balance,
        r#"select kind as "kind!", owner as "owner!", detail as "detail!",
                  currency as "currency!", amount as "amount!"
             from ledger.balance where kind = $1 order by owner, detail, currency"#,
        kind.as_str()
    )
    .fetch_all(conn)
    .await
}

/// Takes a snapshot of every balance as of the transactions below the oldest that still runs.
/// Accounts without news since their last snapshot get none.
pub async fn snapshot_balances(conn: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "with upto as (select pg_snapshot_xmin(pg_current_snapshot()) as tx),
              news as (
            select p.account_id, sum(p.amount) as amount
              from upto, ledger.entry e join ledger.posting p on p.entry_id = e.entry_id
             where e.made_by_tx < upto.tx
               and e.made_by_tx >= coalesce((select below_tx from ledger.balance_snapshot order by below_tx desc limit 1), '0'::xid8)
             group by p.account_id)
         insert into ledger.balance_snapshot (account_id, below_tx, amount, made_at)
         select n.account_id, upto.tx, n.amount + coalesce(last.amount, 0), statement_timestamp()
           from upto, news n
           left join lateral (
                select s.amount from ledger.balance_snapshot s
                 where s.account_id = n.account_id order by s.below_tx desc limit 1) last on true"
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Which of these days are closed.
pub async fn days_closed(
    conn: &mut PgConnection,
    days: &[chrono::NaiveDate],
) -> Result<Vec<chrono::NaiveDate>, sqlx::Error> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!("select day from ledger.closed_day where day = any($1)", days)
        .fetch_all(conn)
        .await
}
