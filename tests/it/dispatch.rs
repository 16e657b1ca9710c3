//! Between the outbox and the partners: the broker may go and come back, messages may come twice or
//! make no sense; orders and notices arrive all the same.

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection};
use payclear::platform::broker;
use serde_json::{Value, json};

use crate::support::cluster::cluster;
use crate::support::proxy::Line;
use crate::support::{Plan, Town, text, until};
use payclear::app::Role;

const ALL: &[Role] = &[Role::Relay, Role::Dispatch, Role::Notices, Role::Clock];

async fn waits(town: &Town, invoices: &[Value]) {
    until("every order to be known to the bank", || async {
        let open: i64 = town.count("attempt where status in ('created', 'sent')").await;
        open == 0
    })
    .await;
    for invoice in invoices {
        assert_eq!(
            town.count(&format!("attempt where invoice_id = '{}'", text(invoice, "id"))).await,
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_fees_are_taken_and_paid_and_it_catches_up_by_itself() {
    let mut url = url::Url::parse(&cluster().amqp_url).expect("an address");
    let target = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5672));
    let line = Line::to(target).await;
    url.set_port(Some(line.port)).expect("a port");
    url.set_host(Some("127.0.0.1")).expect("a host");
    line.cut();
    let town = Town::of(Plan {
        roles: ALL,
        with_simulators: true,
        amqp_url: Some(url.into()),
        settings: json!({}),
    })
    .await;
    let simulators = town.simulators();

    let mut invoices = Vec::new();
    for round in 0..3 {
        for n in 0..5 {
            let invoice = town.issue(10_000).await;
            if n % 2 == 0 {
                simulators.pay(text(&invoice, "qr"), "paid").await;
                assert_eq!(town.status(&invoice).await, "paid", "round {round}");
            }
            invoices.push(invoice);
        }
        if round == 0 {
            assert!(town.count("outbox").await > 0, "nothing can have been relayed");
            assert_eq!(simulators.notices().await.len(), 0);
        }
        line.mend();
        until("the outbox to empty", || async { town.count("outbox").await == 0 }).await;
        if round < 2 {
            line.cut();
        }
    }
    waits(&town, &invoices).await;
    for invoice in &invoices {
        if town.status(invoice).await == "paid" {
            town.wait_until_told(invoice, &["invoice.paid"]).await;
        }
    }
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
}

/// Publishes as the relay would.
async fn publish(town: &Town, key: &str, body: &[u8]) {
    let settings = &town.app.settings.broker;
    let connection: Connection = broker::connect(settings, "tests").await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let exchange = broker::named(settings, "payclear.events");
    channel
        .basic_publish(
            exchange.as_str().into(),
            key.into(),
            BasicPublishOptions::default(),
            body,
            BasicProperties::default().with_delivery_mode(2),
        )
        .await
        .expect("it is published")
        .await
        .expect("it is taken");
    connection.close(200, "bye".into()).await.expect("it closes");
}

fn message(kind: &str, pointers: &[(serde_json::Value, i32)]) -> serde_json::Value {
    let pointers: Vec<_> = pointers
        .iter()
        .map(|(subject, sequence)| json!({ "subject": subject, "sequence": sequence }))
        .collect();
    json!({ "version": 1, "kind": kind, "pointers": pointers })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_three_times_has_one_effect() {
    let town = Town::whole().await;
    let invoice = town.issue(10_000).await;
    waits(&town, std::slice::from_ref(&invoice)).await;
    town.simulators().pay(text(&invoice, "qr"), "paid").await;
    town.wait_until_told(&invoice, &["invoice.paid"]).await;
    let attempt: String = sqlx::query_scalar(
        "select attempt_id::text from attempt where invoice_id = $1::text::uuid",
    )
    .bind(text(&invoice, "id"))
    .fetch_one(&town.pool)
    .await
    .expect("the attempt");
    let sequence = 2;
    for _ in 0..3 {
        let order = message("collection.requested", &[(json!(attempt), 0)]);
        publish(&town, "collection.requested.samplebank", order.to_string().as_bytes()).await;
        let notice = message("notice.due", &[(invoice["id"].clone(), sequence)]);
        publish(&town, "notice.due", notice.to_string().as_bytes()).await;
    }
    // A later fee is told of: by then the copies before it have been handled.
    let later = town.issue(10_000).await;
    town.simulators().pay(text(&later, "qr"), "paid").await;
    town.wait_until_told(&later, &["invoice.paid"]).await;

    let orders = town.simulators().get("/control/orders").await;
    let made = orders.as_array().expect("orders").iter();
    assert_eq!(made.filter(|o| o["invoice_code"] == invoice["code"]).count(), 1);
    let notices = town.simulators().notices().await;
    let told = notices.iter().filter(|n| n["body"]["code"] == invoice["code"]);
    assert_eq!(told.count(), 1, "{notices:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_parked_and_holds_up_nothing() {
    let town = Town::whole().await;
    let nobody = uuid::Uuid::nil();
    let strange = message("notice.due", &[(json!(nobody), 1)]);
    let future = json!({ "version": 9, "kind": "notice.due", "pointers": [] });
    until("the queues to be there", || async {
        town.count("lease where name = 'relay'").await == 1
    })
    .await;
    for poison in
        [&b"\xff\x00"[..], b"{}", strange.to_string().as_bytes(), future.to_string().as_bytes()]
    {
        publish(&town, "notice.due", poison).await;
    }
    let order = message("collection.requested", &[(json!(nobody), 0)]);
    publish(&town, "collection.requested.samplebank", order.to_string().as_bytes()).await;

    // Of a message with several pointers only the hopeless are parked.
    let told = town.issue(10_000).await;
    town.simulators().pay(text(&told, "qr"), "paid").await;
    town.wait_until_told(&told, &["invoice.paid"]).await;
    let mixed = [(json!(nobody), 1), (told["id"].clone(), 2), (json!(nobody), 2)];
    let mixed = message("notice.due", &mixed);
    publish(&town, "notice.due", mixed.to_string().as_bytes()).await;
    town.parks(6);

    let invoice = town.issue(10_000).await;
    town.simulators().pay(text(&invoice, "qr"), "paid").await;
    town.wait_until_told(&invoice, &["invoice.paid"]).await;
}
