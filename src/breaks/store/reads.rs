//! Reads of cases: one, and those that an officer or a partner sees.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaks::ageing::{MUCH, OLD};
use crate::breaks::case::Case;
use crate::breaks::holding::Holding;
use crate::breaks::{BreakCode, BreakState};
use crate::vocabulary::ids::{BreakId, InvoiceId, SettlementId};
use crate::vocabulary::money::{Currency, Money};

#[derive(Debug)]
struct CaseRow {
    break_id: Uuid,
    code: String,
    state: String,
    state_since: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    partner: String,
    agency: String,
    invoice_id: Option<Uuid>,
    settlement_id: Option<Uuid>,
    line_id: Option<i64>,
    amount: Decimal,
    currency: String,
    held_in: Option<String>,
    held: Decimal,
    detail: String,
    owner: String,
    reason: String,
    waits_until: Option<DateTime<Utc>>,
    shared_since: Option<DateTime<Utc>>,
    ages_from: NaiveDate,
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl TryFrom<CaseRow> for Case {
    type Error = sqlx::Error;

    fn try_from(row: CaseRow) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(undecodable)?;
        let held_in = row.held_in.map(|text| text.parse()).transpose().map_err(undecodable)?;
        let holding = held_in
            .filter(|_| !row.held.is_zero())
            .map(|held_in| Holding { held_in, held: row.held });
        Ok(Self {
            id: BreakId(row.break_id),
            code: row.code.parse().map_err(undecodable)?,
            state: row.state.parse().map_err(undecodable)?,
            state_since: row.state_since,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            partner: row.partner,
            agency: row.agency,
            invoice: row.invoice_id.map(InvoiceId),
            settlement: row.settlement_id.map(SettlementId),
            line: row.line_id,
            amount: Money::new(row.amount, currency).map_err(undecodable)?,
            holding,
            detail: row.detail,
            owner: row.owner,
            reason: row.reason,
            waits_until: row.waits_until,
            shared_since: row.shared_since,
            ages_from: row.ages_from,
        })
    }
}

/// One case.
pub async fn break_read(conn: &mut PgConnection, id: BreakId) -> Result<Option<Case>, sqlx::Error> {
    let row = sqlx::query_as!(
        CaseRow,
        "select break_id, code, state, state_since, opened_at, closed_at, partner, agency,
                invoice_id, settlement_id, line_id, amount, currency, held_in, held, detail, owner,
                reason, waits_until, shared_since, ages_from
           from break_case where break_id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Case::try_from).transpose()
}

/// One case, locked.
pub async fn break_lock(conn: &mut PgConnection, id: BreakId) -> Result<Option<Case>, sqlx::Error> {
    sqlx::query!("select break_id from break_case where break_id = $1 for no key update", id.0)
        .fetch_optional(&mut *conn)
        .await?;
    break_read(conn, id).await
}

/// Which cases.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of agencies in these scopes.
    pub scopes: &'a [String],
    /// In these states.
    pub states: &'a [BreakState],
    /// Of this code.
    pub code: Option<BreakCode>,
    /// Of this partner.
    pub partner: Option<&'a str>,
    /// Of this agency and those below it.
    pub agency: Option<&'a str>,
    /// Of this owner; empty: of nobody.
    pub owner: Option<&'a str>,
    /// Of so many points, from and to.
    pub points: Option<(i32, i32)>,
    /// So many days old, from and to.
    pub aged: Option<(i32, i32)>,
    /// Opened within these instants.
    pub opened: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// After this one, of so many points.
    pub after: Option<(i32, BreakId)>,
    /// The local day that ages are counted to.
    pub today: NaiveDate,
    /// At most so many.
    pub limit: i64,
}

/// Cases, those that matter most first, then the oldest; each with its points.
pub async fn breaks_list(
    conn: &mut PgConnection,
    wanted: &Wanted<'_>,
) -> Result<Vec<(Case, i32)>, sqlx::Error> {
    let states: Vec<String> = wanted.states.iter().map(ToString::to_string).collect();
    let codes: Vec<String> = BreakCode::ALL.iter().map(ToString::to_string).collect();
    let weights: Vec<i32> = BreakCode::ALL.iter().map(|code| code.weight()).collect();
    let (since, until) = wanted.opened.unzip();
    let rows = sqlx::query!(
        r#"select c.break_id, c.points as "points!"
             from (select b.break_id, b.opened_at, days,
                          w.weight + (b.amount >= $11)::integer + (b.amount >= $12)::integer
                                   + (days > $13)::integer + (days > $14)::integer as points
                     from break_case b
                     join unnest($9::text[], $10::integer[]) w(code, weight) on w.code = b.code
                    cross join lateral (
                          select coalesce((b.closed_at at time zone 'Asia/Ho_Chi_Minh')::date, $15::date)
                                 - b.ages_from as days) aged
                    where b.state = any($2)
                      and exists (select from unnest($1::text[]) scope
                                   where scope = '*' or b.agency = scope
                                      or starts_with(b.agency, scope || '.'))
                      and ($3::text is null or b.code = $3)
                      and ($4::text is null or b.partner = $4)
                      and ($5::text is null or b.agency = $5 or starts_with(b.agency, $5 || '.'))
                      and ($6::text is null or b.owner = $6)
                      and ($7::timestamptz is null or b.opened_at >= $7)
                      and ($8::timestamptz is null or b.opened_at < $8)) c
            where ($16::integer is null or c.points < $16
                   or (c.points = $16 and (c.opened_at, c.break_id) >
                       (select l.opened_at, l.break_id from break_case l where l.break_id = $17)))
              and ($19::integer is null or c.points between $19 and $20)
              and ($21::integer is null or c.days between $21 and $22)
            order by c.points desc, c.opened_at, c.break_id limit $18"#,
        wanted.scopes,
        &states,
        wanted.code.map(BreakCode::as_str),
        wanted.partner,
        wanted.agency,
        wanted.owner,
        since,
        until,
        &codes,
        &weights,
        Decimal::from(MUCH[0]),
        Decimal::from(MUCH[1]),
        i32::try_from(OLD[0]).unwrap_or(i32::MAX),
        i32::try_from(OLD[1]).unwrap_or(i32::MAX),
        wanted.today,
        wanted.after.map(|(points, _)| points),
        wanted.after.map(|(_, id)| id.0),
        wanted.limit,
        wanted.points.map(|(from, _)| from),
        wanted.points.map(|(_, to)| to),
        wanted.aged.map(|(from, _)| from),
        wanted.aged.map(|(_, to)| to)
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.break_id).collect();
    let mut cases = breaks_read(conn, &ids).await?;
    let mut listed = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(place) = cases.iter().position(|case| case.id.0 == row.break_id) {
            listed.push((cases.swap_remove(place), row.points));
        }
    }
    Ok(listed)
}

async fn breaks_read(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Case>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CaseRow,
        "select break_id, code, state, state_since, opened_at, closed_at, partner, agency,
                invoice_id, settlement_id, line_id, amount, currency, held_in, held, detail, owner,
                reason, waits_until, shared_since, ages_from
           from break_case where break_id = any($1)",
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Case::try_from).collect()
}

/// The cases that are shared with a partner, the newest first.
pub async fn breaks_shared(
    conn: &mut PgConnection,
    partner: &str,
    (before, limit): (Option<BreakId>, i64),
) -> Result<Vec<Case>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CaseRow,
        "select break_id, code, state, state_since, opened_at, closed_at, partner, agency,
                invoice_id, settlement_id, line_id, amount, currency, held_in, held, detail, owner,
                reason, waits_until, shared_since, ages_from
           from break_case
          where partner = $1 and shared_since is not null and ($2::uuid is null or break_id < $2)
          order by break_id desc limit $3",
        partner,
        before.map(|id| id.0),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Case::try_from).collect()
}

/// How many cases are open, and for how much, by code and by the day that they age from.
pub async fn breaks_open_by_age(
    conn: &mut PgConnection,
) -> Result<Vec<(String, NaiveDate, i64)>, sqlx::Error> {
    sqlx::query!(
        r#"select code, ages_from, count(*) as "open!" from break_case
            where state in ('open', 'assigned', 'waiting') group by code, ages_from"#
    )
    .map(|row| (row.code, row.ages_from, row.open))
    .fetch_all(conn)
    .await
}
