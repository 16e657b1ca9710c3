//! A town: the whole service in this process, with a database, queues and a clock of its own.
//!
//! When a town goes, what must always hold is asserted: the ledger is recomputed and balances, the
//! chain of events is whole, no message is left unsent, none is parked that was not meant to be.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use payclear::app::{App, Role};
use payclear::approvals::propose::{self, Making};
use payclear::approvals::{endpoints, partners};
use payclear::callers::keys;
use payclear::commands::verify;
use payclear::platform::audit::By;
use payclear::platform::broker;
use payclear::platform::database;
use payclear::platform::seal::{MasterKey, MasterKeys};
use payclear::platform::settings::{BrokerSettings, Settings};
use payclear::portals::endpoint;
use payclear::registers::caller::{Caller as Whose, CallerKind, KeyPurpose};
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::ids::ApprovalId;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::caller::{Answer, Caller, TurnedClock, answer, http};
use super::cluster::{at, cluster, drop_database, fresh_database};
use super::people::Person;
use super::proxy::Line;
use super::simulators::{Simulators, dong};
use super::wait::until;

/// Base64 of 32 bytes; it seals nothing but tests.
pub const MASTER_KEY: &str = "dGhlIG1hc3RlciBrZXkgb2YgdGhlc2UgdGVzdHMgISE=";
pub const PORTAL: &str = "dvc-mau";
pub const AGENCY: &str = "G01.A";
pub const PROCEDURE: &str = "1.001193";
/// The collecting account of the bank that settles by the signed API.
pub const ACCOUNT: &str = "0011009988776";
/// The collecting account of the bank that settles by its webhook.
pub const PAYOS_ACCOUNT: &str = "1200099887766";

/// What a town is made of.
pub struct Plan {
    pub roles: &'static [Role],
    pub with_simulators: bool,
    pub amqp_url: Option<String>,
    /// Changes to the settings, as JSON: section to fields.
    pub settings: Value,
}

pub struct Town {
    pub name: String,
    pub url: String,
    pub app: App,
    pub pool: PgPool,
    pub clock: Arc<TurnedClock>,
    pub portal: Caller,
    pub bank: Caller,
    pub http: reqwest::Client,
    pub approver: OnceCell<Person>,
    simulators: Option<Simulators>,
    relays: bool,
    parked: AtomicU32,
    unsent: AtomicBool,
    doors: CancellationToken,
    running: Vec<JoinHandle<()>>,
    replicas: Vec<App>,
}

impl Town {
    /// The doors alone: nothing is relayed, nobody is called.
    pub async fn doors() -> Self {
        Self::of(Plan { roles: &[], with_simulators: false, amqp_url: None, settings: json!({}) })
            .await
    }

    /// Everything, with the simulators around it.
    pub async fn whole() -> Self {
        Self::whole_with(json!({})).await
    }

    pub async fn whole_with(settings: Value) -> Self {
        Self::of(Plan {
            roles: &[Role::Relay, Role::Dispatch, Role::Notices, Role::Clock],
            with_simulators: true,
            amqp_url: None,
            settings,
        })
        .await
    }

    pub async fn of(plan: Plan) -> Self {
        Self::of_at(plan, None).await
    }

    /// The same; the service itself reaches its database over a line.
    pub async fn of_at(plan: Plan, line: Option<&Line>) -> Self {
        let name = fresh_database().await;
        let database_url = at(&cluster().application_url, &name);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let clock = Arc::new(TurnedClock::default());
        let http = http();
        let pool = database::open(&database_url, 4).await.expect("the application's database");
        let maker = Maker {
            pool: &pool,
            keys: master_keys(),
            http: &http,
            url: &url,
            clock: &clock,
            making: Making::Bootstrap,
        };
        let portal = maker.caller(CallerKind::Portal, PORTAL).await;
        let bank = maker.caller(CallerKind::Partner, "directbank").await;
        let mut simulators = None;
        if plan.with_simulators {
            let started = Simulators::start(&http, &url, &bank).await;
            maker.endpoint(&started).await;
            simulators = Some(started);
        }
        let banks = simulators.as_ref().map_or("http://127.0.0.1:9", |s| s.url.as_str());
        for (partner, settings) in Simulators::settings(banks) {
            maker.configure(partner, &settings).await;
        }
        let amqp_url = plan.amqp_url.unwrap_or_else(|| cluster().amqp_url.clone());
        let database_url = line.map_or(database_url.clone(), |line| line.instead_of(&database_url));
        let mut settings = json!({
            "mode": "development",
            "database": { "url": database_url, "connections": 10 },
            "broker": { "url": amqp_url, "prefix": format!("{name}.") },
            "http": { "listen": "127.0.0.1:0", "public_url": url },
            "clearing": { "standing_partner": "samplebank", "sweep_milliseconds": 100 },
        });
        for (section, fields) in plan.settings.as_object().expect("sections") {
            for (field, value) in fields.as_object().expect("fields") {
                settings[section][field] = value.clone();
            }
        }
        let settings: Settings = serde_json::from_value(settings).expect("settings");
        let app = App::open(settings, master_keys(), clock.clone()).await.expect("it opens");
        let doors = CancellationToken::new();
        let service = app.router().into_make_service_with_connect_info::<SocketAddr>();
        let serving =
            axum::serve(listener, service).with_graceful_shutdown(doors.clone().cancelled_owned());
        let mut running = vec![tokio::spawn(async move {
            serving.await.expect("it serves");
        })];
        let (working, roles) = (app.clone(), plan.roles);
        running.push(tokio::spawn(async move {
            working.run(roles).await.expect("it works");
        }));
        Self {
            name,
            url,
            app,
            pool,
            clock,
            portal,
            bank,
            http,
            approver: OnceCell::new(),
            simulators,
            relays: plan.roles.contains(&Role::Relay),
            parked: AtomicU32::new(0),
            unsent: AtomicBool::new(false),
            doors,
            running,
            replicas: Vec::new(),
        }
    }

    /// Another replica's doors, on the same database and behind the same public address; where it
    /// listens.
    pub async fn replica(&mut self) -> String {
        let settings = self.app.settings.as_ref().clone();
        let app = App::open(settings, master_keys(), self.clock.clone()).await.expect("it opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let service = app.router().into_make_service_with_connect_info::<SocketAddr>();
        let ended = self.doors.clone().cancelled_owned();
        let serving = axum::serve(listener, service).with_graceful_shutdown(ended);
        self.running.push(tokio::spawn(async move {
            serving.await.expect("it serves");
        }));
        self.replicas.push(app);
        address
    }

    /// Tells a partner's dialect other settings.
    pub async fn configure(&self, partner: &str, settings: &Value) {
        self.maker().configure(partner, settings).await;
        self.app.directory.refresh().await.expect("the registers");
    }

    /// Another caller of this town.
    pub async fn caller(&self, kind: CallerKind, code: &str) -> Caller {
        self.caller_with(kind, code, KeyPurpose::Sign).await
    }

    /// A caller with a key of that purpose.
    pub async fn caller_with(&self, kind: CallerKind, code: &str, purpose: KeyPurpose) -> Caller {
        let mut maker = self.maker();
        // From the first approval on a key needs one too.
        if self.approver.initialized() {
            maker.making = Making::Pending;
        }
        let (made, approval) = maker.caller_that_waits(kind, code, purpose).await;
        if let Some(approval) = approval {
            self.approve(&approval.to_string()).await;
        }
        self.app.directory.refresh().await.expect("the registers");
        made
    }

    /// This town's database, as who may do anything.
    pub async fn owner(&self) -> PgPool {
        let url = at(&cluster().owner_url, &self.name);
        PgPool::connect(&url).await.expect("the owner's database")
    }

    fn maker(&self) -> Maker<'_> {
        Maker {
            pool: &self.pool,
            keys: master_keys(),
            http: &self.http,
            url: &self.url,
            clock: &self.clock,
            making: Making::Bootstrap,
        }
    }

    pub fn simulators(&self) -> &Simulators {
        self.simulators.as_ref().expect("a town with simulators")
    }

    /// Works in more roles from now on.
    pub fn also_runs(&mut self, roles: &'static [Role]) {
        let app = self.app.clone();
        self.running.push(tokio::spawn(async move {
            app.run(roles).await.expect("it works");
        }));
    }

    /// So many messages are parked at the end, on purpose.
    pub fn parks(&self, count: u32) {
        self.parked.store(count, Ordering::SeqCst);
    }

    /// Messages are left unsent, on purpose.
    pub fn leaves_messages(&self) {
        self.unsent.store(true, Ordering::SeqCst);
    }

    // ---- what a portal does ----

    /// A request for an invoice of one line.
    pub fn fee(dossier: &str, amount: u64) -> Value {
        json!({
            "dossier": dossier, "agency": AGENCY, "procedure": PROCEDURE,
            "payer": { "name": "Nguyễn Thị Minh An", "id_number": "001199012345" },
            "lines": [{
                "kind": "phi", "name": "Phí thử", "sub_item": "2716",
                "amount": { "amount": amount.to_string(), "currency": "VND" },
            }],
        })
    }

    /// Issues a fee of this amount for a dossier of its own.
    pub async fn issue(&self, amount: u64) -> Value {
        self.issue_with(amount, &json!({})).await
    }

    pub async fn issue_with(&self, amount: u64, more: &Value) -> Value {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let dossier = format!("HS-{:05}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut body = Self::fee(&dossier, amount);
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        self.portal.post("/v1/invoices", &body).await.expect(201)
    }

    pub async fn read(&self, invoice: &Value) -> Value {
        self.portal.get(&format!("/v1/invoices/{}", text(invoice, "id"))).await.expect(200)
    }

    pub async fn status(&self, invoice: &Value) -> String {
        text(&self.read(invoice).await, "status").to_owned()
    }

    pub async fn wait_for(&self, invoice: &Value, status: &str) {
        let what = format!("invoice {} to be {status}", text(invoice, "code"));
        until(&what, || async { self.status(invoice).await == status }).await;
    }

    pub async fn cancel(&self, invoice: &Value) -> Answer {
        let path = format!("/v1/invoices/{}/cancel", text(invoice, "id"));
        self.portal.post(&path, &json!({ "reason": "withdrawn" })).await
    }

    // ---- what the plain bank does ----

    /// The bank's word that this came in, with a time of the town's clock.
    pub fn credit(&self, transaction: &str, amount: u64, memo: &str) -> Value {
        json!({
            "transaction_id": transaction, "account": ACCOUNT, "memo": memo,
            "amount": { "amount": amount.to_string(), "currency": "VND" },
            "value_time": "2026-01-15T03:00:00Z",
        })
    }

    /// Reports a credit and gives its outcome.
    pub async fn settle(&self, transaction: &str, amount: u64, memo: &str) -> String {
        let body = self.credit(transaction, amount, memo);
        let settled = self.bank.post("/v1/settlements", &body).await.expect(201);
        text(&settled, "outcome").to_owned()
    }

    pub async fn reverse(&self, transaction: &str, by: &str) -> Answer {
        let path = format!("/v1/settlements/{transaction}/reversal");
        self.bank.post(&path, &json!({ "transaction_id": by, "reason": "recalled" })).await
    }

    // ---- what stands in the books ----

    /// Balances that are not zero: kind and owner to đồng, debit positive.
    pub async fn balances(&self) -> BTreeMap<String, i64> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "select kind, owner, sum(amount)::bigint from ledger.balance
              group by kind, owner having sum(amount) <> 0",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the balances");
        rows.into_iter().map(|(kind, owner, sum)| (format!("{kind} {owner}"), sum)).collect()
    }

    /// Asserts the whole ledger.
    #[track_caller]
    pub fn books<'t>(&'t self, expected: &[(&str, i64)]) -> impl Future<Output = ()> + 't {
        let place = std::panic::Location::caller();
        let expected: BTreeMap<String, i64> =
            expected.iter().map(|(account, sum)| ((*account).to_owned(), *sum)).collect();
        async move { assert_eq!(self.balances().await, expected, "books at {place}") }
    }

    /// Cases by code and state, in the order in which they were opened.
    pub async fn cases(&self) -> Vec<String> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "select code, state, amount::bigint from break_case order by opened_at, break_id",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the cases");
        rows.into_iter().map(|(code, state, amount)| format!("{code} {amount} {state}")).collect()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let statement = format!("select count(*) from {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(&self.pool)
            .await
            .expect("a count")
    }

    /// What is booked of what partners reported, in đồng.
    pub async fn money_booked(&self) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(amount), 0)::bigint from settlement where outcome <> 'noted'",
        )
        .fetch_one(&self.pool)
        .await
        .expect("a sum")
    }

    /// What was told to the portal of an invoice and had an effect there, in order of its steps.
    pub async fn told(&self, invoice: &Value) -> Vec<String> {
        let mut told: Vec<(i64, String)> = self
            .simulators()
            .notices()
            .await
            .iter()
            .filter(|n| n["effect"] == true && n["body"]["code"] == invoice["code"])
            .map(|n| {
                (n["body"]["sequence"].as_i64().unwrap_or(0), text(&n["body"], "type").to_owned())
            })
            .collect();
        told.sort();
        told.into_iter().map(|(_, kind)| kind).collect()
    }

    pub async fn wait_until_told(&self, invoice: &Value, expected: &[&str]) {
        let what = format!("the portal to be told {expected:?} of {}", text(invoice, "code"));
        until(&what, || async { self.told(invoice).await == expected }).await;
    }

    /// What a payer's browser gets.
    pub async fn browse(&self, address: &str) -> Answer {
        answer(self.http.get(address)).await.expect("a page")
    }
}

pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

/// The amount of a `{amount, currency}`.
pub fn money(value: &Value) -> i64 {
    dong(&value["amount"])
}

pub fn master_keys() -> MasterKeys {
    MasterKeys::new(MasterKey::from_base64(MASTER_KEY).expect("a key"), Vec::new())
}

/// What an operator does at the command line.
pub struct Maker<'t> {
    pub pool: &'t PgPool,
    pub keys: MasterKeys,
    pub http: &'t reqwest::Client,
    pub url: &'t str,
    pub clock: &'t Arc<TurnedClock>,
    pub making: Making,
}

impl Maker<'_> {
    fn by(&self) -> propose::Maker<'static> {
        let by = By { actor: "tests", at: self.clock.now() };
        propose::Maker { by, making: self.making }
    }

    pub async fn caller(&self, kind: CallerKind, code: &str) -> Caller {
        self.caller_that_waits(kind, code, KeyPurpose::Sign).await.0
    }

    /// A caller, and the approval that its key waits for.
    pub async fn caller_that_waits(
        &self,
        kind: CallerKind,
        code: &str,
        purpose: KeyPurpose,
    ) -> (Caller, Option<ApprovalId>) {
        let whose = Whose { kind, code: code.to_owned() };
        let made = keys::make(self.pool, &self.keys, self.by(), &whose, purpose);
        let made = made.await.expect("a key");
        let caller = Caller {
            http: self.http.clone(),
            url: self.url.to_owned(),
            key_id: made.key_id,
            secret: made.secret.expose().to_vec(),
            clock: Arc::clone(self.clock),
        };
        (caller, made.approval)
    }

    pub async fn configure(&self, partner: &str, settings: &Value) {
        let settings = settings.to_string();
        partners::configure(self.pool, &self.keys, self.by(), partner, settings.as_bytes())
            .await
            .expect("the partner's settings");
    }

    /// The portal's endpoint at the reference portal, which is given its secret.
    pub async fn endpoint(&self, simulators: &Simulators) {
        let url = format!("{}/portal/{PORTAL}/notices", simulators.url);
        let url = url.parse().expect("an address");
        let made = endpoints::add(self.pool, &self.keys, self.by(), PORTAL, &url);
        let secret = endpoint::secret_text(&made.await.expect("an endpoint").0.secret);
        let given = json!({ "secrets": [secret] });
        let answer = simulators.post(&format!("/portal/{PORTAL}/secrets"), &given).await;
        assert_eq!(answer.status, 204);
    }
}

/// What is left when a town goes, moved to a thread of its own.
struct Remains {
    name: String,
    app: App,
    relays: bool,
    parked: u32,
    unsent: bool,
    failed: bool,
    doors: CancellationToken,
    running: Vec<JoinHandle<()>>,
    replicas: Vec<App>,
}

impl Drop for Town {
    fn drop(&mut self) {
        let remains = Remains {
            name: self.name.clone(),
            app: self.app.clone(),
            relays: self.relays,
            parked: self.parked.load(Ordering::SeqCst),
            unsent: self.unsent.load(Ordering::SeqCst),
            failed: std::thread::panicking(),
            doors: self.doors.clone(),
            running: std::mem::take(&mut self.running),
            replicas: std::mem::take(&mut self.replicas),
        };
        let simulators = self.simulators.take();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(remains.end());
        });
        let ended = ended.join();
        drop(simulators);
        if let (Err(why), false) = (ended, std::thread::panicking()) {
            std::panic::resume_unwind(why);
        }
    }
}

impl Remains {
    async fn end(mut self) {
        let database_url = at(&cluster().application_url, &self.name);
        let pool = database::open(&database_url, 2).await.expect("the application's database");
        let mut wrong = Vec::new();
        if self.relays && !self.failed && !self.unsent {
            let unsent = outbox_empties(&pool).await;
            if unsent > 0 {
                wrong.push(format!("{unsent} messages are left unsent"));
            }
        }
        self.app.stop.cancel();
        self.doors.cancel();
        for task in std::mem::take(&mut self.running) {
            let ended = tokio::time::timeout(Duration::from_secs(20), task).await;
            if ended.is_err() {
                wrong.push("the service does not stop".to_owned());
            }
        }
        if !self.failed {
            let report = verify::verify(&pool).await.expect("the ledger is recomputed");
            if !report.holds {
                wrong.push(format!("verify: {report:?}"));
            }
        }
        if self.relays {
            let directory = self.app.directory.current();
            let partners: Vec<String> =
                directory.partners().iter().map(|p| p.code.clone()).collect();
            let parked = clear_queues(&self.app.settings.broker, &partners).await;
            if parked != self.parked && !self.failed {
                wrong.push(format!("{parked} messages are parked, not {}", self.parked));
            }
        }
        for app in self.replicas.iter().chain([&self.app]) {
            app.pool.close().await;
        }
        pool.close().await;
        drop_database(&self.name).await;
        assert!(wrong.is_empty(), "at the end of the town: {}", wrong.join("; "));
    }
}

async fn outbox_empties(pool: &PgPool) -> i64 {
    let began = tokio::time::Instant::now();
    loop {
        let unsent: i64 = sqlx::query_scalar("select count(*) from outbox")
            .fetch_one(pool)
            .await
            .expect("a count");
        if unsent == 0 || began.elapsed() > Duration::from_secs(15) {
            return unsent;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Takes away the queues and exchanges of a town; how many messages were parked.
pub async fn clear_queues(settings: &BrokerSettings, partners: &[String]) -> u32 {
    let connection = broker::connect(settings, "tests").await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let mut parked = 0;
    let mut queues: Vec<String> =
        broker::topology(partners).into_iter().map(|(queue, _)| queue).collect();
    queues.push("parked.v1".to_owned());
    for queue in queues {
        let name = broker::named(settings, &queue);
        let left = channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await;
        if queue == "parked.v1" {
            parked = left.unwrap_or(0);
        }
    }
    for exchange in ["payclear.events", "payclear.parked"] {
        let name = broker::named(settings, exchange);
        let options = ExchangeDeleteOptions::default();
        drop(channel.exchange_delete(name.as_str().into(), options).await);
    }
    drop(connection.close(200, "bye".into()).await);
    parked
}
