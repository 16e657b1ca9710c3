//! The sequencer: gives committed steps their final order, after commit.
//!
//! Numbers drawn inside transactions commit out of order, so nothing may be read "after the last
//! number". The one leader takes half-open intervals of transaction numbers whose upper end no
//! running transaction is below; within them the order is (transaction, event). Each batch carries
//! a SHA-256 over the batch before it and all its events, so that no step can be changed, added or
//! taken away without a trace.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::lease;
use crate::vocabulary::clock::SharedClock;

const LEASE: &str = "sequencer";
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Events of one read.
const CHUNK: i64 = 5000;

/// Runs until `stop`.
pub async fn run(pool: PgPool, clock: SharedClock, holder: String, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sequence_once(&pool, &clock, &holder).await {
            tracing::warn!(%error, "sequencing failed; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Makes one batch of what is committed by now, if anything is; the number of its events.
pub async fn sequence_once(
    pool: &PgPool,
    clock: &SharedClock,
    holder: &str,
) -> Result<usize, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    let Some(fence) = lease::take(&mut conn, LEASE, holder).await? else { return Ok(0) };
    let last = last_batch(&mut conn).await?;
    let to_tx =
        sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "xmin!""#)
            .fetch_one(&mut *conn)
            .await?;
    let mut chain = Chain::begin(&last, &to_tx);
    let mut after: Option<(String, i64)> = None;
    loop {
        let rows = events_between(&mut conn, &last.to_tx, &to_tx, after.as_ref(), CHUNK).await?;
        for row in &rows {
            chain.take(row);
        }
        match rows.last() {
            Some(row) if i64::try_from(rows.len()).unwrap_or(0) == CHUNK => {
                after = Some((row.made_by_tx.clone(), row.event_id));
            }
            _ => break,
        }
    }
    let (count, digest) = chain.end();
    if count == 0 {
        return Ok(0);
    }
    let written = sqlx::query!(
        "insert into event_batch
            (batch_id, era, from_tx, to_tx, first_number, events, digest, made_at, fence)
         select $1, $2, $3::text::xid8, $4::text::xid8, $5, $6, $7, $8, $9
          where (select fence from lease where name = $10) = $9",
        last.batch_id + 1,
        last.era,
        last.to_tx,
        to_tx,
        last.next_number,
        i32::try_from(count).unwrap_or(i32::MAX),
        &digest[..],
        clock.now(),
        fence,
        LEASE,
    )
    .execute(&mut *conn)
    .await?;
    metrics::counter!("payclear_events_sequenced_total").increment(count as u64);
    Ok(if written.rows_affected() == 1 { count } else { 0 })
}

/// The end of the chain so far.
#[derive(Debug, Clone)]
pub struct LastBatch {
    /// Its number; 0 when there is none yet.
    pub batch_id: i64,
    /// The database's life.
    pub era: i32,
    /// Where the next interval begins.
    pub to_tx: String,
    /// The number of the next event.
    pub next_number: i64,
    /// The digest to chain to.
    pub digest: Vec<u8>,
}

/// Reads the end of the chain.
pub async fn last_batch(conn: &mut PgConnection) -> Result<LastBatch, sqlx::Error> {
    let era = sqlx::query_scalar!("select era from installation").fetch_one(&mut *conn).await?;
    let row = sqlx::query!(
        r#"select batch_id, to_tx::text as "to_tx!", first_number + events as "next!", digest
             from event_batch where era = $1 order by batch_id desc limit 1"#,
        era
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(row) = row {
        return Ok(LastBatch {
            batch_id: row.batch_id,
            era,
            to_tx: row.to_tx,
            next_number: row.next,
            digest: row.digest,
        });
    }
    // The first of this life of the database: numbers go on, transactions begin anew.
    let before = sqlx::query!(
        r#"select coalesce(max(batch_id), 0) as "batch!",
                          coalesce(max(first_number + events), 1) as "next!" from event_batch"#
    )
    .fetch_one(conn)
    .await?;
    Ok(LastBatch {
        batch_id: before.batch,
        era,
        to_tx: "0".to_owned(),
        next_number: before.next,
        digest: vec![0; 32],
    })
}

/// An event as the chain takes it in.
#[derive(Debug, Clone)]
pub struct ChainedEvent {
    /// The transaction that made it.
    pub made_by_tx: String,
    /// Its number within the database.
    pub event_id: i64,
    /// When.
    pub made_at: DateTime<Utc>,
    /// What.
    pub kind: String,
    /// Whose feed.
    pub portal: Option<String>,
    /// Whose money.
    pub agency: Option<String>,
    /// Which invoice.
    pub invoice_id: Option<uuid::Uuid>,
    /// Which step of it.
    pub sequence: Option<i32>,
    /// Who.
    pub actor: String,
    /// The JSON text.
    pub body: String,
}

/// Events of an interval of transactions, in their final order.
pub async fn events_between(
    conn: &mut PgConnection,
    from_tx: &str,
    to_tx: &str,
    after: Option<&(String, i64)>,
    most: i64,
) -> Result<Vec<ChainedEvent>, sqlx::Error> {
    // One lower bound only: beside a second one PostgreSQL may begin at either, and the lower of
    // two is the beginning of all events. Ids begin at 1.
    let (after_tx, after_id) = after.map_or((from_tx, 0), |(tx, id)| (tx.as_str(), *id));
    sqlx::query_as!(
        ChainedEvent,
        r#"select made_by_tx::text as "made_by_tx!", event_id, made_at, kind, portal, agency,
                  invoice_id, sequence, actor, body
             from event
            where (made_by_tx, event_id) > ($1::text::xid8, $2) and made_by_tx < $3::text::xid8
            order by made_by_tx, event_id limit $4"#,
        after_tx,
        after_id,
        to_tx,
        most
    )
    .fetch_all(conn)
    .await
}

/// The digest of a batch while its events come in.
pub struct Chain {
    hash: Sha256,
    count: usize,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain({})", self.count)
    }
}

impl Chain {
    /// Begins a batch after `last`, up to `to_tx`.
    pub fn begin(last: &LastBatch, to_tx: &str) -> Self {
        let mut chain = Self { hash: Sha256::new(), count: 0 };
        chain.field(&last.digest);
        chain.field(&last.era.to_be_bytes());
        chain.field(last.to_tx.as_bytes());
        chain.field(to_tx.as_bytes());
        chain
    }

    /// Takes an event in: every field with its length in front, so that nothing can be moved from
    /// one field to the next.
    pub fn take(&mut self, event: &ChainedEvent) {
        self.field(event.made_by_tx.as_bytes());
        self.field(&event.event_id.to_be_bytes());
        self.field(&event.made_at.timestamp_micros().to_be_bytes());
        self.field(event.kind.as_bytes());
        self.optional(event.portal.as_deref().map(str::as_bytes));
        self.optional(event.agency.as_deref().map(str::as_bytes));
        self.optional(event.invoice_id.as_ref().map(|i| &i.as_bytes()[..]));
        self.optional(event.sequence.map(i32::to_be_bytes).as_ref().map(|s| &s[..]));
        self.field(event.actor.as_bytes());
        self.field(event.body.as_bytes());
        self.count += 1;
    }

    /// The number of events, and the digest.
    pub fn end(self) -> (usize, [u8; 32]) {
        (self.count, self.hash.finalize().into())
    }

    fn field(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.hash.update([1]);
                self.field(bytes);
            }
            None => self.hash.update([0]),
        }
    }
}
