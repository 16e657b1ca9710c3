//! Delegation for absence: a person lends a role to another for some days. It waits to be approved,
//! ends by itself, and can be ended sooner by one alone, because that takes power away.

use chrono::NaiveDate;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::add::email as read_email;
use super::officer::Officer;
use super::role::{EVERYTHING, Grant, Role};
use super::store::{self, delegations};
use crate::platform::audit::{self, By};
use crate::vocabulary::day::to_local;
use crate::vocabulary::ids::{DelegationId, PersonId};

/// So long an absence is another person's role.
const LONGEST_DAYS: i64 = 92;
const LONGEST_REASON: usize = 200;

/// What is to be lent.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// To whom, by address.
    pub receiver: &'a str,
    /// Which role, for which agencies.
    pub grant: Grant,
    /// The first day, in Việt Nam.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
    /// Why.
    pub reason: &'a str,
}

/// A delegation as it is kept.
#[derive(Debug, Clone)]
pub struct Delegation {
    /// Its id.
    pub id: DelegationId,
    /// Who lends.
    pub giver: PersonId,
    /// To whom.
    pub receiver: PersonId,
    /// Which role, for which agencies.
    pub grant: Grant,
    /// The first day.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
    /// Why.
    pub reason: String,
}

/// Why nothing was lent, or ended.
#[derive(Debug, thiserror::Error)]
pub enum DelegateError {
    /// Nobody active has the address.
    #[error("nobody who may sign in has this address")]
    UnknownReceiver,
    /// To oneself.
    #[error("a role is lent to somebody else")]
    ToOneself,
    /// The role is not one's own.
    #[error("only a role that one has been given oneself can be lent")]
    NotHeld,
    /// The days are none.
    #[error("the days run from today on, in order, for at most {LONGEST_DAYS} days")]
    BadDays,
    /// No reason.
    #[error("a reason has 1 to {LONGEST_REASON} characters")]
    BadReason,
    /// Not there, or nobody's business who asks.
    #[error("there is no such delegation")]
    NotFound,
    /// It has ended.
    #[error("it has ended already")]
    Ended,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Enters a delegation, pending. What it returns is what another person approves.
pub async fn delegate_in(
    conn: &mut PgConnection,
    by: By<'_>,
    giver: &Officer,
    wanted: &Wanted<'_>,
) -> Result<(DelegationId, Value), DelegateError> {
    let address = read_email(wanted.receiver).map_err(|_| DelegateError::UnknownReceiver)?;
    let reason = wanted.reason.trim();
    if reason.is_empty()
        || reason.chars().count() > LONGEST_REASON
        || reason.contains(char::is_control)
    {
        return Err(DelegateError::BadReason);
    }
    let days = (wanted.last_day - wanted.first_day).num_days();
    if wanted.first_day < to_local(by.at).date() || !(0..LONGEST_DAYS).contains(&days) {
        return Err(DelegateError::BadDays);
    }
    let receiver = delegations::active_person(conn, &address).await?;
    let receiver = receiver.ok_or(DelegateError::UnknownReceiver)?;
    if receiver == giver.id {
        return Err(DelegateError::ToOneself);
    }
    // The database refuses it too: roles are lent among our own people.
    if delegations::works_for_partner(conn, receiver).await? {
        return Err(DelegateError::UnknownReceiver);
    }
    // What was lent to oneself is not one's own to lend.
    if wanted.grant.partner().is_some()
        || !delegations::holds(conn, giver.id, &wanted.grant).await?
    {
        return Err(DelegateError::NotHeld);
    }
    let delegation = Delegation {
        id: DelegationId::new(by.at),
        giver: giver.id,
        receiver,
        grant: wanted.grant.clone(),
        first_day: wanted.first_day,
        last_day: wanted.last_day,
        reason: reason.to_owned(),
    };
    delegations::delegation_insert(conn, &delegation, by).await?;
    let content = json!({
        "giver": giver.email, "receiver": address, "role": delegation.grant.role,
        "scope": delegation.grant.scope, "from": delegation.first_day,
        "until": delegation.last_day, "reason": reason,
    });
    let id = delegation.id.to_string();
    audit::record_in(conn, by, "delegation.proposed", &id, &content).await?;
    Ok((delegation.id, content))
}

/// Ends a delegation at once: by who lent, by who was lent to, or by an admin.
pub async fn end(
    pool: &PgPool,
    by: By<'_>,
    officer: &Officer,
    id: DelegationId,
) -> Result<(), DelegateError> {
    let mut tx = pool.begin().await?;
    let found = delegations::delegation_lock(&mut tx, id).await?;
    let found = found.ok_or(DelegateError::NotFound)?;
    let theirs = found.giver == officer.id
        || found.receiver == officer.id
        || officer.may(Role::Admin, EVERYTHING);
    if !theirs {
        return Err(DelegateError::NotFound);
    }
    if !delegations::delegation_end(&mut tx, id, by.at).await? {
        return Err(DelegateError::Ended);
    }
    audit::record_in(&mut tx, by, "delegation.ended", &id.to_string(), &json!({})).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts an approved delegation in force; `false` when it is not what was proposed any more.
pub async fn take_in(
    conn: &mut PgConnection,
    by: By<'_>,
    id: DelegationId,
) -> Result<bool, sqlx::Error> {
    if !delegations::delegation_approve(conn, id, by.at).await? {
        return Ok(false);
    }
    audit::record_in(conn, by, "delegation.approved", &id.to_string(), &json!({})).await?;
    Ok(true)
}

/// Ends a delegation that was not approved.
pub async fn drop_in(
    conn: &mut PgConnection,
    by: By<'_>,
    id: DelegationId,
) -> Result<(), sqlx::Error> {
    store::delegations::delegation_end(conn, id, by.at).await.map(drop)
}
