//! A bank that speaks payOS: orders made known through the broker, credits told by webhook.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::partners::{payos_envelope, payos_transfer};
use crate::support::{Town, text, until};

async fn attempt(town: &Town, invoice: &Value) -> String {
    sqlx::query_scalar("select status from attempt where invoice_id = $1::text::uuid")
        .bind(text(invoice, "id"))
        .fetch_one(&town.pool)
        .await
        .expect("one attempt")
}

async fn wait_for_attempt(town: &Town, invoice: &Value, status: &str) {
    let what = format!("the attempt to be {status}");
    until(&what, || async { attempt(town, invoice).await == status }).await;
}

async fn orders(town: &Town, invoice: &Value) -> Vec<Value> {
    let orders = town.simulators().get("/control/orders").await;
    let of_this = |order: &&Value| order["invoice_code"] == invoice["code"];
    orders.as_array().expect("orders").iter().filter(of_this).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bill_is_made_known_to_the_bank_once() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    wait_for_attempt(&town, &invoice, "awaiting_payer").await;
    let known = orders(&town, &invoice).await;
    assert_eq!(known.len(), 1);
    assert_eq!((text(&known[0], "amount"), text(&known[0], "status")), ("100000", "PENDING"));

    town.simulators().pay(text(&known[0], "qr"), "paid").await;
    town.wait_for(&invoice, "paid").await;
    assert_eq!(attempt(&town, &invoice).await, "succeeded");
    town.wait_until_told(&invoice, &["invoice.paid"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_answer_is_unknown_and_asked_after_never_made_twice() {
    for mode in ["reset_after_commit", "http500"] {
        let town = Town::whole().await;
        let simulators = town.simulators();
        let spoilt = json!({ "partner": "samplebank", "create": mode });
        assert_eq!(simulators.post("/control/behaviour", &spoilt).await.status, 200);
        let invoice = town.issue(100_000).await;
        wait_for_attempt(&town, &invoice, "unknown").await;

        town.clock.turn(Duration::seconds(6));
        if mode == "reset_after_commit" {
            // The bank had made the order before it went silent.
            wait_for_attempt(&town, &invoice, "awaiting_payer").await;
            assert_eq!(orders(&town, &invoice).await.len(), 1);
        } else {
            // Not known there says nothing while the call may still be on its way.
            town.clock.turn(Duration::minutes(3));
            wait_for_attempt(&town, &invoice, "failed").await;
            assert_eq!(orders(&town, &invoice).await.len(), 0);
        }
        // The account on the invoice takes the money in any case.
        simulators.pay(text(&invoice, "qr"), "paid").await;
        town.wait_for(&invoice, "paid").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_memo_looks_like_the_invoice_is_found() {
    let town = Town::doors().await;
    for (n, memo) in
        ["{}", "MBVCB.12345.{}.CT tu 0123 NGUYEN VAN A", "nop phi{}cam on", "le phi {} ho so HS-1"]
            .into_iter()
            .enumerate()
    {
        for (m, change) in [str::to_owned, str::to_lowercase].into_iter().enumerate() {
            let invoice = town.issue(5_000).await;
            let memo = change(&memo.replace("{}", text(&invoice, "code")));
            let credit = payos_transfer(&format!("FT{n}{m}"), 5_000, &memo);
            assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
            assert_eq!(town.status(&invoice).await, "paid", "{memo}");
        }
    }
    let invoice = town.issue(5_000).await;
    let code = text(&invoice, "code");
    let (head, tail) = code.split_at(9);
    let credit = payos_transfer("FT9", 5_000, &format!("{head} {tail}"));
    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
    assert_eq!(town.status(&invoice).await, "paid", "a code that was broken in two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_taken_as_it_was_signed_or_not_at_all() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let credit = payos_transfer("FT1", 100_000, text(&invoice, "code"));
    let good = payos_envelope(&credit);

    let mut spoilt = good.clone();
    spoilt["data"]["amount"] = json!(1_000_000);
    let mut unsigned = good.clone();
    unsigned.as_object_mut().expect("an object").remove("signature");
    for bad in [&spoilt, &unsigned] {
        let answer = town.payos(bad).await;
        assert_eq!((answer.status, &answer.json()["success"]), (401, &json!(false)));
    }
    for odd in [json!({}), json!([]), json!({ "data": 7, "signature": "x" })] {
        let answer = town.payos(&odd).await;
        assert!(matches!(answer.status, 400 | 401), "{odd}: {}", answer.text());
    }
    for wrong in [json!(0), json!(-5), json!("1.5"), json!(1e30)] {
        let mut data = credit.clone();
        data["amount"] = wrong;
        assert_eq!(town.payos(&payos_envelope(&data)).await.status, 400);
    }
    assert_eq!(town.count("settlement").await, 0);

    for _ in 0..3 {
        let answer = town.payos(&good).await;
        assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)));
    }
    let mut differs = credit.clone();
    differs["amount"] = json!(99_000);
    assert_eq!(town.payos(&payos_envelope(&differs)).await.status, 409);
    assert_eq!(town.cases().await, ["B03 99000 open"]);
    town.books(&[("partner_receivable samplebank", 100_000), ("agency_payable G01.A", -100_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_on_an_account_that_is_not_ours_is_kept_and_not_booked() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let mut credit = payos_transfer("FT1", 100_000, text(&invoice, "code"));
    credit["accountNumber"] = json!("9999999999");

    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);

    assert_eq!(town.count("settlement").await, 0);
    assert_eq!(town.count("partner_exchange where verdict = 'foreign account'").await, 1);
    assert_eq!(town.status(&invoice).await, "issued");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_partner_has_no_door() {
    let town = Town::doors().await;
    for path in ["/partners/nobody/webhook", "/partners/%00/webhook"] {
        let request = town.http.post(format!("{}{path}", town.url)).json(&json!({}));
        assert_eq!(crate::support::answer_of(request).await.status, 404);
    }
    let plain =
        town.http.post(format!("{}/partners/directbank/webhook", town.url)).json(&json!({}));
    let answer = crate::support::answer_of(plain).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
}
