//! Asking partners what became of orders: a call that came late is not taken for one that never came,
//! nobody's backlog is another's, and a person is told at the stated age.

use chrono::{DateTime, Duration, Utc};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use payclear::app::Role;
use payclear::dispatch::asking::{AT_ONCE, Asking};
use payclear::invoices::attempt::Attempt;
use payclear::invoices::invoice::Invoice;
use payclear::invoices::store;
use payclear::platform::broker;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::partners::choose;
use crate::support::{Plan, Town, text, until};

/// Without the clock: what is due is asked after when the test says so.
const UNSWEPT: &[Role] = &[Role::Relay, Role::Dispatch];

async fn town(roles: &'static [Role], settings: Value) -> Town {
    Town::of(Plan { roles, with_simulators: true, amqp_url: None, settings }).await
}

impl Town {
    async fn behaves(&self, behaviour: &Value) {
        assert_eq!(self.simulators().post("/control/behaviour", behaviour).await.status, 200);
    }

    /// The one attempt through a partner, and its invoice.
    async fn attempt_at(&self, partner: &str) -> (Attempt, Invoice) {
        let id: Uuid = sqlx::query_scalar(
            "select attempt_id from attempt where partner = $1 order by created_at limit 1",
        )
        .bind(partner)
        .fetch_one(&self.pool)
        .await
        .expect("an attempt");
        let mut conn = self.pool.acquire().await.expect("a connection");
        let attempt = store::attempts_read(&mut conn, &[id]).await.expect("it is read").remove(0);
        let invoice = store::invoice_read(&mut conn, attempt.invoice).await.expect("it is read");
        (attempt, invoice.expect("its invoice"))
    }

    async fn wait_for_attempt(&self, partner: &str, status: &str) {
        let what = format!("the attempt at {partner} to be {status}");
        until(&what, || async { self.attempt_at(partner).await.0.status.as_str() == status }).await;
    }

    /// How often the attempt was asked after in vain, and when it is again.
    async fn asked(&self, partner: &str) -> Option<(i32, DateTime<Utc>)> {
        let attempt = self.attempt_at(partner).await.0.id.0;
        sqlx::query_as(
            "select tries, due_at from due where kind = 'attempt.query' and subject = $1",
        )
        .bind(attempt)
        .fetch_optional(&self.pool)
        .await
        .expect("the row")
    }

    async fn sweeps(&self, asking: &Asking) -> usize {
        self.app.querying().sweep(&self.pool, asking).await.expect("it asks")
    }

    /// So many copies of the attempt at a partner in this state, long due to be asked after.
    async fn backlog(&self, partner: &str, status: &str, copies: i32) {
        self.backlog_of("attempt.query", partner, status, copies).await;
    }

    async fn backlog_of(&self, kind: &str, partner: &str, status: &str, copies: i32) {
        sqlx::query(
            "with made as (
                 insert into attempt (attempt_id, invoice_id, partner, reference, amount, currency,
                                      created_at, expires_at, status, status_since)
                 select gen_random_uuid(), invoice_id, partner, $2 || n, amount, currency,
                        created_at, expires_at, $2, created_at
                   from attempt, generate_series(1, $3) n
                  where partner = $1
                 returning attempt_id, partner)
             insert into due (kind, lane, subject, due_at)
             select $4, partner, attempt_id, now() - interval '1 hour' from made",
        )
        .bind(partner)
        .bind(status)
        .bind(copies)
        .bind(kind)
        .execute(&self.pool)
        .await
        .expect("a backlog");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waited_long_for_its_call_is_not_failed_by_the_first_question() {
    let mut town = town(&[Role::Relay], json!({})).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    // The broker was away, say: minutes pass before the order goes out, and then nobody answers.
    town.clock.turn(Duration::minutes(4));
    town.behaves(&json!({ "partner": "momo", "create": "http500" })).await;
    town.also_runs(&[Role::Dispatch]);
    town.wait_for_attempt("momo", "unknown").await;
    let asking = Asking::default();
    town.clock.turn(Duration::seconds(6));
    assert!(town.sweeps(&asking).await >= 1, "it is asked after");
    until("the first question to have been answered", || async {
        town.asked("momo").await.is_none_or(|(tries, _)| tries > 0)
    })
    .await;
    let (attempt, its_invoice) = town.attempt_at("momo").await;
    assert_eq!(attempt.status.as_str(), "unknown", "the call may still be on its way");

    // The wallet takes the order after all, and the payer pays it.
    town.behaves(&json!({ "partner": "momo" })).await;
    let order = attempt.order(&its_invoice, &town.url);
    let directory = town.app.directory.current();
    let dialect = directory.partner("momo").and_then(|p| p.dialect.clone()).expect("a dialect");
    let payclear::partners::dialects::Ask::Call(call) = dialect.ask_create(&order) else {
        panic!("MoMo is called");
    };
    assert_eq!(town.simulators().call(call).await.0, 200);
    town.clock.turn(Duration::seconds(20));
    town.sweeps(&asking).await;
    town.wait_for_attempt("momo", "awaiting_payer").await;
    town.simulators().pay(&attempt.reference, "paid").await;
    town.wait_for(&invoice, "paid").await;
    town.wait_for_attempt("momo", "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_arrived_is_failed_once_it_cannot_arrive_any_more() {
    let town = town(UNSWEPT, json!({})).await;
    town.behaves(&json!({ "partner": "momo", "create": "http500" })).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    town.wait_for_attempt("momo", "unknown").await;
    town.clock.turn(Duration::seconds(125));
    assert_eq!(town.sweeps(&Asking::default()).await, 1);
    town.wait_for_attempt("momo", "failed").await;
    until("nobody to ask any more", || async { town.asked("momo").await.is_none() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_again_while_its_call_is_under_way_fails_nothing() {
    let mut town =
        town(&[Role::Relay], json!({ "clearing": { "partner_call_seconds": 10 } })).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    town.clock.turn(Duration::minutes(4));
    town.behaves(&json!({ "partner": "momo", "create": "timeout" })).await;
    town.also_runs(&[Role::Dispatch]);
    town.wait_for_attempt("momo", "sent").await;
    let attempt = town.attempt_at("momo").await.0.id.0;

    let settings = &town.app.settings.broker;
    let connection = broker::connect(settings, "tests").await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let pointers = json!([{ "subject": attempt, "sequence": 0 }]);
    let message = json!({ "version": 1, "kind": "collection.requested", "pointers": pointers });
    channel
        .basic_publish(
            broker::named(settings, "payclear.events").as_str().into(),
            "collection.requested.momo".into(),
            BasicPublishOptions::default(),
            message.to_string().as_bytes(),
            BasicProperties::default().with_delivery_mode(2),
        )
        .await
        .expect("it is published")
        .await
        .expect("it is taken");
    until("the repeat to have been asked after", || async {
        let (attempt, _) = town.attempt_at("momo").await;
        attempt.status.as_str() != "sent" || town.asked("momo").await.is_some()
    })
    .await;
    let status = town.attempt_at("momo").await.0.status;
    assert_eq!(status.as_str(), "sent", "the first call is still under way");
    town.wait_for_attempt("momo", "unknown").await;
    connection.close(200, "bye".into()).await.expect("it closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_meanwhile_delays_no_question() {
    let town = town(UNSWEPT, json!({})).await;
    let silent = json!({ "partner": "momo", "create": "http500", "query": "http500" });
    town.behaves(&silent).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    town.wait_for_attempt("momo", "unknown").await;
    // Their callbacks came in time; nobody has looked at their rows since.
    town.backlog("momo", "succeeded", 2_500).await;
    town.clock.turn(Duration::seconds(6));
    let asking = Asking::default();
    assert_eq!(town.sweeps(&asking).await, 1, "only who has not ended is asked after, and at once");
    assert_eq!(town.count("due where kind = 'attempt.query'").await, 1);
    until("the question to have been asked", || async {
        town.asked("momo").await.is_some_and(|(tries, _)| tries == 1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_hangs_keeps_no_other_from_being_asked() {
    let town = town(UNSWEPT, json!({})).await;
    for partner in ["momo", "zalopay"] {
        town.behaves(&json!({ "partner": partner, "create": "http500" })).await;
        let invoice = town.issue(100_000).await;
        choose(&town, &invoice, partner).await;
        town.wait_for_attempt(partner, "unknown").await;
    }
    town.behaves(&json!({ "partner": "momo", "query": "timeout" })).await;
    town.behaves(&json!({ "partner": "zalopay" })).await;
    // More than its turns, all of them due before the other's one.
    town.backlog("momo", "unknown", 600).await;
    town.clock.turn(Duration::seconds(6));
    let asking = Asking::default();
    town.sweeps(&asking).await;
    until("the other to have been asked", || async {
        town.asked("zalopay").await.is_some_and(|(tries, _)| tries == 1)
    })
    .await;
    assert_eq!(asking.under_way().get("momo"), Some(&AT_ONCE), "so many turns and no more");
    town.clock.turn(Duration::seconds(16));
    assert_eq!(town.sweeps(&asking).await, 1, "the other's, while the first hangs");
    until("the other to have been asked again", || async {
        town.asked("zalopay").await.is_some_and(|(tries, _)| tries == 2)
    })
    .await;
    assert_eq!(asking.under_way().get("momo"), Some(&AT_ONCE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_hangs_keeps_no_other_order_from_being_taken_back() {
    let town = town(UNSWEPT, json!({})).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    town.wait_for_attempt("samplebank", "awaiting_payer").await;
    town.wait_for_attempt("momo", "awaiting_payer").await;
    town.behaves(&json!({ "partner": "samplebank", "cancel": "timeout" })).await;
    town.backlog_of("attempt.cancel", "samplebank", "expired", 600).await;
    town.backlog_of("attempt.cancel", "momo", "expired", 1).await;
    let asking = Asking::default();
    let swept = town.app.querying().cancel_sweep(&town.pool, &asking).await.expect("a sweep");
    assert_eq!(i64::try_from(swept).expect("a number"), AT_ONCE + 1);
    until("the other's to be done with", || async {
        town.count("due where kind = 'attempt.cancel' and lane = 'momo'").await == 0
    })
    .await;
    assert_eq!(asking.under_way().get("samplebank"), Some(&AT_ONCE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_the_case_at_the_stated_age_however_long_the_pauses_have_grown() {
    let town = town(UNSWEPT, json!({})).await;
    let silent = json!({ "partner": "momo", "create": "http500", "query": "http500" });
    town.behaves(&silent).await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    town.wait_for_attempt("momo", "unknown").await;
    let asking = Asking::default();
    // From question to question, as the clock itself goes.
    let mut tries = 0;
    while town.cases().await.is_empty() {
        let (before, at) = town.asked("momo").await.expect("it waits");
        assert!(before < 20, "asked so often, and nobody was told");
        town.clock.turn(at - town.clock.now() + Duration::seconds(1));
        assert_eq!(town.sweeps(&asking).await, 1, "it is due at {at}");
        until("the question to have been asked", || async {
            town.asked("momo").await.is_some_and(|(tries, _)| tries > before)
        })
        .await;
        tries += 1;
    }
    assert!(tries > 5, "{tries}");
    assert_eq!(town.cases().await, ["B04 100000 open"]);
    let told_after: i64 = sqlx::query_scalar(
        "select extract(epoch from opened_at - created_at)::bigint
           from break_case join attempt using (invoice_id) where attempt.partner = 'momo'",
    )
    .fetch_one(&town.pool)
    .await
    .expect("the age");
    let told_after = Duration::seconds(told_after);
    assert!(told_after >= Duration::hours(8), "{told_after}");
    assert!(told_after < Duration::hours(8) + Duration::minutes(1), "{told_after}");
    assert_eq!(text(&invoice, "status"), "issued");
}
