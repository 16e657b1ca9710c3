//! One dead portal delays no other: each endpoint has a lane with so many places, nobody waits long
//! for one, and an endpoint that does not answer is asked by one notice now and then.
//!
//! A lane is this process's own memory: another process learns for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::vocabulary::ids::EndpointId;

/// So many tries without an answer, one after the other, and the endpoint counts as silent. One
/// connection that broke off says nothing.
const SILENT_AFTER: u32 = 5;
/// How often a silent endpoint is asked.
const PROBE_EVERY: Duration = Duration::from_secs(3);

/// The lanes of all endpoints.
#[derive(Debug)]
pub struct Lanes {
    places: u32,
    lanes: Mutex<HashMap<EndpointId, Arc<Lane>>>,
}

/// The lane of one endpoint.
#[derive(Debug)]
pub struct Lane {
    size: u32,
    places: Semaphore,
    state: Mutex<Health>,
}

/// Why there is no place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// The endpoint does not answer.
    Silent,
    /// Too many are being sent, or wait.
    Full,
}

/// What is known of an endpoint.
#[derive(Debug, Default, Clone, Copy)]
struct Health {
    unanswered: u32,
    waiting: u32,
    probing: bool,
    probed_at: Option<Instant>,
    /// How long a try takes of late.
    usual: Duration,
    /// When somebody last came in or went out.
    stirred_at: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Leave {
    Try,
    Probe,
    Hold,
}

impl Health {
    fn is_silent(&self) -> bool {
        self.unanswered >= SILENT_AFTER
    }

    fn leave(&mut self, now: Instant) -> Leave {
        if !self.is_silent() {
            return Leave::Try;
        }
        if self.probing || self.probed_at.is_some_and(|at| now < at + PROBE_EVERY) {
            return Leave::Hold;
        }
        self.probing = true;
        self.probed_at = Some(now);
        Leave::Probe
    }

    fn told(&mut self, answered: bool, took: Duration, now: Instant) {
        self.unanswered = if answered { 0 } else { self.unanswered.saturating_add(1) };
        self.usual = self.usual * 7 / 8 + took / 8;
        self.stirred_at = Some(now);
    }

    /// Is it of use to wait in a lane that is full? Not when those who wait already will take
    /// longer than one has patience for, and not when nothing has moved for that long: an
    /// endpoint that hangs holds up its places, and must not hold up what waits behind them.
    fn is_worth_waiting(&self, places: u32, patience: Duration, now: Instant) -> bool {
        let expected = self.usual * (self.waiting + 1) / places;
        let hangs = self.stirred_at.is_some_and(|at| now > at + patience);
        expected <= patience && !hangs
    }
}

impl Lanes {
    /// Lanes with so many places each.
    pub fn new(places: usize) -> Self {
        let places = u32::try_from(places).unwrap_or(1024).clamp(1, 1024);
        Self { places, lanes: Mutex::default() }
    }

    /// The lane of an endpoint.
    pub fn of(&self, endpoint: EndpointId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(endpoint).or_insert_with(|| {
            let places = Semaphore::new(self.places as usize);
            Arc::new(Lane { size: self.places, places, state: Mutex::default() })
        });
        Arc::clone(lane)
    }

    /// The endpoints for which more than `waiting` wait already: no more is fetched for them.
    pub fn crowded(&self, waiting: u32) -> Vec<EndpointId> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = lanes.iter().filter(|(_, lane)| lane.health(|h| h.waiting) > waiting);
        crowded.map(|(endpoint, _)| *endpoint).collect()
    }
}

/// A place in a lane; given back when dropped.
#[derive(Debug)]
pub struct Place<'a> {
    lane: &'a Lane,
    probe: bool,
    since: Instant,
    _permit: SemaphorePermit<'a>,
}

impl Place<'_> {
    /// Says whether the endpoint answered anything at all, and leaves.
    pub fn leave(self, answered: bool) {
        let now = Instant::now();
        self.lane.health(|health| health.told(answered, now - self.since, now));
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.lane.health(|health| health.probing = false);
        }
    }
}

impl Lane {
    fn health<T>(&self, look: impl FnOnce(&mut Health) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does the endpoint fail to answer?
    pub fn is_silent(&self) -> bool {
        self.health(|health| health.is_silent())
    }

    fn place<'a>(&'a self, permit: SemaphorePermit<'a>, probe: bool) -> Place<'a> {
        let since = Instant::now();
        self.health(|health| health.stirred_at = Some(since));
        Place { lane: self, probe, since, _permit: permit }
    }

    /// Takes a place, waiting no longer than one has patience for.
    pub async fn enter(&self, patience: Duration) -> Result<Place<'_>, NoPlace> {
        let probe = match self.health(|health| health.leave(Instant::now())) {
            Leave::Hold => return Err(NoPlace::Silent),
            Leave::Try => false,
            Leave::Probe => true,
        };
        if let Ok(permit) = self.places.try_acquire() {
            return Ok(self.place(permit, probe));
        }
        if probe {
            // Earlier tries still hang in all places: they are probes enough.
            self.health(|health| health.probing = false);
            return Err(NoPlace::Silent);
        }
        let _waiting = Waiting::enter(self, patience).ok_or(NoPlace::Full)?;
        match tokio::time::timeout(patience, self.places.acquire()).await {
            // While one waited the endpoint may have fallen silent.
            Ok(Ok(_)) if self.is_silent() => Err(NoPlace::Silent),
            Ok(Ok(permit)) => Ok(self.place(permit, false)),
            Ok(Err(_)) | Err(_) => Err(NoPlace::Full),
        }
    }
}

/// Counts one that waits, also when it stops waiting half-way.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn enter(lane: &'a Lane, patience: Duration) -> Option<Self> {
        let worth = lane.health(|health| {
            let worth = health.is_worth_waiting(lane.size, patience, Instant::now());
            health.waiting += u32::from(worth);
            worth
        });
        worth.then(|| Self(lane))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.health(|health| health.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(5);

    fn lane() -> Arc<Lane> {
        Lanes::new(2).of(EndpointId(uuid::Uuid::from_u128(1)))
    }

    #[tokio::test]
    async fn a_full_lane_is_not_waited_for_long() {
        let lane = lane();
        let first = lane.enter(SHORT).await.expect("a place");
        let _second = lane.enter(SHORT).await.expect("a place");
        assert_eq!(lane.enter(SHORT).await.err(), Some(NoPlace::Full));
        first.leave(true);
        assert!(lane.enter(SHORT).await.is_ok());
    }

    #[tokio::test]
    async fn who_does_not_wait_is_not_counted_as_waiting() {
        let lane = lane();
        let _places = (lane.enter(SHORT).await, lane.enter(SHORT).await);
        lane.health(|health| health.usual = Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(lane.enter(SHORT).await.err(), Some(NoPlace::Full));
        }
        assert_eq!(lane.health(|health| health.waiting), 0);
    }

    #[test]
    fn nobody_waits_for_what_takes_too_long_or_does_not_move() {
        let (now, patience) = (Instant::now(), Duration::from_millis(400));
        let quick = Health { usual: Duration::from_millis(5), ..Health::default() };
        let worth = |health: &Health| health.is_worth_waiting(32, patience, now);
        assert!(worth(&Health { waiting: 2000, ..quick }));
        assert!(!worth(&Health { waiting: 3000, ..quick }));
        let slow = Health { usual: Duration::from_secs(10), ..Health::default() };
        assert!(worth(&slow));
        assert!(!worth(&Health { waiting: 1, ..slow }));
        let before = |milliseconds| now.checked_sub(Duration::from_millis(milliseconds));
        assert!(worth(&Health { stirred_at: before(300), ..quick }));
        assert!(!worth(&Health { stirred_at: before(500), ..quick }));
    }

    #[tokio::test]
    async fn a_silent_endpoint_is_asked_by_one_and_heard_again() {
        let lane = lane();
        for _ in 0..SILENT_AFTER {
            lane.enter(SHORT).await.expect("not silent yet").leave(false);
        }
        assert!(lane.is_silent());
        let probe = lane.enter(SHORT).await.expect("one may ask");
        assert_eq!(lane.enter(SHORT).await.err(), Some(NoPlace::Silent));
        probe.leave(true);
        assert!(!lane.is_silent());
        assert!(lane.enter(SHORT).await.is_ok());
    }

    #[test]
    fn probes_keep_their_distance() {
        let now = Instant::now();
        let mut health = Health { unanswered: SILENT_AFTER, ..Health::default() };
        assert_eq!(health.leave(now), Leave::Probe);
        assert_eq!(health.leave(now + PROBE_EVERY), Leave::Hold, "one at a time");
        health.probing = false;
        assert_eq!(health.leave(now), Leave::Hold);
        assert_eq!(health.leave(now + PROBE_EVERY), Leave::Probe);
    }

    #[test]
    fn one_broken_connection_says_nothing() {
        let mut health = Health::default();
        for answered in [false, false, true, false, false, false, true] {
            health.told(answered, SHORT, Instant::now());
            assert!(!health.is_silent());
        }
    }
}
