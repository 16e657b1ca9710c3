//! The kinds of approvals about refunds.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{approve, banked, finish, open_again, paid_over};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::ledger::accounts::Accounts;
use crate::people::role::Role;
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::text_enum;

text_enum! {
    /// What is decided about a refund.
    pub enum About ("kind of approval") {
        /// A refund goes out.
        Approve = "refund.approve",
        /// A settlement was seen in the bank.
        Banked = "settlement.banked",
        /// A line was paid over to the Treasury.
        PaidOver = "line.paid_over",
        /// A refund that was sent has ended.
        Finish = "refund.finish",
        /// What is due back is opened once more.
        OpenAgain = "refund.open_again",
    }
}

/// One of them.
#[derive(Debug)]
pub struct RefundKind {
    about: About,
    books: Arc<Accounts>,
    keys: Arc<MasterKeys>,
}

/// All of them.
pub fn kinds(books: &Arc<Accounts>, keys: &Arc<MasterKeys>) -> impl Iterator<Item = Arc<dyn Kind>> {
    About::ALL.iter().map(|about| {
        let (books, keys) = (Arc::clone(books), Arc::clone(keys));
        Arc::new(RefundKind { about: *about, books, keys }) as Arc<dyn Kind>
    })
}

impl Kind for RefundKind {
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
            match self.about {
                About::Approve => {
                    approve::apply_in(conn, (&self.books, &self.keys), approval, by).await
                }
                About::Banked => banked::apply_in(conn, &self.books, approval, by).await,
                About::PaidOver => paid_over::apply_in(conn, approval, by).await,
                About::Finish => finish::apply_in(conn, &self.books, approval, by).await,
                About::OpenAgain => open_again::apply_in(conn, approval, by).await,
            }
        })
    }

    /// A refund that was not agreed to is refused with its approval; all else waits nowhere but in the
    /// approval itself, or stays what it was.
    fn drop_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            match self.about {
                About::Approve => approve::drop_in(conn, approval, by).await,
                _ => Ok(()),
            }
        })
    }
}
