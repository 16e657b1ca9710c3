//! Keeps the directory in memory as fresh as the database.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use super::caller::{CallerKey, key_context};
use super::directory::{Directory, Opened};
use super::store;
use crate::platform::directory_version;
use crate::platform::seal::MasterKeys;
use crate::portals::endpoint::{Endpoint, EndpointState};
use crate::vocabulary::realm::Realm;
use crate::{partners, portals};

/// Changes may get in between so often while everything is read.
const TRIES: usize = 5;

/// The newest snapshot; clones share it.
#[derive(Debug, Clone)]
pub struct LiveDirectory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    keys: Arc<MasterKeys>,
    current: RwLock<Arc<Directory>>,
    /// One refresh at a time: a slow old one must not replace a newer snapshot.
    refreshing: tokio::sync::Mutex<()>,
}

impl LiveDirectory {
    /// Reads the registers, keys and endpoints. An empty database gives an empty directory.
    pub async fn load(pool: PgPool, keys: Arc<MasterKeys>) -> Result<Self, sqlx::Error> {
        let first = read(&mut *pool.acquire().await?, &keys).await?;
        Ok(Self(Arc::new(Inner {
            pool,
            keys,
            current: RwLock::new(Arc::new(first)),
            refreshing: tokio::sync::Mutex::new(()),
        })))
    }

    /// The snapshot to answer one request from. The lock is held for the copy of a pointer.
    pub fn current(&self) -> Arc<Directory> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the version, and reads again when it rose. `true` when there is a new snapshot.
    pub async fn refresh(&self) -> Result<bool, sqlx::Error> {
        let _one = self.0.refreshing.lock().await;
        let mut conn = self.0.pool.acquire().await?;
        if directory_version::read(&mut conn).await? == self.current().version() {
            return Ok(false);
        }
        let next = Arc::new(read(&mut conn, &self.0.keys).await?);
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }

    /// Refreshes until `shutdown` ends. While the database is away the last snapshot stays.
    pub async fn keep_fresh(self, every: Duration, shutdown: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut shutdown = std::pin::pin!(shutdown);
        let mut failing = false;
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = ticks.tick() => {}
            }
            let result = tokio::select! {
                () = &mut shutdown => return,
                result = self.refresh() => result,
            };
            // Once when it begins, not once a second.
            match result {
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the registers cannot be read again; the old ones stay");
                }
                Err(_) => {}
                Ok(new) => {
                    failing = false;
                    if new {
                        tracing::info!(version = self.current().version(), "new registers");
                    }
                }
            }
        }
    }
}

/// Reads everything without a transaction: when the version is still the same at the end, nothing
/// changed in between; when it never is, the next refresh sees the older version and reads again.
async fn read(conn: &mut PgConnection, keys: &MasterKeys) -> Result<Directory, sqlx::Error> {
    let mut version = directory_version::read(conn).await?;
    for _ in 1..TRIES {
        let directory = read_at(conn, keys, version).await?;
        let after = directory_version::read(conn).await?;
        if after == version {
            return Ok(directory);
        }
        version = after;
    }
    read_at(conn, keys, version).await
}

async fn read_at(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    version: i64,
) -> Result<Directory, sqlx::Error> {
    let entries = store::entries(conn).await?;
    let partner_rows = partners::store::partner_list(conn).await?;
    let key_rows = store::living_keys(conn).await?;
    let endpoint_rows = portals::store::endpoint_list(conn, None).await?;
    let mut opened = Opened::default();
    for row in partner_rows {
        opened.partners.push(partners::register::open(row, keys));
    }
    for row in key_rows {
        if Realm::of(&row.key_id) != keys.realm() {
            tracing::error!(key.id = row.key_id, "a key of the other realm is not taken here");
            continue;
        }
        match keys.open(&key_context(&row.key_id), &row.secret) {
            Ok(secret) => opened.keys.push(CallerKey {
                key_id: row.key_id,
                caller: row.caller,
                purpose: row.purpose,
                secret,
            }),
            Err(why) => tracing::warn!(
                key.id = row.key_id, %why,
                "the key is disabled: it does not open; make another"
            ),
        }
    }
    for row in endpoint_rows {
        let id = row.endpoint_id;
        match Endpoint::open(row, keys) {
            Ok(endpoint) if endpoint.state == EndpointState::Open => {
                opened.endpoints.push(endpoint);
            }
            Ok(_) => {}
            Err(why) => tracing::warn!(
                endpoint.id = %id, %why,
                "the endpoint is disabled: its secret does not open; rotate it"
            ),
        }
    }
    Ok(Directory::new(version, entries, opened))
}
