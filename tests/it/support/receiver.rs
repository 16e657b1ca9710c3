//! A portal's endpoint in this process, which answers as it is told and keeps what it got.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// What came in.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Default)]
struct Inner {
    got: Vec<Got>,
    /// The status to answer with, and headers beside it; none: no answer at all.
    answer: Option<(u16, Vec<(&'static str, String)>)>,
}

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Mutex::new(Inner { got: Vec::new(), answer: Some((204, vec![])) }));
        let receiver = Self { url, inner };
        let routes = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        receiver
    }

    pub fn answers(&self, status: u16, headers: &[(&'static str, String)]) {
        self.lock().answer = Some((status, headers.to_vec()));
    }

    /// Takes everything in and says nothing.
    pub fn is_silent(&self) {
        self.lock().answer = None;
    }

    pub fn got(&self) -> Vec<Got> {
        self.lock().got.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = {
        let mut inner = receiver.lock();
        inner.got.push(Got { path: uri.path().to_owned(), headers, body: body.to_vec() });
        inner.answer.clone()
    };
    let Some((status, headers)) = answer else { return std::future::pending().await };
    let mut response = StatusCode::from_u16(status).expect("a status").into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().expect("a header"));
    }
    response
}
