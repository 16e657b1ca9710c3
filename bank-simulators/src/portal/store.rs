//! What portals remember: secrets, behaviour, and the effects they have had.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::{Webhook, WebhookError};
use tokio::sync::oneshot;

use super::behaviour::Behaviour;
use crate::clock;
use crate::journal::{Journal, Unwritten};

/// How far a notice's time may be off (seconds), as the standard has it.
const TOLERANCE: i64 = 5 * 60;

/// The library asks the machine for the time. Where the clock stands behind, the time is held against
/// ours, and the library's signature of the notice against those that came.
fn verify_by_our_clock(
    secret: &Webhook,
    body: &[u8],
    headers: &HeaderMap,
) -> Result<(), WebhookError> {
    let header = |name: &'static str| {
        let value = headers.get(name).ok_or(WebhookError::MissingHeader(name))?;
        value.to_str().map_err(|_| WebhookError::InvalidHeader(name))
    };
    let at = header("webhook-timestamp")?.parse().map_err(|_| WebhookError::InvalidTimestamp)?;
    let age = clock::now().timestamp() - at;
    if age > TOLERANCE {
        return Err(WebhookError::TimestampTooOldError);
    }
    if age < -TOLERANCE {
        return Err(WebhookError::FutureTimestampError);
    }
    let signed = secret.sign(header("webhook-id")?, at, body)?;
    let came = header("webhook-signature")?;
    came.split(' ').any(|one| one == signed).then_some(()).ok_or(WebhookError::InvalidSignature)
}

#[derive(Default)]
struct Portal {
    secrets: Vec<Webhook>,
    behaviour: Behaviour,
    /// Ids of the notices that had their effect.
    effects: HashSet<String>,
}

/// All portals and their journal.
pub struct Portals {
    journal: Journal,
    portals: Mutex<HashMap<String, Portal>>,
}

impl Portals {
    /// Opens the journal and reads from it which effects were had before.
    pub fn open(path: &Path) -> io::Result<Self> {
        let journal = Journal::open(path)?;
        let mut portals: HashMap<String, Portal> = HashMap::new();
        for line in journal.lines_after(0, usize::MAX)?.split(|byte| *byte == b'\n') {
            let Ok(entry) = serde_json::from_slice::<Value>(line) else { continue };
            if let (Some(name), Some(id), Some(true)) =
                (entry["portal"].as_str(), entry["webhook_id"].as_str(), entry["effect"].as_bool())
            {
                portals.entry(name.to_owned()).or_default().effects.insert(id.to_owned());
            }
        }
        Ok(Self { journal, portals: Mutex::new(portals) })
    }

    /// The journal of all portals.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn portals(&self) -> MutexGuard<'_, HashMap<String, Portal>> {
        self.portals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the secrets of a portal.
    pub fn use_secrets(&self, name: &str, secrets: &[String]) -> Result<(), WebhookError> {
        let secrets: Result<Vec<Webhook>, _> =
            secrets.iter().map(|secret| Webhook::new(secret)).collect();
        self.portals().entry(name.to_owned()).or_default().secrets = secrets?;
        Ok(())
    }

    /// Puts a behaviour in force.
    pub fn behave(&self, name: &str, behaviour: Behaviour) {
        self.portals().entry(name.to_owned()).or_default().behaviour = behaviour;
    }

    /// All portals behave again.
    pub fn behave_all(&self) {
        for portal in self.portals().values_mut() {
            portal.behaviour = Behaviour::default();
        }
    }

    /// The behaviour in force.
    pub fn behaviour(&self, name: &str) -> Behaviour {
        self.portals().get(name).map(|portal| portal.behaviour.clone()).unwrap_or_default()
    }

    /// Whether one of the portal's secrets verifies the notice; else why not.
    pub fn verify(&self, name: &str, body: &[u8], headers: &HeaderMap) -> Result<(), String> {
        let portals = self.portals();
        let secrets = portals.get(name).map_or(&[][..], |portal| &portal.secrets);
        let mut reason = "the portal has no secret".to_owned();
        for secret in secrets {
            let verified = if clock::is_behind() {
                verify_by_our_clock(secret, body, headers)
            } else {
                secret.verify(body, headers)
            };
            match verified {
                Ok(()) => return Ok(()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }

    /// Takes a verified notice in: the first of its id has the effect. Deciding and taking the
    /// place in the journal are one step, so that no repeat is journaled before the effect.
    pub fn take_in(
        &self,
        name: &str,
        id: &str,
        mut entry: Value,
    ) -> Result<oneshot::Receiver<u64>, Unwritten> {
        let mut portals = self.portals();
        let effects = &mut portals.entry(name.to_owned()).or_default().effects;
        entry["effect"] = json!(effects.insert(id.to_owned()));
        self.journal.enqueue(&entry)
    }
}
