//! An endpoint that answers 410 is disabled: nothing more is sent there until its portal enables
//! it.

use sqlx::PgPool;

use crate::platform::audit::By;
use crate::portals::endpoint::{self, Endpoint, EndpointError, EndpointState};

/// What stands as the reason.
pub const REASON: &str = "the endpoint answered 410 Gone";

/// Disables an endpoint. `false` when it was not open any more.
pub async fn close(pool: &PgPool, by: By<'_>, closed: &Endpoint) -> Result<bool, EndpointError> {
    let mut tx = pool.begin().await?;
    let of = (closed.portal.as_str(), closed.id);
    let moved = endpoint::step_in(&mut tx, by, of, EndpointState::Disabled, REASON).await?;
    tx.commit().await?;
    Ok(moved)
}
