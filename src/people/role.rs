//! What a person may do, and for which agencies.

use std::fmt;
use std::str::FromStr;

use crate::text_enum;

text_enum! {
    /// What a person may do.
    pub enum Role ("role") {
        /// Looks.
        Viewer = "viewer",
        /// Prepares: refunds, corrections, the closing of a day.
        Officer = "officer",
        /// Decides on what others prepared.
        Approver = "approver",
        /// Keeps the service running: partners, endpoints, messages.
        Operator = "operator",
        /// Reads everything, changes nothing.
        Auditor = "auditor",
        /// Decides on people and keys.
        Admin = "admin",
        /// Works for a partner, whose code is the scope: sees what is that partner's, and nothing else.
        Partner = "partner",
    }
}

impl Role {
    /// The roles of our own people; their scopes are agencies.
    pub const OURS: &[Self] =
        &[Self::Viewer, Self::Officer, Self::Approver, Self::Operator, Self::Auditor, Self::Admin];

    /// The roles that look at money and at who paid it. Who keeps the service running, or decides on
    /// people and keys, is none of them.
    pub const MONEY: &[Self] = &[Self::Viewer, Self::Officer, Self::Approver, Self::Auditor];
}

/// Everything; what belongs to no single agency is seen with this scope alone.
pub const EVERYTHING: &str = "*";
const LONGEST: usize = 40;

/// An agency with all below it, or everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Scope(String);

/// The text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no agency code and not *")]
pub struct BadScope(pub String);

impl Scope {
    /// Does it hold this agency? `G01` holds `G01` and `G01.A`, not `G010`.
    pub fn covers(&self, agency: &str) -> bool {
        self.0 == EVERYTHING
            || agency
                .strip_prefix(self.0.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = BadScope;
    fn from_str(text: &str) -> Result<Self, BadScope> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let code = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= LONGEST
            && text.chars().all(good);
        if code || text == EVERYTHING {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadScope(text.to_owned()))
        }
    }
}

/// A role for a scope. Written `officer:G01`, or `officer` for everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Grant {
    /// What.
    pub role: Role,
    /// For whom.
    pub scope: Scope,
}

impl Grant {
    /// The partner that somebody with this grant works for.
    pub fn partner(&self) -> Option<&str> {
        (self.role == Role::Partner).then_some(self.scope.0.as_str())
    }
}

/// Somebody works for one partner and for nobody else, or for us.
pub fn is_one_side(grants: &[Grant]) -> bool {
    grants.len() == 1 || grants.iter().all(|grant| grant.role != Role::Partner)
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.role, self.scope.as_str())
    }
}

/// The text names no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGrant {
    /// No such role.
    #[error("{0:?} is no role: viewer, officer, approver, operator, auditor, admin or partner")]
    Role(String),
    /// Of which partner?
    #[error("the role partner is for one partner: partner:CODE")]
    EveryPartner,
    /// No such scope.
    #[error(transparent)]
    Scope(#[from] BadScope),
}

impl FromStr for Grant {
    type Err = BadGrant;
    fn from_str(text: &str) -> Result<Self, BadGrant> {
        let (role, scope) = text.split_once(':').unwrap_or((text, EVERYTHING));
        let role = role.parse().map_err(|_| BadGrant::Role(role.to_owned()))?;
        let scope: Scope = scope.parse()?;
        if role == Role::Partner && scope.as_str() == EVERYTHING {
            return Err(BadGrant::EveryPartner);
        }
        Ok(Self { role, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_holds_an_agency_and_what_is_below_it() {
        let covers = |scope: &str, agency| scope.parse::<Scope>().expect("a scope").covers(agency);
        for (scope, agency) in [("*", "G01.A"), ("*", "*"), ("G01", "G01"), ("G01", "G01.A")] {
            assert!(covers(scope, agency), "{scope} {agency}");
        }
        for (scope, agency) in [("G01", "G010"), ("G01", "G02"), ("G01.A", "G01"), ("G01", "*")] {
            assert!(!covers(scope, agency), "{scope} {agency}");
        }
    }

    #[test]
    fn a_grant_is_read_as_it_is_written() {
        for text in ["officer:G01", "admin:*", "viewer:G01.A"] {
            assert_eq!(text.parse::<Grant>().expect("a grant").to_string(), text);
        }
        assert_eq!("auditor".parse::<Grant>().expect("a grant").to_string(), "auditor:*");
        for bad in [
            "partner",
            "partner:*",
            "",
            "king:*",
            "officer:",
            "officer:%",
            "officer:G 1",
            "officer:.A",
        ] {
            assert!(bad.parse::<Grant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_works_for_a_partner_works_for_nobody_else() {
        let grants = |texts: &[&str]| -> Vec<Grant> {
            texts.iter().map(|text| text.parse().expect("a grant")).collect()
        };
        for good in [&["partner:bank"][..], &["officer:G01", "viewer"]] {
            assert!(is_one_side(&grants(good)), "{good:?}");
        }
        for bad in [&["partner:bank", "viewer:G01"][..], &["partner:bank", "partner:wallet"]] {
            assert!(!is_one_side(&grants(bad)), "{bad:?}");
        }
        assert_eq!(grants(&["partner:bank"])[0].partner(), Some("bank"));
        assert_eq!(grants(&["viewer:bank"])[0].partner(), None);
    }
}
