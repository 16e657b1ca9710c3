//! The service dies at named points, at once and without farewell, while fees are under way. What
//! was promised to anybody holds afterwards, judged by the banks' and the portal's own journals.

use payclear::app::Role;
use serde_json::json;

use crate::support::private_broker::PrivateBroker;
use crate::support::process::Site;
use crate::support::{Plan, Town, text, until};

/// 200 fees are under way whenever the service dies.
async fn survives(points: &[&str]) {
    Site::fresh().await.survives(points, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_before_or_after_a_commit_loses_and_doubles_nothing() {
    survives(&[
        "issue.before_commit:3",
        "issue.after_commit:3",
        "settle.before_commit:3",
        "settle.after_commit:3",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_outbox_and_broker_loses_and_doubles_nothing() {
    survives(&[
        "relay.published:4",
        "relay.confirmed:4",
        "consumer.before_ack:9",
        "attempts.before_commit:5",
        "attempts.after_commit:5",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_partner_portal_and_us_loses_and_doubles_nothing() {
    survives(&[
        "dispatch.sent:4",
        "dispatch.called:4",
        "callback.before_answer:4",
        "notices.sent:5",
        "notices.after_commit:1",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_everything_costs_time_not_money() {
    let broker = PrivateBroker::start().await;
    let mut town = Town::of(Plan {
        // Nobody takes from the queues yet: what is relayed lies in them.
        roles: &[Role::Relay, Role::Clock],
        with_simulators: true,
        amqp_url: Some(broker.url.clone()),
        settings: json!({ "clearing": { "lost_after_seconds": 3 } }),
    })
    .await;
    let mut fees = Vec::new();
    for n in 0..20 {
        let invoice = town.issue(10_000).await;
        if n % 2 == 0 {
            town.simulators().pay(text(&invoice, "qr"), "paid").await;
        }
        fees.push(invoice);
    }
    until("everything to lie in the queues", || async { town.count("outbox").await == 0 }).await;
    assert_eq!(town.simulators().get("/control/orders").await, json!([]));
    assert_eq!(town.simulators().notices().await.len(), 0);

    broker.wipe().await;
    for _ in 0..5 {
        let invoice = town.issue(10_000).await;
        town.simulators().pay(text(&invoice, "qr"), "paid").await;
        assert_eq!(town.status(&invoice).await, "paid");
        fees.push(invoice);
    }
    broker.start_again().await;
    town.also_runs(&[Role::Dispatch, Role::Notices]);

    until("no order to be left behind", || async {
        town.count("attempt where status in ('created', 'sent')").await == 0
    })
    .await;
    for invoice in &fees {
        if town.status(invoice).await == "paid" {
            town.wait_until_told(invoice, &["invoice.paid"]).await;
        }
    }
    let orders = town.simulators().get("/control/orders").await;
    assert_eq!(orders.as_array().map(Vec::len), Some(10), "of those that are still open: {orders}");
    assert_eq!(town.money_booked().await, town.simulators().money_taken().await);
}
