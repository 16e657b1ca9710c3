//! The two wallets: orders, results, questions, refunds, and what they refuse.

use axum::http::StatusCode;
use bank_simulators::{clock, momo, signing};
use serde_json::{Value, json};

use crate::support::{Got, MOMO_KEYS, Town, ZALOPAY_KEYS};

const MOMO: &str = "/momo/v2/gateway/api";

/// A body with MoMo's signature over these names.
fn signed(names: &[&str], mut body: Value) -> Value {
    body["partnerCode"] = json!("MOMOSIM");
    body["signature"] = json!(momo::codec::signature(names, MOMO_KEYS, &body));
    body
}

fn new_order(town: &Town, id: &str, changes: &Value) -> Value {
    let mut body = json!({
        "orderId": id, "requestId": id, "amount": 50_000, "orderInfo": "Le phi",
        "redirectUrl": "http://localhost/back?a=1", "extraData": "", "requestType": "captureWallet",
        "ipnUrl": format!("{}/partners/momo/webhook", town.service_url), "lang": "vi",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    signed(momo::codec::CREATE, body)
}

async fn momo_call(town: &Town, path: &str, body: &Value) -> (StatusCode, Value) {
    town.post(&format!("{MOMO}/{path}"), body).await
}

async fn create(town: &Town, id: &str) -> Value {
    let (status, made) = momo_call(town, "create", &new_order(town, id, &json!({}))).await;
    assert_eq!((status, &made["resultCode"]), (StatusCode::OK, &json!(0)), "{made}");
    made
}

async fn ask(town: &Town, id: &str, request: &str) -> Value {
    let body = signed(momo::codec::QUERY, json!({ "orderId": id, "requestId": request }));
    momo_call(town, "query", &body).await.1
}

fn refund_of(trans_id: &Value, id: &str, amount: i64) -> Value {
    let trans_id: i64 = trans_id.as_str().unwrap().parse().unwrap();
    let body = json!({
        "orderId": id, "requestId": id, "amount": amount, "transId": trans_id, "description": "",
    });
    signed(momo::codec::REFUND, body)
}

fn ipn_is_signed(got: &Got) -> bool {
    let body: Value = serde_json::from_str(&got.body).unwrap();
    body["signature"] == json!(momo::codec::signature(momo::codec::RESULT, MOMO_KEYS, &body))
}

#[tokio::test]
async fn a_momo_order_is_paid_told_asked_after_and_given_back() {
    let town = Town::fresh().await;
    let made = create(&town, "A1").await;
    assert_eq!(ask(&town, "A1", "q0").await["resultCode"], 1000);
    let pay = json!({ "order": made["payUrl"], "outcome": "paid", "wait": true });
    let (status, deed) = town.post("/control/pay", &pay).await;
    assert_eq!((status, &deed["money_moved"]), (StatusCode::OK, &json!(true)), "{deed}");
    assert_eq!(deed["callback"]["accepted"], true, "204 without a body: {deed}");

    let got = town.got(1).await;
    assert_eq!((got[0].method.as_str(), got[0].uri.as_str()), ("POST", "/partners/momo/webhook"));
    assert!(ipn_is_signed(&got[0]));
    let told: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(told["transId"].to_string(), deed["transaction_ids"][0].as_str().unwrap());

    let asked = ask(&town, "A1", "q1").await;
    assert_eq!((&asked["resultCode"], &asked["transId"]), (&json!(0), &told["transId"]));

    let number = &deed["transaction_ids"][0];
    let part = refund_of(number, "RF1", 20_000);
    let (_, back) = momo_call(&town, "refund", &part).await;
    assert_eq!(back["resultCode"], 0, "{back}");
    assert_eq!(momo_call(&town, "refund", &part).await.1, back, "asked again it is the same");
    for (refund, code) in [
        (refund_of(number, "RF1", 30_000), 40),
        (refund_of(number, "RF2", 30_001), 1081),
        (refund_of(number, "A1", 1_000), 40),
        (refund_of(number, "RF3", 999), 22),
        (refund_of(&json!("77"), "RF4", 1_000), 1080),
    ] {
        assert_eq!(momo_call(&town, "refund", &refund).await.1["resultCode"], code, "{refund}");
    }
    let refunds = ask(&town, "A1", "q2").await["refundTrans"].clone();
    assert_eq!(refunds.as_array().unwrap().len(), 1);
    assert_eq!((&refunds[0]["orderId"], &refunds[0]["amount"]), (&json!("RF1"), &json!(20_000)));
    let out = town.get("/control/journal?direction=out").await;
    assert_eq!((&out[0]["amount"], &out[0]["channel"]), (&json!("20000"), &json!("momo")));
}

#[tokio::test]
async fn momo_refuses_what_is_not_in_order_with_its_own_codes() {
    let town = Town::fresh().await;
    let mut forged = new_order(&town, "B1", &json!({}));
    forged["amount"] = json!(51_000);
    assert_eq!(momo_call(&town, "create", &forged).await.1["resultCode"], 13);
    for (changes, code) in [
        (json!({ "amount": 999 }), 22),
        (json!({ "amount": 50_000_001 }), 22),
        (json!({ "amount": "x" }), 21),
        (json!({ "orderId": "-B" }), 42),
        (json!({ "requestType": "gift" }), 20),
        (json!({ "orderInfo": "" }), 20),
        (json!({ "ipnUrl": "nowhere" }), 20),
        (json!({ "extraData": "!" }), 20),
        (json!({ "extraData": null }), 20),
        (json!({ "lang": "fr" }), 20),
        (json!({ "requestId": "x".repeat(51) }), 20),
        (json!({ "autoCapture": false }), 47),
    ] {
        let mut changes = changes;
        if changes["requestId"].is_null() {
            changes["requestId"] = json!(format!("r{}", rand::random::<u32>()));
        }
        let body = new_order(&town, "B1", &changes);
        assert_eq!(momo_call(&town, "create", &body).await.1["resultCode"], code, "{changes}");
    }
    assert_eq!(town.get("/control/orders").await, json!([]));
    assert_eq!(ask(&town, "B1", "q1").await["resultCode"], 42);
    let text = town.client.post(format!("{}{MOMO}/create", town.url)).body("x");
    let answer: Value = text.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["resultCode"], 20);
}

#[tokio::test]
async fn a_momo_request_is_done_once_whatever_is_repeated() {
    let town = Town::fresh().await;
    let made = create(&town, "C1").await;
    let again = momo_call(&town, "create", &new_order(&town, "C1", &json!({}))).await.1;
    assert_eq!(again, made, "the first result");
    let other = new_order(&town, "C1", &json!({ "amount": 60_000 }));
    assert_eq!(momo_call(&town, "create", &other).await.1["resultCode"], 40);
    let same_order = new_order(&town, "C1", &json!({ "requestId": "c2" }));
    assert_eq!(momo_call(&town, "create", &same_order).await.1["resultCode"], 41);
    // A question with the order's request id is no question.
    assert_eq!(ask(&town, "C1", "C1").await["resultCode"], 40);
    assert_eq!(ask(&town, "C1", "q1").await["resultCode"], 1000);
    assert_eq!(ask(&town, "C1", "q1").await["resultCode"], 40, "not the last word");

    // While the first is under way a repeat is told so.
    let slow = json!({ "partner": "momo", "delay_ms": 1_500 });
    town.post("/control/behaviour", &slow).await;
    let body = new_order(&town, "C3", &json!({}));
    let first = momo_call(&town, "create", &body);
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        momo_call(&town, "create", &body).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.0, &first.1["resultCode"]), (StatusCode::OK, &json!(0)));
    assert_eq!(
        (second.0, &second.1["resultCode"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!(7000))
    );
    assert_eq!(momo_call(&town, "create", &body).await.1, first.1);
}

#[tokio::test]
async fn momo_tells_failures_too_and_comes_again_until_204() {
    let town = Town::fresh().await;
    for (id, outcome, code) in [
        ("D1", "cancelled", 1006),
        ("D2", "expired", 1005),
        ("D3", "insufficient", 1001),
        ("D4", "bank_down", 1002),
        ("D5", "debited_unknown", 7002),
    ] {
        create(&town, id).await;
        let before = town.got_so_far();
        let (_, deed) = town
            .post("/control/pay", &json!({ "order": id, "outcome": outcome, "wait": true }))
            .await;
        assert_eq!(deed["money_moved"], false);
        let got = town.got(before + 1).await;
        let told: Value = serde_json::from_str(&got[before].body).unwrap();
        assert_eq!(told["resultCode"], code);
        assert_eq!(ask(&town, id, &format!("q{id}")).await["resultCode"], code);
        let again = json!({ "order": id, "outcome": "paid" });
        assert_eq!(town.post("/control/pay", &again).await.0, StatusCode::CONFLICT);
    }
    let late = json!({ "order": "D5", "outcome": "paid_late", "wait": true });
    assert_eq!(town.post("/control/pay", &late).await.1["money_moved"], true);
    assert_eq!(ask(&town, "D5", "qlast").await["resultCode"], 0);

    create(&town, "D6").await;
    let before = town.got_so_far();
    town.refuse(1);
    let spoilt = json!({ "order": "D6", "outcome": "paid", "fault": "tampered" });
    town.post("/control/pay", &spoilt).await;
    let got = town.got(before + 2).await;
    assert!(!ipn_is_signed(&got[before]) && ipn_is_signed(&got[before + 1]));
    let impossible = json!({ "order": "D6", "outcome": "wrong_amount" });
    assert_eq!(town.post("/control/pay", &impossible).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_momo_page_sends_the_browser_back_with_the_signed_result() {
    let town = Town::fresh().await;
    let made = create(&town, "E1").await;
    let page = made["payUrl"].as_str().unwrap();
    let shown = town.client.get(page).send().await.unwrap();
    assert!(shown.status().is_success());
    assert!(shown.text().await.unwrap().contains("value=\"cancelled\""));
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let acted = browser.post(page).header("content-type", "application/x-www-form-urlencoded");
    let acted = acted.body("outcome=cancelled").send().await.unwrap();
    let back = acted.headers()["location"].to_str().unwrap().to_owned();
    let fields = crate::support::params(&back);
    assert_eq!((fields["a"].as_str(), fields["resultCode"].as_str()), ("1", "1006"));
    let body = json!(fields);
    let expected = momo::codec::signature(momo::codec::RESULT, MOMO_KEYS, &body);
    assert_eq!(body["signature"], json!(expected));
}

fn zalopay_day() -> String {
    clock::wall(clock::now()).format("%y%m%d").to_string()
}

fn mac(body: &Value, names: &[&str], more: &[&str]) -> String {
    let mut values: Vec<String> = names
        .iter()
        .map(|name| body[*name].as_str().map_or_else(|| body[*name].to_string(), str::to_owned))
        .collect();
    values.extend(more.iter().map(|it| (*it).to_owned()));
    signing::hmac_sha256_hex(ZALOPAY_KEYS.0, &values.join("|"))
}

fn zalopay_order(town: &Town, id: &str, changes: &Value) -> Value {
    let mut body = json!({
        "app_id": 2999, "app_user": "u", "app_trans_id": format!("{}_{id}", zalopay_day()),
        "app_time": clock::now().timestamp_millis(), "amount": 50_000, "item": "[]",
        "embed_data": "{\"redirecturl\":\"http://localhost/back\"}", "description": "Le phi",
        "callback_url": format!("{}/partners/zalopay/webhook", town.service_url),
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let names = ["app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"];
    body["mac"] = json!(mac(&body, &names, &[]));
    body
}

async fn zalopay_ask(town: &Town, id: &str) -> Value {
    let mut body = json!({ "app_id": 2999, "app_trans_id": id });
    body["mac"] = json!(mac(&body, &["app_id", "app_trans_id"], &[ZALOPAY_KEYS.0]));
    town.post("/zalopay/v2/query", &body).await.1
}

fn zalopay_refund(number: &Value, id: &str, amount: i64) -> Value {
    let number: i64 = number.as_str().unwrap().parse().unwrap();
    let mut body = json!({
        "app_id": 2999, "m_refund_id": format!("{}_2999_{id}", zalopay_day()),
        "zp_trans_id": number, "amount": amount, "description": "Hoan tien",
        "timestamp": clock::now().timestamp_millis(),
    });
    let names = ["app_id", "zp_trans_id", "amount", "description", "timestamp"];
    body["mac"] = json!(mac(&body, &names, &[]));
    body
}

async fn zalopay_refund_ask(town: &Town, id: &str) -> Value {
    let mut body = json!({
        "app_id": 2999, "m_refund_id": format!("{}_2999_{id}", zalopay_day()),
        "timestamp": clock::now().timestamp_millis(),
    });
    body["mac"] = json!(mac(&body, &["app_id", "m_refund_id", "timestamp"], &[]));
    town.post("/zalopay/v2/query_refund", &body).await.1
}

#[tokio::test]
async fn a_zalopay_order_is_paid_told_over_the_raw_text_and_asked_after() {
    let town = Town::fresh().await;
    let (_, made) = town.post("/zalopay/v2/create", &zalopay_order(&town, "1", &json!({}))).await;
    assert_eq!(made["return_code"], 1, "{made}");
    let id = format!("{}_1", zalopay_day());
    let waiting = zalopay_ask(&town, &id).await;
    assert_eq!((&waiting["return_code"], &waiting["is_processing"]), (&json!(3), &json!(false)));
    let pay = json!({ "order": made["order_url"], "outcome": "paid", "wait": true });
    let (_, deed) = town.post("/control/pay", &pay).await;
    assert_eq!(deed["callback"]["accepted"], true, "{deed}");
    let got = town.got(1).await;
    assert_eq!(got[0].uri, "/partners/zalopay/webhook");
    let body: Value = serde_json::from_str(&got[0].body).unwrap();
    let data = body["data"].as_str().unwrap();
    assert_eq!(body["mac"], json!(signing::hmac_sha256_hex(ZALOPAY_KEYS.1, data)));
    let told: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&told["app_trans_id"], &told["amount"]), (&json!(id), &json!(50_000)));
    let compact = serde_json::to_string(&told).unwrap();
    assert_ne!(compact.len(), data.len(), "blanks belong to the signed text");
    let asked = zalopay_ask(&town, &id).await;
    assert_eq!((&asked["return_code"], &asked["zp_trans_id"]), (&json!(1), &told["zp_trans_id"]));
}

#[tokio::test]
async fn zalopay_refuses_what_is_not_in_order_with_its_own_codes() {
    let town = Town::fresh().await;
    let mut forged = zalopay_order(&town, "1", &json!({}));
    forged["amount"] = json!(1);
    let (_, told) = town.post("/zalopay/v2/create", &forged).await;
    assert_eq!((&told["return_code"], &told["sub_return_code"]), (&json!(2), &json!(-402)));
    let now = clock::now().timestamp_millis();
    for changes in [
        json!({ "app_id": 3000 }),
        json!({ "app_trans_id": "200101_1" }),
        json!({ "app_trans_id": format!("{}_{}", zalopay_day(), "x".repeat(34)) }),
        json!({ "app_time": now - 16 * 60_000 }),
        json!({ "app_time": now + 16 * 60_000 }),
        json!({ "app_user": "" }),
        json!({ "amount": 0 }),
        json!({ "item": "{}" }),
        json!({ "embed_data": "[]" }),
        json!({ "description": "" }),
        json!({ "callback_url": "nowhere" }),
        json!({ "expire_duration_seconds": 299 }),
    ] {
        let body = zalopay_order(&town, "1", &changes);
        let (_, told) = town.post("/zalopay/v2/create", &body).await;
        assert_eq!(told["sub_return_code"], -401, "{changes}: {told}");
    }
    assert_eq!(town.get("/control/orders").await, json!([]));
    let good = zalopay_order(&town, "1", &json!({}));
    assert_eq!(town.post("/zalopay/v2/create", &good).await.1["return_code"], 1);
    assert_eq!(town.post("/zalopay/v2/create", &good).await.1["sub_return_code"], -68);
    assert_eq!(zalopay_ask(&town, "261122_none").await["sub_return_code"], -101);
    let behaviour = json!({ "partner": "zalopay", "create": "error" });
    town.post("/control/behaviour", &behaviour).await;
    let other = zalopay_order(&town, "2", &json!({}));
    assert_eq!(town.post("/zalopay/v2/create", &other).await.1["sub_return_code"], -33);
}

#[tokio::test]
async fn zalopay_tells_success_alone_and_the_rest_must_be_asked() {
    let town = Town::fresh().await;
    for (id, outcome, code) in
        [("1", "cancelled", 2), ("2", "insufficient", 2), ("3", "debited_unknown", 3)]
    {
        town.post("/zalopay/v2/create", &zalopay_order(&town, id, &json!({}))).await;
        let id = format!("{}_{id}", zalopay_day());
        let pay = json!({ "order": id, "outcome": outcome, "wait": true });
        let (_, deed) = town.post("/control/pay", &pay).await;
        assert_eq!((&deed["money_moved"], &deed["callback"]), (&json!(false), &Value::Null));
        let asked = zalopay_ask(&town, &id).await;
        assert_eq!(asked["return_code"], code);
        assert_eq!(asked["is_processing"] == json!(true), code == 3);
    }
    assert_eq!(town.got_so_far(), 0);
}

#[tokio::test]
async fn a_zalopay_refund_is_taken_first_and_done_later() {
    let town = Town::fresh().await;
    town.post("/zalopay/v2/create", &zalopay_order(&town, "1", &json!({}))).await;
    let id = format!("{}_1", zalopay_day());
    let (_, deed) = town.post("/control/pay", &json!({ "order": id, "outcome": "paid" })).await;
    let number = &deed["transaction_ids"][0];
    let refund = zalopay_refund(number, "1", 30_000);
    let (_, taken) = town.post("/zalopay/v2/refund", &refund).await;
    assert_eq!(taken["return_code"], 3, "{taken}");
    assert_eq!(town.post("/zalopay/v2/refund", &refund).await.1["sub_return_code"], -68);
    let mut done = zalopay_refund_ask(&town, "1").await;
    while done["return_code"] == 3 {
        done = zalopay_refund_ask(&town, "1").await;
    }
    assert_eq!((&done["return_code"], &done["refund_id"]), (&json!(1), &taken["refund_id"]));
    let more = zalopay_refund(number, "2", 20_001);
    assert_eq!(town.post("/zalopay/v2/refund", &more).await.1["return_code"], 2);
    assert_eq!(zalopay_refund_ask(&town, "2").await["return_code"], 2, "kept as failed");
    assert_eq!(zalopay_refund_ask(&town, "3").await["sub_return_code"], -101);
    let mut forged = zalopay_refund(number, "4", 1_000);
    forged["amount"] = json!(2_000);
    assert_eq!(town.post("/zalopay/v2/refund", &forged).await.1["sub_return_code"], -402);
    let out = town.get("/control/journal?direction=out").await;
    assert_eq!(out.as_array().unwrap().len(), 1);
    assert_eq!(out[0]["amount"], "30000");
}
