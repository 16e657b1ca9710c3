//! The addresses where a portal is told of results: made, rotated, disabled, taken away.
//!
//! The functions that end in `_in` join the caller's transaction, because the answer to a signed
//! request is stored in it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgConnection;
use url::Url;

use super::store::{self, EndpointRow};
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::platform::egress::{self, Policy, UrlRefused};
use crate::platform::seal::{MasterKeys, OpenError, Secret};
use crate::text_enum;
use crate::vocabulary::ids::EndpointId;

/// More than this many endpoints of one portal are a mistake.
const MOST_PER_PORTAL: usize = 10;
const LONGEST_ADDRESS: usize = 2_000;
const SECRET_BYTES: usize = 32;

text_enum! {
    /// Whether an endpoint is told anything.
    pub enum EndpointState ("endpoint state") {
        /// It waits to be approved and is told nothing.
        Pending = "pending",
        /// It is told.
        Open = "open",
        /// It answered 410 or was stopped by hand.
        Disabled = "disabled",
        /// It was taken away; its row stays for the deliveries that name it.
        Gone = "gone",
    }
}

/// An address of a portal, with the secrets that sign what it is sent.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub portal: String,
    /// The address.
    pub url: String,
    /// Signs every message.
    pub secret: Secret,
    /// Signs as well, until the given time.
    pub previous: Option<(Secret, DateTime<Utc>)>,
    /// Whether it is told anything.
    pub state: EndpointState,
    /// Why it is not, when it is not.
    pub state_reason: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

impl Endpoint {
    /// The secrets that sign a message now, the new one first.
    pub fn secrets(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Secret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(&self.secret).chain(previous.map(|(secret, _)| secret))
    }

    /// Opens the secrets of a row.
    pub fn open(row: EndpointRow, keys: &MasterKeys) -> Result<Self, OpenError> {
        let context = context(row.endpoint_id);
        let previous = match (row.previous_secret, row.previous_until) {
            (Some(sealed), Some(until)) => Some((keys.open(&context, &sealed)?, until)),
            _ => None,
        };
        Ok(Self {
            id: row.endpoint_id,
            portal: row.portal,
            url: row.url,
            secret: keys.open(&context, &row.secret)?,
            previous,
            state: row.state.parse().unwrap_or(EndpointState::Disabled),
            state_reason: row.state_reason,
            made_at: row.made_at,
        })
    }
}

/// Why an endpoint could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address is not one that we call.
    #[error(transparent)]
    Address(#[from] UrlRefused),
    /// No address is so long.
    #[error("an address has at most {LONGEST_ADDRESS} characters")]
    TooLong,
    /// The part after `#` never leaves a browser.
    #[error("take the part after # away: it is never sent")]
    Fragment,
    /// The registers hold no such portal.
    #[error("there is no portal {portal}: enter it in portals.csv and import the registers")]
    UnknownPortal {
        /// The code asked for.
        portal: String,
    },
    /// The portal has no such endpoint.
    #[error("the portal has no endpoint {id}")]
    NotFound {
        /// The id asked for.
        id: EndpointId,
    },
    /// The portal has as many as one may have.
    #[error("a portal has at most {MOST_PER_PORTAL} endpoints: take one away first")]
    TooMany,
    /// Nobody has approved it yet.
    #[error("the endpoint waits to be approved: until then it can only be taken away")]
    Pending,
    /// It was decided on, or taken away.
    #[error("the endpoint does not wait to be approved any more")]
    NotPending,
    /// The secret at hand does not open.
    #[error("the endpoint's secret does not open: {0}")]
    Sealed(#[from] OpenError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// What is sealed of an endpoint is bound to its id.
fn context(id: EndpointId) -> String {
    format!("endpoint/{id}")
}

/// A secret as Standard Webhooks writes it.
pub fn secret_text(secret: &Secret) -> String {
    format!("whsec_{}", secret.to_base64().as_str())
}

/// Checks an address as far as its text tells; what its name leads to is judged at every call.
pub fn address(text: &str, policy: Policy) -> Result<Url, EndpointError> {
    if text.len() > LONGEST_ADDRESS {
        return Err(EndpointError::TooLong);
    }
    let url = egress::check_url(text, policy)?;
    if url.fragment().is_some() { Err(EndpointError::Fragment) } else { Ok(url) }
}

/// A new endpoint, and its row with the secret sealed.
#[derive(Debug)]
pub struct Drawn {
    /// With its secret, which is shown only now.
    pub endpoint: Endpoint,
    /// To be written.
    pub row: EndpointRow,
}

/// Draws an endpoint; nothing is written.
pub fn draw(
    keys: &MasterKeys,
    (portal, url): (&str, &Url),
    state: EndpointState,
    now: DateTime<Utc>,
) -> Result<Drawn, EndpointError> {
    let id = EndpointId::new(now);
    let secret = Secret::draw(SECRET_BYTES, &mut rand::rng());
    let row = EndpointRow {
        endpoint_id: id,
        portal: portal.to_owned(),
        url: url.to_string(),
        secret: keys.seal(&context(id), secret.expose()),
        previous_secret: None,
        previous_until: None,
        state: state.as_str().to_owned(),
        state_reason: String::new(),
        made_at: now,
    };
    Ok(Drawn { endpoint: Endpoint::open(row.clone(), keys)?, row })
}

/// Enters an endpoint that was drawn.
pub async fn add_in(
    conn: &mut PgConnection,
    by: By<'_>,
    row: &EndpointRow,
) -> Result<(), EndpointError> {
    // The row lock makes two additions wait for each other, so that the count below holds.
    directory_version::raise_in(conn).await?;
    if !store::portal_exists(conn, &row.portal).await? {
        return Err(EndpointError::UnknownPortal { portal: row.portal.clone() });
    }
    if store::endpoint_list(conn, Some(&row.portal)).await?.len() >= MOST_PER_PORTAL {
        return Err(EndpointError::TooMany);
    }
    store::endpoint_insert(conn, row).await?;
    let detail = json!({ "portal": row.portal, "url": row.url, "state": row.state });
    audit::record_in(conn, by, "endpoint.made", &row.endpoint_id.to_string(), &detail).await?;
    Ok(())
}

/// Opens an endpoint that waits, or takes it away; the address that was decided on.
pub async fn decided_in(
    conn: &mut PgConnection,
    by: By<'_>,
    (portal, id): (&str, EndpointId),
    to: EndpointState,
    why: &str,
) -> Result<String, EndpointError> {
    directory_version::raise_in(conn).await?;
    let row = store::endpoint_lock(conn, portal, id).await?.ok_or(EndpointError::NotPending)?;
    let pending = EndpointState::Pending.as_str();
    if !store::endpoint_step(conn, id, pending, to.as_str(), why).await? {
        return Err(EndpointError::NotPending);
    }
    let detail = json!({ "portal": portal, "from": pending, "to": to, "reason": why });
    audit::record_in(conn, by, "endpoint.state", &id.to_string(), &detail).await?;
    Ok(row.url)
}

/// Draws a new secret; the old one signs beside it for `overlap`.
pub async fn rotate_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    by: By<'_>,
    (portal, id): (&str, EndpointId),
    overlap: TimeDelta,
) -> Result<Endpoint, EndpointError> {
    directory_version::raise_in(conn).await?;
    let mut row =
        store::endpoint_lock(conn, portal, id).await?.ok_or(EndpointError::NotFound { id })?;
    let until = by.at + overlap;
    let secret = Secret::draw(SECRET_BYTES, &mut rand::rng());
    let sealed = keys.seal(&context(id), secret.expose());
    store::endpoint_rotate(conn, id, &sealed, &row.secret, until).await?;
    let detail = json!({ "portal": portal, "previous_until": until });
    audit::record_in(conn, by, "endpoint.rotated", &id.to_string(), &detail).await?;
    row.previous_secret = Some(std::mem::replace(&mut row.secret, sealed));
    row.previous_until = Some(until);
    Ok(Endpoint::open(row, keys)?)
}

/// Moves an endpoint to another state: disables it, opens it again, takes it away. `false` when it
/// already was there. One that waits to be approved is opened by nobody here.
pub async fn step_in(
    conn: &mut PgConnection,
    by: By<'_>,
    (portal, id): (&str, EndpointId),
    to: EndpointState,
    reason: &str,
) -> Result<bool, EndpointError> {
    directory_version::raise_in(conn).await?;
    let row =
        store::endpoint_lock(conn, portal, id).await?.ok_or(EndpointError::NotFound { id })?;
    if row.state == to.as_str() {
        return Ok(false);
    }
    if row.state == EndpointState::Pending.as_str() && to != EndpointState::Gone {
        return Err(EndpointError::Pending);
    }
    let moved = store::endpoint_step(conn, id, &row.state, to.as_str(), reason).await?;
    let detail = json!({ "portal": portal, "from": row.state, "to": to, "reason": reason });
    audit::record_in(conn, by, "endpoint.state", &id.to_string(), &detail).await?;
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_names_are_called_and_this_machine_while_developing() {
        let refused = |text: &str, policy| address(text, policy).is_err();
        for good in ["https://dichvucong.mau.gov.vn/payclear", "https://a.vn:8443/x?y=z"] {
            assert!(!refused(good, Policy::Public), "{good}");
        }
        let long = format!("https://a.vn/{}", "x".repeat(2_000));
        for bad in ["", "a.vn", "http://a.vn/", "https://a.vn/#x", "http://localhost:8088/", &long]
        {
            assert!(refused(bad, Policy::Public), "{bad}");
        }
        assert!(!refused("http://127.0.0.1:8088/notices", Policy::LoopbackToo));
        assert!(refused("http://10.0.0.1/", Policy::LoopbackToo));
    }

    #[test]
    fn the_old_secret_signs_beside_the_new_one_for_a_while() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let endpoint = Endpoint {
            id: EndpointId::new(at("2026-11-01T00:00:00Z")),
            portal: "dvc-mau".to_owned(),
            url: "https://a.vn/".to_owned(),
            secret: Secret::new(vec![1; 32]),
            previous: Some((Secret::new(vec![2; 32]), at("2026-11-02T00:00:00Z"))),
            state: EndpointState::Open,
            state_reason: String::new(),
            made_at: at("2026-11-01T00:00:00Z"),
        };
        let first = |now| endpoint.secrets(at(now)).map(|s| s.expose()[0]).collect::<Vec<_>>();
        assert_eq!(first("2026-11-01T23:59:59Z"), [1, 2]);
        assert_eq!(first("2026-11-02T00:00:00Z"), [1]);
        assert_eq!(secret_text(&Secret::new(vec![0; 3])), "whsec_AAAA");
    }
}
