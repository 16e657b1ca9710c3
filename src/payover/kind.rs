//! The kinds of approvals about runs.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{release, settle};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::ledger::accounts::Accounts;
use crate::people::role::Role;
use crate::platform::audit::By;
use crate::registers::live::LiveDirectory;
use crate::text_enum;

text_enum! {
    /// What is decided about a run.
    pub enum About ("kind of approval") {
        /// It goes out.
        Release = "payover.release",
        /// What the bank did with its transfers, on officers' word.
        Settle = "payover.settle",
    }
}

/// One of them.
#[derive(Debug)]
pub struct PayoverKind {
    about: About,
    books: Arc<Accounts>,
    directory: LiveDirectory,
}

/// All of them.
pub fn kinds(
    books: &Arc<Accounts>,
    directory: &LiveDirectory,
) -> impl Iterator<Item = Arc<dyn Kind>> {
    About::ALL.iter().map(|about| {
        let (books, directory) = (Arc::clone(books), directory.clone());
        Arc::new(PayoverKind { about: *about, books, directory }) as Arc<dyn Kind>
    })
}

impl Kind for PayoverKind {
    fn name(&self) -> &'static str {
        self.about.as_str()
    }

    fn deciders(&self) -> &'static [Role] {
        &[Role::Approver]
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            let directory = self.directory.current();
            match self.about {
                About::Release => {
                    release::apply_in(conn, (&self.books, &directory), approval, by).await
                }
                About::Settle => settle::apply_in(conn, &self.books, approval, by).await,
            }
        })
    }

    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            match self.about {
                About::Release => release::drop_in(conn, approval, by).await,
                // The transfers are as they were.
                About::Settle => Ok(()),
            }
        })
    }
}
