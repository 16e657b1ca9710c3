//! One fee, whole: issued at the portal's door, made known to the bank through RabbitMQ, paid at the
//! bank, reported by its webhook, settled, told to the portal through RabbitMQ, taken by the portal.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::load::{self, Done, Measured, micros};
use super::{BenchError, Stage, door};
use crate::commands::client::reply;

/// What one fee is, for the report.
pub const ONE_FEE: &str = "channel samplebank (payOS-shaped virtual account): POST /v1/invoices -> \
    RabbitMQ -> POST /payos/v2/payment-requests; POST /control/pay (the payer, at the bank) -> \
    POST /partners/samplebank/webhook -> RabbitMQ -> POST to the portal's endpoint";
/// The bank that orders are registered with.
const PARTNER: &str = "samplebank";
/// Fees under way at once in the closed loop.
const UNDER_WAY: usize = 256;
/// A fee that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the portal's journal is looked at. Times are the journal's own, not of this look.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Notices that the portal has verified and taken, by invoice code, with the time of its journal.
#[derive(Debug, Default)]
pub struct Told {
    waiting: Mutex<HashMap<String, oneshot::Sender<DateTime<Utc>>>>,
    /// How long orders take until the bank knows them, of late (microseconds).
    known_after: AtomicU64,
}

impl Told {
    /// Heard once the portal has been told of the payment of an invoice.
    pub fn wait_for(&self, code: &str) -> oneshot::Receiver<DateTime<Utc>> {
        let (told, heard) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(code.to_owned(), told);
        heard
    }

    fn tell(&self, code: &str, at: DateTime<Utc>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = waiting.remove(code) {
            // Whoever waited may have given up.
            let _ = told.send(at);
        }
    }
}

/// Follows the portal's journal until dropped.
pub async fn follow(stage: Arc<Stage>) -> Result<(), BenchError> {
    let mut since = end_of_journal(&stage).await?;
    loop {
        let lines = journal(&stage, since, 10_000).await?;
        for line in &lines {
            since += 1;
            let Ok(notice) = serde_json::from_slice::<Value>(line) else { continue };
            let counts = notice["verified"] == true && notice["effect"] == true;
            let at = notice["received_at"].as_str().and_then(|at| at.parse().ok());
            let code = notice["body"]["code"].as_str();
            if let (true, Some(at), Some(code)) =
                (counts && notice["body"]["type"] == "invoice.paid", at, code)
            {
                stage.told.tell(code, at);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn journal(stage: &Stage, since: usize, limit: usize) -> Result<Vec<Vec<u8>>, BenchError> {
    let address =
        format!("{}/portal/journal?format=lines&since={since}&limit={limit}", stage.simulators);
    let read = reply(stage.web.get(address)).await?;
    let lines = read.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(<[u8]>::to_vec).collect())
}

/// How many lines the journal has: found by doubling, then by halving.
async fn end_of_journal(stage: &Stage) -> Result<usize, BenchError> {
    let mut beyond = 1;
    while !journal(stage, beyond, 1).await?.is_empty() {
        beyond *= 2;
    }
    let mut low = 0;
    while low < beyond {
        let middle = low + (beyond - low) / 2;
        if journal(stage, middle, 1).await?.is_empty() {
            beyond = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// One fee; the microseconds from the bank's booking to the portal's receipt.
async fn one_fee(stage: &Stage) -> Done {
    let invoice = door::issue(stage, PARTNER).await?;
    let issued = Instant::now();
    let code = invoice["code"].as_str().ok_or("an invoice without a code")?;
    let heard = stage.told.wait_for(code);
    let moved_at = pay(stage, code, issued).await?;
    let told_at = tokio::time::timeout(PATIENCE, heard)
        .await
        .map_err(|_| format!("the portal was not told of {code}"))?
        .map_err(|e| e.to_string())?;
    Ok((told_at - moved_at).to_std().map_or(0, micros))
}

/// Pays the bill that the bank knows; when it knows none yet, the payer tries again a little later.
pub async fn pay(stage: &Stage, code: &str, issued: Instant) -> Result<DateTime<Utc>, String> {
    // Payers do not ask sooner than orders usually take: asking in vain is no part of a fee.
    let usual = stage.told.known_after.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_micros(usual)).await;
    let order = json!({ "order": code, "outcome": "paid" });
    let mut in_vain = 0;
    loop {
        let request = stage.web.post(format!("{}/control/pay", stage.simulators)).json(&order);
        let answer = reply(request).await.map_err(|e| e.to_string())?;
        match answer.status {
            200 => {
                let seen = micros(issued.elapsed());
                // A little sooner each time it was known at once, later when it was not.
                let next = if in_vain == 0 { usual * 15 / 16 } else { (usual * 3 + seen) / 4 };
                stage.told.known_after.store(next, Ordering::Relaxed);
                let did = answer.json();
                let at = did["transactions"][0]["time"].as_str().and_then(|at| at.parse().ok());
                return at.ok_or_else(|| format!("the bank did not say when: {did}"));
            }
            // Without a bill the bank cannot know the amount.
            422 if issued.elapsed() < PATIENCE => {
                in_vain += 1;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            status => {
                let told = String::from_utf8_lossy(&answer.body).into_owned();
                return Err(format!("paying {code}: {status} {told}"));
            }
        }
    }
}

/// Fees in a second, as many as can be finished while so many are under way.
pub async fn throughput(stage: &Arc<Stage>, seconds: u64) -> Measured {
    let shared = Arc::clone(stage);
    load::closed(UNDER_WAY, seconds, &stage.processes, move || {
        let stage = Arc::clone(&shared);
        async move { Some(one_fee(&stage).await) }
    })
    .await
}

/// From the bank's booking to the portal's receipt, at a rate of arrivals.
pub async fn at_rate(stage: &Arc<Stage>, per_second: u64, seconds: u64) -> Measured {
    let shared = Arc::clone(stage);
    load::open(per_second, seconds, &stage.processes, move || {
        let stage = Arc::clone(&shared);
        async move { one_fee(&stage).await }
    })
    .await
}
