//! Another person approves a way out: it is taken, once, and only as it was shown.

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;

use super::Resolving;
use super::acts::{ActError, Taker, lock_in};
use super::rehearse::content;
use super::store::{Resolution, resolution_insert};
use super::wish::Wish;
use crate::approvals::approval::{Approval, canonical};
use crate::approvals::kinds::{ApplyError, Kind};
use crate::breaks::status::BreakStep;
use crate::breaks::store::holds;
use crate::breaks::ways::Way;
use crate::ledger::store::entries_of_this_transaction;
use crate::people::role::Role;
use crate::platform::audit::{self, By};
use crate::settlements::officers::OfficersError;
use crate::settlements::store::settlement_banked_on;
use crate::vocabulary::ids::BreakId;

/// The name of the kind.
pub const RESOLVE: &str = "break.resolve";

/// A way out of a case.
#[derive(Debug)]
pub struct ResolutionKind(pub Resolving);

impl From<ActError> for ApplyError {
    fn from(error: ActError) -> Self {
        let told = error.to_string();
        match error {
            // The case or the invoice has moved since it was proposed.
            ActError::NoWay { .. } | ActError::Unfit { .. } => Self::Changed,
            ActError::NotYet(why) => Self::NotYet(why),
            ActError::Settlement(OfficersError::Store(error)) | ActError::Store(error) => {
                Self::Store(error)
            }
            ActError::Settlement(_) => Self::Impossible(told),
        }
    }
}

impl Kind for ResolutionKind {
    fn name(&self) -> &'static str {
        RESOLVE
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(self.0.take_in(conn, approval, by))
    }

    /// A proposal that is not taken leaves nothing behind.
    fn drop_in<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _approval: &'a Approval,
        _by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Resolving {
    /// Takes what was approved.
    async fn take_in(
        &self,
        conn: &mut PgConnection,
        approval: &Approval,
        by: By<'_>,
    ) -> Result<(), ApplyError> {
        let id: BreakId = approval.subject.parse().map(BreakId).map_err(|_| ApplyError::Changed)?;
        let wish: Wish = serde_json::from_value(approval.value()["wish"].clone())
            .map_err(|_| ApplyError::Changed)?;
        let case = lock_in(conn, id, &wish).await?.ok_or(ApplyError::Changed)?;
        // Who has seen money in the bank does not let it go.
        if let (Way::Return | Way::Returned, Some(settlement)) = (wish.way, case.settlement)
            && let Some((seen_by, _)) = settlement_banked_on(conn, settlement).await?
            && seen_by == by.actor
        {
            let why = "who has seen money in the bank does not let it go";
            return Err(ApplyError::NotYet(why.to_owned()));
        }
        let taker = Taker { author: &approval.made_by, now: by.at };
        let done = self.act_in(conn, &case, &wish, taker).await?;
        let booked = entries_of_this_transaction(conn).await?;
        if canonical(&content(&case, &wish, &done, &booked)) != approval.content {
            return Err(ApplyError::Changed);
        }
        let entries: Vec<i64> = booked.iter().map(|entry| entry.id).collect();
        let taken = Resolution {
            approval: approval.id,
            way: wish.way,
            amount: done.amount,
            proposed_by: &approval.made_by,
            decided_by: by.actor,
            at: by.at,
            entries: &entries,
        };
        resolution_insert(conn, &case, &taken).await?;
        if done.closes {
            let to = case.state.after(BreakStep::Resolve).map_err(|_| ApplyError::Changed)?;
            let why = format!("{}: {}", wish.way, wish.reason);
            let step = (why.as_str(), by.actor, by.at);
            if !holds::break_step(conn, case.id, (case.state, to), step).await? {
                return Err(ApplyError::Changed);
            }
        }
        let detail = json!({
            "approval": approval.id, "way": wish.way, "code": case.code, "amount": done.amount,
            "entries": entries,
        });
        audit::record_in(conn, by, "break.resolved", &approval.subject, &detail).await?;
        metrics::counter!("payclear_breaks_resolved_total", "code" => case.code.as_str(),
            "way" => wish.way.as_str())
        .increment(1);
        Ok(())
    }
}
