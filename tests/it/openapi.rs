//! The document and the doors say the same: every route is told, every operation asks for a
//! signature, and what is really answered has the documented form.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use payclear::app::{self, App};
use payclear::approvals::people::{self, Drawing};
use payclear::approvals::propose::Maker;
use payclear::callers::keys;
use payclear::people::password::Hasher;
use payclear::platform::audit::By;
use payclear::platform::message_signature::{SigningKey, Unsigned, sign};
use payclear::platform::problem::PROBLEM_JSON;
use payclear::platform::seal::{MasterKey, MasterKeys};
use payclear::platform::{database, sequencer};
use payclear::registers::caller::{Caller, CallerKind, KeyPurpose};
use payclear::vocabulary::clock::{Clock, SharedClock, SystemClock};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::conforms::misfits;
use crate::scratch::Scratch;

const URL: &str = "http://127.0.0.1:9";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::to_value(app::document()).expect("JSON")
}

/// Method and path of every operation.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = METHODS.into_iter().filter(|method| item.get(*method).is_some());
        methods.map(|method| (method.to_owned(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn the_document_is_openapi_3_1_and_tells_who_may_call() {
    let document = document();
    assert!(document["openapi"].as_str().is_some_and(|v| v.starts_with("3.1")), "{document}");
    assert_eq!(document["security"], json!([{ "signature": [] }]));
    assert!(document["components"]["securitySchemes"]["signature"].is_object());
    let mut silent = Vec::new();
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][&method];
        let told = format!("{}{}", operation["summary"], operation["description"]);
        let said = told.to_lowercase() + &operation["responses"].to_string();
        if operation["summary"].as_str().is_none_or(str::is_empty) {
            silent.push(format!("{method} {path} has no summary"));
        }
        if !said.contains("consistent") && !said.contains("soon") {
            silent.push(format!("{method} {path} does not say how consistent it is"));
        }
        for range in ["4XX", "5XX"] {
            if !operation["responses"][range]["content"][PROBLEM_JSON].is_object() {
                silent.push(format!("{method} {path} does not tell {range} as a problem"));
            }
        }
    }
    assert!(silent.is_empty(), "\n{}\n", silent.join("\n"));
}

#[test]
fn every_route_of_the_api_is_in_the_document() {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut told = 0;
    while let Some(folder) = folders.pop() {
        let below = std::fs::read_dir(&folder).expect("a folder");
        let below = below.map(|entry| entry.expect("an entry").path());
        folders.extend(below.filter(|path| path.is_dir()));
        for file in std::fs::read_dir(&folder).expect("a folder") {
            let file = file.expect("an entry").path();
            if !file.to_string_lossy().ends_with("http.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("a text");
            told += text.matches("#[utoipa::path(").count();
            assert!(!text.contains(".route(\"/v1"), "{} has an untold route", file.display());
        }
    }
    let known: BTreeSet<_> = operations(&document()).into_iter().collect();
    assert_eq!(known.len(), told, "what is described is also mounted: {known:?}");
    assert!(known.iter().all(|(_, path)| path.starts_with("/v1/")));
}

/// The service on a database of its own, with a portal and a bank that sign.
pub struct Doors {
    document: Value,
    pub scratch: Scratch,
    pub app: App,
    routes: Router,
    pub portal: Signer,
    pub bank: Signer,
    /// The address and password of somebody who approves, and then their token.
    approver: (String, String),
    /// Of somebody who asks.
    officer: (String, String),
    token: String,
    officer_token: String,
    /// A key of the portal's that approves refunds.
    approval_key: Signer,
    checked: BTreeSet<(String, String, u16)>,
}

pub struct Signer {
    pub key_id: String,
    pub secret: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn master_keys() -> MasterKeys {
    let key = MasterKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    MasterKeys::new(key.expect("32 bytes"), Vec::new())
}

impl Doors {
    pub async fn open() -> Self {
        Self::listening("127.0.0.1:0").await
    }

    /// With an address to listen at, for those that run it.
    pub async fn listening(listen: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let scratch = Scratch::make().await;
        let pool = database::open(&scratch.application_url, 4).await.expect("the database");
        let portal = Signer::make(&pool, CallerKind::Portal, "dvc-mau").await;
        let bank = Signer::make(&pool, CallerKind::Partner, "directbank").await;
        let approver =
            person(&pool, "an@example.vn", &["admin:*", "approver:*", "operator:*"]).await;
        let officer = person(&pool, "binh@example.vn", &["officer:G01", "officer:*"]).await;
        person(&pool, "chi@example.vn", &["viewer:*"]).await;
        let approve = KeyPurpose::Approve;
        let approval_key = Signer::with(&pool, CallerKind::Portal, "dvc-mau", approve).await;
        let by = Maker::bootstrap(By { actor: "test", at: SystemClock.now() });
        payclear::days::keys::make(&pool, &master_keys(), by).await.expect("a signing key");
        pool.close().await;
        let settings = serde_json::from_value(json!({
            "mode": "development",
            "database": { "url": scratch.application_url, "connections": 8 },
            "broker": { "url": "amqp://127.0.0.1:9" },
            "http": { "public_url": URL, "listen": listen },
            "people": { "second_factor": "optional" },
            "clearing": { "standing_partner": "samplebank" },
        }));
        let clock: SharedClock = Arc::new(SystemClock);
        let app =
            App::open(settings.expect("settings"), master_keys(), clock).await.expect("it opens");
        let routes = app.router();
        let checked = BTreeSet::new();
        let token = String::new();
        Self {
            document: document(),
            scratch,
            app,
            routes,
            portal,
            bank,
            approver,
            officer,
            token,
            officer_token: String::new(),
            approval_key,
            checked,
        }
    }

    pub async fn close(self) {
        self.app.pool.close().await;
        self.scratch.drop().await;
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.routes.clone().oneshot(request).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.expect("a body");
        Answer { status, headers, body: body.to_vec() }
    }

    /// Calls an operation and checks the answer, and a request that was taken, against the document.
    async fn call(&mut self, by: Who, call: &str, body: &Value, expected: u16) -> Value {
        let (method, path) = call.split_once(' ').expect("METHOD /path");
        if matches!(by, Who::Approver | Who::Officer) {
            // No faster than a person may call.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let request = match by {
            Who::Portal => self.portal.request(method, path, body),
            Who::Bank => self.bank.request(method, path, body),
            Who::ApprovalKey => self.approval_key.request(method, path, body),
            Who::Approver => self.person_request(&self.token, method, path, body),
            Who::Officer => self.person_request(&self.officer_token, method, path, body),
        };
        let answer = self.send(request).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, expected, "{call}: {text}");
        self.check(method, path, body, &answer);
        answer.json()
    }

    fn person_request(&self, token: &str, method: &str, path: &str, body: &Value) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request
            .header("content-type", "application/json")
            .body(Body::from(body))
            .expect("a request")
    }

    fn check(&mut self, method: &str, path: &str, body: &Value, answer: &Answer) {
        let (method, template) = (method.to_lowercase(), self.template_of(path));
        let operation = &self.document["paths"][&template][&method];
        assert!(operation.is_object(), "{method} {path} is not in the document");
        let status = answer.status.to_string();
        let range = format!("{}XX", &status[..1]);
        let told = [&status, &range].into_iter().map(|s| &operation["responses"][s]);
        let told = told.into_iter().find(|t| t.is_object());
        let told = told.unwrap_or_else(|| panic!("{method} {path}: {status} is not told"));
        let media = answer.headers.get("content-type").and_then(|v| v.to_str().ok());
        if let Some(content) = told["content"].as_object() {
            let media = media.unwrap_or_default();
            let schema = content.get(media).map(|c| &c["schema"]);
            let schema = schema.unwrap_or_else(|| panic!("{method} {path}: {media} is not told"));
            // A file's bytes are described by their type alone.
            if !media.contains("json") {
                assert!(!answer.body.is_empty(), "{method} {path}: an empty file");
                self.checked.insert((method, template, answer.status));
                return;
            }
            let found = misfits(&self.document, schema, &answer.json());
            assert!(found.is_empty(), "{method} {path} {status}: {found:#?}\n{}", answer.json());
        } else {
            assert!(answer.body.is_empty(), "{method} {path}: a body that is not told");
        }
        if answer.status < 300 && !body.is_null() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let found = misfits(&self.document, schema, body);
            assert!(found.is_empty(), "{method} {path} was taken with {body}: {found:#?}");
        }
        self.checked.insert((method, template, answer.status));
    }

    fn template_of(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap_or_default();
        let fits = |template: &String| {
            let (ours, theirs): (Vec<_>, Vec<_>) =
                (path.split('/').collect(), template.split('/').collect());
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(a, b)| *a == b || b.starts_with('{'))
        };
        let paths = self.document["paths"].as_object().expect("paths");
        // The fixed path is meant before one with a place for an id.
        let mut fitting: Vec<&String> = paths.keys().filter(|t| fits(t)).collect();
        fitting.sort_by_key(|template| template.matches('{').count());
        fitting.first().map_or_else(|| panic!("{path} is not in the document"), |t| (*t).clone())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Portal,
    Bank,
    Approver,
    Officer,
    ApprovalKey,
}

/// Enters somebody; their address and password.
async fn person(pool: &sqlx::PgPool, email: &str, grants: &[&str]) -> (String, String) {
    let maker = Maker::bootstrap(By { actor: "test", at: SystemClock.now() });
    let (hasher, keys) = (Hasher::default(), master_keys());
    let drawing = Drawing { hasher: &hasher, keys: &keys };
    let grants: Vec<_> = grants.iter().map(|g| g.parse().expect("a grant")).collect();
    let made = people::add(pool, drawing, maker, (email, "Người Thử"), &grants).await;
    let made = made.expect("a person");
    (made.email, made.drawn.password.expose().to_owned())
}

impl Signer {
    async fn make(pool: &sqlx::PgPool, kind: CallerKind, code: &str) -> Self {
        Self::with(pool, kind, code, KeyPurpose::Sign).await
    }

    async fn with(pool: &sqlx::PgPool, kind: CallerKind, code: &str, purpose: KeyPurpose) -> Self {
        let by = Maker::bootstrap(By { actor: "test", at: SystemClock.now() });
        let caller = Caller { kind, code: code.to_owned() };
        let made = keys::make(pool, &master_keys(), by, &caller, purpose).await;
        let made = made.expect("a key");
        Self { key_id: made.key_id, secret: made.secret.expose().to_vec() }
    }

    pub fn request(&self, method: &str, path: &str, body: &Value) -> Request<Body> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.request_with(method, path, body)
    }

    pub fn request_with(&self, method: &str, path: &str, body: Vec<u8>) -> Request<Body> {
        let fresh = format!("{:032x}", rand::random::<u128>());
        let write = method != "GET";
        let unsigned = Unsigned {
            method,
            target_uri: &format!("{URL}{path}"),
            idempotency_key: write.then_some(fresh.as_str()),
            body: &body,
        };
        let key = SigningKey { id: &self.key_id, secret: &self.secret };
        let at = SystemClock.now().timestamp();
        let signed = sign(&unsigned, key, at, write.then_some(fresh.as_str())).expect("signs");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        if write {
            request = request.header("idempotency-key", &fresh);
            request = request.header("content-type", "application/json");
        }
        request.body(Body::from(body)).expect("a request")
    }
}

#[tokio::test]
async fn every_operation_refuses_who_does_not_sign() {
    let mut doors = Doors::open().await;
    for (method, template) in operations(&doors.document) {
        let id = uuid::Uuid::nil().to_string();
        let path = template.replace("{id}", &id).replace("{transaction_id}", "T1");
        let path = path.replace("{kind}", "delivery").replace("{partner}", "directbank");
        let path = path.replace("{line}", "1").replace("{file}", &id);
        let path = path.replace("{day}", "2026-01-15");
        let ask = |key: Option<&str>| {
            let mut request = Request::builder().method(&*method.to_uppercase()).uri(&path);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            request.body(Body::from("{}")).expect("a request")
        };
        let security = doors.document["paths"][&template][&method]["security"].clone();
        if security == json!([{}]) {
            // Open to all: what is not in its form is refused; who only reads is answered.
            let formless = doors.send(ask(None)).await;
            let expected = if method == "get" { 200 } else { 415 };
            assert_eq!(formless.status, expected, "{method} {path}");
            doors.check(&method, &path, &Value::Null, &formless);
            continue;
        }
        let unsigned = doors.send(ask(Some("k1"))).await;
        assert_eq!(unsigned.status, 401, "{method} {path}");
        assert!(unsigned.headers.contains_key("www-authenticate"), "{method} {path}");
        assert!(unsigned.headers.contains_key("x-request-id"), "{method} {path}");
        doors.check(&method, &path, &Value::Null, &unsigned);
        let keyless = doors.send(ask(None)).await;
        if security.is_null() && method != "get" {
            assert_eq!(keyless.status, 400, "{method} {path}");
        } else {
            assert_eq!(keyless.status, 401, "{method} {path}");
        }
        doors.check(&method, &path, &Value::Null, &keyless);
    }
    doors.close().await;
}

pub fn fee(dossier: &str, amount: &str) -> Value {
    json!({
        "dossier": dossier, "agency": "G01.A", "procedure": "1.001234",
        "payer": { "name": "Nguyễn Thị Mẫu", "id_number": "001190000001", "email": "mau@example.vn" },
        "lines": [{
            "kind": "le_phi", "name": "Lệ phí", "sub_item": "2771",
            "amount": { "amount": amount, "currency": "VND" },
        }],
        "metadata": { "counter": "3" },
    })
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

#[tokio::test]
async fn what_is_answered_has_the_documented_form() {
    use Who::{Approver, Bank, Portal};
    let mut doors = Doors::open().await;
    let nothing = Value::Null;

    // Invoices.
    let paid = doors.call(Portal, "POST /v1/invoices", &fee("D-1", "150000"), 201).await;
    doors.call(Portal, "POST /v1/invoices", &fee("D-1", "150000"), 200).await;
    doors.call(Portal, "POST /v1/invoices", &fee("D-1", "160000"), 409).await;
    doors.call(Portal, "POST /v1/invoices", &fee("D-2", "0"), 422).await;
    let mut number = fee("D-2", "1");
    number["lines"][0]["amount"]["amount"] = json!(150_000);
    doors.call(Portal, "POST /v1/invoices", &number, 422).await;
    doors.call(Bank, "POST /v1/invoices", &fee("D-2", "1"), 403).await;
    let priced = json!({
        "dossier": "D-3", "agency": "G01.A", "procedure": "1.001234", "payer": { "name": "A" },
        "quantity": 2,
    });
    let priced = doors.call(Portal, "POST /v1/invoices", &priced, 201).await;
    let rows = json!([fee("D-4", "1000"), fee("D-5", "2000"), fee("D-4", "3000")]);
    let batch = doors.call(Portal, "POST /v1/invoices/batch", &rows, 200).await;
    let told: Vec<_> = batch["results"].as_array().expect("results").iter().collect();
    assert_eq!((&told[0]["status"], &told[2]["status"]), (&json!(201), &json!(409)));
    doors.call(Portal, "POST /v1/invoices/batch", &json!([]), 422).await;
    let id = text(&paid, "id").to_owned();
    doors.call(Portal, &format!("GET /v1/invoices/{id}"), &nothing, 200).await;
    doors.call(Portal, "GET /v1/invoices/none", &nothing, 404).await;
    doors.call(Portal, "GET /v1/invoices?dossier=D-1&status=issued", &nothing, 200).await;
    doors.call(Portal, "GET /v1/invoices?limit=2", &nothing, 200).await;
    doors.call(Portal, "GET /v1/invoices?limit=501", &nothing, 422).await;
    doors.call(Portal, "GET /v1/invoices?limit=x", &nothing, 422).await;
    let cancel = format!("POST /v1/invoices/{}/cancel", text(&priced, "id"));
    doors.call(Portal, &cancel, &json!({ "reason": "withdrawn" }), 200).await;
    doors.call(Portal, &cancel, &json!({ "reasons": "withdrawn" }), 422).await;

    // Settlements.
    let credit = |transaction: &str, amount: &str, memo: &str| {
        json!({
            "transaction_id": transaction, "account": "0011009988776", "memo": memo,
            "amount": { "amount": amount, "currency": "VND" },
            "value_time": "2026-01-05T08:00:00+07:00",
        })
    };
    let code = text(&paid, "code").to_owned();
    doors.call(Bank, "POST /v1/settlements", &credit("T-1", "150000", &code), 201).await;
    doors.call(Bank, "POST /v1/settlements", &credit("T-1", "150000", &code), 201).await;
    doors.call(Bank, "POST /v1/settlements", &credit("T-1", "150001", &code), 409).await;
    doors.call(Portal, "POST /v1/settlements", &credit("T-2", "1", "x"), 403).await;
    let list = json!([credit("T-1", "7", &code), credit("T-3", "70000", "no code")]);
    let results = doors.call(Bank, "POST /v1/settlements", &list, 200).await;
    assert_eq!(results["results"][0]["type"], "/problems/transaction-differs");
    assert_eq!(results["results"][1]["outcome"], "suspense");
    doors.call(Bank, "POST /v1/settlements", &json!({}), 422).await;
    doors.call(Portal, &cancel.replace(text(&priced, "id"), &id), &json!({}), 409).await;

    // Refunds.
    let money = |amount: &str| json!({ "amount": amount, "currency": "VND" });
    let wanted = |amount: &str, refundable: &str| json!({ "amount": money(amount), "reason": "withdrawn", "refundable": money(refundable) });
    let refunds = format!("/v1/invoices/{id}/refunds");
    let ask = format!("POST {refunds}");
    let refund = doors.call(Portal, &ask, &wanted("1000", "150000"), 201).await;
    doors.call(Portal, &ask, &wanted("1000", "150000"), 412).await;
    doors.call(Portal, &ask, &wanted("200000", "149000"), 422).await;
    doors.call(Bank, &ask, &wanted("1000", "149000"), 403).await;
    let lines = json!({
        "lines": [{ "line": 1, "amount": money("2000") }], "reason": "withdrawn",
        "refundable": money("149000"),
    });
    doors.call(Portal, &ask, &lines, 201).await;
    doors.call(Portal, &format!("GET {refunds}"), &nothing, 200).await;
    let one = format!("/v1/refunds/{}", text(&refund, "id"));
    doors.call(Portal, &format!("GET {one}"), &nothing, 200).await;
    doors.call(Portal, "GET /v1/refunds/none", &nothing, 404).await;
    doors.call(Portal, &format!("POST {one}/approve"), &nothing, 403).await;
    let approve = format!("POST {one}/approve");
    doors.call(Who::ApprovalKey, &approve, &nothing, 409).await;
    name_account(&doors, &id).await;
    doors.call(Who::ApprovalKey, &approve, &nothing, 200).await;

    // History and feed.
    let history = format!("GET /v1/invoices/{id}/events");
    let history = doors.call(Portal, &history, &nothing, 200).await;
    doors.call(Portal, "GET /v1/invoices/none/events", &nothing, 404).await;
    // Whatever transaction is open anywhere in the cluster holds the feed up.
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let told = sequencer::sequence_once(&doors.app.pool, &doors.app.clock, "test").await;
        told.expect("a batch");
        let feed = doors.call(Portal, "GET /v1/events?limit=3", &nothing, 200).await;
        if feed["events"].as_array().map(Vec::len) == Some(3) {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "the feed stands still");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    doors.call(Portal, "GET /v1/events?cursor=x", &nothing, 422).await;
    let today = (SystemClock.now() + chrono::TimeDelta::hours(7)).format("%Y-%m-%d").to_string();
    let totals = format!("GET /v1/totals?day={today}");
    let totals = doors.call(Portal, &totals, &nothing, 200).await;
    assert!(totals["totals"].is_array() && totals["as_of"].is_string(), "{totals}");
    doors.call(Portal, "GET /v1/totals?day=today", &nothing, 422).await;
    doors.call(Bank, "GET /v1/totals?day=2026-01-05", &nothing, 403).await;

    // Endpoints and deliveries.
    let address = json!({ "url": "https://portal.example.vn/payclear" });
    let endpoint = doors.call(Portal, "POST /v1/endpoints", &address, 201).await;
    let approval = text(&endpoint, "approval").to_owned();
    let endpoint = text(&endpoint, "id").to_owned();
    people_and_approvals(&mut doors, &approval).await;
    doors.call(Portal, "POST /v1/endpoints", &json!({ "url": "http://10.0.0.1/" }), 422).await;
    let of = |rest: &str| format!("/v1/endpoints/{endpoint}{rest}");
    doors.call(Portal, "GET /v1/endpoints", &nothing, 200).await;
    doors.call(Bank, "GET /v1/endpoints", &nothing, 403).await;
    doors.call(Portal, &format!("GET {}", of("")), &nothing, 200).await;
    doors.call(Portal, &format!("POST {}", of("/rotate")), &nothing, 200).await;
    park_notice(&doors, &endpoint, &id, &history).await;
    let parked = doors.call(Portal, "GET /v1/deliveries?state=parked", &nothing, 200).await;
    let delivery = text(&parked["deliveries"][0], "id").to_owned();
    doors.call(Portal, "GET /v1/deliveries", &nothing, 200).await;
    doors.call(Portal, "GET /v1/deliveries?state=lost", &nothing, 422).await;
    let again = format!("POST /v1/deliveries/{delivery}/redeliver");
    doors.call(Portal, &again, &nothing, 202).await;
    doors.call(Portal, "POST /v1/deliveries/none/redeliver", &nothing, 404).await;
    let since = json!({ "since": SystemClock.now() - chrono::TimeDelta::hours(1) });
    let since_path = format!("POST {}", of("/redeliver"));
    doors.call(Portal, &since_path, &since, 202).await;
    doors.call(Portal, &since_path, &json!({ "since": "1999-01-01T00:00:00Z" }), 422).await;
    doors.call(Portal, &format!("DELETE {}", of("")), &nothing, 200).await;
    doors.call(Portal, &since_path, &since, 409).await;
    doors.call(Portal, &format!("POST {}", of("/enable")), &nothing, 200).await;

    refunds_by_officers(&mut doors, (&id, text(&refund, "id")), &code).await;
    matching(&mut doors).await;
    statements(&mut doors).await;
    payovers(&mut doors).await;
    cases(&mut doors).await;

    // The bank takes its word back.
    let back = json!({ "transaction_id": "R-1", "reason": "wrong beneficiary" });
    doors.call(Bank, "POST /v1/settlements/T-1/reversal", &back, 204).await;
    doors.call(Bank, "POST /v1/settlements/T-9/reversal", &back, 404).await;

    operations_and_attempts(&mut doors, &id).await;
    days(&mut doors).await;
    receipts_and_statistics(&mut doors).await;

    lent_and_withdrawn(&mut doors).await;

    doors.call(Approver, "DELETE /v1/session", &nothing, 204).await;
    doors.call(Approver, "GET /v1/session", &nothing, 401).await;

    let uncovered: Vec<_> = operations(&doors.document)
        .into_iter()
        .filter(|(method, path)| {
            !doors.checked.iter().any(|(m, p, status)| m == method && p == path && *status < 300)
        })
        .collect();
    assert!(uncovered.is_empty(), "no good answer was looked at: {uncovered:?}");
    doors.close().await;
}

/// Somebody signs in and approves what waits.
async fn people_and_approvals(doors: &mut Doors, approval: &str) {
    use Who::{Approver, Portal};
    let nothing = Value::Null;
    let (email, password) = doors.approver.clone();
    let wrong = json!({ "email": email, "password": "not the password" });
    doors.call(Approver, "POST /v1/sessions", &wrong, 401).await;
    let formless = json!({ "email": "nobody", "password": "x", "totp": "1" });
    doors.call(Approver, "POST /v1/sessions", &formless, 422).await;
    let right = json!({ "email": email, "password": password });
    let session = doors.call(Approver, "POST /v1/sessions", &right, 201).await;
    text(&session, "token").clone_into(&mut doors.token);
    doors.call(Approver, "GET /v1/session", &nothing, 200).await;
    let weak = json!({ "old": password, "new": "short" });
    doors.call(Approver, "POST /v1/session/password", &weak, 422).await;
    let change = json!({ "old": password, "new": "a longer password" });
    doors.call(Approver, "POST /v1/session/password", &change, 204).await;

    doors.call(Approver, "GET /v1/approvals?status=pending&limit=1", &nothing, 200).await;
    doors.call(Approver, "GET /v1/approvals?status=lost", &nothing, 422).await;
    doors.call(Portal, "GET /v1/approvals", &nothing, 401).await;
    let path = format!("/v1/approvals/{approval}");
    let seen = doors.call(Approver, &format!("GET {path}"), &nothing, 200).await;
    doors.call(Approver, "GET /v1/approvals/none", &nothing, 404).await;
    let approve = format!("POST {path}/approve");
    doors.call(Approver, &approve, &json!({ "content_hash": "x" }), 422).await;
    doors.call(Approver, &approve, &json!({ "content_hash": "0".repeat(64) }), 412).await;
    let hash = json!({ "content_hash": seen["content_hash"] });
    doors.call(Approver, &approve, &hash, 200).await;
    doors.call(Approver, &format!("POST {path}/reject"), &hash, 409).await;
    let address = json!({ "url": "https://portal.example.vn/second" });
    let second = doors.call(Portal, "POST /v1/endpoints", &address, 201).await;
    let path = format!("/v1/approvals/{}", text(&second, "approval"));
    let seen = doors.call(Approver, &format!("GET {path}"), &nothing, 200).await;
    let no = json!({ "content_hash": seen["content_hash"], "reason": "unknown address" });
    doors.call(Approver, &format!("POST {path}/reject"), &no, 200).await;
}

/// An officer proposes what concerns refunds. One of the invoice was approved before, for a file.
async fn refunds_by_officers(doors: &mut Doors, (invoice, approved): (&str, &str), code: &str) {
    use Who::{Approver, Bank, Officer, Portal};
    let nothing = Value::Null;
    let money = |amount: &str| json!({ "amount": amount, "currency": "VND" });
    let (email, password) = doors.officer.clone();
    let right = json!({ "email": email, "password": password });
    let session = doors.call(Officer, "POST /v1/sessions", &right, 201).await;
    text(&session, "token").clone_into(&mut doors.officer_token);

    let ask = |refundable: &str| json!({ "invoice": invoice, "amount": money("500"), "reason": "withdrawn", "refundable": money(refundable) });
    doors.call(Officer, "POST /v1/refunds", &ask("1"), 412).await;
    doors.call(Approver, "POST /v1/refunds", &ask("147000"), 403).await;
    doors.call(Officer, "POST /v1/refunds", &json!({}), 422).await;
    let asked = doors.call(Officer, "POST /v1/refunds", &ask("147000"), 201).await;
    let one = format!("/v1/refunds/{}", text(&asked["refund"], "id"));
    doors.call(Officer, &format!("POST {one}/proposal"), &nothing, 409).await;
    doors.call(Officer, "GET /v1/refunds?status=requested&limit=1", &nothing, 200).await;
    doors.call(Officer, "GET /v1/refunds?status=lost", &nothing, 422).await;
    let all = format!("GET /v1/invoices/{invoice}/refunds");
    let portals = doors.call(Portal, &all, &nothing, 200).await;
    let of_portal = portals["refunds"].as_array().expect("refunds").iter();
    let mut of_portal = of_portal.filter(|r| text(r, "requested_by").starts_with("key/"));
    let waiting = of_portal.find(|r| r["status"] == "requested").expect("one waits");
    let forward = format!("POST /v1/refunds/{}/proposal", text(waiting, "id"));
    doors.call(Officer, &forward, &nothing, 202).await;
    doors
        .call(Officer, &format!("POST /v1/refunds/{}/proposal", uuid::Uuid::nil()), &nothing, 404)
        .await;

    let account = json!({ "bank": "970436", "number": "0099887766", "name": "NGUYEN THI MAU" });
    doors.call(Officer, &format!("POST {one}/account"), &account, 202).await;
    let formless = json!({ "bank": "x", "number": "0", "name": "" });
    doors.call(Officer, &format!("POST {one}/account"), &formless, 422).await;

    let sent = sqlx::query("update refund set status = 'sent' where refund_id = $1::uuid");
    sent.bind(approved).execute(&doors.app.pool).await.expect("sent");
    let end = format!("POST /v1/refunds/{approved}/end");
    doors.call(Officer, &end, &json!({ "as": "failed" }), 422).await;
    doors.call(Officer, &end, &json!({ "as": "confirmed", "transaction": "FT1" }), 202).await;
    doors.call(Officer, &format!("POST {one}/end"), &json!({ "as": "confirmed" }), 409).await;

    let twice = json!({
        "transaction_id": "T-7", "account": "0011009988776", "memo": code,
        "amount": money("150000"), "value_time": "2026-01-05T09:00:00+07:00",
    });
    let surplus = doors.call(Bank, "POST /v1/settlements", &twice, 201).await;
    let settlement = format!("/v1/settlements/{}", text(&surplus, "id"));
    doors.call(Officer, &format!("POST {settlement}/banked"), &json!({}), 202).await;
    doors.call(Officer, &format!("POST {settlement}/banked"), &json!({}), 409).await;
    doors.call(Officer, &format!("POST {settlement}/refund"), &nothing, 202).await;
    let taken_back = format!("POST {settlement}/reversal-proposal");
    let said = json!({ "reference": "CB-17", "reason": "chargeback" });
    doors.call(Officer, &taken_back, &json!({ "reference": "", "reason": "x" }), 422).await;
    doors.call(Officer, &taken_back, &said, 202).await;
    doors.call(Officer, &taken_back, &said, 409).await;
    let unknown = format!("POST /v1/settlements/{}/reversal-proposal", uuid::Uuid::nil());
    doors.call(Officer, &unknown, &said, 404).await;
    let line = |line: u32| format!("POST /v1/invoices/{invoice}/lines/{line}/paid-over");
    doors.call(Officer, &line(1), &nothing, 202).await;
    doors.call(Officer, &line(9), &nothing, 404).await;
}

/// Files come in by both doors, are looked at, and decided on.
async fn statements(doors: &mut Doors) {
    use Who::{Approver, Officer, Portal};
    let nothing = Value::Null;
    let mut sheet = crate::statements::Sheet::new("S-1", 1, "2026-01-05", 0);
    let path = "/v1/statements?name=s.xml";
    for (body, expected) in [(sheet.camt(), 200), ("no statement".to_owned(), 422)] {
        let request = doors.bank.request_with("POST", path, body.into_bytes());
        let answer = doors.send(request).await;
        assert_eq!(answer.status, expected, "{}", answer.json());
        doors.check("POST", path, &nothing, &answer);
    }
    sheet.off_by = 1;
    let request = doors.bank.request_with("POST", path, sheet.camt().into_bytes());
    let answer = doors.send(request).await;
    assert_eq!(answer.status, 409, "{}", answer.json());
    doors.check("POST", path, &nothing, &answer);
    doors.call(Portal, "POST /v1/statements", &json!({}), 403).await;

    for id in ["S-2", "S-3"] {
        sheet.id = id;
        let path = "/v1/files?name=s.xml";
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", doors.officer_token))
            .body(Body::from(sheet.camt()))
            .expect("a request");
        let answer = doors.send(request).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        doors.check("POST", path, &nothing, &answer);
        let file = format!("/v1/files/{}", text(&answer.json(), "file"));
        doors.call(Officer, &format!("GET {file}"), &nothing, 200).await;
        let content = format!("{file}/content");
        let request = doors.person_request(&doors.officer_token, "GET", &content, &nothing);
        let answer = doors.send(request).await;
        assert_eq!((answer.status, answer.body), (200, sheet.camt().into_bytes()));
        let told = ("get".to_owned(), "/v1/files/{id}/content".to_owned(), 200);
        doors.checked.insert(told);
        let reason = json!({ "reason": "as the bank wrote" });
        let way = if id == "S-2" { ("accept", 202) } else { ("reject", 204) };
        doors.call(Approver, &format!("POST {file}/{}", way.0), &reason, 403).await;
        doors.call(Officer, &format!("POST {file}/{}", way.0), &reason, way.1).await;
        doors.call(Officer, &format!("POST {file}/{}", way.0), &reason, 409).await;
        doors.call(Officer, &format!("POST {file}/{}", way.0), &json!({}), 422).await;
    }
    doors.call(Approver, "GET /v1/files?limit=1&state=quarantined", &nothing, 200).await;
    doors.call(Officer, "GET /v1/files?state=lost", &nothing, 422).await;
    doors.call(Officer, &format!("GET /v1/files/{}", uuid::Uuid::nil()), &nothing, 404).await;
}

/// What officers see and do of matching, with nothing staged.
async fn matching(doors: &mut Doors) {
    use Who::{Approver, Officer, Portal};
    let (nothing, nil) = (Value::Null, uuid::Uuid::nil());
    for path in ["/v1/matches", "/v1/matching/lines", "/v1/reconciliation"] {
        doors.call(Officer, &format!("GET {path}?day=2026-11-20"), &nothing, 200).await;
        doors.call(Officer, &format!("GET {path}?day=someday"), &nothing, 422).await;
        doors.call(Portal, &format!("GET {path}?day=2026-11-20"), &nothing, 401).await;
    }
    doors.call(Officer, &format!("GET /v1/matches/{nil}"), &nothing, 404).await;
    doors.call(Officer, &format!("POST /v1/matches/{nil}/confirm"), &nothing, 404).await;
    doors.call(Officer, "POST /v1/matches/confirm", &json!({ "matches": [] }), 422).await;
    let undo = format!("POST /v1/matches/{nil}/undo");
    doors.call(Officer, &undo, &json!({ "reason": "x" }), 404).await;
    doors.call(Officer, &undo, &json!({ "reason": "" }), 422).await;
    let by_hand = json!({ "line": 1, "settlements": [nil], "reason": "x" });
    doors.call(Officer, "POST /v1/matches", &by_hand, 404).await;
    doors.call(Officer, "POST /v1/matches", &json!({ "line": 1, "reason": "x" }), 422).await;
    doors.call(Approver, "POST /v1/matching/run", &nothing, 200).await;
    doors.call(Approver, "GET /v1/partner-terms", &nothing, 200).await;
    let terms = |percent: &str| {
        json!({
            "partner": "momo", "valid_from": "2027-01-01", "fixed": "500", "percent": percent,
            "window_days": 2,
        })
    };
    doors.call(Approver, "POST /v1/partner-terms", &terms("0.66"), 202).await;
    doors.call(Approver, "POST /v1/partner-terms", &terms("0.66"), 409).await;
    doors.call(Approver, "POST /v1/partner-terms", &terms("-1"), 422).await;
    stage_statements(doors).await;
    doors.call(Approver, "POST /v1/matching/run", &nothing, 200).await;
    let list = doors.call(Officer, "GET /v1/matches?day=2026-01-05", &nothing, 200).await;
    let of = |state: &str| {
        let all = list["matches"].as_array().expect("matches");
        let found = all.iter().find(|m| m["state"] == state);
        text(found.unwrap_or_else(|| panic!("nothing {state} in {list}")), "id").to_owned()
    };
    let (confirmed, suggested) = (of("confirmed"), of("suggested"));
    doors.call(Officer, &format!("GET /v1/matches/{confirmed}"), &nothing, 200).await;
    doors.call(Officer, &format!("POST /v1/matches/{suggested}/confirm"), &nothing, 200).await;
    doors.call(Officer, &format!("POST /v1/matches/{suggested}/confirm"), &nothing, 409).await;
    let many = json!({ "matches": [suggested] });
    doors.call(Officer, "POST /v1/matches/confirm", &many, 200).await;
    let undo = format!("POST /v1/matches/{confirmed}/undo");
    doors.call(Officer, &undo, &json!({ "reason": "x" }), 200).await;
    let lines = doors.call(Officer, "GET /v1/matching/lines?day=2026-01-05", &nothing, 200).await;
    let line = lines["lines"][0]["line"].as_i64().expect("a line");
    let settlement: uuid::Uuid =
        sqlx::query_scalar("select settlement_id from settlement where transaction_id = 'T-7'")
            .fetch_one(&doors.app.pool)
            .await
            .expect("a settlement");
    let by_hand = json!({ "line": line, "settlements": [settlement], "reason": "x" });
    doors.call(Officer, "POST /v1/matches", &by_hand, 202).await;
    doors.call(Officer, "POST /v1/matches", &by_hand, 409).await;
}

/// A report of one payment, and a credit of its sum, of an account that collects for one agency.
async fn stage_statements(doors: &Doors) {
    let owner = doors.scratch.owner().await;
    sqlx::raw_sql(
        "update collecting_account set agency = 'G01.A' where partner = 'directbank';
         update directory_version set version = version + 1;
         insert into statement_file (file_id, sha256, partner, name, source, received_by, received_at,
                                     size, state, state_since)
             values (gen_random_uuid(), sha256('x'), 'directbank', 'x', 'command', 'tests', now(), 1,
                     'staged', now());
         insert into statement (statement_id, file_id, place, kind, partner, account, reference, day,
                                currency, lines, total, state, state_since)
             select gen_random_uuid(), f.file_id, k.place, k.kind, 'directbank', '0011009988776', 'S',
                    '2026-01-05', 'VND', 1, 150000, 'staged', now()
               from statement_file f, (values (0, 'report'), (1, 'account')) k(place, kind)
              where f.sha256 = sha256('x');
         insert into statement_line (statement_id, place, nature, amount, value_date, transaction_id)
             select s.statement_id, 1, case s.kind when 'report' then 'payment' else 'lump' end, 150000,
                    '2026-01-05', case s.kind when 'report' then 'T-7' else 'FT-1' end
               from statement s where s.reference = 'S';",
    )
    .execute(&owner)
    .await
    .expect("staged");
    owner.close().await;
    doors.app.directory.refresh().await.expect("the registers");
}

/// An account to transfer to, named by the payer and approved by another.
async fn name_account(doors: &Doors, invoice: &str) {
    let account = payclear::partners::dialects::CounterAccount {
        bank: "970436".to_owned(),
        number: "0099887766".to_owned(),
        name: "NGUYEN THI MAU".to_owned(),
    };
    let invoice = payclear::vocabulary::ids::InvoiceId(invoice.parse().expect("an id"));
    let (keys, now) = (&doors.app.keys, SystemClock.now());
    let mut conn = doors.app.pool.acquire().await.expect("a connection");
    let paid = sqlx::query_scalar("select settlement_id from settlement where invoice_id = $1")
        .bind(invoice.0)
        .fetch_all(&mut *conn)
        .await;
    for settlement in paid.expect("settlements") {
        let of = (invoice, payclear::vocabulary::ids::SettlementId(settlement));
        let named = payclear::refunds::accounts::name_in(&mut conn, keys, of, &account, now).await;
        let named = named.expect("an account");
        let approved =
            payclear::refunds::accounts::approve_in(&mut conn, named, "officer/a", now).await;
        assert!(approved.expect("looked at"));
    }
}

/// Money that nobody can place: looked after, shown to the bank, placed by two people; and other roles.
async fn cases(doors: &mut Doors) {
    use Who::{Approver, Bank, Officer, Portal};
    let nothing = Value::Null;
    let roles = json!({ "email": doors.officer.0, "roles": ["officer"] });
    doors.call(Officer, "POST /v1/people/roles", &roles, 403).await;
    let roles = |list: Value| json!({ "email": "binh@example.vn", "roles": list });
    doors.call(Approver, "POST /v1/people/roles", &roles(json!(["king"])), 422).await;
    let roles = roles(json!(["officer"]));
    let proposed = doors.call(Approver, "POST /v1/people/roles", &roles, 202).await;
    let owner = doors.scratch.owner().await;
    sqlx::raw_sql(
        "alter table person_role disable trigger user; delete from person_role where scope <> '*';
         alter table person_role enable trigger user",
    )
    .execute(&owner)
    .await
    .expect("roles for everything");
    owner.close().await;
    assert!(proposed["approval"].is_string());

    let credit = json!({
        "transaction_id": "T-77", "account": "0011009988776", "memo": "ung ho",
        "amount": { "amount": "5000", "currency": "VND" },
        "value_time": "2026-01-05T10:00:00+07:00",
    });
    doors.call(Bank, "POST /v1/settlements", &credit, 201).await;
    let listed = doors.call(Officer, "GET /v1/breaks?code=B07&limit=1", &nothing, 200).await;
    doors.call(Officer, "GET /v1/breaks?code=B99", &nothing, 422).await;
    doors.call(Portal, "GET /v1/breaks", &nothing, 401).await;
    let id = text(&listed["breaks"][0], "id").to_owned();
    let of = |method: &str, rest: &str| format!("{method} /v1/breaks/{id}{rest}");
    let assign = json!({ "owner": "binh@example.vn", "reason": "the payer is asked" });
    doors.call(Officer, &of("POST", "/assign"), &assign, 200).await;
    doors.call(Officer, &of("POST", "/assign"), &json!({ "owner": "x" }), 422).await;
    let until = SystemClock.now() + chrono::Duration::days(2);
    let wait = json!({ "until": until, "reason": "whose is it?", "ask": true });
    doors.call(Officer, &of("POST", "/wait"), &wait, 200).await;
    let said = json!({ "text": "called", "shared": true });
    doors.call(Officer, &of("POST", "/comments"), &said, 201).await;
    let show = of("POST", "/evidence?name=thu.txt&shared=true");
    let kept = doors.call_with_file(&show, "the payer's letter").await;
    doors.get_file(Who::Officer, &format!("/v1/breaks/{id}/evidence/{}", text(&kept, "id"))).await;

    doors.call(Bank, "GET /v1/partner/breaks", &nothing, 200).await;
    let theirs = format!("/v1/partner/breaks/{id}");
    doors.call(Bank, &format!("GET {theirs}"), &nothing, 200).await;
    doors.call(Portal, &format!("GET {theirs}"), &nothing, 403).await;
    let answer = json!({ "text": "of Mrs An", "proof": { "name": "a.txt", "content": "YW4=" } });
    doors.call(Bank, &format!("POST {theirs}/answers"), &answer, 201).await;
    doors.get_file(Who::Bank, &format!("{theirs}/evidence/{}", text(&kept, "id"))).await;

    let other = doors.call(Portal, "POST /v1/invoices", &fee("D-77", "5000"), 201).await;
    let wish = json!({ "way": "place", "reason": "as the payer says", "invoice": other["code"] });
    doors
        .call(Officer, &of("POST", "/preview"), &json!({ "way": "place", "reason": "x" }), 422)
        .await;
    let shown = doors.call(Officer, &of("POST", "/preview"), &wish, 200).await;
    let stale = json!({ "wish": wish, "content_hash": "0".repeat(64) });
    doors.call(Officer, &of("POST", "/propose"), &stale, 412).await;
    let propose = json!({ "wish": wish, "content_hash": shown["content_hash"] });
    doors.call(Officer, &of("POST", "/propose"), &propose, 202).await;
    doors.call(Officer, &of("GET", ""), &nothing, 200).await;
}

impl Doors {
    /// Hands in a file, which is no JSON.
    async fn call_with_file(&mut self, call: &str, text: &'static str) -> Value {
        let (method, path) = call.split_once(' ').expect("METHOD /path");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.officer_token))
            .body(Body::from(text))
            .expect("a request");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        self.check(method, path, &Value::Null, &answer);
        answer.json()
    }

    /// Takes a file out, which is no JSON either.
    async fn get_file(&mut self, by: Who, path: &str) {
        let request = match by {
            Who::Bank => self.bank.request("GET", path, &Value::Null),
            _ => self.person_request(&self.officer_token, "GET", path, &Value::Null),
        };
        let answer = self.send(request).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"the payer's letter"[..]));
        let template = self.template_of(path);
        self.checked.insert(("get".to_owned(), template, 200));
    }
}

/// What operators look at, and an attempt that nobody can say anything of.
async fn operations_and_attempts(doors: &mut Doors, invoice: &str) {
    use Who::{Approver, Officer, Portal};
    let nothing = Value::Null;
    doors.call(Approver, "GET /v1/sweeps", &nothing, 200).await;
    doors.call(Portal, "GET /v1/sweeps", &nothing, 401).await;
    doors.call(Approver, "POST /v1/sweeps/attempt.query", &nothing, 202).await;
    doors.call(Approver, "POST /v1/sweeps/none", &nothing, 404).await;
    let exchanges = "GET /v1/partners/samplebank/exchanges";
    doors.call(Approver, exchanges, &nothing, 200).await;
    doors.call(Approver, &format!("{exchanges}?order=1"), &nothing, 200).await;
    doors.call(Approver, &format!("{exchanges}?colour=red"), &nothing, 422).await;
    sqlx::query(
        "insert into certification (certification_id, partner, dialect, channel, version, run_by,
                                    run_at, cases, passed)
         values (gen_random_uuid(), 'samplebank', 'payos', 'bank_transfer', '1', 'cli/an', now(),
                 '[{\"check\":\"a\",\"result\":\"fail\",\"seen\":\"b\",\"mend\":\"c\"}]', false)",
    )
    .execute(&doors.app.pool)
    .await
    .expect("a run");
    let certifications = "GET /v1/partners/samplebank/certifications";
    doors.call(Approver, certifications, &nothing, 200).await;
    doors.call(Officer, certifications, &nothing, 403).await;
    let owner = doors.scratch.owner().await;
    let attempt: uuid::Uuid = sqlx::query_scalar(
        "insert into attempt (attempt_id, invoice_id, partner, reference, amount, currency,
                              created_at, expires_at, status, status_since)
         values (gen_random_uuid(), $1::uuid, 'samplebank', 'R-1', 150000, 'VND',
                 now() - interval '9 hours', now() - interval '8 hours', 'unknown', now())
         returning attempt_id",
    )
    .bind(invoice)
    .fetch_one(&owner)
    .await
    .expect("an attempt");
    owner.close().await;
    let path = format!("POST /v1/attempts/{attempt}/resolution");
    doors.call(Officer, &path, &json!({ "as": "paid", "reason": "x" }), 422).await;
    let failed = json!({ "as": "failed", "reason": "the bank's desk: no debit" });
    doors.call(Officer, &path, &failed, 202).await;
    doors.call(Officer, &path, &failed, 409).await;
    doors.call(Officer, "POST /v1/attempts/none/resolution", &failed, 404).await;
}

/// The body by which the approver decides on what waits.
async fn decision(doors: &mut Doors, waits: &Value) -> Value {
    let path = format!("GET /v1/approvals/{}", text(waits, "approval"));
    let seen = doors.call(Who::Approver, &path, &Value::Null, 200).await;
    json!({ "content_hash": seen["content_hash"] })
}

/// A run of an invoice of its own.
async fn run_of(doors: &mut Doors, dossier: &str) -> (Value, String) {
    use Who::{Bank, Officer, Portal};
    let paid = doors.call(Portal, "POST /v1/invoices", &fee(dossier, "70000"), 201).await;
    let credit = json!({
        "transaction_id": dossier, "account": "0011009988776", "memo": text(&paid, "code"),
        "amount": { "amount": "70000", "currency": "VND" },
        "value_time": "2026-01-05T09:00:00+07:00",
    });
    let settled = doors.call(Bank, "POST /v1/settlements", &credit, 201).await;
    let id = text(&settled, "id").parse().expect("an id");
    let id = payclear::vocabulary::ids::SettlementId(id);
    let mut tx = doors.app.pool.begin().await.expect("a transaction");
    let (books, now) = (&doors.app.accounts, SystemClock.now());
    payclear::settlements::bank::confirm_in(&mut tx, books, id, None, "an officer", now)
        .await
        .expect("seen in the bank");
    tx.commit().await.expect("a commit");
    let until = doors.app.accounts.day_of(SystemClock.now()).0;
    let wanted = json!({ "account": "0011009988776", "until": until });
    let run = doors.call(Officer, "POST /v1/payovers", &wanted, 201).await;
    let path = format!("/v1/payovers/{}", text(&run, "id"));
    let transfer = text(&run["transfers"][0], "id");
    let items = format!("GET {path}/transfers/{transfer}/items");
    doors.call(Officer, &items, &Value::Null, 200).await;
    doors.call(Officer, &format!("{items}?limit=0"), &Value::Null, 422).await;
    doors.call(Officer, &format!("GET {path}/transfers/none/items"), &Value::Null, 404).await;
    (run, path)
}

/// What is paid over, and positions.
async fn payovers(doors: &mut Doors) {
    use Who::{Approver, Bank, Officer, Portal};
    let nothing = Value::Null;
    let (run, path) = run_of(doors, "P-1").await;
    doors.call(Officer, "POST /v1/payovers", &json!({ "account": "none" }), 409).await;
    doors.call(Officer, "POST /v1/payovers", &json!({ "accounts": "none" }), 422).await;
    doors.call(Officer, "GET /v1/payovers?status=prepared&limit=1", &nothing, 200).await;
    doors.call(Officer, "GET /v1/payovers?status=lost", &nothing, 422).await;
    doors.call(Officer, &format!("GET {path}"), &nothing, 200).await;
    doors.call(Officer, "GET /v1/payovers/none", &nothing, 404).await;
    doors.call(Officer, &format!("GET {path}/pain001"), &nothing, 409).await;
    let yes = decision(doors, &run).await;
    doors.call(Officer, &format!("POST {path}/approve"), &yes, 403).await;
    doors.call(Approver, &format!("POST {path}/approve"), &yes, 200).await;
    doors.call(Approver, &format!("POST {path}/approve"), &yes, 409).await;
    doors.call(Officer, &format!("GET {path}/pain001?version=09"), &nothing, 200).await;
    doors.call(Officer, &format!("GET {path}/pain001?version=10"), &nothing, 422).await;
    doors.call(Officer, &format!("GET {path}/csv"), &nothing, 200).await;
    let confirm = format!("POST {path}/confirm");
    let word = json!({ "as": "confirmed", "value_date": "2026-01-06" });
    doors.call(Officer, &confirm, &word, 409).await;
    doors.call(Officer, &format!("POST {path}/sent"), &nothing, 200).await;
    doors.call(Approver, &format!("POST {path}/sent"), &nothing, 403).await;
    doors.call(Officer, &confirm, &json!({ "as": "lost" }), 422).await;
    doors.call(Officer, &confirm, &word, 202).await;
    let (run, path) = run_of(doors, "P-2").await;
    let yes = decision(doors, &run).await;
    doors.call(Approver, &format!("POST {path}/approve"), &yes, 200).await;
    let reason = json!({ "reason": "another day" });
    doors.call(Officer, &format!("POST {path}/withdraw"), &reason, 200).await;
    doors.call(Officer, &format!("POST {path}/withdraw"), &reason, 409).await;
    doors.call(Bank, "GET /v1/positions", &nothing, 200).await;
    doors.call(Officer, "GET /v1/positions", &nothing, 200).await;
    doors.call(Portal, "GET /v1/positions", &nothing, 403).await;
}

/// Yesterday, on which nothing was, is closed and asked to be opened again.
async fn days(doors: &mut Doors) {
    use Who::{Approver, Officer};
    let nothing = Value::Null;
    let today = doors.app.accounts.day_of(SystemClock.now()).0;
    let day = today.pred_opt().expect("a day");
    let owner = doors.scratch.owner().await;
    let opened =
        "insert into business_day (day, opened_at, status_since) values ($1, now(), now())";
    sqlx::query(opened).bind(day).execute(&owner).await.expect("a day");
    let of = |rest: &str| format!("/v1/days/{day}{rest}");
    doors.call(Officer, "GET /v1/days?limit=1", &nothing, 200).await;
    doors.call(Officer, "GET /v1/days?limit=0", &nothing, 422).await;
    doors.call(Officer, &format!("GET {}", of("")), &nothing, 200).await;
    doors.call(Officer, &format!("GET /v1/days/{today}"), &nothing, 200).await;
    doors.call(Officer, "GET /v1/days/1999-01-01", &nothing, 404).await;
    doors.call(Officer, &format!("POST /v1/days/{today}/prepare"), &nothing, 409).await;
    doors.call(Approver, &format!("POST {}", of("/prepare")), &nothing, 403).await;
    doors.call(Officer, &format!("GET {}", of("/snapshot")), &nothing, 404).await;
    for verdict in ["/reject", "/approve"] {
        let waits = doors.call(Officer, &format!("POST {}", of("/prepare")), &nothing, 202).await;
        let yes = decision(doors, &waits).await;
        doors.call(Officer, &format!("POST {}", of(verdict)), &yes, 403).await;
        doors.call(Approver, &format!("POST {}", of(verdict)), &yes, 200).await;
        doors.call(Approver, &format!("POST {}", of(verdict)), &yes, 409).await;
    }
    doors.call(Officer, &format!("GET {}", of("/snapshot")), &nothing, 200).await;
    doors.call(Officer, &format!("GET {}", of("/snapshot?revision=x")), &nothing, 422).await;
    doors.call(Officer, &format!("GET {}", of("/sheet")), &nothing, 200).await;
    doors.call(Officer, &format!("GET {}", of("/sheet.pdf")), &nothing, 200).await;
    let reopen = format!("POST {}", of("/reopen"));
    doors.call(Officer, &reopen, &json!({ "reason": "" }), 422).await;
    doors.call(Officer, &reopen, &json!({ "reason": "forgotten" }), 202).await;
    doors.call(Officer, &reopen, &json!({ "reason": "forgotten" }), 409).await;
    doors.call(Officer, "POST /v1/days/1999-01-05/lock-month", &nothing, 409).await;
    sqlx::raw_sql(
        "set session_replication_role = replica;
         insert into ledger.closed_day (day, revision, closed_at, closed_by)
             values ('1999-01-31', 1, now(), 'test');
         insert into day_snapshot (day, revision, preparation_id, seal, seal_hash, signature, key_id,
                                   closed_at)
             values ('1999-01-31', 1, gen_random_uuid(), '{}', sha256('{}'),
                     decode(repeat('00', 64), 'hex'), 'none', now())",
    )
    .execute(&owner)
    .await
    .expect("a month that is over");
    owner.close().await;
    doors.call(Officer, "POST /v1/days/1999-01-05/lock-month", &nothing, 202).await;
}

/// The receipt of the payment, what officers do with it, and the open figures.
async fn receipts_and_statistics(doors: &mut Doors) {
    use Who::{Bank, Officer, Portal};
    let nothing = Value::Null;
    let issued = doors.call(Portal, "POST /v1/invoices", &fee("D-90", "90000"), 201).await;
    let invoice = text(&issued, "id");
    let credit = json!({
        "transaction_id": "T-90", "account": "0011009988776", "memo": issued["code"],
        "amount": { "amount": "90000", "currency": "VND" },
        "value_time": "2026-01-05T08:00:00+07:00",
    });
    doors.call(Bank, "POST /v1/settlements", &credit, 201).await;
    let of_invoice = format!("GET /v1/invoices/{invoice}/receipt");
    doors.call(Portal, &of_invoice, &nothing, 404).await;
    let receipts = doors.app.receipts();
    let directory = doors.app.directory.current();
    crate::support::sequenced(&doors.app.pool, &doors.app.clock).await;
    receipts.number(&directory, "test").await.expect("it numbers");
    doors.call(Portal, &of_invoice, &nothing, 200).await;
    let page = doors
        .call(Officer, "GET /v1/receipts?agency=G01&status=valid&limit=5", &nothing, 200)
        .await;
    let receipt = &page["receipts"][0];
    let one = format!("/v1/receipts/{}", text(receipt, "id"));
    doors.call(Officer, &format!("GET {one}"), &nothing, 200).await;
    doors.call(Officer, &format!("GET {one}/pdf"), &nothing, 200).await;
    doors.call(Officer, "GET /v1/receipts?day=today", &nothing, 422).await;
    doors.call(Officer, "GET /v1/receipts/none", &nothing, 404).await;
    let report = format!("GET /v1/receipts/report?agency=G01.A&day={}", text(receipt, "day"));
    doors.call(Officer, &report, &nothing, 200).await;
    doors.call(Officer, "GET /v1/receipts/report?agency=G01.A&day=x", &nothing, 422).await;
    doors.call(Officer, "GET /v1/receipts/gaps", &nothing, 200).await;
    let named = json!({ "reason": "wrong name", "payer_name": "Nguyễn Mẫu" });
    doors.call(Officer, &format!("POST {one}/replace"), &named, 202).await;
    doors.call(Officer, &format!("POST {one}/replace"), &named, 409).await;
    doors.call(Officer, &format!("POST {one}/cancel"), &json!({ "reason": "" }), 422).await;
    doors.call(Officer, &format!("POST {one}/cancel"), &json!({ "reason": "x" }), 202).await;
    doors.app.statistics().collect("test").await.expect("it counts");
    doors.call(Portal, "GET /v1/statistics?by=day", &nothing, 200).await;
    doors.call(Portal, "GET /v1/statistics?by=payer", &nothing, 422).await;
}

/// A notice of the payment that nobody took.
async fn park_notice(doors: &Doors, endpoint: &str, invoice: &str, history: &Value) {
    let events = history["events"].as_array().expect("events");
    let step = events.iter().find(|e| e["type"] == "invoice.paid").expect("it is paid");
    let sequence = step["sequence"].as_i64().and_then(|n| i32::try_from(n).ok());
    let owner = doors.scratch.owner().await;
    sqlx::query(
        "insert into delivery (endpoint_id, invoice_id, sequence, delivery_id, portal, kind, state,
                               tries, first_at, last_at, last_status, last_error)
         values ($1::uuid, $2::uuid, $3, $2::uuid, 'dvc-mau', 'invoice.paid', 'parked', 10,
                 now(), now(), 503, 'busy')",
    )
    .bind(endpoint)
    .bind(invoice)
    .bind(sequence.expect("a number"))
    .execute(&owner)
    .await
    .expect("a delivery");
    owner.close().await;
}

/// A role is lent and taken back; a refund is asked for and withdrawn.
async fn lent_and_withdrawn(doors: &mut Doors) {
    use Who::{Approver, Bank, Officer, Portal};
    let nothing = Value::Null;
    let today = doors.app.accounts.day_of(SystemClock.now()).0;
    let lent = json!({
        "receiver": "chi@example.vn", "role": "officer", "scope": "*", "from": today, "until": today,
        "reason": "nghỉ phép",
    });
    let waits = doors.call(Officer, "POST /v1/delegations", &lent, 202).await;
    let yes = decision(doors, &waits).await;
    let approve = format!("POST /v1/approvals/{}/approve", text(&waits, "approval"));
    doors.call(Approver, &approve, &yes, 200).await;
    let list = doors.call(Officer, "GET /v1/delegations", &nothing, 200).await;
    let end = format!("POST /v1/delegations/{}/end", text(&list["delegations"][0], "id"));
    doors.call(Officer, &end, &nothing, 204).await;

    let paid = doors.call(Portal, "POST /v1/invoices", &fee("W-1", "50000"), 201).await;
    let credit = json!({
        "transaction_id": "W-1", "account": "0011009988776", "memo": paid["code"],
        "amount": { "amount": "50000", "currency": "VND" },
        "value_time": "2026-01-05T08:00:00+07:00",
    });
    doors.call(Bank, "POST /v1/settlements", &credit, 201).await;
    let all = json!({ "amount": "50000", "currency": "VND" });
    let back = json!({ "amount": all, "refundable": all, "reason": "rút hồ sơ" });
    let ask = format!("POST /v1/invoices/{}/refunds", text(&paid, "id"));
    let refund = doors.call(Portal, &ask, &back, 201).await;
    let withdraw = format!("POST /v1/refunds/{}/withdraw", text(&refund, "id"));
    doors.call(Portal, &withdraw, &json!({}), 200).await;
}
