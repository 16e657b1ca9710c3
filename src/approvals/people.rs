//! People come to be, and get new credentials, with another's approval.

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, PgPool};

use super::approval::Approval;
use super::kinds::{ApplyError, Kind};
use super::propose::{Maker, Making, Proposal, ProposeError, ask_in};
use crate::people::add::{self, Drawn, Entry, PersonError};
use crate::people::password::{HashError, Hasher};
use crate::people::role::{EVERYTHING, Grant, Role};
use crate::people::store;
use crate::platform::audit::{self, By};
use crate::platform::seal::MasterKeys;
use crate::vocabulary::ids::{ApprovalId, PersonId};

const ADD: &str = "person.add";
const RESET: &str = "person.reset";

/// Why no person was entered or reset.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The person.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// The approval.
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

impl From<HashError> for EnterError {
    fn from(error: HashError) -> Self {
        Self::Person(error.into())
    }
}

impl From<sqlx::Error> for EnterError {
    fn from(error: sqlx::Error) -> Self {
        Self::Person(error.into())
    }
}

/// A person who was entered, or whose credentials were drawn again.
#[derive(Debug)]
pub struct Entered {
    /// Who.
    pub id: PersonId,
    /// The address, in small letters.
    pub email: String,
    /// What they sign in with, shown once.
    pub drawn: Drawn,
    /// The approval that it waits for.
    pub approval: Option<ApprovalId>,
}

/// What drawing credentials needs.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// Turns at hashing.
    pub hasher: &'a Hasher,
    /// The keys that seal.
    pub keys: &'a MasterKeys,
}

/// Enters a person.
pub async fn add(
    pool: &PgPool,
    drawing: Drawing<'_>,
    maker: Maker<'_>,
    (email, name): (&str, &str),
    grants: &[Grant],
) -> Result<Entered, EnterError> {
    let email = add::email_of(email, drawing.keys.realm())?;
    let id = PersonId::new(maker.by.at);
    let (drawn, stored) = add::draw(drawing.hasher, drawing.keys, id).await?;
    let entry = Entry { id, email: &email, name, grants };
    let mut tx = pool.begin().await?;
    let content = add::add_in(&mut tx, maker.by, &entry, &stored).await?;
    let (subject, agency) = (id.to_string(), entry.agency());
    let proposal = Proposal { kind: ADD, subject: &subject, agency, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await?;
    if maker.making == Making::Bootstrap {
        store::person_next_take(&mut tx, id, maker.by.at).await?;
    }
    tx.commit().await?;
    Ok(Entered { id, email, drawn, approval })
}

/// Draws new credentials for a person. Those in force stay so until the new ones are approved.
pub async fn reset(
    pool: &PgPool,
    drawing: Drawing<'_>,
    maker: Maker<'_>,
    email: &str,
) -> Result<Entered, EnterError> {
    let email = add::email(email)?;
    let known = store::person_of_email(&mut *pool.acquire().await?, &email).await?;
    let known = known.filter(|(_, approved)| *approved);
    let (id, _) = known.ok_or_else(|| PersonError::Unknown(email.clone()))?;
    let (drawn, stored) = add::draw(drawing.hasher, drawing.keys, id).await?;
    let mut tx = pool.begin().await?;
    let content = add::reset_in(&mut tx, maker.by, (id, &email), &stored).await?;
    let subject = id.to_string();
    let agency = EVERYTHING;
    let proposal = Proposal { kind: RESET, subject: &subject, agency, content: &content };
    let approval = ask_in(&mut tx, maker, &proposal).await?;
    if maker.making == Making::Bootstrap {
        store::person_next_take(&mut tx, id, maker.by.at).await?;
        store::session_end_all(&mut tx, id, None).await?;
    }
    tx.commit().await?;
    Ok(Entered { id, email, drawn, approval })
}

/// A new person, or new credentials of one.
#[derive(Debug, Clone, Copy)]
pub enum PersonKind {
    /// A new person.
    Add,
    /// New credentials.
    Reset,
}

impl Kind for PersonKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Add => ADD,
            Self::Reset => RESET,
        }
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
        Box::pin(async move {
            let id = person_of(approval)?;
            if !add::waits_in(conn, id, &approval.value()).await? {
                return Err(ApplyError::Changed);
            }
            if !store::person_next_take(conn, id, by.at).await? {
                return Err(ApplyError::Changed);
            }
            // Who held the old credentials is out.
            store::session_end_all(conn, id, None).await?;
            let detail = serde_json::json!({ "approval": approval.id });
            audit::record_in(conn, by, "person.approved", &approval.subject, &detail).await?;
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
            let Ok(id) = person_of(approval) else { return Ok(()) };
            // Newer ones are not what was rejected.
            if add::waits_in(conn, id, &approval.value()).await? {
                store::person_next_drop(conn, id, by.at).await?;
            }
            Ok(())
        })
    }
}

fn person_of(approval: &Approval) -> Result<PersonId, ApplyError> {
    approval.subject.parse().map(PersonId).map_err(|_| ApplyError::Changed)
}
