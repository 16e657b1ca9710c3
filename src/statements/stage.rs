//! The second reading: lines go into the database by the thousand, while the next ones are read.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;
use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::formats::{self, mapping::Mapping};
use super::model::{Line, ReadFile};
use super::spool::Spool;
use super::store;
use super::store::lines::Chunk;
use crate::vocabulary::clock::SharedClock;

/// Lines of one statement, one commit.
const CHUNK: usize = 10_000;
/// Chunks that wait for the database.
const WAITING: usize = 3;

/// Why lines are not all there.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The file that was laid aside.
    #[error("the file that was laid aside cannot be read: {0}")]
    Spool(#[from] std::io::Error),
    /// The reading ended by a defect.
    #[error("the reading broke off")]
    Reading,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Reads a file for the first time: all that is wrong with it, and no line.
pub async fn look(spool: &Spool, mappings: &Arc<[Mapping]>) -> Result<ReadFile, StageError> {
    let (file, mappings) = (spool.from_front()?, Arc::clone(mappings));
    let read = tokio::task::spawn_blocking(move || {
        formats::read(BufReader::with_capacity(1 << 16, file), &mappings, &mut |_, _| {})
    });
    Ok(read.await.map_err(|_| StageError::Reading)??)
}

/// How often lines without a number were met that say the very same.
#[derive(Debug, Default)]
struct Met(HashMap<u64, i32>);

impl Met {
    /// Which one a line is, from 1.
    fn count(&mut self, statement: usize, line: &Line) -> i32 {
        if !line.transaction_id.is_empty() {
            return 1;
        }
        let mut said = DefaultHasher::new();
        (statement, line.value_date, line.amount.normalize()).hash(&mut said);
        (&line.order_reference, &line.memo, &line.counterparty).hash(&mut said);
        let count = self.0.entry(said.finish()).or_default();
        *count += 1;
        *count
    }
}

/// Puts the lines of statements in, from where an earlier reading broke off; `statements` are their
/// ids in the order of the file.
pub async fn stage(
    pool: &PgPool,
    clock: &SharedClock,
    file: Uuid,
    statements: &[Uuid],
    (spool, mappings): (&Spool, &Arc<[Mapping]>),
) -> Result<u64, StageError> {
    let mut last = Vec::with_capacity(statements.len());
    {
        let mut conn = pool.acquire().await?;
        for statement in statements {
            last.push(store::lines::lines_last(&mut conn, *statement).await?);
        }
    }
    let (send, mut receive) = mpsc::channel::<Chunk>(WAITING);
    let (front, mappings, ids) = (spool.from_front()?, Arc::clone(mappings), statements.to_vec());
    let reading = tokio::task::spawn_blocking(move || {
        let mut places = vec![0_i32; ids.len()];
        let mut met = Met::default();
        let mut chunk = Chunk::default();
        let mut gone = false;
        let read = formats::read(
            BufReader::with_capacity(1 << 16, front),
            &mappings,
            &mut |statement, line| {
                let (Some(id), Some(place)) = (ids.get(statement), places.get_mut(statement))
                else {
                    return;
                };
                *place += 1;
                let occurrence = met.count(statement, &line);
                if gone || *place <= last[statement] {
                    return;
                }
                chunk.push(*id, (*place, occurrence), line);
                if chunk.len() >= CHUNK {
                    gone = send.blocking_send(std::mem::take(&mut chunk)).is_err();
                }
            },
        );
        if !chunk.is_empty() && !gone {
            drop(send.blocking_send(chunk));
        }
        read.map(drop)
    });
    let mut staged = 0;
    let mut beat = tokio::time::Instant::now();
    while let Some(chunk) = receive.recv().await {
        let mut conn = pool.acquire().await?;
        store::lines::lines_insert(&mut conn, &chunk).await?;
        staged += chunk.len() as u64;
        if beat.elapsed().as_secs() >= 5 {
            beat = tokio::time::Instant::now();
            store::file_heartbeat(&mut conn, file, clock.now()).await?;
        }
    }
    reading.await.map_err(|_| StageError::Reading)??;
    Ok(staged)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use rust_decimal::Decimal;

    use super::Met;
    use crate::statements::model::{Line, Nature, Standing};

    fn line(transaction: &str, memo: &str) -> Line {
        Line {
            nature: Nature::Payment,
            standing: Standing::Booked,
            amount: Decimal::from(50_000),
            fee: Decimal::ZERO,
            value_date: NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day"),
            transaction_id: transaction.to_owned(),
            order_reference: String::new(),
            batch: String::new(),
            memo: memo.to_owned(),
            counterparty: String::new(),
            at: 0,
        }
    }

    #[test]
    fn lines_without_a_number_that_say_the_very_same_are_counted_in_their_statement() {
        let mut met = Met::default();
        let mut count = |statement, line: &Line| met.count(statement, line);
        assert_eq!((count(0, &line("", "a")), count(0, &line("", "a"))), (1, 2));
        assert_eq!((count(0, &line("", "b")), count(1, &line("", "a"))), (1, 1));
        assert_eq!((count(0, &line("T1", "a")), count(0, &line("T1", "a"))), (1, 1));
        assert_eq!(count(0, &line("", "a")), 3);
    }
}
