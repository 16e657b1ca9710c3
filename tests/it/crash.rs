//! The service dies at named points, at once and without farewell, while fees are under way. What
//! was promised to anybody holds afterwards, judged by the banks' and the portal's own journals.

use crate::support::process::Site;

/// 20 fees at each point.
async fn survives(points: &[&str]) {
    let mut site = Site::fresh().await;
    for point in points {
        site.survives(point, 20).await;
    }
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
        "notices.after_commit:3",
    ])
    .await;
}
