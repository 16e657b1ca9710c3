//! Cases as the officers' day counts them: those of before, new ones, those that are closed.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Count and đồng of the cases of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollForward {
    /// Open when the day began.
    pub before: (i64, Decimal),
    /// Opened in it.
    pub new: (i64, Decimal),
    /// Closed in it.
    pub cleared: (i64, Decimal),
    /// Open when it ended.
    pub open: (i64, Decimal),
}

/// How the cases stood between two instants.
pub async fn roll_forward(
    conn: &mut PgConnection,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<RollForward, sqlx::Error> {
    let row = sqlx::query!(
        r#"with c as (
                select amount, opened_at,
                       case when state in ('resolved', 'auto_closed') then state_since end as closed_at
                  from break_case where opened_at < $2)
           select count(*) filter (where opened_at < $1 and (closed_at is null or closed_at >= $1)) as "before!",
                  coalesce(sum(amount) filter (where opened_at < $1 and (closed_at is null or closed_at >= $1)), 0) as "before_amount!",
                  count(*) filter (where opened_at >= $1) as "new!",
                  coalesce(sum(amount) filter (where opened_at >= $1), 0) as "new_amount!",
                  count(*) filter (where closed_at >= $1 and closed_at < $2) as "cleared!",
                  coalesce(sum(amount) filter (where closed_at >= $1 and closed_at < $2), 0) as "cleared_amount!",
                  count(*) filter (where closed_at is null or closed_at >= $2) as "open!",
                  coalesce(sum(amount) filter (where closed_at is null or closed_at >= $2), 0) as "open_amount!"
             from c"#,
        from,
        to
    )
    .fetch_one(conn)
    .await?;
    Ok(RollForward {
        before: (row.before, row.before_amount),
        new: (row.new, row.new_amount),
        cleared: (row.cleared, row.cleared_amount),
        open: (row.open, row.open_amount),
    })
}

/// A case that is open when a day ends.
#[derive(Debug, Clone)]
pub struct OpenCase {
    /// Which.
    pub id: Uuid,
    /// Its code.
    pub code: String,
    /// The partner.
    pub partner: String,
    /// The agency, or empty.
    pub agency: String,
    /// How much does not match.
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// What is known of it.
    pub detail: String,
}

/// The cases that were open at an instant, the oldest first.
pub async fn open_at(
    conn: &mut PgConnection,
    at: DateTime<Utc>,
) -> Result<Vec<OpenCase>, sqlx::Error> {
    sqlx::query_as!(
        OpenCase,
        "select break_id as id, code, partner, agency, amount, currency, opened_at, detail
           from break_case
          where opened_at < $1
            and (state not in ('resolved', 'auto_closed') or state_since >= $1)
          order by opened_at, break_id",
        at
    )
    .fetch_all(conn)
    .await
}

/// Of the cases that were open at an instant those that nobody has taken on: a case that is still
/// `open` has no owner.
pub async fn open_without_owner(
    conn: &mut PgConnection,
    at: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select break_id from break_case
          where opened_at < $1 and state = 'open' order by opened_at, break_id",
        at
    )
    .fetch_all(conn)
    .await
}

/// Closes a case whose cause is gone; one that is closed stays as it is.
pub async fn break_close(
    conn: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update break_case
            set state = 'auto_closed', state_since = $2, closed_at = $2, changed_at = $2,
                changed_by = 'payclear', change = 'its cause is gone'
          where break_id = $1 and held = 0 and state not in ('resolved', 'auto_closed')",
        id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
