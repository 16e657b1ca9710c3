//! A one-stop dossier system that speaks the messages of the national PaymentPlatform, 1.0.6: it asks
//! for payments, asks after them, and takes results only when everything about them is right.

pub mod codec;
pub mod results;
pub mod send;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    routing::{get, post},
};
use serde_json::Value;

use crate::app::Shared;

/// LoaiBanTin of a result: not known for sure, so it is agreed with the service.
pub const RESULT: &str = "CONFIRM";

/// The system's memory.
#[derive(Default)]
pub struct System {
    book: Mutex<Book>,
}

/// What it asked for and what it was told.
#[derive(Default)]
pub struct Book {
    /// Payments asked for: MaThamChieu to amount and description.
    pub asked: HashMap<String, (i64, String)>,
    /// Every result as it came, with what was said to it.
    pub results: Vec<Value>,
    /// How many results are refused first.
    pub refuse: u32,
}

impl System {
    /// The memory; never hold it across an await.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything.
    pub fn forget(&self) {
        *self.book() = Book::default();
    }
}

/// The paths under `/dossier`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/messages", post(send::send))
        .route("/result", post(results::take))
        .route("/results", get(results::list))
        .route("/behaviour", post(results::behave))
}
