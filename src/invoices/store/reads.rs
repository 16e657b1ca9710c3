//! Reads of the searches, the feed and the sweeps.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::vocabulary::ids::InvoiceId;

/// Which invoices a search is after.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The portal that asks.
    pub portal: &'a str,
    /// Of one status only.
    pub status: Option<&'a str>,
    /// Issued at or after.
    pub from: DateTime<Utc>,
    /// Issued before this invoice of this instant.
    pub before: (DateTime<Utc>, Uuid),
    /// How many at most.
    pub limit: i64,
}

/// Invoices of one dossier, the newest issued first: id and time of issue.
pub async fn found_by_dossier(
    conn: &mut PgConnection,
    dossier: &str,
    wanted: &Wanted<'_>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    sqlx::query!(
        "select invoice_id, issued_at from invoice
                  where dossier = $1 and portal = $2 and ($3::text is null or status = $3)
                    and issued_at >= $4 and (issued_at, invoice_id) < ($5, $6)
                  order by issued_at desc, invoice_id desc limit $7",
        dossier,
        wanted.portal,
        wanted.status,
        wanted.from,
        wanted.before.0,
        wanted.before.1,
        wanted.limit
    )
    .map(|r| (r.invoice_id, r.issued_at))
    .fetch_all(conn)
    .await
}

/// Invoices of a time, the newest issued first: id and time of issue.
pub async fn found_by_time(
    conn: &mut PgConnection,
    wanted: &Wanted<'_>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    sqlx::query!(
        "select invoice_id, issued_at from invoice
                  where portal = $1 and issued_at >= $2 and issued_at <= $3
                    and ($4::text is null or status = $4)
                    and (issued_at, invoice_id) < ($3, $5)
                  order by issued_at desc, invoice_id desc limit $6",
        wanted.portal,
        wanted.from,
        wanted.before.0,
        wanted.status,
        wanted.before.1,
        wanted.limit
    )
    .map(|r| (r.invoice_id, r.issued_at))
    .fetch_all(conn)
    .await
}

/// A step of an invoice.
#[derive(Debug)]
pub struct StepRow {
    /// Where it stands among all events: transaction and number.
    pub place: (u64, i64),
    /// What.
    pub kind: String,
    /// When.
    pub made_at: DateTime<Utc>,
    /// The invoice.
    pub invoice: Uuid,
    /// The place in the invoice's life.
    pub sequence: Option<i32>,
    /// Who.
    pub actor: String,
    /// What was written with it.
    pub body: String,
}

/// Steps of a portal's invoices after a place, of transactions below `below`.
pub async fn steps_after(
    conn: &mut PgConnection,
    portal: &str,
    after: (u64, i64),
    below: String,
    limit: i64,
) -> Result<Vec<StepRow>, sqlx::Error> {
    sqlx::query!(
        r#"select made_by_tx::text as "tx!", event_id, kind, made_at, invoice_id as "invoice_id!",
                  sequence, actor, body
             from event
            where portal = $1 and invoice_id is not null
              and (made_by_tx, event_id) > ($2::text::xid8, $3) and made_by_tx < $4::text::xid8
            order by made_by_tx, event_id limit $5"#,
        portal,
        after.0.to_string(),
        after.1,
        below,
        limit
    )
    .try_map(|row| {
        let tx = row.tx.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        Ok(StepRow {
            place: (tx, row.event_id),
            kind: row.kind,
            made_at: row.made_at,
            invoice: row.invoice_id,
            sequence: row.sequence,
            actor: row.actor,
            body: row.body,
        })
    })
    .fetch_all(conn)
    .await
}

/// The steps of one invoice, the first thousand.
pub async fn steps_of(
    conn: &mut PgConnection,
    invoice: InvoiceId,
) -> Result<Vec<StepRow>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select kind, made_at, invoice_id as "invoice_id!", sequence, actor, body
             from event where invoice_id = $1 order by made_at, event_id limit 1000"#,
        invoice.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StepRow {
            place: (0, 0),
            kind: row.kind,
            made_at: row.made_at,
            invoice: row.invoice_id,
            sequence: row.sequence,
            actor: row.actor,
            body: row.body,
        })
        .collect())
}

/// An invoice whose time is over.
#[derive(Debug)]
pub struct Overdue {
    /// Which.
    pub id: Uuid,
    /// Since when.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub status: String,
}

/// What expires after a place in (time, id) and not after a time, in that order.
pub async fn expiring_between(
    pool: &PgPool,
    after: (DateTime<Utc>, Uuid),
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Overdue>, sqlx::Error> {
    sqlx::query!(
        "select invoice_id, expires_at, status from invoice
          where (expires_at, invoice_id) > ($1, $2) and expires_at <= $3
          order by expires_at, invoice_id limit $4",
        after.0,
        after.1,
        until,
        limit
    )
    .map(|r| Overdue { id: r.invoice_id, expires_at: r.expires_at, status: r.status })
    .fetch_all(pool)
    .await
}

/// An attempt that may still bring money.
#[derive(Debug)]
pub struct LiveAttempt {
    /// Its invoice.
    pub invoice: Uuid,
    /// Which.
    pub id: Uuid,
    /// Through whom.
    pub partner: String,
}

/// Attempts that may still bring money, with their invoices: sent, or lost from sight, or waiting
/// for a payer at a partner's own page until shortly ago.
pub async fn live_attempts(
    conn: &mut PgConnection,
    invoices: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<LiveAttempt>, sqlx::Error> {
    sqlx::query_as!(
        LiveAttempt,
        "select invoice_id as invoice, attempt_id as id, partner from attempt
          where invoice_id = any($1)
            and (status in ('sent', 'unknown')
                 or (status = 'awaiting_payer' and instruction->>'pay_url' is not null
                     and expires_at > $2::timestamptz - interval '20 minutes'))",
        invoices,
        now
    )
    .fetch_all(conn)
    .await
}

/// Which of some attempts have not ended.
pub async fn attempts_living(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    // Looked up one by one: a plan made while there were no attempts would read them all.
    let living = sqlx::query_scalar!(
        "select a.attempt_id from unnest($1::uuid[]) k(id)
          cross join lateral (
                select attempt_id, status from attempt where attempt_id = k.id offset 0) a
          where a.status not in ('succeeded', 'failed', 'expired')",
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(living.into_iter().collect())
}

/// A page of attempts in the order of their ids, and which of them nothing has come of. Ids begin
/// with their time, so a range walks the primary key; the page is bounded by rows read, not by rows
/// found, so that it never takes long.
pub async fn attempts_unsent(
    pool: &PgPool,
    between: (Uuid, Uuid),
    partners: &[String],
    page: i64,
) -> Result<(Vec<Uuid>, Option<Uuid>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"select attempt_id, (status in ('created', 'sent') and partner = any($3)) as "unsent!"
             from attempt where attempt_id > $1 and attempt_id < $2
            order by attempt_id limit $4"#,
        between.0,
        between.1,
        partners,
        page
    )
    .fetch_all(pool)
    .await?;
    let full = i64::try_from(rows.len()).unwrap_or(0) == page;
    let last = rows.last().map(|r| r.attempt_id).filter(|_| full);
    Ok((rows.into_iter().filter(|r| r.unsent).map(|r| r.attempt_id).collect(), last))
}

/// Attempts that nobody can say anything of, whose invoices have an open case, and their partners.
pub async fn attempts_with_case(
    conn: &mut PgConnection,
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    sqlx::query!(
        "select attempt_id, partner from attempt
          where status in ('sent', 'unknown')
            and invoice_id in (select invoice_id from break_case
                                where state in ('open', 'assigned', 'waiting') and code = 'B04')
          order by attempt_id"
    )
    .map(|row| (row.attempt_id, row.partner))
    .fetch_all(conn)
    .await
}

/// Attempts made since a time, by state: how many, and the oldest. Ids begin with their time, so
/// that the range walks the primary key.
pub async fn attempts_by_state(
    pool: &PgPool,
    since: DateTime<Utc>,
) -> Result<Vec<(String, i64, DateTime<Utc>)>, sqlx::Error> {
    let milliseconds = u64::try_from(since.timestamp_millis()).unwrap_or(0);
    let first = uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid();
    sqlx::query!(
        r#"select status, count(*) as "waiting!", min(created_at) as "oldest!" from attempt
            where attempt_id >= $1 and status in ('created', 'sent', 'awaiting_payer', 'unknown')
            group by status"#,
        first
    )
    .map(|row| (row.status, row.waiting, row.oldest))
    .fetch_all(pool)
    .await
}

/// Open invoices whose time was over between two times: how many, and for how many seconds.
pub async fn invoices_overdue(
    pool: &PgPool,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "waiting!",
                  coalesce(extract(epoch from $2 - min(expires_at)), 0)::bigint as "overdue!"
             from invoice
            where expires_at >= $1 and expires_at <= $2 and status in ('issued', 'pending')"#,
        since,
        now
    )
    .fetch_one(pool)
    .await?;
    Ok((row.waiting, row.overdue))
}

/// How far the money of paid invoices has come, where further than reported: `banked` when every
/// settlement that paid it was seen in the bank, `remitted` when every line was paid over as well.
/// The least advanced part counts.
pub async fn cash_of(
    conn: &mut PgConnection,
    invoices: &[Uuid],
) -> Result<Vec<(Uuid, bool)>, sqlx::Error> {
    sqlx::query!(
        r#"select i.invoice_id as "invoice!",
                  not exists (
                      select from generate_series(1, jsonb_array_length(i.lines)) l(line)
                       where not exists (select from line_paid_over o
                                          where o.invoice_id = i.invoice_id and o.line = l.line)
                          or exists (select from line_in_payover g
                                      where g.invoice_id = i.invoice_id and g.line = l.line))
                      as "remitted!"
             from unnest($1::uuid[]) wanted(id)
             join lateral (select v.invoice_id, v.lines, v.cycle from invoice v
                            where v.invoice_id = wanted.id and v.status = 'paid' offset 0) i on true
            where exists (select from settlement s
                           where s.invoice_id = i.invoice_id and s.applied_cycle = i.cycle)
              and not exists (
                  select from settlement s
                   where s.invoice_id = i.invoice_id
                     and (s.applied_cycle = i.cycle or s.outcome = 'held')
                     and not exists (select from reversal r where r.settlement_id = s.settlement_id)
                     and not exists (select from settlement_banked b
                                      where b.settlement_id = s.settlement_id))"#,
        invoices
    )
    .map(|row| (row.invoice, row.remitted))
    .fetch_all(conn)
    .await
}
