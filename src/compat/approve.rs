//! What was agreed with a portal opens nothing until somebody has approved it.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::configure::digest;
use super::store;
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::people::role::Role;
use crate::platform::audit::{self, By};

/// The name of the kind.
pub const CONFIGURE: &str = "portal.compat";

/// Puts in force what waits for a portal.
pub(super) async fn take_in(
    conn: &mut PgConnection,
    by: By<'_>,
    portal: &str,
    content: &Value,
) -> Result<(), sqlx::Error> {
    store::portal_next_take(conn, portal, by.at).await?;
    let detail = json!({
        "partner_code": content["partner_code"], "result_url": content["result_url"],
    });
    audit::record_in(conn, by, "portal.compat_configured", portal, &detail).await
}

/// A portal that is to speak the platform's messages, or to speak them otherwise.
#[derive(Debug, Clone, Copy)]
pub struct CompatKind;

impl CompatKind {
    /// Does that wait which was proposed?
    async fn waits_in(conn: &mut PgConnection, approval: &Approval) -> Result<bool, sqlx::Error> {
        let waiting = store::portal_next(conn, &approval.subject).await?;
        Ok(waiting.is_some_and(|sealed| approval.value()["sealed_sha256"] == digest(&sealed)))
    }
}

impl Kind for CompatKind {
    fn name(&self) -> &'static str {
        CONFIGURE
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
        Box::pin(async move {
            if !Self::waits_in(conn, approval).await? {
                return Err(ApplyError::Changed);
            }
            let content = approval.value();
            let code = content["partner_code"].as_str().unwrap_or_default();
            // Another portal may have been given the code since.
            let holder = store::portal_of_code(conn, code).await?;
            if holder.is_some_and(|holder| holder != approval.subject) {
                let why = "partner_code is that of another portal by now";
                return Err(ApplyError::Impossible(why.to_owned()));
            }
            take_in(conn, by, &approval.subject, &content).await?;
            Ok(())
        })
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            if Self::waits_in(conn, approval).await? {
                let portal = approval.subject.as_str();
                store::portal_next_drop(conn, portal).await?;
                let detail = json!({ "approval": approval.id });
                audit::record_in(conn, by, "portal.compat_dropped", portal, &detail).await?;
            }
            Ok(())
        })
    }
}
