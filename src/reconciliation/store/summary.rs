//! The day in sums: expected, reported, banked.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// One partner's account on one day.
#[derive(Debug, Clone)]
pub struct SummaryRow {
    /// Whose.
    pub partner: String,
    /// Which.
    pub account: String,
    /// Booked by our settlements of the day.
    pub expected: (i64, Decimal),
    /// Of these, told of by a report.
    pub reported: (i64, Decimal),
    /// Of these, seen in the bank.
    pub banked: (i64, Decimal),
}

/// What came in on a day (by the ids of settlements between two bounds), how much of it was reported
/// and how much was seen in the bank.
pub async fn summaries(
    conn: &mut PgConnection,
    (from, to): (Uuid, Uuid),
    partner: Option<&str>,
) -> Result<Vec<SummaryRow>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.partner, s.account, count(*) as "expected!", sum(s.amount) as "expected_sum!",
                  count(*) filter (where l.told) as "reported!",
                  coalesce(sum(s.amount) filter (where l.told), 0) as "reported_sum!",
                  count(*) filter (where b.seen) as "banked!",
                  coalesce(sum(s.amount) filter (where b.seen), 0) as "banked_sum!"
             from settlement s
            cross join lateral (
                  select exists (select from match_side m where m.settlement_id = s.settlement_id
                                    and m.active and m.layer = 'line') as told) l
            cross join lateral (
                  select exists (select from settlement_banked b
                                  where b.settlement_id = s.settlement_id) as seen) b
            where s.settlement_id >= $1 and s.settlement_id < $2 and s.entry_id is not null
              and ($3::text is null or s.partner = $3)
              and not exists (select from reversal r where r.settlement_id = s.settlement_id)
            group by s.partner, s.account
            order by s.partner, s.account"#,
        from,
        to,
        partner
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SummaryRow {
            partner: row.partner,
            account: row.account,
            expected: (row.expected, row.expected_sum),
            reported: (row.reported, row.reported_sum),
            banked: (row.banked, row.banked_sum),
        })
        .collect())
}

/// How the lines of the statements of a day stand.
#[derive(Debug, Clone)]
pub struct LinesRow {
    /// The statement.
    pub statement: Uuid,
    /// account or report.
    pub kind: String,
    /// Whose.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// Its id in the sender's words.
    pub reference: String,
    /// staged, booked, …
    pub state: String,
    /// How many lines.
    pub lines: i64,
    /// The sum of its booked lines.
    pub total: Decimal,
    /// undoing, lines, done, undone; none while nobody has begun.
    pub phase: Option<String>,
    /// Matched.
    pub matched: i64,
    /// Suggested.
    pub suggested: i64,
    /// Open.
    pub open: i64,
    /// Left out.
    pub kept: i64,
}

/// The statements of a day.
pub async fn statements_of_day(
    conn: &mut PgConnection,
    day: NaiveDate,
    partner: Option<&str>,
) -> Result<Vec<LinesRow>, sqlx::Error> {
    sqlx::query_as!(
        LinesRow,
        r#"select t.statement_id as statement, t.kind, t.partner, t.account, t.reference, t.state,
                  t.lines, t.total, m.phase as "phase?", coalesce(m.matched, 0) as "matched!",
                  coalesce(m.suggested, 0) as "suggested!", coalesce(m.open, 0) as "open!",
                  coalesce(m.kept, 0) as "kept!"
             from statement t left join matching m on m.statement_id = t.statement_id
            where t.day = $1 and ($2::text is null or t.partner = $2)
            order by t.partner, t.account, t.reference, t.statement_id"#,
        day,
        partner
    )
    .fetch_all(conn)
    .await
}

/// An open line with what it says.
#[derive(Debug, Clone)]
pub struct OpenLineRow {
    /// Its number.
    pub line: i64,
    /// Whose statement.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// The statement's id in its sender's words.
    pub reference: String,
    /// Its place there.
    pub place: i32,
    /// waiting, open, payout, kept.
    pub standing: String,
    /// Its code.
    pub code: Option<String>,
    /// Its case.
    pub case: Option<Uuid>,
    /// Why.
    pub why: String,
    /// Signed.
    pub amount: Decimal,
    /// Its value date.
    pub value_date: NaiveDate,
    /// The sender's id.
    pub transaction_id: String,
    /// Its text.
    pub memo: String,
}

/// The open lines of the statements of a day.
pub async fn open_lines_of_day(
    conn: &mut PgConnection,
    day: NaiveDate,
    partner: Option<&str>,
    standing: Option<&str>,
    (after, limit): (i64, i64),
) -> Result<Vec<OpenLineRow>, sqlx::Error> {
    sqlx::query_as!(
        OpenLineRow,
        r#"select o.line_id as line, t.partner, t.account, t.reference, l.place, o.standing, o.code,
                  o.break_id as "case", o.why, l.amount, l.value_date, l.transaction_id, l.memo
             from statement t
             join open_line o on o.statement_id = t.statement_id
             join statement_line l on l.line_id = o.line_id
            where t.day = $1 and ($2::text is null or t.partner = $2)
              and ($3::text is null or o.standing = $3) and o.line_id > $4
            order by o.line_id limit $5"#,
        day,
        partner,
        standing,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}
