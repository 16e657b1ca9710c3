//! A wallet that takes payments in the manner of MoMo's gateway API v2.

pub mod api;
pub mod codec;
pub mod create;
pub mod ipn;
pub mod orders;
pub mod page;
pub mod pay;
pub mod query;
pub mod refund;
pub mod requests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::Shared;
use orders::Book;
use requests::Requests;

/// The wallet's memory.
#[derive(Default)]
pub struct Wallet {
    book: Mutex<Book>,
    requests: Mutex<Requests>,
}

impl Wallet {
    /// The order book; never hold it across an await.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls known by their `requestId`; never hold it across an await.
    pub fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all orders and calls.
    pub fn forget(&self) {
        *self.book() = Book::default();
        *self.requests() = Requests::default();
    }
}

/// The wallet's own paths, under `/momo`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/v2/gateway/api/create", post(api::create))
        .route("/v2/gateway/api/query", post(api::query))
        .route("/v2/gateway/api/refund", post(api::refund))
        .route("/web/{order_id}", get(page::show).post(page::choose))
}
