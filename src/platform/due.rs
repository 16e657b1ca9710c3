//! What must be looked at again at a time. The broker keeps no timers, and no column that changes is
//! indexed on the hot tables: what has to wait gets a row here.
//!
//! A row takes its turn in a lane. Where a kind leads to partners each has one, so that what waits for
//! a partner that hangs holds up nothing that waits for another.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// The kind of the row that has an attempt asked after.
pub const QUERY: &str = "attempt.query";
/// The kind of the row that has an order taken back at its partner.
pub const CANCEL: &str = "attempt.cancel";

/// The kind of the row that has refunds opened for what is due back; the subject is the invoice.
pub const REFUND_OPEN: &str = "refund.open";

/// The kind of the row that has the refunds of a settlement looked at that was taken back.
pub const REFUND_REVERSED: &str = "refund.reversed";

/// The kind of the row that has a refund looked at that waits long for its approval.
pub const REFUND_WAITS: &str = "refund.waits";
/// The kind of the row that has a portal told once an invoice's money was seen in the bank; a trigger
/// on what was seen writes it.
pub const INVOICE_BANKED: &str = "invoice.banked";
/// The kind of the row that has a dossier system's payment looked at whose settlement was taken back.
pub const COMPAT_REVERSED: &str = "compat.reversed";

/// How long a taken row stays away (seconds): when its handler dies, it comes back.
const TAKEN_FOR_SECONDS: i32 = 120;

/// Something to be put off.
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    /// Whose turn it takes: things of one lane wait for each other and for those of no other. A kind
    /// that leads to partners has a lane for each, by its code; others have the one without a name.
    pub lane: &'a str,
    /// What.
    pub subject: Uuid,
    /// Until when.
    pub at: DateTime<Utc>,
}

/// Puts something off until a time, in the caller's transaction.
pub async fn put_in(
    conn: &mut PgConnection,
    kind: &str,
    subject: Uuid,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    put_all_in(conn, kind, &[Put { lane: "", subject, at }]).await
}

/// Puts many things off, each of them once and each until its own time.
pub async fn put_all_in(
    conn: &mut PgConnection,
    kind: &str,
    puts: &[Put<'_>],
) -> Result<(), sqlx::Error> {
    if puts.is_empty() {
        return Ok(());
    }
    let (lanes, subjects, at) = columns(puts);
    sqlx::query!(
        "insert into due (kind, lane, subject, due_at)
         select $1, p.lane, p.subject, p.at
           from unnest($2::text[], $3::uuid[], $4::timestamptz[]) p(lane, subject, at)
          order by p.subject
         on conflict on constraint due_pkey
         do update set due_at = excluded.due_at, tries = due.tries + 1",
        kind,
        &lanes,
        &subjects,
        &at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts many things off, but those that already wait.
pub async fn put_new_in(
    conn: &mut PgConnection,
    kind: &str,
    puts: &[Put<'_>],
) -> Result<(), sqlx::Error> {
    if puts.is_empty() {
        return Ok(());
    }
    let (lanes, subjects, at) = columns(puts);
    sqlx::query!(
        "insert into due (kind, lane, subject, due_at)
         select $1, p.lane, p.subject, p.at
           from unnest($2::text[], $3::uuid[], $4::timestamptz[]) p(lane, subject, at)
          order by p.subject
         on conflict on constraint due_pkey do nothing",
        kind,
        &lanes,
        &subjects,
        &at
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn columns(puts: &[Put<'_>]) -> (Vec<String>, Vec<Uuid>, Vec<DateTime<Utc>>) {
    (
        puts.iter().map(|put| put.lane.to_owned()).collect(),
        puts.iter().map(|put| put.subject).collect(),
        puts.iter().map(|put| put.at).collect(),
    )
}

/// Puts off many things that nothing was put off of before.
pub async fn put_many_in(
    conn: &mut PgConnection,
    kind: &str,
    subjects: &[Uuid],
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let puts: Vec<_> = subjects.iter().map(|s| Put { lane: "", subject: *s, at }).collect();
    put_new_in(conn, kind, &puts).await
}

/// Puts something off that is as it should be: what was tried before does not count any more.
pub async fn put_afresh_in(
    conn: &mut PgConnection,
    kind: &str,
    put: Put<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into due (kind, lane, subject, due_at) values ($1, $2, $3, $4)
         on conflict on constraint due_pkey do update set due_at = excluded.due_at, tries = 0",
        kind,
        put.lane,
        put.subject,
        put.at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes all of a kind due now; how many.
pub async fn hasten(pool: &PgPool, kind: &str, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "update due set due_at = $2 where (kind, subject) in (
            select kind, subject from due where kind = $1 and due_at > $2 for update skip locked)",
        kind,
        now
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// What waits, by kind.
#[derive(Debug)]
pub struct Waiting {
    /// The kind.
    pub kind: String,
    /// How many wait.
    pub waiting: i64,
    /// For so many seconds the longest overdue has been due; 0 when none is.
    pub overdue: i64,
}

/// How much waits.
pub async fn waiting(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"select kind, count(*) as "waiting!",
                  greatest(0, extract(epoch from $1 - min(due_at)))::bigint as "overdue!"
             from due group by kind order by kind"#,
        now
    )
    .fetch_all(pool)
    .await
}

/// Puts something off until a time unless it already waits.
pub async fn put_if_none_in(
    conn: &mut PgConnection,
    kind: &str,
    subject: Uuid,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    put_new_in(conn, kind, &[Put { lane: "", subject, at }]).await
}

/// Takes what is due of a kind without lanes, oldest first. A taken row comes back after two minutes
/// unless it is put off or done with.
pub async fn take(
    pool: &PgPool,
    kind: &str,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "update due set due_at = $2 + make_interval(secs => $4::integer)
          where (kind, subject) in (
                select kind, subject from due where kind = $1 and lane = '' and due_at <= $2
                 order by due_at limit $3 for update skip locked)
         returning subject",
        kind,
        now,
        most,
        TAKEN_FOR_SECONDS
    )
    .fetch_all(pool)
    .await
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub subject: Uuid,
    /// Whose turn it takes.
    pub lane: String,
}

/// What is due of a kind, the oldest of every lane first, at most so many of each; nothing is taken.
pub async fn look(
    conn: &mut PgConnection,
    kind: &str,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    // From lane to lane along the index: however long one is, the others are seen.
    sqlx::query_as!(
        Due,
        r#"with recursive lane as (
                (select lane from due where kind = $1 order by lane limit 1)
                union all
                select (select d.lane from due d where d.kind = $1 and d.lane > l.lane
                         order by d.lane limit 1)
                  from lane l where l.lane is not null)
         select t.subject as "subject!", l.lane as "lane!"
           from lane l
          cross join lateral (
                select d.subject from due d
                 where d.kind = $1 and d.lane = l.lane and d.due_at <= $2
                 order by d.due_at limit $3) t"#,
        kind,
        now,
        most
    )
    .fetch_all(conn)
    .await
}

/// Takes what is due of a kind, the oldest of every lane first: so many of each as are left of
/// `most` beside those that are under way there. A taken row comes back after two minutes unless it is
/// put off or done with.
pub async fn take_by_lane(
    conn: &mut PgConnection,
    kind: &str,
    now: DateTime<Utc>,
    most: i64,
    under_way: &BTreeMap<String, i64>,
) -> Result<Vec<Due>, sqlx::Error> {
    let lanes: Vec<String> = under_way.keys().cloned().collect();
    let counts: Vec<i64> = under_way.values().copied().collect();
    sqlx::query_as!(
        Due,
        r#"with recursive lane as (
                (select lane from due where kind = $1 order by lane limit 1)
                union all
                select (select d.lane from due d where d.kind = $1 and d.lane > l.lane
                         order by d.lane limit 1)
                  from lane l where l.lane is not null),
         turn as materialized (
                select t.kind, t.subject
                  from lane l
                  left join unnest($5::text[], $6::bigint[]) w(lane, count) on w.lane = l.lane
                 cross join lateral (
                       select d.kind, d.subject from due d
                        where d.kind = $1 and d.lane = l.lane and d.due_at <= $2
                        order by d.due_at limit greatest(0, $3 - coalesce(w.count, 0))
                          for update skip locked) t)
         update due set due_at = $2 + make_interval(secs => $4::integer)
          where (kind, subject) in (select kind, subject from turn)
         returning subject, lane"#,
        kind,
        now,
        most,
        TAKEN_FOR_SECONDS,
        &lanes,
        &counts
    )
    .fetch_all(conn)
    .await
}

/// How often something was put off.
pub async fn tries(conn: &mut PgConnection, kind: &str, subject: Uuid) -> Result<i32, sqlx::Error> {
    let tries = sqlx::query_scalar!(
        "select tries from due where kind = $1 and subject = $2",
        kind,
        subject
    )
    .fetch_optional(conn)
    .await?;
    Ok(tries.unwrap_or(0))
}

/// Which of some things were put off until later than now.
pub async fn put_off_of(
    conn: &mut PgConnection,
    kind: &str,
    subjects: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        "select subject from due where kind = $1 and subject = any($2) and due_at > $3",
        kind,
        subjects,
        now
    )
    .fetch_all(conn)
    .await
}

/// Done with.
pub async fn done_in(
    conn: &mut PgConnection,
    kind: &str,
    subjects: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from due where kind = $1 and subject = any($2)", kind, subjects)
        .execute(conn)
        .await?;
    Ok(())
}

/// Where a sweep has got to; the beginning of time when it never ran.
pub async fn watermark(pool: &PgPool, name: &str) -> Result<DateTime<Utc>, sqlx::Error> {
    let at = sqlx::query_scalar!("select at from watermark where name = $1", name)
        .fetch_optional(pool)
        .await?;
    Ok(at.unwrap_or(DateTime::UNIX_EPOCH))
}

/// Moves a sweep's mark on, never back.
pub async fn watermark_set(
    pool: &PgPool,
    name: &str,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into watermark as w (name, at) values ($1, $2)
         on conflict on constraint watermark_pkey do update set at = greatest(w.at, excluded.at)",
        name,
        at
    )
    .execute(pool)
    .await?;
    Ok(())
}
