//! Entering a person and giving new credentials to one. Both wait to be approved: what is drawn
//! here is good for nothing before.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::password::{HashError, Hasher, Password};
use super::role::{EVERYTHING, Grant, is_one_side};
use super::sign_in::totp_context;
use super::store::{self, Credentials, NewPerson};
use super::totp;
use crate::platform::audit::{self, By};
use crate::platform::seal::{MasterKeys, Secret};
use crate::vocabulary::ids::PersonId;
use crate::vocabulary::realm::{Realm, TEST};

const LONGEST_EMAIL: usize = 200;
const LONGEST_NAME: usize = 200;

/// Credentials as their owner gets them, once.
#[derive(Debug)]
pub struct Drawn {
    /// The password to begin with.
    pub password: Password,
    /// The secret of the one-time codes.
    pub totp: Secret,
}

/// Why nobody was entered or changed.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// No address.
    #[error("{0:?} is no e-mail address")]
    BadEmail(String),
    /// The address belongs to the other realm.
    #[error("{email}: addresses of the sandbox begin with {TEST}, and no others do")]
    OtherRealm {
        /// The address.
        email: String,
    },
    /// No name.
    #[error("a name has 1 to {LONGEST_NAME} characters")]
    BadName,
    /// Nothing to do.
    #[error("give at least one role, such as --role officer:G01")]
    NoRole,
    /// Ours and a partner's, or of two partners.
    #[error("who works for a partner has that one role: --role partner:CODE")]
    TwoSides,
    /// The address is somebody's.
    #[error("{0} is known already: `payclear officer reset` gives new credentials")]
    Known(String),
    /// The address is nobody's.
    #[error("nobody has the address {0}")]
    Unknown(String),
    /// Hashing.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// An address in small letters, when it is one.
pub fn email(text: &str) -> Result<String, PersonError> {
    let text = text.trim().to_lowercase();
    let parts = text.split_once('@');
    let good = text.len() <= LONGEST_EMAIL
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && parts.is_some_and(|(local, host)| {
            !local.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if good { Ok(text) } else { Err(PersonError::BadEmail(text)) }
}

/// The same, when somebody of this realm may have it.
pub fn email_of(text: &str, realm: Realm) -> Result<String, PersonError> {
    let email = email(text)?;
    if Realm::of(&email) == realm { Ok(email) } else { Err(PersonError::OtherRealm { email }) }
}

/// Draws credentials and what of them is stored.
pub async fn draw(
    hasher: &Hasher,
    keys: &MasterKeys,
    person: PersonId,
) -> Result<(Drawn, Credentials), HashError> {
    let drawn = Drawn {
        password: Password::draw(),
        totp: Secret::draw(totp::SECRET_BYTES, &mut rand::rng()),
    };
    let stored = Credentials {
        password: hasher.hash(drawn.password.clone()).await?,
        totp: Some(keys.seal(&totp_context(person), drawn.totp.expose())),
    };
    Ok((drawn, stored))
}

/// A person to enter.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The id, made before the credentials that are bound to it.
    pub id: PersonId,
    /// The address, as [`email`] gives it.
    pub email: &'a str,
    /// The name.
    pub name: &'a str,
    /// What they may do, and for whom.
    pub grants: &'a [Grant],
}

impl Entry<'_> {
    /// Whose business the person is: that of the one scope of all roles, else everybody's.
    pub fn agency(&self) -> &str {
        // A partner is everybody's business.
        if self.grants.iter().any(|grant| grant.partner().is_some()) {
            return EVERYTHING;
        }
        let mut scopes = self.grants.iter().map(|grant| grant.scope.as_str());
        let first = scopes.next().unwrap_or(EVERYTHING);
        if scopes.all(|scope| scope == first) { first } else { EVERYTHING }
    }
}

/// Enters a person, pending. What it returns is what another person approves.
pub async fn add_in(
    conn: &mut PgConnection,
    by: By<'_>,
    entry: &Entry<'_>,
    credentials: &Credentials,
) -> Result<Value, PersonError> {
    let name = entry.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(PersonError::BadName);
    }
    if entry.grants.is_empty() {
        return Err(PersonError::NoRole);
    }
    if !is_one_side(entry.grants) {
        return Err(PersonError::TwoSides);
    }
    let person =
        NewPerson { id: entry.id, email: entry.email, name, made_by: by.actor, made_at: by.at };
    if !store::person_insert(conn, &person, credentials).await? {
        return Err(PersonError::Known(entry.email.to_owned()));
    }
    store::person_role_insert(conn, entry.id, entry.grants).await?;
    let mut roles: Vec<String> = entry.grants.iter().map(ToString::to_string).collect();
    roles.sort();
    roles.dedup();
    let content = json!({
        "person": entry.id, "email": entry.email, "name": name, "roles": roles,
        "credentials_sha256": digest(credentials),
    });
    let detail = json!({ "email": entry.email, "roles": roles });
    audit::record_in(conn, by, "person.added", &entry.id.to_string(), &detail).await?;
    Ok(content)
}

/// Puts new credentials beside those in force. What it returns is what another person approves.
pub async fn reset_in(
    conn: &mut PgConnection,
    by: By<'_>,
    (id, email): (PersonId, &str),
    credentials: &Credentials,
) -> Result<Value, PersonError> {
    store::person_next_put(conn, id, credentials).await?;
    audit::record_in(conn, by, "person.reset", &id.to_string(), &json!({ "email": email })).await?;
    Ok(json!({ "person": id, "email": email, "credentials_sha256": digest(credentials) }))
}

/// Do these credentials wait, and no others?
pub async fn waits_in(
    conn: &mut PgConnection,
    id: PersonId,
    content: &Value,
) -> Result<bool, sqlx::Error> {
    let waiting = store::person_next(conn, id).await?;
    Ok(waiting.is_some_and(|waiting| content["credentials_sha256"] == digest(&waiting)))
}

/// Names credentials without giving anything away: both parts are hashed or sealed already.
fn digest(credentials: &Credentials) -> String {
    let mut hash = Sha256::new();
    hash.update((credentials.password.len() as u64).to_be_bytes());
    hash.update(&credentials.password);
    hash.update(credentials.totp.as_deref().unwrap_or_default());
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_person_in_small_letters() {
        assert_eq!(email(" An@Example.VN ").expect("an address"), "an@example.vn");
        for bad in ["", "an", "@b", "a@", "a@b@c", "a b@c", "a\u{7}@c"] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_person_is_the_business_of_the_one_scope_of_their_roles() {
        let agency = |texts: &[&str]| {
            let grants: Vec<Grant> = texts.iter().map(|t| t.parse().expect("a grant")).collect();
            let id = PersonId(uuid::Uuid::nil());
            Entry { id, email: "a@b", name: "A", grants: &grants }.agency().to_owned()
        };
        assert_eq!(agency(&["officer:G01", "viewer:G01"]), "G01");
        assert_eq!(agency(&["officer:G01", "viewer:G02"]), "*");
        assert_eq!(agency(&["officer:G01", "viewer"]), "*");
    }
}
