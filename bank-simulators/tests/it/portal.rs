//! The reference portal.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::Town;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn headers(id: &str, body: &str, secret: &str) -> HeaderMap {
    let at = bank_simulators::clock::now().timestamp();
    let signature = Webhook::new(secret).unwrap().sign(id, at, body.as_bytes()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", id.parse().unwrap());
    headers.insert("webhook-timestamp", at.into());
    headers.insert("webhook-signature", signature.parse().unwrap());
    headers
}

impl Town {
    async fn notice(&self, id: &str, secret: &str) -> Result<StatusCode, reqwest::Error> {
        let body = r#"{"type":"invoice.paid"}"#;
        let call = self.client.post(format!("{}/portal/dvc-mau/notices", self.url));
        let answer = call.headers(headers(id, body, secret)).body(body).send().await?;
        let status = answer.status();
        answer.bytes().await.map(|_| status)
    }
}

#[tokio::test]
async fn a_notice_has_its_effect_once_however_often_it_comes() {
    let town = Town::fresh().await;
    let secrets = json!({"secrets": [OLD, SECRET]});
    town.post("/portal/dvc-mau/secrets", &secrets).await;
    town.post("/portal/dvc-mau/behaviour", &json!({"mode": "ok_then_reset"})).await;
    assert!(town.notice("m1", SECRET).await.is_err(), "taken in, then cut");
    town.post("/portal/dvc-mau/behaviour", &json!({"mode": "ok"})).await;
    assert_eq!(town.notice("m1", SECRET).await.unwrap(), StatusCode::NO_CONTENT);
    assert_eq!(town.notice("m1", OLD).await.unwrap(), StatusCode::NO_CONTENT);
    let other = "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
    assert_eq!(town.notice("m2", other).await.unwrap(), StatusCode::UNAUTHORIZED);
    let journal = town.get("/portal/journal?portal=dvc-mau").await;
    let seen = |field: &str| -> Vec<Value> {
        journal.as_array().unwrap().iter().map(|entry| entry[field].clone()).collect()
    };
    assert_eq!(seen("effect"), [json!(true), json!(false), json!(false), json!(false)]);
    assert_eq!(seen("verified"), [json!(true), json!(true), json!(true), json!(false)]);
    assert_eq!(journal[0]["body"]["type"], "invoice.paid");
}

#[tokio::test]
async fn a_portal_answers_as_it_is_told() {
    let town = Town::fresh().await;
    town.post("/portal/dvc-mau/secrets", &json!({"secrets": [SECRET]})).await;
    for (mode, status) in [("error500", 500), ("gone410", 410), ("busy429", 429), ("redirect", 307)]
    {
        let behaviour = json!({"mode": mode, "percent": 100, "retry_after": 2});
        town.post("/portal/dvc-mau/behaviour", &behaviour).await;
        let call = town.client.post(format!("{}/portal/dvc-mau/notices", town.url));
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let request = call.headers(headers("m", "{}", SECRET)).body("{}").build().unwrap();
        let answer = builder.build().unwrap().execute(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    let journal = town.get("/portal/journal?portal=dvc-mau&effect=true").await;
    assert_eq!(journal, json!([]), "a notice that was not taken in has no effect");
    assert!(town.world.portals.behaviour("other").percent == 100);
}
