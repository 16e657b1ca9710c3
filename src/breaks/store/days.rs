//! How cases stood at an instant and went on over a day, as the officers' day counts them. Read from
//! the steps of cases, which are never changed: what happens to a case afterwards changes no day that
//! is over.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// The cases of one code between two instants, counted and summed up:
/// `before + new - cleared = after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolled {
    /// The code.
    pub code: String,
    /// The currency.
    pub currency: String,
    /// Open at the first instant.
    pub before: i64,
    /// Their sum.
    pub before_amount: Decimal,
    /// Opened in between, and opened again.
    pub new: i64,
    /// Their sum.
    pub new_amount: Decimal,
    /// Closed in between.
    pub cleared: i64,
    /// Their sum.
    pub cleared_amount: Decimal,
    /// Open at the last instant.
    pub after: i64,
    /// Their sum.
    pub after_amount: Decimal,
}

impl Rolled {
    /// Does it add up?
    pub fn balances(&self) -> bool {
        self.before + self.new - self.cleared == self.after
            && self.before_amount + self.new_amount - self.cleared_amount == self.after_amount
    }
}

/// Count and đồng of the cases of a day, of all codes. Cases of other currencies are counted, and
/// their sums stand beside those of their code.
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

impl RollForward {
    /// The codes together.
    pub fn of(codes: &[Rolled]) -> Self {
        let sum = |pick: fn(&Rolled) -> (i64, Decimal)| {
            codes.iter().fold((0, Decimal::ZERO), |(count, amount), code| {
                let (more, much) = pick(code);
                (count + more, if code.currency == "VND" { amount + much } else { amount })
            })
        };
        Self {
            before: sum(|of| (of.before, of.before_amount)),
            new: sum(|of| (of.new, of.new_amount)),
            cleared: sum(|of| (of.cleared, of.cleared_amount)),
            open: sum(|of| (of.after, of.after_amount)),
        }
    }
}

/// How the cases went on between two instants, by code; codes without a case are left out. What was
/// open is counted by itself at either end, from the states that cases had then, and what came and
/// went from the steps between, so that the four numbers prove each other.
pub async fn roll_forward(
    conn: &mut PgConnection,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Rolled>, sqlx::Error> {
    // A case that was closed before the first instant, and is, was closed all the while.
    sqlx::query_as!(
        Rolled,
        r#"with stood as (
               select c.code, c.currency, c.amount, at_first.is_open as was, at_last.is_open as "is"
                 from break_case c
                cross join lateral (
                      select coalesce((select s.to_state in ('open', 'assigned', 'waiting')
                                         from break_step s
                                        where s.break_id = c.break_id and s.at < $1
                                        order by s.step_id desc limit 1), false) as is_open) at_first
                cross join lateral (
                      select coalesce((select s.to_state in ('open', 'assigned', 'waiting')
                                         from break_step s
                                        where s.break_id = c.break_id and s.at < $2
                                        order by s.step_id desc limit 1), false) as is_open) at_last
                where c.opened_at < $2
                  and (c.state in ('open', 'assigned', 'waiting') or c.closed_at >= $1)),
           moved as (
               select c.code, c.currency, c.amount, s.opens
                 from break_step s join break_case c on c.break_id = s.break_id
                where s.opens <> 0 and s.at >= $1 and s.at < $2),
           counted as (
               select code, currency, was::integer as before, amount * was::integer as before_amount,
                      0 as new, 0 as new_amount, 0 as cleared, 0 as cleared_amount,
                      "is"::integer as after, amount * "is"::integer as after_amount
                 from stood where was or "is"
               union all
               select code, currency, 0, 0, (opens = 1)::integer, amount * (opens = 1)::integer,
                      (opens = -1)::integer, amount * (opens = -1)::integer, 0, 0
                 from moved)
           select code as "code!", currency as "currency!", sum(before) as "before!",
                  sum(before_amount) as "before_amount!", sum(new) as "new!",
                  sum(new_amount) as "new_amount!", sum(cleared) as "cleared!",
                  sum(cleared_amount) as "cleared_amount!", sum(after) as "after!",
                  sum(after_amount) as "after_amount!"
             from counted group by code, currency order by code, currency"#,
        from,
        to
    )
    .fetch_all(conn)
    .await
}

/// A case that was open when a day ended, and who had it, and why it was still open, when somebody
/// looked at the day.
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
    /// From this day on it ages.
    pub ages_from: NaiveDate,
    /// Where it stood when it was looked at: it may have been closed since the day's end.
    pub state: String,
    /// Who had it then; empty when nobody had.
    pub owner: String,
    /// Why it was still open, in a person's words.
    pub reason: String,
}

impl OpenCase {
    /// Is it closed, or does somebody have it and say why it is open?
    pub fn is_answered_for(&self) -> bool {
        let is_closed = matches!(self.state.as_str(), "resolved" | "auto_closed");
        is_closed || (!self.owner.is_empty() && !self.reason.is_empty())
    }
}

/// The cases that were open at an instant, the oldest first, with who had them, and why, at a later
/// one.
pub async fn open_at(
    conn: &mut PgConnection,
    (at, looked_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<OpenCase>, sqlx::Error> {
    sqlx::query_as!(
        OpenCase,
        "select c.break_id as id, c.code, c.partner, c.agency, c.amount, c.currency, c.opened_at,
                c.ages_from, now_is.to_state as state, now_is.owner, now_is.reason
           from break_case c
          cross join lateral (
                select s.to_state from break_step s where s.break_id = c.break_id and s.at < $1
                 order by s.step_id desc limit 1) then_was
          cross join lateral (
                select s.to_state, s.owner, s.reason from break_step s
                 where s.break_id = c.break_id and s.at <= greatest($1, $2)
                 order by s.step_id desc limit 1) now_is
          where c.opened_at < $1
            and (c.state in ('open', 'assigned', 'waiting') or c.closed_at >= $1)
            and then_was.to_state in ('open', 'assigned', 'waiting')
          order by c.opened_at, c.break_id",
        at,
        looked_at
    )
    .fetch_all(conn)
    .await
}

/// Some cases as they stood at an instant; those that were not there yet are left out.
pub async fn as_of(
    conn: &mut PgConnection,
    ids: &[Uuid],
    at: DateTime<Utc>,
) -> Result<Vec<OpenCase>, sqlx::Error> {
    sqlx::query_as!(
        OpenCase,
        "select c.break_id as id, c.code, c.partner, c.agency, c.amount, c.currency, c.opened_at,
                c.ages_from, now_is.to_state as state, now_is.owner, now_is.reason
           from break_case c
          cross join lateral (
                select s.to_state, s.owner, s.reason from break_step s
                 where s.break_id = c.break_id and s.at <= $2
                 order by s.step_id desc limit 1) now_is
          where c.break_id = any($1)
          order by c.opened_at, c.break_id",
        ids,
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
    super::breaks_close(conn, &[id], now).await
}
