//! Fees over all channels at once, in stated shares, each channel with payers of its own: how many
//! payment orders a second the adapters carry together, and whether one that is slow slows another.
//!
//! Only what an adapter carries is a payment order: a row of its own, through RabbitMQ, put into the
//! partner's words. A transfer by the invoice's QR code needs none; it is counted beside them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::load::{Measured, micros};
use super::watch::Cpu;
use super::{BenchError, Stage, door, fees};
use crate::commands::client::reply;

/// Payers at once, over all channels.
const UNDER_WAY: u64 = 256;
/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// A payer who waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much later a slow partner answers every call (milliseconds).
pub const SLOW_BY: u64 = 2_000;

/// How a payer pays.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The bill that the bank was told of.
    Bill,
    /// The partner's own page, chosen on the pay page.
    Page,
    /// A transfer by the invoice's QR code.
    Code,
    /// The bank reports through the signed API.
    Signed,
}

/// How the partner learns of a payment before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// An adapter calls it.
    Called,
    /// An adapter signs an address that the payer brings there.
    Signed,
    /// It does not: no adapter carries anything.
    Never,
}

/// A channel and its share of all payers (percent).
struct Channel {
    partner: &'static str,
    share: u64,
    way: Way,
    known: Known,
}

const CHANNELS: [Channel; 6] = [
    Channel { partner: "samplebank", share: 35, way: Way::Bill, known: Known::Called },
    Channel { partner: "vnpay", share: 20, way: Way::Page, known: Known::Signed },
    Channel { partner: "momo", share: 15, way: Way::Page, known: Known::Called },
    Channel { partner: "zalopay", share: 10, way: Way::Page, known: Known::Called },
    Channel { partner: "sepay", share: 10, way: Way::Code, known: Known::Never },
    Channel { partner: "directbank", share: 10, way: Way::Signed, known: Known::Never },
];

/// What was measured of one channel.
#[derive(Debug, Clone)]
pub struct OfChannel {
    /// The partner.
    pub partner: &'static str,
    /// Percent of all payers.
    pub share: u64,
    /// How the partner learns of a payment before it is made.
    pub order: Known,
    /// From asking for a way to pay to having it.
    pub known: Measured,
    /// From the money moving to the portal's receipt.
    pub notified: Measured,
}

/// One round.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// The partner that was slow, when one was.
    pub slow: Option<String>,
    /// The channels.
    pub channels: Vec<OfChannel>,
}

impl Mixed {
    /// Payment orders a second that adapters carry, over all channels.
    pub fn orders_per_second(&self) -> f64 {
        self.per_second(|known| known != Known::Never)
    }

    /// Those of them for which the partner is called.
    pub fn called_per_second(&self) -> f64 {
        self.per_second(|known| known == Known::Called)
    }

    /// Payments a second that need no order.
    pub fn without_order_per_second(&self) -> f64 {
        self.per_second(|known| known == Known::Never)
    }

    fn per_second(&self, counts: fn(Known) -> bool) -> f64 {
        let counted = self.channels.iter().filter(|of| counts(of.order));
        counted.map(|of| of.known.per_second()).sum()
    }
}

/// Whether a partner is one of the channels that take calls, and so can be slow.
pub fn can_be_slow(partner: &str) -> bool {
    CHANNELS.iter().any(|channel| channel.partner == partner && channel.known != Known::Never)
}

#[derive(Default)]
struct Tally {
    known: Mutex<Vec<u64>>,
    notified: Mutex<Vec<u64>>,
    errors: AtomicU64,
    first_error: Mutex<Option<String>>,
}

impl Tally {
    fn taken(list: &Mutex<Vec<u64>>) -> Vec<u64> {
        let mut taken = std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner));
        taken.sort_unstable();
        taken
    }

    fn failed(&self, why: String) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }
}

fn measured(latencies: Vec<u64>, window: Duration) -> Measured {
    Measured {
        operations: latencies.len() as u64,
        window_us: micros(window),
        latencies,
        errors: 0,
        first_error: None,
        cpu: Cpu::default(),
    }
}

struct Run {
    counting: AtomicBool,
    stop: AtomicBool,
    payers: AtomicU64,
    address_header: String,
}

/// Fees over all channels for so long; one partner may be slow meanwhile.
pub async fn run(
    stage: &Arc<Stage>,
    (seconds, address_header): (u64, &str),
    slow: Option<&str>,
) -> Result<Mixed, BenchError> {
    if let Some(partner) = slow {
        behave(stage, partner, SLOW_BY).await?;
    }
    let run = Arc::new(Run {
        counting: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        payers: AtomicU64::new(0),
        address_header: address_header.to_owned(),
    });
    let tallies: Vec<Arc<Tally>> = CHANNELS.iter().map(|_| Arc::default()).collect();
    let mut payers = Vec::new();
    for (channel, tally) in CHANNELS.iter().zip(&tallies) {
        for _ in 0..(UNDER_WAY * channel.share / 100).max(1) {
            let (stage, run, tally) = (Arc::clone(stage), Arc::clone(&run), Arc::clone(tally));
            payers.push(tokio::spawn(async move {
                while !run.stop.load(Ordering::Relaxed) {
                    pay_one(&stage, &run, channel, &tally).await;
                }
            }));
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let began = Instant::now();
    run.counting.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    run.counting.store(false, Ordering::Relaxed);
    let window = began.elapsed();
    run.stop.store(true, Ordering::Relaxed);
    for payer in payers {
        // One that panicked has nothing more to tell.
        drop(payer.await);
    }
    if let Some(partner) = slow {
        behave(stage, partner, 0).await?;
    }
    let channels = CHANNELS.iter().zip(tallies).map(|(channel, tally)| {
        let mut known = measured(Tally::taken(&tally.known), window);
        known.errors = tally.errors.load(Ordering::Relaxed);
        known.first_error = tally.first_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let notified = measured(Tally::taken(&tally.notified), window);
        let (partner, share, order) = (channel.partner, channel.share, channel.known);
        OfChannel { partner, share, order, known, notified }
    });
    Ok(Mixed { slow: slow.map(str::to_owned), channels: channels.collect() })
}

/// How late the simulators of a partner answer.
async fn behave(stage: &Stage, partner: &str, delay_ms: u64) -> Result<(), BenchError> {
    let body = json!({ "partner": partner, "delay_ms": delay_ms });
    let address = format!("{}/control/behaviour", stage.simulators);
    let answer = reply(stage.web.post(address).json(&body)).await?;
    answer.success("slowing a partner")?;
    Ok(())
}

async fn pay_one(stage: &Stage, run: &Run, channel: &Channel, tally: &Tally) {
    let note = |list: &Mutex<Vec<u64>>, took: u64| {
        if run.counting.load(Ordering::Relaxed) {
            list.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
    };
    let done = async {
        let invoice = door::issue(stage, channel.partner).await?;
        let code = invoice["code"].as_str().ok_or("an invoice without a code")?;
        let heard = stage.told.wait_for(code);
        let issued = Instant::now();
        let moved_at = match channel.way {
            Way::Bill => {
                let moved_at = fees::pay(stage, code, issued).await?;
                note(&tally.known, micros(issued.elapsed()));
                moved_at
            }
            Way::Page => {
                let page = page_of(stage, run, channel.partner, &invoice).await?;
                note(&tally.known, micros(issued.elapsed()));
                act(stage, &page).await?
            }
            Way::Code => {
                let code = invoice["qr"].as_str().ok_or("an invoice without a QR code")?;
                let moved_at = act(stage, code).await?;
                note(&tally.known, micros(issued.elapsed()));
                moved_at
            }
            Way::Signed => {
                let moved_at = stage.clock.now();
                door::settle(stage, code, &invoice["amount"]).await?;
                note(&tally.known, micros(issued.elapsed()));
                moved_at
            }
        };
        let told_at = tokio::time::timeout(PATIENCE, heard)
            .await
            .map_err(|_| format!("the portal was not told of {code}"))?
            .map_err(|e| e.to_string())?;
        note(&tally.notified, (told_at - moved_at).to_std().map_or(0, micros));
        Ok::<(), String>(())
    };
    if let Err(why) = done.await {
        tally.failed(format!("{}: {why}", channel.partner));
        // A partner that refuses at once is not to be asked a thousand times a second.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The payer chooses the partner on the pay page, from an address of their own; the partner's page.
async fn page_of(
    stage: &Stage,
    run: &Run,
    partner: &str,
    invoice: &Value,
) -> Result<String, String> {
    let page = invoice["pay_url"].as_str().ok_or("an invoice without a pay page")?;
    let began = Instant::now();
    let [.., a, b, c] = run.payers.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    loop {
        let request = stage
            .web
            .post(page)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(&run.address_header, format!("10.{a}.{b}.{c}"))
            .body(format!("partner={partner}"));
        let answer = request.send().await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
        match to.filter(|_| status == 303) {
            Some(to) if to.starts_with("http") => return Ok(to.to_owned()),
            // Not known there yet: the pay page shows that it is being made.
            Some(_) if began.elapsed() < PATIENCE => {}
            _ => return Err(format!("the pay page answered {status}, to {to:?}")),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The payer pays at the bank; when the money moved.
async fn act(stage: &Stage, order: &str) -> Result<DateTime<Utc>, String> {
    let body = json!({ "order": order, "outcome": "paid" });
    let request = stage.web.post(format!("{}/control/pay", stage.simulators)).json(&body);
    let answer = reply(request).await.map_err(|e| e.to_string())?;
    let did = answer.success("paying").map_err(|e| e.to_string())?;
    let at = did["transactions"][0]["time"].as_str().and_then(|at| at.parse().ok());
    at.ok_or_else(|| format!("the bank did not say when: {did}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred orders of each channel in a second.
    fn round() -> Mixed {
        let hundred = || measured(vec![1_000; 100], Duration::from_secs(1));
        let channels = CHANNELS.iter().map(|channel| OfChannel {
            partner: channel.partner,
            share: channel.share,
            order: channel.known,
            known: hundred(),
            notified: hundred(),
        });
        Mixed { slow: None, channels: channels.collect() }
    }

    #[test]
    fn only_what_an_adapter_carries_is_counted_as_a_payment_order() {
        let round = round();
        let counted = [
            round.orders_per_second(),
            round.called_per_second(),
            round.without_order_per_second(),
        ];
        assert_eq!(counted.map(|rate| format!("{rate:.0}")), ["400", "300", "200"]);
        for partner in ["sepay", "directbank"] {
            let of = round.channels.iter().find(|of| of.partner == partner).expect("a channel");
            assert_eq!(of.order, Known::Never, "a transfer makes no order at {partner}");
            assert!(!can_be_slow(partner));
        }
        assert_eq!(CHANNELS.iter().map(|channel| channel.share).sum::<u64>(), 100);
    }
}
