//! Walks over events, and the lists of a portal's deliveries. Nothing here writes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::decode;
use crate::notices::listing::DeliveryRow;
use crate::notices::notice::NoticeKind;
use crate::notices::notice_id::{DeliveryKey, StepKey};
use crate::notices::status::DeliveryState;
use crate::vocabulary::ids::EndpointId;

/// A transaction before which nothing was made at `at` or later, to begin a walk over events at.
///
/// Events have no index on their time, and need none: transactions are made in the order of time,
/// so the place is found by halving. A transaction that took long may have made an event a little
/// earlier than its neighbours: whoever walks begins some minutes earlier than it has to.
pub async fn transaction_at(
    conn: &mut PgConnection,
    at: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    let mut low = 0;
    let last = sqlx::query_scalar!(
        r#"select made_by_tx::text::bigint as "tx!" from event order by made_by_tx desc limit 1"#
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(mut high) = last else {
        return Ok(0);
    };
    while low < high {
        let middle = low + (high - low) / 2;
        let next = sqlx::query!(
            r#"select made_by_tx::text::bigint as "tx!", made_at from event
                where made_by_tx >= $1::bigint::text::xid8 order by made_by_tx, event_id limit 1"#,
            middle,
        )
        .fetch_optional(&mut *conn)
        .await?;
        match next {
            Some(event) if event.made_at < at => low = event.tx + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The last of the next `most` events after a place, or none when there is none.
pub async fn page_end(
    conn: &mut PgConnection,
    from: (i64, i64),
    most: i64,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select made_by_tx::text::bigint as "tx!", event_id as "id!"
             from (select made_by_tx, event_id from event
                    where (made_by_tx, event_id) > ($1::bigint::text::xid8, $2)
                    order by made_by_tx, event_id limit $3) page
            order by made_by_tx desc, event_id desc limit 1"#,
        from.0,
        from.1,
        most,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.tx, row.id)))
}

/// The steps after one place and up to another, made before `until`, that some open endpoint of
/// their portal has no delivery of, although it stood there then, and that have no message in the
/// outbox.
pub async fn lost(
    conn: &mut PgConnection,
    (from, last): ((i64, i64), (i64, i64)),
    until: DateTime<Utc>,
) -> Result<Vec<StepKey>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select e.invoice_id as "invoice!", e.sequence as "sequence!"
             from event e
            where (e.made_by_tx, e.event_id) > ($1::bigint::text::xid8, $2)
              and (e.made_by_tx, e.event_id) <= ($3::bigint::text::xid8, $4)
              and e.made_at < $5 and e.kind = any($6) and e.sequence is not null
              and exists (select from endpoint n
                           where n.portal = e.portal and n.state = 'open'
                             and n.made_at <= e.made_at
                             and not exists (select from delivery d
                                              where d.invoice_id = e.invoice_id
                                                and d.sequence = e.sequence
                                                and d.endpoint_id = n.endpoint_id))
              and not exists (select from outbox o
                               where o.kind = 'notice.due' and o.subject = e.invoice_id
                                 and o.sequence = e.sequence)
              -- What waits until the money was seen in the bank was not lost.
              and (e.body::jsonb #>> '{detail,notify_at}' is distinct from 'banked'
                   or exists (select from event b
                               where b.invoice_id = e.invoice_id and b.kind = 'invoice.banked'
                                 and b.event_id > e.event_id))
            order by e.made_by_tx, e.event_id"#,
        from.0,
        from.1,
        last.0,
        last.1,
        until,
        &NoticeKind::names(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| StepKey { invoice: r.invoice, sequence: r.sequence }).collect())
}

/// A step with its place among the events.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// Transaction and event.
    pub place: (i64, i64),
    /// The step.
    pub step: StepKey,
    /// What is told of it.
    pub kind: NoticeKind,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// The steps of a portal that it is told of, newest first, from a place on.
pub async fn steps_back(
    conn: &mut PgConnection,
    portal: &str,
    from: (i64, i64),
    most: i64,
) -> Result<Vec<Placed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select made_by_tx::text::bigint as "tx!", event_id, invoice_id as "invoice!",
                  sequence as "sequence!", kind, made_at
             from event
            where portal = $1 and (made_by_tx, event_id) <= ($2::bigint::text::xid8, $3)
              and kind = any($4) and sequence is not null
            order by made_by_tx desc, event_id desc limit $5"#,
        portal,
        from.0,
        from.1,
        &NoticeKind::names(),
        most,
    )
    .fetch_all(conn)
    .await?;
    let steps = rows.into_iter().map(|row| {
        Ok(Placed {
            place: (row.tx, row.event_id),
            step: StepKey { invoice: row.invoice, sequence: row.sequence },
            kind: row.kind.parse().map_err(decode)?,
            made_at: row.made_at,
        })
    });
    steps.collect()
}

/// The steps of a portal that it is told of, oldest first, after a place.
pub async fn steps_on(
    conn: &mut PgConnection,
    portal: &str,
    after: (i64, i64),
    most: i64,
) -> Result<Vec<Placed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select made_by_tx::text::bigint as "tx!", event_id, invoice_id as "invoice!",
                  sequence as "sequence!", kind, made_at
             from event
            where portal = $1 and (made_by_tx, event_id) > ($2::bigint::text::xid8, $3)
              and kind = any($4) and sequence is not null
            order by made_by_tx, event_id limit $5"#,
        portal,
        after.0,
        after.1,
        &NoticeKind::names(),
        most,
    )
    .fetch_all(conn)
    .await?;
    let steps = rows.into_iter().map(|row| {
        Ok(Placed {
            place: (row.tx, row.event_id),
            step: StepKey { invoice: row.invoice, sequence: row.sequence },
            kind: row.kind.parse().map_err(decode)?,
            made_at: row.made_at,
        })
    });
    steps.collect()
}

/// A row of `delivery` as it is read for lists.
struct Listed {
    invoice_id: Uuid,
    sequence: i32,
    endpoint_id: Uuid,
    kind: String,
    state: String,
    tries: i32,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    next_at: Option<DateTime<Utc>>,
    last_status: Option<i16>,
    last_error: Option<String>,
}

fn opened(rows: Vec<Listed>) -> Result<Vec<DeliveryRow>, sqlx::Error> {
    let rows = rows.into_iter().map(|row| {
        Ok(DeliveryRow {
            key: DeliveryKey {
                step: StepKey { invoice: row.invoice_id, sequence: row.sequence },
                endpoint: EndpointId(row.endpoint_id),
            },
            kind: row.kind.parse().map_err(decode)?,
            state: row.state.parse().map_err(decode)?,
            tries: row.tries,
            first_at: row.first_at,
            last_at: row.last_at,
            next_at: row.next_at,
            last_status: row.last_status,
            last_error: row.last_error,
        })
    });
    rows.collect()
}

/// The deliveries of those steps, in the order of the steps and then of falling endpoints; of one
/// state or endpoint only, when it is named.
pub async fn deliveries_of(
    conn: &mut PgConnection,
    steps: &[StepKey],
    state: Option<DeliveryState>,
    endpoint: Option<EndpointId>,
) -> Result<Vec<DeliveryRow>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Listed,
        "select d.invoice_id, d.sequence, d.endpoint_id, d.kind, d.state, d.tries, d.first_at,
                d.last_at, d.next_at, d.last_status, d.last_error
           from unnest($1::uuid[], $2::integer[]) with ordinality s(invoice_id, sequence, place)
           join delivery d on d.invoice_id = s.invoice_id and d.sequence = s.sequence
          where ($3::text is null or d.state = $3)
            and ($4::uuid is null or d.endpoint_id = $4)
          order by s.place, d.endpoint_id desc",
        &steps.iter().map(|step| step.invoice).collect::<Vec<_>>(),
        &steps.iter().map(|step| step.sequence).collect::<Vec<_>>(),
        state.map(DeliveryState::as_str),
        endpoint.map(|endpoint| endpoint.0),
    )
    .fetch_all(conn)
    .await?;
    opened(rows)
}

/// The parked deliveries of a portal, last parked first, after one of them.
pub async fn deliveries_parked(
    conn: &mut PgConnection,
    (portal, endpoint): (&str, Option<EndpointId>),
    after: Option<(DateTime<Utc>, DeliveryKey)>,
    most: i64,
) -> Result<Vec<DeliveryRow>, sqlx::Error> {
    let (at, key) = after.unzip();
    let rows = sqlx::query_as!(
        Listed,
        "select invoice_id, sequence, endpoint_id, kind, state, tries, first_at, last_at, next_at,
                last_status, last_error
           from delivery
          where state = 'parked' and portal = $1 and ($2::uuid is null or endpoint_id = $2)
            and (last_at, invoice_id, sequence, endpoint_id)
                < (coalesce($3, 'infinity'::timestamptz), $4, $5, $6)
          order by last_at desc, invoice_id desc, sequence desc, endpoint_id desc limit $7",
        portal,
        endpoint.map(|endpoint| endpoint.0),
        at,
        key.map_or(Uuid::nil(), |key| key.step.invoice),
        key.map_or(0, |key| key.step.sequence),
        key.map_or(Uuid::nil(), |key| key.endpoint.0),
        most,
    )
    .fetch_all(conn)
    .await?;
    opened(rows)
}

/// The deliveries of a portal that are due, the next first, after one of them.
pub async fn deliveries_due(
    conn: &mut PgConnection,
    (portal, endpoint): (&str, Option<EndpointId>),
    after: Option<(DateTime<Utc>, DeliveryKey)>,
    most: i64,
) -> Result<Vec<DeliveryRow>, sqlx::Error> {
    let (at, key) = after.unzip();
    let rows = sqlx::query_as!(
        Listed,
        "select invoice_id, sequence, endpoint_id, kind, state, tries, first_at, last_at, next_at,
                last_status, last_error
           from delivery
          where state = 'due' and portal = $1 and ($2::uuid is null or endpoint_id = $2)
            and endpoint_id in (select n.endpoint_id from endpoint n where n.portal = $1)
            and (next_at, invoice_id, sequence, endpoint_id)
                > (coalesce($3, '-infinity'::timestamptz), $4, $5, $6)
          order by next_at, invoice_id, sequence, endpoint_id limit $7",
        portal,
        endpoint.map(|endpoint| endpoint.0),
        at,
        key.map_or(Uuid::nil(), |key| key.step.invoice),
        key.map_or(0, |key| key.step.sequence),
        key.map_or(Uuid::nil(), |key| key.endpoint.0),
        most,
    )
    .fetch_all(conn)
    .await?;
    opened(rows)
}

/// Notices that wait: how many, and for how many seconds the longest overdue has been due.
pub async fn deliveries_waiting(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"select count(*) as "waiting!",
                  greatest(0, coalesce(extract(epoch from $1 - min(next_at)), 0))::bigint
                      as "overdue!"
             from delivery where state = 'due'"#,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok((row.waiting, row.overdue))
}
