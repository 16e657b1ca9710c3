//! The day in sums, for the desk's first screen and for closing: what we booked, what partners reported
//! of it, what was seen in the bank, and what is missing; in count and in đồng.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::missing::first_id;
use super::store::summary::{self, LinesRow};

/// So many, so much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: i64,
    /// How much, in đồng.
    pub amount: Decimal,
}

impl From<(i64, Decimal)> for Sum {
    fn from((count, amount): (i64, Decimal)) -> Self {
        Self { count, amount }
    }
}

/// One account of a partner on one day.
#[derive(Debug, Clone)]
pub struct Reconciled {
    /// Whose.
    pub partner: String,
    /// Which.
    pub account: String,
    /// Booked here.
    pub expected: Sum,
    /// Of it, told of in a report.
    pub reported: Sum,
    /// Of it, seen in the bank.
    pub banked: Sum,
    /// Expected less banked.
    pub difference: Sum,
}

/// A day of all partners, or of one: by when settlements came, as they were made.
pub async fn reconciled(
    conn: &mut PgConnection,
    day: NaiveDate,
    partner: Option<&str>,
) -> Result<Vec<Reconciled>, sqlx::Error> {
    let next = day.succ_opt().unwrap_or(day);
    let rows = summary::summaries(conn, (first_id(day), first_id(next)), partner).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (expected, banked) = (Sum::from(row.expected), Sum::from(row.banked));
            Reconciled {
                partner: row.partner,
                account: row.account,
                expected,
                reported: row.reported.into(),
                banked,
                difference: Sum {
                    count: expected.count - banked.count,
                    amount: expected.amount - banked.amount,
                },
            }
        })
        .collect())
}

/// The statements of a day, and how far they are matched.
pub async fn statements(
    conn: &mut PgConnection,
    day: NaiveDate,
    partner: Option<&str>,
) -> Result<Vec<LinesRow>, sqlx::Error> {
    summary::statements_of_day(conn, day, partner).await
}
