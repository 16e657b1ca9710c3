//! The money of a batch was seen: so was each settlement that the report tells in it, and what the
//! partner kept of it by contract is owed by the agencies.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::chunk::{receivable, told_before};
use super::fee::Terms;
use super::run::{Matching, MatchingError, PARTS, defect};
use super::store::reads;
use super::store::work::{self, BatchRow, PairRow};
use super::words;
use crate::ledger::acts;
use crate::ledger::entry::{Entry, Occasion};
use crate::ledger::store as ledger;
use crate::settlements::store as settlements;
use crate::statements::read;
use crate::vocabulary::money::{Currency, Money};

/// Banks what is funded, chunk by chunk, until nothing is left.
pub(super) async fn bank_funded(matching: &Matching) -> Result<(), MatchingError> {
    loop {
        let mut ahead = matching.ahead().await?;
        let mut tx = matching.pool.begin().await?;
        work::plan_by_keys(&mut tx).await?;
        let Some((report, name)) = work::batch_funded_next(&mut tx).await? else { return Ok(()) };
        let batch = work::batch_lock(&mut tx, report, &name).await?;
        let Some(batch) = batch.filter(|batch| batch.state == "funded") else { continue };
        let upto = chunk_in(&mut tx, &mut ahead, matching, &batch).await?;
        let all = upto >= batch.last_place;
        work::batch_banked_upto(&mut tx, (report, &name), upto, all).await?;
        tx.commit().await?;
    }
}

/// Banks the next chunk of a batch that is locked: while one part is written, the next is read. The
/// place that it came to.
async fn chunk_in(
    conn: &mut PgConnection,
    ahead: &mut PgConnection,
    matching: &Matching,
    batch: &BatchRow,
) -> Result<i32, MatchingError> {
    let part = i32::try_from(matching.chunk / PARTS).unwrap_or(i32::MAX).max(1);
    let after = |at: i32| at.saturating_add(part).min(batch.last_place);
    let ground = Ground::of(conn, matching, batch).await?;
    let mut at = batch.banked_upto;
    let mut next = ground.pairs(ahead, (at, after(at))).await?;
    for n in 1..=PARTS {
        at = after(at);
        let (done, read) = tokio::join!(ground.bank(conn, matching, &next), async {
            if n == PARTS || at >= batch.last_place {
                Ok(Vec::new())
            } else {
                ground.pairs(ahead, (at, after(at))).await
            }
        });
        done?;
        next = read?;
        if at >= batch.last_place {
            break;
        }
    }
    Ok(at)
}

/// Banks one line of a batch that was matched late, when the batch is banked that far.
pub(super) async fn bank_one_in(
    conn: &mut PgConnection,
    matching: &Matching,
    (report, name): (Uuid, &str),
    place: i32,
) -> Result<(), MatchingError> {
    let Some(batch) = work::batch_lock(conn, report, name).await? else { return Ok(()) };
    if matches!(batch.state.as_str(), "funded" | "banked") && place <= batch.banked_upto {
        let ground = Ground::of(conn, matching, &batch).await?;
        let pairs = ground.pairs(conn, (place - 1, place)).await?;
        ground.bank(conn, matching, &pairs).await?;
    }
    Ok(())
}

/// The reason of an entry that belongs to a batch: by it the entry is found again.
pub(super) fn reason_of(batch: &str) -> String {
    format!("batch {batch}")
}

/// What is true of a batch while it is banked.
pub(super) struct Ground<'a> {
    batch: &'a BatchRow,
    terms: Terms,
    /// The report tells no fees, and the money came without those of the contract.
    by_contract: bool,
    with_fees: bool,
}

impl<'a> Ground<'a> {
    pub(super) async fn of(
        conn: &mut PgConnection,
        matching: &Matching,
        batch: &'a BatchRow,
    ) -> Result<Self, MatchingError> {
        let statement = read::store::statement_read(conn, batch.statement).await?;
        let today = matching.now().date_naive();
        let day = statement.map_or(today, |statement| statement.day);
        let terms = reads::terms_of(conn, &batch.partner, day).await?.unwrap_or(Terms::NONE);
        let by_contract = match batch.by_match {
            Some(by) => !reads::fee_of_match(conn, by).await?.is_zero(),
            None => false,
        };
        Ok(Self { batch, terms, by_contract, with_fees: by_contract || !batch.fee.is_zero() })
    }

    /// Pairs of the batch after a place, up to another.
    async fn pairs(
        &self,
        conn: &mut PgConnection,
        places: (i32, i32),
    ) -> Result<Vec<PairRow>, sqlx::Error> {
        let of = (self.batch.statement, self.batch.batch.as_str());
        work::pairs_of_batch(conn, of, places, self.with_fees).await
    }

    /// Banks the settlements of pairs, and books what was kept of them.
    async fn bank(
        &self,
        conn: &mut PgConnection,
        matching: &Matching,
        pairs: &[PairRow],
    ) -> Result<(), MatchingError> {
        let (Some(by), Some(entry)) = (self.batch.by_match, self.batch.entry) else {
            return Ok(());
        };
        let seen: Vec<settlements::Seen> = pairs
            .iter()
            .map(|pair| settlements::Seen {
                settlement: pair.settlement,
                by: format!("match/{by}"),
                entry,
            })
            .collect();
        let new = settlements::settlements_banked_insert(conn, &seen, matching.now()).await?;
        let told = told_before(&seen, &new, |_| reason_of(&self.batch.batch));
        let gave_way = words::give_way_in(conn, matching, self.batch.statement, &told).await?;
        if self.with_fees {
            let new: BTreeSet<Uuid> = new.into_iter().chain(gave_way).collect();
            let mut fees: BTreeMap<String, Decimal> = BTreeMap::new();
            for pair in pairs.iter().filter(|pair| new.contains(&pair.settlement)) {
                let fee = self.fee_of(pair.amount, pair.fee);
                if let (Some(agency), false) = (&pair.agency, fee.is_zero()) {
                    *fees.entry(agency.clone()).or_default() += fee;
                }
            }
            fees_in(conn, matching, self.batch, &fees).await?;
        }
        Ok(())
    }

    /// What an agency owes for a payment: the contract's fee, or what was kept when that is less. What
    /// was kept above it is the partner's to explain.
    pub(super) fn fee_of(&self, amount: Decimal, kept: Decimal) -> Decimal {
        let contract = self.terms.fee_of(amount);
        if self.by_contract { contract } else { contract.min(kept) }
    }
}

async fn fees_in(
    conn: &mut PgConnection,
    matching: &Matching,
    batch: &BatchRow,
    fees: &BTreeMap<String, Decimal>,
) -> Result<(), MatchingError> {
    if fees.is_empty() {
        return Ok(());
    }
    let currency: Currency = batch.currency.parse().map_err(defect)?;
    let mut by_agency = Vec::with_capacity(fees.len());
    for (agency, fee) in fees {
        by_agency.push((agency.clone(), Money::new(*fee, currency).map_err(defect)?));
    }
    let today = matching.accounts.day_of(matching.now());
    let occasion = Occasion {
        act: "partner_fee",
        business_day: today,
        value_date: today.0,
        source: format!("statement/{}", batch.statement),
        reverses: None,
        actor: format!("partner/{}", batch.partner),
        reason: reason_of(&batch.batch),
    };
    let from = receivable(&batch.partner, &batch.account, currency);
    let entry = acts::partner_fees(occasion, &from, &by_agency).map_err(defect)?;
    write_in(conn, matching, batch.statement, entry).await?;
    Ok(())
}

/// Writes an entry that belongs to a statement: it goes back with it.
pub(super) async fn write_in(
    conn: &mut PgConnection,
    matching: &Matching,
    statement: Uuid,
    entry: Entry,
) -> Result<i64, MatchingError> {
    let numbers = matching.accounts.numbers(&matching.pool, entry.accounts()).await?;
    let number = ledger::entry_numbers(conn, 1).await?.pop().ok_or(MatchingError::Overtaken)?;
    ledger::entries_insert(conn, &[(number, &entry)], &numbers).await?;
    work::matching_entries_insert(conn, statement, &[number]).await?;
    Ok(number)
}
