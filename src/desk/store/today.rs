//! What waits for somebody.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::approvals::sight::Sight;

/// Open cases that age from one day.
#[derive(Debug)]
pub struct OpenBreaks {
    /// The day.
    pub ages_from: NaiveDate,
    /// How many.
    pub count: i64,
    /// How much, of its currency.
    pub amount: Decimal,
    /// The currency.
    pub currency: String,
}

/// Open cases in sight, by the day that they age from.
pub async fn open_breaks(
    conn: &mut PgConnection,
    scopes: &[String],
) -> Result<Vec<OpenBreaks>, sqlx::Error> {
    sqlx::query_as!(
        OpenBreaks,
        r#"select ages_from, currency, count(*) as "count!", sum(amount) as "amount!"
             from break_case b
            where state in ('open', 'assigned', 'waiting')
              and exists (select from unnest($1::text[]) scope
                           where scope = '*' or b.agency = scope
                              or starts_with(b.agency, scope || '.'))
            group by ages_from, currency order by ages_from, currency"#,
        scopes
    )
    .fetch_all(conn)
    .await
}

/// Refunds in sight that are in a state.
pub async fn refunds_in(
    conn: &mut PgConnection,
    scopes: &[String],
    status: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from refund r join invoice i on i.invoice_id = r.invoice_id
            where r.status = $2
              and exists (select from unnest($1::text[]) scope
                           where scope = '*' or i.agency = scope
                              or starts_with(i.agency, scope || '.'))"#,
        scopes,
        status
    )
    .fetch_one(conn)
    .await
}

/// Questions in sight that wait: how many, and how many of them this person did not ask.
pub async fn approvals_waiting(
    conn: &mut PgConnection,
    sight: &Sight,
) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query!(
        r#"select count(*) as "all!", count(*) filter (where made_by <> $2) as "others!"
             from approval a
            where status = 'pending'
              and (made_by = $2
                   or exists (select from unnest($1::text[]) scope
                               where scope = '*' or a.agency = scope
                                  or starts_with(a.agency, scope || '.'))
                   or exists (select from unnest($3::text[], $4::text[]) of_kind (name, scope)
                               where name = a.kind
                                 and (scope = '*' or a.agency = scope
                                      or starts_with(a.agency, scope || '.'))))"#,
        &sight.scopes,
        sight.email,
        &sight.kinds,
        &sight.kind_scopes
    )
    .map(|row| (row.all, row.others))
    .fetch_one(conn)
    .await
}

/// Notices that nobody took and that are sent no more.
pub async fn deliveries_parked(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from delivery where state = 'parked'"#)
        .fetch_one(conn)
        .await
}

/// What was paid in a span of time, by partner, in đồng.
pub async fn collected(
    conn: &mut PgConnection,
    scopes: &[String],
    (from, until): (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>),
) -> Result<Vec<(String, i64, Decimal)>, sqlx::Error> {
    sqlx::query!(
        r#"select coalesce(i.paid_via, '') as "partner!", count(*) as "count!",
                  sum(i.amount) as "amount!"
             from invoice i
            where i.status = 'paid' and i.currency = 'VND' and i.paid_at >= $2 and i.paid_at < $3
              and exists (select from unnest($1::text[]) scope
                           where scope = '*' or i.agency = scope
                              or starts_with(i.agency, scope || '.'))
            group by 1 order by 3 desc"#,
        scopes,
        from,
        until
    )
    .map(|row| (row.partner, row.count, row.amount))
    .fetch_all(conn)
    .await
}

/// Days that are over and not closed, the oldest first.
pub async fn days_to_close(
    conn: &mut PgConnection,
    today: NaiveDate,
) -> Result<Vec<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar!(
        "select day from business_day
          where day < $1 and status not in ('closed', 'reopen_requested') order by day limit 100",
        today
    )
    .fetch_all(conn)
    .await
}
