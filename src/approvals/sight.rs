//! Whose eyes an approval is for: who looks at the money of its agency, who may decide on it, and who
//! made it. What it holds may be a payer and an amount, so no other role opens it.

use super::approval::Approval;
use super::kinds::Kinds;
use crate::people::officer::Officer;
use crate::people::role::{Role, Scope};

/// What a person may look at.
#[derive(Debug)]
pub struct Sight {
    /// Everything of these agencies.
    pub scopes: Vec<String>,
    /// Besides, these kinds, each of the agencies at its place in `kind_scopes`.
    pub kinds: Vec<String>,
    /// The agencies of `kinds`.
    pub kind_scopes: Vec<String>,
    /// And what they made themselves.
    pub email: String,
}

impl Sight {
    /// What this person may look at.
    pub fn of(officer: &Officer, kinds: &Kinds) -> Self {
        let mut sight = Self {
            scopes: officer.scopes(),
            kinds: Vec::new(),
            kind_scopes: Vec::new(),
            email: officer.email.clone(),
        };
        for name in kinds.names() {
            let deciders: &[Role] = kinds.get(name).map_or(&[], |kind| kind.deciders());
            for scope in officer.scopes_of(deciders) {
                sight.kinds.push(name.to_owned());
                sight.kind_scopes.push(scope);
            }
        }
        sight
    }

    /// Is this one of them?
    pub fn holds(&self, approval: &Approval) -> bool {
        let covers = |scope: &String| {
            scope.parse::<Scope>().is_ok_and(|scope| scope.covers(&approval.agency))
        };
        approval.made_by == self.email
            || self.scopes.iter().any(covers)
            || self
                .kinds
                .iter()
                .zip(&self.kind_scopes)
                .any(|(kind, scope)| *kind == approval.kind && covers(scope))
    }
}
