//! Net positions: what was collected through a partner for an agency, and what became of it.
//!
//! They are read from the entries themselves. Every entry that touches what is owed to an agency
//! touches one partner as well; which account of the partner's says what happened: its receivable or
//! held parts: collected (or taken back); refunds in transit: given back; a bank account: paid over.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// Sums of one partner and agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Through whom.
    pub partner: String,
    /// For whom.
    pub agency: String,
    /// ISO 4217.
    pub currency: String,
    /// Collected, less what was taken back.
    pub collected: Decimal,
    /// Given back, out of what the agency was owed.
    pub refunded: Decimal,
    /// Kept by the partner as its fee.
    pub fees: Decimal,
    /// Paid over to the Treasury.
    pub paid_over: Decimal,
}

impl Position {
    /// What is still to be paid over, less the fees that were kept.
    pub fn net(&self) -> Decimal {
        self.collected - self.refunded - self.fees - self.paid_over
    }
}

/// What the days after `after` (none: all) up to and with `until` (none: all) did.
pub async fn moved(
    conn: &mut PgConnection,
    after: Option<NaiveDate>,
    until: Option<NaiveDate>,
) -> Result<Vec<Position>, sqlx::Error> {
    sqlx::query_as!(
        Position,
        r#"with e as materialized (
                select entry_id from ledger.entry
                 where ($1::date is null or business_day > $1)
                   and ($2::date is null or business_day <= $2)),
                line as materialized (
                select p.entry_id, a.kind, a.owner, a.currency, p.amount
                  from e
                  join ledger.posting p on p.entry_id = e.entry_id
                  join ledger.account a on a.account_id = p.account_id
                 where p.entry_id between (select min(entry_id) from e)
                                      and (select max(entry_id) from e)),
                partner as (
                select distinct on (entry_id) entry_id, owner, kind
                  from line
                 where kind in ('partner_receivable', 'part_payments_held', 'refunds_in_transit',
                                'bank_account', 'suspense')
                 order by entry_id, array_position(array['refunds_in_transit', 'partner_receivable',
                                                        'bank_account', 'part_payments_held',
                                                        'suspense'], kind)),
                told as (
                select w.owner as partner, l.owner as agency, l.currency,
                       case when l.kind = 'claim_on_agency' then 'fee'
                            when w.kind = 'refunds_in_transit' then 'refunded'
                            when w.kind = 'bank_account' then 'paid_over'
                            else 'collected' end as what,
                       l.amount
                  from line l join partner w on w.entry_id = l.entry_id
                 where l.kind in ('agency_payable', 'claim_on_agency'))
           select partner as "partner!", agency as "agency!", currency as "currency!",
                  coalesce(-sum(amount) filter (where what = 'collected'), 0) as "collected!",
                  coalesce(sum(amount) filter (where what = 'refunded'), 0) as "refunded!",
                  coalesce(sum(amount) filter (where what = 'fee'), 0) as "fees!",
                  coalesce(sum(amount) filter (where what = 'paid_over'), 0) as "paid_over!"
             from told group by partner, agency, currency order by partner, agency, currency"#,
        after,
        until
    )
    .fetch_all(conn)
    .await
}

/// The sums up to the end of the last closed day before `before` (none: of all), and that day.
pub async fn kept(
    conn: &mut PgConnection,
    before: Option<NaiveDate>,
) -> Result<Option<(NaiveDate, Vec<Position>)>, sqlx::Error> {
    let day = sqlx::query!(
        r#"select c.day, c.revision from ledger.closed_day c
            where ($1::date is null or c.day < $1)
              and not exists (select from ledger.reopened_day r
                               where r.day = c.day and r.revision = c.revision)
            order by c.day desc limit 1"#,
        before
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(day) = day else { return Ok(None) };
    let sums = sqlx::query_as!(
        Position,
        "select partner, agency, currency, collected, refunded, fees, paid_over
           from day_position where day = $1 and revision = $2 order by partner, agency, currency",
        day.day,
        day.revision
    )
    .fetch_all(conn)
    .await?;
    Ok(Some((day.day, sums)))
}

/// Keeps the sums up to the end of a day that closes.
pub async fn keep(
    conn: &mut PgConnection,
    (day, revision): (NaiveDate, i32),
    sums: &[Position],
) -> Result<(), sqlx::Error> {
    let text = |pick: fn(&Position) -> &str| -> Vec<String> {
        sums.iter().map(|sum| pick(sum).to_owned()).collect()
    };
    let amounts =
        |pick: fn(&Position) -> Decimal| -> Vec<Decimal> { sums.iter().map(pick).collect() };
    sqlx::query!(
        "insert into day_position (day, revision, partner, agency, currency, collected, refunded,
                                   fees, paid_over)
         select $1, $2, s.* from unnest($3::text[], $4::text[], $5::text[], $6::numeric[],
                                        $7::numeric[], $8::numeric[], $9::numeric[]) s",
        day,
        revision,
        &text(|sum| &sum.partner),
        &text(|sum| &sum.agency),
        &text(|sum| &sum.currency),
        &amounts(|sum| sum.collected),
        &amounts(|sum| sum.refunded),
        &amounts(|sum| sum.fees),
        &amounts(|sum| sum.paid_over)
    )
    .execute(conn)
    .await?;
    Ok(())
}
