//! Portals are told, signed and without fail: tried again, parked, asked for again; one that is
//! dead delays no other.

use chrono::{DateTime, Duration, Utc};
use payclear::app::Role;
use payclear::registers::caller::CallerKind;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::receiver::{Got, Receiver};
use crate::support::{Caller, Plan, Town, text, until};

/// A town that tells portals; pauses between tries in seconds.
async fn town(retry_seconds: &[u64]) -> Town {
    Town::of(Plan {
        roles: &[Role::Relay, Role::Dispatch, Role::Notices, Role::Clock],
        with_simulators: false,
        amqp_url: None,
        settings: json!({
            "notices": { "retry_seconds": retry_seconds, "try_seconds": 5 },
            "clearing": { "standing_partner": "directbank" },
        }),
    })
    .await
}

/// Issues a fee and pays it.
async fn paid(town: &Town, transaction: &str) -> Value {
    let invoice = town.issue(10_000).await;
    assert_eq!(town.settle(transaction, 10_000, text(&invoice, "code")).await, "applied");
    invoice
}

async fn deliveries(caller: &Caller, state: &str) -> Vec<Value> {
    let listed = caller.get(&format!("/v1/deliveries?state={state}")).await.expect(200);
    listed["deliveries"].as_array().expect("a list").clone()
}

async fn wait_for_delivery(caller: &Caller, state: &str) -> Value {
    until(&format!("a delivery that is {state}"), || async {
        !deliveries(caller, state).await.is_empty()
    })
    .await;
    deliveries(caller, state).await.remove(0)
}

fn verified(got: &Got, secret: &str) -> bool {
    Webhook::new(secret).expect("a secret").verify(&got.body, &got.headers).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_is_told_in_a_form_that_others_can_verify() {
    let town = town(&[3600]).await;
    let receiver = Receiver::start().await;
    let (_, secret) = town.endpoint(&town.portal, &format!("{}/notices", receiver.url)).await;
    let invoice = paid(&town, "T1").await;
    until("a notice", || async { !receiver.got().is_empty() }).await;

    let got = receiver.got().remove(0);
    assert!(verified(&got, &secret));
    assert!(!verified(&Got { body: b"{}".to_vec(), ..got.clone() }, &secret));
    let body = got.json();
    assert_eq!((text(&body, "type"), &body["sequence"]), ("invoice.paid", &json!(2)));
    assert_eq!((&body["invoice_id"], &body["code"]), (&invoice["id"], &invoice["code"]));
    assert_eq!(body["dossier"], invoice["dossier"]);
    assert_eq!(body["amount"], invoice["amount"]);
    // Nobody's name and number travel.
    let sent = String::from_utf8(got.body.clone()).expect("text");
    assert!(!sent.contains("Minh An") && !sent.contains("payer"));
    let told = wait_for_delivery(&town.portal, "delivered").await;
    assert_eq!(text(&told, "id"), got.header("webhook-id"));
    assert_eq!((&told["tries"], &told["last_status"]), (&json!(1), &json!(204)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_the_same_notice_with_a_new_time_and_the_last_one_is_parked() {
    let town = town(&[0, 0]).await;
    let receiver = Receiver::start().await;
    let (_, secret) = town.endpoint(&town.portal, &receiver.url).await;
    receiver.answers(500, &[]);
    paid(&town, "T1").await;

    let parked = wait_for_delivery(&town.portal, "parked").await;
    assert_eq!((&parked["tries"], &parked["last_status"]), (&json!(3), &json!(500)));
    let tries = receiver.got();
    assert_eq!(tries.len(), 3);
    for again in &tries {
        assert_eq!(again.header("webhook-id"), text(&parked, "id"));
        assert_eq!(again.body, tries[0].body);
        assert!(verified(again, &secret));
    }

    receiver.answers(200, &[]);
    let path = format!("/v1/deliveries/{}/redeliver", text(&parked, "id"));
    town.portal.post(&path, &json!({})).await.expect(202);
    wait_for_delivery(&town.portal, "delivered").await;
    let last = receiver.got().pop().expect("one more");
    assert_eq!((last.header("webhook-id"), &last.body), (text(&parked, "id"), &tries[0].body));
    town.portal.post("/v1/deliveries/ntc_x/redeliver", &json!({})).await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_be_left_alone_for_a_while_is_honoured() {
    let town = town(&[1, 1]).await;
    let receiver = Receiver::start().await;
    town.endpoint(&town.portal, &receiver.url).await;
    receiver.answers(429, &[("retry-after", "7200".to_owned())]);
    paid(&town, "T1").await;

    let due = wait_for_delivery(&town.portal, "due").await;
    let next: DateTime<Utc> = text(&due, "next_at").parse().expect("an instant");
    assert!(next > town.clock.now() + Duration::minutes(110), "{due}");
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_410_disables() {
    let town = town(&[3600]).await;
    let receiver = Receiver::start().await;
    let (id, _) = town.endpoint(&town.portal, &format!("{}/here", receiver.url)).await;
    receiver.answers(307, &[("location", format!("{}/elsewhere", receiver.url))]);
    paid(&town, "T1").await;
    let due = wait_for_delivery(&town.portal, "due").await;
    assert_eq!(due["last_status"], 307);

    receiver.answers(410, &[]);
    paid(&town, "T2").await;
    let path = format!("/v1/endpoints/{id}");
    until("the endpoint to be disabled", || async {
        town.portal.get(&path).await.expect(200)["state"] == "disabled"
    })
    .await;
    assert!(receiver.got().iter().all(|got| got.path == "/here"));

    // What it missed is told once it is open again and asks.
    let since = town.clock.now() - Duration::hours(1);
    paid(&town, "T3").await;
    receiver.answers(204, &[]);
    town.portal.post(&format!("{path}/enable"), &json!({})).await.expect(200);
    let again = json!({ "since": since });
    town.portal.post(&format!("{path}/redeliver"), &again).await.expect(202);
    town.clock.turn(Duration::hours(2));
    until("all three to be delivered", || async {
        deliveries(&town.portal, "delivered").await.len() == 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_rotates_both_sign() {
    let town = town(&[3600]).await;
    let receiver = Receiver::start().await;
    let (id, old) = town.endpoint(&town.portal, &receiver.url).await;
    let path = format!("/v1/endpoints/{id}/rotate");
    let first = town.portal.post_as("rotate-1", &path, &json!({})).await;
    let new = text(&first.clone().expect(200), "secret").to_owned();
    assert_ne!(old, new);
    let again = town.portal.post_as("rotate-1", &path, &json!({})).await;
    assert_eq!(again.body, first.body, "a repeat shows the same secret");

    paid(&town, "T1").await;
    until("a notice", || async { !receiver.got().is_empty() }).await;
    let got = receiver.got().remove(0);
    assert!(verified(&got, &old) && verified(&got, &new));
    assert_eq!(got.header("webhook-signature").split(' ').count(), 2);
    // The secret is shown when it is made, and never again.
    let shown = town.portal.get(&format!("/v1/endpoints/{id}")).await.expect(200);
    assert_eq!(shown.get("secret"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_inside_our_own_network_is_refused() {
    let town = Town::doors().await;
    for url in [
        "http://example.com/x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fc00::1]/",
        "https://[fe80::1]/",
        "https://0xa000001/",
        "https://167772161/",
        "https://user:password@example.com/",
        "https://example.com/#x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "example.com",
        "",
    ] {
        town.portal.post("/v1/endpoints", &json!({ "url": url })).await.points_to("/url");
    }
    assert_eq!(town.count("endpoint").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_portal_delays_no_other() {
    let town = town(&[3600]).await;
    let (dead, healthy) = (Receiver::start().await, Receiver::start().await);
    dead.is_silent();
    town.endpoint(&town.portal, &dead.url).await;
    let other = town.caller(CallerKind::Portal, "botp-mau").await;
    town.endpoint(&other, &healthy.url).await;
    for n in 0..40 {
        paid(&town, &format!("T{n}")).await;
    }
    let fee = Town::fee("HS-other", 10_000);
    let invoice = other.post("/v1/invoices", &fee).await.expect(201);
    town.settle("T-other", 10_000, text(&invoice, "code")).await;

    until("the healthy portal to be told", || async { !healthy.got().is_empty() }).await;

    // Its neighbour still hangs: none of its notices has been taken.
    assert_eq!(deliveries(&town.portal, "delivered").await.len(), 0);
    assert_eq!(healthy.got().len(), 1);
}
