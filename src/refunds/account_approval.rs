//! An account that a payer named is used only once a second person has approved it: whoever holds
//! the link of a pay page could have named it.

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{accounts, store};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::people::role::Role;
use crate::platform::audit::{self, By};

/// The name of the kind.
pub const APPROVE: &str = "refund_account.approve";

/// An account for refunds.
#[derive(Debug, Clone, Copy)]
pub struct RefundAccountKind;

impl Kind for RefundAccountKind {
    fn name(&self) -> &'static str {
        APPROVE
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
            let id: Uuid = approval.subject.parse().map_err(|_| ApplyError::Changed)?;
            let sealed = store::refund_account_sealed(conn, id).await?;
            let named = approval.value()["sealed_sha256"].clone();
            if sealed.is_none_or(|sealed| named != accounts::digest(&sealed)) {
                return Err(ApplyError::Changed);
            }
            if accounts::approve_in(conn, id, by.actor, by.at).await? {
                Ok(())
            } else {
                Err(ApplyError::Impossible("the account does not wait any more".to_owned()))
            }
        })
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let Ok(id) = approval.subject.parse::<Uuid>() else { return Ok(()) };
            if store::refund_account_drop(conn, id, by.at).await? {
                let detail = json!({ "approval": approval.id });
                let subject = &approval.subject;
                audit::record_in(conn, by, "refund_account.dropped", subject, &detail).await?;
            }
            Ok(())
        })
    }
}
