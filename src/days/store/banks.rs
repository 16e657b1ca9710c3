//! Statements on what banks say of their accounts, and what the ledger holds of them.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// The last statement of an account that is booked, of a day.
#[derive(Debug, Clone)]
pub struct Closing {
    /// Its id.
    pub statement: Uuid,
    /// Whose account.
    pub partner: String,
    /// Its number.
    pub account: String,
    /// ISO 4217.
    pub currency: String,
    /// The statement's id in its sender's words.
    pub reference: String,
    /// Its day.
    pub day: NaiveDate,
    /// What it closes with, credit positive.
    pub closing: Decimal,
}

/// The last booked statement of each account: of one day, or, without one, of all days.
pub async fn closings(
    conn: &mut PgConnection,
    day: Option<NaiveDate>,
) -> Result<Vec<Closing>, sqlx::Error> {
    sqlx::query_as!(
        Closing,
        r#"select distinct on (partner, account, currency)
                  statement_id as statement, partner, account, currency, reference, day,
                  closing as "closing!"
             from statement
            where kind = 'account' and state = 'booked' and closing is not null
              and ($1::date is null or day = $1)
            order by partner, account, currency, day desc, coalesce(number, 0) desc,
                     page desc, statement_id desc"#,
        day
    )
    .fetch_all(conn)
    .await
}

/// What a statement closes with; none when it is gone.
pub async fn closing_of(
    conn: &mut PgConnection,
    statement: Uuid,
) -> Result<Option<Decimal>, sqlx::Error> {
    let found =
        sqlx::query_scalar!("select closing from statement where statement_id = $1", statement)
            .fetch_optional(conn)
            .await?;
    Ok(found.flatten())
}

/// What the ledger holds of a bank account at the end of a business day, whoever's money was seen
/// there.
pub async fn balance(
    conn: &mut PgConnection,
    (account, currency): (&str, &str),
    day: NaiveDate,
) -> Result<Decimal, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(p.amount), 0) as "balance!"
             from ledger.account a
             join ledger.posting p on p.account_id = a.account_id
             join ledger.entry e on e.entry_id = p.entry_id
            where a.kind = 'bank_account' and a.detail = $1 and a.currency = $2
              and e.business_day <= $3"#,
        account,
        currency,
        day
    )
    .fetch_one(conn)
    .await
}

/// Where the booked statements of an account up to a day do not continue one another, and where one
/// does not add up in itself: how often, and how much. What is known to have stood there before the
/// first is its beginning. Such statements are taken by two people only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Broken {
    /// Statements that do not begin where the one before ended.
    pub gaps: i64,
    /// By how much, with its sign.
    pub gap: Decimal,
    /// Statements whose movements do not make their closing.
    pub wrong: i64,
    /// By how much, with its sign.
    pub off: Decimal,
    /// All their booked lines.
    pub total: Decimal,
    /// What the first begins with, when nobody entered what stood there before.
    pub begins: Decimal,
}

/// The same of one account up to a day.
pub async fn broken(conn: &mut PgConnection, of: &Closing) -> Result<Broken, sqlx::Error> {
    sqlx::query_as!(
        Broken,
        r#"with s as (
               select opening, closing, total,
                      lag(closing) over (order by day, coalesce(number, 0), page, statement_id) as before,
                      row_number() over (order by day, coalesce(number, 0), page, statement_id) = 1 as first,
                      (select amount from opening_balance o
                        where o.partner = $1 and o.account = $2 and o.currency = $3) as carried
                 from statement
                where kind = 'account' and state = 'booked' and partner = $1 and account = $2
                  and currency = $3 and day <= $4),
             t as (
               select total, first and carried is null as unknown, opening,
                      opening - case when first then carried else before end as gap,
                      closing - opening - total as off
                 from s)
           select count(*) filter (where gap <> 0) as "gaps!",
                  coalesce(sum(gap), 0) as "gap!",
                  count(*) filter (where off <> 0) as "wrong!",
                  coalesce(sum(off), 0) as "off!",
                  coalesce(sum(total), 0) as "total!",
                  coalesce(sum(opening) filter (where unknown), 0) as "begins!"
             from t"#,
        of.partner,
        of.account,
        of.currency,
        of.day
    )
    .fetch_one(conn)
    .await
}

/// What moved a bank account in the ledger.
#[derive(Debug, Clone)]
pub struct Moved {
    /// By which business act.
    pub act: String,
    /// What it came of.
    pub source: String,
    /// The entry is of a later business day.
    pub later: bool,
    /// It was made by matching a statement.
    pub by_statement: bool,
    /// That statement is a booked one of this account, up to the day.
    pub own: bool,
    /// How many entries.
    pub entries: i64,
    /// How much, with its sign.
    pub amount: Decimal,
}

/// All that moved a bank account in the ledger, by what it came of.
pub async fn movements(conn: &mut PgConnection, of: &Closing) -> Result<Vec<Moved>, sqlx::Error> {
    sqlx::query_as!(
        Moved,
        r#"select e.act, e.source, e.business_day > $4 as "later!",
                  m.statement_id is not null as "by_statement!",
                  coalesce(s.state = 'booked' and s.day <= $4 and s.kind = 'account'
                           and s.partner = $1 and s.account = $2, false) as "own!",
                  count(*) as "entries!", sum(p.amount) as "amount!"
             from ledger.account a
             join ledger.posting p on p.account_id = a.account_id
             join ledger.entry e on e.entry_id = p.entry_id
             left join lateral (select statement_id from matching_entry k
                                 where k.entry_id in (e.entry_id, e.reverses)
                                 limit 1) m on true
             left join statement s on s.statement_id = m.statement_id
            where a.kind = 'bank_account' and a.detail = $2 and a.currency = $3
            group by 1, 2, 3, 4, 5"#,
        of.partner,
        of.account,
        of.currency,
        of.day
    )
    .fetch_all(conn)
    .await
}

/// A line of a statement whose money matching leaves to another room to book, or to nobody.
#[derive(Debug, Clone)]
pub struct Unbooked {
    /// What its entry, if there is one, comes of.
    pub source: String,
    /// It has an open case.
    pub in_case: bool,
    /// It pays a settlement: matching books it, unless somebody had said so before.
    pub pays: bool,
    /// How many lines.
    pub lines: i64,
    /// How much, with its sign.
    pub amount: Decimal,
}

/// The lines of an account's booked statements up to a day that matching does not book: transfers of
/// ours, refunds by transfer, and what nobody can place in this currency; and those of settlements
/// that an officer had said were in the bank.
pub async fn unbooked(conn: &mut PgConnection, of: &Closing) -> Result<Vec<Unbooked>, sqlx::Error> {
    sqlx::query_as!(
        Unbooked,
        r#"with s as materialized (
               select statement_id from statement
                where kind = 'account' and state = 'booked' and partner = $1 and account = $2
                  and currency = $3 and day <= $4),
             l as (
               select case when l.order_reference ~ '^\s*[0-9A-Fa-f]{32}\s*$'
                           then 'payover/' || trim(l.order_reference)::uuid::text
                           else 'line/' || o.line_id end as source,
                      o.standing = 'open' as in_case, false as pays, l.amount
                 from s
                cross join lateral (select line_id, standing from open_line o
                                     where o.statement_id = s.statement_id
                                       and o.booked_to is null offset 0) o
                cross join lateral (select amount, order_reference from statement_line l
                                     where l.line_id = o.line_id and l.standing = 'booked'
                                    offset 0) l
               union all
               select 'refund/' || r.refund_id, false, false, l.amount
                 from refund r
                cross join lateral (select line_id from match_side m
                                     where m.back_id = r.refund_id and m.layer = 'funds' and m.active
                                       and m.line_id is not null offset 0) m
                cross join lateral (select amount, statement_id from statement_line l
                                     where l.line_id = m.line_id offset 0) l
                 join s on s.statement_id = l.statement_id
                where r.method = 'transfer' and r.status = 'confirmed'
               union all
               select 'settlement/' || b.settlement_id, false, true, l.amount
                 from (select substr(e.source, 12)::uuid as settlement_id
                         from ledger.account a
                         join ledger.posting p on p.account_id = a.account_id
                         join ledger.entry e on e.entry_id = p.entry_id
                        where a.kind = 'bank_account' and a.detail = $2 and a.currency = $3
                          and e.act = 'banked' and e.reverses is null) b
                cross join lateral (select line_id from match_side m
                                     where m.settlement_id = b.settlement_id and m.layer = 'funds'
                                       and m.active and m.line_id is not null offset 0) m
                cross join lateral (select amount, statement_id from statement_line l
                                     where l.line_id = m.line_id offset 0) l
                 join s on s.statement_id = l.statement_id)
           select source as "source!", in_case as "in_case!", pays as "pays!", count(*) as "lines!",
                  sum(amount) as "amount!"
             from l group by 1, 2, 3"#,
        of.partner,
        of.account,
        of.currency,
        of.day
    )
    .fetch_all(conn)
    .await
}
