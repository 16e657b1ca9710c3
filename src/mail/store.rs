//! Every statement on mail.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::vocabulary::ids::InvoiceId;

/// A mail that is to be written down.
#[derive(Debug)]
pub struct NewMail {
    /// Its id.
    pub id: Uuid,
    /// What it confirms.
    pub invoice: InvoiceId,
    /// Which payment of it.
    pub cycle: i32,
    /// By ourselves, once, or because a payer asked.
    pub automatic: bool,
    /// Where it goes.
    pub address_sealed: Vec<u8>,
}

/// Writes a mail down, due at once; one that was written by ourselves before stays as it is.
pub async fn mail_insert(
    conn: &mut PgConnection,
    mail: &NewMail,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into mail (mail_id, invoice_id, cycle, automatic, address_sealed, asked_at, next_at)
         values ($1, $2, $3, $4, $5, $6, $6)
         on conflict (invoice_id, cycle) where automatic do nothing",
        mail.id,
        mail.invoice.0,
        mail.cycle,
        mail.automatic,
        mail.address_sealed,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many mails payers have asked for of an invoice since a time.
pub async fn mails_asked(
    conn: &mut PgConnection,
    invoice: InvoiceId,
    since: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "asked!" from mail
            where invoice_id = $1 and asked_at > $2 and not automatic"#,
        invoice.0,
        since
    )
    .fetch_one(conn)
    .await
}

/// A mail that is to be sent now.
#[derive(Debug)]
pub struct DueMail {
    /// Its id.
    pub id: Uuid,
    /// What it confirms.
    pub invoice: InvoiceId,
    /// Which payment of it.
    pub cycle: i32,
    /// Where it goes.
    pub address_sealed: Vec<u8>,
    /// The number of this try, from 1.
    pub tries: i32,
}

/// Claims what is due, oldest first: it comes back at `until` unless its end is written before.
pub async fn mails_claim(
    pool: &PgPool,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    most: i64,
) -> Result<Vec<DueMail>, sqlx::Error> {
    sqlx::query!(
        r#"update mail set next_at = $2, tries = tries + 1
            where mail_id in (select mail_id from mail where state = 'due' and next_at <= $1
                               order by next_at limit $3 for update skip locked)
           returning mail_id, invoice_id, cycle, address_sealed as "address_sealed!", tries"#,
        now,
        until,
        most
    )
    .map(|row| DueMail {
        id: row.mail_id,
        invoice: InvoiceId(row.invoice_id),
        cycle: row.cycle,
        address_sealed: row.address_sealed,
        tries: row.tries,
    })
    .fetch_all(pool)
    .await
}

/// Puts a mail off.
pub async fn mail_retry(
    pool: &PgPool,
    id: Uuid,
    at: DateTime<Utc>,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update mail set next_at = $2, last_error = $3 where mail_id = $1 and state = 'due'",
        id,
        at,
        error
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Ends a mail, `sent` or `failed`; its address goes.
pub async fn mail_end(
    pool: &PgPool,
    id: Uuid,
    state: &str,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update mail set state = $2, next_at = null, ended_at = $4, address_sealed = null,
                         last_error = $3
          where mail_id = $1 and state = 'due'",
        id,
        state,
        error,
        now
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Makes all that a server did not take and that wait for another try due now; how many. One that is
/// being tried again at this moment may go twice, with one `Message-ID`.
pub async fn mails_hasten(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "update mail set next_at = $1 where mail_id in (
             select mail_id from mail where state = 'due' and next_at > $1 and last_error is not null
                for update skip locked)",
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// How many mails wait, and for how many seconds the longest overdue.
pub async fn mails_waiting(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query!(
        r#"select count(*) as "waiting!",
                  coalesce(greatest(0, extract(epoch from $1 - min(next_at))), 0)::bigint
                      as "overdue!"
             from mail where state = 'due'"#,
        now
    )
    .map(|row| (row.waiting, row.overdue))
    .fetch_one(conn)
    .await
}

/// Forgets mails that ended long ago, in small steps.
pub async fn mails_prune(pool: &PgPool, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from mail where mail_id in (
             select mail_id from mail where state <> 'due' and ended_at < $1 limit 2000)",
        before
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Locks the mark up to which payments have been looked at. The first time it is set to now: who
/// paid before there was mail is not written to.
pub async fn progress_lock(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query!(
        "insert into mail_progress (batch_id)
         select coalesce(max(batch_id), 0) from event_batch
         on conflict on constraint mail_progress_pkey do nothing"
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query_scalar!("select batch_id from mail_progress for update").fetch_one(conn).await
}

/// The last of the next `most` batches after one; none when there is none.
pub async fn batch_after(
    conn: &mut PgConnection,
    after: i64,
    most: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "select max(n.batch_id) from (
             select batch_id from event_batch where batch_id > $1 order by batch_id limit $2) n",
        after,
        most
    )
    .fetch_one(conn)
    .await
}

/// Invoices that were paid in batches after one and up to another, with the address that the portal
/// named.
pub async fn paid_between(
    conn: &mut PgConnection,
    after: i64,
    upto: i64,
) -> Result<Vec<(InvoiceId, i32, String)>, sqlx::Error> {
    sqlx::query!(
        r#"select distinct i.invoice_id, i.cycle, i.payer->>'email' as "email!"
             from event_batch b
             join event e on e.made_by_tx >= b.from_tx and e.made_by_tx < b.to_tx
             join invoice i on i.invoice_id = e.invoice_id
            where b.batch_id > $1 and b.batch_id <= $2
              and b.era = (select era from installation)
              and e.kind = 'invoice.paid' and i.status = 'paid' and i.payer->>'email' is not null"#,
        after,
        upto
    )
    .map(|row| (InvoiceId(row.invoice_id), row.cycle, row.email))
    .fetch_all(conn)
    .await
}

/// Moves the mark on.
pub async fn progress_set(conn: &mut PgConnection, batch: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("update mail_progress set batch_id = $1", batch).execute(conn).await?;
    Ok(())
}
