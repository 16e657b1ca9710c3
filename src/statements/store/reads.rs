//! Files as officers look at them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// A file.
#[derive(Debug, Clone)]
pub struct FileRow {
    /// Its id.
    pub file_id: Uuid,
    /// Of its bytes.
    pub sha256: Vec<u8>,
    /// The partner that sent it itself; empty: our people.
    pub sender: String,
    /// Whose it is; empty while nobody knows.
    pub partner: String,
    /// Its name.
    pub name: String,
    /// Where it came in.
    pub source: String,
    /// Who brought it.
    pub received_by: String,
    /// When.
    pub received_at: DateTime<Utc>,
    /// Bytes.
    pub size: i64,
    /// With its version.
    pub format: String,
    /// Where it stands.
    pub state: String,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// The answer.
    pub verdict: Option<String>,
}

/// A file by its id.
pub async fn file_read(
    conn: &mut PgConnection,
    file: Uuid,
) -> Result<Option<FileRow>, sqlx::Error> {
    sqlx::query_as!(
        FileRow,
        "select file_id, sha256, sender, partner, name, source, received_by, received_at, size, format,
                state, state_since, verdict::text as verdict
           from statement_file where file_id = $1",
        file
    )
    .fetch_optional(conn)
    .await
}

/// The same, and nobody else steps it meanwhile.
pub async fn file_lock(
    conn: &mut PgConnection,
    file: Uuid,
) -> Result<Option<FileRow>, sqlx::Error> {
    sqlx::query_as!(
        FileRow,
        "select file_id, sha256, sender, partner, name, source, received_by, received_at, size, format,
                state, state_since, verdict::text as verdict
           from statement_file where file_id = $1 for update",
        file
    )
    .fetch_optional(conn)
    .await
}

/// Which files.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// In this state.
    pub state: Option<&'a str>,
    /// Of this partner.
    pub partner: Option<&'a str>,
    /// With a statement of this day.
    pub day: Option<NaiveDate>,
    /// Older than this one.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Files, the newest first.
pub async fn file_list(
    conn: &mut PgConnection,
    filter: &Filter<'_>,
) -> Result<Vec<FileRow>, sqlx::Error> {
    sqlx::query_as!(
        FileRow,
        "select file_id, sha256, sender, partner, name, source, received_by, received_at, size, format,
                state, state_since, verdict::text as verdict
           from statement_file f
          where ($1::text is null or state = $1)
            and ($2::text is null or partner = $2)
            and ($3::date is null
                 or exists (select from statement s where s.file_id = f.file_id and s.day = $3))
            and ($4::uuid is null or file_id < $4)
          order by file_id desc limit $5",
        filter.state,
        filter.partner,
        filter.day,
        filter.before,
        filter.limit
    )
    .fetch_all(conn)
    .await
}

/// A statement of a file.
#[derive(Debug, Clone)]
pub struct StatementRow {
    /// Its id.
    pub statement_id: Uuid,
    /// account or report.
    pub kind: String,
    /// Whose.
    pub partner: String,
    /// The account.
    pub account: String,
    /// Its id in the sender's words.
    pub reference: String,
    /// Its running number.
    pub number: Option<i64>,
    /// The business day.
    pub day: NaiveDate,
    /// ISO 4217.
    pub currency: String,
    /// Credit positive.
    pub opening: Option<Decimal>,
    /// Credit positive.
    pub closing: Option<Decimal>,
    /// How many lines.
    pub lines: i64,
    /// The sum of what is booked.
    pub total: Decimal,
    /// Where it stands.
    pub state: String,
    /// The one that it stands in for.
    pub supersedes: Option<Uuid>,
}

/// The statements of a file, in its order.
pub async fn statements_of_file(
    conn: &mut PgConnection,
    file: Uuid,
) -> Result<Vec<StatementRow>, sqlx::Error> {
    sqlx::query_as!(
        StatementRow,
        "select statement_id, kind, partner, account, reference, number, day, currency, opening,
                closing, lines, total, state, supersedes
           from statement where file_id = $1 order by place",
        file
    )
    .fetch_all(conn)
    .await
}

/// Files whose reading was broken off.
pub async fn files_unfinished(
    conn: &mut PgConnection,
    silent_since: DateTime<Utc>,
) -> Result<Vec<FileRow>, sqlx::Error> {
    sqlx::query_as!(
        FileRow,
        "select file_id, sha256, sender, partner, name, source, received_by, received_at, size, format,
                state, state_since, verdict::text as verdict
           from statement_file where state = 'received' and state_since < $1
          order by state_since limit 10",
        silent_since
    )
    .fetch_all(conn)
    .await
}

/// The files of the same sender that were not taken, have an open case, and held a statement of the
/// same kind as one of this file, with its id, or of its account and day: a corrected one may have
/// another id.
pub async fn files_rejected_before(
    conn: &mut PgConnection,
    file: Uuid,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select f.file_id
           from statement_file n
           join statement_file f on f.partner = n.partner and f.state = 'rejected'
          where n.file_id = $1 and n.partner <> ''
            and exists (select from break_case c
                         where c.file_id = f.file_id
                           and c.state in ('open', 'assigned', 'waiting'))
            and exists (select from statement s
                         where s.file_id = n.file_id
                           and (f.verdict -> 'statements' @> jsonb_build_array(
                                    jsonb_build_object('kind', s.kind, 'id', s.reference))
                                or f.verdict -> 'statements' @> jsonb_build_array(
                                    jsonb_build_object('kind', s.kind, 'account', s.account,
                                                       'to', s.day))))",
        file
    )
    .fetch_all(conn)
    .await
}

/// Other files with an open case of a gap (F04) whose statements all follow the one before them and fit
/// the one after by now, of an account that this file tells of.
pub async fn files_that_follow(
    conn: &mut PgConnection,
    file: Uuid,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select distinct c.file_id as "file!"
             from break_case c
            where c.code = 'F04' and c.state in ('open', 'assigned', 'waiting')
              and c.file_id <> $1
              and exists (select from statement s join statement n
                              on n.kind = s.kind and n.partner = s.partner and n.account = s.account
                           where s.file_id = c.file_id and s.kind = 'account'
                             and s.state in ('staged', 'booked') and n.file_id = $1)
              and not exists (
                  select from statement s
                    left join lateral (
                         select b.number, b.closing from statement b
                          where b.kind = 'account' and b.partner = s.partner
                            and b.account = s.account and b.state in ('staged', 'booked')
                            and ((b.day, coalesce(b.number, 0), b.page)
                                     < (s.day, coalesce(s.number, 0), s.page)
                                 or (b.file_id = s.file_id and b.place < s.place))
                          order by b.day desc, coalesce(b.number, 0) desc, b.page desc, b.place desc
                          limit 1) b on true
                    left join lateral (
                         select a.opening from statement a
                          where a.kind = 'account' and a.partner = s.partner
                            and a.account = s.account and a.state in ('staged', 'booked')
                            and ((a.day, coalesce(a.number, 0), a.page)
                                     > (s.day, coalesce(s.number, 0), s.page)
                                 or (a.file_id = s.file_id and a.place > s.place))
                          order by a.day, coalesce(a.number, 0), a.page, a.place limit 1) a on true
                    left join opening_balance o
                      on o.partner = s.partner and o.account = s.account
                   where s.file_id = c.file_id and s.kind = 'account'
                     and s.state in ('staged', 'booked')
                     and (s.number not in (b.number, b.number + 1, 1)
                          or s.opening <> coalesce(b.closing, o.amount)
                          or s.closing <> a.opening))"#,
        file
    )
    .fetch_all(conn)
    .await
}
