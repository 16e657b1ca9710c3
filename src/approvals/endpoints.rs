//! An endpoint of a portal is told nothing until somebody has approved its address.

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use url::Url;

use super::approval::Approval;
use super::kinds::{ApplyError, Kind};
use super::propose::{Maker, Making, Proposal, ProposeError, ask_in};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::portals::endpoint::{self, Endpoint, EndpointError, EndpointState};
use crate::vocabulary::ids::{ApprovalId, EndpointId};

const ADD: &str = "endpoint.add";

/// Why no endpoint was made.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Makes an endpoint and returns it with its secret, which is shown only now, and the approval that
/// it waits for.
pub async fn add_in(
    conn: &mut PgConnection,
    keys: &MasterKeys,
    maker: Maker<'_>,
    portal: &str,
    url: &Url,
) -> Result<(Endpoint, Option<ApprovalId>), AddError> {
    let state = match maker.making {
        Making::Pending => EndpointState::Pending,
        Making::Bootstrap => EndpointState::Open,
    };
    let made = endpoint::draw(keys, (portal, url), state, maker.by.at)?;
    let content = json!({ "endpoint": made.endpoint.id, "portal": portal, "url": url.as_str() });
    let subject = made.endpoint.id.to_string();
    let proposal = Proposal { kind: ADD, subject: &subject, agency: EVERYTHING, content: &content };
    let approval = ask_in(conn, maker, &proposal).await?;
    endpoint::add_in(conn, maker.by, &made.row).await?;
    Ok((made.endpoint, approval))
}

/// [`add_in`] in a transaction of its own.
pub async fn add(
    pool: &PgPool,
    keys: &MasterKeys,
    maker: Maker<'_>,
    portal: &str,
    url: &Url,
) -> Result<(Endpoint, Option<ApprovalId>), AddError> {
    let mut tx = pool.begin().await?;
    let made = add_in(&mut tx, keys, maker, portal, url).await?;
    tx.commit().await?;
    Ok(made)
}

/// A new endpoint.
#[derive(Debug, Clone, Copy)]
pub struct EndpointKind;

impl Kind for EndpointKind {
    fn name(&self) -> &'static str {
        ADD
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver, Role::Admin]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(step_in(conn, approval, by, EndpointState::Open, ""))
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let why = "not approved";
            match step_in(conn, approval, by, EndpointState::Gone, why).await {
                // The portal took it away meanwhile, or it is another than was proposed: in any
                // case it does not wait any more.
                Err(ApplyError::Impossible(_) | ApplyError::Changed) => Ok(()),
                done => done,
            }
        })
    }
}

async fn step_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
    to: EndpointState,
    why: &str,
) -> Result<(), ApplyError> {
    let content = approval.value();
    let (Some(portal), Ok(id)) = (content["portal"].as_str(), approval.subject.parse()) else {
        return Err(ApplyError::Changed);
    };
    let id = EndpointId(id);
    match endpoint::decided_in(conn, by, (portal, id), to, why).await {
        Ok(url) if content["url"] == url.as_str() => Ok(()),
        Ok(_) => Err(ApplyError::Changed),
        Err(EndpointError::Store(error)) => Err(error.into()),
        Err(error) => Err(ApplyError::Impossible(error.to_string())),
    }
}
