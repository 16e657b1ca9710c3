//! Opens the sandbox beside the live service: the same program on another database, with other
//! queues. Live never waits for it, and never stops for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use tokio_util::task::TaskTracker;

use super::{App, Role, StartError};
use crate::platform::database::identity;
use crate::platform::settings::Settings;
use crate::vocabulary::realm::Realm;

/// A sandbox that cannot be opened is tried again after so long.
const PAUSE: Duration = Duration::from_secs(10);

/// Opens the sandbox as soon as it can be, and starts its work.
pub(super) async fn open(
    live: App,
    settings: Settings,
    roles: Vec<Role>,
    work: TaskTracker,
    opened: Arc<OnceLock<Router>>,
) {
    while !live.stop.is_cancelled() {
        match open_once(&live, settings.clone()).await {
            Ok(sandbox) => {
                sandbox.start(&roles, &work);
                drop(opened.set(sandbox.router()));
                tracing::info!("the sandbox is open");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "the sandbox cannot be opened; trying again");
            }
        }
        tokio::select! {
            () = live.stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn open_once(live: &App, settings: Settings) -> Result<App, StartError> {
    let keys = live.keys.of(Realm::Sandbox);
    let mut sandbox = App::open(settings, keys, live.clock.clone()).await?;
    if identity(&live.pool).await? == identity(&sandbox.pool).await? {
        sandbox.pool.close().await;
        return Err(StartError::OneDatabase);
    }
    // Not a child of its own making: what ends the live service ends the sandbox.
    sandbox.stop = live.stop.clone();
    Ok(sandbox)
}
