//! What was open when: the roll-forward of a day, and what nobody looks after.

use chrono::{DateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::vocabulary::day::{self, BusinessDay};
use crate::vocabulary::ids::BreakId;

/// The cases of one code over a day, counted and in đồng: `before + new - cleared = after`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rolled {
    /// The code.
    pub code: String,
    /// The currency.
    pub currency: String,
    /// Open when the day began.
    pub before: i64,
    /// The same in đồng.
    pub before_amount: Decimal,
    /// Opened within the day, and opened again.
    pub new: i64,
    /// The same in đồng.
    pub new_amount: Decimal,
    /// Closed within the day.
    pub cleared: i64,
    /// The same in đồng.
    pub cleared_amount: Decimal,
    /// Open when the day ended.
    pub after: i64,
    /// The same in đồng.
    pub after_amount: Decimal,
}

impl Rolled {
    /// Does it add up?
    pub fn balances(&self) -> bool {
        self.before + self.new - self.cleared == self.after
            && self.before_amount + self.new_amount - self.cleared_amount == self.after_amount
    }
}

/// The instants between which a business day lies: from the cut-off of the day before to its own.
pub fn span_of(day: BusinessDay, cut_off: Option<NaiveTime>) -> (DateTime<Utc>, DateTime<Utc>) {
    let start = |of: chrono::NaiveDate| match cut_off {
        Some(time) => day::from_local(of.pred_opt().unwrap_or(of).and_time(time)),
        None => day::from_local(of.and_time(NaiveTime::MIN)),
    };
    (start(day.0), start(day.0.succ_opt().unwrap_or(day.0)))
}

/// The roll-forward of a business day, by code; codes without a case are left out. What was open
/// after the day is counted by itself, from the states that cases had then, so that the four numbers
/// prove each other.
pub async fn roll_forward(
    conn: &mut PgConnection,
    day: BusinessDay,
    cut_off: Option<NaiveTime>,
) -> Result<Vec<Rolled>, sqlx::Error> {
    let (since, until) = span_of(day, cut_off);
    sqlx::query_as!(
        Rolled,
        r#"with moved as (
               select c.code, c.currency,
                      coalesce(sum(s.opens) filter (where s.at < $1), 0) as before,
                      coalesce(sum(s.opens * c.amount) filter (where s.at < $1), 0) as before_amount,
                      count(*) filter (where s.at >= $1 and s.opens = 1) as new,
                      coalesce(sum(c.amount) filter (where s.at >= $1 and s.opens = 1), 0) as new_amount,
                      count(*) filter (where s.at >= $1 and s.opens = -1) as cleared,
                      coalesce(sum(c.amount) filter (where s.at >= $1 and s.opens = -1), 0)
                          as cleared_amount
                 from break_step s join break_case c on c.break_id = s.break_id
                where s.opens <> 0 and s.at < $2
                group by c.code, c.currency),
           stood as (
               select c.code, c.currency, count(*) as after, sum(c.amount) as after_amount
                 from break_case c
                cross join lateral (
                      select s.to_state from break_step s
                       where s.break_id = c.break_id and s.at < $2
                       order by s.step_id desc limit 1) last
                where last.to_state in ('open', 'assigned', 'waiting')
                group by c.code, c.currency)
           select m.code as "code!", m.currency as "currency!", m.before as "before!",
                  m.before_amount as "before_amount!", m.new as "new!", m.new_amount as "new_amount!",
                  m.cleared as "cleared!", m.cleared_amount as "cleared_amount!",
                  coalesce(s.after, 0) as "after!", coalesce(s.after_amount, 0) as "after_amount!"
             from moved m left join stood s on s.code = m.code and s.currency = m.currency
            where m.before <> 0 or m.new <> 0 or m.cleared <> 0
            order by m.code, m.currency"#,
        since,
        until
    )
    .fetch_all(conn)
    .await
}

/// A case that keeps a day from being closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unattended {
    /// Which.
    pub id: BreakId,
    /// Its code.
    pub code: String,
    /// Nobody has it.
    pub has_owner: bool,
    /// Nobody said why it is still open.
    pub has_reason: bool,
}

/// The cases opened by the end of a business day that are open still and have no owner, or no
/// reason: a day closes without any.
pub async fn open_without_owner_or_reason(
    conn: &mut PgConnection,
    day: BusinessDay,
    cut_off: Option<NaiveTime>,
) -> Result<Vec<Unattended>, sqlx::Error> {
    let (_, until) = span_of(day, cut_off);
    sqlx::query!(
        r#"select break_id as "break_id: Uuid", code, owner <> '' as "has_owner!",
                  reason <> '' as "has_reason!"
             from break_case
            where state in ('open', 'assigned', 'waiting') and opened_at < $1
              and (owner = '' or reason = '')
            order by opened_at, break_id"#,
        until
    )
    .map(|row| Unattended {
        id: BreakId(row.break_id),
        code: row.code,
        has_owner: row.has_owner,
        has_reason: row.has_reason,
    })
    .fetch_all(conn)
    .await
}
