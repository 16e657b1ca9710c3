//! The plain signed door: whatever arrives, and however often at once, money is booked once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Town, text, until};

const SETTLEMENTS: &str = "/v1/settlements";

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_callers_settle_one_invoice_at_once_and_it_is_booked_once() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let credit = town.credit("T1", 100_000, text(&invoice, "code"));

    let answers = join_all((0..64).map(|_| town.bank.post(SETTLEMENTS, &credit))).await;

    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body), "{}", answer.text());
    }
    assert_eq!(town.count("settlement").await, 1);
    town.books(&[("partner_receivable directbank", 100_000), ("agency_payable G01.A", -100_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_payments_of_one_invoice_one_pays_it_and_the_others_are_due_back() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");

    let transactions: Vec<String> = (0..64).map(|n| format!("T{n}")).collect();
    let outcomes = join_all(transactions.iter().map(|t| town.settle(t, 100_000, code))).await;

    assert_eq!(outcomes.iter().filter(|o| *o == "applied").count(), 1);
    assert_eq!(outcomes.iter().filter(|o| *o == "refund_due").count(), 63);
    town.books(&[
        ("partner_receivable directbank", 6_400_000),
        ("agency_payable G01.A", -100_000),
        ("refund_due directbank", -6_300_000),
    ])
    .await;
    assert_eq!(town.cases().await, vec!["B05 100000 open"; 63]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_waited_for_an_invoice_sees_what_was_done_to_it_meanwhile() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    let mut other = town.pool.begin().await.expect("a transaction");
    sqlx::query("update invoice set status = 'cancelled', sequence = 2 where code = $1")
        .bind(code)
        .execute(&mut *other)
        .await
        .expect("an update");

    let settling = town.settle("T1", 100_000, code);
    let ending = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.commit().await.expect("a commit");
    };
    let (outcome, ()) = tokio::join!(settling, ending);

    assert_eq!(outcome, "refund_due");
    assert_eq!(town.cases().await, ["B06 100000 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_and_other_content_409_and_one_case() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let credit = town.credit("T1", 40_000, text(&invoice, "code"));
    let first = town.bank.post(SETTLEMENTS, &credit).await;
    assert_eq!(first.status, 201);
    assert_eq!(town.settle("T2", 60_000, text(&invoice, "code")).await, "applied");

    // What was held then has been used since; the answer is still the first one.
    let again = town.bank.post(SETTLEMENTS, &credit).await;
    assert_eq!((again.status, &again.body), (201, &first.body));

    for (field, other) in [
        ("amount", json!({ "amount": "41000", "currency": "VND" })),
        ("amount", json!({ "amount": "42000", "currency": "VND" })),
        ("memo", json!("another memo")),
        ("value_time", json!("2026-01-15T03:00:01Z")),
    ] {
        let mut changed = credit.clone();
        changed[field] = other;
        town.bank.post(SETTLEMENTS, &changed).await.problem(409, "transaction-differs");
    }
    assert_eq!(town.count("settlement").await, 2);
    let mut cases = town.cases().await;
    cases.sort();
    // One for each kind of difference, and the one of the part, which its rest has closed.
    assert_eq!(cases, ["B03 40000 auto_closed", "B03 41000 open", "B05 40000 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_a_result_for_each_item_and_later_items_see_earlier_ones() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T0", 5_000, "nobody").await, "suspense");
    let list = json!([
        town.credit("T1", 100_000, code),
        town.credit("T2", 100_000, code),
        town.credit("T1", 100_000, code),
        town.credit("T1", 90_000, code),
        town.credit("T0", 6_000, "nobody"),
        town.credit("T3", 7_000, "nobody"),
    ]);

    let first = town.bank.post(SETTLEMENTS, &list).await;

    let told = first.json();
    let results = told["results"].as_array().expect("results");
    let outcomes: Vec<&str> = results
        .iter()
        .map(|r| r["outcome"].as_str().or(r["type"].as_str()).expect("an outcome or a problem"))
        .collect();
    let differs = "/problems/transaction-differs";
    assert_eq!(
        outcomes,
        ["applied", "refund_due", "applied", differs, differs, "suspense"],
        "{told}"
    );
    assert_eq!(results[0], results[2]);
    assert_eq!(town.count("settlement").await, 4);
    let again = town.bank.post(SETTLEMENTS, &list).await;
    assert_eq!(again.body, first.body);
    assert_eq!(town.count("settlement").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_settled_at_once_in_any_order_balance() {
    let town = Town::doors().await;
    let invoices = join_all((0..40).map(|_| town.issue(10_000))).await;
    let mut payments = Vec::new();
    for (n, invoice) in invoices.iter().enumerate() {
        let code = text(invoice, "code");
        for part in 0..2 {
            payments.push((format!("T{n}-{part}"), code));
        }
    }
    // Every other one from the back, so that groups meet the same invoices in several orders.
    let (even, odd): (Vec<_>, Vec<_>) =
        payments.iter().enumerate().partition(|(place, _)| place % 2 == 0);
    let mixed = even.into_iter().chain(odd.into_iter().rev());
    let outcomes = join_all(mixed.map(|(_, (t, code))| town.settle(t, 5_000, code))).await;

    assert_eq!(outcomes.iter().filter(|o| *o == "held").count(), 40);
    assert_eq!(outcomes.iter().filter(|o| *o == "applied").count(), 40);
    for invoice in &invoices {
        assert_eq!(town.status(invoice).await, "paid");
    }
    town.books(&[("partner_receivable directbank", 400_000), ("agency_payable G01.A", -400_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_much_as_an_amount_can_be_is_booked_also_where_a_part_is_held() {
    const MOST: u64 = 999_999_999_999_999;
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 1, code).await, "held");

    assert_eq!(town.settle("T2", MOST, code).await, "overpaid");

    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[
        ("partner_receivable directbank", 1_000_000_000_000_000),
        ("agency_payable G01.A", -100_000),
        ("refund_due directbank", -999_999_999_900_000),
    ])
    .await;
    // And it can be taken back.
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    town.books(&[("partner_receivable directbank", 1), ("part_payments_held directbank", -1)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nearly_every_update_of_an_invoice_touches_no_index() {
    let town = Town::doors().await;
    let fees: Vec<_> = (0..120).map(|n| Town::fee(&format!("HS-H{n}"), 100_000)).collect();
    let issued = town.portal.post("/v1/invoices/batch", &json!(fees)).await.expect(200);
    let codes = issued["results"].as_array().expect("results").iter();
    let codes: Vec<_> = codes.map(|row| text(&row["body"], "code").to_owned()).collect();
    for (n, code) in codes.iter().enumerate() {
        assert_eq!(town.settle(&format!("S{n}"), 100_000, code).await, "applied");
    }

    let counted = std::cell::Cell::new((0, 0));
    let mut more = 0;
    until("the counters to be told", || {
        // A connection tells its counters with a commit of a second later.
        more += 1;
        let nudge = format!("N{more}");
        let (town, counted) = (&town, &counted);
        async move {
            town.settle(&nudge, 1_000, "nobody's").await;
            let told = sqlx::query_as::<_, (i64, i64)>(
                "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables
                  where relid = 'invoice'::regclass",
            );
            counted.set(told.fetch_one(&town.pool).await.expect("the counters"));
            counted.get().0 >= 120
        }
    })
    .await;
    let (updates, heap_only) = counted.get();
    assert!(heap_only * 100 >= updates * 95, "{heap_only} of {updates} are heap-only");
}
