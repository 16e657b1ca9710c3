//! Every statement on files and statements. Lines stand in `store/lines.rs`, steps in
//! `store/steps.rs`, mappings and opening balances in `store/kept.rs`.

pub mod kept;
pub mod lines;
pub mod reads;
mod steps;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

pub(super) use self::steps::file_follows;
pub use self::steps::{file_of_statement, statement_booked_in, statements_step};
use super::status::{FileState, StatementState};

/// A file that came in before with the same bytes.
#[derive(Debug)]
pub struct KnownFile {
    /// Its id.
    pub file_id: Uuid,
    /// Where it stands.
    pub state: String,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// Whose it is.
    pub partner: String,
    /// The first answer.
    pub verdict: Option<String>,
}

/// The file with these bytes: what was refused last counts only when nothing was taken. A partner
/// finds its own files and those that our people have brought of it.
pub async fn file_of_content(
    conn: &mut PgConnection,
    sha256: &[u8; 32],
    sender: &str,
) -> Result<Option<KnownFile>, sqlx::Error> {
    sqlx::query_as!(
        KnownFile,
        r#"select file_id, state, state_since, partner, verdict::text as verdict
             from statement_file
            where sha256 = $1
              and (sender = $2 or $2 = '' or (partner = $2 and state <> 'rejected'))
              and (state <> 'rejected' or sender = $2)
            order by (state = 'rejected'), received_at desc limit 1"#,
        &sha256[..],
        sender
    )
    .fetch_optional(conn)
    .await
}

/// A file to be kept.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// Its id.
    pub file_id: Uuid,
    /// Of its bytes.
    pub sha256: &'a [u8; 32],
    /// The partner that sent it itself; empty: our people.
    pub sender: &'a str,
    /// Whose it was said to be; empty when nobody said.
    pub partner: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Where it came in.
    pub source: &'a str,
    /// Who brought it.
    pub received_by: &'a str,
    /// Bytes.
    pub size: i64,
}

/// Enters a file; false when the same is there.
pub async fn file_insert(
    conn: &mut PgConnection,
    file: &NewFile<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into statement_file
             (file_id, sha256, sender, name, source, received_by, received_at, size, state_since,
              partner)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9)
         on conflict (sha256, sender) where state <> 'rejected' do nothing",
        file.file_id,
        &file.sha256[..],
        file.sender,
        file.name,
        file.source,
        file.received_by,
        now,
        file.size,
        file.partner
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps pieces of the bytes; those that are there stay.
pub async fn pieces_insert(
    conn: &mut PgConnection,
    file: Uuid,
    from: i32,
    pieces: &[Vec<u8>],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into statement_file_piece (file_id, place, bytes)
         select $1, $2 + p.place::integer - 1, p.bytes
           from unnest($3::bytea[]) with ordinality p(bytes, place)
         on conflict on constraint statement_file_piece_pkey do nothing",
        file,
        from,
        pieces
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A piece of the bytes.
pub async fn piece_read(
    conn: &mut PgConnection,
    file: Uuid,
    place: i32,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        "select bytes from statement_file_piece where file_id = $1 and place = $2",
        file,
        place
    )
    .fetch_optional(conn)
    .await
}

/// So many bytes of the file are kept.
pub async fn pieces_size(conn: &mut PgConnection, file: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(length(bytes)), 0)::bigint as "size!"
             from statement_file_piece where file_id = $1"#,
        file
    )
    .fetch_one(conn)
    .await
}

/// What is known of a file once it is read.
#[derive(Debug)]
pub struct Told<'a> {
    /// Whose it is.
    pub partner: &'a str,
    /// With its version.
    pub format: &'a str,
    /// The answer, as JSON.
    pub verdict: &'a str,
}

/// Steps a file that is read, with what is now known of it; the answer as it is kept, none when it
/// does not stand there any more.
pub async fn file_told(
    conn: &mut PgConnection,
    file: Uuid,
    to: FileState,
    told: &Told<'_>,
    now: DateTime<Utc>,
) -> Result<Option<String>, sqlx::Error> {
    let kept = sqlx::query_scalar!(
        r#"update statement_file
              set state = $2, state_since = $3, partner = $4, format = $5, verdict = $6::text::jsonb
            where file_id = $1 and state = 'received'
          returning verdict::text as "verdict!""#,
        file,
        to.as_str(),
        now,
        told.partner,
        told.format,
        told.verdict
    )
    .fetch_optional(conn)
    .await?;
    Ok(kept)
}

/// Steps a file.
pub async fn file_step(
    conn: &mut PgConnection,
    file: Uuid,
    (from, to): (FileState, FileState),
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update statement_file set state = $3, state_since = $4 where file_id = $1 and state = $2",
        file,
        from.as_str(),
        to.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody is still reading it.
pub async fn file_heartbeat(
    conn: &mut PgConnection,
    file: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update statement_file set state_since = $2 where file_id = $1 and state = 'received'",
        file,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes over a file whose reading was broken off; false when another was first.
pub async fn file_take_over(
    conn: &mut PgConnection,
    file: Uuid,
    silent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update statement_file set state_since = $3
          where file_id = $1 and state = 'received' and state_since < $2",
        file,
        silent_since,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A statement to be entered.
#[derive(Debug)]
pub struct NewStatement<'a> {
    /// Its id.
    pub statement_id: Uuid,
    /// Its place in the file.
    pub place: i32,
    /// account or report.
    pub kind: &'static str,
    /// Whose.
    pub partner: &'a str,
    /// The account, as the registers write it.
    pub account: &'a str,
    /// Its id in the sender's words.
    pub reference: &'a str,
    /// Its running number.
    pub number: Option<i64>,
    /// Which of its pages.
    pub page: i64,
    /// The last day.
    pub day: NaiveDate,
    /// The first day.
    pub from_day: Option<NaiveDate>,
    /// ISO 4217.
    pub currency: &'a str,
    /// Credit positive.
    pub opening: Option<Decimal>,
    /// Credit positive.
    pub closing: Option<Decimal>,
    /// How many lines.
    pub lines: i64,
    /// How many entries.
    pub entries: i64,
    /// The sum of what is booked.
    pub total: Decimal,
    /// The one that it would stand in for.
    pub supersedes: Option<Uuid>,
}

/// Enters a statement whose lines follow. One that is there from a reading that was broken off
/// stays, but for what it would stand in for; its id.
pub async fn statement_insert(
    conn: &mut PgConnection,
    file: Uuid,
    new: &NewStatement<'_>,
    now: DateTime<Utc>,
) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into statement (statement_id, file_id, place, kind, partner, account, reference,
                                number, day, from_day, currency, opening, closing, lines, entries,
                                total, supersedes, state_since, page)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         on conflict on constraint statement_place_once do update
            set supersedes = excluded.supersedes
         returning statement_id",
        new.statement_id,
        file,
        new.place,
        new.kind,
        new.partner,
        new.account,
        new.reference,
        new.number,
        new.day,
        new.from_day,
        new.currency,
        new.opening,
        new.closing,
        new.lines,
        new.entries,
        new.total,
        new.supersedes,
        now,
        new.page
    )
    .fetch_one(conn)
    .await
}

/// Steps all statements of a file that stand somewhere; how many.
pub async fn statements_of_file_step(
    conn: &mut PgConnection,
    file: Uuid,
    (from, to): (StatementState, StatementState),
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "update statement set state = $3, state_since = $4 where file_id = $1 and state = $2",
        file,
        from.as_str(),
        to.as_str(),
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// A statement that stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its id.
    pub statement_id: Uuid,
    /// Its file's bytes.
    pub sha256: Vec<u8>,
    /// Its running number.
    pub number: Option<i64>,
    /// Which of its pages.
    pub page: i64,
    /// Its day.
    pub day: NaiveDate,
    /// Its id in the sender's words.
    pub reference: String,
    /// Credit positive.
    pub opening: Option<Decimal>,
    /// Credit positive.
    pub closing: Option<Decimal>,
}

/// The statement that stands under this id.
pub async fn statement_standing(
    conn: &mut PgConnection,
    (kind, partner): (&str, &str),
    (account, reference): (&str, &str),
) -> Result<Option<Standing>, sqlx::Error> {
    sqlx::query_as!(
        Standing,
        "select s.statement_id, f.sha256, s.number, s.page, s.day, s.reference, s.opening, s.closing
           from statement s join statement_file f using (file_id)
          where s.kind = $1 and s.partner = $2 and s.account = $3 and s.reference = $4
            and s.state in ('staged', 'booked')",
        kind,
        partner,
        account,
        reference
    )
    .fetch_optional(conn)
    .await
}

/// The statement of an account that stands next before a day, number and page, and the next after.
pub async fn statement_neighbours(
    conn: &mut PgConnection,
    (partner, account): (&str, &str),
    (day, number, page): (NaiveDate, Option<i64>, i64),
) -> Result<(Option<Standing>, Option<Standing>), sqlx::Error> {
    let before = sqlx::query_as!(
        Standing,
        "select s.statement_id, f.sha256, s.number, s.page, s.day, s.reference, s.opening, s.closing
           from statement s join statement_file f using (file_id)
          where s.kind = 'account' and s.partner = $1 and s.account = $2
            and s.state in ('staged', 'booked')
            and (s.day, coalesce(s.number, 0), s.page) < ($3, coalesce($4::bigint, 0), $5)
          order by s.day desc, coalesce(s.number, 0) desc, s.page desc limit 1",
        partner,
        account,
        day,
        number,
        page
    )
    .fetch_optional(&mut *conn)
    .await?;
    let after = sqlx::query_as!(
        Standing,
        "select s.statement_id, f.sha256, s.number, s.page, s.day, s.reference, s.opening, s.closing
           from statement s join statement_file f using (file_id)
          where s.kind = 'account' and s.partner = $1 and s.account = $2
            and s.state in ('staged', 'booked')
            and (s.day, coalesce(s.number, 0), s.page) > ($3, coalesce($4::bigint, 0), $5)
          order by s.day, coalesce(s.number, 0), s.page limit 1",
        partner,
        account,
        day,
        number,
        page
    )
    .fetch_optional(conn)
    .await?;
    Ok((before, after))
}
