//! VNPAY: every answer of the IPN table, the return page that proves nothing, and the question that
//! settles what was unknown.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::partners::{vnpay_fields, vnpay_query};
use crate::support::{Town, answer_of, text, until};

/// Chooses VNPAY on the pay page, as a browser without scripts would; the way to its page.
async fn choose(town: &Town, invoice: &Value) -> String {
    let request = town
        .http
        .post(text(invoice, "pay_url"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("partner=vnpay");
    let answer = answer_of(request).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let to = answer.headers["location"].to_str().expect("an address").to_owned();
    assert!(to.contains("/vnpay/paymentv2/vpcpay.html?"), "{to}");
    to
}

fn reference(order: &str) -> String {
    let url = url::Url::parse(order).expect("an address");
    let found = url.query_pairs().find(|(name, _)| name == "vnp_TxnRef");
    found.expect("a reference").1.into_owned()
}

async fn attempt(town: &Town, reference: &str) -> String {
    sqlx::query_scalar("select status from attempt where partner = 'vnpay' and reference = $1")
        .bind(reference)
        .fetch_one(&town.pool)
        .await
        .expect("the attempt")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_ipn_table_is_answered_as_vnpay_expects() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = reference(&choose(&town, &invoice).await);
    let paid = vnpay_fields(&order, 100_000, "14000001", ("00", "00"));

    let spoilt = vnpay_query(&paid).replace("vnp_Amount=100", "vnp_Amount=200");
    assert_eq!(town.ipn(&spoilt).await, "97");
    let unsigned = vnpay_query(&paid).split("&vnp_SecureHash").next().expect("a query").to_owned();
    assert_eq!(town.ipn(&unsigned).await, "97");
    let mut other = paid.clone();
    other.insert("vnp_TmnCode".to_owned(), "SOMEBODY".to_owned());
    assert_eq!(town.ipn(&vnpay_query(&other)).await, "97");
    assert_eq!(town.ipn("").await, "99");
    assert_eq!(town.ipn("a=b").await, "99");
    let mut odd = paid.clone();
    odd.insert("vnp_Amount".to_owned(), "1e5".to_owned());
    assert_eq!(town.ipn(&vnpay_query(&odd)).await, "99");
    assert_eq!(town.count("settlement").await, 0);

    let unknown = vnpay_fields("PG0000000000000000", 7_000, "14000002", ("00", "00"));
    assert_eq!(town.ipn(&vnpay_query(&unknown)).await, "01");
    town.books(&[("partner_receivable vnpay", 7_000), ("suspense vnpay", -7_000)]).await;
    let failed = vnpay_fields("PG0000000000000000", 7_000, "0", ("24", "02"));
    assert_eq!(town.ipn(&vnpay_query(&failed)).await, "01");

    assert_eq!(town.ipn(&vnpay_query(&paid)).await, "00");
    assert_eq!(town.ipn(&vnpay_query(&paid)).await, "02");
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(attempt(&town, &order).await, "succeeded");
    // A word of failure after the money does not undo it.
    let late = vnpay_fields(&order, 100_000, "0", ("24", "02"));
    assert_eq!(town.ipn(&vnpay_query(&late)).await, "02");
    // The same transaction with another amount: recorded nowhere, a case is opened.
    let mut differs = paid.clone();
    differs.insert("vnp_Amount".to_owned(), "9900000".to_owned());
    assert_eq!(town.ipn(&vnpay_query(&differs)).await, "99");

    town.books(&[
        ("partner_receivable vnpay", 107_000),
        ("agency_payable G01.A", -100_000),
        ("suspense vnpay", -7_000),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_try_is_recorded_and_the_payer_may_try_again() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let first = reference(&choose(&town, &invoice).await);
    let failed = vnpay_fields(&first, 100_000, "0", ("24", "02"));
    let mut wrong = failed.clone();
    wrong.insert("vnp_Amount".to_owned(), "100".to_owned());
    assert_eq!(town.ipn(&vnpay_query(&wrong)).await, "04");
    assert_eq!(town.ipn(&vnpay_query(&failed)).await, "00");
    assert_eq!(town.ipn(&vnpay_query(&failed)).await, "02");
    assert_eq!(attempt(&town, &first).await, "failed");
    assert_eq!(town.status(&invoice).await, "pending");

    let second = reference(&choose(&town, &invoice).await);
    assert_ne!(first, second);
    let short = vnpay_fields(&second, 60_000, "14000003", ("00", "00"));
    // Well signed, so the money is real; but not the order's amount.
    assert_eq!(town.ipn(&vnpay_query(&short)).await, "04");
    assert_eq!(town.ipn(&vnpay_query(&short)).await, "02");
    town.books(&[("partner_receivable vnpay", 60_000), ("part_payments_held vnpay", -60_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_return_page_proves_nothing() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = reference(&choose(&town, &invoice).await);
    let paid = vnpay_query(&vnpay_fields(&order, 100_000, "14000004", ("00", "00")));

    let back = town.browse(&format!("{}/partners/vnpay/return?{paid}", town.url)).await;

    assert_eq!(back.status, 303);
    let to = back.headers["location"].to_str().expect("an address").to_owned();
    assert!(to.starts_with("/pay/"), "{to}");
    let page = town.browse(&format!("{}{to}", town.url)).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Đang chờ xác nhận"));
    assert_eq!(town.status(&invoice).await, "pending");
    assert_eq!(town.count("settlement").await, 0);
    let forged = paid.replace("14000004", "14000005");
    let back = town.browse(&format!("{}/partners/vnpay/return?{forged}", town.url)).await;
    assert_eq!(back.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_asked_after_until_it_is_known() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = choose(&town, &invoice).await;
    let simulators = town.simulators();
    simulators.pay(&order, "debited_unknown").await;
    until("the attempt to be unknown", || async {
        attempt(&town, &reference(&order)).await == "unknown"
    })
    .await;
    assert_eq!(town.status(&invoice).await, "pending");

    // The gateway finds the money and its message is lost: only the question brings it.
    simulators.pay_with(&order, "paid_late", &json!({ "fault": "lost" })).await;
    town.clock.turn(Duration::seconds(31));

    town.wait_for(&invoice, "paid").await;
    assert_eq!(attempt(&town, &reference(&order)).await, "succeeded");
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
    town.books(&[("partner_receivable vnpay", 100_000), ("agency_payable G01.A", -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_and_the_message_that_it_overtakes_book_once() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = choose(&town, &invoice).await;
    let simulators = town.simulators();
    let held_back = json!({ "fault": "delayed", "delay_ms": 60_000, "wait": false });
    simulators.pay_with(&order, "paid", &held_back).await;
    // The order's time at the gateway's page is over, and half a minute more.
    town.clock.turn(Duration::minutes(16));

    town.wait_for(&invoice, "paid").await;

    until("the message that was held back", || async {
        let calls = simulators.get("/control/journal?kind=callback&channel=vnpay").await;
        calls.as_array().is_some_and(|calls| !calls.is_empty())
    })
    .await;
    let calls = simulators.get("/control/journal?kind=callback&channel=vnpay").await;
    // Whichever of the two came first has booked it; the other is a repeat.
    let said = text(&calls[0], "body");
    assert!(said.contains("\"RspCode\":\"00\"") || said.contains("\"RspCode\":\"02\""), "{calls}");
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
    assert_eq!(town.cases().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_at_the_gateway_is_booked_and_the_portal_told() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    for (outcome, fault, status) in [
        ("paid", json!(null), "paid"),
        ("paid", json!("duplicate"), "paid"),
        ("paid", json!("tampered"), "paid"),
        ("paid", json!("reset_after_commit"), "paid"),
        ("cancelled", json!(null), "pending"),
        ("insufficient", json!(null), "pending"),
    ] {
        let invoice = town.issue(50_000).await;
        let order = choose(&town, &invoice).await;
        simulators.pay_with(&order, outcome, &json!({ "fault": fault })).await;
        if status == "paid" {
            town.wait_for(&invoice, status).await;
            town.wait_until_told(&invoice, &["invoice.paid"]).await;
        } else {
            until("the attempt to have failed", || async {
                attempt(&town, &reference(&order)).await == "failed"
            })
            .await;
            assert_eq!(town.status(&invoice).await, status);
        }
    }
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
    assert_eq!(town.cases().await, Vec::<String>::new());
}
