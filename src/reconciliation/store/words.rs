//! Officers' words about money in the bank, and the entries that matches have made beside their line.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// The act of an entry by which an officer's word gives way to a statement.
pub const GIVES_WAY: &str = "word_gives_way";

/// A settlement that was booked as seen in the bank by an officer's word.
#[derive(Debug)]
pub struct Word {
    /// Which.
    pub settlement: Uuid,
    /// Whose.
    pub partner: String,
    /// The account that it was collected on.
    pub account: String,
    /// How much.
    pub amount: Decimal,
    /// Its currency.
    pub currency: String,
    /// The account that it was seen on.
    pub bank_account: String,
}

/// Those of these settlements that were seen in the bank by an officer's word, and by no statement.
pub async fn words_of(
    conn: &mut PgConnection,
    settlements: &[Uuid],
) -> Result<Vec<Word>, sqlx::Error> {
    sqlx::query_as!(
        Word,
        r#"select s.settlement_id as settlement, s.partner, s.account, s.amount, s.currency,
                  p.detail as bank_account
             from unnest($1::uuid[]) k(id)
            cross join lateral (
                  select b.entry_id from settlement_banked b
                   where b.settlement_id = k.id and b.confirmed_by not like 'match/%' offset 0) b
            cross join lateral (
                  select * from settlement s where s.settlement_id = k.id offset 0) s
            cross join lateral (
                  select a.detail from ledger.posting p
                    join ledger.account a on a.account_id = p.account_id
                   where p.entry_id = b.entry_id and a.kind = 'bank_account' limit 1) p
            order by s.settlement_id"#,
        settlements
    )
    .fetch_all(conn)
    .await
}

/// Entries beside a line that belong to a statement, stand, and were made for a reason: of a match
/// (`match/ID`), or of a batch (`batch NAME`).
pub async fn entries_because(
    conn: &mut PgConnection,
    statement: Uuid,
    reason: &str,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "select m.entry_id from matching_entry m join ledger.entry e on e.entry_id = m.entry_id
          where m.statement_id = $1 and e.reason = $2
            and e.act in ('partner_fee', 'word_gives_way', 'receivable_moves')
            and not exists (select from ledger.entry r where r.reverses = m.entry_id)
          order by m.entry_id",
        statement,
        reason
    )
    .fetch_all(conn)
    .await
}

/// The last entry by which a statement booked lines of a value date on its account.
pub async fn entry_of_day(
    conn: &mut PgConnection,
    statement: Uuid,
    day: chrono::NaiveDate,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select max(m.entry_id) as "entry" from matching_entry m
             join ledger.entry e on e.entry_id = m.entry_id
            where m.statement_id = $1 and e.act = 'statement' and e.value_date = $2
              and not exists (select from ledger.entry r where r.reverses = m.entry_id)"#,
        statement,
        day
    )
    .fetch_one(conn)
    .await
}

/// The agency of the invoice that a settlement pays.
pub async fn agency_of(
    conn: &mut PgConnection,
    settlement: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select i.agency from settlement s join invoice i on i.invoice_id = s.invoice_id
          where s.settlement_id = $1",
        settlement
    )
    .fetch_optional(conn)
    .await
}

/// Refunds of these by transfer: the end of one books the bank account itself.
pub async fn any_by_transfer(conn: &mut PgConnection, backs: &[Uuid]) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from refund where refund_id = any($1) and method = 'transfer')
               as "any!""#,
        backs
    )
    .fetch_one(conn)
    .await
}
