//! Gives numbers: follows the sequenced events, and does what they ask for in their order. What cannot
//! be done yet is written down, and goes before what comes later.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use super::Receipts;
use super::content::{
    Body, Charge, Content, Delegate, Numbered, Replaced, hash_of, title_of, words_of,
};
use super::receipt::{Receipt, Signature, Step};
use super::signer::{LocalKey, SignError, Signed, Signer};
use super::status::ReceiptStatus;
use super::store::{self, Run, Task, reads};
use crate::breaks::store::{breaks_close_of_invoices, breaks_insert, invoice_has_open};
use crate::breaks::{Break, BreakCode, BreakState};
use crate::invoices::invoice::Invoice;
use crate::invoices::store::invoices_read;
use crate::platform::{faults, lease};
use crate::registers::directory::Directory;
use crate::registers::live::LiveDirectory;
use crate::vocabulary::day::{BusinessDay, to_local};
use crate::vocabulary::ids::{BreakId, InvoiceId, ReceiptId};
use crate::vocabulary::realm::Realm;

const LEASE: &str = "receipts";
/// Batches of events looked at in one transaction.
const BATCHES: i64 = 5;
/// Tasks that waited, done in one transaction.
const TASKS: i64 = 500;
/// What was paid before midnight and is numbered within this time after it bears its own day.
const PAST_MIDNIGHT: TimeDelta = TimeDelta::hours(1);
/// Letters and digits of a check code that nobody mistakes for each other.
const CODE_ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyzA";
/// 24 of 32: 120 bits.
const CODE_LENGTH: usize = 24;

/// What officers put right with a replacement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Who paid, as it should be.
    pub payer_name: String,
    /// Why.
    pub reason: String,
    /// Who proposed it.
    pub by: String,
    /// Who agreed.
    pub approved_by: String,
}

/// What one look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Receipts issued.
    pub issued: usize,
    /// Receipts ended.
    pub ended: usize,
}

impl Receipts {
    /// Numbers and signs, until it is stopped.
    pub async fn run(
        self,
        directory: LiveDirectory,
        holder: String,
        every: Duration,
        stop: CancellationToken,
    ) {
        while !stop.is_cancelled() {
            let done = async {
                self.number(&directory.current(), &holder).await?;
                self.sign_some().await
            };
            if let Err(error) = done.await {
                tracing::warn!(%error, "receipts could not be made; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Does what waits, then looks at what was paid and taken back since the last time. Nothing when
    /// another leads.
    #[tracing::instrument(name = "receipts.number", skip_all)]
    pub async fn number(&self, directory: &Directory, holder: &str) -> Result<Done, sqlx::Error> {
        let fence = {
            let mut conn = self.pool.acquire().await?;
            lease::take(&mut conn, LEASE, holder).await?
        };
        let Some(fence) = fence else { return Ok(Done::default()) };
        let mut pass = Pass::default();
        while self.take_waiting(directory, fence, &mut pass).await? {}
        while self.take_new(directory, fence, &mut pass).await? {}
        Ok(pass.done)
    }

    /// Does some more of what waits; `false` when nothing is left.
    async fn take_waiting(
        &self,
        directory: &Directory,
        fence: i64,
        pass: &mut Pass,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        // The mark's lock makes leaders wait for each other; an older one goes.
        if store::progress_lock(&mut tx, fence).await?.is_none() {
            return Ok(false);
        }
        let without: Vec<String> = pass.without.iter().cloned().collect();
        let tasks = store::tasks_next(&mut tx, pass.after, &without, TASKS).await?;
        let Some(last) = tasks.last().and_then(|task| task.id) else { return Ok(false) };
        let done = self.do_in(&mut tx, directory, &tasks, pass).await?;
        commit(tx, done, pass).await?;
        pass.after = last;
        Ok(true)
    }

    /// Does what some more events ask for, and keeps what cannot be done yet; `false` when there are no
    /// more events.
    async fn take_new(
        &self,
        directory: &Directory,
        fence: i64,
        pass: &mut Pass,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let Some(after) = store::progress_lock(&mut tx, fence).await? else { return Ok(false) };
        let Some(upto) = store::batch_after(&mut tx, after, BATCHES).await? else {
            return Ok(false);
        };
        let mut tasks = store::tasks_of_events(&mut tx, after, upto).await?;
        let mut met = BTreeSet::new();
        tasks.retain(|task| met.insert((task.invoice, task.sequence, task.kind.clone())));
        let done = self.do_in(&mut tx, directory, &tasks, pass).await?;
        store::progress_set(&mut tx, upto, fence).await?;
        commit(tx, done, pass).await?;
        Ok(true)
    }

    /// Does what can be done of these tasks, in the caller's transaction.
    async fn do_in(
        &self,
        conn: &mut PgConnection,
        directory: &Directory,
        tasks: &[Task],
        pass: &mut Pass,
    ) -> Result<Done, sqlx::Error> {
        if tasks.is_empty() {
            return Ok(Done::default());
        }
        let now = self.clock.now();
        let mut work = Work::prepare(conn, self, directory, tasks, now).await?;
        let mut finished = work.issue(tasks, &pass.without);
        let Work { receipts, replaced, waiting, .. } = work;
        for step in &replaced {
            store::receipt_end(conn, step.receipt, ReceiptStatus::Replaced, now).await?;
        }
        store::receipts_insert(conn, &receipts).await?;
        store::steps_insert(conn, &replaced, now).await?;
        let ended = self.cancel(conn, tasks, &mut finished, now).await?;
        let (finished, left): (Vec<_>, Vec<_>) =
            tasks.iter().enumerate().partition(|(n, _)| finished.contains(n));
        let ids: Vec<i64> = finished.iter().filter_map(|(_, task)| task.id).collect();
        store::tasks_done(conn, &ids).await?;
        let new = left.into_iter().map(|(_, task)| task).filter(|task| task.id.is_none());
        store::tasks_insert(conn, &new.cloned().collect::<Vec<_>>()).await?;
        let issued: Vec<InvoiceId> = receipts.iter().map(|r| r.invoice).collect();
        breaks_close_of_invoices(conn, BreakCode::ReceiptGap, &issued, now).await?;
        for (agency, invoice) in waiting {
            if pass.without.insert(agency.clone()) {
                open_case(conn, &agency, &invoice, now).await?;
            }
        }
        Ok(Done { issued: receipts.len(), ended: ended + replaced.len() })
    }

    /// Ends the receipts of payments that the bank took back. One that has no receipt yet waits until
    /// it has.
    async fn cancel(
        &self,
        conn: &mut PgConnection,
        tasks: &[Task],
        finished: &mut BTreeSet<usize>,
        now: DateTime<Utc>,
    ) -> Result<usize, sqlx::Error> {
        let cancels: Vec<(usize, &Task)> =
            tasks.iter().enumerate().filter(|(_, task)| task.kind == "cancel").collect();
        if cancels.is_empty() {
            return Ok(0);
        }
        let payments: Vec<_> =
            cancels.iter().map(|(_, task)| (task.invoice, task.sequence)).collect();
        let ended = store::receipts_end_of_payments(conn, &payments, now).await?;
        let step = |id: &ReceiptId| Step {
            receipt: *id,
            kind: "cancelled",
            day: to_local(now).date(),
            actor: "clock".to_owned(),
            approved_by: None,
            reason: "Ngân hàng đã thu hồi khoản tiền".to_owned(),
        };
        store::steps_insert(conn, &ended.iter().map(step).collect::<Vec<_>>(), now).await?;
        let known = store::payments_with_receipt(conn, &payments).await?;
        let done = |task: &Task| known.contains(&(task.invoice, task.sequence));
        finished.extend(cancels.iter().filter(|(_, task)| done(task)).map(|(n, _)| *n));
        Ok(ended.len())
    }

    fn draw_code(&self) -> String {
        let mut random = rand::rng();
        let letters =
            (0..CODE_LENGTH).map(|_| char::from(CODE_ALPHABET[random.random_range(0..32)]));
        format!("{}{}", Realm::prefix(self.realm), letters.collect::<String>())
    }
}

/// What was found on the way through the tasks.
#[derive(Debug, Default)]
struct Pass {
    after: i64,
    without: BTreeSet<String>,
    done: Done,
}

async fn commit(
    tx: Transaction<'static, Postgres>,
    done: Done,
    pass: &mut Pass,
) -> Result<(), sqlx::Error> {
    faults::point("receipts.before_commit");
    tx.commit().await?;
    faults::point("receipts.after_commit");
    metrics::counter!("payclear_receipts_issued_total").increment(done.issued as u64);
    pass.done.issued += done.issued;
    pass.done.ended += done.ended;
    Ok(())
}

async fn open_case(
    conn: &mut PgConnection,
    agency: &str,
    invoice: &Invoice,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    metrics::counter!("payclear_receipts_no_number_total", "agency" => agency.to_owned())
        .increment(1);
    if invoice_has_open(conn, BreakCode::ReceiptGap, invoice.id).await? {
        return Ok(());
    }
    let year = to_local(now).year();
    tracing::error!(agency, year, "no receipt number is left: enter another range");
    let case = Break {
        id: BreakId::new(now),
        code: BreakCode::ReceiptGap,
        state: BreakState::Open,
        opened_at: now,
        partner: String::new(),
        agency: agency.to_owned(),
        invoice: Some(invoice.id),
        settlement: None,
        amount: invoice.amount,
        detail: format!(
            "no receipt number is left to {agency} in {year}; invoice {} is the first that waits",
            invoice.code
        ),
    };
    breaks_insert(conn, &[case]).await
}

/// One transaction's worth, in memory.
struct Work<'a> {
    receipts_of: &'a Receipts,
    directory: &'a Directory,
    now: DateTime<Utc>,
    invoices: HashMap<InvoiceId, Invoice>,
    /// Of replacements: what they stand in place of.
    old: HashMap<ReceiptId, Receipt>,
    runs: BTreeMap<String, Vec<Run>>,
    last_days: HashMap<String, NaiveDate>,
    /// The keys that are at hand.
    keys: BTreeMap<String, LocalKey>,
    receipts: Vec<Receipt>,
    /// How those end that another takes the place of.
    replaced: Vec<Step>,
    /// Agencies without a number, with the first payment that waits.
    waiting: BTreeMap<String, Invoice>,
}

impl<'a> Work<'a> {
    async fn prepare(
        conn: &mut PgConnection,
        receipts_of: &'a Receipts,
        directory: &'a Directory,
        tasks: &[Task],
        now: DateTime<Utc>,
    ) -> Result<Self, sqlx::Error> {
        let ids: BTreeSet<_> = tasks.iter().map(|task| task.invoice.0).collect();
        let invoices = invoices_read(conn, &ids.into_iter().collect::<Vec<_>>()).await?;
        let mut old = HashMap::new();
        for task in tasks {
            if let Some(id) = task.receipt
                && let Some(receipt) = reads::receipt_lock(conn, id).await?
            {
                old.insert(id, receipt);
            }
        }
        let agencies: BTreeSet<String> = tasks.iter().map(|task| task.agency.clone()).collect();
        let agencies: Vec<String> = agencies.into_iter().collect();
        let mut runs: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for run in store::runs_of(conn, &agencies).await? {
            runs.entry(run.agency.clone()).or_default().push(run);
        }
        let last_days = store::last_days(conn, &agencies).await?.into_iter().collect();
        let keys = keys_at_hand(conn, &*receipts_of.signer, &agencies).await?;
        Ok(Self {
            receipts_of,
            directory,
            now,
            invoices: invoices.into_iter().map(|invoice| (invoice.id, invoice)).collect(),
            old,
            runs,
            last_days,
            keys,
            receipts: Vec::new(),
            replaced: Vec::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// Makes the receipts of all but the agencies `without` numbers; which tasks that finishes.
    fn issue(&mut self, tasks: &[Task], without: &BTreeSet<String>) -> BTreeSet<usize> {
        let mut finished = BTreeSet::new();
        for (n, task) in tasks.iter().enumerate().filter(|(_, task)| task.kind != "cancel") {
            let Some(invoice) = self.invoices.get(&task.invoice).cloned() else { continue };
            if self.waiting.contains_key(&task.agency) || without.contains(&task.agency) {
                continue;
            }
            let old = task.receipt.and_then(|id| self.old.get(&id).cloned());
            if task.kind == "replace"
                && old.as_ref().is_none_or(|o| o.status != ReceiptStatus::Valid)
            {
                // It was taken back meanwhile: nothing is left to stand in place of.
                finished.insert(n);
                continue;
            }
            let day = self.day_of(task);
            let Some((run, number)) = self.next_number(&task.agency, day) else {
                self.waiting.insert(task.agency.clone(), invoice);
                continue;
            };
            self.last_days.insert(task.agency.clone(), day);
            let number =
                Numbered { form: run.form.clone(), symbol: run.symbol.clone(), number, day };
            self.make(task, &invoice, old.as_ref(), &run, number);
            finished.insert(n);
        }
        finished
    }

    /// The day that a receipt bears: that of the payment, unless it comes so late that it would be
    /// made for a day that is over, or others of the unit bear a later one already.
    fn day_of(&self, task: &Task) -> NaiveDate {
        let today = to_local(self.now).date();
        if task.kind == "replace" {
            return today;
        }
        let paid = to_local(task.at).date();
        let just_over = to_local(self.now - PAST_MIDNIGHT).date() <= paid;
        let none_later = self.last_days.get(&task.agency).is_none_or(|last| *last <= paid);
        if paid <= today && just_over && none_later { paid } else { today }
    }

    /// The next number of the first range of that year that has one left.
    fn next_number(&mut self, agency: &str, day: NaiveDate) -> Option<(Run, u32)> {
        let year = format!("{:02}T", day.year().rem_euclid(100));
        let runs = self.runs.get_mut(agency)?;
        let run = runs
            .iter_mut()
            .filter(|run| run.symbol.starts_with(&year))
            .find(|run| run.used.is_none_or(|used| used < run.last))?;
        let next = run.used.map_or(run.first, |used| used + 1);
        run.used = Some(next);
        Some((run.clone(), u32::try_from(next).ok()?))
    }

    fn make(
        &mut self,
        task: &Task,
        invoice: &Invoice,
        old: Option<&Receipt>,
        run: &Run,
        number: Numbered,
    ) {
        let day = BusinessDay(number.day);
        let correction: Option<Correction> =
            task.correction.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let agency = self.directory.agency(&task.agency, day);
        let procedure = self.directory.procedure(&invoice.procedure, day);
        let charges: Vec<Charge> = invoice
            .lines
            .iter()
            .map(|line| Charge { kind: line.kind, name: line.name.clone(), amount: line.amount })
            .collect();
        let reason = correction.as_ref().map(|c| c.reason.clone()).unwrap_or_default();
        let content = Content {
            version: 1,
            title: title_of(&charges).to_owned(),
            agency: task.agency.clone(),
            collecting_body: Body {
                name: agency.map_or_else(|| task.agency.clone(), |a| a.name.clone()),
                tax_code: agency.map(|a| a.tax_code.clone()).unwrap_or_default(),
            },
            delegate: (!run.delegate_name.is_empty()).then(|| Delegate {
                body: Body {
                    name: run.delegate_name.clone(),
                    tax_code: run.delegate_tax_code.clone(),
                },
                delegation: run.delegation.clone(),
            }),
            payer_name: correction
                .as_ref()
                .map_or_else(|| invoice.payer.name.clone(), |c| c.payer_name.clone()),
            procedure: invoice.procedure.clone(),
            procedure_name: procedure.map(|p| p.name.clone()).unwrap_or_default(),
            dossier: invoice.dossier.clone(),
            invoice: invoice.code.to_string(),
            amount: invoice.amount,
            in_words: words_of(invoice.amount),
            charges,
            paid_at: old.map_or(task.at, |old| old.content.paid_at),
            check_code: self.receipts_of.draw_code(),
            replaces: old
                .map(|old| Replaced { number: old.content.number.clone(), reason: reason.clone() }),
            number,
        };
        let id = ReceiptId::new(self.now);
        let (by, agreed) = match correction {
            Some(correction) => (correction.by, Some(correction.approved_by)),
            None => ("clock".to_owned(), None),
        };
        if let Some(old) = old {
            self.replaced.push(Step {
                receipt: old.id,
                kind: "replaced",
                day: to_local(self.now).date(),
                actor: by.clone(),
                approved_by: agreed.clone(),
                reason,
            });
        }
        let text = content.to_text();
        tracing::debug!(receipt.hash = %hex::encode(hash_of(&text)), "a receipt is numbered");
        let signature = self.keys.get(&task.agency).map(|key| {
            let Signed { key_id, signature } = key.sign(text.as_bytes());
            Signature { key_id, bytes: signature, at: self.now }
        });
        self.receipts.push(Receipt {
            id,
            invoice: task.invoice,
            sequence: task.sequence,
            revision: old.map_or(0, |old| old.revision + 1),
            agency: task.agency.clone(),
            content,
            text,
            issued_at: self.now,
            issued_by: by,
            agreed_by: agreed,
            replaces: old.map(|old| old.id),
            status: ReceiptStatus::Valid,
            status_since: self.now,
            signature,
        });
    }
}

/// The keys of agencies that are kept here and can be used. Where one cannot, numbers are given all
/// the same, and the signature waits.
async fn keys_at_hand(
    conn: &mut PgConnection,
    signer: &dyn Signer,
    agencies: &[String],
) -> Result<BTreeMap<String, LocalKey>, sqlx::Error> {
    let mut keys = BTreeMap::new();
    for agency in agencies {
        match signer.key_at_hand(conn, agency).await {
            Ok(key) => keys.extend(key.map(|key| (agency.clone(), key))),
            Err(SignError::Store(error)) => return Err(error),
            Err(error) => tracing::error!(%error, agency, "receipts wait for their signature"),
        }
    }
    Ok(keys)
}
