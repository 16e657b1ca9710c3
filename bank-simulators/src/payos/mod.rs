//! A bank that takes payment requests and reports credits in the manner of payOS.
//!
//! Each request gets a virtual account of its own. What is paid into it is reported by webhook;
//! so is what is paid into the main account without any request.

pub mod api;
pub mod codec;
pub mod orders;
pub mod page;
pub mod transfer;
pub mod webhook;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    routing::{get, post},
};

use crate::{app::Shared, settings::Settings};
use orders::Book;

/// The name in the virtual accounts of this bank.
pub const ACCOUNT_NAME: &str = "TAI KHOAN THU PHI MAU";

/// The bank's memory.
pub struct Bank {
    book: Mutex<Book>,
    /// Where webhooks go: the address confirmed last.
    webhook: Mutex<String>,
    first_webhook: String,
}

impl Bank {
    /// A bank without orders.
    pub fn new(settings: &Settings) -> Self {
        let url = format!(
            "{}/partners/{}/webhook",
            settings.payclear_url.trim_end_matches('/'),
            settings.payos_partner
        );
        Self { book: Mutex::default(), webhook: Mutex::new(url.clone()), first_webhook: url }
    }

    /// The order book; never hold it across an await.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where webhooks go.
    pub fn webhook_url(&self) -> String {
        self.webhook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn confirm_webhook(&self, url: String) {
        *self.webhook.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// Forgets all orders and the confirmed webhook.
    pub fn forget(&self) {
        *self.book() = Book::default();
        self.confirm_webhook(self.first_webhook.clone());
    }
}

/// The bank's own paths, under `/payos`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/v2/payment-requests", post(api::create))
        .route("/v2/payment-requests/{id}", get(api::read))
        .route("/v2/payment-requests/{id}/cancel", post(api::cancel))
        .route("/confirm-webhook", post(api::confirm_webhook))
        .route("/web/{link}", get(page::show).post(page::choose))
}
