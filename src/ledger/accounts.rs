//! What a process knows of the books: account numbers, remembered (accounts are opened once and
//! never change), and the cut-off of the business day.

use std::collections::HashMap;
use std::sync::RwLock;

use chrono::{DateTime, NaiveTime, Utc};
use sqlx::PgPool;

use super::chart::AccountKey;
use super::store;
use crate::vocabulary::day::BusinessDay;

/// The numbers of the accounts met so far in this process, and the cut-off.
#[derive(Debug)]
pub struct Accounts {
    known: RwLock<HashMap<AccountKey, i64>>,
    cut_off: Option<NaiveTime>,
}

impl Accounts {
    /// Books whose business day ends at a cut-off; none: at midnight.
    pub fn new(cut_off: Option<NaiveTime>) -> Self {
        Self { known: RwLock::default(), cut_off }
    }

    /// The business day that an entry made now belongs to.
    pub fn day_of(&self, now: DateTime<Utc>) -> BusinessDay {
        BusinessDay::of(now, self.cut_off)
    }

    /// The numbers of accounts; those that are not open yet are opened, in a transaction of their
    /// own: an account without postings harms nobody, and no group has to wait for another's.
    pub async fn numbers(
        &self,
        pool: &PgPool,
        keys: Vec<&AccountKey>,
    ) -> Result<HashMap<AccountKey, i64>, sqlx::Error> {
        let mut numbers = HashMap::new();
        let mut missing = Vec::new();
        {
            let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            for key in keys {
                match known.get(key) {
                    Some(number) => {
                        numbers.insert(key.clone(), *number);
                    }
                    None => missing.push(key.clone()),
                }
            }
        }
        if !missing.is_empty() {
            missing.sort();
            missing.dedup();
            let mut conn = pool.acquire().await?;
            let opened = store::accounts_open(&mut conn, &missing).await?;
            let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (key, number) in opened {
                known.insert(key.clone(), number);
                numbers.insert(key, number);
            }
        }
        Ok(numbers)
    }
}
