//! What is kept of what partners and we say to each other: both sides of it, masked, and the digest of
//! what it really was.

use payclear::partners::mask::masked;
use payclear::registers::caller::{CallerKind, KeyPurpose};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::partners::{choose, vnpay_fields, vnpay_query};
use crate::support::{PORTAL, Plan, Town, text, until};

fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

async fn reference(town: &Town, partner: &str) -> String {
    sqlx::query_scalar("select reference from attempt where partner = $1")
        .bind(partner)
        .fetch_one(&town.pool)
        .await
        .expect("the attempt")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_no_money_moved_is_kept_each_time_it_is_said() {
    let plan = Plan { roles: &[], with_simulators: false, amqp_url: None, settings: json!({}) };
    let town = Town::of(plan).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "vnpay").await;
    let fields = vnpay_fields(&reference(&town, "vnpay").await, 100_000, "14000001", ("24", "02"));
    let said = vnpay_query(&fields);
    for (answer, verdict) in [("00", "recorded"), ("02", "repeat")] {
        assert_eq!(town.ipn(&said).await, answer);
        let kept: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "select body, body_sha256 from partner_exchange
              where direction = 'in' and purpose = 'callback' and verdict = $1",
        )
        .bind(verdict)
        .fetch_all(&town.pool)
        .await
        .expect("what is kept");
        assert_eq!(kept, [(masked(said.as_bytes()), sha256(said.as_bytes()))], "{verdict}");
    }
    assert_eq!(town.count("settlement").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bank_signed_is_kept_masked_with_the_digest_of_what_it_signed() {
    let town = Town::doors().await;
    let memo = "NGUYEN VAN A 001199012345 tu 0011009988776";
    let one = town.credit("T1", 5_000, memo).to_string();
    let letter = town.bank.sign("POST", "/v1/settlements", Some("k1"), one.as_bytes());
    town.bank.send(&letter).await.expect(201);
    town.bank.post("/v1/settlements", &json!([town.credit("T2", 6_000, memo)])).await.expect(200);
    let kept: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select convert_from(raw, 'UTF8'), raw_sha256 from settlement order by transaction_id",
    )
    .fetch_all(&town.pool)
    .await
    .expect("what is kept");
    for (raw, _) in &kept {
        assert!(raw.contains("…2345") && raw.contains("…8776"), "{raw}");
        assert!(!raw.contains("001199012345") && !raw.contains("0011009988776"), "{raw}");
    }
    assert_eq!((kept.len(), &kept[0].1), (2, &sha256(one.as_bytes())));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_ours_is_kept_with_its_answer_and_no_key() {
    let town = Town::whole().await;
    let approver = town.caller_with(CallerKind::Portal, PORTAL, KeyPurpose::Approve).await;
    let invoice = town.issue(100_000).await;
    let page = choose(&town, &invoice, "momo").await;
    town.simulators().pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
    let refund = town.ask_back(&invoice, 100_000, 100_000).await.expect(201);
    town.approve_refund(&approver, &refund).await.expect(200);
    let order = reference(&town, "momo").await;
    let kept = format!("partner_exchange where direction = 'out' and reference = '{order}'");
    for purpose in ["create", "refund"] {
        let found = format!("{kept} and purpose = '{purpose}' and verdict = 'answered'");
        until(purpose, || async { town.count(&found).await == 1 }).await;
    }
    let (request, digest, answer): (String, Vec<u8>, String) = sqlx::query_as(
        "select convert_from(request, 'UTF8'), request_sha256, convert_from(body, 'UTF8')
           from partner_exchange where reference = $1 and purpose = 'create'",
    )
    .bind(&order)
    .fetch_one(&town.pool)
    .await
    .expect("the call");
    let (line, body) = request.split_once('\n').expect("a line, and the body");
    assert!(line.starts_with("POST http") && line.ends_with("/v2/gateway/api/create"), "{line}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((text(&body, "orderId"), digest.len()), (&*order, 32));
    assert!(!text(&body, "signature").is_empty(), "what was signed is told");
    assert!(answer.contains("\"resultCode\":0"), "{answer}");

    // A bank is called with its keys in headers: none of them is kept.
    until("the bank's order to be kept", || async {
        town.count("partner_exchange where partner = 'samplebank' and purpose = 'create'").await
            == 1
    })
    .await;
    for key in ["sim-payos-key", "api_key", "x-api-key", "secret"] {
        let leaks = format!(
            "partner_exchange where position('{key}' in lower(encode(request, 'escape'))) > 0"
        );
        assert_eq!(town.count(&leaks).await, 0, "{key}");
    }

    // Who looks into a dispute is shown both sides.
    let operator = town.person("van@town.example", &["operator:*"]).await;
    let shown = operator.get(&format!("/v1/partners/momo/exchanges?order={order}")).await;
    let shown = shown.expect(200);
    let all = shown["exchanges"].as_array().expect("exchanges");
    let created = all.iter().find(|one| one["purpose"] == "create").expect("the call");
    assert_eq!(text(&created["request"], "sha256"), hex::encode(&digest));
    assert_eq!(text(created, "sha256").len(), 64);
    let booked = all.iter().find(|one| one["purpose"] == "settlement").expect("what was booked");
    assert_eq!(text(booked, "sha256").len(), 64);
}
