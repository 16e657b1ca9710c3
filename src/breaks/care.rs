//! What one person does with a case: gives it to somebody, waits, asks the partner, says something,
//! shows something. None of it moves money or closes the case.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::case::Case;
use super::evidence::{self, Evidence, EvidenceError};
use super::status::{BreakStep, WrongBreakStep};
use super::store::reads::break_lock;
use super::store::said::{self, Care, Change, Comment};
use crate::people::officer::Officer;
use crate::people::role::Role;
use crate::people::store as people;
use crate::platform::problem::{FieldError, Problem, ProblemType};
use crate::vocabulary::clock::SharedClock;
use crate::vocabulary::ids::{BreakId, uuid_v7};

/// What these use cases need.
#[derive(Debug, Clone)]
pub struct Caring {
    /// The database.
    pub pool: PgPool,
    /// The clock.
    pub clock: SharedClock,
}

/// Why nothing was done with a case.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// Not there, or of none of this person's agencies.
    #[error("there is no such case in this person's scope")]
    NotFound,
    /// The person has no role for it.
    #[error("the role {needed} for {agency} is needed")]
    NotAllowed {
        /// Which roles may.
        needed: &'static str,
        /// For which agency.
        agency: String,
    },
    /// It stands otherwise.
    #[error(transparent)]
    WrongStep(#[from] WrongBreakStep),
    /// The case is closed.
    #[error("the case is closed")]
    Closed,
    /// Nobody who may look after it has this address.
    #[error("{0} is no officer of this agency")]
    NoSuchOwner(String),
    /// The case has no partner to ask.
    #[error("the case has no partner to ask")]
    NoPartner,
    /// It would wait for the past, or for ever.
    #[error("it waits until a time within the next 90 days")]
    BadTime,
    /// The file.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// Too many files.
    #[error("the case has as many files as a case can have")]
    ManyFiles,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl From<CareError> for Problem {
    fn from(error: CareError) -> Self {
        let told = error.to_string();
        let field = |pointer: &str| Self::invalid(vec![FieldError::new(pointer, told.clone())]);
        match error {
            CareError::NotFound => Self::new(ProblemType::NotFound),
            CareError::NotAllowed { .. } => Self::new(ProblemType::Forbidden).detail(told),
            CareError::WrongStep(_) | CareError::Closed | CareError::NoPartner => {
                Self::new(ProblemType::WrongState).detail(told)
            }
            CareError::NoSuchOwner(_) => field("/owner"),
            CareError::BadTime => field("/until"),
            CareError::Evidence(EvidenceError::TooLarge) => {
                Self::new(ProblemType::BodyTooLarge).detail(told)
            }
            CareError::Evidence(EvidenceError::BadName) => field("name"),
            CareError::Evidence(_) | CareError::ManyFiles => field(""),
            CareError::Store(error) => error.into(),
        }
    }
}

/// A case that an officer sees; another's is not there.
pub async fn seen_in(
    conn: &mut PgConnection,
    officer: &Officer,
    id: BreakId,
) -> Result<Case, CareError> {
    let case = super::store::reads::break_read(conn, id).await?;
    case.filter(|case| officer.sees(case.scope())).ok_or(CareError::NotFound)
}

/// A case that an officer may work on, locked.
pub async fn worked_in(
    conn: &mut PgConnection,
    officer: &Officer,
    id: BreakId,
) -> Result<Case, CareError> {
    let case = break_lock(conn, id).await?;
    let case = case.filter(|case| officer.sees(case.scope())).ok_or(CareError::NotFound)?;
    let may = [Role::Officer, Role::Approver].iter().any(|role| officer.may(*role, case.scope()));
    if may {
        return Ok(case);
    }
    Err(CareError::NotAllowed { needed: "officer or approver", agency: case.scope().to_owned() })
}

impl Case {
    pub(super) fn care(&self) -> Care {
        Care {
            state: self.state,
            owner: self.owner.clone(),
            reason: self.reason.clone(),
            waits_until: self.waits_until,
            shared_since: self.shared_since,
        }
    }
}

/// Writes what was set of a case that is locked.
pub(super) async fn set_in(
    conn: &mut PgConnection,
    case: &Case,
    care: &Care,
    change: Change<'_>,
) -> Result<(), sqlx::Error> {
    if said::break_care(conn, (case.id, case.state), care, change).await? {
        return Ok(());
    }
    Err(sqlx::Error::Protocol("defect: a locked case moved".to_owned()))
}

impl Caring {
    /// Gives a case to somebody, or to oneself; why it is still open may be said as well.
    pub async fn assign(
        &self,
        officer: &Officer,
        id: BreakId,
        (owner, reason): (&str, Option<&str>),
    ) -> Result<(), CareError> {
        let mut tx = self.pool.begin().await?;
        let case = worked_in(&mut tx, officer, id).await?;
        let to = case.state.after(BreakStep::Assign)?;
        let roles = people::roles_of_email(&mut tx, owner).await?;
        let may = roles.iter().filter_map(|text| text.parse().ok()).any(
            |grant: crate::people::role::Grant| {
                matches!(grant.role, Role::Officer | Role::Approver)
                    && grant.scope.covers(case.scope())
            },
        );
        if !may {
            return Err(CareError::NoSuchOwner(owner.to_owned()));
        }
        let mut care = Care { state: to, owner: owner.to_owned(), ..case.care() };
        care.waits_until = None;
        if let Some(reason) = reason {
            reason.clone_into(&mut care.reason);
        }
        let why = reason.unwrap_or("assigned");
        let change = Change { by: &officer.email, at: self.clock.now(), why };
        set_in(&mut tx, &case, &care, change).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets a case wait, for a reason; `ask` shares it with its partner, who is asked.
    pub async fn wait(
        &self,
        officer: &Officer,
        id: BreakId,
        (until, reason, ask): (DateTime<Utc>, &str, bool),
    ) -> Result<(), CareError> {
        let now = self.clock.now();
        if until <= now || until > now + chrono::Duration::days(90) {
            return Err(CareError::BadTime);
        }
        let mut tx = self.pool.begin().await?;
        let case = worked_in(&mut tx, officer, id).await?;
        if ask && case.partner.is_empty() {
            return Err(CareError::NoPartner);
        }
        let mut care = Care { state: case.state.after(BreakStep::Wait)?, ..case.care() };
        // Whoever lets it wait looks after it, unless somebody does already.
        if care.owner.is_empty() {
            care.owner.clone_from(&officer.email);
        }
        reason.clone_into(&mut care.reason);
        care.waits_until = Some(until);
        if ask {
            care.shared_since = care.shared_since.or(Some(now));
            let question = Comment {
                id: uuid_v7(now),
                made_at: now,
                made_by: officer.email.clone(),
                shared: true,
                said: reason.to_owned(),
            };
            said::comment_insert(&mut tx, case.id, &question).await?;
        }
        set_in(&mut tx, &case, &care, Change { by: &officer.email, at: now, why: reason }).await?;
        tx.commit().await?;
        if ask {
            metrics::counter!("payclear_breaks_asked_total", "partner" => case.partner)
                .increment(1);
        }
        Ok(())
    }

    /// Says something about a case; `shared` shows it to the partner.
    pub async fn comment(
        &self,
        officer: &Officer,
        id: BreakId,
        (text, shared): (&str, bool),
    ) -> Result<Comment, CareError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let case = worked_in(&mut tx, officer, id).await?;
        let comment = Comment {
            id: uuid_v7(now),
            made_at: now,
            made_by: officer.email.clone(),
            shared,
            said: text.to_owned(),
        };
        said::comment_insert(&mut tx, case.id, &comment).await?;
        tx.commit().await?;
        Ok(comment)
    }

    /// Keeps a file with a case; the same bytes again are the file that is there.
    pub async fn show(
        &self,
        officer: &Officer,
        id: BreakId,
        (name, bytes, shared): (&str, Vec<u8>, bool),
    ) -> Result<evidence::Shown, CareError> {
        let evidence = evidence::take(name, bytes, (&officer.email, shared), self.clock.now())?;
        let mut tx = self.pool.begin().await?;
        let case = worked_in(&mut tx, officer, id).await?;
        let shown = keep_in(&mut tx, &case, evidence).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// A file of a case that an officer sees.
    pub async fn file(
        &self,
        officer: &Officer,
        id: BreakId,
        file: Uuid,
    ) -> Result<Evidence, CareError> {
        let mut conn = self.pool.acquire().await?;
        let case = seen_in(&mut conn, officer, id).await?;
        said::evidence_read(&mut conn, case.id, file).await?.ok_or(CareError::NotFound)
    }
}

/// Keeps a file with a locked case.
pub(super) async fn keep_in(
    conn: &mut PgConnection,
    case: &Case,
    evidence: Evidence,
) -> Result<evidence::Shown, CareError> {
    let kept = said::evidence_list(conn, case.id, false).await?;
    if let Some(same) = kept.iter().find(|kept| kept.sha256 == evidence.shown.sha256) {
        return Ok(same.clone());
    }
    if kept.len() >= evidence::FILES {
        return Err(CareError::ManyFiles);
    }
    said::evidence_insert(conn, case.id, &evidence).await?;
    Ok(evidence.shown)
}
