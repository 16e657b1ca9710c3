//! A gateway that takes payments by redirect in the manner of VNPAY 2.1.0.

pub mod codec;
pub mod ipn;
pub mod orders;
pub mod page;
pub mod pay;
pub mod query;
pub mod refund;
pub mod request;
pub mod transactions;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::Shared;
use orders::Book;

/// The gateway's memory.
#[derive(Default)]
pub struct Gateway {
    book: Mutex<Book>,
}

impl Gateway {
    /// The order book; never hold it across an await.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all orders.
    pub fn forget(&self) {
        *self.book() = Book::default();
    }
}

/// The gateway's own paths, under `/vnpay`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/paymentv2/vpcpay.html", get(page::show))
        .route("/paymentv2/pay", post(page::choose))
        .route("/merchant_webapi/api/transaction", post(transactions::transaction))
}
