//! Reads: terms, matches with their sides, settlements that nobody told of.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::reconciliation::fee::Terms;

/// The terms of a partner on a day.
pub async fn terms_of(
    conn: &mut PgConnection,
    partner: &str,
    day: NaiveDate,
) -> Result<Option<Terms>, sqlx::Error> {
    let row = sqlx::query!(
        "select valid_from, fixed, percent, window_days, tolerance from partner_fee
          where partner = $1 and valid_from <= $2 order by valid_from desc limit 1",
        partner,
        day
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Terms {
        valid_from: row.valid_from,
        fixed: row.fixed,
        percent: row.percent,
        window_days: u16::try_from(row.window_days).unwrap_or(0),
        tolerance: row.tolerance,
    }))
}

/// Writes the terms of a partner from a day on; `false` when there are terms from that day.
pub async fn terms_insert(
    conn: &mut PgConnection,
    partner: &str,
    terms: &Terms,
    (by, now): (&str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into partner_fee (partner, valid_from, fixed, percent, window_days, tolerance, made_by,
                                  made_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint partner_fee_pkey do nothing",
        partner,
        terms.valid_from,
        terms.fixed,
        terms.percent,
        i16::try_from(terms.window_days).unwrap_or(i16::MAX),
        terms.tolerance,
        by,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All terms, newest first for each partner.
pub async fn terms_all(conn: &mut PgConnection) -> Result<Vec<(String, Terms)>, sqlx::Error> {
    sqlx::query!(
        "select partner, valid_from, fixed, percent, window_days, tolerance from partner_fee
          order by partner, valid_from desc"
    )
    .map(|row| {
        let terms = Terms {
            valid_from: row.valid_from,
            fixed: row.fixed,
            percent: row.percent,
            window_days: u16::try_from(row.window_days).unwrap_or(0),
            tolerance: row.tolerance,
        };
        (row.partner, terms)
    })
    .fetch_all(conn)
    .await
}

/// What was kept by contract of what a match pays.
pub async fn fee_of_match(conn: &mut PgConnection, id: Uuid) -> Result<Decimal, sqlx::Error> {
    sqlx::query_scalar!("select fee from match where match_id = $1", id).fetch_one(conn).await
}

/// The first and the last day that statements of an account tell of.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// First.
    pub first: NaiveDate,
    /// Last.
    pub last: NaiveDate,
}

/// Which days were told of.
pub async fn told_of(
    conn: &mut PgConnection,
    partner: &str,
    account: &str,
) -> Result<Option<Told>, sqlx::Error> {
    let row = sqlx::query!(
        "select min(day) as first, max(day) as last from statement
          where partner = $1 and account = $2 and state = 'booked'",
        partner,
        account
    )
    .fetch_one(conn)
    .await?;
    Ok(row.first.zip(row.last).map(|(first, last)| Told { first, last }))
}

/// Up to which day an account was looked at; the row is locked.
pub async fn missing_upto_lock(
    conn: &mut PgConnection,
    partner: &str,
    account: &str,
) -> Result<Option<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar!(
        "select day from missing_upto where partner = $1 and account = $2 for update",
        partner,
        account
    )
    .fetch_optional(conn)
    .await
}

/// An account was looked at up to a day.
pub async fn missing_upto_set(
    conn: &mut PgConnection,
    partner: &str,
    account: &str,
    day: NaiveDate,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into missing_upto (partner, account, day) values ($1, $2, $3)
         on conflict on constraint missing_upto_pkey do update set day = excluded.day",
        partner,
        account,
        day
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A settlement that nobody told of.
#[derive(Debug)]
pub struct MissingRow {
    /// Which.
    pub settlement: Uuid,
    /// The partner's id of it.
    pub transaction_id: String,
    /// Its invoice.
    pub invoice: Option<Uuid>,
    /// The agency of that.
    pub agency: Option<String>,
    /// How much.
    pub amount: Decimal,
    /// Its currency.
    pub currency: String,
}

/// Booked settlements of an account with ids in an interval that no match of any layer holds, and
/// that were neither seen in the bank nor taken back.
pub async fn settlements_missing(
    conn: &mut PgConnection,
    (partner, account, source): (&str, &str, &str),
    (from, to): (Uuid, Uuid),
) -> Result<Vec<MissingRow>, sqlx::Error> {
    sqlx::query_as!(
        MissingRow,
        r#"select s.settlement_id as settlement, s.transaction_id, s.invoice_id as invoice,
                  i.agency as "agency?", s.amount, s.currency
             from settlement s
             left join invoice i on i.invoice_id = s.invoice_id
            where s.settlement_id >= $4 and s.settlement_id < $5
              and s.partner = $1 and s.account = $2 and s.source = $3 and s.entry_id is not null
              and not exists (select from match_side m where m.settlement_id = s.settlement_id
                                 and m.active and m.layer = 'line')
              and not exists (select from match_side m where m.settlement_id = s.settlement_id
                                 and m.active and m.layer = 'funds' and m.invoice_id is null)
              and not exists (select from settlement_banked b
                               where b.settlement_id = s.settlement_id)
              and not exists (select from reversal r where r.settlement_id = s.settlement_id)
            order by s.settlement_id"#,
        partner,
        account,
        source,
        from,
        to
    )
    .fetch_all(conn)
    .await
}

/// A match with what is beside it.
#[derive(Debug, Clone)]
pub struct MatchRow {
    /// Its id.
    pub id: Uuid,
    /// line, funds, payout.
    pub layer: String,
    /// Which rule.
    pub rule: String,
    /// Of which version.
    pub rule_version: i16,
    /// suggested or confirmed, as it was made.
    pub made_as: String,
    /// Whose statement.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// Whose business.
    pub agency: String,
    /// What was kept by contract.
    pub fee: Decimal,
    /// What two people accepted.
    pub difference: Decimal,
    /// Why.
    pub reason: String,
    /// By whom.
    pub made_by: String,
    /// When.
    pub made_at: DateTime<Utc>,
    /// Who agreed.
    pub confirmed_by: Option<String>,
    /// Who took it back.
    pub undone_by: Option<String>,
    /// Why.
    pub undone_because: Option<String>,
    /// When.
    pub undone_at: Option<DateTime<Utc>>,
}

impl MatchRow {
    /// suggested, confirmed or undone.
    pub fn state(&self) -> &'static str {
        match (&self.undone_by, &self.confirmed_by, self.made_as.as_str()) {
            (Some(_), ..) => "undone",
            (None, None, "suggested") => "suggested",
            _ => "confirmed",
        }
    }
}

/// Matches by their ids, in their order.
pub async fn matches_read(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<MatchRow>, sqlx::Error> {
    sqlx::query_as!(
        MatchRow,
        r#"select m.match_id as id, m.layer, m.rule, m.rule_version, m.state as made_as, m.partner,
                  m.account, m.agency, m.fee, m.difference, m.reason, m.made_by, m.made_at,
                  c.confirmed_by as "confirmed_by?", u.made_by as "undone_by?",
                  u.reason as "undone_because?", u.made_at as "undone_at?"
             from unnest($1::uuid[]) with ordinality k(id, place)
             join match m on m.match_id = k.id
             left join match_confirmation c on c.match_id = m.match_id
             left join unmatch u on u.match_id = m.match_id
            order by k.place"#,
        ids
    )
    .fetch_all(conn)
    .await
}

/// A side of a match, with what an officer knows it by.
#[derive(Debug, Clone)]
pub struct SideRow {
    /// Its match.
    pub of: Uuid,
    /// A line.
    pub line: Option<i64>,
    /// Its statement.
    pub statement: Option<Uuid>,
    /// Its place there.
    pub line_place: Option<i32>,
    /// Its amount, signed.
    pub line_amount: Decimal,
    /// Its value date.
    pub value_date: Option<NaiveDate>,
    /// Its transaction id.
    pub transaction_id: Option<String>,
    /// Its text.
    pub memo: Option<String>,
    /// A settlement.
    pub settlement: Option<Uuid>,
    /// The code of its invoice.
    pub invoice_code: Option<String>,
    /// A refund or a reversal.
    pub back: Option<Uuid>,
    /// A report.
    pub report: Option<Uuid>,
    /// A batch of it.
    pub batch: Option<String>,
    /// A line of a pay-over.
    pub payout: Option<Uuid>,
    /// The invoice that is suggested.
    pub suggests: Option<Uuid>,
    /// What is ours of it, signed.
    pub own_amount: Decimal,
}

/// The sides of matches.
pub async fn sides_of(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SideRow>, sqlx::Error> {
    sqlx::query_as!(
        SideRow,
        r#"select s.match_id as of, s.line_id as line, l.statement_id as "statement?",
                  l.place as "line_place?", s.line_amount, l.value_date as "value_date?",
                  l.transaction_id as "transaction_id?", l.memo as "memo?",
                  s.settlement_id as settlement, i.code as "invoice_code?", s.back_id as back,
                  s.report_id as report, s.batch, s.payout_id as payout, s.invoice_id as suggests,
                  s.own_amount
             from match_side s
             left join statement_line l on l.line_id = s.line_id
             left join settlement t on t.settlement_id = s.settlement_id
             left join invoice i on i.invoice_id = coalesce(s.invoice_id, t.invoice_id)
            where s.match_id = any($1)
            order by s.match_id, s.place"#,
        ids
    )
    .fetch_all(conn)
    .await
}

/// Which matches to list.
#[derive(Debug)]
pub struct Listed<'a> {
    /// Of accounts of agencies in these scopes.
    pub scopes: &'a [String],
    /// Of statements of this day.
    pub day: NaiveDate,
    /// Of this partner.
    pub partner: Option<&'a str>,
    /// suggested, confirmed or undone.
    pub state: Option<&'a str>,
    /// By this rule.
    pub rule: Option<&'a str>,
    /// Lines after this one.
    pub after: i64,
    /// At most so many.
    pub limit: i64,
}

/// Matches of the lines of a day, in the order of the lines: line and match.
pub async fn matches_list(
    conn: &mut PgConnection,
    wanted: &Listed<'_>,
) -> Result<Vec<(i64, Uuid)>, sqlx::Error> {
    sqlx::query!(
        r#"select l.line_id, m.match_id
             from statement t
             join statement_line l on l.statement_id = t.statement_id
             join match_side s on s.line_id = l.line_id
             join match m on m.match_id = s.match_id
             left join match_confirmation c on c.match_id = m.match_id
             left join unmatch u on u.match_id = m.match_id
            where t.day = $2 and ($3::text is null or t.partner = $3)
              and exists (select from unnest($1::text[]) scope
                           where scope = '*' or m.agency = scope
                              or starts_with(m.agency, scope || '.'))
              and ($4::text is null or $4 = case
                     when u.match_id is not null then 'undone'
                     when m.state = 'suggested' and c.match_id is null then 'suggested'
                     else 'confirmed' end)
              and ($5::text is null or m.rule = $5)
              and l.line_id > $6
            order by l.line_id, m.match_id limit $7"#,
        wanted.scopes,
        wanted.day,
        wanted.partner,
        wanted.state,
        wanted.rule,
        wanted.after,
        wanted.limit
    )
    .map(|row| (row.line_id, row.match_id))
    .fetch_all(conn)
    .await
}

/// Lines that have a suggestion which nobody has confirmed.
pub async fn lines_suggested(
    conn: &mut PgConnection,
    lines: &[i64],
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select k.line_id as "line!"
             from unnest($1::bigint[]) k(line_id)
            cross join lateral (
                  select s.match_id from match_side s
                   where s.line_id = k.line_id and s.active and s.invoice_id is null offset 0) s
             join match m on m.match_id = s.match_id
            where m.state = 'suggested'
              and not exists (select from match_confirmation c where c.match_id = m.match_id)"#,
        lines
    )
    .fetch_all(conn)
    .await
}

/// Active matches that hold these lines.
pub async fn matches_of_lines(
    conn: &mut PgConnection,
    lines: &[i64],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select distinct s.match_id as "id!"
             from unnest($1::bigint[]) k(line_id)
            cross join lateral (
                  select s.match_id from match_side s
                   where s.line_id = k.line_id and s.active offset 0) s"#,
        lines
    )
    .fetch_all(conn)
    .await
}

/// Was what is due back of one of these settlements released?
pub async fn any_given_back(
    conn: &mut PgConnection,
    settlements: &[Uuid],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from refund r
                           where r.settlement_id = any($1) and r.kind = 'surplus'
                             and r.status in ('approved', 'sent', 'confirmed')) as "given!""#,
        settlements
    )
    .fetch_one(conn)
    .await
}

/// A settlement as it may be matched by hand.
#[derive(Debug)]
pub struct HandRow {
    /// How much.
    pub amount: Decimal,
    /// Whose.
    pub partner: String,
    /// The account that it was collected on.
    pub account: String,
    /// Matched already in this layer.
    pub taken: bool,
    /// Booked, and not taken back.
    pub stands: bool,
}

/// A settlement to be matched by hand.
pub async fn settlement_by_hand(
    conn: &mut PgConnection,
    id: Uuid,
    layer: &str,
) -> Result<Option<HandRow>, sqlx::Error> {
    sqlx::query_as!(
        HandRow,
        r#"select s.amount, s.partner, s.account,
                  exists (select from match_side m where m.settlement_id = s.settlement_id
                             and m.active and m.layer = $2 and m.invoice_id is null) as "taken!",
                  s.entry_id is not null and not exists (
                      select from reversal r where r.settlement_id = s.settlement_id) as "stands!"
             from settlement s where s.settlement_id = $1"#,
        id,
        layer
    )
    .fetch_optional(conn)
    .await
}
