//! Every outcome of a payment, every way its money goes back, and every fault of its callback and of
//! its order, at every partner, as `docs/outcomes.md` says: what is booked, what invoice and attempt
//! are, what the portal is told, which case is opened, and what the partner itself wrote down.
//!
//! The table is written by hand and read here: what it says is meant, not observed.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Duration, Utc};
use futures_util::StreamExt;
use payclear::partners::dialects::{Ask, Dialect};
use payclear::refunds::export::Exporting;
use payclear::refunds::finish::{End, finish_in};
use payclear::refunds::refund::RefundMethod;
use payclear::registers::caller::CallerKind;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::ids::RefundId;
use serde_json::{Value, json};

use crate::support::{Caller, Town, answer_of, text, until};

const OUTCOMES: [&str; 9] = [
    "paid",
    "cancelled",
    "expired",
    "insufficient",
    "bank_down",
    "debited_unknown",
    "paid_late",
    "paid_twice",
    "wrong_amount",
];
/// What goes wrong with the callback of a payment that goes well.
const FAULTS: [&str; 8] = [
    "duplicate",
    "reordered",
    "delayed",
    "lost",
    "tampered",
    "unknown_order",
    "changed_amount",
    "reset_after_commit",
];
/// How the money of a payment that went well goes back.
const BACK: [&str; 3] = ["refunded", "refund_failed", "reversed"];
/// What goes wrong with the order itself.
const ORDERS: [&str; 2] = ["create_timeout", "unknown_resolved"];
const PARTNERS: [&str; 6] = ["payos", "vnpay", "momo", "zalopay", "sepay", "plain"];
/// Invoices of which the end is looked at: the others live on.
const ENDING: [&str; 3] = ["expired", "paid_late", "lost"];
const AMOUNT: u64 = 100_000;

/// Partners that can be looked at together, and how far the clock may be turned for them.
struct Stage {
    partners: &'static [&'static str],
    standing: &'static str,
    /// The invoices that end live so long.
    life: Duration,
    /// Past the time of an order, before the invoices end; and past that.
    turns: [Duration; 2],
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_ends_as_the_table_says_where_orders_are_made() {
    let stage = Stage {
        partners: &["payos", "vnpay", "momo", "zalopay"],
        standing: "samplebank",
        life: Duration::minutes(30),
        turns: [Duration::minutes(16), Duration::minutes(30)],
    };
    stage.ends_as_the_table_says().await;
}

/// What these two sign is good for minutes only, by their clock.
#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_ends_as_the_table_says_where_accounts_are_credited() {
    let stage = Stage {
        partners: &["sepay", "plain"],
        standing: "sepay",
        life: Duration::minutes(2),
        turns: [Duration::minutes(1), Duration::minutes(2)],
    };
    stage.ends_as_the_table_says().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_goes_back_ends_as_the_table_says() {
    let town = &Town::whole().await;
    let now = town.clock.now();
    let mut cases = Vec::new();
    for (outcome, partner, said) in rows(&BACK, &PARTNERS) {
        cases.extend(begin(town, (outcome, partner, said), now).await);
    }
    for case in &cases {
        town.wait_for(&case.invoice, "paid").await;
    }
    let approver = town.approval_key().await;
    for case in cases.iter_mut().filter(|case| case.outcome == "refunded") {
        give_back(town, &approver, case).await;
    }
    for case in cases.iter().filter(|case| case.outcome == "reversed") {
        let bank = town.caller(CallerKind::Partner, code(case.partner)).await;
        let path =
            format!("/v1/settlements/{}/reversal", text_of(&case.deed["transaction_ids"][0]));
        let word = format!("R-{}", text(&case.invoice, "code"));
        let told = bank.post(&path, &json!({ "transaction_id": word, "reason": "recalled" })).await;
        assert_eq!(told.status, 204, "{case:?}: {}", told.text());
    }
    let is_over = |case: &&Case| case.outcome != "refund_failed";
    // A refund on its way is asked after; the wallets take a moment.
    town.clock.turn(Duration::seconds(30));
    come_true(town, cases.iter().filter(is_over).collect()).await;

    // From here on partners refuse: each in its own words, VNPAY by not knowing the payment any more.
    assert_eq!(town.simulators().post("/control/reset", &json!({})).await.status, 204);
    for partner in ["momo", "zalopay"] {
        behaves(town, &json!({ "partner": partner, "refund": "error" })).await;
    }
    for case in cases.iter_mut().filter(|case| case.outcome == "refund_failed") {
        give_back(town, &approver, case).await;
    }
    town.clock.turn(Duration::seconds(30));
    come_true(town, cases.iter().collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_answered_ends_as_the_table_says() {
    let town = &Town::whole_with(json!({ "clearing": { "partner_call_seconds": 4 } })).await;
    let called = ["samplebank", "momo", "zalopay"];
    let mut cases = Vec::new();
    // Nothing is done, and nothing said.
    for partner in called {
        behaves(town, &json!({ "partner": partner, "create": "timeout" })).await;
    }
    for row in rows(&["create_timeout"], &PARTNERS) {
        cases.extend(unanswered(town, row).await);
    }
    for case in &cases {
        lost_from_sight(town, case).await;
    }
    // It is done, and the answer is lost; who asks at first is not answered either.
    for partner in called {
        let mute =
            json!({ "partner": partner, "create": "reset_after_commit", "query": "http500" });
        behaves(town, &mute).await;
    }
    for row in rows(&["unknown_resolved"], &PARTNERS) {
        let Some(mut case) = unanswered(town, row).await else { continue };
        if case.partner == "vnpay" {
            // Its page debits the payer, and the gateway itself does not know.
            assert_eq!(act(town, &case.order, "debited_unknown", "vnpay").await.status, 200);
        }
        lost_from_sight(town, &case).await;
        // The money arrives, and nobody tells.
        let lost = json!({ "order": case.order, "outcome": "paid_late", "fault": "lost" });
        case.deed = town.simulators().post("/control/pay", &lost).await.expect(200);
        cases.push(case);
    }
    for partner in called {
        behaves(town, &json!({ "partner": partner })).await;
    }
    // Past the time in which a call may still arrive.
    for _ in 0..4 {
        town.clock.turn(Duration::minutes(1));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    come_true(town, cases.iter().collect()).await;
}

#[test]
fn the_table_has_a_row_for_everything_that_can_happen_and_no_other() {
    let rows: Vec<(String, String)> = table().into_keys().collect();
    let mut all: Vec<(String, String)> = OUTCOMES
        .iter()
        .chain(&BACK)
        .chain(&ORDERS)
        .chain(&FAULTS)
        .flat_map(|outcome| PARTNERS.map(|partner| ((*outcome).to_owned(), partner.to_owned())))
        .collect();
    all.sort();
    assert_eq!(rows, all);
}

/// What the table says of an outcome at a partner.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Why it cannot happen there.
    Never(String),
    /// The columns after the first two.
    Ends(String),
}

/// The rows of the document, by outcome and partner.
fn table() -> BTreeMap<(String, String), Said> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/outcomes.md");
    let document = std::fs::read_to_string(path).expect("the table");
    let mut rows = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [outcome, partner, rest @ ..] = columns.as_slice() else { panic!("{line}") };
        let name = |text: &str| text.trim_matches('`').to_owned();
        let said = match rest[0].strip_prefix("never: ") {
            Some(why) => Said::Never(why.to_owned()),
            None => Said::Ends(rest.join(" | ")),
        };
        let twice = rows.insert((name(outcome), name(partner)), said);
        assert_eq!(twice, None, "{line}");
    }
    rows
}

/// One invoice, and what happens to its payment.
#[derive(Debug)]
struct Case {
    outcome: &'static str,
    /// As the table names it.
    partner: &'static str,
    invoice: Value,
    /// What the payer holds: a page or a QR code; where nobody has it, our reference.
    order: String,
    deed: Value,
    /// Our reference of the refund, where the bank is given a file.
    back: String,
    expected: String,
}

/// Is it looked at after the end of its invoice? A callback that waits for a question comes when the
/// order's time is over, where there is somebody to ask.
fn ends(outcome: &str, partner: &str) -> bool {
    let asked = !["sepay", "plain"].contains(&partner);
    ENDING.contains(&outcome) || (outcome == "delayed" && asked)
}

/// The code in the register.
fn code(partner: &str) -> &str {
    match partner {
        "payos" => "samplebank",
        "plain" => "directbank",
        other => other,
    }
}

impl Stage {
    async fn ends_as_the_table_says(&self) {
        let settings = json!({ "clearing": { "standing_partner": self.standing } });
        let town = &Town::whole_with(settings).await;
        let ends_at = town.clock.now() + self.life;
        let outcomes: Vec<&str> = OUTCOMES.iter().chain(&FAULTS).copied().collect();
        let cases = futures_util::stream::iter(rows(&outcomes, self.partners))
            .map(|row| begin(town, row, ends_at))
            .buffer_unordered(4)
            .filter_map(std::future::ready)
            .collect::<Vec<Case>>();
        let mut cases = cases.await;
        town.clock.turn(self.turns[0]);
        let living = |case: &&Case| !ends(case.outcome, case.partner);
        come_true(town, cases.iter().filter(living).collect()).await;
        town.clock.turn(self.turns[1]);
        for case in cases.iter_mut().filter(|case| case.outcome == "paid_late") {
            town.wait_for(&case.invoice, "expired").await;
            case.deed = act(town, &case.order, case.outcome, case.partner).await.expect(200);
        }
        come_true(town, cases.iter().collect()).await;
    }
}

/// Issues an invoice, goes to the partner with it, and lets happen what is to happen.
async fn begin(
    town: &Town,
    (outcome, partner, said): (&'static str, &'static str, Said),
    ends_at: DateTime<Utc>,
) -> Option<Case> {
    let mut more = json!({ "channels": [code(partner)] });
    if ends(outcome, partner) {
        more["expires_at"] = json!(ends_at);
    }
    let invoice = town.issue_with(AMOUNT, &more).await;
    let order = match partner {
        "payos" => known_there(town, &invoice, "qr").await,
        "sepay" | "plain" => text(&invoice, "qr").to_owned(),
        redirects => chosen(town, &invoice, redirects).await,
    };
    let expected = match said {
        Said::Ends(expected) => expected,
        Said::Never(why) => {
            let answer = act(town, &order, outcome, partner).await;
            assert_eq!(answer.status, 422, "{outcome} at {partner} is said to be never: {why}");
            return None;
        }
    };
    let (deed, back) = (Value::Null, String::new());
    let mut case = Case { outcome, partner, invoice, order, deed, back, expected };
    if outcome != "paid_late" {
        case.deed = act(town, &case.order, outcome, partner).await.expect(200);
    }
    Some(case)
}

/// The rows of these outcomes at these partners.
fn rows(
    outcomes: &[&'static str],
    partners: &'static [&'static str],
) -> Vec<(&'static str, &'static str, Said)> {
    let mut table = table();
    let mut rows = Vec::new();
    for outcome in outcomes {
        for partner in partners {
            let key = ((*outcome).to_owned(), (*partner).to_owned());
            rows.push((*outcome, *partner, table.remove(&key).expect("a row")));
        }
    }
    rows
}

async fn behaves(town: &Town, behaviour: &Value) {
    let answer = town.simulators().post("/control/behaviour", behaviour).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Gives the whole payment back: asked for by the portal, agreed to by another, carried by the partner's
/// call or by a file.
async fn give_back(town: &Town, approver: &Caller, case: &mut Case) {
    let partner = code(case.partner);
    let carried = ["vnpay", "momo", "zalopay"].contains(&partner);
    if !carried {
        town.named_account(&case.invoice).await;
    }
    let refund = town.ask_back(&case.invoice, AMOUNT, AMOUNT).await.expect(201);
    let method = if carried { "partner" } else { "transfer" };
    assert_eq!(text(&refund, "method"), method, "{case:?}");
    town.approve_refund(approver, &refund).await.expect(200);
    if carried {
        return;
    }
    let exporting = Exporting {
        pool: town.pool.clone(),
        clock: town.app.clock.clone(),
        accounts: town.app.accounts.clone(),
        keys: town.app.keys.clone(),
        directory: town.app.directory.current(),
    };
    let file = exporting.export(partner, RefundMethod::Transfer, "officer/e").await;
    let mut file = file.expect("a file").text;
    if case.outcome == "refund_failed" {
        // The bank knows no such account of ours any more.
        let account: String =
            sqlx::query_scalar("select account from settlement where invoice_id = $1::text::uuid")
                .bind(text(&case.invoice, "id"))
                .fetch_one(&town.pool)
                .await
                .expect("the account");
        assert!(file.contains(&account), "{file}");
        file = file.replace(&account, "0000000000");
    }
    let address = format!("{}/control/payments", town.simulators().url);
    let made = answer_of(town.http.post(address).body(file)).await.expect(200);
    let made = &made["transactions"][0];
    text(made, "end_to_end_id").clone_into(&mut case.back);
    // What the bank did is said by a person, from its answer.
    let end = match text(made, "status") {
        "ACSC" => End::Confirmed { partner_refund: Some(text(made, "transaction_id").to_owned()) },
        _ => End::Failed { code: text(made, "reason").to_owned() },
    };
    let id = RefundId(text(&refund, "id").parse().expect("an id"));
    let mut tx = town.pool.begin().await.expect("a transaction");
    let now = town.clock.now();
    finish_in(&mut tx, &town.app.accounts, id, &end, "officer/d", now).await.expect("it ends");
    tx.commit().await.expect("a commit");
}

/// Issues an invoice and has its order made, as the partner behaves. Where nothing can go unanswered,
/// that is asserted instead.
async fn unanswered(
    town: &Town,
    (outcome, partner, said): (&'static str, &'static str, Said),
) -> Option<Case> {
    let invoice = town.issue_with(AMOUNT, &json!({ "channels": [code(partner)] })).await;
    let expected = match said {
        Said::Ends(expected) => expected,
        Said::Never(why) => {
            let directory = town.app.directory.current();
            let dialect = directory.partner(code(partner)).and_then(|p| p.dialect.clone());
            let can = dialect.is_some_and(|dialect| can_go(town, &*dialect, outcome, &invoice));
            assert!(!can, "{outcome} at {partner} is said to be never: {why}");
            return None;
        }
    };
    let mut order = String::new();
    match partner {
        "vnpay" => order = chosen(town, &invoice, partner).await,
        "payos" => {}
        // The pay page is still waiting for the partner: nobody gets any further.
        page => drop(chooses(town, &invoice, page).await),
    }
    if order.is_empty() {
        let reference = async || -> Option<String> {
            sqlx::query_scalar(
                "select reference from attempt where invoice_id = $1::text::uuid and partner = $2",
            )
            .bind(text(&invoice, "id"))
            .bind(code(partner))
            .fetch_optional(&town.pool)
            .await
            .expect("the attempts")
        };
        until("the order to be made", || async { reference().await.is_some() }).await;
        order = reference().await.expect("a reference");
        if partner == "payos" && outcome == "unknown_resolved" {
            // Its customers know the invoice's code, not the number of its order.
            order = text(&invoice, "code").to_owned();
        }
    }
    let (deed, back) = (Value::Null, String::new());
    Some(Case { outcome, partner, invoice, order, deed, back, expected })
}

/// Can the making of an order there be left unanswered; can it be asked after?
fn can_go(town: &Town, dialect: &dyn Dialect, outcome: &str, invoice: &Value) -> bool {
    let order = payclear::partners::dialects::Order {
        reference: dialect.reference(
            &text(invoice, "code").parse().expect("a code"),
            town.clock.now(),
            1,
        ),
        code: text(invoice, "code").parse().expect("a code"),
        amount: payclear::vocabulary::money::Money::vnd(AMOUNT),
        created_at: town.clock.now(),
        expires_at: town.clock.now() + Duration::minutes(15),
        return_url: town.url.clone(),
        page_url: town.url.clone(),
        callback_url: town.url.clone(),
        payer_ip: "0.0.0.0".to_owned(),
        language: "vi",
    };
    match outcome {
        "create_timeout" => matches!(dialect.ask_create(&order), Ask::Call(_)),
        _ => dialect.ask_query(&order, town.clock.now(), 1).is_some(),
    }
}

/// Waits until nobody can say what became of the order.
async fn lost_from_sight(town: &Town, case: &Case) {
    let unknown = format!(
        "attempt where status = 'unknown' and partner = '{}' and invoice_id = '{}'",
        code(case.partner),
        text(&case.invoice, "id")
    );
    let what = format!("the order of {} at {} to be unknown", case.outcome, case.partner);
    until(&what, || async { town.count(&unknown).await == 1 }).await;
}

/// The payer chooses a partner, once.
async fn chooses(town: &Town, invoice: &Value, partner: &str) -> crate::support::Answer {
    let request = town.http.post(text(invoice, "pay_url"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    answer_of(request.body(format!("partner={partner}"))).await
}

/// The partner's page, as a patient payer gets to it on a slow machine: who is asked to come again
/// does, and who stays on our page waits there until the order is made.
async fn chosen(town: &Town, invoice: &Value, partner: &str) -> String {
    let choose = async || chooses(town, invoice, partner).await;
    let mut answer = choose().await;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        answer = choose().await;
    }
    assert_eq!(answer.status, 303, "{}", answer.text());
    match answer.headers["location"].to_str().expect("an address") {
        page if page.starts_with("http") => page.to_owned(),
        _ => known_there(town, invoice, "payment_url").await,
    }
}

/// What the partner's own order of an invoice says, once there is one.
async fn known_there(town: &Town, invoice: &Value, field: &str) -> String {
    let known = async || {
        let orders = town.simulators().get("/control/orders").await;
        let orders = orders.as_array().expect("orders");
        let of_this = |order: &&Value| order["invoice_code"] == invoice["code"];
        orders.iter().find(of_this).map(|order| text(order, field).to_owned())
    };
    until("the order to be known to the partner", || async { known().await.is_some() }).await;
    known().await.expect("an order")
}

async fn act(town: &Town, order: &str, outcome: &str, partner: &str) -> crate::support::Answer {
    let (outcome, fault) = match outcome {
        // The first of two payments is told after the second.
        "reordered" => ("paid_twice", Some("reordered")),
        fault if FAULTS.contains(&fault) => ("paid", Some(fault)),
        back if BACK.contains(&back) => ("paid", None),
        outcome => (outcome, None),
    };
    let mut body = json!({ "order": order, "outcome": outcome, "fault": fault, "wait": true });
    if fault == Some("delayed") {
        // Until somebody asks, and where nobody does, not long.
        body["delay_ms"] = json!(if ends("delayed", partner) { 600_000 } else { 1_000 });
        body["wait"] = json!(false);
    }
    town.simulators().post("/control/pay", &body).await
}

/// Waits until every case stands as expected; says of each that does not how it stands instead.
async fn come_true(town: &Town, cases: Vec<&Case>) {
    let began = tokio::time::Instant::now();
    loop {
        let world = World::seen(town).await;
        let mut wrong = String::new();
        for case in &cases {
            let seen = world.row(town, case).await;
            if seen != case.expected {
                let (outcome, partner) = (case.outcome, case.partner);
                let _ = writeln!(
                    wrong,
                    "table | `{outcome}` | `{partner}` | {} |\nseen  | `{outcome}` | `{partner}` | {seen} |",
                    case.expected
                );
            }
        }
        if wrong.is_empty() {
            return;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(45), "\n{wrong}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// What the partners and the portal wrote down.
struct World {
    journal: Vec<Value>,
    notices: Vec<Value>,
}

impl World {
    async fn seen(town: &Town) -> Self {
        let journal = town.simulators().get("/control/journal").await;
        let journal = journal.as_array().expect("a journal").clone();
        Self { journal, notices: town.simulators().notices().await }
    }

    /// The columns of a case as it stands.
    async fn row(&self, town: &Town, case: &Case) -> String {
        let status = town.status(&case.invoice).await;
        let [booked, attempt, cases, refund] = Books { town, case }.columns().await;
        [booked, status, attempt, self.told(case), cases, refund, self.at_the_partner(case)]
            .join(" | ")
    }

    /// What the portal was told, in order. Its clock is not turned, so a time that it finds wrong
    /// is ours to explain; a signature would not be.
    fn told(&self, case: &Case) -> String {
        let mut told = BTreeMap::new();
        for notice in &self.notices {
            let reason = notice["reason"].as_str().unwrap_or("");
            assert!(reason.is_empty() || reason.contains("timestamp"), "{notice}");
            let body = &notice["body"];
            if body["code"] == case.invoice["code"] {
                told.insert(body["sequence"].as_i64(), text(body, "type").to_owned());
            }
        }
        listed(told.into_values())
    }

    /// What the partner wrote down: money in, and what was answered to each callback.
    fn at_the_partner(&self, case: &Case) -> String {
        let reference = case.deed["reference"].as_str().unwrap_or("");
        let ids = case.deed["transaction_ids"].as_array().cloned().unwrap_or_default();
        let of_this = |line: &&Value| {
            line["order"] == case.order.as_str()
                || (!case.back.is_empty() && line["reference"] == case.back.as_str())
                || if reference.is_empty() {
                    ids.contains(&line["transaction_id"])
                } else {
                    line["reference"] == reference
                }
        };
        listed(self.journal.iter().filter(of_this).map(|line| match text(line, "kind") {
            "movement" => format!("{} {}", text(line, "direction"), thousands(&line["amount"])),
            "outcome" if line["payer_debited"] == true => "payer debited".to_owned(),
            "outcome" => "nothing".to_owned(),
            "callback_lost" => "lost".to_owned(),
            _ => said(line),
        }))
    }
}

/// The answer to a callback: the code in its body where the partner looks there, else the status.
fn said(line: &Value) -> String {
    let body = line["body"].as_str().unwrap_or("");
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    match (&body["RspCode"], &body["return_code"], &line["status"]) {
        (Value::String(code), ..) => code.clone(),
        (_, Value::Number(code), _) => code.to_string(),
        (.., Value::Number(status)) => status.to_string(),
        _ => "cut".to_owned(),
    }
}

fn thousands(amount: &Value) -> i64 {
    in_thousands(text_of(amount).parse().expect("đồng"))
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn in_thousands(amount: i64) -> i64 {
    assert_eq!(amount % 1_000, 0, "{amount}");
    amount / 1_000
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() { "–".to_owned() } else { items.join(", ") }
}

/// What we have of a case.
struct Books<'c> {
    town: &'c Town,
    case: &'c Case,
}

impl Books<'_> {
    async fn columns(&self) -> [String; 4] {
        let (id, partner) = (text(&self.case.invoice, "id"), code(self.case.partner));
        let ids = self.case.deed["transaction_ids"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = ids.iter().map(|id| text_of(id).to_owned()).collect();
        let settlements: Vec<sqlx::types::Uuid> = sqlx::query_scalar(
            "select settlement_id from settlement
              where invoice_id = $1::text::uuid or (partner = $2 and transaction_id = any($3))",
        )
        .bind(id)
        .bind(partner)
        .bind(&ids)
        .fetch_all(&self.town.pool)
        .await
        .expect("the settlements");
        let booked: Vec<(String, String, i64)> = sqlx::query_as(
            "select a.kind, a.owner, sum(p.amount)::bigint
               from ledger.entry e
               join ledger.posting p using (entry_id)
               join ledger.account a using (account_id)
              where e.source = any(select 'settlement/' || s from unnest($1::uuid[]) s)
                 or e.source = 'invoice/' || $2
                 or e.source in (select 'refund/' || refund_id from refund
                                  where invoice_id = $2::text::uuid)
              group by a.kind, a.owner having sum(p.amount) <> 0 order by 3 desc, 1",
        )
        .bind(&settlements)
        .bind(id)
        .fetch_all(&self.town.pool)
        .await
        .expect("the postings");
        let booked = listed(booked.into_iter().map(|(kind, owner, sum)| {
            let owner_is =
                if kind == "agency_payable" { crate::support::town::AGENCY } else { partner };
            assert_eq!(owner, owner_is, "{kind} of {:?}", self.case);
            format!("{kind} {:+}", in_thousands(sum))
        }));
        let attempts: Vec<String> = sqlx::query_scalar(
            "select status from attempt where invoice_id = $1::text::uuid order by created_at",
        )
        .bind(id)
        .fetch_all(&self.town.pool)
        .await
        .expect("the attempts");
        let cases: Vec<(String, i64, String)> = sqlx::query_as(
            "select code, amount::bigint, state from break_case
              where invoice_id = $1::text::uuid or settlement_id = any($2) order by 1, 2",
        )
        .bind(id)
        .bind(&settlements)
        .fetch_all(&self.town.pool)
        .await
        .expect("the cases");
        let refunds: Vec<(i64, String)> = sqlx::query_as(
            "select amount::bigint, status from refund where invoice_id = $1::text::uuid order by 1",
        )
        .bind(id)
        .fetch_all(&self.town.pool)
        .await
        .expect("the refunds");
        let case = |(code, amount, state): (String, i64, String)| {
            format!("{code} {} {state}", in_thousands(amount))
        };
        let refund = |(amount, state): (i64, String)| format!("{} {state}", in_thousands(amount));
        [
            booked,
            listed(attempts.into_iter()),
            listed(cases.into_iter().map(case)),
            listed(refunds.into_iter().map(refund)),
        ]
    }
}
