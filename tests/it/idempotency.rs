//! The same request again has no second effect and gets the same bytes.

use futures_util::future::join_all;
use payclear::registers::caller::CallerKind;
use serde_json::json;

use crate::support::town::PROCEDURE;
use crate::support::{PORTAL, Town, fresh_key, text, until};

const INVOICES: &str = "/v1/invoices";

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_byte_for_byte() {
    let town = Town::doors().await;
    let fee = Town::fee("HS-1", 100_000);
    let first = town.portal.post_as("k1", INVOICES, &fee).await;
    assert_eq!(first.status, 201);
    let id = text(&first.json(), "id").to_owned();
    assert_eq!(town.settle("T1", 100_000, text(&first.json(), "code")).await, "applied");

    // The invoice has moved on; the answer has not.
    let again = town.portal.post_as("k1", INVOICES, &fee).await;
    assert_eq!((again.status, &again.body), (201, &first.body));

    let refused = town.portal.post_as("k2", INVOICES, &Town::fee("HS-1", 5)).await;
    assert_eq!(refused.status, 409);
    let again = town.portal.post_as("k2", INVOICES, &Town::fee("HS-1", 5)).await;
    assert_eq!((again.status, &again.body), (409, &refused.body));

    let path = format!("{INVOICES}/{id}/cancel");
    let refused = town.portal.post_as("k3", &path, &json!({})).await;
    assert_eq!(refused.status, 409);
    let again = town.portal.post_as("k3", &path, &json!({})).await;
    assert_eq!((again.status, &again.body), (409, &refused.body));
    assert_eq!(town.count("invoice").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_copies_at_once_have_one_effect_and_one_answer() {
    let town = Town::doors().await;
    let fee = Town::fee("HS-1", 100_000);
    let copies = join_all((0..64).map(|_| town.portal.post_as("k1", INVOICES, &fee))).await;
    for copy in &copies {
        assert_eq!((copy.status, &copy.body), (201, &copies[0].body), "{}", copy.text());
    }
    assert_eq!(town.count("invoice").await, 1);
    assert_eq!(town.count("event").await, 1);

    // With keys of their own they are 64 requests for one fee: one is first.
    let fee = Town::fee("HS-2", 100_000);
    let asked = join_all((0..64).map(|_| town.portal.post(INVOICES, &fee))).await;
    assert_eq!(asked.iter().filter(|a| a.status == 201).count(), 1);
    for answer in &asked {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        assert_eq!(answer.json()["id"], asked[0].json()["id"]);
    }
    assert_eq!(town.count("invoice").await, 2);

    let path = format!("{INVOICES}/{}/cancel", text(&asked[0].json(), "id"));
    let nothing = json!({});
    let copies = join_all((0..16).map(|_| town.portal.post_as("k2", &path, &nothing))).await;
    for copy in &copies {
        assert_eq!((copy.status, &copy.body), (200, &copies[0].body), "{}", copy.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let town = Town::doors().await;
    let fee = Town::fee("HS-1", 100_000);
    let first = town.portal.post_as("k1", INVOICES, &fee).await.expect(201);

    let other = town.portal.post_as("k1", INVOICES, &Town::fee("HS-2", 100_000)).await;
    other.problem(422, "idempotency-key-reused");
    let path = format!("{INVOICES}/batch");
    let elsewhere = town.portal.post_as("k1", &path, &json!([fee])).await;
    elsewhere.problem(422, "idempotency-key-reused");
    let path = format!("{INVOICES}/{}/cancel", text(&first, "id"));
    town.portal.post_as("k1", &path, &json!({})).await.problem(422, "idempotency-key-reused");

    assert_eq!(town.count("invoice").await, 1);
    assert_eq!(town.status(&first).await, "issued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_caller() {
    let town = Town::doors().await;
    let other = town.caller(CallerKind::Portal, "botp-mau").await;
    let fee = Town::fee("HS-1", 100_000);
    let mine = town.portal.post_as("k1", INVOICES, &fee).await.expect(201);
    let theirs = other.post_as("k1", INVOICES, &fee).await.expect(201);
    assert_ne!(mine["id"], theirs["id"]);
    assert_eq!(theirs["portal"], "botp-mau");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_wrong_may_be_mended_under_the_same_key() {
    let town = Town::doors().await;
    let bad = Town::fee("HS-1", 0);
    town.portal.post_as("k1", INVOICES, &bad).await.problem(422, "invalid-request");
    let good = Town::fee("HS-1", 100_000);
    assert_eq!(town.portal.post_as("k1", INVOICES, &good).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_an_answer_for_each_row_and_wrong_rows_hold_up_nobody() {
    let town = Town::doors().await;
    let known = town.issue(100_000).await;
    let dossier = text(&known, "dossier");
    let rows = json!([
        Town::fee("HS-1", 5_000),
        Town::fee("", 5_000),
        Town::fee("HS-1", 5_000),
        Town::fee("HS-1", 6_000),
        Town::fee(dossier, 100_000),
        Town::fee(dossier, 7),
        Town::fee("HS-2", 5_000),
    ]);
    let path = format!("{INVOICES}/batch");
    let key = fresh_key();
    let first = town.portal.post_as(&key, &path, &rows).await;
    let told = first.json();
    let statuses: Vec<_> = told["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|row| row["status"].as_u64().expect("a status"))
        .collect();
    assert_eq!(statuses, [201, 422, 200, 409, 200, 409, 201]);
    assert_eq!(told["results"][1]["body"]["errors"][0]["pointer"], "/1/dossier");
    assert_eq!(told["results"][2]["body"]["id"], told["results"][0]["body"]["id"]);
    assert_eq!(told["results"][4]["body"]["id"], known["id"]);
    assert_eq!(told["results"][5]["body"]["invoice"], known["code"]);
    assert_eq!(town.count("invoice").await, 3);

    let again = town.portal.post_as(&key, &path, &rows).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(town.count("invoice").await, 3);

    let many = json!(vec![Town::fee("HS", 5); 1_001]);
    town.portal.post(&path, &many).await.problem(422, "invalid-request");
    // A row of another shape spoils the whole: it cannot be told apart from a slip of the list.
    let odd = json!([Town::fee("HS-9", 5), 7]);
    town.portal.post(&path, &odd).await.points_to("/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_a_row_that_cannot_be_decided_is_decided_when_it_is_sent_again() {
    let town = Town::doors().await;
    // A claim without its invoice: what a row sees whose rival ends at that very moment.
    let claim = format!(
        "insert into claim (portal, dossier, fee, invoice_id)
         values ('{PORTAL}', 'HS-2', '{PROCEDURE}', gen_random_uuid())"
    );
    town.as_owner(&claim).await.expect("a claim");
    let batch = json!([Town::fee("HS-1", 100_000), Town::fee("HS-2", 100_000)]);
    let path = format!("{INVOICES}/batch");
    let told = town.portal.post_as("k1", &path, &batch).await;
    assert!(told.headers.contains_key("retry-after"));
    told.problem(409, "in-progress");
    town.portal.post_as("k2", INVOICES, &batch[1]).await.problem(409, "in-progress");

    town.as_owner("delete from claim where dossier = 'HS-2'").await.expect("it goes");
    let told = town.portal.post_as("k1", &path, &batch).await.expect(200);
    let results = told["results"].as_array().expect("results");
    let statuses: Vec<i64> = results.iter().filter_map(|r| r["status"].as_i64()).collect();
    // The first was issued with the request that was not answered.
    assert_eq!(statuses, [200, 201]);
    assert_eq!(town.count("invoice").await, 2);
    let again = town.portal.post_as("k1", &path, &batch).await.expect(200);
    assert_eq!(again, told);
    town.portal.post_as("k2", INVOICES, &batch[1]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_ends_between_two_looks_is_not_given_as_the_one_that_stands() {
    let town = Town::doors().await;
    let first = town.issue(100_000).await;
    let owner = town.owner().await;
    // Nobody may look at invoices until this one is withdrawn: the claim is seen before, the invoice
    // after.
    let mut other = owner.begin().await.expect("a transaction");
    sqlx::raw_sql("lock table invoice in access exclusive mode")
        .execute(&mut *other)
        .await
        .expect("a lock");

    let fee = Town::fee(text(&first, "dossier"), 100_000);
    let again = town.portal.post_as("k1", INVOICES, &fee);
    let withdraw = async {
        until("the look at the invoice to wait", || async {
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks
                  where not granted and relation = 'invoice'::regclass
                    and database = (select oid from pg_database where datname = current_database())",
            )
            .fetch_one(&owner)
            .await
            .expect("a count");
            waiting == 1
        })
        .await;
        sqlx::raw_sql(
            "update invoice set status = 'cancelled', sequence = 2; delete from claim; commit",
        )
        .execute(&mut *other)
        .await
        .expect("withdrawn");
    };
    let (again, ()) = tokio::join!(again, withdraw);

    let issued = again.clone().expect(201);
    assert_ne!(issued["id"], first["id"]);
    assert_eq!(text(&issued, "status"), "issued");
    assert_eq!(town.portal.post_as("k1", INVOICES, &fee).await.body, again.body);
    drop(other);
    owner.close().await;
}
