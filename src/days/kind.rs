//! The kinds of approvals about days.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

use super::{Hours, close, keys, lock_month, reopen};
use crate::approvals::approval::Approval;
use crate::approvals::kinds::{ApplyError, Kind};
use crate::people::role::Role;
use crate::platform::audit::By;
use crate::platform::seal::MasterKeys;
use crate::registers::live::LiveDirectory;
use crate::text_enum;

text_enum! {
    /// What is decided about days.
    pub enum About ("kind of approval") {
        /// A day closes.
        Close = "day.close",
        /// A closed day is opened again.
        Reopen = "day.reopen",
        /// A month is locked.
        LockMonth = "month.lock",
        /// A key signs from now on.
        SigningKey = "signing_key.add",
    }
}

/// What closing a day needs besides the transaction.
#[derive(Debug, Clone)]
pub struct Closing {
    /// Accounts that files are expected of, the calendar.
    pub directory: LiveDirectory,
    /// What opens the key that signs.
    pub keys: Arc<MasterKeys>,
    /// When days end.
    pub hours: Hours,
}

/// One of them.
#[derive(Debug)]
pub struct DayKind {
    about: About,
    with: Closing,
}

/// All of them.
pub fn kinds(with: &Closing) -> impl Iterator<Item = Arc<dyn Kind>> {
    About::ALL
        .iter()
        .map(|about| Arc::new(DayKind { about: *about, with: with.clone() }) as Arc<dyn Kind>)
}

impl Kind for DayKind {
    fn name(&self) -> &'static str {
        self.about.as_str()
    }

    fn deciders(&self) -> &'static [Role] {
        match self.about {
            About::Close | About::Reopen | About::LockMonth => &[Role::Approver],
            About::SigningKey => &[Role::Approver, Role::Admin],
        }
    }

    fn apply_in<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        approval: &'a Approval,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        Box::pin(async move {
            match self.about {
                About::Close => close::apply_in(conn, &self.with, approval, by).await,
                About::Reopen => reopen::apply_in(conn, approval, by).await,
                About::LockMonth => lock_month::apply_in(conn, approval, by).await,
                About::SigningKey => keys::apply_in(conn, approval, by).await,
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
                About::Close => close::drop_in(conn, approval, by).await,
                About::Reopen => reopen::drop_in(conn, approval, by).await,
                // Nothing waits but the question; a key that was not approved never signs.
                About::LockMonth | About::SigningKey => Ok(()),
            }
        })
    }
}
