//! SQL on `delivery`, and on the events that notices tell of.

pub mod reads;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::find::Found;
use super::notice::{InvoiceStep, NoticeKind};
use super::notice_id::{DeliveryKey, StepKey};
use super::record::{Before, Outcome};
use super::retry::Claimed;
use super::status::DeliveryState;
use crate::vocabulary::ids::{EndpointId, uuid_v7};

fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// One column of many rows, for `unnest`.
fn column<'a, V>(rows: &[&'a Outcome], value: impl Fn(&'a Outcome) -> V) -> Vec<V> {
    rows.iter().copied().map(value).collect()
}

/// The steps of those keys that exist, each with the endpoints that have a delivery of it.
pub async fn steps(conn: &mut PgConnection, keys: &[StepKey]) -> Result<Vec<Found>, sqlx::Error> {
    let invoices: Vec<Uuid> = keys.iter().map(|key| key.invoice).collect();
    let sequences: Vec<i32> = keys.iter().map(|key| key.sequence).collect();
    let rows = sqlx::query!(
        r#"select e.invoice_id as "invoice_id!", e.sequence as "sequence!", e.kind, e.agency,
                  coalesce(e.portal, '') as "portal!", e.made_at, e.body,
                  array(select d.endpoint_id from delivery d
                         where d.invoice_id = e.invoice_id and d.sequence = e.sequence)
                      as "handled!"
             from (select distinct * from unnest($1::uuid[], $2::integer[])) k(invoice_id, sequence)
            cross join lateral (
                  select * from event e
                   where e.invoice_id = k.invoice_id and e.sequence = k.sequence offset 0) e"#,
        &invoices,
        &sequences,
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| Found {
        step: InvoiceStep {
            key: StepKey { invoice: row.invoice_id, sequence: row.sequence },
            kind: row.kind,
            portal: row.portal,
            agency: row.agency,
            made_at: row.made_at,
            body: row.body,
        },
        handled: row.handled.into_iter().map(EndpointId).collect(),
    });
    Ok(found.collect())
}

/// Enters deliveries of messages that are handled for the first time. Where another replica
/// handled the same message meanwhile, its row stands, unless it was not delivered and this was.
pub async fn delivery_insert(
    conn: &mut PgConnection,
    rows: &[&Outcome],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into delivery
             (endpoint_id, invoice_id, sequence, delivery_id, portal, kind, state, tries, first_at,
              last_at, next_at, last_status, last_error)
         select o.endpoint_id, o.invoice_id, o.sequence, o.delivery_id, o.portal, o.kind, o.state,
                o.tries, o.at, o.at, o.next_at, o.status, o.error
           from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[],
                       $7::text[], $8::integer[], $9::timestamptz[], $10::timestamptz[],
                       $11::smallint[], $12::text[])
                o(endpoint_id, invoice_id, sequence, delivery_id, portal, kind, state, tries, at,
                  next_at, status, error)
         on conflict on constraint delivery_pkey do update
            set state = excluded.state, tries = delivery.tries + 1, last_at = excluded.last_at,
                next_at = null, last_status = excluded.last_status, last_error = null
          where delivery.state <> 'delivered' and excluded.state = 'delivered'",
        &column(rows, |o| o.key.endpoint.0),
        &column(rows, |o| o.key.step.invoice),
        &column(rows, |o| o.key.step.sequence),
        &column(rows, |o| uuid_v7(o.at)),
        &column(rows, |o| o.portal.clone()),
        &column(rows, |o| o.kind.as_str().to_owned()),
        &column(rows, |o| o.state.as_str().to_owned()),
        &column(rows, |o| o.tries),
        &column(rows, |o| o.at),
        &column(rows, |o| o.next_at) as &[Option<DateTime<Utc>>],
        &column(rows, |o| o.status) as &[Option<i16>],
        &column(rows, |o| o.error.clone()) as &[Option<String>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Claims deliveries that are due by moving their next time to `until`: of each endpoint the
/// oldest, at most `most`, and none of the endpoints `but`. The index is walked endpoint by
/// endpoint, so that the backlog of one is never read for another. Rows that another replica claims
/// at this moment are passed over.
pub async fn delivery_claim(
    conn: &mut PgConnection,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
    but: &[EndpointId],
    most: i64,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let but: Vec<Uuid> = but.iter().map(|endpoint| endpoint.0).collect();
    let rows = sqlx::query!(
        "with recursive waiting(endpoint_id) as (
             (select endpoint_id from delivery where state = 'due' order by endpoint_id limit 1)
             union all
             select (select d.endpoint_id from delivery d
                      where d.state = 'due' and d.endpoint_id > w.endpoint_id
                      order by d.endpoint_id limit 1)
               from waiting w where w.endpoint_id is not null),
         taken as materialized (
             select due.invoice_id, due.sequence, due.endpoint_id
               from waiting w
              cross join lateral (
                    select invoice_id, sequence, endpoint_id from delivery
                     where state = 'due' and endpoint_id = w.endpoint_id and next_at <= $1
                     order by next_at limit $4
                       for no key update skip locked) due
              where w.endpoint_id <> all($3))
         update delivery d set next_at = $2
           from taken t
          where d.invoice_id = t.invoice_id and d.sequence = t.sequence
            and d.endpoint_id = t.endpoint_id
         returning d.invoice_id, d.sequence, d.endpoint_id, d.portal, d.kind, d.tries, d.last_at",
        now,
        until,
        &but,
        most,
    )
    .fetch_all(conn)
    .await?;
    let claimed = rows.into_iter().map(|row| {
        Ok(Claimed {
            key: DeliveryKey {
                step: StepKey { invoice: row.invoice_id, sequence: row.sequence },
                endpoint: EndpointId(row.endpoint_id),
            },
            portal: row.portal,
            kind: row.kind.parse().map_err(decode)?,
            tries: row.tries,
            last_at: row.last_at,
        })
    });
    claimed.collect()
}

/// Writes what came of claimed deliveries. One that is no longer due, or was tried by another
/// after the claim lapsed, stays as it is; only that it was delivered is always told. When nothing
/// was tried, the last try stays what it was.
pub async fn delivery_step(conn: &mut PgConnection, rows: &[&Outcome]) -> Result<(), sqlx::Error> {
    let before = |o: &Outcome| match o.before {
        Before::Nothing => 0,
        Before::Claimed { tries } => tries,
    };
    sqlx::query!(
        "update delivery d
            set state = o.state, tries = o.tries, next_at = o.next_at,
                last_at = case when o.tries > o.before or o.state = 'parked'
                               then o.at else d.last_at end,
                last_status = case when o.tries > o.before then o.status else d.last_status end,
                last_error = o.error
           from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::integer[],
                       $6::timestamptz[], $7::timestamptz[], $8::smallint[], $9::text[],
                       $10::integer[])
                o(endpoint_id, invoice_id, sequence, state, tries, at, next_at, status, error,
                  before)
          where d.invoice_id = o.invoice_id and d.sequence = o.sequence
            and d.endpoint_id = o.endpoint_id and d.state = 'due'
            and (d.tries = o.before or o.state = 'delivered')",
        &column(rows, |o| o.key.endpoint.0),
        &column(rows, |o| o.key.step.invoice),
        &column(rows, |o| o.key.step.sequence),
        &column(rows, |o| o.state.as_str().to_owned()),
        &column(rows, |o| o.tries),
        &column(rows, |o| o.at),
        &column(rows, |o| o.next_at) as &[Option<DateTime<Utc>>],
        &column(rows, |o| o.status) as &[Option<i16>],
        &column(rows, |o| o.error.clone()) as &[Option<String>],
        &column(rows, before),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Where a portal's delivery stands; locked.
pub async fn delivery_lock(
    conn: &mut PgConnection,
    portal: &str,
    key: DeliveryKey,
) -> Result<Option<DeliveryState>, sqlx::Error> {
    let state = sqlx::query_scalar!(
        "select state from delivery
          where invoice_id = $1 and sequence = $2 and endpoint_id = $3 and portal = $4
            for no key update",
        key.step.invoice,
        key.step.sequence,
        key.endpoint as EndpointId,
        portal,
    )
    .fetch_optional(conn)
    .await?;
    state.map(|state| state.parse().map_err(decode)).transpose()
}

/// Makes a delivery due now, with all its tries before it.
pub async fn delivery_renew(
    conn: &mut PgConnection,
    key: DeliveryKey,
    from: DeliveryState,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update delivery set state = 'due', tries = 0, next_at = $5, last_at = $5
          where invoice_id = $1 and sequence = $2 and endpoint_id = $3 and state = $4",
        key.step.invoice,
        key.step.sequence,
        key.endpoint as EndpointId,
        from.as_str(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes the parked deliveries of an endpoint that began at `since` or later due now, oldest
/// first; how many.
pub async fn delivery_renew_parked(
    conn: &mut PgConnection,
    (portal, endpoint): (&str, EndpointId),
    (since, now): (DateTime<Utc>, DateTime<Utc>),
    most: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "with parked as materialized (
             select invoice_id, sequence, endpoint_id from delivery
              where state = 'parked' and portal = $1 and last_at >= $3 and endpoint_id = $2
                and first_at >= $3
              order by last_at limit $5
                for no key update)
         update delivery d set state = 'due', tries = 0, next_at = $4, last_at = $4
           from parked p
          where d.invoice_id = p.invoice_id and d.sequence = p.sequence
            and d.endpoint_id = p.endpoint_id and d.state = 'parked'",
        portal,
        endpoint as EndpointId,
        since,
        now,
        most,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Enters deliveries, due now, of those steps for an endpoint that has none of them; how many.
pub async fn delivery_insert_missing(
    conn: &mut PgConnection,
    (portal, endpoint): (&str, EndpointId),
    steps: &[(StepKey, NoticeKind)],
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "insert into delivery
             (endpoint_id, invoice_id, sequence, delivery_id, portal, kind, state, tries, first_at,
              last_at, next_at)
         select $1, s.invoice_id, s.sequence, s.delivery_id, $2, s.kind, 'due', 0, $3, $3, $3
           from unnest($4::uuid[], $5::integer[], $6::uuid[], $7::text[])
                s(invoice_id, sequence, delivery_id, kind)
          order by s.invoice_id, s.sequence
         on conflict on constraint delivery_pkey do nothing",
        endpoint as EndpointId,
        portal,
        now,
        &steps.iter().map(|(step, _)| step.invoice).collect::<Vec<_>>(),
        &steps.iter().map(|(step, _)| step.sequence).collect::<Vec<_>>(),
        &steps.iter().map(|_| uuid_v7(now)).collect::<Vec<_>>(),
        &steps.iter().map(|(_, kind)| kind.as_str().to_owned()).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Makes all notices that wait due now; how many. Those that are being sent at this moment are
/// locked, and stay as they are.
pub async fn deliveries_hasten(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "update delivery d set next_at = $1
           from (select invoice_id, sequence, endpoint_id from delivery
                  where state = 'due' and next_at > $1 for update skip locked) w
          where d.invoice_id = w.invoice_id and d.sequence = w.sequence
            and d.endpoint_id = w.endpoint_id",
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
