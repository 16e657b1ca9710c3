//! ZaloPay: every answer of its table, the raw text that is signed, and asking until it is known:
//! only success is told.

use chrono::Duration;
use payclear::partners::dialects::{Answer, Order, RefundOrder, Refunding, from_settings};
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};

use crate::support::partners::{choose, zalopay_callback, zalopay_fields};
use crate::support::simulators::Simulators;
use crate::support::{Town, text, until};

fn reference(page: &str) -> String {
    let (_, reference) = page.rsplit_once("/zalopay/web/").expect("the wallet's page");
    reference.to_owned()
}

async fn attempt(town: &Town, reference: &str) -> String {
    sqlx::query_scalar("select status from attempt where partner = 'zalopay' and reference = $1")
        .bind(reference)
        .fetch_one(&town.pool)
        .await
        .expect("the attempt")
}

async fn said(town: &Town, data: &Value) -> i64 {
    town.zalopay(&zalopay_callback(data).to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_table_is_answered() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = reference(&choose(&town, &invoice, "zalopay").await);
    assert!(order.as_bytes()[6] == b'_' && order.contains(text(&invoice, "code")), "{order}");
    let paid = zalopay_fields(&order, 100_000, 261_100_000_000_001);

    let genuine = zalopay_callback(&paid);
    let mut tampered = genuine.clone();
    tampered["data"] = json!(text(&genuine, "data").replace("100000", "200000"));
    assert_eq!(town.zalopay(&tampered.to_string()).await, -1);
    // The same values with other blanks are not what was signed.
    tampered["data"] = json!(text(&genuine, "data").replace(':', ": "));
    assert_eq!(town.zalopay(&tampered.to_string()).await, -1);
    let mut unsigned = genuine.clone();
    unsigned["mac"] = json!(null);
    assert_eq!(town.zalopay(&unsigned.to_string()).await, -1);
    let mut other = paid.clone();
    other["app_id"] = json!(3000);
    assert_eq!(said(&town, &other).await, -1);
    for broken in ["", "[]", "{\"data\":", "{}"] {
        assert_eq!(town.zalopay(broken).await, 0, "{broken}");
    }
    let mut odd = paid.clone();
    odd["amount"] = json!("1e5");
    assert_eq!(said(&town, &odd).await, 0);
    assert_eq!(town.count("settlement").await, 0);

    let unknown = zalopay_fields("261122_NOBODY", 7_000, 261_100_000_000_002);
    assert_eq!(said(&town, &unknown).await, 0);
    town.books(&[("partner_receivable zalopay", 7_000), ("suspense zalopay", -7_000)]).await;

    assert_eq!(said(&town, &paid).await, 1);
    assert_eq!(said(&town, &paid).await, 2);
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(attempt(&town, &order).await, "succeeded");
    // The same transaction with another amount: recorded nowhere, a case is opened.
    assert_eq!(said(&town, &zalopay_fields(&order, 99_000, 261_100_000_000_001)).await, 0);

    town.books(&[
        ("partner_receivable zalopay", 107_000),
        ("agency_payable G01.A", -100_000),
        ("suspense zalopay", -7_000),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_amount_is_booked_once_and_answered_as_one_to_come_again() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = reference(&choose(&town, &invoice, "zalopay").await);
    let mut short = zalopay_fields(&order, 60_000, 261_100_000_000_003);
    // What the payer paid on top is not for us.
    short["user_fee_amount"] = json!(40_000);
    assert_eq!(said(&town, &short).await, 0);
    assert_eq!(said(&town, &short).await, 2);
    town.books(&[("partner_receivable zalopay", 60_000), ("part_payments_held zalopay", -60_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_is_found_by_asking_while_the_order_lives() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let page = choose(&town, &invoice, "zalopay").await;
    let simulators = town.simulators();
    // Asked before anybody has paid: still waiting, and asked again.
    town.clock.turn(Duration::seconds(61));
    until("the order to be asked after", || async {
        let due: Option<bool> = sqlx::query_scalar(
            "select due_at between $1 + interval '50 seconds' and $1 + interval '65 seconds' from due
              where kind = 'attempt.query'
                and subject = (select attempt_id from attempt where partner = 'zalopay')",
        )
        .bind(town.clock.now())
        .fetch_optional(&town.pool)
        .await
        .expect("the due");
        due == Some(true)
    })
    .await;
    assert_eq!(attempt(&town, &reference(&page)).await, "awaiting_payer");
    simulators.pay_with(&page, "paid", &json!({ "fault": "lost" })).await;

    town.clock.turn(Duration::seconds(61));

    town.wait_for(&invoice, "paid").await;
    assert_eq!(attempt(&town, &reference(&page)).await, "succeeded");
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_asked_after_until_it_is_known() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let page = choose(&town, &invoice, "zalopay").await;
    let simulators = town.simulators();
    simulators.pay(&page, "debited_unknown").await;
    // Nothing is told of it: it is noticed by asking.
    town.clock.turn(Duration::seconds(61));
    until("the attempt to be unknown", || async {
        attempt(&town, &reference(&page)).await == "unknown"
    })
    .await;
    assert_eq!(town.status(&invoice).await, "pending");

    simulators.pay_with(&page, "paid_late", &json!({ "fault": "lost" })).await;
    town.clock.turn(Duration::minutes(20));

    town.wait_for(&invoice, "paid").await;
    assert_eq!(attempt(&town, &reference(&page)).await, "succeeded");
    town.books(&[("partner_receivable zalopay", 100_000), ("agency_payable G01.A", -100_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_in_the_wallet_is_booked_and_the_portal_told() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    for fault in [json!(null), json!("duplicate"), json!("tampered"), json!("reset_after_commit")] {
        let invoice = town.issue(50_000).await;
        let page = choose(&town, &invoice, "zalopay").await;
        simulators.pay_with(&page, "paid", &json!({ "fault": fault })).await;
        town.wait_for(&invoice, "paid").await;
        town.wait_until_told(&invoice, &["invoice.paid"]).await;
    }
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
    assert_eq!(town.cases().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_learnt_by_asking_and_the_payer_may_try_again() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let invoice = town.issue(50_000).await;
    let first = choose(&town, &invoice, "zalopay").await;
    simulators.pay(&first, "cancelled").await;
    town.clock.turn(Duration::seconds(61));
    until("the attempt to have failed", || async {
        attempt(&town, &reference(&first)).await == "failed"
    })
    .await;
    assert_eq!(town.status(&invoice).await, "pending");
    // Success after failure: the money is real, and a second payment is money too.
    simulators.pay(&first, "paid_late").await;
    town.wait_for(&invoice, "paid").await;
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_wallet_refuses_fails_and_another_way_is_open() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let maintenance = json!({ "partner": "zalopay", "create": "error" });
    simulators.post("/control/behaviour", &maintenance).await.expect(200);
    let invoice = town.issue(50_000).await;
    let to = choose(&town, &invoice, "zalopay").await;
    assert!(to.starts_with("/pay/"), "{to}");
    let states: Vec<(String, Option<String>)> =
        sqlx::query_as("select status, last_code from attempt where partner = 'zalopay'")
            .fetch_all(&town.pool)
            .await
            .expect("the attempt");
    assert_eq!(states, [("failed".to_owned(), Some("-33".to_owned()))]);
    let page = choose(&town, &invoice, "momo").await;
    simulators.pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_taken_first_and_followed_to_its_end_at_the_simulator() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let invoice = town.issue(50_000).await;
    let page = choose(&town, &invoice, "zalopay").await;
    let paid = simulators.pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
    let settings = Simulators::settings(&simulators.url);
    let (_, settings) = settings.iter().find(|(partner, _)| *partner == "zalopay").expect("one");
    let dialect = from_settings("zalopay", settings.to_string().as_bytes()).expect("the dialect");
    let now = town.clock.now();
    let refund = RefundOrder {
        reference: dialect.refund_reference(now, 7),
        order: Order {
            reference: reference(&page),
            code: text(&invoice, "code").parse().expect("a code"),
            amount: Money::vnd(50_000),
            created_at: now,
            expires_at: now,
            return_url: String::new(),
            page_url: String::new(),
            callback_url: String::new(),
            payer_ip: "0.0.0.0".to_owned(),
            language: "vi",
        },
        transaction_id: text(&paid["transactions"][0], "transaction_id").to_owned(),
        amount: Money::vnd(20_000),
        whole: false,
        created_at: now,
        requested_by: "ketoan01".to_owned(),
    };
    let sent = async |refund: &RefundOrder| {
        let (status, body) = simulators.call(dialect.ask_refund(refund).expect("a call")).await;
        dialect.hear_refund(refund, Answer { status, body: &body })
    };
    let asked = async |refund: &RefundOrder| {
        let call = dialect.ask_refund_query(refund, town.clock.now(), 1).expect("a question");
        let (status, body) = simulators.call(call).await;
        dialect.hear_refund_query(refund, Answer { status, body: &body })
    };
    assert_eq!(asked(&refund).await, Refunding::NotFound);
    assert_eq!(sent(&refund).await, Refunding::Processing);
    assert_eq!(sent(&refund).await, Refunding::Processing, "the same refund, not another one");
    until("the refund to be done", || async {
        matches!(asked(&refund).await, Refunding::Confirmed { partner_refund: Some(_) })
    })
    .await;
    let out = simulators.get("/control/journal?direction=out").await;
    assert_eq!(out.as_array().expect("a journal").len(), 1, "sent twice, given back once");
    // More than is left: only the question tells that it was refused.
    let above = RefundOrder {
        reference: dialect.refund_reference(now, 8),
        amount: Money::vnd(30_001),
        ..refund.clone()
    };
    assert!(matches!(sent(&above).await, Refunding::Unknown { .. }));
    assert_eq!(asked(&above).await, Refunding::Refused { code: "-13".to_owned() });
}
