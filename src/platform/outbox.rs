//! The outbox: a message to other rooms, written in the transaction of the change it tells of.
//!
//! A row is a thin pointer; the consumer reads what it points to. Only kinds that the topology
//! table ([`super::broker`]) routes somewhere get a row.

use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

/// Wakes the relay of this process after a commit that wrote to the outbox.
pub static WRITTEN: Notify = Notify::const_new();

crate::text_enum! {
    /// What a message says.
    pub enum MessageKind ("message kind") {
        /// An order shall be made known to a partner; the subject is the attempt.
        CollectionRequested = "collection.requested",
        /// A portal shall be told of a step; the subject is the invoice, with the step's sequence.
        NoticeDue = "notice.due",
        /// A refund shall be carried out by a partner's call; the subject is the refund.
        RefundApproved = "refund.approved",
    }
}

/// A message to be written.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it says.
    pub kind: MessageKind,
    /// The partner, for what goes to a bank; empty otherwise.
    pub route: String,
    /// What it is about.
    pub subject: Uuid,
    /// The step of the subject; 0 when it has none.
    pub sequence: i32,
    /// The trace that the message continues (W3C `traceparent`), or empty.
    pub trace: String,
}

/// Writes messages, in one statement, in the caller's transaction.
pub async fn record_in(
    conn: &mut PgConnection,
    messages: &[Message],
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let kind: Vec<_> = messages.iter().map(|m| m.kind.as_str().to_owned()).collect();
    let route: Vec<_> = messages.iter().map(|m| m.route.clone()).collect();
    let subject: Vec<_> = messages.iter().map(|m| m.subject).collect();
    let sequence: Vec<_> = messages.iter().map(|m| m.sequence).collect();
    let trace: Vec<_> = messages.iter().map(|m| m.trace.clone()).collect();
    sqlx::query!(
        "insert into outbox (kind, route, subject, sequence, trace, made_at)
         select m.*, $6 from unnest($1::text[], $2::text[], $3::uuid[], $4::integer[], $5::text[]) m",
        &kind,
        &route,
        &subject,
        &sequence,
        &trace,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A row as the relay reads it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its number.
    pub outbox_id: i64,
    /// The message's kind.
    pub kind: String,
    /// The partner, or empty.
    pub route: String,
    /// What it is about.
    pub subject: Uuid,
    /// The step of the subject.
    pub sequence: i32,
    /// The trace, or empty.
    pub trace: String,
}

/// The oldest rows after one and without some, at most `most`. They are not locked: who reads them
/// twice sends them twice, and the consumers absorb it.
pub async fn oldest(
    conn: &mut PgConnection,
    after: i64,
    but: &[i64],
    most: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        "select outbox_id, kind, route, subject, sequence, trace from outbox
          where outbox_id > $1 and outbox_id <> all($2) order by outbox_id limit $3",
        after,
        but,
        most
    )
    .fetch_all(conn)
    .await
}

/// Which transactions run.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    /// All before this one have ended.
    pub oldest: i64,
    /// This one, and all after it, have not begun.
    pub next: i64,
}

/// Which transactions run now.
pub async fn running(conn: &mut PgConnection) -> Result<Running, sqlx::Error> {
    sqlx::query_as!(
        Running,
        r#"select pg_snapshot_xmin(s)::text::bigint as "oldest!",
                  pg_snapshot_xmax(s)::text::bigint as "next!"
             from pg_current_snapshot() s"#
    )
    .fetch_one(conn)
    .await
}

/// Deletes rows that the broker has confirmed.
pub async fn delete(conn: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from outbox where outbox_id = any($1)", ids).execute(conn).await?;
    Ok(())
}

/// How many wait, counted up to 100,000, and since how many seconds the oldest does.
pub async fn depth(pool: &sqlx::PgPool) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "waiting!",
                  coalesce(extract(epoch from statement_timestamp() - min(made_at))::bigint, 0) as "age!"
             from (select made_at from outbox order by outbox_id limit 100000) o"#
    )
    .fetch_one(pool)
    .await?;
    Ok((row.waiting, row.age))
}
