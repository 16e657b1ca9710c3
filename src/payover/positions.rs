//! Net positions: `collected − refunds − fees − already paid over`, of each partner and agency.
//!
//! Up to the last closed day they are kept with that day; the days after it are added up from their
//! entries.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::store::positions::{self, Position};

/// Positions, and up to which closed day they are settled.
#[derive(Debug, Clone)]
pub struct Positions {
    /// The last closed day in them.
    pub closed: Option<NaiveDate>,
    /// By partner, agency and currency.
    pub of: Vec<Position>,
    /// For each currency: all that was collected, less all that became of it, less what the books
    /// owe to agencies and claim of them. Nothing, or the books are not in order.
    pub differences: Vec<(String, Decimal)>,
}

/// The positions as they are now, of everybody or of one partner.
pub async fn read(
    conn: &mut PgConnection,
    partner: Option<&str>,
) -> Result<Positions, sqlx::Error> {
    let kept = positions::kept(conn, None).await?;
    let closed = kept.as_ref().map(|(day, _)| *day);
    let news = positions::moved(conn, closed, None).await?;
    let all = added(kept.map(|(_, sums)| sums).unwrap_or_default(), news);
    let differences = differences(conn, &all).await?;
    let of = all.into_iter().filter(|p| partner.is_none_or(|code| p.partner == code)).collect();
    Ok(Positions { closed, of, differences })
}

/// The positions up to the end of a day: those of the closed day before it, and the day's.
pub async fn up_to(conn: &mut PgConnection, day: NaiveDate) -> Result<Vec<Position>, sqlx::Error> {
    let kept = positions::kept(conn, Some(day)).await?;
    let before = kept.as_ref().map(|(day, _)| *day);
    let news = positions::moved(conn, before, Some(day)).await?;
    Ok(added(kept.map(|(_, sums)| sums).unwrap_or_default(), news))
}

/// The same from the beginning, believing nothing that was kept.
pub async fn recomputed(
    conn: &mut PgConnection,
    day: NaiveDate,
) -> Result<Vec<Position>, sqlx::Error> {
    positions::moved(conn, None, Some(day)).await
}

/// Keeps the positions up to the end of a day that closes, in the caller's transaction.
pub async fn keep_in(
    conn: &mut PgConnection,
    at: (NaiveDate, i32),
    sums: &[Position],
) -> Result<(), sqlx::Error> {
    positions::keep(conn, at, sums).await
}

fn added(kept: Vec<Position>, news: Vec<Position>) -> Vec<Position> {
    let mut sums: BTreeMap<(String, String, String), Position> = BTreeMap::new();
    for one in kept.into_iter().chain(news) {
        let key = (one.partner.clone(), one.agency.clone(), one.currency.clone());
        match sums.get_mut(&key) {
            Some(sum) => {
                sum.collected += one.collected;
                sum.refunded += one.refunded;
                sum.fees += one.fees;
                sum.paid_over += one.paid_over;
            }
            None => {
                sums.insert(key, one);
            }
        }
    }
    sums.into_values().collect()
}

/// The balances of what is owed to agencies and claimed of them say the same as the positions.
async fn differences(
    conn: &mut PgConnection,
    all: &[Position],
) -> Result<Vec<(String, Decimal)>, sqlx::Error> {
    use crate::ledger::chart::AccountKind::{AgencyPayable, ClaimOnAgency};
    let mut by_currency: BTreeMap<String, Decimal> = BTreeMap::new();
    for position in all {
        *by_currency.entry(position.currency.clone()).or_default() += position.net();
    }
    for kind in [AgencyPayable, ClaimOnAgency] {
        for balance in crate::ledger::store::balances_of(conn, kind).await? {
            // What is owed is a credit, and negative.
            *by_currency.entry(balance.currency).or_default() += balance.amount;
        }
    }
    Ok(by_currency.into_iter().filter(|(_, difference)| !difference.is_zero()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(partner: &str, collected: i64, paid_over: i64) -> Position {
        Position {
            partner: partner.to_owned(),
            agency: "G01".to_owned(),
            currency: "VND".to_owned(),
            collected: collected.into(),
            refunded: Decimal::ONE,
            fees: Decimal::TEN,
            paid_over: paid_over.into(),
        }
    }

    #[test]
    fn what_was_kept_and_what_came_after_are_one_sum() {
        let sums =
            added(vec![position("b", 100, 0)], vec![position("a", 5, 0), position("b", 50, 40)]);
        let net: Vec<_> = sums.iter().map(|p| (p.partner.as_str(), p.net())).collect();
        assert_eq!(net, [("a", Decimal::from(-6)), ("b", Decimal::from(88))]);
    }
}
