//! Orders, payments, callbacks and their faults.

use axum::http::StatusCode;
use bank_simulators::{clock, payos, signing, vietqr, vnpay};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{CHECKSUM_KEY, Got, HASH_SECRET, Town, params};

const CODE: &str = "PG0123456789ABCD";

fn webhook_is_signed(got: &Got) -> bool {
    let body: Value = serde_json::from_str(&got.body).unwrap();
    let expected = payos::codec::sign_data(CHECKSUM_KEY, body["data"].as_object().unwrap());
    body["signature"] == json!(expected)
}

fn vnpay_url(town: &Town, txn_ref: &str, amount: i64) -> String {
    let now = clock::now();
    let amount = (amount * 100).to_string();
    let (created, expires) = (clock::compact(now), clock::compact(now + TimeDelta::minutes(15)));
    let pairs = [
        ("vnp_Version", "2.1.0"),
        ("vnp_Command", "pay"),
        ("vnp_TmnCode", "SIMTMN01"),
        ("vnp_Amount", &amount),
        ("vnp_CreateDate", &created),
        ("vnp_ExpireDate", &expires),
        ("vnp_CurrCode", "VND"),
        ("vnp_IpAddr", "127.0.0.1"),
        ("vnp_Locale", "vn"),
        ("vnp_OrderInfo", "Le phi"),
        ("vnp_OrderType", "other"),
        ("vnp_ReturnUrl", "http://localhost/return"),
        ("vnp_TxnRef", txn_ref),
    ];
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let query = vnpay::codec::signed_query(HASH_SECRET, &pairs.collect());
    format!("{}/vnpay/paymentv2/vpcpay.html?{query}", town.url)
}

#[tokio::test]
async fn a_request_is_paid_and_told_with_a_right_signature() {
    let town = Town::fresh().await;
    let made = town.request(1, 150_000, CODE).await;
    assert_eq!(made["code"], "00");
    let data = made["data"].as_object().unwrap();
    assert_eq!(made["signature"], json!(payos::codec::sign_data(CHECKSUM_KEY, data)));
    assert_eq!(town.request(1, 150_000, CODE).await["code"], "231", "an order code is used once");

    let qr = data["qrCode"].as_str().unwrap();
    let pay = json!({"order": qr, "outcome": "paid", "wait": true});
    let (status, deed) = town.post("/control/pay", &pay).await;
    assert_eq!((status, &deed["money_moved"]), (StatusCode::OK, &json!(true)), "{deed}");
    assert_eq!(deed["callback"]["status"], 200);
    let got = town.got(1).await;
    assert_eq!(got[0].uri, "/partners/samplebank/webhook");
    assert!(webhook_is_signed(&got[0]));
    let told: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(told["data"]["reference"], deed["transaction_ids"][0]);

    let asked = town.client.get(format!("{}/payos/v2/payment-requests/1", town.url));
    let asked = asked.header("x-client-id", "client").header("x-api-key", "key");
    let asked: Value = asked.send().await.unwrap().json().await.unwrap();
    assert_eq!(asked["data"]["status"], "PAID");
    assert_eq!(asked["data"]["amountRemaining"], 0);

    let journal = town.get("/control/journal?kind=movement").await;
    assert_eq!(journal[0]["transaction_id"], deed["transaction_ids"][0]);
    let rest = town.get("/control/journal?since=1").await;
    assert_eq!(rest[0]["seq"], 2, "the callback's line follows");
}

#[tokio::test]
async fn a_wrong_signature_or_key_makes_no_request() {
    let town = Town::fresh().await;
    let body = json!({
        "orderCode": 1, "amount": 1000, "description": "x", "cancelUrl": "http://a/c",
        "returnUrl": "http://a/r", "signature": "00",
    });
    let (status, _) = town.post("/payos/v2/payment-requests", &body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let call = town.client.post(format!("{}/payos/v2/payment-requests", town.url)).json(&body);
    let call = call.header("x-client-id", "client").header("x-api-key", "key");
    let answer: Value = call.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["code"], "201");
    assert_eq!(town.get("/control/orders").await, json!([]));
}

#[tokio::test]
async fn a_tampered_callback_has_a_wrong_signature_and_honest_tries_follow_a_refusal() {
    let town = Town::fresh().await;
    town.request(1, 150_000, CODE).await;
    town.refuse(1);
    town.post("/control/pay", &json!({"order": CODE, "outcome": "paid", "fault": "tampered"}))
        .await;
    let got = town.got(2).await;
    assert!(!webhook_is_signed(&got[0]));
    assert!(webhook_is_signed(&got[1]));
}

#[tokio::test]
async fn paying_twice_makes_two_transactions() {
    let town = Town::fresh().await;
    town.request(1, 150_000, CODE).await;
    let pay = json!({"order": CODE, "outcome": "paid_twice", "wait": true});
    let (_, deed) = town.post("/control/pay", &pay).await;
    assert_ne!(deed["transaction_ids"][0], deed["transaction_ids"][1]);
    assert_eq!(deed["callbacks"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_unknown_code_is_a_transfer_into_the_main_account() {
    let town = Town::fresh().await;
    let mut pay = json!({"order": CODE, "outcome": "mangled_memo", "wait": true});
    let (status, _) = town.post("/control/pay", &pay).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a transfer needs an amount");
    pay["amount"] = json!("70000");
    town.post("/control/pay", &pay).await;
    let got = town.got(1).await;
    let told: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(told["data"]["orderCode"], 0);
    assert!(told["data"]["description"].as_str().unwrap().contains(CODE));
}

#[tokio::test]
async fn a_gateway_payment_ends_in_an_ipn_a_return_and_a_query() {
    let town = Town::fresh().await;
    let url = vnpay_url(&town, "R1", 250_000);
    assert!(town.client.get(&url).send().await.unwrap().status().is_success());
    let spoiled = url.replace("Le+phi", "Le+phi+2");
    assert_eq!(town.client.get(&spoiled).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let other = vnpay_url(&town, "R1", 1_000);
    let refused = town.client.get(&other).send().await.unwrap().text().await.unwrap();
    assert!(refused.contains("data-code=\"01\""), "a reference is used once a day");

    let no_redirect = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(no_redirect).build().unwrap();
    let form = format!("day={}&txn_ref=R1&outcome=paid", &params(&url)["vnp_CreateDate"][..8]);
    let acted = browser.post(format!("{}/vnpay/paymentv2/pay", town.url));
    let acted = acted.header("content-type", "application/x-www-form-urlencoded").body(form);
    let acted = acted.send().await.unwrap();
    let back = acted.headers()["location"].to_str().unwrap();
    let query = back.strip_prefix("http://localhost/return?").unwrap();
    let returned = vnpay::codec::verified(HASH_SECRET, query).unwrap();
    assert_eq!(returned["vnp_ResponseCode"], "00");
    let got = town.got(1).await;
    let (path, query) = got[0].uri.split_once('?').unwrap();
    assert_eq!(path, "/partners/vnpay/ipn");
    let ipn = vnpay::codec::verified(HASH_SECRET, query).unwrap();
    assert_eq!(ipn["vnp_Amount"], "25000000");

    let ask = |id: &str| {
        let date = &params(&url)["vnp_CreateDate"];
        let hash = vnpay::codec::message_hash(
            HASH_SECRET,
            &[id, "2.1.0", "querydr", "SIMTMN01", "R1", date, date, "10.0.0.1", "ask"],
        );
        json!({
            "vnp_RequestId": id, "vnp_Version": "2.1.0", "vnp_Command": "querydr",
            "vnp_TmnCode": "SIMTMN01", "vnp_TxnRef": "R1", "vnp_TransactionDate": date,
            "vnp_CreateDate": date, "vnp_IpAddr": "10.0.0.1", "vnp_OrderInfo": "ask",
            "vnp_SecureHash": hash,
        })
    };
    let path = "/vnpay/merchant_webapi/api/transaction";
    let (_, told) = town.post(path, &ask("q1")).await;
    assert_eq!(
        (&told["vnp_ResponseCode"], &told["vnp_TransactionStatus"]),
        (&json!("00"), &json!("00"))
    );
    assert_eq!(told["vnp_TransactionNo"], json!(ipn["vnp_TransactionNo"]));
    let (_, told) = town.post(path, &ask("q1")).await;
    assert_eq!(told["vnp_ResponseCode"], "94");
    let mut wrong = ask("q2");
    wrong["vnp_SecureHash"] = json!("00");
    assert_eq!(town.post(path, &wrong).await.1["vnp_ResponseCode"], "97");
}

#[tokio::test]
async fn a_refund_is_given_once() {
    let town = Town::fresh().await;
    let url = vnpay_url(&town, "R2", 50_000);
    let (status, deed) = town.post("/control/pay", &json!({"order": url, "outcome": "paid"})).await;
    assert_eq!(status, StatusCode::OK, "{deed}");
    let refund = |id: &str| {
        let date = &params(&url)["vnp_CreateDate"];
        let values = [
            id,
            "2.1.0",
            "refund",
            "SIMTMN01",
            "02",
            "R2",
            "5000000",
            "0",
            date,
            "officer",
            date,
            "10.0.0.1",
            "Hoan tien",
        ];
        json!({
            "vnp_RequestId": id, "vnp_Version": "2.1.0", "vnp_Command": "refund",
            "vnp_TmnCode": "SIMTMN01", "vnp_TransactionType": "02", "vnp_TxnRef": "R2",
            "vnp_Amount": 5_000_000, "vnp_TransactionDate": date, "vnp_CreateBy": "officer",
            "vnp_CreateDate": date, "vnp_IpAddr": "10.0.0.1", "vnp_OrderInfo": "Hoan tien",
            "vnp_SecureHash": vnpay::codec::message_hash(HASH_SECRET, &values),
        })
    };
    let path = "/vnpay/merchant_webapi/api/transaction";
    let (_, given) = town.post(path, &refund("f1")).await;
    assert_eq!(
        (&given["vnp_ResponseCode"], &given["vnp_TransactionStatus"]),
        (&json!("00"), &json!("05"))
    );
    assert_eq!(town.post(path, &refund("f2")).await.1["vnp_ResponseCode"], "94");
    let out = town.get("/control/journal?direction=out").await;
    assert_eq!(out[0]["amount"], "50000");
}

#[tokio::test]
async fn the_plain_bank_signs_what_it_posts_and_tries_again_with_a_new_nonce() {
    let town = Town::fresh().await;
    town.refuse(1);
    let qr = vietqr::encode(&vietqr::Request {
        bin: "970436".to_owned(),
        account: "0011009988776".to_owned(),
        amount: Some(150_000),
        purpose: Some(CODE.to_owned()),
    });
    town.post("/control/pay", &json!({"order": qr, "outcome": "paid"})).await;
    let got = town.got(2).await;
    let header = |got: &Got, name: &str| got.headers[name].to_str().unwrap().to_owned();
    for got in &got {
        assert_eq!((got.method.as_str(), got.uri.as_str()), ("POST", "/v1/settlements"));
        let digest = STANDARD.encode(signing::sha256(got.body.as_bytes()));
        assert_eq!(header(got, "content-digest"), format!("sha-256=:{digest}:"));
        let input = header(got, "signature-input");
        let signed = input.strip_prefix("sig1=").unwrap();
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": {}/v1/settlements\n\"content-digest\": {}\n\
             \"idempotency-key\": {}\n\"@signature-params\": {signed}",
            town.service_url,
            header(got, "content-digest"),
            header(got, "idempotency-key")
        );
        let tag = STANDARD.encode(signing::hmac_sha256(b"secret", base.as_bytes()));
        assert_eq!(header(got, "signature"), format!("sig1=:{tag}:"));
    }
    assert_eq!(got[0].body, got[1].body);
    assert_eq!(header(&got[0], "idempotency-key"), header(&got[1], "idempotency-key"));
    assert_ne!(header(&got[0], "signature-input"), header(&got[1], "signature-input"));
}

#[tokio::test]
async fn a_lost_callback_is_never_sent_and_a_cut_one_is_sent_again() {
    let town = Town::fresh().await;
    town.request(1, 1_000, "A").await;
    town.request(2, 1_000, "B").await;
    let lost = json!({"order": "1", "outcome": "paid", "fault": "lost", "wait": true});
    assert_eq!(town.post("/control/pay", &lost).await.1["callback"], Value::Null);
    let cut = json!({"order": "2", "outcome": "paid", "fault": "reset_after_commit"});
    town.post("/control/pay", &cut).await;
    let got = town.got(2).await;
    assert_eq!(got[0].body, got[1].body);
    assert!(got[0].body.contains("\"orderCode\":2"));
}

#[tokio::test]
async fn a_call_can_be_cut_after_it_was_carried_out() {
    let town = Town::fresh().await;
    let behaviour = json!({"partner": "samplebank", "create": "reset_after_commit"});
    town.post("/control/behaviour", &behaviour).await;
    let body = json!({
        "orderCode": 9, "amount": 1000, "description": "x", "cancelUrl": "http://a/c",
        "returnUrl": "http://a/r",
        "signature": signing::hmac_sha256_hex(CHECKSUM_KEY,
            "amount=1000&cancelUrl=http://a/c&description=x&orderCode=9&returnUrl=http://a/r"),
    });
    let call = town.client.post(format!("{}/payos/v2/payment-requests", town.url)).json(&body);
    let call = call.header("x-client-id", "client").header("x-api-key", "key");
    let answer = match call.send().await {
        Ok(answer) => answer.bytes().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(answer.is_err(), "no whole answer arrives");
    assert_eq!(town.get("/control/orders").await[0]["reference"], "9");
    town.post("/control/reset", &json!({})).await;
    assert_eq!(town.get("/control/orders").await, json!([]));
}

#[tokio::test]
async fn a_held_back_callback_comes_after_the_next_one_or_after_a_question() {
    let town = Town::fresh().await;
    town.request(1, 1_000, "A").await;
    let pay = json!({
        "order": "1", "outcome": "paid_twice", "fault": "reordered", "delay_ms": 2_000,
    });
    let (_, deed) = town.post("/control/pay", &pay).await;
    let got = town.got(2).await;
    assert!(got[0].body.contains(deed["transaction_ids"][1].as_str().unwrap()));
    assert!(got[1].body.contains(deed["transaction_ids"][0].as_str().unwrap()));

    town.request(2, 1_000, "B").await;
    let pay = json!({
        "order": "2", "outcome": "paid", "fault": "delayed", "delay_ms": 3_600_000,
    });
    town.post("/control/pay", &pay).await;
    // The callback waits for a question, so asking until it has come must end.
    while town.got_so_far() < 3 {
        let ask = town.client.get(format!("{}/payos/v2/payment-requests/2", town.url));
        ask.header("x-client-id", "client").header("x-api-key", "key").send().await.unwrap();
    }
}

#[tokio::test]
async fn the_export_of_a_day_lists_what_was_collected() {
    let town = Town::fresh().await;
    let pay = json!({"order": CODE, "outcome": "paid", "amount": "70000", "memo": "a, \"b\""});
    let (_, deed) = town.post("/control/pay", &pay).await;
    let day = clock::wall(clock::now()).date();
    let path = format!("{}/control/settlement-export?partner=samplebank&day={day}", town.url);
    let file = town.client.get(path).send().await.unwrap().text().await.unwrap();
    let row = file.lines().nth(1).unwrap();
    assert!(row.starts_with(deed["transaction_ids"][0].as_str().unwrap()), "{file}");
    assert!(row.ends_with(",in,1200099887766,70000,VND,,\"a, \"\"b\"\"\""), "{file}");
}
