//! Who may come in: a signature is whole, fresh and of this very request, or it is 401, always the
//! same.

use serde_json::{Value, json};

use crate::support::{Letter, PORTAL, Town, fresh_key, text};

const INVOICES: &str = "/v1/invoices";

/// A signed request for a fee.
fn letter(town: &Town, dossier: &str) -> Letter {
    let body = Town::fee(dossier, 100_000).to_string();
    town.portal.sign("POST", INVOICES, Some(&fresh_key()), body.as_bytes())
}

async fn refused(town: &Town, letter: &Letter, what: &str) {
    let answer = town.portal.send(letter).await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    let told = answer.problem(401, "unauthenticated");
    // Whatever is wrong, the answer is the same.
    let keys: Vec<&String> = told.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["status", "title", "type"], "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_lacks_or_differs_is_refused() {
    let town = Town::doors().await;
    let good = letter(&town, "HS-1");
    for header in ["signature", "signature-input", "content-digest"] {
        refused(&town, &good.clone().without(header), header).await;
    }
    let mut other = letter(&town, "HS-1");
    other.body = Town::fee("HS-2", 100_000).to_string().into_bytes();
    refused(&town, &other, "another body").await;
    let digest = letter(&town, "HS-2").headers[0].clone();
    assert_eq!(digest.0, "content-digest");
    refused(&town, &good.clone().with(&digest.0, &digest.1), "another digest").await;
    refused(&town, &good.clone().with("idempotency-key", "another"), "another key").await;

    let path = format!("{INVOICES}?limit=1");
    let signed = town.portal.sign("GET", &path, None, b"");
    for (what, url) in [
        ("another path", format!("{}/v1/events?limit=1", town.url)),
        ("another query", format!("{}{INVOICES}?limit=2", town.url)),
        ("no query", format!("{}{INVOICES}", town.url)),
    ] {
        refused(&town, &Letter { url, ..signed.clone() }, what).await;
    }
    let put = town.portal.sign("PUT", INVOICES, Some("k"), &good.body);
    refused(&town, &Letter { method: reqwest::Method::POST, ..put }, "another method").await;

    let mut stranger = town.portal.clone();
    stranger.secret = vec![7; 32];
    let body = good.body.clone();
    refused(&town, &stranger.sign("POST", INVOICES, Some("k"), &body), "another secret").await;
    stranger.key_id = "dvc-mau-000000".to_owned();
    refused(&town, &stranger.sign("POST", INVOICES, Some("k"), &body), "an unknown key").await;

    for (what, changed) in [
        ("another algorithm", ("hmac-sha256", "hmac-sha512")),
        ("another nonce", (";nonce=\"", ";nonce=\"0")),
        ("another label alone", ("sig1=", "sig2=")),
        ("a component less", (" \"idempotency-key\"", "")),
    ] {
        let mut spoilt = letter(&town, "HS-1");
        for (name, value) in &mut spoilt.headers {
            if name == "signature-input" {
                assert!(value.contains(changed.0), "{what}: {value}");
                *value = value.replacen(changed.0, changed.1, 1);
            }
        }
        refused(&town, &spoilt, what).await;
    }

    assert_eq!(town.count("invoice").await, 0);
    assert_eq!(town.portal.send(&good).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_good_for_five_minutes_either_way() {
    let town = Town::doors().await;
    let now = payclear::vocabulary::clock::Clock::now(&*town.clock).timestamp();
    let body = Town::fee("HS-1", 100_000).to_string();
    for created in [now - 400, now + 400, 0, -1] {
        let key = fresh_key();
        let old = town.portal.sign_at(created, "POST", INVOICES, Some(&key), body.as_bytes());
        refused(&town, &old, "a time that is over, or not yet").await;
        let read = town.portal.sign_at(created, "GET", INVOICES, None, b"");
        refused(&town, &read, "the same of a read").await;
    }
    for created in [now - 200, now + 200] {
        let key = fresh_key();
        let good = town.portal.sign_at(created, "POST", INVOICES, Some(&key), body.as_bytes());
        let answer = town.portal.send(&good).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_sent_twice_is_refused_the_second_time() {
    let town = Town::doors().await;
    let issue = letter(&town, "HS-1");
    let issued = town.portal.send(&issue).await.expect(201);
    refused(&town, &issue, "issuing").await;

    let key = fresh_key();
    let path = format!("{INVOICES}/{}/cancel", text(&issued, "id"));
    let cancel = || town.portal.sign("POST", &path, Some(&key), b"{}");
    for _ in 0..2 {
        // A repeat has a nonce of its own, which is used up as well.
        let letter = cancel();
        assert_eq!(town.portal.send(&letter).await.status, 200);
        refused(&town, &letter, "cancelling").await;
    }

    let credit = town.credit("T1", 5_000, "nobody knows").to_string();
    let settle = town.bank.sign("POST", "/v1/settlements", Some("k"), credit.as_bytes());
    assert_eq!(town.bank.send(&settle).await.status, 201);
    refused(&town, &settle, "settling").await;

    let body = json!({ "transaction_id": "R1", "reason": "recalled" }).to_string();
    let path = "/v1/settlements/T1/reversal";
    let reverse = town.bank.sign("POST", path, Some("k"), body.as_bytes());
    assert_eq!(town.bank.send(&reverse).await.status, 204);
    refused(&town, &reverse, "reversing").await;

    let body = json!({ "url": "http://127.0.0.1:9/x" }).to_string();
    let endpoint = town.portal.sign("POST", "/v1/endpoints", Some("e"), body.as_bytes());
    assert_eq!(town.portal.send(&endpoint).await.status, 201);
    refused(&town, &endpoint, "adding an endpoint").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_does_only_what_is_its_own() {
    let town = Town::doors().await;
    let fee = Town::fee("HS-1", 100_000);
    town.bank.post(INVOICES, &fee).await.problem(403, "forbidden");
    town.bank.get("/v1/events").await.problem(403, "forbidden");
    let credit = town.credit("T1", 5_000, "");
    town.portal.post("/v1/settlements", &credit).await.problem(403, "forbidden");

    let other = payclear::registers::caller::CallerKind::Portal;
    let other = town.caller(other, "botp-mau").await;
    let invoice = town.issue(100_000).await;
    let path = format!("{INVOICES}/{}", text(&invoice, "id"));
    for foreign in [path.clone(), format!("{path}/events")] {
        other.get(&foreign).await.problem(404, "not-found");
    }
    other.post(&format!("{path}/cancel"), &json!({})).await.problem(404, "not-found");
    assert_eq!(other.get(INVOICES).await.expect(200)["invoices"], json!([]));
    assert_eq!(text(&town.read(&invoice).await, "portal"), PORTAL);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_keys_of_a_caller_sign_until_one_is_revoked() {
    let town = Town::doors().await;
    let kind = payclear::registers::caller::CallerKind::Portal;
    let second = town.caller(kind, PORTAL).await;
    assert_eq!(town.portal.get(INVOICES).await.status, 200);
    assert_eq!(second.get(INVOICES).await.status, 200);

    let by = payclear::platform::audit::By {
        actor: "tests",
        at: payclear::vocabulary::clock::Clock::now(&*town.clock),
    };
    let whose = payclear::registers::caller::Caller { kind, code: PORTAL.to_owned() };
    payclear::callers::revoke::revoke(&town.pool, by, &whose, &town.portal.key_id)
        .await
        .expect("the key is revoked");
    town.app.directory.refresh().await.expect("the registers");

    let old: Value = town.portal.get(INVOICES).await.problem(401, "unauthenticated");
    assert_eq!(old["status"], 401);
    assert_eq!(second.get(INVOICES).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_refused_is_not_judged_a_second_time() {
    let town = Town::doors().await;
    let invoice = town.issue(50_000).await;
    let cancel = format!("{INVOICES}/{}/cancel", text(&invoice, "id"));
    let refunds = format!("{INVOICES}/{}/refunds", text(&invoice, "id"));
    let nobody = format!("{INVOICES}/{}/cancel", uuid::Uuid::nil());
    let credit = |amount: &str| {
        let mut credit = town.credit("T1", 1, "nobody knows");
        credit["amount"]["amount"] = json!(amount);
        credit.to_string()
    };
    let endpoint = format!("/v1/endpoints/{}/enable", uuid::Uuid::nil());
    let back = json!({ "transaction_id": "R1", "reason": "recalled" }).to_string();
    let refund = json!({
        "amount": { "amount": "1", "currency": "VND" }, "reason": "x",
        "refundable": { "amount": "1", "currency": "VND" },
    });
    let (portal, bank) = (&town.portal, &town.bank);
    for (caller, path, body, status) in [
        (portal, INVOICES, "{", 400),
        (portal, INVOICES, "{}", 422),
        (portal, "/v1/invoices/batch", "[]", 422),
        (portal, &*nobody, "{}", 404),
        (portal, &*cancel, "{\"x\":1}", 422),
        (portal, &*refunds, &*refund.to_string(), 409),
        (portal, &*endpoint, "", 404),
        (portal, "/v1/settlements", &*credit("5"), 403),
        (bank, "/v1/settlements", &*credit("0"), 422),
        (bank, "/v1/settlements/T9/reversal", &*back, 404),
        (bank, "/v1/settlements/T9/reversal", "{}", 422),
    ] {
        let letter = caller.sign("POST", path, Some(&fresh_key()), body.as_bytes());
        let first = caller.send(&letter).await;
        assert_eq!(first.status, status, "{path}: {}", first.text());
        refused(&town, &letter, path).await;
    }
    // The same key with other content: the nonce of the refusal is used up as well.
    let fee = Town::fee("HS-9", 1_000).to_string();
    town.portal.post_bytes("one", INVOICES, fee.as_bytes()).await.expect(201);
    let other = Town::fee("HS-9", 2_000).to_string();
    let reused = town.portal.sign("POST", INVOICES, Some("one"), other.as_bytes());
    town.portal.send(&reused).await.problem(422, "idempotency-key-reused");
    refused(&town, &reused, "another content").await;
}
