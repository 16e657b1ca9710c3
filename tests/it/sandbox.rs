//! The sandbox: behind the same address, apart in everything else, with a bank that does what the
//! amount says.

use std::sync::Arc;

use payclear::app::{App, Role, StartError};
use payclear::approvals::people::{self, Drawing};
use payclear::approvals::propose::{self, Making};
use payclear::partners::dialects::test_bank::{Giving, Outcome};
use payclear::people::password::Hasher;
use payclear::people::totp;
use payclear::platform::audit::By;
use payclear::platform::database;
use payclear::platform::seal::MasterKeys;
use payclear::platform::settings::Settings;
use payclear::registers::caller::CallerKind;
use payclear::registers::import::import;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::realm::Realm;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::caller::{Caller, TurnedClock, answer_of, http};
use crate::support::cluster::{at, cluster, drop_database, fresh_database, root};
use crate::support::simulators::free_port;
use crate::support::town::{AGENCY, Maker, PORTAL, PROCEDURE, clear_queues, master_keys};
use crate::support::{text, until};

/// One of the two, as a test sees it.
struct Half {
    name: String,
    pool: PgPool,
    portal: Caller,
}

struct Both {
    url: String,
    http: reqwest::Client,
    clock: Arc<TurnedClock>,
    settings: Settings,
    live: Half,
    sandbox: Half,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

fn keys(realm: Realm) -> MasterKeys {
    master_keys().of(realm)
}

fn fee(dossier: &str, amount: u64) -> Value {
    json!({
        "dossier": dossier, "agency": AGENCY, "procedure": PROCEDURE,
        "payer": { "name": "Nguyễn Thị Minh An" },
        "lines": [{
            "kind": "phi", "name": "Phí thử", "sub_item": "2716",
            "amount": { "amount": amount.to_string(), "currency": "VND" },
        }],
    })
}

async fn half(realm: Realm, url: &str, clock: &Arc<TurnedClock>) -> Half {
    let name = fresh_database().await;
    let pool = database::open(&at(&cluster().application_url, &name), 4).await.expect("a pool");
    if realm == Realm::Sandbox {
        let by = By { actor: "tests", at: clock.now() };
        import(&pool, by, &root().join("registers/sandbox")).await.expect("the test bank");
    }
    let http = http();
    let maker = Maker {
        pool: &pool,
        keys: keys(realm),
        http: &http,
        url,
        clock,
        making: Making::Bootstrap,
    };
    let portal = maker.caller(CallerKind::Portal, PORTAL).await;
    Half { name, pool, portal }
}

impl Both {
    async fn open() -> Self {
        let url = format!("http://127.0.0.1:{}", free_port());
        let clock = Arc::new(TurnedClock::default());
        let live = half(Realm::Live, &url, &clock).await;
        let sandbox = half(Realm::Sandbox, &url, &clock).await;
        let settings = json!({
            "mode": "development",
            "database": { "url": at(&cluster().application_url, &live.name), "connections": 8 },
            "broker": { "url": cluster().amqp_url, "prefix": format!("{}.", live.name) },
            "http": { "listen": url.strip_prefix("http://"), "public_url": url },
            "clearing": { "sweep_milliseconds": 100 },
            "sandbox": { "database_url": at(&cluster().application_url, &sandbox.name) },
        });
        let settings: Settings = serde_json::from_value(settings).expect("settings");
        let app = App::open(settings.clone(), keys(Realm::Live), clock.clone());
        let app = app.await.expect("it opens");
        let stop = app.stop.clone();
        let running = tokio::spawn(async move { app.run(Role::ALL).await.expect("it works") });
        let both = Self { url, http: http(), clock, settings, live, sandbox, stop, running };
        until("the sandbox to be open", || async {
            let portal = &both.sandbox.portal;
            let letter = portal.sign("GET", "/v1/invoices?limit=1", None, b"");
            portal.try_send(&letter).await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
        both
    }

    /// Issues a fee of this amount in the sandbox.
    async fn try_out(&self, amount: u64) -> Value {
        self.sandbox
            .portal
            .post("/v1/invoices", &fee(&format!("T-{amount}"), amount))
            .await
            .expect(201)
    }

    async fn read(&self, invoice: &Value) -> Value {
        self.sandbox.portal.get(&format!("/v1/invoices/{}", text(invoice, "id"))).await.expect(200)
    }

    /// The kinds of steps of an invoice of the sandbox.
    async fn steps(&self, invoice: &Value) -> Vec<String> {
        let path = format!("/v1/invoices/{}/events", text(invoice, "id"));
        let told = self.sandbox.portal.get(&path).await.expect(200);
        let events = told["events"].as_array().expect("events").clone();
        events.iter().map(|event| text(event, "type").to_owned()).collect()
    }

    async fn wait_for_step(&self, invoice: &Value, kind: &str) {
        let what = format!("{kind} of {}", invoice["amount"]);
        until(&what, || async { self.steps(invoice).await.iter().any(|step| step == kind) }).await;
    }

    async fn wait_for(&self, invoice: &Value, status: &str) {
        let what = format!("{} to be {status}", invoice["amount"]);
        until(&what, || async { self.read(invoice).await["status"] == status }).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.expect("it stops");
        let partners: Vec<String> = sqlx::query_scalar("select code from partner")
            .fetch_all(&self.sandbox.pool)
            .await
            .expect("the partners");
        for settings in [self.settings.for_sandbox().expect("a sandbox"), self.settings] {
            assert_eq!(clear_queues(&settings.broker, &partners).await, 0, "nothing is parked");
        }
        for half in [self.live, self.sandbox] {
            half.pool.close().await;
            drop_database(&half.name).await;
        }
    }
}

async fn invoices(half: &Half) -> i64 {
    sqlx::query_scalar("select count(*) from invoice").fetch_one(&half.pool).await.expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_serves_both_and_neither_reaches_the_others_database() {
    let both = Both::open().await;
    assert!(both.sandbox.portal.key_id.starts_with("test_dvc-mau-"));
    assert!(both.live.portal.key_id.starts_with("dvc-mau-"));
    // The very same dossier, in both.
    let real = both.live.portal.post("/v1/invoices", &fee("HS-1", 50_001)).await.expect(201);
    let tried = both.sandbox.portal.post("/v1/invoices", &fee("HS-1", 60_001)).await.expect(201);
    assert_eq!((invoices(&both.live).await, invoices(&both.sandbox).await), (1, 1));
    for (caller, own, others) in
        [(&both.live.portal, &real, &tried), (&both.sandbox.portal, &tried, &real)]
    {
        let path = |invoice: &Value| format!("/v1/invoices/{}", text(invoice, "id"));
        caller.get(&path(own)).await.expect(200);
        caller.get(&path(others)).await.problem(404, "not-found");
    }
    // Who names one key and signs with the other's secret is nobody, on both sides.
    for (name, secret) in
        [(&both.live.portal, &both.sandbox.portal), (&both.sandbox.portal, &both.live.portal)]
    {
        let forged = Caller { secret: secret.secret.clone(), ..name.clone() };
        forged.get("/v1/invoices").await.problem(401, "unauthenticated");
        forged.post("/v1/invoices", &fee("HS-2", 50_001)).await.problem(401, "unauthenticated");
    }
    assert_eq!((invoices(&both.live).await, invoices(&both.sandbox).await), (1, 1));

    // Pay pages, each by its own token.
    let (live, test) = (text(&real, "pay_url"), text(&tried, "pay_url"));
    assert!(live.starts_with(&format!("{}/pay/PG", both.url)), "{live}");
    assert!(test.starts_with(&format!("{}/pay/test_PG", both.url)), "{test}");
    for (address, status) in [
        (live.to_owned(), 200),
        (test.to_owned(), 200),
        (live.replace("/pay/", "/pay/test_"), 404),
        (test.replace("/pay/test_", "/pay/"), 404),
    ] {
        assert_eq!(answer_of(both.http.get(&address)).await.status, status, "{address}");
    }
    // Partners: the path chooses, and nobody of the sandbox's bank is known live.
    for (path, status) in [
        ("/partners/testbank/webhook", 404),
        ("/partners/test_testbank/webhook", 400),
        ("/partners/test_nobody/webhook", 404),
    ] {
        let told = answer_of(both.http.post(format!("{}{path}", both.url)).body("{}")).await;
        assert_eq!(told.status, status, "{path}: {}", told.text());
    }
    both.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_the_sandbox_sign_in_there_and_nowhere_else() {
    let both = Both::open().await;
    let hasher = Hasher::default();
    let enter = async |half: &Half, realm: Realm, email: &str| {
        let by = By { actor: "tests", at: both.clock.now() };
        let sealing = keys(realm);
        let drawing = Drawing { hasher: &hasher, keys: &sealing };
        let roles = ["viewer".parse().expect("a grant")];
        let maker = propose::Maker::bootstrap(by);
        people::add(&half.pool, drawing, maker, (email, "An"), &roles).await
    };
    let refused = enter(&both.live, Realm::Live, "test_an@example.vn").await;
    assert!(refused.expect_err("refused").to_string().contains("begin with test_"));
    assert!(enter(&both.sandbox, Realm::Sandbox, "an@example.vn").await.is_err());
    for (half, realm, email) in [
        (&both.live, Realm::Live, "an@example.vn"),
        (&both.sandbox, Realm::Sandbox, "test_an@example.vn"),
    ] {
        let entered = enter(half, realm, email).await.expect("entered");
        let code = totp::code_of(&entered.drawn.totp, totp::step_at(both.clock.now()));
        let body = json!({
            "email": email, "password": entered.drawn.password.expose(), "totp": code,
        });
        let request = both.http.post(format!("{}/v1/sessions", both.url));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let signed_in = answer_of(request).await.expect(201);
        let token = text(&signed_in, "token");
        assert_eq!(Realm::of(token), realm);
        let read = async |token: &str| {
            answer_of(both.http.get(format!("{}/v1/session", both.url)).bearer_auth(token)).await
        };
        assert_eq!(read(token).await.expect(200)["email"], email);
        let other = token.strip_prefix("test_").map_or(format!("test_{token}"), str::to_owned);
        read(&other).await.problem(401, "not-signed-in");
    }
    both.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_opened_in_its_own_realm_only() {
    let url = "http://127.0.0.1:9";
    let clock = Arc::new(TurnedClock::default());
    let live = half(Realm::Live, url, &clock).await;
    let sandbox = half(Realm::Sandbox, url, &clock).await;
    for (half, wrong) in [(&live, Realm::Sandbox), (&sandbox, Realm::Live)] {
        let settings: Settings = serde_json::from_value(json!({
            "mode": "development", "broker": { "url": cluster().amqp_url },
            "database": { "url": at(&cluster().application_url, &half.name), "connections": 2 },
        }))
        .expect("settings");
        let opened = App::open(settings, keys(wrong), clock.clone()).await;
        assert!(matches!(opened, Err(StartError::OtherRealm(_))), "{wrong:?}");
    }
    // What one realm made and sealed is good for nothing in the other, whoever carries it over.
    let directory = payclear::registers::live::LiveDirectory::load(
        sandbox.pool.clone(),
        Arc::new(keys(Realm::Live)),
    )
    .await
    .expect("the registers")
    .current();
    assert!(directory.key(&sandbox.portal.key_id).is_none());
    let bank = directory.partner("testbank").expect("it is in the registers");
    assert!(bank.dialect.is_none(), "the test bank is not spoken to live");

    // A sandbox whose address leads to the live database stays shut; live goes on.
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let same = at(&cluster().application_url, &live.name).replace("127.0.0.1", "localhost");
    let settings: Settings = serde_json::from_value(json!({
        "mode": "development",
        "broker": { "url": cluster().amqp_url, "prefix": format!("{}.", live.name) },
        "database": { "url": at(&cluster().application_url, &live.name), "connections": 4 },
        "http": { "listen": format!("127.0.0.1:{port}"), "public_url": url },
        "sandbox": { "database_url": same },
    }))
    .expect("settings");
    // Not even its keys tell that it is the live one.
    let owner = PgPool::connect(&at(&cluster().owner_url, &live.name)).await.expect("the owner");
    sqlx::query("delete from caller_key").execute(&owner).await.expect("no keys");
    owner.close().await;
    let app = App::open(settings, keys(Realm::Live), clock.clone()).await.expect("it opens");
    let stop = app.stop.clone();
    let running = tokio::spawn(async move { app.run(&[Role::Api]).await.expect("it works") });
    let at_address = Caller { url: url.clone(), ..sandbox.portal.clone() };
    let letter = at_address.sign("GET", "/v1/invoices", None, b"");
    until("the live service to answer", || async { at_address.try_send(&letter).await.is_ok() })
        .await;
    let told = at_address.get("/v1/invoices").await.problem(503, "unavailable");
    assert_eq!(told["detail"], "the sandbox is not open");
    assert_eq!(answer_of(http().get(format!("{url}/readyz"))).await.status, 200);
    stop.cancel();
    running.await.expect("it stops");
    for half in [live, sandbox] {
        half.pool.close().await;
        drop_database(&half.name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_amount_chooses_the_outcome() {
    let both = Both::open().await;
    let mut all = Vec::new();
    for ending in 0..=10 {
        all.push(both.try_out(50_000 + ending).await);
    }
    for paid in [0, 5, 7, 9] {
        both.wait_for(&all[paid], "paid").await;
    }
    both.wait_for_step(&all[2], "attempt.failed").await;
    both.wait_for_step(&all[3], "attempt.unknown").await;
    both.wait_for_step(&all[4], "attempt.unknown").await;
    both.wait_for_step(&all[5], "payment.surplus").await;
    both.wait_for_step(&all[6], "payment.part_received").await;
    both.wait_for_step(&all[10], "attempt.failed").await;

    // The bank can say again.
    both.clock.turn(chrono::Duration::seconds(40));
    both.wait_for(&all[3], "paid").await;
    both.wait_for_step(&all[4], "attempt.failed").await;
    for open in [1, 2, 4, 6, 8, 10] {
        let status = both.read(&all[open]).await["status"].clone();
        assert!(status == "issued" || status == "pending", "{open} is {status}");
    }

    // Everything ends; one is paid after that.
    both.clock.turn(chrono::Duration::days(31));
    both.wait_for(&all[1], "expired").await;
    both.wait_for_step(&all[8], "invoice.expired").await;
    both.wait_for(&all[8], "paid").await;
    assert_eq!(invoices(&both.live).await, 0, "none of it is real");
    both.end().await;
}

#[test]
fn the_magic_amounts_are_written_down() {
    use std::fmt::Write;
    let rows = |table: &[(&[&str], &str)]| {
        let mut text = String::new();
        for (digits, meaning) in table {
            let digits: Vec<String> = digits.iter().map(|digits| format!("`{digits}`")).collect();
            let digits =
                if digits.is_empty() { "all others".to_owned() } else { digits.join(", ") };
            let _ = writeln!(text, "| {digits} | {} |", meaning.trim());
        }
        text
    };
    let orders: Vec<_> = Outcome::TABLE.iter().map(|row| (row.1, row.2)).collect();
    let refunds: Vec<_> = Giving::TABLE.iter().map(|row| (row.1, row.2)).collect();
    let wanted = format!(
        "| amount ends in | what becomes of the order |\n|---|---|\n{}\n\
         | refund ends in | what becomes of the refund |\n|---|---|\n{}",
        rows(&orders),
        rows(&refunds)
    );
    crate::documents::says(&root().join("docs/api.md"), "magic", &wanted);
}
