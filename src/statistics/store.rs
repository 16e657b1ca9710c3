//! Every statement of the statistics.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::histogram::Histogram;
use super::tally::{Counted, Counts, Key, Tally};

/// Locks the mark up to which events were counted; none when a later leader was there.
pub async fn progress_lock(
    conn: &mut PgConnection,
    fence: i64,
) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query!("select batch_id, fence from statistic_progress for update")
        .fetch_one(conn)
        .await?;
    Ok((row.fence <= fence).then_some(row.batch_id))
}

/// Moves the mark on.
pub async fn progress_set(
    conn: &mut PgConnection,
    batch: i64,
    fence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update statistic_progress set batch_id = $1, fence = $2", batch, fence)
        .execute(conn)
        .await?;
    Ok(())
}

/// The last of the next `most` batches of events after one; none when there is none.
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

/// The events of these batches that are counted. A refund of what was never owed to an agency takes
/// nothing from one.
pub async fn events_counted(
    conn: &mut PgConnection,
    after: i64,
    upto: i64,
) -> Result<Vec<Counted>, sqlx::Error> {
    sqlx::query!(
        r#"select e.kind, e.made_at, i.agency, i.procedure, i.currency, i.issued_at,
                  coalesce(b.body #>> '{detail,partner}', r.partner, '') as "partner!",
                  coalesce((b.body #>> '{detail,refund_amount,amount}')::numeric, i.amount)
                      as "amount!",
                  coalesce(a.payer_ip, p.payer_ip, '') <> '' as "of_payer!"
             from event_batch eb
            cross join lateral (
                  select v.* from event v
                   where v.made_by_tx >= eb.from_tx and v.made_by_tx < eb.to_tx
                     and v.kind in ('invoice.issued', 'invoice.paid', 'invoice.expired',
                                    'invoice.cancelled', 'payment.reversed', 'refund.confirmed',
                                    'attempt.created', 'attempt.failed', 'attempt.expired')
                  offset 0) e
            cross join lateral (select e.body::jsonb as body offset 0) b
            cross join lateral (
                  select v.* from invoice v where v.invoice_id = e.invoice_id offset 0) i
             left join lateral (
                  select v.payer_ip from attempt v
                   where v.attempt_id = (b.body #>> '{detail,attempt}')::uuid offset 0) a on true
             left join lateral (
                  select t.payer_ip from settlement s join attempt t on t.attempt_id = s.attempt_id
                   where e.kind = 'invoice.paid'
                     and s.settlement_id = (b.body #>> '{detail,settlement}')::uuid offset 0) p
                  on true
             left join lateral (
                  select v.partner from refund v
                   where e.kind = 'refund.confirmed'
                     and v.refund_id = (b.body #>> '{detail,refund_id}')::uuid offset 0) r on true
            where eb.batch_id > $1 and eb.batch_id <= $2
              and eb.era = (select era from installation)
              and (e.kind <> 'refund.confirmed'
                   or b.body #>> '{detail,kind}' is distinct from 'surplus')
            order by eb.batch_id, e.made_by_tx, e.event_id"#,
        after,
        upto
    )
    .map(|row| Counted {
        kind: row.kind,
        at: row.made_at,
        agency: row.agency,
        procedure: row.procedure,
        partner: row.partner,
        currency: row.currency,
        amount: row.amount,
        issued_at: row.issued_at,
        of_payer: row.of_payer,
    })
    .fetch_all(conn)
    .await
}

/// Adds counts to their rows.
pub async fn days_add(conn: &mut PgConnection, tally: &Tally) -> Result<(), sqlx::Error> {
    if tally.0.is_empty() {
        return Ok(());
    }
    let key = |pick: fn(&Key) -> &str| -> Vec<String> {
        tally.0.keys().map(|key| pick(key).to_owned()).collect()
    };
    let count = |pick: fn(&Counts) -> i64| -> Vec<i64> { tally.0.values().map(pick).collect() };
    let sum =
        |pick: fn(&Counts) -> Decimal| -> Vec<Decimal> { tally.0.values().map(pick).collect() };
    let times = |pick: fn(&Counts) -> &Histogram| -> Vec<String> {
        tally.0.values().map(|counts| pick(counts).to_text()).collect()
    };
    let days: Vec<NaiveDate> = tally.0.keys().map(|key| key.day).collect();
    sqlx::query!(
        "insert into statistic_day as d (day, agency, procedure, partner, currency, issued,
             issued_amount, paid, paid_amount, expired, cancelled, reversed, reversed_amount,
             refunded, refunded_amount, attempts, attempts_succeeded, attempts_failed, notices,
             notices_failed, pay_times, notify_times)
         select n.day, n.agency, n.procedure, n.partner, n.currency, n.issued, n.issued_amount,
                n.paid, n.paid_amount, n.expired, n.cancelled, n.reversed, n.reversed_amount,
                n.refunded, n.refunded_amount, n.attempts, n.succeeded, n.failed, n.notices,
                n.notices_failed, n.pay_times::bigint[], n.notify_times::bigint[]
           from unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                $7::numeric[], $8::bigint[], $9::numeric[], $10::bigint[], $11::bigint[],
                $12::bigint[], $13::numeric[], $14::bigint[], $15::numeric[], $16::bigint[],
                $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::text[],
                $22::text[])
                n(day, agency, procedure, partner, currency, issued, issued_amount, paid,
                  paid_amount, expired, cancelled, reversed, reversed_amount, refunded,
                  refunded_amount, attempts, succeeded, failed, notices, notices_failed, pay_times,
                  notify_times)
         on conflict on constraint statistic_day_pkey do update set
             issued = d.issued + excluded.issued,
             issued_amount = d.issued_amount + excluded.issued_amount,
             paid = d.paid + excluded.paid,
             paid_amount = d.paid_amount + excluded.paid_amount,
             expired = d.expired + excluded.expired,
             cancelled = d.cancelled + excluded.cancelled,
             reversed = d.reversed + excluded.reversed,
             reversed_amount = d.reversed_amount + excluded.reversed_amount,
             refunded = d.refunded + excluded.refunded,
             refunded_amount = d.refunded_amount + excluded.refunded_amount,
             attempts = d.attempts + excluded.attempts,
             attempts_succeeded = d.attempts_succeeded + excluded.attempts_succeeded,
             attempts_failed = d.attempts_failed + excluded.attempts_failed,
             notices = d.notices + excluded.notices,
             notices_failed = d.notices_failed + excluded.notices_failed,
             pay_times = array(
                 select coalesce(t.old, 0) + coalesce(t.new, 0)
                   from unnest(d.pay_times, excluded.pay_times) with ordinality t(old, new, place)
                  order by t.place),
             notify_times = array(
                 select coalesce(t.old, 0) + coalesce(t.new, 0)
                   from unnest(d.notify_times, excluded.notify_times)
                        with ordinality t(old, new, place)
                  order by t.place)",
        &days,
        &key(|k| &k.agency),
        &key(|k| &k.procedure),
        &key(|k| &k.partner),
        &key(|k| &k.currency),
        &count(|c| c.issued),
        &sum(|c| c.issued_amount),
        &count(|c| c.paid),
        &sum(|c| c.paid_amount),
        &count(|c| c.expired),
        &count(|c| c.cancelled),
        &count(|c| c.reversed),
        &sum(|c| c.reversed_amount),
        &count(|c| c.refunded),
        &sum(|c| c.refunded_amount),
        &count(|c| c.attempts),
        &count(|c| c.attempts_succeeded),
        &count(|c| c.attempts_failed),
        &count(|c| c.notices),
        &count(|c| c.notices_failed),
        &times(|c| &c.pay_times),
        &times(|c| &c.notify_times),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Has the notices of what these batches say is paid looked at.
pub async fn notices_wait(
    conn: &mut PgConnection,
    after: i64,
    upto: i64,
    look_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into statistic_notice (invoice_id, sequence, paid_at, partner, look_at)
         select e.invoice_id, e.sequence, e.made_at,
                coalesce(e.body::jsonb #>> '{detail,partner}', ''), $3
           from event_batch b
          cross join lateral (
                select v.* from event v
                 where v.made_by_tx >= b.from_tx and v.made_by_tx < b.to_tx
                   and v.kind = 'invoice.paid' offset 0) e
          where b.batch_id > $1 and b.batch_id <= $2 and b.era = (select era from installation)
         on conflict on constraint statistic_notice_pkey do nothing",
        after,
        upto,
        look_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A payment whose notices are looked at.
#[derive(Debug)]
pub struct Waiting {
    /// The invoice.
    pub invoice: Uuid,
    /// The step.
    pub sequence: i32,
    /// When it was paid.
    pub paid_at: DateTime<Utc>,
    /// Through whom.
    pub partner: String,
    /// Who collects.
    pub agency: String,
    /// What was applied for.
    pub procedure: String,
    /// ISO 4217.
    pub currency: String,
    /// Notices that are under way.
    pub due: i64,
    /// Notices that were given up.
    pub parked: i64,
    /// How long each that arrived took (milliseconds).
    pub took: Vec<i64>,
}

/// Payments whose notices are to be looked at now.
pub async fn notices_of(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"select w.invoice_id as "invoice!", w.sequence as "sequence!", w.paid_at as "paid_at!",
                  w.partner as "partner!", i.agency, i.procedure, i.currency, d.due as "due!",
                  d.parked as "parked!", d.took as "took!"
             from (select * from statistic_notice where look_at <= $1 order by look_at limit $2) w
            cross join lateral (
                  select v.agency, v.procedure, v.currency from invoice v
                   where v.invoice_id = w.invoice_id offset 0) i
            cross join lateral (
                  select count(*) filter (where v.state = 'due') as due,
                         count(*) filter (where v.state = 'parked') as parked,
                         coalesce(array_agg(greatest(0, extract(epoch from v.last_at - w.paid_at)
                                                        * 1000)::bigint)
                                  filter (where v.state = 'delivered'), '{}') as took
                    from delivery v
                   where v.invoice_id = w.invoice_id and v.sequence = w.sequence offset 0) d"#,
        now,
        most
    )
    .fetch_all(conn)
    .await
}

/// These are not looked at any more.
pub async fn notices_done(
    conn: &mut PgConnection,
    done: &[(Uuid, i32)],
) -> Result<(), sqlx::Error> {
    let invoices: Vec<Uuid> = done.iter().map(|(invoice, _)| *invoice).collect();
    let sequences: Vec<i32> = done.iter().map(|(_, sequence)| *sequence).collect();
    sqlx::query!(
        "delete from statistic_notice w using unnest($1::uuid[], $2::integer[]) d(invoice, sequence)
          where w.invoice_id = d.invoice and w.sequence = d.sequence",
        &invoices,
        &sequences
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// These are looked at again, each at its time.
pub async fn notices_later(
    conn: &mut PgConnection,
    later: &[(Uuid, i32, DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    let invoices: Vec<Uuid> = later.iter().map(|(invoice, ..)| *invoice).collect();
    let sequences: Vec<i32> = later.iter().map(|(_, sequence, _)| *sequence).collect();
    let times: Vec<DateTime<Utc>> = later.iter().map(|(.., at)| *at).collect();
    sqlx::query!(
        "update statistic_notice w set look_at = d.at
           from unnest($1::uuid[], $2::integer[], $3::timestamptz[]) d(invoice, sequence, at)
          where w.invoice_id = d.invoice and w.sequence = d.sequence",
        &invoices,
        &sequences,
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// By what figures are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Who collects.
    Agency,
    /// What was applied for.
    Procedure,
    /// Through whom.
    Channel,
    /// When.
    Day,
}

/// The rows of a period, whole.
pub async fn days_between(
    conn: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<(Key, Counts)>, sqlx::Error> {
    sqlx::query!(
        r#"select day, agency, procedure, partner, currency, issued, issued_amount, paid,
                  paid_amount, expired, cancelled, reversed, reversed_amount, refunded,
                  refunded_amount, attempts, attempts_succeeded, attempts_failed, notices,
                  notices_failed, pay_times, notify_times
             from statistic_day where day between $1 and $2
            order by day, agency, procedure, partner, currency"#,
        from,
        to
    )
    .map(|row| {
        let key = Key {
            day: row.day,
            agency: row.agency,
            procedure: row.procedure,
            partner: row.partner,
            currency: row.currency,
        };
        let counts = Counts {
            issued: row.issued,
            issued_amount: row.issued_amount,
            paid: row.paid,
            paid_amount: row.paid_amount,
            expired: row.expired,
            cancelled: row.cancelled,
            reversed: row.reversed,
            reversed_amount: row.reversed_amount,
            refunded: row.refunded,
            refunded_amount: row.refunded_amount,
            attempts: row.attempts,
            attempts_succeeded: row.attempts_succeeded,
            attempts_failed: row.attempts_failed,
            notices: row.notices,
            notices_failed: row.notices_failed,
            pay_times: Histogram(row.pay_times),
            notify_times: Histogram(row.notify_times),
        };
        (key, counts)
    })
    .fetch_all(conn)
    .await
}

/// Up to when everything is counted: the time of the last batch that was.
pub async fn counted_until(conn: &mut PgConnection) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "select b.made_at from statistic_progress p join event_batch b on b.batch_id = p.batch_id"
    )
    .fetch_optional(conn)
    .await
}
