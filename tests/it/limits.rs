//! Limits of callers: what one may do in a second is shared out among the processes, and the type of
//! every problem leads to its entry of the catalogue.

use payclear::app::Role;
use payclear::platform::problem::ProblemType;
use payclear::registers::caller::CallerKind;

use crate::support::{Town, answer_of, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_allowance_is_shared_out_among_the_processes_that_live() {
    let mut town = Town::doors().await;
    // 50 calls a second, by the registers.
    let other = town.caller(CallerKind::Portal, "botp-mau").await;
    for _ in 0..40 {
        other.get("/v1/invoices").await.expect(200);
    }
    for replica in 0..48 {
        sqlx::query(
            "insert into lease (name, holder, fence, until)
             values ('api/' || $1, $1, 1, now() + interval '1 hour')",
        )
        .bind(format!("replica-{replica}"))
        .execute(&town.pool)
        .await
        .expect("a replica");
    }
    sqlx::query(
        "insert into lease (name, holder, fence, until)
         values ('api/dead', 'dead', 1, now() - interval '1 hour')",
    )
    .execute(&town.pool)
    .await
    .expect("one that died");
    town.also_runs(&[Role::Api]);
    until("the processes to be counted", || async {
        town.count("lease where name ^@ 'api/'").await == 49
    })
    .await;
    // 49 share 50 calls: two a second each, and a burst of two seconds' worth.
    until("the share to be a small one", || async {
        let began = tokio::time::Instant::now();
        let mut let_in = 0;
        while let_in < 60 && other.get("/v1/invoices").await.status == 200 {
            let_in += 1;
        }
        let_in <= 4 + 2 * (began.elapsed().as_secs() + 1)
    })
    .await;
    let told = other.get("/v1/invoices").await;
    if told.status != 200 {
        assert!(told.headers.contains_key("retry-after"));
        told.problem(429, "too-many-requests");
    }
    // Another caller has its own.
    town.portal.get("/v1/invoices").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_a_problem_leads_to_what_it_means() {
    let town = Town::doors().await;
    let told = answer_of(town.http.get(format!("{}/v1/invoices", town.url))).await;
    let told = told.problem(401, "unauthenticated");
    let address = format!("{}{}", town.url, told["type"].as_str().expect("a type"));
    let entry = answer_of(town.http.get(&address)).await.expect(200);
    assert_eq!((&entry["type"], &entry["title"]), (&told["type"], &told["title"]));
    for problem in ProblemType::ALL {
        let address = format!("{}{}", town.url, problem.path());
        let entry = answer_of(town.http.get(&address)).await.expect(200);
        assert_eq!(entry["status"], problem.status().as_u16());
        assert_eq!(entry["caller"], problem.caller_does());
        let page = answer_of(town.http.get(&address).header("accept", "text/html,*/*")).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(problem.title()), "{}", page.text());
    }
    let none = answer_of(town.http.get(format!("{}/problems/none", town.url))).await;
    none.problem(404, "not-found");
    let all = answer_of(town.http.get(format!("{}/problems", town.url))).await.expect(200);
    assert_eq!(all.as_array().map(Vec::len), Some(ProblemType::ALL.len()));
}
