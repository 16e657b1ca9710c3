//! Viettel Money: it asks what is owed before it takes money, and tells the result once.

use hmac::{Hmac, KeyInit, Mac};
use payclear::approvals::partners as configuring;
use payclear::approvals::propose::Maker;
use payclear::platform::audit::By;
use serde_json::{Value, json};
use sha1::Sha1;
use url::form_urlencoded;

use crate::support::partners::choose;
use crate::support::town::master_keys;
use crate::support::{Town, answer_of, text, until};

const KEY: &[u8] = b"viettel-key-of-the-tests";

fn check_sum(text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(KEY).expect("a key");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The gateway of the registers speaks Viettel's dialect, as if the partner had confirmed it.
async fn town() -> Town {
    let town = Town::whole().await;
    sqlx::query("update partner set dialect = 'viettel' where code = 'vnpay'")
        .execute(&town.pool)
        .await
        .expect("an update");
    let settings = json!({
        "payment_url": "https://vt.test/PaymentGateway/payment", "search_url": "https://vt.test/s",
        "merchant_code": "SIMGOV", "access_code": "ACCESS", "failed_statuses": "2",
        "hash_key": "viettel-key-of-the-tests",
    });
    let by = Maker::bootstrap(By { actor: "tests", at: chrono::Utc::now() });
    let keys = master_keys();
    let off = settings.to_string();
    let off = configuring::configure(&town.pool, &keys, by, "vnpay", off.as_bytes()).await;
    let error = off.expect_err("off").to_string();
    assert!(error.contains("switched off"), "{error}");
    let mut on = settings;
    on["confirmed_by_partner"] = json!(true);
    configuring::configure(&town.pool, &keys, by, "vnpay", on.to_string().as_bytes())
        .await
        .expect("configured");
    until("the registers to be read again", || async {
        let directory = town.app.directory.current();
        directory
            .partner("vnpay")
            .is_some_and(|p| p.dialect_name == "viettel" && p.dialect.is_some())
    })
    .await;
    town
}

async fn post(town: &Town, door: &str, fields: &[(&str, &str)]) -> Value {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = town
        .http
        .post(format!("{}/partners/vnpay/{door}", town.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    answer_of(request).await.expect(200)
}

async fn ask(town: &Town, bill: &str, order: &str, check_sum: &str) -> Value {
    let fields = [
        ("billcode", bill),
        ("merchant_code", "SIMGOV"),
        ("order_id", order),
        ("check_sum", check_sum),
    ];
    post(town, "bill", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_told_while_it_is_owed_and_the_result_settles() {
    let town = town().await;
    let invoice = town.issue(20_000).await;
    let code = text(&invoice, "code");
    let page = choose(&town, &invoice, "vnpay").await;
    let page = url::Url::parse(&page).expect("an address");
    let (_, order) = page.query_pairs().find(|(name, _)| name == "order_id").expect("an order");
    let good = check_sum(&format!("ACCESS{code}SIMGOV{order}20000"));

    let owed = ask(&town, code, &order, &good).await;
    assert_eq!((text(&owed, "error_code"), text(&owed, "trans_amount")), ("00", "20000"));
    assert_eq!(owed["check_sum"], check_sum(&format!("ACCESS{code}00SIMGOV{order}20000")));
    for (bill, asked, sum, error) in [
        (code, order.as_ref(), check_sum(&format!("ACCESS{code}SIMGOV{order}2000")), "02"),
        ("PG0000000000000000", order.as_ref(), good.clone(), "01"),
        (code, "NOPE", good.clone(), "01"),
    ] {
        let refused = ask(&town, bill, asked, &sum).await;
        assert_eq!((text(&refused, "error_code"), text(&refused, "trans_amount")), (error, ""));
    }

    let signed = check_sum(&format!("ACCESS{code}SIMGOV{order}120000VT1"));
    let result = |sum: &str| {
        [
            ("billcode", code),
            ("cust_msisdn", "84970000000"),
            ("error_code", "00"),
            ("merchant_code", "SIMGOV"),
            ("order_id", order.as_ref()),
            ("payment_status", "1"),
            ("trans_amount", "20000"),
            ("vt_transaction_id", "VT1"),
            ("check_sum", sum),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let tell = async |sum: &str| {
        let fields = result(sum);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = post(&town, "webhook", &fields).await;
        assert_eq!(answer["order_id"], *order);
        text(&answer, "error_code").to_owned()
    };
    assert_eq!(tell(&good).await, "02");
    assert_eq!(town.count("settlement").await, 0);
    assert_eq!(tell(&signed).await, "00");
    assert_eq!(tell(&signed).await, "00", "a repeat");
    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[("partner_receivable vnpay", 20_000), ("agency_payable G01.A", -20_000)]).await;

    let paid = ask(&town, code, &order, &good).await;
    assert_eq!(text(&paid, "error_code"), "01", "nothing is owed any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_that_ask_nothing_have_their_own_no() {
    let town = Town::doors().await;
    for partner in ["vnpay", "samplebank", "sepay"] {
        let request = town.http.post(format!("{}/partners/{partner}/bill", town.url)).body("a=b");
        let answer = answer_of(request).await;
        assert!(answer.status < 500 && !answer.text().contains("\"00\""), "{partner}");
    }
}
