//! What can be approved: each kind says who may decide and what is then done.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::approval::Approval;
use crate::people::role::Role;
use crate::platform::audit::By;

/// Why an approved thing was not done; nothing is written then, the decision neither.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// What waits is not what was approved.
    #[error("what waits is not what was proposed")]
    Changed,
    /// It cannot be done any more.
    #[error("{0}")]
    Impossible(String),
    /// Something must come before, or another person must decide.
    #[error("{0}")]
    NotYet(String),
    /// Who decides made what it is about.
    #[error("nobody decides on what they made themselves")]
    OwnMaking,
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// A kind of approval.
pub trait Kind: Send + Sync + std::fmt::Debug {
    /// Its name, such as `endpoint.add`.
    fn name(&self) -> &'static str;

    /// Any of these roles decides, when its scope holds the approval's agency.
    fn deciders(&self) -> &'static [Role];

    /// Carries out what was approved, in the transaction of the decision. The approval is
    /// `approved` at that moment, which the guards of the database ask for.
    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Clears away what waited, in the transaction in which it was rejected or expired. What does
    /// not wait any more is no reason to fail: a rejection must always be possible.
    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;
}

/// The kinds of an installation, by name; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Kinds(Arc<BTreeMap<&'static str, Arc<dyn Kind>>>);

impl Kinds {
    /// Puts kinds together.
    pub fn new(kinds: impl IntoIterator<Item = Arc<dyn Kind>>) -> Self {
        Self(Arc::new(kinds.into_iter().map(|kind| (kind.name(), kind)).collect()))
    }

    /// With one more.
    #[must_use]
    pub fn with(&self, kind: Arc<dyn Kind>) -> Self {
        Self::new(self.0.values().cloned().chain([kind]))
    }

    /// The kind of a name.
    pub fn get(&self, name: &str) -> Option<&dyn Kind> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}
