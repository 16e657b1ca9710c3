//! MoMo: every answer of its table, the redirect that proves nothing, the order that is made once,
//! and the question that settles what was unknown.

use chrono::Duration;
use payclear::partners::dialects::{Answer, Dialect, Order, RefundOrder, Refunding, from_settings};
use payclear::vocabulary::codes::InvoiceCode;
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};

use crate::support::partners::{choose, momo_fields, momo_result, vnpay_fields, vnpay_query};
use crate::support::simulators::Simulators;
use crate::support::{Town, text, until};

fn reference(page: &str) -> String {
    let (_, reference) = page.rsplit_once("/momo/web/").expect("the wallet's page");
    reference.to_owned()
}

async fn attempt(town: &Town, reference: &str) -> String {
    sqlx::query_scalar("select status from attempt where partner = 'momo' and reference = $1")
        .bind(reference)
        .fetch_one(&town.pool)
        .await
        .expect("the attempt")
}

async fn said(town: &Town, fields: &Value) -> u16 {
    let (status, body) = town.momo(&momo_result(fields).to_string()).await;
    assert_eq!(body, "", "an answer has no body");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_table_is_answered_without_a_body() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = reference(&choose(&town, &invoice, "momo").await);
    let paid = momo_fields(&order, 100_000, 4_088_000_001, 0);

    let genuine = momo_result(&paid).to_string();
    let tampered = genuine.replace("\"amount\":100000", "\"amount\":200000");
    let unsigned = genuine.replace("\"signature\"", "\"sign\"");
    for forged in [tampered.as_str(), &unsigned, "", "[]", "{\"a\":", "\u{fffe}"] {
        assert_eq!(town.momo(forged).await.0, 400, "{forged}");
    }
    let mut other = paid.clone();
    other["partnerCode"] = json!("SOMEBODY");
    assert_eq!(said(&town, &other).await, 400);
    let mut odd = paid.clone();
    odd["amount"] = json!("1e5");
    assert_eq!(said(&town, &odd).await, 400);
    assert_eq!(town.count("settlement").await, 0);

    let unknown = momo_fields("PG0000000000000000", 7_000, 4_088_000_002, 0);
    assert_eq!(said(&town, &unknown).await, 404);
    town.books(&[("partner_receivable momo", 7_000), ("suspense momo", -7_000)]).await;
    let failed = momo_fields("PG0000000000000000", 7_000, 0, 1006);
    assert_eq!(said(&town, &failed).await, 404);

    assert_eq!(said(&town, &paid).await, 204);
    assert_eq!(said(&town, &paid).await, 204);
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(attempt(&town, &order).await, "succeeded");
    // A word of failure after the money does not undo it.
    assert_eq!(said(&town, &momo_fields(&order, 100_000, 0, 1006)).await, 204);
    assert_eq!(attempt(&town, &order).await, "succeeded");
    // The same transaction with another amount: recorded nowhere, a case is opened.
    assert_eq!(said(&town, &momo_fields(&order, 99_000, 4_088_000_001, 0)).await, 409);

    town.books(&[
        ("partner_receivable momo", 107_000),
        ("agency_payable G01.A", -100_000),
        ("suspense momo", -7_000),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_knows_is_told_so_also_when_its_memo_pays_an_invoice() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let mut nobodys = momo_fields("PG0000000000000000", 100_000, 4_088_000_001, 0);
    nobodys["orderInfo"] = json!(format!("Nop phi {}", text(&invoice, "code")));
    assert_eq!(said(&town, &nobodys).await, 404);
    assert_eq!(town.status(&invoice).await, "paid", "the money moved all the same");
    assert_eq!(said(&town, &nobodys).await, 204, "it is booked: nothing more is to be told");
    town.books(&[("partner_receivable momo", 100_000), ("agency_payable G01.A", -100_000)]).await;
    assert_eq!(town.cases().await, Vec::<String>::new());

    // The same at VNPAY.
    let invoice = town.issue(50_000).await;
    let mut nobodys = vnpay_fields("PG0000000000000000", 50_000, "14000001", ("00", "00"));
    nobodys.insert("vnp_OrderInfo".to_owned(), format!("Nop phi {}", text(&invoice, "code")));
    for code in ["01", "02"] {
        assert_eq!(town.ipn(&vnpay_query(&nobodys)).await, code);
    }
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(town.money_booked().await, 150_000, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_try_may_be_repeated_and_another_amount_is_money_all_the_same() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let first = reference(&choose(&town, &invoice, "momo").await);
    let failed = momo_fields(&first, 100_000, 1_768_446_000_000, 1006);
    assert_eq!(said(&town, &failed).await, 204);
    assert_eq!(said(&town, &failed).await, 204);
    assert_eq!(attempt(&town, &first).await, "failed");
    assert_eq!(town.status(&invoice).await, "pending");

    let second = reference(&choose(&town, &invoice, "momo").await);
    assert_ne!(first, second);
    let short = momo_fields(&second, 60_000, 4_088_000_003, 0);
    assert_eq!(said(&town, &short).await, 204);
    assert_eq!(said(&town, &short).await, 204);
    town.books(&[("partner_receivable momo", 60_000), ("part_payments_held momo", -60_000)]).await;

    // Success after a word of failure: the money is real.
    let invoice = town.issue(50_000).await;
    let third = reference(&choose(&town, &invoice, "momo").await);
    assert_eq!(said(&town, &momo_fields(&third, 50_000, 0, 1001)).await, 204);
    assert_eq!(said(&town, &momo_fields(&third, 50_000, 4_088_000_004, 0)).await, 204);
    assert_eq!(town.status(&invoice).await, "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_redirect_proves_nothing() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let order = reference(&choose(&town, &invoice, "momo").await);
    let result = momo_result(&momo_fields(&order, 100_000, 4_088_000_005, 0));
    let pairs = result.as_object().expect("an object").iter().map(|(name, value)| {
        (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();

    let back = town.browse(&format!("{}/partners/momo/return?{query}", town.url)).await;

    assert_eq!(back.status, 303);
    let to = back.headers["location"].to_str().expect("an address").to_owned();
    assert!(to.starts_with("/pay/"), "{to}");
    assert!(town.browse(&format!("{}{to}", town.url)).await.text().contains("Đang chờ xác nhận"));
    assert_eq!(town.status(&invoice).await, "pending");
    assert_eq!(town.count("settlement").await, 0);
    let forged = query.replace("4088000005", "4088000006");
    let back = town.browse(&format!("{}/partners/momo/return?{forged}", town.url)).await;
    assert_eq!(back.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_is_lost_is_found_again_and_holds_up_nobody() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let cut = json!({ "partner": "momo", "create": "reset_after_commit" });
    simulators.post("/control/behaviour", &cut).await.expect(200);
    let invoice = town.issue(100_000).await;
    // The page is not known, so the payer stays on ours.
    let to = choose(&town, &invoice, "momo").await;
    assert!(to.starts_with("/pay/"), "{to}");
    let order: String = sqlx::query_scalar("select reference from attempt where partner = 'momo'")
        .fetch_one(&town.pool)
        .await
        .expect("the attempt");
    until("the order to be lost from sight", || async {
        attempt(&town, &order).await == "unknown"
    })
    .await;
    simulators.post("/control/behaviour", &json!({ "partner": "momo" })).await.expect(200);

    town.clock.turn(Duration::seconds(6));

    until("the order to be found again", || async {
        attempt(&town, &order).await == "awaiting_payer"
    })
    .await;
    let orders = simulators.get("/control/orders").await;
    let made = orders.as_array().expect("orders").iter().filter(|o| o["channel"] == "momo");
    assert_eq!(made.count(), 1);
    // Its page was told in the answer that is lost, so nobody can pay it: another order is made.
    let page = choose(&town, &invoice, "momo").await;
    assert_ne!(reference(&page), order);
    assert_eq!(choose(&town, &invoice, "momo").await, page, "the order that is under way");
    simulators.pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_asked_after_until_it_is_known() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let page = choose(&town, &invoice, "momo").await;
    let simulators = town.simulators();
    simulators.pay(&page, "debited_unknown").await;
    until("the attempt to be unknown", || async {
        attempt(&town, &reference(&page)).await == "unknown"
    })
    .await;
    assert_eq!(town.status(&invoice).await, "pending");

    // The wallet finds the money and its message is lost: only the question brings it.
    simulators.pay_with(&page, "paid_late", &json!({ "fault": "lost" })).await;
    town.clock.turn(Duration::seconds(31));

    town.wait_for(&invoice, "paid").await;
    assert_eq!(attempt(&town, &reference(&page)).await, "succeeded");
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
    town.books(&[("partner_receivable momo", 100_000), ("agency_payable G01.A", -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_question_has_overtaken_is_a_repeat() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let page = choose(&town, &invoice, "momo").await;
    let simulators = town.simulators();
    let paid = simulators.pay_with(&page, "paid", &json!({ "fault": "lost" })).await;
    town.clock.turn(Duration::minutes(16));
    town.wait_for(&invoice, "paid").await;

    // The message was not lost after all.
    let transaction = text(&paid["transactions"][0], "transaction_id").parse().expect("a number");
    let mut result = momo_fields(&reference(&page), 100_000, transaction, 0);
    result["orderInfo"] = paid["transactions"][0]["memo"].clone();
    assert_eq!(said(&town, &result).await, 204);

    assert_eq!(town.cases().await, Vec::<String>::new());
    assert_eq!(town.count("settlement").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_in_the_wallet_is_booked_and_the_portal_told() {
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
        let page = choose(&town, &invoice, "momo").await;
        simulators.pay_with(&page, outcome, &json!({ "fault": fault })).await;
        if status == "paid" {
            town.wait_for(&invoice, status).await;
            town.wait_until_told(&invoice, &["invoice.paid"]).await;
        } else {
            until("the attempt to have failed", || async {
                attempt(&town, &reference(&page)).await == "failed"
            })
            .await;
            assert_eq!(town.status(&invoice).await, status);
        }
    }
    assert_eq!(town.money_booked().await, simulators.money_taken().await);
    assert_eq!(town.cases().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_that_the_wallet_does_not_take_is_not_offered_there() {
    let town = Town::whole().await;
    for (amount, offered) in [(999, false), (1_000, true), (50_000_000, true), (50_000_001, false)]
    {
        let invoice = town.issue(amount).await;
        let page = town.browse(text(&invoice, "pay_url")).await.text();
        assert_eq!(page.contains("value=\"momo\""), offered, "{amount}");
        assert!(page.contains("ZaloPay"), "{amount}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_sent_once_and_followed_at_the_simulator() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let invoice = town.issue(50_000).await;
    let page = choose(&town, &invoice, "momo").await;
    let paid = simulators.pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
    let settings = Simulators::settings(&simulators.url);
    let (_, settings) = settings.iter().find(|(partner, _)| *partner == "momo").expect("momo");
    let dialect = from_settings("momo", settings.to_string().as_bytes()).expect("the dialect");
    let refund = refund_of(&invoice, &reference(&page), &paid);
    let asked = async |dialect: &dyn Dialect| {
        let call = dialect.ask_refund_query(&refund, refund.created_at, rand::random());
        let (status, body) = simulators.call(call.expect("a question")).await;
        dialect.hear_refund_query(&refund, Answer { status, body: &body })
    };
    assert_eq!(asked(&*dialect).await, Refunding::NotFound);
    let mut confirmed = Vec::new();
    for _ in 0..2 {
        let (status, body) = simulators.call(dialect.ask_refund(&refund).expect("a call")).await;
        confirmed.push(dialect.hear_refund(&refund, Answer { status, body: &body }));
    }
    confirmed.push(asked(&*dialect).await);
    let Refunding::Confirmed { partner_refund: Some(_) } = &confirmed[0] else {
        panic!("{confirmed:?}")
    };
    assert!(confirmed.iter().all(|c| *c == confirmed[0]), "{confirmed:?}");
    let out = simulators.get("/control/journal?direction=out").await;
    assert_eq!(out.as_array().expect("a journal").len(), 1, "sent twice, given back once");
    let above = RefundOrder {
        reference: "RF00000000000000FF".to_owned(),
        amount: Money::vnd(30_001),
        ..refund.clone()
    };
    let (status, body) = simulators.call(dialect.ask_refund(&above).expect("a call")).await;
    assert_eq!(
        dialect.hear_refund(&above, Answer { status, body: &body }),
        Refunding::Refused { code: "1081".to_owned() }
    );
}

fn refund_of(invoice: &Value, reference: &str, paid: &Value) -> RefundOrder {
    let now = "2026-11-22T02:00:00Z".parse().expect("a time");
    RefundOrder {
        reference: "RF0000000000000001".to_owned(),
        order: Order {
            reference: reference.to_owned(),
            code: text(invoice, "code").parse::<InvoiceCode>().expect("a code"),
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
    }
}
