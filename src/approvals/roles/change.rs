//! Proposing other roles, and giving them.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::approvals::propose::{Proposal, ProposeError, propose_in};
use crate::people::add::{self, PersonError};
use crate::people::role::{EVERYTHING, Grant, Role, is_one_side};
use crate::people::store;
use crate::platform::audit::{self, By};
use crate::vocabulary::ids::{ApprovalId, PersonId};

/// The name of the kind.
pub const ROLES: &str = "person.roles";

/// Why no roles were proposed.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// The person.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// Nothing would change.
    #[error("{0} has these roles already")]
    Same(String),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn sorted(grants: &[Grant]) -> Vec<String> {
    let mut roles: Vec<String> = grants.iter().map(ToString::to_string).collect();
    roles.sort();
    roles.dedup();
    roles
}

/// Whose business it is: that of the one scope of the roles of before and after, else everybody's.
pub fn agency_of(before: &[String], after: &[Grant]) -> String {
    let before = before.iter().filter_map(|text| text.parse::<Grant>().ok());
    // A partner is everybody's business.
    let scope_of = |grant: Grant| match grant.partner() {
        Some(_) => EVERYTHING.to_owned(),
        None => grant.scope.as_str().to_owned(),
    };
    let mut scopes: Vec<String> = before.chain(after.iter().cloned()).map(scope_of).collect();
    scopes.sort();
    scopes.dedup();
    match scopes.as_slice() {
        [one] => one.clone(),
        _ => EVERYTHING.to_owned(),
    }
}

/// The roles of somebody who is approved and not disabled, as they are written.
pub async fn roles_of(conn: &mut PgConnection, email: &str) -> Result<Vec<String>, RolesError> {
    let roles = store::roles_of_email(conn, email).await?;
    if roles.is_empty() { Err(PersonError::Unknown(email.to_owned()).into()) } else { Ok(roles) }
}

/// Proposes all roles that a person has from then on.
pub async fn propose(
    pool: &PgPool,
    by: By<'_>,
    email: &str,
    grants: &[Grant],
) -> Result<ApprovalId, RolesError> {
    let email = add::email(email)?;
    if grants.is_empty() {
        return Err(PersonError::NoRole.into());
    }
    if !is_one_side(grants) {
        return Err(PersonError::TwoSides.into());
    }
    let mut tx = pool.begin().await?;
    let known = store::person_of_email(&mut tx, &email).await?;
    let (id, _) = known.ok_or_else(|| PersonError::Unknown(email.clone()))?;
    let before = roles_of(&mut tx, &email).await?;
    let after = sorted(grants);
    if before == after {
        return Err(RolesError::Same(email));
    }
    let content = json!({ "person": id, "email": email, "before": before, "roles": after });
    let (subject, agency) = (id.to_string(), agency_of(&before, grants));
    let proposal = Proposal { kind: ROLES, subject: &subject, agency: &agency, content: &content };
    let approval = propose_in(&mut tx, by, &proposal).await?;
    tx.commit().await?;
    Ok(approval)
}

/// Other roles of a person.
#[derive(Debug, Clone, Copy)]
pub struct RolesKind;

impl Kind for RolesKind {
    fn name(&self) -> &'static str {
        ROLES
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Admin]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(give_in(conn, approval, by))
    }

    fn drop_in<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _approval: &'a Approval,
        _by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    serde_json::from_value(value.clone()).ok()
}

async fn give_in(
    conn: &mut PgConnection,
    approval: &Approval,
    by: By<'_>,
) -> Result<(), ApplyError> {
    let id: PersonId = approval.subject.parse().map(PersonId).map_err(|_| ApplyError::Changed)?;
    let content = approval.value();
    let email = content["email"].as_str().ok_or(ApplyError::Changed)?;
    let (before, after) = (texts(&content["before"]), texts(&content["roles"]));
    let (before, after) = before.zip(after).ok_or(ApplyError::Changed)?;
    // The row is locked: of two who change the same person one waits, and sees what the other did.
    let known = store::person_of_email(conn, email).await?;
    let same = known.is_some_and(|(known, _)| known == id);
    if !same || store::roles_of_email(conn, email).await? != before {
        return Err(ApplyError::Changed);
    }
    let grants: Result<Vec<Grant>, _> = after.iter().map(|text| text.parse()).collect();
    let grants = grants.map_err(|_| ApplyError::Changed)?;
    store::person_role_delete(conn, id).await?;
    store::person_role_insert(conn, id, &grants).await?;
    if store::admins(conn).await? == 0 {
        let why = "nobody would decide on people and keys any more";
        return Err(ApplyError::Impossible(why.to_owned()));
    }
    let detail = json!({ "approval": approval.id, "before": before, "roles": after });
    audit::record_in(conn, by, "person.roles", &approval.subject, &detail)
        .await
        .map_err(ApplyError::from)
}
