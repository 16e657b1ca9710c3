//! The account that SePay watches.

use axum::http::StatusCode;
use bank_simulators::{sepay::codec, vietqr};
use serde_json::{Value, json};

use crate::support::{Got, SEPAY_SECRET, Town};

fn qr() -> String {
    vietqr::encode(&vietqr::Request {
        bin: "970422".to_owned(),
        account: "0560009988776".to_owned(),
        amount: Some(150_000),
        purpose: Some("PG0123456789ABCD".to_owned()),
    })
}

fn is_signed(got: &Got) -> bool {
    let timestamp = got.headers["x-sepay-timestamp"].to_str().unwrap().parse().unwrap();
    got.headers["x-sepay-signature"] == codec::signature(SEPAY_SECRET, timestamp, &got.body)
}

#[tokio::test]
async fn a_credit_is_told_until_the_service_says_success() {
    let town = Town::fresh().await;
    town.refuse(7);
    let pay = json!({"order": qr(), "outcome": "paid", "wait": true});
    let (status, deed) = town.post("/control/pay", &pay).await;
    assert_eq!((status, &deed["channel"]), (StatusCode::OK, &json!("sepay")), "{deed}");

    let got = town.got(8).await;
    assert!(got.iter().all(|got| got.uri == "/partners/sepay/webhook" && is_signed(got)));
    let told: Value = serde_json::from_str(&got[7].body).unwrap();
    assert_eq!(told["transferType"], "in");
    assert_eq!((&told["transferAmount"], &told["accumulated"]), (&json!(150_000), &json!(150_000)));
    assert_eq!((&told["code"], &told["content"]), (&json!("PG0123456789ABCD"), &told["code"]));
    assert_eq!(told["id"].to_string(), deed["transaction_ids"][0].as_str().unwrap());
}

#[tokio::test]
async fn after_seven_more_tries_the_hook_gives_up() {
    let town = Town::fresh().await;
    town.refuse(100);
    town.post("/control/pay", &json!({"order": qr(), "outcome": "paid", "wait": true})).await;
    town.got(8).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(town.got_so_far(), 8);
}

#[tokio::test]
async fn what_leaves_the_account_is_told_by_the_same_hook() {
    let town = Town::fresh().await;
    let out = json!({"amount": 5_500, "memo": "phi"});
    let (status, answer) = town.post("/sepay/withdrawals", &out).await;
    assert_eq!((status, &answer["callback"]["status"]), (StatusCode::OK, &json!(200)), "{answer}");
    let got = town.got(1).await;
    let told: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!((&told["transferType"], &told["accumulated"]), (&json!("out"), &json!(-5_500)));
    assert_eq!(town.get("/control/journal?direction=out").await[0]["amount"], "5500");
    assert_eq!(town.post("/sepay/withdrawals", &json!({"amount": 0, "memo": ""})).await.0, 422);
}

#[tokio::test]
async fn a_spoilt_try_is_followed_by_an_honest_one() {
    let town = Town::fresh().await;
    town.refuse(1);
    let pay = json!({"order": qr(), "outcome": "paid", "fault": "tampered"});
    assert_eq!(town.post("/control/pay", &pay).await.0, StatusCode::OK);
    let got = town.got(2).await;
    assert!(!is_signed(&got[0]) && is_signed(&got[1]));
}
