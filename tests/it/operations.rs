//! What is not final is looked at again, by itself or now; what nobody can say anything of is ended
//! by two people, and a partner's word overrules them.

use chrono::Duration;
use payclear::app::Role;
use serde_json::{Value, json};

use crate::support::partners::{choose, momo_fields, momo_result};
use crate::support::{Plan, Town, text, until};

async fn lost(town: &Town) -> (Value, String, String) {
    let silent = json!({ "partner": "momo", "create": "http500", "query": "http500" });
    assert_eq!(town.simulators().post("/control/behaviour", &silent).await.status, 200);
    let invoice = town.issue(100_000).await;
    choose(town, &invoice, "momo").await;
    until("the attempt to be unknown", || async {
        town.count("attempt where partner = 'momo' and status = 'unknown'").await == 1
    })
    .await;
    let (attempt, reference): (String, String) =
        sqlx::query_as("select attempt_id::text, reference from attempt where partner = 'momo'")
            .fetch_one(&town.pool)
            .await
            .expect("the attempt");
    (invoice, attempt, reference)
}

/// Hours pass, and the partner is asked once more.
async fn turn_and_ask(town: &Town, hours: i64) {
    let tries = async || -> i64 {
        let tries = "select tries::bigint from due where kind = 'attempt.query'";
        sqlx::query_scalar(tries).fetch_one(&town.pool).await.expect("it waits")
    };
    let before = tries().await;
    town.clock.turn(Duration::hours(hours));
    until("the partner to be asked", || async { tries().await > before }).await;
}

fn failed(reason: &str) -> Value {
    json!({ "as": "failed", "reason": reason })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_eight_hours_a_person_gets_a_case_and_two_people_end_it() {
    let town = Town::whole().await;
    let (invoice, attempt, reference) = lost(&town).await;
    let path = format!("/v1/attempts/{attempt}/resolution");
    let officer = town.person("an@town.example", &["officer:G01"]).await;
    let stranger = town.person("ba@town.example", &["officer:G02"]).await;
    let viewer = town.person("chi@town.example", &["viewer:*"]).await;

    // While the payer may still be paying it is nobody's to end.
    officer.post(&path, &failed("too soon")).await.problem(409, "wrong-state");
    turn_and_ask(&town, 7).await;
    assert_eq!(town.cases().await, Vec::<String>::new(), "not before eight hours");
    turn_and_ask(&town, 2).await;
    assert_eq!(town.cases().await, ["B04 100000 open"]);
    turn_and_ask(&town, 7).await;
    assert_eq!(town.cases().await, ["B04 100000 open"], "one, however often it is asked");

    // The sessions of before have ended with the day.
    let mut people = [officer, stranger, viewer];
    for person in &mut people {
        person.sign_in(&*town.clock).await;
    }
    let [officer, stranger, viewer] = people;
    officer
        .post(&path, &json!({ "as": "paid", "reason": "x" }))
        .await
        .problem(422, "invalid-request");
    officer.post(&path, &failed(" ")).await.points_to("/reason");
    stranger.post(&path, &failed("x")).await.problem(404, "not-found");
    viewer.post(&path, &failed("x")).await.problem(403, "forbidden");
    let nobody = format!("/v1/attempts/{}/resolution", uuid::Uuid::nil());
    officer.post(&nobody, &failed("x")).await.problem(404, "not-found");
    let told = officer.post(&path, &failed("the bank's desk: no debit")).await.expect(202);
    officer.post(&path, &failed("again")).await.problem(409, "wrong-state");
    let approval = text(&told, "approval");
    officer.decide(approval, "approve").await.problem(403, "forbidden");
    assert_eq!(town.count("attempt where status = 'unknown' and partner = 'momo'").await, 1);

    let done = town.approve(approval).await;
    assert_eq!(text(&done, "status"), "applied");
    assert_eq!(done["content"]["reference"], json!(reference));
    assert_eq!(town.count("attempt where status = 'failed' and partner = 'momo'").await, 1);
    assert_eq!(town.cases().await, ["B04 100000 auto_closed"]);
    assert_eq!(town.count("due where kind = 'attempt.query'").await, 0);
    assert_eq!(town.count("audit where action = 'attempt.resolved'").await, 1);
    assert_eq!(town.money_booked().await, 0);
    officer.post(&path, &failed("once more")).await.problem(409, "wrong-state");

    // The partner's own word comes after all, and overrules what people said.
    let paid = momo_result(&momo_fields(&reference, 100_000, 4_088_000_001, 0)).to_string();
    assert_eq!(town.momo(&paid).await.0, 204);
    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[("partner_receivable momo", 100_000), ("agency_payable G01.A", -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolution_comes_too_late_when_the_partner_has_spoken() {
    let town = Town::whole().await;
    let (invoice, attempt, reference) = lost(&town).await;
    town.clock.turn(Duration::hours(9));
    let officer = town.person("an@town.example", &["officer:*"]).await;
    let path = format!("/v1/attempts/{attempt}/resolution");
    let lapsed = json!({ "as": "expired", "reason": "nobody answers" });
    let told = officer.post(&path, &lapsed).await.expect(202);
    let paid = momo_result(&momo_fields(&reference, 100_000, 4_088_000_001, 0)).to_string();
    assert_eq!(town.momo(&paid).await.0, 204);
    assert_eq!(town.status(&invoice).await, "paid");
    let decided = town.approver().await.decide(text(&told, "approval"), "approve").await;
    decided.problem(409, "already-decided");
    assert_eq!(town.count("attempt where status = 'succeeded' and partner = 'momo'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_waits_and_have_it_looked_at_now() {
    let town = Town::whole().await;
    let (invoice, ..) = lost(&town).await;
    let operator = town.person("op@town.example", &["operator:*"]).await;
    let auditor = town.person("au@town.example", &["auditor:*"]).await;
    let officer = town.person("of@town.example", &["officer:*"]).await;
    officer.get("/v1/sweeps").await.problem(403, "forbidden");
    auditor.post("/v1/sweeps/attempt.query", &json!({})).await.problem(403, "forbidden");
    operator.post("/v1/sweeps/everything", &json!({})).await.problem(404, "not-found");
    let sweeps = auditor.get("/v1/sweeps").await.expect(200);
    let of = |sweeps: &Value, kind: &str| {
        let all = sweeps["sweeps"].as_array().expect("sweeps");
        all.iter().find(|sweep| sweep["kind"] == kind).expect("the sweep").clone()
    };
    assert!(of(&sweeps, "attempt.query")["waiting"].as_i64() >= Some(1), "{sweeps}");
    assert_eq!(of(&sweeps, "delivery")["waiting"], 0);

    // The wallet answers again: nobody has to wait for the next question.
    sqlx::query("update due set due_at = due_at + interval '5 hours' where kind = 'attempt.query'")
        .execute(&town.pool)
        .await
        .expect("an update");
    assert_eq!(town.simulators().post("/control/reset", &json!({})).await.status, 204);
    town.clock.turn(Duration::minutes(3));
    let hastened = operator.post("/v1/sweeps/attempt.query", &json!({})).await.expect(202);
    assert!(hastened["hastened"].as_i64() >= Some(1), "{hastened}");
    until("the order to be known not to be there", || async {
        town.count("attempt where partner = 'momo' and status = 'failed'").await == 1
    })
    .await;
    assert_eq!(town.count("audit where action = 'sweep.run_now'").await, 1);
    assert_eq!(town.status(&invoice).await, "pending");
    let page = town.browse(&format!("{}/metrics", town.url)).await.text();
    for sweep in payclear::operations::sweeps::Sweep::ALL {
        let line = format!("payclear_due_waiting{{kind=\"{sweep}\"}}");
        assert!(page.contains(&line), "no gauge {line}");
        // Each of them runs, also when nothing waits.
        let path = format!("/v1/sweeps/{sweep}");
        operator.post(&path, &json!({})).await.expect(202);
    }
    for status in ["created", "sent", "awaiting_payer", "unknown"] {
        assert!(page.contains(&format!("payclear_attempts_waiting{{status=\"{status}\"}}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_about_an_order_is_read_masked() {
    let town = Town::of(Plan {
        roles: &[Role::Relay, Role::Dispatch],
        with_simulators: true,
        amqp_url: None,
        settings: json!({}),
    })
    .await;
    let invoice = town.issue(100_000).await;
    choose(&town, &invoice, "momo").await;
    let reference: String =
        sqlx::query_scalar("select reference from attempt where partner = 'momo'")
            .fetch_one(&town.pool)
            .await
            .expect("the attempt");
    let mut fields = momo_fields(&reference, 100_000, 4_088_000_001, 0);
    fields["message"] = json!("tu the 9704198526191432198");
    assert_eq!(town.momo(&momo_result(&fields).to_string()).await.0, 204);
    let less = momo_fields(&reference, 99_000, 4_088_000_001, 0);
    assert_eq!(town.momo(&momo_result(&less).to_string()).await.0, 409);
    assert_eq!(town.momo("{\"account\":\"0011009988776\",\"secret\":\"canary\"}").await.0, 400);

    let auditor = town.person("au@town.example", &["auditor:*"]).await;
    let viewer = town.person("vi@town.example", &["viewer:*", "officer:G01"]).await;
    let path = format!("/v1/partners/momo/exchanges?order={reference}");
    viewer.get(&path).await.problem(403, "forbidden");
    let said = auditor.get(&path).await.expect(200);
    // What we asked of the partner is kept beside, some time after its answer.
    let mut said = said["exchanges"].as_array().expect("exchanges").clone();
    said.retain(|said| matches!(text(said, "purpose"), "settlement" | "callback"));
    let what = |said: &Value| (text(said, "purpose").to_owned(), text(said, "verdict").to_owned());
    let told: Vec<_> = said.iter().map(what).collect();
    assert_eq!(told[0], ("settlement".to_owned(), "applied 4088000001".to_owned()));
    assert_eq!(told[1], ("callback".to_owned(), "other_content".to_owned()));
    assert!(text(&said[0], "body").contains("…2198"), "{said:?}");
    assert!(!text(&said[0], "body").contains("9704198526191432198"), "{said:?}");
    assert!(text(&said[0], "body").contains(&reference), "{said:?}");
    let nobodys = auditor.get("/v1/partners/momo/exchanges").await.expect(200);
    let body = text(&nobodys["exchanges"][0], "body");
    assert!(body.contains("…8776") && !body.contains("canary"), "{body}");
    let whole: i64 =
        town.count("settlement where position('9704198526191432198'::bytea in raw) > 0").await;
    assert_eq!(whole, 0, "nor is it kept with what was booked");
    auditor.get("/v1/partners/momo/exchanges?colour=red").await.problem(422, "invalid-request");
}
