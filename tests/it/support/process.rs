//! The service as a process of its own, which a test lets die; and a load client that tries again
//! until it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use payclear::approvals::propose::Making;
use payclear::commands::verify;
use payclear::platform::database;
use payclear::platform::settings::BrokerSettings;
use payclear::registers::caller::CallerKind;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::watch;

use super::caller::{Caller, TurnedClock, answer, answer_of, fresh_key, http};
use super::cluster::{at, cluster, drop_database, fresh_database};
use super::simulators::{Simulators, free_port};
use super::town::{MASTER_KEY, Maker, PORTAL, Town, clear_queues, master_keys, text};
use super::wait::{until, until_within};

/// So long everything may take to come to rest after a death.
const REST: Duration = Duration::from_secs(90);

/// A database, queues and simulators for a service that is started again and again.
pub struct Site {
    pub name: String,
    pub url: String,
    pub pool: PgPool,
    pub http: reqwest::Client,
    pub portal: Caller,
    pub simulators: Simulators,
    service: Option<Child>,
    port: u16,
    log: std::path::PathBuf,
}

impl Site {
    pub async fn fresh() -> Self {
        let name = fresh_database().await;
        let pool = database::open(&at(&cluster().application_url, &name), 4)
            .await
            .expect("the application's database");
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let (http, clock) = (http(), Arc::new(TurnedClock::default()));
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
        // Callbacks are tried again for long enough to meet the service after its death.
        let simulators = Simulators::start_at(&http, &url, &bank, "0.02").await;
        for (partner, settings) in Simulators::settings(&simulators.url) {
            maker.configure(partner, &settings).await;
        }
        maker.endpoint(&simulators).await;
        let log = std::env::temp_dir().join(format!("{name}.log"));
        Self { name, url, pool, http, portal, simulators, service: None, port, log }
    }

    /// Starts the service; it dies at a point when told so.
    pub async fn start(&mut self, die_at: Option<&str>) {
        assert!(self.service.is_none(), "it runs already");
        let log = std::fs::File::options().create(true).append(true).open(&self.log);
        let log = log.expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_payclear"))
            .arg("serve")
            .env("DATABASE_URL", at(&cluster().application_url, &self.name))
            .env("AMQP_URL", &cluster().amqp_url)
            .env("PAYCLEAR__MODE", "development")
            .env("PAYCLEAR__BROKER__PREFIX", format!("{}.", self.name))
            .env("PAYCLEAR__HTTP__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("PAYCLEAR__HTTP__PUBLIC_URL", &self.url)
            .env("PAYCLEAR__SECRETS__MASTER_KEY", MASTER_KEY)
            .env("PAYCLEAR__CLEARING__STANDING_PARTNER", "samplebank")
            .env("PAYCLEAR__CLEARING__SWEEP_MILLISECONDS", "200")
            .env("PAYCLEAR_DIE_AT", die_at.unwrap_or(""))
            .env_remove("PAYCLEAR_CONFIG")
            .env_remove("PAYCLEAR__SECRETS__MASTER_KEY_FILE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        self.service = Some(child);
    }

    /// Waits until the service answers; it may have died of its plan already.
    async fn wait_until_it_serves(&self) {
        let address = format!("{}/readyz", self.url);
        until("the service to be ready", || {
            let request = self.http.get(&address);
            async { answer(request).await.is_ok_and(|a| a.status == 200) }
        })
        .await;
    }

    pub fn has_died(&mut self) -> bool {
        let child = self.service.as_mut().expect("a service");
        child.try_wait().expect("its state").is_some()
    }

    /// Ends the service as an operator would.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.service.take() else { return };
        let asked = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        assert!(asked.expect("kill").success());
        until("the service to stop", || {
            let ended = child.try_wait().expect("its state").is_some();
            async move { ended }
        })
        .await;
    }

    /// Has fees issued and paid, `fees` of them under way all the time, while the service dies at one
    /// point after the other and is started again; when all is at rest, everything that was promised is
    /// checked from outside.
    pub async fn survives(&mut self, points: &[&str], fees: usize) {
        let load = Load::of(self);
        self.start(points.first().copied()).await;
        let mut under_load = tokio::spawn(Arc::clone(&load).run(fees));
        for (place, point) in points.iter().enumerate() {
            until_within(REST, &format!("the service to die at {point}"), || {
                let ended = self.has_died() || under_load.is_finished();
                async move { ended }
            })
            .await;
            assert!(self.has_died(), "{point}: the load has ended: {:?}", (&mut under_load).await);
            let under_way = load.under_way.load(Ordering::SeqCst);
            assert!(under_way >= fees * 9 / 10, "{point}: {under_way} under way");
            self.service = None;
            self.start(points.get(place + 1).copied()).await;
        }
        load.ends.store(true, Ordering::SeqCst);
        let acknowledged = under_load.await.expect("the load");
        assert!(!self.has_died(), "it died again, unplanned");
        assert!(acknowledged.len() >= fees, "{} fees", acknowledged.len());
        self.wait_until_it_serves().await;
        self.comes_to_rest(&acknowledged).await;
        self.keeps_its_promises(&acknowledged).await;
        self.stop().await;
    }

    async fn comes_to_rest(&self, acknowledged: &[Value]) {
        let codes: Vec<String> =
            acknowledged.iter().map(|invoice| text(invoice, "code").to_owned()).collect();
        until_within(REST, "the bank's money to be booked", || async {
            self.booked().await == self.simulators.money_taken().await
        })
        .await;
        until_within(REST, "the outbox to empty", || async { self.count("outbox").await == 0 })
            .await;
        // What died in the middle of a call is asked after; that takes minutes when it is not known.
        let lost = "attempt a where status = 'created' or (status = 'sent' and not exists (
                      select from due d where d.kind = 'attempt.query' and d.subject = attempt_id))";
        until_within(REST, "every order to be known", || async { self.count(lost).await == 0 })
            .await;
        until_within(REST, "every paid dossier to be told", || async {
            let told = self.told().await;
            codes.iter().all(|code| told.contains_key(code))
        })
        .await;
        until_within(REST, "no delivery to be due", || async {
            self.count("delivery where state = 'due'").await == 0
        })
        .await;
    }

    async fn booked(&self) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(amount), 0)::bigint from settlement where outcome <> 'noted'",
        )
        .fetch_one(&self.pool)
        .await
        .expect("a sum")
    }

    async fn count(&self, of: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {of}")))
            .fetch_one(&self.pool)
            .await
            .expect("a count")
    }

    /// Codes of which the portal has been told that they are paid, and how often with effect.
    async fn told(&self) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for notice in self.simulators.notices().await {
            if notice["effect"] == true && notice["body"]["type"] == "invoice.paid" {
                *told.entry(text(&notice["body"], "code").to_owned()).or_default() += 1;
            }
        }
        told
    }

    async fn keeps_its_promises(&self, acknowledged: &[Value]) {
        // The ledger sums to nothing, balances are their postings, the chain is whole.
        let report = verify::verify(&self.pool).await.expect("the ledger is recomputed");
        assert!(report.holds, "{report:?}");
        // Money in at the bank is money booked, and no invoice is paid twice.
        assert_eq!(self.booked().await, self.simulators.money_taken().await);
        let twice = "(select invoice_id from settlement where applied_cycle is not null
                       group by invoice_id, applied_cycle having count(*) > 1) twice";
        assert_eq!(self.count(twice).await, 0);
        assert_eq!(self.count("settlement where outcome <> 'applied'").await, 0);
        // What was acknowledged is there, with the same content.
        let read = acknowledged.iter().map(|invoice| async move {
            let path = format!("/v1/invoices/{}", text(invoice, "id"));
            let now = self.portal.get(&path).await.expect(200);
            for field in ["code", "amount", "dossier", "lines", "issued_at", "pay_url"] {
                assert_eq!(now[field], invoice[field], "{field}");
            }
            assert_eq!(now["status"], "paid", "{now}");
        });
        futures_util::stream::iter(read).buffer_unordered(8).collect::<Vec<()>>().await;
        let callbacks = self.simulators.get("/control/journal?kind=callback&accepted=true").await;
        let callbacks: BTreeSet<String> = callbacks
            .as_array()
            .expect("a journal")
            .iter()
            .map(|callback| text(callback, "transaction_id").to_owned())
            .collect();
        let booked: Vec<String> = sqlx::query_scalar("select transaction_id from settlement")
            .fetch_all(&self.pool)
            .await
            .expect("the settlements");
        let kept: BTreeSet<String> = booked.iter().cloned().collect();
        assert_eq!(kept.len(), booked.len(), "booked twice: {booked:?}");
        assert!(callbacks.is_subset(&kept), "{:?}", callbacks.difference(&kept));
        // Every paid dossier was told of with one effect, and no other was.
        let told = self.told().await;
        let paid: Vec<String> =
            sqlx::query_scalar("select code from invoice where status = 'paid' order by code")
                .fetch_all(&self.pool)
                .await
                .expect("the paid invoices");
        assert_eq!(told.keys().cloned().collect::<Vec<_>>(), paid);
        assert!(told.values().all(|effects| *effects == 1), "{told:?}");
        let mut effects: BTreeMap<String, usize> = BTreeMap::new();
        for notice in self.simulators.notices().await {
            assert_eq!(notice["verified"], true, "{notice}");
            let effect = usize::from(notice["effect"] == true);
            *effects.entry(text(&notice, "webhook_id").to_owned()).or_default() += effect;
        }
        assert!(effects.values().all(|effects| *effects == 1), "{effects:?}");
        // No bill was made known to a bank twice.
        let mut orders: BTreeMap<String, usize> = BTreeMap::new();
        for order in self.simulators.get("/control/orders").await.as_array().expect("orders") {
            *orders.entry(text(order, "invoice_code").to_owned()).or_default() += 1;
        }
        assert!(orders.values().all(|made| *made == 1), "{orders:?}");
        assert_eq!(self.count("outbox").await, 0);
    }
}

/// A portal issues fees, each until it is answered, and payers pay them at the bank.
struct Load {
    portal: Caller,
    simulators: String,
    /// Codes of the bills that the bank knows.
    bills: watch::Sender<BTreeSet<String>>,
    /// Fees that are begun and not paid yet.
    under_way: AtomicUsize,
    /// No other fee is begun.
    ends: AtomicBool,
}

impl Load {
    fn of(site: &Site) -> Arc<Self> {
        Arc::new(Self {
            portal: site.portal.clone(),
            simulators: site.simulators.url.clone(),
            bills: watch::Sender::new(BTreeSet::new()),
            under_way: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
        })
    }

    /// Keeps so many fees under way until it is to end; what was acknowledged.
    async fn run(self: Arc<Self>, fees: usize) -> Vec<Value> {
        let looking = tokio::spawn(Arc::clone(&self).look_for_bills());
        let more = |_: &usize| std::future::ready(!self.ends.load(Ordering::SeqCst));
        let all = futures_util::stream::iter(0..).take_while(more).map(|n| self.one(n));
        let acknowledged = all.buffer_unordered(fees).collect().await;
        looking.abort();
        acknowledged
    }

    async fn one(&self, n: usize) -> Value {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let mut body = Town::fee(&format!("HS-{n}"), 10_000);
        if n % 2 == 1 {
            // The other half is paid through the bank that settles by the signed API.
            body["channels"] = json!(["directbank"]);
        }
        let issued = issue_until_answered(&self.portal, &body).await;
        if n.is_multiple_of(2) {
            // Most payers pay a bill that their bank knows; one that does not come is paid all the same.
            let mut bills = self.bills.subscribe();
            let known = bills.wait_for(|known| known.contains(text(&issued, "code")));
            drop(tokio::time::timeout(Duration::from_secs(5), known).await);
        }
        let act = json!({ "order": text(&issued, "qr"), "outcome": "paid" });
        let pay = format!("{}/control/pay", self.simulators);
        answer_of(self.portal.http.post(pay).json(&act)).await.expect(200);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        issued
    }

    async fn look_for_bills(self: Arc<Self>) {
        let address = format!("{}/control/orders", self.simulators);
        loop {
            let orders = answer_of(self.portal.http.get(&address)).await.expect(200);
            let orders = orders.as_array().expect("orders").iter();
            let codes = orders.filter_map(|order| order["invoice_code"].as_str());
            self.bills.send_replace(codes.map(str::to_owned).collect());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The same key each time, and a new nonce: whatever became of the tries before.
async fn issue_until_answered(portal: &Caller, body: &Value) -> Value {
    let (key, body) = (fresh_key(), body.to_string().into_bytes());
    let began = tokio::time::Instant::now();
    while began.elapsed() < REST {
        let letter = portal.sign("POST", "/v1/invoices", Some(&key), &body);
        match portal.try_send(&letter).await {
            Ok(answer) if answer.status == 201 => return answer.json(),
            // Replicas that died count until their presence runs out: the limit is divided by them.
            Ok(answer) if answer.status == 429 => {}
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            // Nobody listens, or whoever did has died: nobody knows what was done.
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no answer for {REST:?}")
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.service.take() {
            drop(child.kill());
            drop(child.wait());
        }
        let failed = std::thread::panicking();
        if failed {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("the service's last words:");
            last.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        drop(std::fs::remove_file(&self.log));
        let (name, pool) = (self.name.clone(), self.pool.clone());
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let partners = ["samplebank", "vnpay", "momo", "zalopay", "sepay", "directbank"]
                    .map(str::to_owned);
                let broker =
                    BrokerSettings { url: cluster().amqp_url.clone(), prefix: format!("{name}.") };
                let parked = clear_queues(&broker, &partners).await;
                pool.close().await;
                drop_database(&name).await;
                assert!(failed || parked == 0, "{parked} messages are parked");
            });
        });
        if let (Err(why), false) = (ended.join(), failed) {
            std::panic::resume_unwind(why);
        }
    }
}
