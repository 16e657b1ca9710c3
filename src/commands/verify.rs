//! `payclear verify`: recomputes the ledger from its postings and the chain from its events, in one
//! snapshot, and says what it found. With `--day` it does so for one closed day, against what was
//! signed.

use std::process::ExitCode;

use chrono::NaiveDate;
use sqlx::{PgConnection, PgPool};

use crate::breaks::store::holds::{Held, differences};
use crate::days::banks::{self, Compared};
use crate::days::verify::{self as days, DayReport};
use crate::ledger;
use crate::ledger::verify::LedgerReport;
use crate::platform::sequencer::{self, Chain, LastBatch};
use crate::receipts;
use crate::receipts::gaps::ReceiptReport;

/// What to print.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Print the trial balance as well: every account, debit positive.
    #[arg(long)]
    accounts: bool,
    /// A closed day, YYYY-MM-DD: everything that was signed of it is computed anew.
    #[arg(long)]
    day: Option<NaiveDate>,
    /// Of a day that was closed more than once: which revision; the last unless told.
    #[arg(long, requires = "day")]
    revision: Option<i32>,
    /// The public key that was kept outside, in hex: the one kept here is not believed then.
    #[arg(long, requires = "day")]
    public_key: Option<String>,
}

/// What was found in the chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChainReport {
    /// Batches looked at.
    pub batches: i64,
    /// Events in them.
    pub events: i64,
    /// The first batch whose digest, number or interval is not what its events give.
    pub broken_at: Option<i64>,
    /// The digest of the last batch, in hexadecimal.
    pub head: String,
}

/// What was found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// The ledger.
    pub ledger: LedgerReport,
    /// The chain.
    pub chain: ChainReport,
    /// Invoices that are paid and have not exactly one applied settlement in this cycle.
    pub paid_without_settlement: i64,
    /// Settlements that are booked with another amount than they say.
    pub misbooked: i64,
    /// Receipts.
    pub receipts: ReceiptReport,
    /// Accounts of suspense, part payments held and refund due whose balance is not what their open
    /// cases hold.
    pub differing: Vec<Held>,
    /// Bank accounts whose last statement closes with another sum than the ledger held that day,
    /// without a reason: each in a sentence.
    pub against_banks: Vec<String>,
    /// Does everything hold?
    pub holds: bool,
}

/// Verifies a database.
pub async fn verify(pool: &PgPool) -> Result<Report, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::raw_sql(
        "set transaction isolation level repeatable read read only; set local statement_timeout = 0",
    )
    .execute(&mut *tx)
    .await?;
    let ledger = ledger::verify::ledger(&mut tx).await?;
    let chain = chain(&mut tx).await?;
    let paid_without_settlement = sqlx::query_scalar!(
        r#"select count(*) as "n!" from invoice i
            where (i.status = 'paid') is distinct from exists (
                  select from settlement s
                   where s.invoice_id = i.invoice_id and s.applied_cycle = i.cycle)"#
    )
    .fetch_one(&mut *tx)
    .await?;
    let misbooked = sqlx::query_scalar!(
        r#"select count(*) as "n!" from settlement s
            where s.entry_id is not null
              and s.amount is distinct from (
                  select sum(p.amount) from ledger.posting p
                    join ledger.account a on a.account_id = p.account_id
                   where p.entry_id = s.entry_id
                     and a.kind = case when exists (select from placement l
                                                     where l.settlement_id = s.settlement_id)
                                       then 'suspense' else 'partner_receivable' end)"#
    )
    .fetch_one(&mut *tx)
    .await?;
    let receipts = receipts::gaps::verify(&mut tx).await?;
    let differing = differences(&mut tx).await?;
    let banks = banks::latest(&mut tx).await?;
    let against_banks: Vec<String> = banks.iter().filter_map(Compared::against).collect();
    let holds = ledger.holds()
        && differing.is_empty()
        && against_banks.is_empty()
        && chain.broken_at.is_none()
        && paid_without_settlement == 0
        && misbooked == 0
        && receipts.holds();
    Ok(Report {
        ledger,
        chain,
        paid_without_settlement,
        misbooked,
        receipts,
        differing,
        against_banks,
        holds,
    })
}

async fn chain(conn: &mut PgConnection) -> Result<ChainReport, sqlx::Error> {
    let batches = sqlx::query!(
        r#"select batch_id, era, from_tx::text as "from_tx!", to_tx::text as "to_tx!",
                  first_number, events, digest
             from event_batch order by batch_id"#
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut report = ChainReport { batches: 0, events: 0, broken_at: None, head: String::new() };
    let mut last: Option<LastBatch> = None;
    for batch in batches {
        let before = last.take().filter(|l| l.era == batch.era).unwrap_or(LastBatch {
            batch_id: report.batches,
            era: batch.era,
            to_tx: "0".to_owned(),
            next_number: report.events + 1,
            digest: vec![0; 32],
        });
        let mut chain = Chain::begin(&before, &batch.to_tx);
        let mut after = None;
        loop {
            let events =
                sequencer::events_between(conn, &batch.from_tx, &batch.to_tx, after.as_ref(), 5000)
                    .await?;
            for event in &events {
                chain.take(event);
            }
            match events.last() {
                Some(event) if events.len() == 5000 => {
                    after = Some((event.made_by_tx.clone(), event.event_id));
                }
                _ => break,
            }
        }
        let (count, digest) = chain.end();
        let whole = i64::try_from(count).unwrap_or(0) == i64::from(batch.events)
            && digest[..] == batch.digest[..]
            && batch.from_tx == before.to_tx
            && batch.first_number == before.next_number
            && batch.batch_id == before.batch_id + 1;
        if !whole && report.broken_at.is_none() {
            report.broken_at = Some(batch.batch_id);
        }
        report.batches += 1;
        report.events += i64::from(batch.events);
        report.head = hex::encode(&batch.digest);
        last = Some(LastBatch {
            batch_id: batch.batch_id,
            era: batch.era,
            to_tx: batch.to_tx,
            next_number: batch.first_number + i64::from(batch.events),
            digest: batch.digest,
        });
    }
    Ok(report)
}

/// Verifies a closed day and the chain of events up to what it vouches for; none when it was never
/// closed.
pub async fn verify_day(
    pool: &PgPool,
    of: (NaiveDate, Option<i32>),
    trusted: Option<&[u8]>,
) -> Result<Option<DayReport>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::raw_sql(
        "set transaction isolation level repeatable read read only; set local statement_timeout = 0",
    )
    .execute(&mut *tx)
    .await?;
    let Some(mut report) = days::verify(&mut tx, of, trusted).await? else { return Ok(None) };
    // Events up to the head that was sealed make its digest; what came after is another day's.
    if let Some(broken) = chain(&mut tx).await?.broken_at.filter(|at| *at <= report.events_to.1) {
        let what = format!("batch {broken} of the event chain is not what its events give");
        if let Some(check) = report.checks.iter_mut().find(|check| check.what == "events") {
            check.holds = false;
            check.differs.push(what);
        }
        report.holds = false;
    }
    Ok(Some(report))
}

async fn run_day(command: &Verify, pool: &PgPool, day: NaiveDate) -> Result<ExitCode, sqlx::Error> {
    let trusted = match command.public_key.as_deref().map(hex::decode) {
        Some(Err(_)) => {
            eprintln!("--public-key is 64 digits in hex");
            return Ok(ExitCode::FAILURE);
        }
        Some(Ok(bytes)) => Some(bytes),
        None => None,
    };
    let report = verify_day(pool, (day, command.revision), trusted.as_deref()).await?;
    let Some(report) = report else {
        eprintln!("{day} was never closed");
        return Ok(ExitCode::FAILURE);
    };
    if command.json {
        println!("{}", serde_json::to_string(&report).unwrap_or_default());
    } else {
        println!("day {day}, revision {}; seal {}", report.revision, report.seal);
        for check in &report.checks {
            println!("{:<10} {}", check.what, if check.holds { "holds" } else { "DIFFERS" });
            check.differs.iter().for_each(|what| println!("           {what}"));
        }
        let (number, batch) = report.events_to;
        println!("signed with {}; vouches for events up to {number} (batch {batch})", report.key);
        println!("verify: {}", if report.holds { "everything holds" } else { "NOT IN ORDER" });
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the command; exit code 1 when something does not hold.
pub async fn run(command: &Verify, pool: &PgPool) -> Result<ExitCode, sqlx::Error> {
    if let Some(day) = command.day {
        return run_day(command, pool, day).await;
    }
    let report = verify(pool).await?;
    if command.json {
        println!("{}", serde_json::to_string(&report).unwrap_or_default());
    } else {
        if command.accounts {
            let mut conn = pool.acquire().await?;
            for line in ledger::store::trial_balance(&mut conn).await? {
                println!(
                    "{:<20} {:<16} {:<20} {} {:>20}",
                    line.kind, line.owner, line.detail, line.currency, line.amount
                );
            }
        }
        let l = &report.ledger;
        println!(
            "ledger: {} entries, {} accounts; unbalanced {}, without lines {}, orphan lines {}, \
             foreign lines {}, differing balances {}; sum of all postings {}",
            l.entries,
            l.accounts,
            l.unbalanced,
            l.without_lines,
            l.orphans,
            l.foreign,
            l.differing,
            l.total
        );
        let c = &report.chain;
        match c.broken_at {
            None => println!("chain: {} batches, {} events; head {}", c.batches, c.events, c.head),
            Some(at) => println!("chain: broken at batch {at} of {}", c.batches),
        }
        println!(
            "invoices: paid without exactly one settlement {}; settlements misbooked {}",
            report.paid_without_settlement, report.misbooked
        );
        let r = &report.receipts;
        println!(
            "receipts: payments passed over {}, receipts of no payment {}, numbers missing at {} places",
            r.payments_without, r.without_payment, r.gaps
        );
        for d in &report.differing {
            println!(
                "cases: {} of {} stands at {} {}, its open cases hold {}",
                d.held_in, d.partner, d.balance, d.currency, d.cases
            );
        }
        for told in &report.against_banks {
            println!("banks: {told}");
        }
        println!("verify: {}", if report.holds { "everything holds" } else { "NOT IN ORDER" });
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
