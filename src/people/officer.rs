//! Who is signed in, for the handlers of every room: `async fn approve(officer: Officer, …)`.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::limits::Limits;
use super::password::Hasher;
use super::role::{Grant, Role};
use super::session::{self, CarriedBy, cookie_name};
use super::store;
use crate::platform::problem::{Problem, ProblemType};
use crate::platform::seal::MasterKeys;
use crate::platform::settings::PeopleSettings;
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::PersonId;

/// A session that is used notes it once in so long.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What signing in and knowing who is signed in stand on; clones share it.
#[derive(Debug, Clone)]
pub struct PeopleDoor {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
    /// The keys that seal the secrets of one-time codes.
    pub keys: Arc<MasterKeys>,
    /// How the outside names this service.
    pub public_url: Arc<str>,
    /// The header in which a trusted proxy names the address of who calls.
    pub client_address_header: Arc<str>,
    /// Sessions and codes.
    pub settings: Arc<PeopleSettings>,
    /// Turns at hashing.
    pub hasher: Hasher,
    /// How often people may call.
    pub limits: Arc<Limits>,
}

/// A person who is signed in.
#[derive(Debug, Clone)]
pub struct Officer {
    /// Who.
    pub id: PersonId,
    /// Their address: the actor of what they do.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they may do, and for whom.
    pub grants: Vec<Grant>,
    /// When the session ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// The session.
    pub session: [u8; 32],
}

impl Officer {
    /// What they may do for agencies: all that is no partner's.
    fn ours(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| grant.role != Role::Partner)
    }

    /// The partner that they work for. Such a person is let in by [`PeopleDoor::person`] alone.
    pub fn partner(&self) -> Option<&str> {
        self.grants.iter().find_map(Grant::partner)
    }

    /// May they act in a role for an agency (`*`: for what is no single agency's)?
    pub fn may(&self, role: Role, agency: &str) -> bool {
        self.ours().any(|grant| grant.role == role && grant.scope.covers(agency))
    }

    /// The same, told as a problem.
    pub fn require(&self, role: Role, agency: &str) -> Result<(), Problem> {
        self.require_one_of(&[role], agency)
    }

    /// One of several roles.
    pub fn require_one_of(&self, roles: &[Role], agency: &str) -> Result<(), Problem> {
        if roles.iter().any(|role| self.may(*role, agency)) {
            return Ok(());
        }
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let needed = names.join(" or ");
        Err(Problem::new(ProblemType::Forbidden)
            .detail(format!("the role {needed} for {agency} is needed")))
    }

    /// May they look at the money of this agency, and at who paid it? One of [`Role::MONEY`] must hold
    /// it: whoever runs the service for everybody sees nobody's payments by that.
    pub fn sees(&self, agency: &str) -> bool {
        Role::MONEY.iter().any(|role| self.may(*role, agency))
    }

    /// The scopes in which they look at money, for statements that list it.
    pub fn scopes(&self) -> Vec<String> {
        self.scopes_of(Role::MONEY)
    }

    /// The scopes in which they have one of these roles.
    pub fn scopes_of(&self, roles: &[Role]) -> Vec<String> {
        let grants = self.ours().filter(|grant| roles.contains(&grant.role));
        let mut scopes: Vec<String> = grants.map(|grant| grant.scope.as_str().to_owned()).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }
}

impl PeopleDoor {
    /// Who of our own people sends a request. Whoever works for a partner is none of them, whatever
    /// else they hold.
    pub async fn officer(&self, parts: &Parts) -> Result<Officer, Problem> {
        let person = self.person(parts).await?;
        if person.partner().is_some() {
            return Err(Problem::new(ProblemType::Forbidden)
                .detail("partners' people have screens and doors of their own"));
        }
        Ok(person)
    }

    /// Who sends a request, ours or a partner's. A write that a cookie vouches for must come from a
    /// page of ours.
    pub async fn person(&self, parts: &Parts) -> Result<Officer, Problem> {
        let refused = || Problem::new(ProblemType::NotSignedIn);
        let presented = session::presented(&parts.headers, cookie_name(&self.public_url));
        let (token_hash, carried_by) = presented.ok_or_else(refused)?;
        if carried_by == CarriedBy::Cookie
            && !parts.method.is_safe()
            && !session::is_same_origin(&parts.headers, &self.public_url)
        {
            return Err(Problem::new(ProblemType::CrossSite));
        }
        let now = self.clock.now();
        let idle_since = now - TimeDelta::minutes(self.settings.idle_minutes);
        let mut conn = self.pool.acquire().await?;
        let row = store::session_read(&mut conn, &token_hash, (now, idle_since)).await?;
        // A token from a cookie is good in a cookie alone, and the other way round.
        let row = row.filter(|row| row.carried_by == carried_by.as_str()).ok_or_else(refused)?;
        self.limits.call(&row.email)?;
        if now - row.seen_at > SEEN_EVERY {
            store::session_seen(&mut conn, &token_hash, now).await?;
        }
        Ok(Officer {
            id: row.person_id,
            email: row.email,
            name: row.name,
            grants: row.roles.iter().filter_map(|text| text.parse().ok()).collect(),
            expires_at: row.expires_at,
            session: token_hash,
        })
    }
}

impl<S> FromRequestParts<S> for Officer
where
    PeopleDoor: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        PeopleDoor::from_ref(state).officer(parts).await
    }
}

/// Whoever is signed in, ours or a partner's: for what is a person's own, such as a password.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Officer);

impl<S> FromRequestParts<S> for SignedIn
where
    PeopleDoor: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        PeopleDoor::from_ref(state).person(parts).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_holds_for_its_scope_alone() {
        let officer = Officer {
            id: PersonId(uuid::Uuid::nil()),
            email: "an@example.vn".to_owned(),
            name: "An".to_owned(),
            grants: ["officer:G01", "viewer:*"].map(|t| t.parse().expect("a grant")).to_vec(),
            expires_at: DateTime::UNIX_EPOCH,
            session: [0; 32],
        };
        assert!(officer.require(Role::Officer, "G01.A").is_ok());
        assert!(officer.require(Role::Officer, "G02").is_err());
        assert!(officer.require(Role::Officer, "*").is_err());
        assert!(officer.require(Role::Approver, "G01").is_err());
        assert!(officer.sees("G02") && officer.may(Role::Viewer, "*"));
        assert_eq!(officer.scopes(), ["*", "G01"]);
    }

    #[test]
    fn who_keeps_the_service_running_sees_no_money_by_that() {
        let officer = Officer {
            id: PersonId(uuid::Uuid::nil()),
            email: "an@example.vn".to_owned(),
            name: "An".to_owned(),
            grants: ["officer:G01", "operator:*", "admin:*"]
                .map(|t| t.parse().expect("a grant"))
                .to_vec(),
            expires_at: DateTime::UNIX_EPOCH,
            session: [0; 32],
        };
        assert!(officer.sees("G01.A") && !officer.sees("G02") && !officer.sees("*"));
        assert_eq!(officer.scopes(), ["G01"]);
        assert_eq!(officer.scopes_of(&[Role::Operator]), ["*"]);
    }

    #[test]
    fn the_code_of_a_partner_is_no_agency() {
        let teller = Officer {
            id: PersonId(uuid::Uuid::nil()),
            email: "an@bank.example".to_owned(),
            name: "An".to_owned(),
            grants: vec!["partner:G01".parse().expect("a grant")],
            expires_at: DateTime::UNIX_EPOCH,
            session: [0; 32],
        };
        assert_eq!(teller.partner(), Some("G01"));
        assert!(!teller.sees("G01") && !teller.may(Role::Partner, "G01"));
        assert!(teller.scopes().is_empty());
    }
}
