//! Partners are let in from their own addresses, change their keys under load, hang without
//! slowing others, come and go without the portals' doing, and are certified before they go live.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use payclear::approvals::partners as configuring;
use payclear::approvals::propose::Maker;
use payclear::callers::revoke::revoke;
use payclear::partners::register::settings_of;
use payclear::partners::store::partner_list;
use payclear::platform::audit::By;
use payclear::registers::approve::{self, TakeError};
use payclear::registers::caller::{Caller as Whose, CallerKind};
use payclear::registers::import::import;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::support::cluster::{at, cluster};
use crate::support::partners::{choose, payos_envelope, payos_transfer, vnpay_fields, vnpay_query};
use crate::support::town::{MASTER_KEY, master_keys};
use crate::support::{Answer, Plan, Town, answer_of, text, until};

const PARTNERS: &str = "code,name,name_en,dialect,called_from,calls_per_second,closed\n";

/// What the register says of a partner from now on.
async fn entered(town: &Town, row: &str) {
    let folder = std::env::temp_dir().join(format!("partners-{:x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("partners.csv"), format!("{PARTNERS}{row}\n")).expect("a file");
    let by = By { actor: "tests", at: town.clock.now() };
    let loaded = import(&town.pool, by, &folder).await;
    drop(std::fs::remove_dir_all(&folder));
    loaded.expect("a load");
    town.app.directory.refresh().await.expect("the registers");
}

async fn doors(settings: Value) -> Town {
    Town::of(Plan { roles: &[], with_simulators: false, amqp_url: None, settings }).await
}

async fn ipn_from(town: &Town, address: &str, query: &str) -> Answer {
    let url = format!("{}/partners/vnpay/ipn?{query}", town.url);
    answer_of(town.http.get(url).header("x-real-ip", address)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_in_the_dialects_own_words() {
    let town = doors(json!({ "http": { "client_address_header": "x-real-ip" } })).await;
    entered(&town, "vnpay,VNPAY,,vnpay,203.0.113.0/24 2001:db8::7,5000,").await;
    let paid = vnpay_query(&vnpay_fields("PG0000000000000000", 7_000, "14000001", ("00", "00")));

    for stranger in
        ["198.51.100.9", "203.0.114.1", "2001:db8::8", "nonsense", "203.0.113.9, 198.51.100.9"]
    {
        let answer = ipn_from(&town, stranger, &paid).await;
        assert_eq!(answer.expect(200)["RspCode"], "97", "{stranger}");
    }
    assert_eq!(town.count("settlement").await, 0);
    let kept = "partner_exchange where verdict like 'an address that is none of the partner%'";
    assert!(town.count(kept).await >= 1, "kept, as many as one in a second");
    let page = town.browse(&format!("{}/metrics", town.url)).await.text();
    assert!(page.contains("payclear_callbacks_of_strangers_total{partner=\"vnpay\"}"), "{page}");

    // The proxy that we trust adds the last address; what stands before it anybody can write.
    assert_eq!(
        ipn_from(&town, "198.51.100.9, 203.0.113.9", &paid).await.expect(200)["RspCode"],
        "01"
    );
    assert_eq!(ipn_from(&town, "2001:db8::7", &paid).await.expect(200)["RspCode"], "02");
    assert_eq!(town.count("settlement").await, 1);

    // A bank's key is not enough from elsewhere, and nobody is told why.
    entered(&town, "directbank,Ngân hàng,,plain,203.0.113.7,20000,").await;
    let body = town.credit("T1", 5_000, "x").to_string();
    let letter = town.bank.sign("POST", "/v1/settlements", Some("k1"), body.as_bytes());
    town.bank.send(&letter).await.problem(401, "unauthenticated");
    let letter = town.bank.sign("POST", "/v1/settlements", Some("k2"), body.as_bytes());
    town.bank.send(&letter.with("x-real-ip", "203.0.113.7")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unsigned_messages_costs_little_and_turns_no_signed_one_away() {
    let town = doors(json!({})).await;
    // So many calls a second are agreed on; two seconds' worth pass at once.
    entered(&town, "vnpay,VNPAY,,vnpay,,5,").await;
    let url = format!("{}/partners/vnpay/ipn?vnp_TxnRef=PG1&vnp_SecureHash=00", town.url);
    let (mut refused, mut turned_away) = (0, 0);
    for n in 0..60 {
        match answer_of(town.http.get(&url)).await.status {
            200 => refused += 1,
            429 => turned_away += 1,
            other => panic!("{other}"),
        }
        // What the partner has signed is taken in all the while.
        if n % 20 == 10 {
            let transaction = format!("1400000{n}");
            let paid = vnpay_fields("PG0000000000000000", 7_000, &transaction, ("00", "00"));
            assert_eq!(town.ipn(&vnpay_query(&paid)).await, "01");
        }
    }
    assert!(turned_away >= 20 && refused >= 10, "{refused} refused, {turned_away} turned away");
    assert_eq!(town.count("settlement").await, 3);
    let kept = town.count("partner_exchange where verdict like 'signature%'").await;
    assert!((1..=20).contains(&kept), "{kept} are kept: one in a second");
    let page = town.browse(&format!("{}/metrics", town.url)).await.text();
    let counted = "payclear_callbacks_not_kept_total{partner=\"vnpay\",verdict=\"bad_signature\"}";
    assert!(page.contains(counted), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_partner_is_offered_to_nobody_and_what_it_collected_is_taken_in() {
    let town = doors(json!({})).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "vnpay").await;
    let reference: String =
        sqlx::query_scalar("select reference from attempt where partner = 'vnpay'")
            .fetch_one(&town.pool)
            .await
            .expect("the attempt");
    let page = async |of: &Value| town.browse(text(of, "pay_url")).await.text();
    assert!(page(&invoice).await.contains("value=\"vnpay\""));

    entered(&town, "vnpay,VNPAY,,vnpay,,5000,yes").await;
    let second = town.issue(50_000).await;
    assert!(!page(&second).await.contains("value=\"vnpay\""), "not offered any more");
    let gone = choose(&town, &second, "vnpay").await;
    assert!(gone.starts_with("/pay/") && gone.contains("told=gone"), "{gone}");
    let mut named = Town::fee("HS-CLOSED", 1_000);
    named["channels"] = json!(["vnpay"]);
    town.portal.post("/v1/invoices", &named).await.points_to("/channels/0");

    let paid = vnpay_query(&vnpay_fields(&reference, 100_000, "14000001", ("00", "00")));
    assert_eq!(town.ipn(&paid).await, "00");
    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[("partner_receivable vnpay", 100_000), ("agency_payable G01.A", -100_000)]).await;
}

/// So many reports while the keys change twice.
const REPORTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_under_load_and_no_report_is_refused() {
    let town = Arc::new(doors(json!({})).await);
    let key = Arc::new(RwLock::new(town.bank.clone()));
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut reporting = Vec::new();
    for _ in 0..8 {
        let (town, key) = (Arc::clone(&town), Arc::clone(&key));
        let (next, done) = (Arc::clone(&next), Arc::clone(&done));
        reporting.push(tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= REPORTS {
                    return;
                }
                let body = town.credit(&format!("T{n}"), 1_000, "nop phi");
                // The bank takes the key that it has at this moment.
                let with = key.read().await;
                with.post("/v1/settlements", &body).await.expect(201);
                drop(with);
                done.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    let whose = Whose { kind: CallerKind::Partner, code: "directbank".to_owned() };
    let mut old = town.bank.clone();
    for after in [REPORTS / 4, REPORTS / 2] {
        until("some reports", || async { done.load(Ordering::SeqCst) >= after }).await;
        let new = town.caller(CallerKind::Partner, "directbank").await;
        // Both are good: the bank changes over when it likes.
        town.bank_of(&old).await;
        *key.write().await = new.clone();
        let by = By { actor: "tests", at: town.clock.now() };
        revoke(&town.pool, by, &whose, &old.key_id).await.expect("revoked");
        town.app.directory.refresh().await.expect("the registers");
        let body = town.credit("LATE", 1_000, "x");
        old.post("/v1/settlements", &body).await.problem(401, "unauthenticated");
        old = new;
    }
    for worker in reporting {
        worker.await.expect("no report was refused");
    }
    assert_eq!(town.count("settlement where transaction_id like 'T%'").await, 200);
    let town = Arc::into_inner(town).expect("nobody else has it");
    town.books(&[("partner_receivable directbank", 202_000), ("suspense directbank", -202_000)])
        .await;
}

impl Town {
    /// A report with a key that is still good.
    async fn bank_of(&self, key: &crate::support::Caller) {
        let body = self.credit(&format!("OLD{}", key.key_id), 1_000, "nop phi");
        key.post("/v1/settlements", &body).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_hangs_slows_no_other() {
    let town = Town::whole_with(json!({ "clearing": { "partner_call_seconds": 12 } })).await;
    let hangs = json!({ "partner": "momo", "create": "timeout" });
    assert_eq!(town.simulators().post("/control/behaviour", &hangs).await.status, 200);
    let mut invoices = Vec::new();
    for _ in 0..12 {
        invoices.push(town.issue(100_000).await);
    }
    let payers = invoices.iter().map(|invoice| choose(&town, invoice, "momo"));
    let payers = futures_util::future::join_all(payers);
    let others = async {
        until("the wallet to be called", || async {
            town.count("attempt where partner = 'momo' and status = 'sent'").await >= 8
        })
        .await;
        let fee = town.issue(60_000).await;
        let page = choose(&town, &fee, "zalopay").await;
        assert!(page.contains("/zalopay/web/"), "{page}");
        town.simulators().pay(&page, "paid").await;
        town.wait_for(&fee, "paid").await;
        let fee = town.issue(70_000).await;
        until("the bank to know of it", || async {
            let orders = town.simulators().get("/control/orders").await;
            let orders = orders.as_array().expect("orders").clone();
            orders.iter().any(|order| order["invoice_code"] == fee["code"])
        })
        .await;
        town.simulators().pay(text(&fee, "code"), "paid").await;
        town.wait_for(&fee, "paid").await;
        town.wait_until_told(&fee, &["invoice.paid"]).await;
        // All this while the wallet still hangs.
        assert!(town.count("attempt where partner = 'momo' and status = 'sent'").await >= 8);
    };
    let (pages, ()) = tokio::join!(payers, others);
    for page in pages {
        assert!(page.starts_with("/pay/"), "the payer may choose another way: {page}");
    }
    until("the calls to have run out of time", || async {
        town.count("attempt where partner = 'momo' and status in ('created', 'sent')").await == 0
    })
    .await;
    // Nobody says that they failed; and after so many failures the wallet is left alone.
    assert_eq!(town.count("attempt where partner = 'momo' and status = 'unknown'").await, 12);
    assert!(!town.app.dispatching.caller.is_open("momo"));
    assert!(town.app.dispatching.caller.is_open("zalopay"));
}

/// What the portal sees of an invoice and its notices, by the names of the fields.
fn shape(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bank_behind_a_channel_needs_nothing_from_the_portal() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let before = town.issue(100_000).await;
    let stays = town.issue(30_000).await;
    until("both to be known to the bank", || async {
        town.count("attempt where partner = 'samplebank' and status = 'awaiting_payer'").await == 2
    })
    .await;
    simulators.pay(text(&before, "qr"), "paid").await;
    town.wait_until_told(&before, &["invoice.paid"]).await;

    entered(&town, "samplebank,Ngân hàng Mẫu,,payos,,5000,yes").await;
    let after = town.issue(100_000).await;
    assert_eq!(shape(&before), shape(&after), "the same request, the same answer");
    let bank: String =
        sqlx::query_scalar("select terms->'account'->>'partner' from invoice where code = $1")
            .bind(text(&after, "code"))
            .fetch_one(&town.pool)
            .await
            .expect("an account stands on it");
    assert_ne!(bank, "samplebank");
    simulators.pay(text(&after, "qr"), "paid").await;
    town.wait_until_told(&after, &["invoice.paid"]).await;
    let notices = simulators.notices().await;
    let of = |invoice: &Value| {
        let told = notices.iter().find(|n| n["body"]["code"] == invoice["code"]);
        shape(&told.expect("a notice")["body"])
    };
    assert_eq!(of(&before), of(&after), "the same notice");

    // A code printed before is paid at the bank of before.
    let credit = payos_transfer("FT9", 30_000, text(&stays, "code"));
    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
    town.wait_until_told(&stays, &["invoice.paid"]).await;
}

fn certify(town: &Town, partner: &str, more: &[&str]) -> (bool, Value) {
    let done = Command::new(env!("CARGO_BIN_EXE_payclear"))
        .args(["partner", "certify", partner, "--json"])
        .args(more)
        .env("DATABASE_URL", at(&cluster().application_url, &town.name))
        .env("AMQP_URL", &cluster().amqp_url)
        .env("PAYCLEAR__MODE", "development")
        .env("PAYCLEAR__HTTP__PUBLIC_URL", &town.url)
        .env("PAYCLEAR__SECRETS__MASTER_KEY", MASTER_KEY)
        .env_remove("PAYCLEAR_CONFIG")
        .env_remove("PAYCLEAR__SECRETS__MASTER_KEY_FILE")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let told = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{said}"));
    (done.status.success(), told)
}

fn result<'v>(told: &'v Value, check: &str) -> &'v str {
    let checks = told["checks"].as_array().expect("checks");
    let found = checks.iter().find(|c| text(c, "check").starts_with(check));
    found.map_or_else(|| panic!("no {check} in {told}"), |check| text(check, "result"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_is_certified_before_it_goes_live() {
    let town = Town::whole().await;
    let pages = ["vnpay", "momo", "zalopay"];
    for partner in pages {
        let (good, told) = certify(&town, partner, &[]);
        assert!(!good, "its own word was never taken: {told}");
        assert_eq!(told["failed"], 1, "{told:#}");
        assert_eq!(result(&told, "callback: its own word"), "fail");
    }
    let rows = town.count("attempt").await;
    for partner in pages {
        let invoice = town.issue(50_000).await;
        let page = choose(&town, &invoice, partner).await;
        town.simulators().pay(&page, "paid").await;
        town.wait_for(&invoice, "paid").await;
    }
    let bank = town.issue(50_000).await;
    town.simulators().pay(text(&bank, "qr"), "paid").await;
    town.wait_for(&bank, "paid").await;
    for partner in ["vnpay", "momo", "zalopay", "samplebank"] {
        let (good, told) = certify(&town, partner, &[]);
        assert!(good, "{told:#}");
        assert_eq!(result(&told, "wrong keys"), "pass", "{told:#}");
        assert_eq!(result(&told, "callback: our door"), "pass", "{told:#}");
    }
    let kept = town.count("certification").await;
    assert_eq!(kept, 7, "every run is kept");
    assert_eq!(town.count("certification where passed and channel is not null").await, 4);
    let (_, told) = certify(&town, "samplebank", &[]);
    assert_eq!((result(&told, "create"), result(&told, "cancel")), ("pass", "pass"), "{told:#}");
    assert_eq!(town.count("attempt").await, rows + 7, "nothing of it stands in our books");

    // A sandbox that is not there, and one that fails: said, with what to mend.
    let (good, told) = certify(&town, "momo", &["--base-url", "http://127.0.0.1:9"]);
    assert!(!good);
    assert_eq!((result(&told, "create"), result(&told, "query: it waits")), ("fail", "fail"));
    let spoilt = json!({ "partner": "samplebank", "create": "error", "cancel": "http500" });
    assert_eq!(town.simulators().post("/control/behaviour", &spoilt).await.status, 200);
    let (good, told) = certify(&town, "samplebank", &[]);
    assert!(!good);
    assert_eq!((result(&told, "create"), result(&told, "cancel")), ("fail", "fail"), "{told:#}");
    let checks = told["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|c| c["result"] != "fail" || !text(c, "mend").is_empty()));
}

/// Registers that change a partner, as one proposes them; another approves.
async fn proposed(town: &Town, row: &str, uncertified: Option<&str>) -> Result<String, TakeError> {
    let folder = std::env::temp_dir().join(format!("partners-{:x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("partners.csv"), format!("{PARTNERS}{row}\n")).expect("a file");
    let maker = Maker::pending(By { actor: "cli/an", at: town.clock.now() });
    let taken = approve::take(&town.pool, maker, &folder, uncertified).await;
    drop(std::fs::remove_dir_all(&folder));
    Ok(taken?.1.expect("an approval").to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_is_opened_by_a_run_that_it_passed_as_it_is_configured_now() {
    let town = Town::whole().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["operator:*"]).await;
    let (closed, open) = ("momo,MoMo,,momo,,5000,yes", "momo,MoMo,,momo,,5000,");
    town.approve(&proposed(&town, closed, None).await.expect("it waits")).await;
    town.app.directory.refresh().await.expect("the registers");

    // Nobody has put it through its paces, or only others' settings.
    let refused = proposed(&town, open, None).await;
    assert!(matches!(&refused, Err(TakeError::Uncertified(of)) if of == &["momo"]), "{refused:?}");
    let elsewhere = format!("{}/momo", town.simulators().url);
    let (_, told) = certify(&town, "momo", &["--base-url", &elsewhere]);
    assert_eq!(told["counts"], false, "{told:#}");
    assert!(proposed(&town, open, None).await.is_err());
    let around = sqlx::query("update partner set open = true where code = 'momo'");
    let around = around.execute(&town.pool).await.expect_err("the database says no as well");
    assert!(around.to_string().contains("by which run"), "{around}");

    let (good, told) = certify(&town, "momo", &[]);
    assert!(good, "{told:#}");
    let run = text(&told, "certification").to_owned();
    let opening = proposed(&town, open, None).await.expect("it waits");
    let shown = approver.get(&format!("/v1/approvals/{opening}")).await.expect(200);
    assert_eq!(shown["content"]["opens"][0]["certification"], run.as_str(), "{shown:#}");
    town.approve(&opening).await;
    assert_eq!(town.count("partner where code = 'momo' and open").await, 1);
    assert_eq!(town.count(&format!("partner_opening where certification_id = '{run}'")).await, 1);

    // The runs are told, case by case, on paper and on the desk.
    let kept = an.get("/v1/partners/momo/certifications").await.expect(200);
    let runs = kept["certifications"].as_array().expect("runs");
    assert_eq!((runs.len(), text(&runs[0], "id")), (2, &*run));
    assert_eq!((&runs[0]["in_force"], &runs[1]["in_force"]), (&json!(true), &json!(false)));
    let cases = runs[0]["cases"].as_array().expect("cases");
    assert!(cases.iter().any(|case| case["check"] == "wrong keys: refused"), "{kept:#}");
    assert_eq!(text(&runs[0], "version"), env!("CARGO_PKG_VERSION"));

    // Configured anew it is another: what was passed says nothing of it.
    town.approve(&proposed(&town, closed, None).await.expect("it waits")).await;
    let rows = partner_list(&mut town.pool.acquire().await.expect("a connection")).await;
    let row = rows.expect("partners").into_iter().find(|row| row.entry.code == "momo");
    let settings = settings_of(&row.expect("momo"), &master_keys()).expect("settings");
    let maker = Maker::pending(By { actor: "cli/an", at: town.clock.now() });
    let (keys, settings) = (master_keys(), settings.expose());
    let waits = configuring::configure(&town.pool, &keys, maker, "momo", settings).await;
    town.approve(&waits.expect("taken in").expect("an approval").to_string()).await;
    assert!(matches!(proposed(&town, open, None).await, Err(TakeError::Uncertified(_))));

    // Without a run it takes a reason, which the other reads, and which is kept.
    let opening = proposed(&town, open, Some("its sandbox is down until May")).await;
    let opening = opening.expect("it waits");
    let shown = approver.get(&format!("/v1/approvals/{opening}")).await.expect(200);
    let opens = &shown["content"]["opens"][0];
    assert_eq!(text(opens, "uncertified"), "its sandbox is down until May");
    assert!(opens["certification"].is_null());
    town.approve(&opening).await;
    let audited = "audit where action = 'partner.opened_uncertified' and subject = 'momo'";
    assert_eq!(town.count(audited).await, 1);
    assert_eq!(town.count("partner_opening where uncertified is not null").await, 1);
}
