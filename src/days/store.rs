//! Every statement on days, preparations and snapshots.

pub mod banks;
pub mod files;
pub mod keys;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::status::DayStatus;

/// A day as it is kept.
#[derive(Debug, Clone)]
pub struct Day {
    /// Which.
    pub day: NaiveDate,
    /// Where it stands.
    pub status: DayStatus,
    /// Since when.
    pub status_since: DateTime<Utc>,
    /// Rises with each reopening.
    pub revision: i32,
    /// Who prepared it.
    pub prepared_by: Option<String>,
    /// What was prepared.
    pub preparation: Option<Uuid>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Who wants it open again.
    pub reopen_by: Option<String>,
    /// Why.
    pub reopen_reason: Option<String>,
}

struct Row {
    day: NaiveDate,
    status: String,
    status_since: DateTime<Utc>,
    revision: i32,
    prepared_by: Option<String>,
    preparation_id: Option<Uuid>,
    approved_by: Option<String>,
    reopen_by: Option<String>,
    reopen_reason: Option<String>,
}

impl TryFrom<Row> for Day {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            day: row.day,
            status: row.status.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
            status_since: row.status_since,
            revision: row.revision,
            prepared_by: row.prepared_by,
            preparation: row.preparation_id,
            approved_by: row.approved_by,
            reopen_by: row.reopen_by,
            reopen_reason: row.reopen_reason,
        })
    }
}

/// Opens the days from one to another that are not there yet; how many.
pub async fn days_open(
    conn: &mut PgConnection,
    (from, to): (NaiveDate, NaiveDate),
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "insert into business_day (day, opened_at, status_since)
         select d::date, $3, $3 from generate_series($1::date, $2::date, interval '1 day') d
         on conflict (day) do nothing",
        from,
        to,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// The first and the last day that there are.
pub async fn days_span(
    conn: &mut PgConnection,
) -> Result<Option<(NaiveDate, NaiveDate)>, sqlx::Error> {
    let row = sqlx::query!("select min(day) as first, max(day) as last from business_day")
        .fetch_one(conn)
        .await?;
    Ok(row.first.zip(row.last))
}

/// One day.
pub async fn day_read(conn: &mut PgConnection, day: NaiveDate) -> Result<Option<Day>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "select day, status, status_since, revision, prepared_by, preparation_id, approved_by,
                reopen_by, reopen_reason
           from business_day where day = $1",
        day
    )
    .fetch_optional(conn)
    .await?;
    row.map(Day::try_from).transpose()
}

/// The same, locked until the transaction ends.
pub async fn day_lock(conn: &mut PgConnection, day: NaiveDate) -> Result<Option<Day>, sqlx::Error> {
    sqlx::query_scalar!("select day from business_day where day = $1 for update", day)
        .fetch_optional(&mut *conn)
        .await?;
    day_read(conn, day).await
}

/// Days, the newest first.
pub async fn days_list(
    conn: &mut PgConnection,
    before: Option<NaiveDate>,
    limit: i64,
) -> Result<Vec<Day>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "select day, status, status_since, revision, prepared_by, preparation_id, approved_by,
                reopen_by, reopen_reason
           from business_day where $1::date is null or day < $1 order by day desc limit $2",
        before,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Day::try_from).collect()
}

/// Days that have not been prepared, up to one, the oldest first.
pub async fn days_unprepared(
    conn: &mut PgConnection,
    until: NaiveDate,
    most: i64,
) -> Result<Vec<Day>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "select day, status, status_since, revision, prepared_by, preparation_id, approved_by,
                reopen_by, reopen_reason
           from business_day
          where day <= $1 and status in ('open', 'files_complete', 'matched', 'reopened')
          order by day limit $2",
        until,
        most
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Day::try_from).collect()
}

/// The oldest day that is not closed.
pub async fn first_unclosed(conn: &mut PgConnection) -> Result<Option<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar!(
        "select min(day) from business_day where status not in ('closed', 'reopen_requested')"
    )
    .fetch_one(conn)
    .await
}

/// Writes a step down as it stands in memory; `false` when the day does not stand where it was read.
pub async fn day_step(
    conn: &mut PgConnection,
    day: &Day,
    from: DayStatus,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update business_day
            set status = $3, status_since = $4, revision = $5, prepared_by = $6,
                preparation_id = $7, approved_by = $8, reopen_by = $9, reopen_reason = $10
          where day = $1 and status = $2",
        day.day,
        from.as_str(),
        day.status.as_str(),
        day.status_since,
        day.revision,
        day.prepared_by,
        day.preparation,
        day.approved_by,
        day.reopen_by,
        day.reopen_reason
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What was prepared to be signed.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// Its id.
    pub id: Uuid,
    /// The day.
    pub day: NaiveDate,
    /// Its revision.
    pub revision: i32,
    /// Canonical JSON.
    pub content: String,
    /// Its SHA-256.
    pub content_hash: Vec<u8>,
    /// Who.
    pub prepared_by: String,
    /// When.
    pub prepared_at: DateTime<Utc>,
}

/// Keeps what was prepared.
pub async fn preparation_insert(
    conn: &mut PgConnection,
    of: &Preparation,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into day_preparation (preparation_id, day, revision, content, content_hash,
                                      prepared_by, prepared_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        of.id,
        of.day,
        of.revision,
        of.content,
        of.content_hash,
        of.prepared_by,
        of.prepared_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was prepared.
pub async fn preparation_read(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Preparation>, sqlx::Error> {
    sqlx::query_as!(
        Preparation,
        "select preparation_id as id, day, revision, content, content_hash, prepared_by, prepared_at
           from day_preparation where preparation_id = $1",
        id
    )
    .fetch_optional(conn)
    .await
}

/// A closed day as it was sealed and signed.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The day.
    pub day: NaiveDate,
    /// Its revision.
    pub revision: i32,
    /// What was prepared.
    pub preparation: Uuid,
    /// The seal, canonical JSON.
    pub seal: String,
    /// Its SHA-256.
    pub seal_hash: Vec<u8>,
    /// Ed25519 over the seal's bytes.
    pub signature: Vec<u8>,
    /// With which key.
    pub key_id: String,
    /// When it closed.
    pub closed_at: DateTime<Utc>,
}

/// Keeps a snapshot, for good.
pub async fn snapshot_insert(conn: &mut PgConnection, of: &Snapshot) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into day_snapshot (day, revision, preparation_id, seal, seal_hash, signature, key_id,
                                   closed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        of.day,
        of.revision,
        of.preparation,
        of.seal,
        of.seal_hash,
        of.signature,
        of.key_id,
        of.closed_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The snapshot of a day, of one revision or of its last.
pub async fn snapshot_read(
    conn: &mut PgConnection,
    day: NaiveDate,
    revision: Option<i32>,
) -> Result<Option<Snapshot>, sqlx::Error> {
    sqlx::query_as!(
        Snapshot,
        "select day, revision, preparation_id as preparation, seal, seal_hash, signature, key_id,
                closed_at
           from day_snapshot where day = $1 and ($2::integer is null or revision = $2)
          order by revision desc limit 1",
        day,
        revision
    )
    .fetch_optional(conn)
    .await
}

/// The snapshot in force of the last closed day before a day.
pub async fn snapshot_before(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Option<Snapshot>, sqlx::Error> {
    sqlx::query_as!(
        Snapshot,
        "select s.day, s.revision, s.preparation_id as preparation, s.seal, s.seal_hash, s.signature,
                s.key_id, s.closed_at
           from day_snapshot s
          where s.day < $1
            and not exists (select from ledger.reopened_day r
                             where r.day = s.day and r.revision = s.revision)
          order by s.day desc limit 1",
        day
    )
    .fetch_optional(conn)
    .await
}

/// How many days have ended and are not closed, and since when the oldest has been over, in seconds.
pub async fn days_waiting(
    conn: &mut PgConnection,
    before: NaiveDate,
) -> Result<(i64, Option<NaiveDate>), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "waiting!", min(day) as oldest from business_day
            where day < $1 and status not in ('closed', 'reopen_requested')"#,
        before
    )
    .fetch_one(conn)
    .await?;
    Ok((row.waiting, row.oldest))
}

/// The snapshot with a seal of that hash.
pub async fn snapshot_by_seal(
    conn: &mut PgConnection,
    seal_hash: &[u8],
) -> Result<Option<Snapshot>, sqlx::Error> {
    sqlx::query_as!(
        Snapshot,
        "select day, revision, preparation_id as preparation, seal, seal_hash, signature, key_id,
                closed_at
           from day_snapshot where seal_hash = $1",
        seal_hash
    )
    .fetch_optional(conn)
    .await
}

/// The digest of a batch of events.
pub async fn batch_digest(
    conn: &mut PgConnection,
    batch: i64,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!("select digest from event_batch where batch_id = $1", batch)
        .fetch_optional(conn)
        .await
}

/// What came in on a day through one partner and one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelTotal {
    /// Through whom.
    pub partner: String,
    /// Whose word settled it: `webhook`, `api` or `statement`.
    pub channel: String,
    /// ISO 4217.
    pub currency: String,
    /// How many payments.
    pub payments: i64,
    /// How much.
    pub amount: Decimal,
}

/// What was taken in on a day, by partner and channel, whatever became of it since. Money that
/// officers placed came in before.
pub async fn channels_of(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<ChannelTotal>, sqlx::Error> {
    sqlx::query_as!(
        ChannelTotal,
        r#"with e as materialized (
               select substr(source, 12)::uuid as settlement, currency from ledger.entry
                where business_day = $1 and reverses is null and source like 'settlement/%'
                  and act in ('settlement', 'part_payment', 'surplus', 'suspense'))
           select s.partner as "partner!", s.source as "channel!", e.currency as "currency!",
                  count(*) as "payments!", sum(s.amount) as "amount!"
             from e
            cross join lateral (
                  select partner, source, amount from settlement
                   where settlement_id = e.settlement offset 0) s
            where s.source <> 'officer'
            group by s.partner, s.source, e.currency order by s.partner, s.source, e.currency"#,
        day
    )
    .fetch_all(conn)
    .await
}
