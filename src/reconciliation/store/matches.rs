//! Matches, their sides, and what is beside them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// A match to be written.
#[derive(Debug, Clone)]
pub struct NewMatch {
    /// Its id.
    pub id: Uuid,
    /// line, funds or payout.
    pub layer: &'static str,
    /// R0 to R10, or hand.
    pub rule: &'static str,
    /// suggested or confirmed.
    pub state: &'static str,
    /// Whose statement.
    pub partner: String,
    /// Of which account.
    pub account: String,
    /// Whose business.
    pub agency: String,
    /// What was kept by contract.
    pub fee: Decimal,
    /// What two people accepted.
    pub difference: Decimal,
    /// Why.
    pub reason: String,
    /// Its sides.
    pub sides: Vec<NewSide>,
}

/// A side of it.
#[derive(Debug, Clone, Default)]
pub struct NewSide {
    /// A line, with its amount.
    pub line: Option<(i64, Decimal)>,
    /// A settlement, with its amount.
    pub settlement: Option<(Uuid, Decimal)>,
    /// A refund or reversal, with its amount, positive.
    pub back: Option<(Uuid, Decimal)>,
    /// A batch, with its net.
    pub batch: Option<(Uuid, String, Decimal)>,
    /// A line of a pay-over, with its amount, positive.
    pub payout: Option<(Uuid, Decimal)>,
    /// The invoice that is suggested.
    pub invoice: Option<Uuid>,
}

impl NewSide {
    fn own(&self) -> Decimal {
        self.settlement.map_or(Decimal::ZERO, |s| s.1) - self.back.map_or(Decimal::ZERO, |b| b.1)
            + self.batch.as_ref().map_or(Decimal::ZERO, |b| b.2)
            - self.payout.map_or(Decimal::ZERO, |p| p.1)
    }
}

/// Writes matches with their sides, each in one statement.
pub async fn matches_insert(
    conn: &mut PgConnection,
    matches: &[NewMatch],
    version: i16,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    if matches.is_empty() {
        return Ok(());
    }
    let text = |pick: fn(&NewMatch) -> &str| -> Vec<String> {
        matches.iter().map(|m| pick(m).to_owned()).collect()
    };
    let ids: Vec<Uuid> = matches.iter().map(|m| m.id).collect();
    let fees: Vec<Decimal> = matches.iter().map(|m| m.fee).collect();
    let differences: Vec<Decimal> = matches.iter().map(|m| m.difference).collect();
    sqlx::query!(
        "insert into match (match_id, layer, rule, rule_version, state, partner, account, agency, fee,
                            difference, reason, made_by, made_at)
         select m.id, m.layer, m.rule, $10, m.state, m.partner, m.account, m.agency, m.fee,
                m.difference, m.reason, $11, $12
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                       $7::text[], $8::numeric[], $9::numeric[], $13::text[])
                m(id, layer, rule, state, partner, account, agency, fee, difference, reason)",
        &ids,
        &text(|m| m.layer),
        &text(|m| m.rule),
        &text(|m| m.state),
        &text(|m| &m.partner),
        &text(|m| &m.account),
        &text(|m| &m.agency),
        &fees,
        &differences,
        version,
        by,
        now,
        &text(|m| &m.reason),
    )
    .execute(&mut *conn)
    .await?;
    sides_insert(conn, matches).await
}

async fn sides_insert(conn: &mut PgConnection, matches: &[NewMatch]) -> Result<(), sqlx::Error> {
    let sides: Vec<(&NewMatch, i16, &NewSide)> = matches
        .iter()
        .flat_map(|m| {
            m.sides
                .iter()
                .enumerate()
                .map(move |(place, side)| (m, i16::try_from(place + 1).unwrap_or(i16::MAX), side))
        })
        .collect();
    let ids: Vec<Uuid> = sides.iter().map(|s| s.0.id).collect();
    let places: Vec<i16> = sides.iter().map(|s| s.1).collect();
    let layers: Vec<String> = sides.iter().map(|s| s.0.layer.to_owned()).collect();
    let lines: Vec<Option<i64>> = sides.iter().map(|s| s.2.line.map(|l| l.0)).collect();
    let amounts: Vec<Decimal> =
        sides.iter().map(|s| s.2.line.map_or(Decimal::ZERO, |l| l.1)).collect();
    let settlements: Vec<Option<Uuid>> =
        sides.iter().map(|s| s.2.settlement.map(|s| s.0)).collect();
    let backs: Vec<Option<Uuid>> = sides.iter().map(|s| s.2.back.map(|b| b.0)).collect();
    let reports: Vec<Option<Uuid>> =
        sides.iter().map(|s| s.2.batch.as_ref().map(|b| b.0)).collect();
    let batches: Vec<Option<String>> =
        sides.iter().map(|s| s.2.batch.as_ref().map(|b| b.1.clone())).collect();
    let payouts: Vec<Option<Uuid>> = sides.iter().map(|s| s.2.payout.map(|p| p.0)).collect();
    let invoices: Vec<Option<Uuid>> = sides.iter().map(|s| s.2.invoice).collect();
    let owns: Vec<Decimal> = sides.iter().map(|s| s.2.own()).collect();
    sqlx::query!(
        "insert into match_side (match_id, place, layer, line_id, line_amount, settlement_id, back_id,
                                 report_id, batch, payout_id, invoice_id, own_amount)
         select * from unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::numeric[],
                              $6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::uuid[],
                              $11::uuid[], $12::numeric[])",
        &ids,
        &places,
        &layers,
        &lines as &[Option<i64>],
        &amounts,
        &settlements as &[Option<Uuid>],
        &backs as &[Option<Uuid>],
        &reports as &[Option<Uuid>],
        &batches as &[Option<String>],
        &payouts as &[Option<Uuid>],
        &invoices as &[Option<Uuid>],
        &owns,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes matches back; those that were are left out. Gives the ids that were taken back now.
pub async fn unmatch_insert(
    conn: &mut PgConnection,
    ids: &[Uuid],
    reason: &str,
    (by, now): (&str, DateTime<Utc>),
) -> Result<Vec<Uuid>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        "insert into unmatch (match_id, reason, made_by, made_at)
         select id, $2, $3, $4 from unnest($1::uuid[]) id
         on conflict on constraint unmatch_pkey do nothing
         returning match_id",
        ids,
        reason,
        by,
        now
    )
    .fetch_all(conn)
    .await
}

/// A person agrees to a suggestion; `false` when somebody has before.
pub async fn match_confirmation_insert(
    conn: &mut PgConnection,
    id: Uuid,
    (by, now): (&str, DateTime<Utc>),
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into match_confirmation (match_id, confirmed_by, at) values ($1, $2, $3)
         on conflict on constraint match_confirmation_pkey do nothing",
        id,
        by,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks a match against others who would change what is beside it.
pub async fn match_lock(conn: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"select pg_advisory_xact_lock(hashtextextended($1::text, 12)) is null as "held""#,
        id.to_string()
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}
