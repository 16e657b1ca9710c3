//! Makes a portal one that speaks the platform's messages.

use serde_json::json;
use sqlx::PgPool;

use super::peer::{self, Peer, PeerError};
use super::store;
use crate::platform::audit::{self, By};
use crate::platform::egress::{Policy, UrlRefused, check_url};
use crate::platform::seal::MasterKeys;
use crate::portals::store::portal_exists;

/// Why a portal is not configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The registers hold no such portal.
    #[error("there is no portal {portal}: enter it in portals.csv and import the registers")]
    UnknownPortal {
        /// The code asked for.
        portal: String,
    },
    /// The settings.
    #[error(transparent)]
    Settings(#[from] PeerError),
    /// The address of results.
    #[error("result_url: {0}")]
    Address(#[from] UrlRefused),
    /// Messages could not be told apart.
    #[error("partner_code is that of another portal already")]
    CodeTaken,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Takes in what was agreed with a portal (a JSON object).
pub async fn configure(
    pool: &PgPool,
    (keys, policy): (&MasterKeys, Policy),
    by: By<'_>,
    portal: &str,
    settings: &[u8],
) -> Result<Peer, ConfigureError> {
    let read = Peer::read(portal, settings)?;
    check_url(&read.result_url, policy)?;
    let mut tx = pool.begin().await?;
    if !portal_exists(&mut tx, portal).await? {
        return Err(ConfigureError::UnknownPortal { portal: portal.to_owned() });
    }
    let holder = store::portal_of_code(&mut tx, &read.partner_code).await?;
    if holder.is_some_and(|holder| holder != portal) {
        return Err(ConfigureError::CodeTaken);
    }
    let sealed = keys.seal(&peer::context(portal), settings);
    store::portal_put(&mut tx, portal, &read.partner_code, &sealed, by.at).await?;
    let detail = json!({ "partner_code": read.partner_code, "result_url": read.result_url });
    audit::record_in(&mut tx, by, "portal.compat_configured", portal, &detail).await?;
    tx.commit().await?;
    Ok(read)
}
