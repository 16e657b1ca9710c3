//! What was collected in a period, summed for reports: gross, given back and net apart.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// What was paid in a period.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of agencies in these scopes.
    pub scopes: &'a [String],
    /// `agency`, `procedure`, `item`, `channel` or `month`.
    pub by: &'a str,
    /// From this moment.
    pub from: DateTime<Utc>,
    /// Before this one.
    pub until: DateTime<Utc>,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    /// What it is of.
    pub key: String,
    /// The currency.
    pub currency: String,
    /// How many invoices, or lines of them.
    pub count: i64,
    /// What was paid.
    pub gross: Decimal,
    /// What of it was given back since; of items it is not known.
    pub refunded: Option<Decimal>,
}

/// The groups, the largest first.
pub async fn groups(
    conn: &mut PgConnection,
    wanted: &Wanted<'_>,
) -> Result<Vec<Group>, sqlx::Error> {
    if wanted.by == "item" {
        return sqlx::query_as!(
            Group,
            r#"select l.line ->> 'name' || ' (' || (l.line ->> 'chapter') || ' – '
                          || (l.line ->> 'sub_item') || ')' as "key!",
                      i.currency, count(*) as "count!",
                      sum((l.line #>> '{amount,amount}')::numeric) as "gross!",
                      null::numeric as refunded
                 from invoice i cross join lateral jsonb_array_elements(i.lines) l(line)
                where i.status = 'paid' and i.paid_at >= $2 and i.paid_at < $3
                  and exists (select from unnest($1::text[]) scope
                               where scope = '*' or i.agency = scope
                                  or starts_with(i.agency, scope || '.'))
                group by 1, 2 order by 4 desc limit 5000"#,
            wanted.scopes,
            wanted.from,
            wanted.until
        )
        .fetch_all(conn)
        .await;
    }
    sqlx::query_as!(
        Group,
        r#"select case $4::text when 'procedure' then i.procedure
                                when 'channel' then i.paid_via
                                when 'month' then to_char(i.paid_at at time zone 'Asia/Ho_Chi_Minh',
                                                          'YYYY-MM')
                                else i.agency end as "key!",
                  i.currency, count(*) as "count!", sum(i.amount) as "gross!",
                  sum(i.refunded) as refunded
             from invoice i
            where i.status = 'paid' and i.paid_at >= $2 and i.paid_at < $3
              and exists (select from unnest($1::text[]) scope
                           where scope = '*' or i.agency = scope
                              or starts_with(i.agency, scope || '.'))
            group by 1, 2 order by 4 desc limit 5000"#,
        wanted.scopes,
        wanted.from,
        wanted.until,
        wanted.by
    )
    .fetch_all(conn)
    .await
}
