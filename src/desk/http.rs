//! The routes of the desk.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, post};
use sqlx::PgPool;

use super::screens::{
    approvals, audit, breaks, deliveries, invoices, ledger, me, partners, people, refunds, session,
    sweeps, today,
};
use crate::approvals::kinds::Kinds;
use crate::operations::sweeps::Sweeping;
use crate::partners::call::Caller;
use crate::people::officer::PeopleDoor;
use crate::refunds::officers::Desk as RefundDesk;
use crate::registers::directory::Directory;
use crate::registers::live::LiveDirectory;
use crate::vocabulary::realm::Realm;

/// No form of the desk is longer.
const FORM_BYTES: usize = 64 * 1024;

/// What the pages need.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// What can be approved.
    pub kinds: Kinds,
    /// What officers do with refunds.
    pub refunds: RefundDesk,
    /// Who is who.
    pub directory: LiveDirectory,
    /// What waits, and running it now.
    pub sweeping: Sweeping,
    /// Who partners are called by, with its breakers.
    pub caller: Caller,
    /// In which world.
    pub realm: Realm,
}

impl Desk {
    /// The database.
    pub(super) const fn pool(&self) -> &PgPool {
        &self.people.pool
    }

    /// The registers as they are now.
    pub(super) fn registers(&self) -> Arc<Directory> {
        self.directory.current()
    }
}

impl FromRef<Desk> for PeopleDoor {
    fn from_ref(desk: &Desk) -> Self {
        desk.people.clone()
    }
}

/// The pages.
pub fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/desk", get(today::show))
        .route("/desk/sign-in", get(session::show).post(session::sign_in))
        .route("/desk/sign-out", post(session::sign_out))
        .route("/desk/me", get(me::show))
        .route("/desk/me/password", post(me::password))
        .route("/desk/approvals", get(approvals::list))
        .route("/desk/approvals/{id}", get(approvals::show).post(approvals::decide))
        .route("/desk/invoices", get(invoices::list))
        .route("/desk/invoices/{id}", get(invoices::show))
        .route("/desk/invoices/{id}/refunds", post(refunds::ask))
        .route("/desk/refunds", get(refunds::list))
        .route("/desk/refunds/{id}", get(refunds::show))
        .route("/desk/refunds/{id}/{verb}", post(refunds::act))
        .route("/desk/breaks", get(breaks::list))
        .route("/desk/breaks/{id}", get(breaks::show))
        .route("/desk/ledger", get(ledger::list))
        .route("/desk/ledger/accounts/{id}", get(ledger::account))
        .route("/desk/ledger/entries/{id}", get(ledger::entry))
        .route("/desk/deliveries", get(deliveries::list))
        .route("/desk/deliveries/{id}", get(deliveries::show).post(deliveries::again))
        .route("/desk/partners", get(partners::list))
        .route("/desk/partners/{code}", get(partners::show))
        .route("/desk/people", get(people::list))
        .route("/desk/people/delegations", post(people::propose))
        .route("/desk/people/delegations/end", post(people::end))
        .route("/desk/audit", get(audit::list))
        .route("/desk/sweeps", get(sweeps::list))
        .route("/desk/sweeps/run", post(sweeps::run))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .with_state(desk)
}
