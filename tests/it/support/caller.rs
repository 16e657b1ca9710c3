//! A caller that signs, and the letters that it sends: a test may spoil one before it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, Duration, Utc};
use payclear::platform::message_signature::{SigningKey, Unsigned, sign};
use payclear::vocabulary::clock::{Clock, SystemClock};
use serde_json::Value;

/// The machine's time, turned forward or back by hand.
#[derive(Debug, Default)]
pub struct TurnedClock(AtomicI64);

impl TurnedClock {
    pub fn turn(&self, by: Duration) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + Duration::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, when the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Asserts a problem of a type and gives its body.
    #[track_caller]
    pub fn problem(self, status: u16, kind: &str) -> Value {
        let kind = format!("/problems/{kind}");
        let told = self.json();
        assert_eq!((self.status, told["type"].as_str()), (status, Some(&*kind)), "{}", self.text());
        assert_eq!(told["status"], status);
        let media = self.headers.get("content-type").and_then(|v| v.to_str().ok());
        assert_eq!(media, Some("application/problem+json"));
        told
    }

    /// Asserts that a field is told to be wrong.
    #[track_caller]
    pub fn points_to(self, pointer: &str) {
        let told = self.problem(422, "invalid-request");
        let errors = told["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().any(|e| e["pointer"] == pointer), "no {pointer} in {told}");
    }
}

/// A signed request that has not gone yet.
#[derive(Debug, Clone)]
pub struct Letter {
    pub method: reqwest::Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Letter {
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.headers.push((name.to_owned(), value.to_owned()));
        changed
    }
}

/// A portal or a bank with its key.
#[derive(Clone)]
pub struct Caller {
    pub http: reqwest::Client,
    pub url: String,
    pub key_id: String,
    pub secret: Vec<u8>,
    pub clock: Arc<TurnedClock>,
}

impl Caller {
    pub fn sign(&self, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> Letter {
        self.sign_at(self.clock.now().timestamp(), method, path, key, body)
    }

    pub fn sign_at(
        &self,
        created: i64,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &[u8],
    ) -> Letter {
        let url = format!("{}{path}", self.url);
        let nonce = format!("{:032x}", rand::random::<u128>());
        let signed = sign(
            &Unsigned { method, target_uri: &url, idempotency_key: key, body },
            SigningKey { id: &self.key_id, secret: &self.secret },
            created,
            key.is_some().then_some(&nonce),
        )
        .expect("it can be signed");
        let mut headers: Vec<(String, String)> =
            signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Some(key) = key {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            headers.push(("idempotency-key".to_owned(), key.to_owned()));
        }
        let method = method.parse().expect("a method");
        Letter { method, url, headers, body: body.to_owned() }
    }

    pub async fn send(&self, letter: &Letter) -> Answer {
        self.try_send(letter).await.expect("an answer")
    }

    pub async fn try_send(&self, letter: &Letter) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(letter.method.clone(), &letter.url);
        for (name, value) in &letter.headers {
            request = request.header(name, value);
        }
        answer(request.body(letter.body.clone())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&self.sign("GET", path, None, b"")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(&fresh_key(), path, body).await
    }

    pub async fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.post_bytes(key, path, body.to_string().as_bytes()).await
    }

    pub async fn post_bytes(&self, key: &str, path: &str, body: &[u8]) -> Answer {
        self.send(&self.sign("POST", path, Some(key), body)).await
    }
}

/// An idempotency key of its own.
pub fn fresh_key() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("key-{:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

/// The answer to an unsigned request.
pub async fn answer_of(request: reqwest::RequestBuilder) -> Answer {
    answer(request).await.expect("an answer")
}

pub fn http() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_mins(1))
        .build()
        .expect("an HTTP client")
}
