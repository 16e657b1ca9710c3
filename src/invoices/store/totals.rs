//! The steps of one day that moved a portal's money, for its totals.

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sqlx::PgConnection;

/// A step that moved money.
#[derive(Debug)]
pub struct MoneyStep {
    /// Whose money.
    pub agency: String,
    /// ISO 4217.
    pub currency: String,
    /// `invoice.paid`, `payment.reversed` or `refund.confirmed`.
    pub kind: String,
    /// The invoice.
    pub code: String,
    /// How much, as the step tells it.
    pub amount: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The steps of a portal in an interval of time and of transactions below `below`, by agency,
/// currency, kind and then in the order of their lines. A refund of what was never owed to an
/// agency is left out: it takes nothing from one.
pub fn money_steps<'c>(
    conn: &'c mut PgConnection,
    portal: &'c str,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    below: &'c str,
) -> BoxStream<'c, Result<MoneyStep, sqlx::Error>> {
    // The list of kinds is that of the index, which holds nothing else.
    sqlx::query_as!(
        MoneyStep,
        r#"select m.agency as "agency!", m.currency as "currency!", m.kind, m.code as "code!",
                  m.amount as "amount!", m.at
             from (select e.agency, e.kind, e.made_at as at, b.body ->> 'code' as code,
                          b.money ->> 'amount' as amount, b.money ->> 'currency' as currency
                     from event e
                    cross join lateral (select e.body::jsonb as body) j
                    cross join lateral (
                          select j.body, case e.kind when 'refund.confirmed'
                                         then j.body #> '{detail,refund_amount}'
                                         else j.body -> 'amount' end as money) b
                    where e.portal = $1 and e.made_at >= $2 and e.made_at < $3
                      and e.kind in ('invoice.paid', 'payment.reversed', 'refund.confirmed')
                      and e.made_by_tx < $4::text::xid8
                      and (e.kind <> 'refund.confirmed'
                           or b.body #>> '{detail,kind}' is distinct from 'surplus')) m
            order by m.agency collate "C", m.currency, m.kind, m.code collate "C", m.at"#,
        portal,
        from,
        to,
        below
    )
    .fetch(conn)
    .boxed()
}
