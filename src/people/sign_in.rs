//! Signing in. Whatever is wrong, the answer is the same and takes the same work: who is known,
//! locked, disabled or pending is nobody's business but the log's.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::officer::PeopleDoor;
use super::password::{HashError, Password};
use super::session::{CarriedBy, Token};
use super::store::{self, SigningIn};
use super::totp;
use crate::platform::audit::{self, By};
use crate::platform::seal::OpenError;
use crate::platform::settings::SecondFactor;
use crate::vocabulary::ids::PersonId;

/// So many failures are a bad memory; from then on each one costs a pause, twice the one before.
const FORGIVEN: i32 = 5;
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(30);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// What somebody signs in with.
#[derive(Debug)]
pub struct Attempt {
    /// The address, in small letters.
    pub email: String,
    /// The password.
    pub password: Password,
    /// The one-time code, when one was given.
    pub totp: Option<String>,
    /// How the session's token is to be carried.
    pub carried_by: CarriedBy,
}

/// A session that began.
#[derive(Debug)]
pub struct SignedIn {
    /// The token, shown once.
    pub token: Token,
    /// When the session ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address, password or code are wrong, or this person may not sign in now.
    #[error("not signed in: {0}")]
    Refused(&'static str),
    /// The password could not be looked at.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The secret of the codes does not open.
    #[error("the secret of a person's one-time codes does not open: {0}")]
    Sealed(#[from] OpenError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// The secret of one-time codes is bound to its person.
pub fn totp_context(person: PersonId) -> String {
    format!("person/{person}/totp")
}

/// No success for so long after the n-th failure in a row.
pub fn pause_after(failed: i32) -> TimeDelta {
    let doublings = u32::try_from(failed - FORGIVEN).ok();
    doublings.map_or(TimeDelta::zero(), |n| {
        FIRST_PAUSE.checked_mul(1 << n.min(7)).map_or(LONGEST_PAUSE, |p| p.min(LONGEST_PAUSE))
    })
}

/// Checks everything, counts what failed, and begins a session.
pub async fn sign_in(door: &PeopleDoor, attempt: Attempt) -> Result<SignedIn, SignInError> {
    // The slow part comes first and holds no transaction.
    let hash = store::password_of_email(&mut *door.pool.acquire().await?, &attempt.email).await?;
    let fits = door.hasher.verify(attempt.password.clone(), hash.clone()).await?;
    let now = door.clock.now();
    let mut tx = door.pool.begin().await?;
    let person = store::person_signing_in(&mut tx, &attempt.email).await?;
    let id = person.as_ref().map_or(PersonId(uuid::Uuid::nil()), |person| person.person_id);
    let judged = match &person {
        None => Err("nobody has this address"),
        Some(person) => judge(door, person, (fits, hash.as_deref()), &attempt, now)?,
    };
    match judged {
        Err(why) => {
            // For nobody the same statements run, on no row.
            let failed = person.as_ref().map_or(0, |person| person.failed.saturating_add(1));
            let step = person.as_ref().map_or(0, |person| person.totp_step);
            let locked = person.as_ref().and_then(|person| person.locked_until);
            let locked = if locked.is_some_and(|until| until > now) {
                // Knocking while it is locked neither opens it nor keeps it shut.
                (person.as_ref().map_or(0, |p| p.failed), locked)
            } else {
                (failed, Some(now + pause_after(failed)).filter(|until| *until > now))
            };
            store::person_tried(&mut tx, id, (locked.0, locked.1, step)).await?;
            let by = By { actor: "nobody", at: now };
            let detail = json!({ "failed": locked.0, "locked_until": locked.1 });
            let whom = person.map_or_else(|| "unknown".to_owned(), |p| p.person_id.to_string());
            audit::record_in(&mut tx, by, "person.sign_in_refused", &whom, &detail).await?;
            tx.commit().await?;
            metrics::counter!("payclear_sign_ins_refused_total").increment(1);
            Err(SignInError::Refused(why))
        }
        Ok(step) => {
            let token = Token::draw(door.keys.realm());
            let expires_at = now + TimeDelta::hours(door.settings.session_hours);
            store::person_tried(&mut tx, id, (0, None, step)).await?;
            let whose = (id, attempt.carried_by);
            store::session_insert(&mut tx, &token.hash(), whose, (now, expires_at)).await?;
            let by = By { actor: &attempt.email, at: now };
            let detail = json!({ "carried_by": attempt.carried_by });
            audit::record_in(&mut tx, by, "person.signed_in", &id.to_string(), &detail).await?;
            tx.commit().await?;
            Ok(SignedIn { token, expires_at })
        }
    }
}

/// The step of the code that is used up by this sign-in, or why it is refused.
fn judge(
    door: &PeopleDoor,
    person: &SigningIn,
    (fits, compared): (bool, Option<&str>),
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<Result<i64, &'static str>, SignInError> {
    let secret = person.totp.as_deref().map(|s| door.keys.open(&totp_context(person.person_id), s));
    let secret = secret.transpose()?;
    if !person.active {
        return Ok(Err("pending or disabled"));
    }
    if person.locked_until.is_some_and(|until| until > now) {
        return Ok(Err("locked"));
    }
    // Between the look at the hash and the lock the password may have been changed.
    if !fits || compared != person.password.as_deref() {
        return Ok(Err("another password"));
    }
    let optional = door.settings.second_factor == SecondFactor::Optional;
    Ok(match (&secret, attempt.totp.as_deref()) {
        (Some(secret), Some(code)) => {
            totp::step_of(secret, code, now, person.totp_step).ok_or("another code, or a used one")
        }
        (_, None) if optional => Ok(person.totp_step),
        (Some(_), None) => Err("no code"),
        (None, _) => Err("no secret for codes: reset this person"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_at_an_hour() {
        let seconds = |failed| pause_after(failed).num_seconds();
        assert_eq!([0, 1, 4].map(seconds), [0, 0, 0]);
        assert_eq!([5, 6, 7, 11].map(seconds), [30, 60, 120, 1920]);
        assert_eq!([12, 13, 1_000, i32::MAX].map(seconds), [3600; 4]);
    }
}
