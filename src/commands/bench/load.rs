//! Load: so many callers in a closed loop, or arrivals at a rate that does not wait for answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::watch::{Cpu, Processes};

/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// So long arrivals that are late are waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// What one operation came to: how long it took (microseconds), by its own measure.
pub type Done = Result<u64, String>;

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Operations that succeeded within the window.
    pub operations: u64,
    /// The window, in microseconds.
    pub window_us: u64,
    /// Microseconds of each, sorted.
    pub latencies: Vec<u64>,
    /// Operations that failed.
    pub errors: u64,
    /// What the first failure said.
    pub first_error: Option<String>,
    /// CPU used within the window.
    pub cpu: Cpu,
}

impl Measured {
    /// Operations in a second.
    pub fn per_second(&self) -> f64 {
        as_f64(self.operations) * 1e6 / as_f64(self.window_us.max(1))
    }

    /// The latency that this many of 1,000 stay below, in milliseconds.
    pub fn percentile_ms(&self, per_mille: usize) -> Option<f64> {
        let place =
            (self.latencies.len() * per_mille / 1000).min(self.latencies.len().checked_sub(1)?);
        Some(as_f64(*self.latencies.get(place)?) / 1000.0)
    }

    /// CPU of each part for one operation, in microseconds; `others` is the rest of the machine's.
    pub fn cpu_per_operation(&self) -> Vec<(&'static str, f64)> {
        let operations = as_f64(self.operations.max(1));
        let ours: u64 = self.cpu.by_part.values().sum();
        let others = ("others", self.cpu.all.saturating_sub(ours));
        let parts = self.cpu.by_part.iter().map(|(part, used)| (*part, *used));
        parts.chain([others]).map(|(part, used)| (part, as_f64(used) / operations)).collect()
    }
}

/// A count as a float, for rates.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench stay far below 2^52")]
pub fn as_f64(count: u64) -> f64 {
    count as f64
}

#[derive(Default)]
struct Tally {
    counting: AtomicBool,
    stop: AtomicBool,
    dry: AtomicBool,
    errors: AtomicU64,
    first_error: Mutex<Option<String>>,
    latencies: Mutex<Vec<u64>>,
}

impl Tally {
    fn count(&self, done: Done) {
        match done {
            Ok(took) if self.counting.load(Ordering::Relaxed) => {
                self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(took);
            }
            Ok(_) => {}
            // A failure counts whenever it happens.
            Err(why) => {
                self.errors.fetch_add(1, Ordering::Relaxed);
                let mut first = self.first_error.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(why);
            }
        }
    }

    fn measured(&self, window: Duration, cpu: Cpu) -> Measured {
        let mut latencies =
            std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        latencies.sort_unstable();
        Measured {
            operations: latencies.len() as u64,
            window_us: micros(window),
            latencies,
            errors: self.errors.load(Ordering::Relaxed),
            first_error: self.first_error.lock().unwrap_or_else(PoisonError::into_inner).take(),
            cpu,
        }
    }
}

/// Whole microseconds.
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// So many callers, each with its next operation as soon as the last is answered. An operation that
/// is `None` says that there is nothing left to do: the window ends there.
pub async fn closed<F, Fut>(
    callers: usize,
    seconds: u64,
    processes: &Processes,
    operation: F,
) -> Measured
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Option<Done>> + Send,
{
    let tally = Arc::new(Tally::default());
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (tally, operation) = (Arc::clone(&tally), operation.clone());
            tokio::spawn(async move {
                while !tally.stop.load(Ordering::Relaxed) {
                    match operation().await {
                        Some(done) => tally.count(done),
                        None => {
                            tally.dry.store(true, Ordering::Relaxed);
                            return;
                        }
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(WARM_UP).await;
    let before = processes.cpu();
    let began = Instant::now();
    tally.counting.store(true, Ordering::Relaxed);
    while began.elapsed() < Duration::from_secs(seconds) && !tally.dry.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tally.counting.store(false, Ordering::Relaxed);
    let window = began.elapsed();
    let cpu = processes.cpu().since(&before);
    tally.stop.store(true, Ordering::Relaxed);
    for caller in callers {
        // One that panicked has nothing more to tell.
        drop(caller.await);
    }
    tally.measured(window, cpu)
}

/// Arrivals at a rate, whatever becomes of those before. All are waited for at the end and count.
pub async fn open<F, Fut>(
    per_second: u64,
    seconds: u64,
    processes: &Processes,
    operation: F,
) -> Measured
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Done> + Send + 'static,
{
    let tally = Arc::new(Tally::default());
    tally.counting.store(true, Ordering::Relaxed);
    let under_way = tokio_util::task::TaskTracker::new();
    let before = processes.cpu();
    let began = Instant::now();
    let mut arrivals = tokio::time::interval(
        Duration::from_secs(1) / u32::try_from(per_second.max(1)).unwrap_or(u32::MAX),
    );
    for _ in 0..per_second * seconds {
        arrivals.tick().await;
        let (tally, work) = (Arc::clone(&tally), operation());
        under_way.spawn(async move { tally.count(work.await) });
    }
    under_way.close();
    if tokio::time::timeout(PATIENCE, under_way.wait()).await.is_err() {
        tally.count(Err(format!("{} never came to an end", under_way.len())));
    }
    tally.measured(began.elapsed(), processes.cpu().since(&before))
}
