//! A signing client of our own API, for the demo and the bench.

use std::time::Duration;

use base64::Engine;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::platform::message_signature::{SigningKey, Unsigned, sign};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The environment lacks something.
    #[error("{0} is not set: start the stack with `make up` and read `.run/env`")]
    Missing(&'static str),
    /// The secret is not base64.
    #[error("the secret is not base64")]
    Secret,
    /// No answer.
    #[error("no answer: {0}")]
    NoAnswer(#[from] reqwest::Error),
    /// Not to be signed.
    #[error("cannot be signed: {0}")]
    Unsignable(String),
    /// Another answer than was hoped for.
    #[error("{what} was answered with {status}: {body}")]
    Unexpected {
        /// Which call.
        what: String,
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
}

/// A caller with its key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key_id: String,
    secret: Vec<u8>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.url)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body when the status is one of success.
    pub fn success(self, what: &str) -> Result<Value, ClientError> {
        if (200..300).contains(&self.status) {
            return Ok(self.json());
        }
        let body = String::from_utf8_lossy(&self.body).into_owned();
        Err(ClientError::Unexpected { what: what.to_owned(), status: self.status, body })
    }
}

/// An HTTP client for loopback and partners' doors: no proxies, no redirects.
pub fn http() -> Result<reqwest::Client, ClientError> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(512)
        .timeout(Duration::from_secs(40))
        .build()?;
    Ok(client)
}

impl Client {
    /// A client for a base address, with a key.
    pub fn new(
        http: reqwest::Client,
        url: &str,
        key_id: &str,
        secret_base64: &str,
    ) -> Result<Self, ClientError> {
        let secret = base64::engine::general_purpose::STANDARD
            .decode(secret_base64)
            .map_err(|_| ClientError::Secret)?;
        Ok(Self { http, url: url.to_owned(), key_id: key_id.to_owned(), secret })
    }

    /// A signed POST.
    pub async fn post(
        &self,
        path: &str,
        idempotency_key: &str,
        body: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<Reply, ClientError> {
        let target = format!("{}{path}", self.url);
        let nonce = format!("{:032x}", rand::random::<u128>());
        let signed = sign(
            &Unsigned {
                method: "POST",
                target_uri: &target,
                idempotency_key: Some(idempotency_key),
                body: &body,
            },
            SigningKey { id: &self.key_id, secret: &self.secret },
            now.timestamp(),
            Some(&nonce),
        )
        .map_err(|e| ClientError::Unsignable(e.to_string()))?;
        let mut request = self
            .http
            .post(&target)
            .header("content-type", "application/json")
            .header("idempotency-key", idempotency_key);
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        reply(request.body(body)).await
    }

    /// A signed GET.
    pub async fn get(&self, path: &str, now: DateTime<Utc>) -> Result<Reply, ClientError> {
        let target = format!("{}{path}", self.url);
        let signed = sign(
            &Unsigned { method: "GET", target_uri: &target, idempotency_key: None, body: &[] },
            SigningKey { id: &self.key_id, secret: &self.secret },
            now.timestamp(),
            None,
        )
        .map_err(|e| ClientError::Unsignable(e.to_string()))?;
        let mut request = self.http.get(&target);
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        reply(request).await
    }
}

/// Sends an unsigned request.
pub async fn reply(request: reqwest::RequestBuilder) -> Result<Reply, ClientError> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok(Reply { status, body: response.bytes().await?.to_vec() })
}
