//! The screens, one file for each.

use axum::body::Body;
use axum::http::Method;
use axum::response::Response;

use super::http::Desk;
use super::reader::Reader;

pub mod approvals;
pub mod audit;
pub mod breaks;
pub mod case;
pub mod certified;
pub mod days;
pub mod deliveries;
pub mod files;
pub mod invoices;
pub mod ledger;
pub mod matches;
pub mod me;
pub mod partner_side;
pub mod partners;
pub mod payovers;
pub mod people;
pub mod receipts;
pub mod refunds;
pub mod reports;
pub mod session;
pub mod sweeps;
pub mod today;

/// What a room answers, handed on as it is: files.
async fn handed_on(desk: &Desk, reader: &Reader, path: &str) -> Response {
    match desk.rooms.call(&reader.pass, (Method::GET, path), Body::empty()).await {
        Ok(response) => reader.sign(response),
        Err(problem) => reader.answer(Err(problem)),
    }
}
