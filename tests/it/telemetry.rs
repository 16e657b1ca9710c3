//! What operators see and rely on: a trace that goes on from the request into the outbox, metrics
//! of the business, health of every role, and a stop that loses nothing.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use payclear::app::Role;
use payclear::commands::client;
use serde_json::{Value, json};

use crate::openapi::{Doors, fee};
use crate::support::receiver::Receiver;
use crate::support::{Caller, Plan, Town, answer_of, fresh_key, text, until};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A port that is free now.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

async fn page(doors: &Doors, path: &str) -> (u16, String) {
    let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
    let answer = doors.send(request).await;
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test]
async fn a_trace_goes_from_the_request_into_the_outbox_and_metrics_tell_the_business() {
    let doors = Doors::open().await;
    let issued =
        doors.send(doors.portal.request("POST", "/v1/invoices", &fee("D-1", "9000"))).await;
    assert_eq!(issued.status, 201);
    let credit = json!({
        "transaction_id": "T-1", "account": "0011009988776", "memo": issued.json()["code"],
        "amount": { "amount": "9000", "currency": "VND" }, "value_time": "2026-01-05T08:00:00Z",
    });
    let mut settle = doors.bank.request("POST", "/v1/settlements", &credit);
    settle.headers_mut().insert("traceparent", HeaderValue::from_static(TRACE));
    assert_eq!(doors.send(settle).await.status, 201);
    let owner = doors.scratch.owner().await;
    let traces: Vec<String> =
        sqlx::query_scalar("select trace from outbox where kind = 'notice.due'")
            .fetch_all(&owner)
            .await
            .expect("the outbox");
    owner.close().await;
    assert_eq!(traces, [TRACE]);
    let (status, metrics) = page(&doors, "/metrics").await;
    assert_eq!(status, 200);
    for name in
        ["payclear_invoices_issued_total", "payclear_settlements_total", "payclear_http_seconds"]
    {
        assert!(metrics.contains(name), "no {name} in {metrics}");
    }
    assert_eq!(page(&doors, "/livez").await.0, 200);
    assert_eq!(page(&doors, "/readyz").await.0, 200, "the broker is no reason to be red");
    doors.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_to_the_bank_and_to_the_portal() {
    let town = Town::of(Plan {
        roles: &[Role::Relay, Role::Dispatch, Role::Notices],
        with_simulators: false,
        amqp_url: None,
        settings: json!({}),
    })
    .await;
    let (bank, portal) = (Receiver::start().await, Receiver::start().await);
    town.configure(
        "samplebank",
        &json!({
            "base_url": bank.url, "client_id": "c", "api_key": "k", "checksum_key": "s",
        }),
    )
    .await;
    town.endpoint(&town.portal, &portal.url).await;
    let ask = |trace: &str, caller: &Caller, path: &str, body: &Value| {
        let letter = caller.sign("POST", path, Some(&fresh_key()), body.to_string().as_bytes());
        let (caller, letter) = (caller.clone(), letter.with("traceparent", trace));
        async move { caller.send(&letter).await.expect(201) }
    };

    let fee = Town::fee("HS-TRACE", 100_000);
    let invoice = ask(TRACE, &town.portal, "/v1/invoices", &fee).await;
    until("the order to reach the bank", || async { !bank.got().is_empty() }).await;
    assert_eq!(bank.got()[0].path, "/v2/payment-requests");
    assert_eq!(bank.got()[0].header("traceparent"), TRACE);

    let paid = TRACE.replace("4bf92f", "4bf92e");
    let credit = town.credit("T1", 100_000, text(&invoice, "code"));
    ask(&paid, &town.bank, "/v1/settlements", &credit).await;
    until("the notice to reach the portal", || async { !portal.got().is_empty() }).await;
    assert_eq!(text(&portal.got()[0].json(), "type"), "invoice.paid");
    assert_eq!(portal.got()[0].header("traceparent"), paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_nobody_can_place_and_how_long_notices_take() {
    let mut town = Town::of(Plan {
        roles: &[Role::Relay, Role::Notices],
        with_simulators: false,
        amqp_url: None,
        settings: json!({}),
    })
    .await;
    let portal = Receiver::start().await;
    town.endpoint(&town.portal, &portal.url).await;
    let invoice = town.issue(100_000).await;
    assert_eq!(town.settle("T1", 123_457, "nobody's").await, "suspense");
    let lags = |page: &str| {
        let line = page.lines().find(|l| l.starts_with("payclear_notice_lag_seconds_count"));
        line.and_then(|l| l.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let address = format!("{}/metrics", town.url);
    let before = lags(&town.browse(&address).await.text());

    town.settle("T2", 100_000, text(&invoice, "code")).await;
    until("the lag of the notice", || async {
        !portal.got().is_empty() && lags(&town.browse(&address).await.text()) > before
    })
    .await;

    town.also_runs(&[Role::Clock]);
    let told = "payclear_suspense_amount{partner=\"directbank\",currency=\"VND\"} 123457";
    until("the money in suspense", || async { town.browse(&address).await.text().contains(told) })
        .await;
}

#[tokio::test]
async fn a_process_without_doors_tells_how_it_is() {
    let address = free_address();
    let doors = Doors::listening(&address).await;
    let (app, http) = (doors.app.clone(), client::http().expect("a client"));
    let running = tokio::spawn(async move { app.run(&[Role::Relay, Role::Clock]).await });
    let ask = async |path: &str| {
        for _ in 0..200 {
            if let Ok(reply) = client::reply(http.get(format!("http://{address}{path}"))).await {
                return (reply.status, String::from_utf8_lossy(&reply.body).into_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody listens");
    };
    assert_eq!(ask("/livez").await.0, 200);
    assert_eq!(ask("/readyz").await, (503, "the broker does not answer\n".to_owned()));
    assert_eq!(ask("/v1/events").await.0, 404, "there are no doors here");
    let gauges = ["payclear_outbox_waiting", "payclear_outbox_oldest_seconds"];
    let mut metrics = String::new();
    for _ in 0..200 {
        metrics = ask("/metrics").await.1;
        if gauges.iter().all(|gauge| metrics.contains(gauge)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gauges.iter().all(|gauge| metrics.contains(gauge)), "{metrics}");
    doors.app.stop.cancel();
    running.await.expect("no panic").expect("it stops");
    doors.close().await;
}

#[tokio::test]
async fn who_leads_no_more_tells_no_gauges() {
    let address = free_address();
    let doors = Doors::listening(&address).await;
    let (app, http) = (doors.app.clone(), client::http().expect("a client"));
    let running = tokio::spawn(async move { app.run(&[Role::Clock]).await });
    let tells = |expected: bool| {
        until(if expected { "gauges to be told" } else { "gauges to go" }, {
            let (http, address) = (http.clone(), address.clone());
            move || {
                let ask = client::reply(http.get(format!("http://{address}/metrics")));
                async move {
                    let Ok(reply) = ask.await else { return false };
                    let page = String::from_utf8_lossy(&reply.body).into_owned();
                    let gauges = ["payclear_outbox_oldest_seconds", "payclear_due_waiting"];
                    gauges.iter().all(|gauge| page.contains(gauge) == expected)
                }
            }
        })
    };
    tells(true).await;

    let owner = doors.scratch.owner().await;
    let moved = "update lease set holder = 'another', until = now() + interval '1 hour' where name = 'clock'";
    assert_eq!(sqlx::query(moved).execute(&owner).await.expect("moved").rows_affected(), 1);
    tells(false).await;

    let ended = "update lease set until = now() where name = 'clock'";
    assert_eq!(sqlx::query(ended).execute(&owner).await.expect("ended").rows_affected(), 1);
    tells(true).await;
    owner.close().await;
    doors.app.stop.cancel();
    running.await.expect("no panic").expect("it stops");
    doors.close().await;
}

#[tokio::test]
async fn a_stop_answers_what_is_under_way() {
    let address = free_address();
    let doors = Doors::listening(&address).await;
    let (app, http) = (doors.app.clone(), client::http().expect("a client"));
    let running = tokio::spawn(async move { app.run(&[Role::Api]).await });
    let mut up = false;
    for _ in 0..200 {
        up = client::reply(http.get(format!("http://{address}/livez"))).await.is_ok();
        if up {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(up, "nobody listens");
    let mut calls = tokio::task::JoinSet::new();
    for place in 0..60 {
        let body: Value = fee(&format!("D-{place}"), "1000");
        let mut request = doors.portal.request("POST", "/v1/invoices", &body);
        let mut call = http.post(format!("http://{address}/v1/invoices"));
        for (name, value) in request.headers_mut().drain() {
            call = call.header(name.expect("a name"), value);
        }
        calls.spawn(client::reply(call.body(body.to_string())));
    }
    let first = calls.join_next().await.expect("calls").expect("no panic").expect("an answer");
    doors.app.stop.cancel();
    let mut issued = i64::from(first.status == 201);
    while let Some(call) = calls.join_next().await {
        // Whoever came too late was not let in; whoever was let in is answered.
        if let Ok(reply) = call.expect("no panic") {
            assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
            issued += 1;
        }
    }
    running.await.expect("no panic").expect("it stops");
    let owner = doors.scratch.owner().await;
    let stand: i64 = sqlx::query_scalar("select count(*) from invoice")
        .fetch_one(&owner)
        .await
        .expect("a count");
    owner.close().await;
    assert_eq!(issued, stand, "as many are answered as stand");
    doors.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_are_not_ready_when_nothing_can_be_written_or_the_disk_is_nearly_full() {
    // More room than any disk has is asked for.
    let full = json!({ "database": { "disk_path": "/", "disk_free_mebibytes": u64::MAX / 2 } });
    for (settings, expected) in [
        (full, (503, "the disk of the database is nearly full\n")),
        (json!({ "database": { "disk_path": "/", "disk_free_mebibytes": 1 } }), (200, "ready\n")),
        // A database elsewhere: its disk is not ours to look at.
        (json!({ "database": { "disk_path": "/no/such/place" } }), (200, "ready\n")),
    ] {
        let plan = Plan { roles: &[], with_simulators: false, amqp_url: None, settings };
        let town = Town::of(plan).await;
        let told = answer_of(town.http.get(format!("{}/readyz", town.url))).await;
        assert_eq!((told.status, told.text().as_str()), expected);
    }
    // What can be read but not written to is not ready: the probe writes a row and commits it.
    let town = Town::doors().await;
    town.as_owner("revoke insert, update on lease from payclear_app").await.expect("revoked");
    let told = answer_of(town.http.get(format!("{}/readyz", town.url))).await;
    assert_eq!(told.status, 503);
    assert_eq!(told.text(), "the database cannot be written to\n");
    town.as_owner("grant insert, update on lease to payclear_app").await.expect("granted");
}
