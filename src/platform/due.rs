//! What must be looked at again at a time. The broker keeps no timers, and no column that changes is
//! indexed on the hot tables: what has to wait gets a row here.

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

/// How long a taken row stays away: when its handler dies, it comes back.
const TAKEN_FOR_SECONDS: i32 = 120;

/// Puts something off until a time, in the caller's transaction.
pub async fn put_in(
    conn: &mut PgConnection,
    kind: &str,
    subject: Uuid,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into due (kind, subject, due_at) values ($1, $2, $3)
         on conflict on constraint due_pkey do update set due_at = excluded.due_at, tries = due.tries + 1",
        kind,
        subject,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts off many things that nothing was put off of before.
pub async fn put_many_in(
    conn: &mut PgConnection,
    kind: &str,
    subjects: &[Uuid],
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if subjects.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into due (kind, subject, due_at)
         select $1, s.subject, $3 from unnest($2::uuid[]) s(subject) order by s.subject
         on conflict on constraint due_pkey do nothing",
        kind,
        subjects,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts something off that is as it should be: what was tried before does not count any more.
pub async fn put_afresh_in(
    conn: &mut PgConnection,
    kind: &str,
    subject: Uuid,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into due (kind, subject, due_at) values ($1, $2, $3)
         on conflict on constraint due_pkey do update set due_at = excluded.due_at, tries = 0",
        kind,
        subject,
        at
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
    sqlx::query!(
        "insert into due (kind, subject, due_at) values ($1, $2, $3)
         on conflict on constraint due_pkey do nothing",
        kind,
        subject,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes what is due, oldest first. A taken row comes back after two minutes unless it is put off
/// or done with.
pub async fn take(
    pool: &PgPool,
    kind: &str,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "update due set due_at = $2 + make_interval(secs => $4::integer)
          where (kind, subject) in (
                select kind, subject from due where kind = $1 and due_at <= $2
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
