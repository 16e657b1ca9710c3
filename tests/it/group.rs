//! The grouping writer on a real PostgreSQL: one bad item harms no other, a lost race is run again, a
//! lost answer to COMMIT is asked after; and two replicas' writers on the same thing at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use payclear::platform::database;
use payclear::platform::group::{GroupError, Work, Writer};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::support::cluster::{at, cluster};
use crate::support::proxy::{Line, Where};
use crate::support::town::ACCOUNT;
use crate::support::{Answer, Caller, Plan, Town, fresh_key, text, until};

/// Numbers written down, each once. 13 is refused by the database, 17 brings the writer down.
struct Numbers {
    /// The items of each run, in their order.
    runs: Arc<Mutex<Vec<Vec<i32>>>>,
}

impl Work for Numbers {
    type Item = i32;
    type Outcome = &'static str;
    const NAME: &'static str = "numbers";
    const GATHER: Duration = Duration::from_millis(200);

    async fn run(
        &self,
        conn: &mut PgConnection,
        items: &[i32],
    ) -> Result<Vec<&'static str>, sqlx::Error> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(items.to_vec());
        assert!(!items.contains(&17), "a defect");
        let there: Vec<i32> = sqlx::query_scalar("select n from number where n = any($1)")
            .bind(items)
            .fetch_all(&mut *conn)
            .await?;
        let new: Vec<i32> = items.iter().copied().filter(|n| !there.contains(n)).collect();
        sqlx::query("insert into number select * from unnest($1::int[])")
            .bind(&new)
            .execute(&mut *conn)
            .await?;
        Ok(items.iter().map(|n| if new.contains(n) { "mine" } else { "theirs" }).collect())
    }
}

struct Book {
    town: Town,
    writer: Writer<Numbers>,
    runs: Arc<Mutex<Vec<Vec<i32>>>>,
}

impl Book {
    /// A writer that reaches the database over a line.
    async fn over(line: Option<&Line>) -> Self {
        let town = Town::doors().await;
        town.as_owner(
            "create table number (n int constraint number_pkey primary key
                                        constraint number_is_lucky check (n <> 13));
             grant select, insert on number to payclear_app",
        )
        .await
        .expect("a table");
        let url = at(&cluster().application_url, &town.name);
        let url = line.map_or_else(|| url.clone(), |line| line.instead_of(&url));
        let pool = database::open(&url, 4).await.expect("the database");
        let runs = Arc::<Mutex<Vec<Vec<i32>>>>::default();
        let writer = Writer::start(pool, Numbers { runs: Arc::clone(&runs) });
        Self { town, writer, runs }
    }

    async fn submit(&self, items: &[i32]) -> Vec<Result<&'static str, GroupError>> {
        join_all(items.iter().map(|n| self.writer.submit(*n))).await
    }

    fn runs(&self) -> Vec<Vec<i32>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn written(&self) -> Vec<i32> {
        sqlx::query_scalar("select n from number order by n")
            .fetch_all(&self.town.pool)
            .await
            .expect("the numbers")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_item_that_the_database_refuses_is_found_and_all_others_are_committed_in_their_order() {
    for bad in [13, 17] {
        let book = Book::over(None).await;
        let items = [1, 2, 3, 4, 5, bad, 7, 8];
        let outcomes = book.submit(&items).await;

        for (item, outcome) in items.iter().zip(&outcomes) {
            match outcome {
                Err(GroupError::Refused(_)) => assert_eq!(*item, bad),
                other => assert!(matches!(other, Ok("mine")) && *item != bad, "{item}: {other:?}"),
            }
        }
        assert_eq!(book.written().await, [1, 2, 3, 4, 5, 7, 8]);
        let halved: [&[i32]; 7] =
            [&items, &[1, 2, 3, 4], &[5, bad, 7, 8], &[5, bad], &[5], &[bad], &[7, 8]];
        assert_eq!(book.runs(), halved);
        // The writer goes on.
        assert!(matches!(book.submit(&[9]).await[0], Ok("mine")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_lost_a_race_is_run_once_more_and_sees_the_winner() {
    let book = Book::over(None).await;
    let mut other = book.town.pool.begin().await.expect("a transaction");
    sqlx::query("insert into number values (5)").execute(&mut *other).await.expect("the winner");
    let items = [4, 5, 6];
    let wins = async {
        until("the group to wait for the winner", || waits(&book.town)).await;
        other.commit().await.expect("a commit");
    };
    let (outcomes, ()) = tokio::join!(book.submit(&items), wins);

    let outcomes: Vec<_> = outcomes.into_iter().map(|o| o.expect("an outcome")).collect();
    assert_eq!(outcomes, ["mine", "theirs", "mine"]);
    assert_eq!(book.runs(), [items, items], "whole, and not halved");
    assert_eq!(book.written().await, items);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_item_that_waits_for_somebody_else_is_told_to_come_again() {
    let book = Book::over(None).await;
    let owner = book.town.owner().await;
    let mut other = owner.begin().await.expect("a transaction");
    sqlx::query("insert into number values (5)").execute(&mut *other).await.expect("an insert");

    let outcomes = book.submit(&[4, 5]).await;

    assert!(matches!(outcomes[0], Ok("mine")), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(GroupError::Busy)), "{outcomes:?}");
    assert_eq!(book.runs(), [vec![4, 5], vec![4, 5], vec![4], vec![5], vec![5]]);
    other.rollback().await.expect("a rollback");
    owner.close().await;
    assert!(matches!(book.submit(&[5]).await[0], Ok("mine")));
}

/// Does somebody wait for a lock in this town's database?
async fn waits(town: &Town) -> bool {
    let waiting: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'",
    )
    .fetch_one(&town.pool)
    .await
    .expect("a count");
    waiting > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_asked_after_and_run_again_only_if_it_did_not_take_place()
{
    for (cut, runs) in [(Where::AfterIt, 1), (Where::BeforeIt, 2)] {
        let line = Line::to(cluster_address()).await;
        let book = Book::over(Some(&line)).await;
        assert!(matches!(book.submit(&[1]).await[0], Ok("mine")));
        let before = book.runs().len();

        line.cut_once(b"commit\0", cut);
        let outcomes = book.submit(&[2, 3]).await;

        assert!(line.was_cut(), "{cut:?}");
        for outcome in outcomes {
            assert_eq!(outcome.expect("an outcome"), "mine", "{cut:?}");
        }
        assert_eq!(book.runs().len() - before, runs, "{cut:?}");
        assert_eq!(book.written().await, [1, 2, 3]);
    }
}

/// Host and port of the tests' PostgreSQL.
fn cluster_address() -> String {
    let url: url::Url = cluster().application_url.parse().expect("an address");
    format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5432))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_issues_or_settles_hears_nothing_of_a_lost_answer_to_commit() {
    for cut in [Where::AfterIt, Where::BeforeIt] {
        let line = Line::to(cluster_address()).await;
        let town = Town::over(&line).await;
        let fee = Town::fee("HS-1", 100_000);

        line.cut_once(b"commit\0", cut);
        let issued = town.portal.post_as("k1", "/v1/invoices", &fee).await;
        assert!(line.was_cut(), "{cut:?}");
        let again = town.portal.post_as("k1", "/v1/invoices", &fee).await;
        assert_eq!((issued.status, &issued.body), (201, &again.body), "{}", issued.text());

        let credit = town.credit("T1", 100_000, text(&issued.json(), "code"));
        line.cut_once(b"commit\0", cut);
        let settled = town.bank.post("/v1/settlements", &credit).await;
        assert!(line.was_cut(), "{cut:?}");
        let again = town.bank.post("/v1/settlements", &credit).await;
        assert_eq!((settled.status, &settled.body), (201, &again.body), "{}", settled.text());

        for table in ["invoice", "claim", "settlement"] {
            assert_eq!(town.count(table).await, 1, "{table}, {cut:?}");
        }
        assert_eq!(town.status(&issued.json()).await, "paid");
    }
}

/// The same request from one caller, sent to two replicas at once and again where it is told to come
/// again: the answers.
async fn at_both(
    (town, other): (&Town, &str),
    caller: &Caller,
    (path, copies): (&str, &[(String, Value)]),
) -> Vec<Answer> {
    let send = |(place, (key, body)): (usize, &(String, Value))| {
        let (key, body) = (key.clone(), body.to_string());
        async move {
            for _ in 0..20 {
                // Signed for the address that all replicas stand behind.
                let mut letter = caller.sign("POST", path, Some(&key), body.as_bytes());
                if place % 2 == 1 {
                    letter.url = letter.url.replacen(&town.url, other, 1);
                }
                let answer = caller.send(&letter).await;
                if !answer.headers.contains_key("retry-after") {
                    return answer;
                }
                assert_eq!(answer.status, 409, "{}", answer.text());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("never answered");
        }
    };
    join_all(copies.iter().enumerate().map(send)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_are_asked_the_same_at_once_do_it_once_and_answer_alike() {
    let mut town = Town::doors().await;
    let other = town.replica().await;
    let both = (&town, other.as_str());
    for round in 0..5 {
        // One key.
        let fee = Town::fee(&format!("HS-K{round}"), 100_000);
        let copies = vec![(fresh_key(), fee); 24];
        let answers = at_both(both, &town.portal, ("/v1/invoices", &copies)).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (201, &answers[0].body), "{}", answer.text());
        }
        let invoice = answers[0].json();

        // One claim, under keys of their own.
        let fee = Town::fee(&format!("HS-C{round}"), 100_000);
        let copies: Vec<_> = (0..24).map(|_| (fresh_key(), fee.clone())).collect();
        let answers = at_both(both, &town.portal, ("/v1/invoices", &copies)).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        for answer in &answers {
            assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
            assert_eq!(answer.json()["id"], answers[0].json()["id"]);
        }

        // One transaction.
        let credit = town.credit(&format!("T{round}"), 100_000, text(&invoice, "code"));
        let copies: Vec<_> = (0..24).map(|_| (fresh_key(), credit.clone())).collect();
        let answers = at_both(both, &town.bank, ("/v1/settlements", &copies)).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (201, &answers[0].body), "{}", answer.text());
        }
        assert_eq!(answers[0].json()["outcome"], "applied");
    }
    assert_eq!((town.count("invoice").await, town.count("claim").await), (10, 10));
    assert_eq!(town.count("settlement").await, 5);
    town.books(&[("partner_receivable directbank", 500_000), ("agency_payable G01.A", -500_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_payments_of_one_invoice_at_two_replicas_one_pays_it() {
    let mut town = Town::doors().await;
    let other = town.replica().await;
    let invoice = town.issue(100_000).await;
    let payments: Vec<_> = (0..32)
        .map(|n| {
            let credit = json!({
                "transaction_id": format!("T{n}"), "account": ACCOUNT, "memo": invoice["code"],
                "amount": { "amount": "100000", "currency": "VND" },
                "value_time": "2026-01-15T03:00:00Z",
            });
            (fresh_key(), credit)
        })
        .collect();

    let answers =
        at_both((&town, other.as_str()), &town.bank, ("/v1/settlements", &payments)).await;

    let outcome = |what: &str| answers.iter().filter(|a| a.json()["outcome"] == what).count();
    assert_eq!((outcome("applied"), outcome("refund_due")), (1, 31));
    town.books(&[
        ("partner_receivable directbank", 3_200_000),
        ("agency_payable G01.A", -100_000),
        ("refund_due directbank", -3_100_000),
    ])
    .await;
}

impl Town {
    /// The doors alone, with a database that is reached over a line.
    async fn over(line: &Line) -> Self {
        Self::of_at(
            Plan { roles: &[], with_simulators: false, amqp_url: None, settings: json!({}) },
            Some(line),
        )
        .await
    }
}
