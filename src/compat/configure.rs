//! Makes a portal one that speaks the platform's messages. What was agreed waits, sealed, until another
//! has approved it: it is a secret that opens a door, and an address that is told of results.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::approve::{CONFIGURE, take_in};
use super::peer::{self, Peer, PeerError};
use super::store;
use crate::approvals::propose::{Maker, Making, Proposal, ProposeError, ask_in};
use crate::people::role::EVERYTHING;
use crate::platform::egress::{Policy, UrlRefused, check_url};
use crate::platform::seal::MasterKeys;
use crate::portals::store::portal_exists;
use crate::vocabulary::ids::ApprovalId;

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
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Takes in what was agreed with a portal (a JSON object), and the approval that it waits for.
pub async fn configure(
    pool: &PgPool,
    (keys, policy): (&MasterKeys, Policy),
    maker: Maker<'_>,
    portal: &str,
    settings: &[u8],
) -> Result<(Peer, Option<ApprovalId>), ConfigureError> {
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
    let content = content(&read, &sealed);
    let proposal =
        Proposal { kind: CONFIGURE, subject: portal, agency: EVERYTHING, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await?;
    store::portal_next_put(&mut tx, portal, (&read.partner_code, &sealed)).await?;
    if maker.making == Making::Bootstrap {
        take_in(&mut tx, maker.by, portal, &content).await?;
    }
    tx.commit().await?;
    Ok((read, approval))
}

/// What is decided on: all that was agreed, but for the secrets.
fn content(peer: &Peer, sealed: &[u8]) -> Value {
    json!({
        "portal": peer.portal, "partner_code": peer.partner_code, "result_url": peer.result_url,
        "result_bearer": peer.result_bearer.is_some(), "result_kind": peer.result_kind,
        "waiting_status": peer.waiting_status, "paid_status": peer.paid_status,
        "le_phi_kinds": peer.le_phi_kinds, "sub_item": peer.sub_item, "procedure": peer.procedure,
        "wrapped": peer.wrapped, "sealed_sha256": digest(sealed),
    })
}

/// Sealed values are different each time: this names one and gives nothing away.
pub(super) fn digest(sealed: &[u8]) -> String {
    hex::encode(Sha256::digest(sealed))
}
