//! The routes of the desk.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, post};
use sqlx::PgPool;

use super::rooms::Rooms;
use super::screens::{
    approvals, audit, breaks, case, days, deliveries, files, invoices, ledger, matches, me,
    partner_side, partners, payovers, people, receipts, refunds, reports, session, sweeps, today,
};
use crate::approvals::kinds::Kinds;
use crate::breaks::shared::answer::Answering;
use crate::operations::sweeps::Sweeping;
use crate::partners::call::Caller;
use crate::people::officer::PeopleDoor;
use crate::platform::settings::StatementsSettings;
use crate::refunds::officers::Desk as RefundDesk;
use crate::registers::directory::Directory;
use crate::registers::live::LiveDirectory;
use crate::statements::intake::Intake;
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
    /// The doors of the rooms, as programs meet them.
    pub rooms: Rooms,
    /// Taking in what partners' people send.
    pub intake: Intake,
    /// Limits of files.
    pub statements: Arc<StatementsSettings>,
    /// What partners' people say about breaks.
    pub answering: Answering,
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
        .route("/desk/breaks/{id}", get(case::show))
        .route("/desk/breaks/{id}/{verb}", post(case::act))
        .route("/desk/breaks/{id}/evidence/{file}", get(case::evidence_of))
        .route("/desk/files/{id}", get(files::show))
        .route("/desk/files/{id}/content", get(files::content))
        .route("/desk/files/{id}/{verb}", post(files::act))
        .route("/desk/matches", get(matches::list))
        .route("/desk/matches/{id}", get(matches::show).post(matches::act))
        .route("/desk/matches/{id}/undo", post(matches::undo))
        .route("/desk/days", get(days::list))
        .route("/desk/days/{day}", get(days::show))
        .route("/desk/days/{day}/{part}", get(days::part).post(days::act))
        .route("/desk/payovers", get(payovers::list).post(payovers::prepare))
        .route("/desk/payovers/{id}", get(payovers::show))
        .route("/desk/payovers/{id}/transfers/{transfer}", get(payovers::transfer))
        .route("/desk/payovers/{id}/{part}", get(payovers::part).post(payovers::act))
        .route("/desk/receipts", get(receipts::list))
        .route("/desk/receipts/report", get(receipts::report))
        .route("/desk/receipts/{id}", get(receipts::show))
        .route("/desk/receipts/{id}/pdf", get(receipts::pdf))
        .route("/desk/receipts/{id}/{verb}", post(receipts::act))
        .route("/desk/reports", get(reports::list))
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
        .route("/desk/partner", get(partner_side::money::show))
        .route("/desk/partner/files/{id}", get(partner_side::files::show))
        .route("/desk/partner/files/{id}/content", get(partner_side::files::content))
        .route("/desk/partner/breaks", get(partner_side::cases::list))
        .route("/desk/partner/breaks/{id}/evidence/{file}", get(partner_side::cases::evidence_of))
        .route("/desk/partner/traffic", get(partner_side::traffic::list))
        .route("/desk/partner/keys", get(partner_side::keys::list))
        .route("/desk/partner/keys/make", post(partner_side::keys::make))
        .route("/desk/partner/keys/revoke", post(partner_side::keys::end))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        // Files are handed on as they come, to doors that have limits of their own.
        .route("/desk/files", get(files::list).post(files::bring))
        .route("/desk/breaks/{id}/evidence", post(case::bring))
        .route(
            "/desk/partner/files",
            get(partner_side::files::list).post(partner_side::files::bring),
        )
        .route(
            "/desk/partner/breaks/{id}",
            get(partner_side::cases::show).post(partner_side::cases::answer),
        )
        .with_state(desk)
}
