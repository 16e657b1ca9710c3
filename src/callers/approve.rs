//! A key signs nothing until somebody has approved it.

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;

use super::store;
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::people::role::Role;
use crate::platform::audit::{self, By};
use crate::platform::directory_version;
use crate::registers::caller::{Caller, CallerKind};

/// The name of the kind.
pub const ADD: &str = "key.add";

/// A new key of a caller.
#[derive(Debug, Clone, Copy)]
pub struct KeyKind;

impl Kind for KeyKind {
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
        Box::pin(async move {
            directory_version::raise_in(conn).await?;
            let content = approval.value();
            let sealed = content["secret_sha256"].as_str().unwrap_or_default();
            // Another secret under the same name is not what was approved.
            if !store::key_approve(conn, &approval.subject, sealed, by.at).await? {
                return Err(ApplyError::Changed);
            }
            let detail = json!({ "approval": approval.id });
            audit::record_in(conn, by, "key.approved", &approval.subject, &detail).await?;
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
            let content = approval.value();
            let caller = content["caller"].as_str().and_then(|text| text.split_once('/'));
            let caller = caller.and_then(|(kind, code)| Some((kind.parse().ok()?, code)));
            let Some((kind, code)): Option<(CallerKind, &str)> = caller else { return Ok(()) };
            let caller = Caller { kind, code: code.to_owned() };
            // One that was revoked meanwhile is as good as rejected.
            if store::key_revoke(conn, &caller, &approval.subject, by.at).await? {
                let detail = json!({ "caller": caller.to_string(), "approval": approval.id });
                audit::record_in(conn, by, "key.revoked", &approval.subject, &detail).await?;
            }
            Ok(())
        })
    }
}
