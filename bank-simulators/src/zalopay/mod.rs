//! A wallet that takes payments in the manner of ZaloPay's API v2.

pub mod api;
pub mod callback;
pub mod codec;
pub mod create;
pub mod orders;
pub mod page;
pub mod pay;
pub mod query;
pub mod refund;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::Shared;
use orders::Book;

/// The wallet's memory.
#[derive(Default)]
pub struct Wallet {
    book: Mutex<Book>,
}

impl Wallet {
    /// The order book; never hold it across an await.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all orders.
    pub fn forget(&self) {
        *self.book() = Book::default();
    }
}

/// The wallet's own paths, under `/zalopay`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/v2/create", post(api::create))
        .route("/v2/query", post(api::query))
        .route("/v2/refund", post(api::refund))
        .route("/v2/query_refund", post(api::query_refund))
        .route("/web/{app_trans_id}", get(page::show).post(page::choose))
}
