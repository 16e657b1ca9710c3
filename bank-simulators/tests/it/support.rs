//! A town of simulators and a service that remembers what it was sent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{OriginalUri, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use bank_simulators::{
    app::{self, Shared, World},
    settings::Settings,
    signing,
};
use clap::Parser;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub const CHECKSUM_KEY: &str = "checksum-key-of-the-tests";
pub const SEPAY_SECRET: &str = "sepay-secret-of-the-tests";
pub const HASH_SECRET: &str = "hash-secret-of-the-tests";
/// MoMo's access key and secret key.
pub const MOMO_KEYS: (&str, &str) = ("access-key-of-the-tests", "secret-key-of-the-tests");
/// ZaloPay's key1 and key2.
pub const ZALOPAY_KEYS: (&str, &str) = ("key-one-of-the-tests", "key-two-of-the-tests");

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    settings: Settings,
}

/// A request as the service got it.
#[derive(Clone)]
pub struct Got {
    pub method: Method,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Clone, Default)]
pub struct Service {
    got: Arc<Mutex<Vec<Got>>>,
    /// How many calls are refused first.
    refuse: Arc<Mutex<usize>>,
}

async fn take(
    State(service): State<Service>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let to_momo = uri.path().contains("momo");
    service.got.lock().unwrap().push(Got { method, uri: uri.to_string(), headers, body });
    let mut refuse = service.refuse.lock().unwrap();
    if *refuse > 0 {
        *refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if to_momo {
        return StatusCode::NO_CONTENT.into_response();
    }
    let said = json!({
        "success": true, "RspCode": "00", "Message": "Confirm Success",
        "return_code": 1, "return_message": "success",
    });
    Json(said).into_response()
}

pub struct Town {
    pub url: String,
    pub service_url: String,
    pub client: reqwest::Client,
    pub service: Service,
    pub world: Shared,
}

impl Town {
    pub async fn fresh() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let service = Service::default();
        let service_url =
            spawn(Router::new().fallback(take).with_state(service.clone()), None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let directory = std::env::temp_dir().join(format!("sim-{}", rand::random::<u64>()));
        let settings = Options::parse_from([
            "test",
            "--journal-dir",
            directory.to_str().unwrap(),
            "--payclear-url",
            &service_url,
            "--retry-scale",
            "0.0001",
            "--payos-client-id",
            "client",
            "--payos-api-key",
            "key",
            "--payos-checksum-key",
            CHECKSUM_KEY,
            "--vnpay-tmn-code",
            "SIMTMN01",
            "--vnpay-hash-secret",
            HASH_SECRET,
            "--momo-partner-code",
            "MOMOSIM",
            "--momo-access-key",
            MOMO_KEYS.0,
            "--momo-secret-key",
            MOMO_KEYS.1,
            "--zalopay-app-id",
            "2999",
            "--zalopay-key1",
            ZALOPAY_KEYS.0,
            "--zalopay-key2",
            ZALOPAY_KEYS.1,
            "--sepay-secret",
            SEPAY_SECRET,
            "--bank-key-id",
            "bank-1",
            "--bank-secret",
            "c2VjcmV0",
        ])
        .settings;
        let world = World::new(settings, url.clone()).unwrap();
        spawn(app::router(world.clone()), Some(listener)).await;
        Self { url, service_url, client: reqwest::Client::new(), service, world }
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer =
            self.client.post(format!("{}{path}", self.url)).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn get(&self, path: &str) -> Value {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// A payment request in the manner of payOS.
    pub async fn request(&self, order_code: u64, amount: i64, description: &str) -> Value {
        let (cancel, back) = ("http://localhost/c", "http://localhost/r");
        let text = format!(
            "amount={amount}&cancelUrl={cancel}&description={description}\
             &orderCode={order_code}&returnUrl={back}"
        );
        let body = json!({
            "orderCode": order_code, "amount": amount, "description": description,
            "cancelUrl": cancel, "returnUrl": back,
            "signature": signing::hmac_sha256_hex(CHECKSUM_KEY, &text),
        });
        let request = self.client.post(format!("{}/payos/v2/payment-requests", self.url));
        let request = request.header("x-client-id", "client").header("x-api-key", "key");
        request.json(&body).send().await.unwrap().json().await.unwrap()
    }

    pub fn refuse(&self, calls: usize) {
        *self.service.refuse.lock().unwrap() = calls;
    }

    pub fn got_so_far(&self) -> usize {
        self.service.got.lock().unwrap().len()
    }

    /// Waits until the service has got so many calls.
    pub async fn got(&self, count: usize) -> Vec<Got> {
        for _ in 0..500 {
            let got = self.service.got.lock().unwrap().clone();
            if got.len() >= count {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the service got fewer than {count} calls");
    }
}

async fn spawn(router: Router, listener: Option<TcpListener>) -> String {
    let listener = match listener {
        Some(listener) => listener,
        None => TcpListener::bind("127.0.0.1:0").await.unwrap(),
    };
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The parameters of an address.
pub fn params(url: &str) -> HashMap<String, String> {
    let query = url.split_once('?').unwrap().1;
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
