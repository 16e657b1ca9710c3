//! What is wrong is told, with a pointer to it, and writes nothing; nothing that comes in makes a
//! 5xx.

use chrono::{DateTime, Utc};
use payclear::registers::caller::CallerKind;
use payclear::vocabulary::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::{Caller, Letter, Town, fresh_key, text};

const INVOICES: &str = "/v1/invoices";

/// A fee with one field changed, by JSON pointer; null takes it away.
fn changed(pointer: &str, value: Value) -> Value {
    let mut fee = Town::fee("HS-1", 100_000);
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = fee.pointer_mut(parent).expect("the pointer's parent");
    match (parent, value) {
        (Value::Object(fields), Value::Null) => drop(fields.remove(field)),
        (Value::Object(fields), value) => drop(fields.insert(field.to_owned(), value)),
        (parent, _) => panic!("{parent} has no fields"),
    }
    fee
}

fn vnd(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "VND" })
}

async fn nothing_is_written(town: &Town) {
    for table in ["invoice", "claim", "attempt", "event", "outbox", "answer", "settlement"] {
        assert_eq!(town.count(table).await, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_pointed_to_and_nothing_is_written() {
    let town = Town::doors().await;
    let amount = "/lines/0/amount";
    let long = "x".repeat(201);
    for (pointer, value) in [
        ("/colour", json!("red")),
        ("/lines/0/colour", json!("red")),
        ("/payer/colour", json!("red")),
        ("/dossier", Value::Null),
        ("/dossier", json!(7)),
        ("/dossier", json!("")),
        ("/dossier", json!("  ")),
        ("/dossier", json!("HS\u{0}1")),
        ("/dossier", json!("x".repeat(101))),
        ("/fee", json!("")),
        ("/agency", json!("G99.Z")),
        ("/agency", Value::Null),
        ("/procedure", json!("9.999999")),
        ("/payer", Value::Null),
        ("/payer/name", json!("")),
        ("/payer/name", json!(long)),
        ("/payer/email", json!("nobody")),
        ("/lines/0/name", json!("a\u{7}b")),
        ("/lines/0/kind", json!("tip")),
        ("/lines/0/sub_item", json!("27")),
        ("/lines/0/sub_item", json!("27a6")),
        ("/lines/0/chapter", json!("41")),
        ("/lines/0/beneficiary", json!("G99.Z")),
        (amount, json!(100_000)),
        (amount, json!("100000")),
        (amount, Value::Null),
        (amount, vnd("0")),
        (amount, vnd("1000000000001")),
        ("/lines/0/amount/amount", json!(100_000)),
        ("/lines/0/amount/amount", json!("-1")),
        ("/lines/0/amount/amount", json!("1.5")),
        ("/lines/0/amount/amount", json!("")),
        ("/lines/0/amount/amount", json!("1e5")),
        ("/lines/0/amount/amount", json!(" 1")),
        ("/lines/0/amount/currency", json!("XXX")),
        ("/lines/0/amount/currency", Value::Null),
        ("/quantity", json!(2)),
        ("/lines", json!([])),
        ("/lines", json!("none")),
        ("/expires_at", json!("2020-01-01T00:00:00Z")),
        ("/expires_at", json!("tomorrow")),
        ("/expires_at", json!("2199-01-01T00:00:00Z")),
        ("/return_url", json!("https://elsewhere.example/back")),
        ("/return_url", json!("javascript:alert(1)")),
        ("/return_url", json!("not an address")),
        ("/channels", json!([])),
        ("/channels/0", json!("vnpay")),
        ("/metadata", json!({ "a": 1 })),
    ] {
        let (pointer, value) = match pointer {
            "/channels/0" => ("/channels", json!(["nobody"])),
            _ => (pointer, value),
        };
        let body = changed(pointer, value.clone());
        let answer = town.portal.post(INVOICES, &body).await;
        let told = answer.clone().problem(422, "invalid-request");
        let errors = told["errors"].as_array().expect("errors");
        // A fault within a value may be pointed to within it, or at it.
        let near = errors.iter().any(|e| {
            let at = e["pointer"].as_str().expect("a pointer");
            at == pointer
                || at.starts_with(&format!("{pointer}/"))
                || (pointer.starts_with(at) && !at.is_empty())
        });
        assert!(near, "{pointer} {value}: {told}");
        assert!(errors.iter().all(|e| e["detail"].as_str().is_some_and(|d| !d.is_empty())));
    }
    nothing_is_written(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_request_are_told_at_once() {
    let town = Town::doors().await;
    let mut fee = changed("/dossier", json!(""));
    fee["agency"] = json!("G99.Z");
    fee["lines"][0]["amount"] = vnd("0");
    let told = town.portal.post(INVOICES, &fee).await.problem(422, "invalid-request");
    for pointer in ["/dossier", "/agency", "/lines/0/amount"] {
        let errors = told["errors"].as_array().expect("errors");
        assert!(errors.iter().any(|e| e["pointer"] == pointer), "{pointer}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_schedule_prices_from_its_day_on_and_not_before() {
    let town = Town::doors().await;
    let mut fee = changed("/lines", Value::Null);
    fee["quantity"] = json!(3);
    let priced = town.portal.post(INVOICES, &fee).await.expect(201);
    assert_eq!(priced["amount"], vnd("24000"));

    // Before 2024 there was no schedule, nor the procedure itself.
    let now = town.clock.now();
    let before: DateTime<Utc> = "2023-06-01T00:00:00Z".parse().expect("an instant");
    town.clock.turn(before - now);
    let fee = changed("/lines", Value::Null);
    town.portal.post(INVOICES, &fee).await.points_to("/procedure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_whose_schedule_is_not_in_force_yet_prices_nothing_and_is_pointed_to() {
    let town = Town::doors().await;
    // The procedure is there; what it costs begins in a year.
    let now = town.clock.now();
    let begins = (now + chrono::Duration::days(365)).date_naive();
    town.as_owner(&format!(
        "update fee_line set valid_from = '{begins}' where procedure = '{}';
         update directory_version set version = version + 1",
        crate::support::town::PROCEDURE,
    ))
    .await
    .expect("the register");
    town.app.directory.refresh().await.expect("the registers");

    let fee = changed("/lines", Value::Null);
    town.portal.post(INVOICES, &fee).await.points_to("/procedure");
    nothing_is_written(&town).await;

    // Lines of the portal's own need no schedule; and on its day it is in force.
    town.portal.post(INVOICES, &Town::fee("HS-2", 100_000)).await.expect(201);
    town.clock.turn(chrono::Duration::days(367));
    let priced = town.portal.post(INVOICES, &fee).await.expect(201);
    assert_eq!(priced["amount"], vnd("8000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_400_and_a_large_one_413() {
    let town = Town::doors().await;
    for body in [&b""[..], b"{", b"{\"dossier\":\"\xff\xfe\"}", b"\x00", b"nothing"] {
        let answer = town.portal.post_bytes(&fresh_key(), INVOICES, body).await;
        answer.problem(400, "unreadable-body");
    }
    let deep = "[".repeat(10_000);
    let answer = town.portal.post_bytes(&fresh_key(), "/v1/invoices/batch", deep.as_bytes()).await;
    assert!(matches!(answer.status, 400 | 422), "{}", answer.text());
    let as_text = town.portal.sign("POST", INVOICES, Some(&fresh_key()), b"{}");
    let answer = town.portal.send(&as_text.with("content-type", "text/plain")).await;
    answer.problem(415, "unsupported-media-type");

    let large = vec![b' '; 10 * 1024 * 1024];
    for (path, status) in [
        (INVOICES, 413),
        ("/v1/invoices/batch", 413),
        ("/v1/settlements", 413),
        // In the partner's own words.
        ("/partners/samplebank/webhook", 400),
    ] {
        let letter = town.portal.sign("POST", path, Some(&fresh_key()), &large);
        // The connection may be closed on a sender that goes on sending.
        if let Ok(answer) = town.portal.try_send(&letter).await {
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
        }
    }
    let over = vec![b' '; 64 * 1024 + 1];
    let answer = town.portal.post_bytes(&fresh_key(), INVOICES, &over).await;
    answer.problem(413, "body-too-large");
    nothing_is_written(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_needed_and_of_visible_characters() {
    let town = Town::doors().await;
    let body = Town::fee("HS-1", 100_000).to_string();
    let good = town.portal.sign("POST", INVOICES, Some("k"), body.as_bytes());
    let long = "k".repeat(256);
    for bad in [
        good.clone().without("idempotency-key"),
        good.clone().with("idempotency-key", ""),
        good.clone().with("idempotency-key", "two words"),
        good.clone().with("idempotency-key", &long),
    ] {
        town.portal.send(&bad).await.problem(400, "idempotency-key-missing");
    }
    nothing_is_written(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_amount_for_a_claimed_fee_names_the_invoice() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let dossier = text(&invoice, "dossier");

    let other = town.portal.post(INVOICES, &Town::fee(dossier, 100_001)).await;
    let told = other.problem(409, "dossier-already-billed");

    assert_eq!(told["invoice"], invoice["code"]);
    let same = town.portal.post(INVOICES, &Town::fee(dossier, 100_000)).await.expect(200);
    assert_eq!(same["id"], invoice["id"]);
    // Another fee of the same dossier is another matter.
    let mut second = Town::fee(dossier, 100_001);
    second["fee"] = json!("second copy");
    assert_eq!(town.portal.post(INVOICES, &second).await.status, 201);
    assert_eq!(town.count("invoice").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_invoice_is_not_cancelled() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "applied");

    let told = town.cancel(&invoice).await.problem(409, "wrong-state");

    assert_eq!(told["invoice"], invoice["code"]);
    assert_eq!(town.status(&invoice).await, "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_are_told_when_to_come_again() {
    let town = Town::doors().await;
    // This portal may call 50 times in a second, with a burst of two seconds' worth.
    let noisy = town.caller(CallerKind::Portal, "botp-mau").await;
    let mut limited = None;
    for _ in 0..20 {
        let calls = (0..50).map(|_| noisy.get("/v1/endpoints"));
        let answers = futures_util::future::join_all(calls).await;
        limited = answers.into_iter().find(|answer| answer.status == 429);
        if limited.is_some() {
            break;
        }
    }
    let limited = limited.expect("one call too many");
    let wait = limited.headers["retry-after"].to_str().expect("text").parse::<u64>();
    assert!(wait.is_ok_and(|seconds| seconds >= 1));
    limited.problem(429, "too-many-requests");
    // The others are not in its way.
    assert_eq!(town.portal.get("/v1/endpoints").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn settlements_that_are_wrong_are_pointed_to_and_not_taken() {
    let town = Town::doors().await;
    for (pointer, value) in [
        ("/transaction_id", json!("")),
        ("/transaction_id", json!("T\u{0}1")),
        ("/transaction_id", json!(1)),
        ("/account", json!("1200099887766")),
        ("/memo", json!("m".repeat(1_001))),
        ("/memo", Value::Null),
        ("/amount", json!(100_000)),
        ("/amount", vnd("0")),
        ("/amount/amount", json!("0.5")),
        ("/value_time", json!("yesterday")),
        ("/value_time", json!("2099-01-01T00:00:00Z")),
        ("/value_time", json!("0001-01-01T00:00:00Z")),
        ("/colour", json!("red")),
    ] {
        let mut credit = town.credit("T1", 100_000, "memo");
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        credit.pointer_mut(parent).expect("a parent")[field] = value.clone();
        let answer = town.bank.post("/v1/settlements", &credit).await;
        assert_eq!(answer.status, 422, "{pointer} {value}: {}", answer.text());
    }
    town.bank.post("/v1/settlements", &json!([])).await.problem(422, "invalid-request");
    nothing_is_written(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_item_of_a_list_holds_up_no_other() {
    let town = Town::doors().await;
    let (wrong, good) = (town.credit("T1", 0, ""), town.credit("T2", 1_000, ""));
    let answer = town.bank.post("/v1/settlements", &json!([wrong, good])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results = &answer.json()["results"];
    assert_eq!(results[0]["transaction_id"], "T1");
    assert_eq!(results[0]["errors"][0]["pointer"], "/0/amount");
    assert_eq!(results[1]["transaction_id"], "T2");
    assert_eq!(results[1]["outcome"], "suspense");
    assert_eq!(town.count("settlement").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_are_wrong_are_pointed_to() {
    let town = Town::doors().await;
    for path in [
        "/v1/events?limit=0",
        "/v1/events?limit=501",
        "/v1/events?limit=x",
        "/v1/events?cursor=%00",
        "/v1/events?cursor=1.2",
        "/v1/events?colour=red",
        "/v1/invoices?limit=501",
        "/v1/invoices?status=red",
        "/v1/invoices?from=yesterday",
        "/v1/invoices?from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z",
        "/v1/invoices?cursor=x",
        "/v1/deliveries?state=red",
        "/v1/deliveries?limit=-1",
        "/v1/deliveries?cursor=%ff",
    ] {
        let answer = town.portal.get(path).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text());
    }
    for path in ["/v1/invoices/1", "/v1/invoices/%00", "/v1/endpoints/x", "/v1/nothing"] {
        town.portal.get(path).await.problem(404, "not-found");
    }
    let put = town.portal.sign("PUT", INVOICES, Some("k"), b"{}");
    town.portal.send(&put).await.problem(405, "method-not-allowed");
}

/// Requests that are nearly right, spoilt by a seeded hand.
#[tokio::test(flavor = "multi_thread")]
async fn no_input_makes_a_5xx() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let mut hand = StdRng::seed_from_u64(20_260_115);
    let batch = json!([Town::fee("HS-B", 5_000), Town::fee("HS-C", 5_000)]);
    let credit = town.credit("T1", 100_000, text(&invoice, "code"));
    let reversal = json!({ "transaction_id": "R1", "reason": "recalled" });
    let webhook = crate::support::partners::payos_envelope(
        &crate::support::partners::payos_transfer("FT1", 5_000, "memo"),
    );
    let momo_result = {
        let fields = crate::support::partners::momo_fields("PG1", 5_000, 77, 0);
        crate::support::partners::momo_result(&fields)
    };
    let zalopay_callback = {
        let data = crate::support::partners::zalopay_fields("261122_PG1", 5_000, 77);
        crate::support::partners::zalopay_callback(&data)
    };
    let id = text(&invoice, "id");
    let page = text(&invoice, "pay_url").strip_prefix(&town.url).expect("of this town").to_owned();
    let signed: [(&Caller, String, Value); 6] = [
        (&town.portal, INVOICES.to_owned(), Town::fee("HS-A", 5_000)),
        (&town.portal, format!("{INVOICES}/batch"), batch),
        (&town.portal, format!("{INVOICES}/{id}/cancel"), json!({ "reason": "x" })),
        (&town.portal, "/v1/endpoints".to_owned(), json!({ "url": "https://a.example/x" })),
        (&town.bank, "/v1/settlements".to_owned(), credit),
        (&town.bank, "/v1/settlements/T1/reversal".to_owned(), reversal),
    ];
    for _ in 0..60 {
        for (caller, path, body) in &signed {
            let body = spoil(&mut hand, body.to_string().as_bytes());
            let path = if hand.random_range(0..4) == 0 {
                spoil_path(&mut hand, path)
            } else {
                path.clone()
            };
            let key = fresh_key();
            let letter = caller.sign("POST", &path, Some(&key), &body);
            survives(caller, &spoil_headers(&mut hand, letter)).await;
        }
        for path in [
            "/v1/events?cursor=1.2.3&limit=5",
            "/v1/invoices?dossier=HS-A&limit=3",
            "/v1/deliveries?state=due",
        ] {
            let path = spoil_path(&mut hand, path);
            survives(&town.portal, &town.portal.sign("GET", &path, None, b"")).await;
        }
        for path in [
            "/partners/vnpay/ipn?vnp_TxnRef=1&vnp_Amount=100&vnp_SecureHash=ab",
            "/partners/vnpay/return?vnp_TxnRef=1&vnp_SecureHash=ab",
            "/partners/momo/return?orderId=1&resultCode=0&signature=ab",
            "/partners/zalopay/return?apptransid=1",
            &page,
        ] {
            let url = format!("{}{}", town.url, spoil_path(&mut hand, path));
            let get = Letter { method: reqwest::Method::GET, url, headers: vec![], body: vec![] };
            survives(&town.portal, &get).await;
        }
        for (partner, message) in
            [("samplebank", &webhook), ("momo", &momo_result), ("zalopay", &zalopay_callback)]
        {
            let body = spoil(&mut hand, message.to_string().as_bytes());
            let url = format!("{}/partners/{partner}/webhook", town.url);
            let post = Letter { method: reqwest::Method::POST, url, headers: vec![], body };
            survives(&town.portal, &post).await;
        }
    }
}

async fn survives(caller: &Caller, letter: &Letter) {
    let answer = caller.send(letter).await;
    let body = String::from_utf8_lossy(&letter.body);
    assert!(answer.status < 500, "{} {} {body}: {}", letter.method, letter.url, answer.text());
}

const PIECES: [&[u8]; 14] = [
    b"\x00",
    b"\xff",
    b"\"",
    b"{",
    b"}",
    b"null",
    b"-1",
    b"1e400",
    b"\\u0000",
    b"\\ud800",
    b"9999999999999999999999",
    b"\xe2\x80\xae",
    b"2020-13-45T99:99:99Z",
    b"[[[[",
];

pub fn spoil(hand: &mut StdRng, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..hand.random_range(1..4) {
        let at = hand.random_range(0..body.len().max(1)).min(body.len());
        let until = (at + hand.random_range(0..12)).min(body.len());
        let piece = PIECES[hand.random_range(0..PIECES.len())];
        body.splice(at..until, piece.iter().copied());
    }
    body
}

/// Spoilt, but still something that travels.
pub fn spoil_path(hand: &mut StdRng, path: &str) -> String {
    let pieces = [
        "%00",
        "%ff",
        "%2f",
        "..",
        "%",
        "é",
        "'",
        "%25",
        "9999999999999999999",
        "&&",
        "=",
        "%c3%28",
    ];
    let at = hand.random_range(1..=path.len());
    let (head, tail) = path.split_at(at);
    let piece = pieces[hand.random_range(0..pieces.len())];
    url::Url::parse(&format!("http://h{head}{piece}{tail}")).map_or_else(
        |_| path.to_owned(),
        |url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
    )
}

pub fn spoil_headers(hand: &mut StdRng, mut letter: Letter) -> Letter {
    if hand.random_range(0..3) > 0 {
        return letter;
    }
    if letter.headers.is_empty() {
        return letter;
    }
    let at = hand.random_range(0..letter.headers.len());
    let value = &mut letter.headers[at].1;
    match hand.random_range(0..4) {
        0 => value.clear(),
        1 => value.insert(value.len() / 2, '"'),
        2 => value.push_str(", sig9=:AAAA:"),
        _ => *value = "~".repeat(3_000),
    }
    letter
}
