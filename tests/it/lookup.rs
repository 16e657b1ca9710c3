//! "I was debited, but it says unpaid": each of the six answers, in one shape, about nobody.

use chrono::Duration;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::codes::InvoiceCode;
use payclear::vocabulary::day::to_local;
use serde_json::Value;

use crate::support::{Answer, Town, answer_of, text};

async fn look(town: &Town, fields: &[(&str, &str)]) -> Answer {
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = town.http.post(format!("{}/lookup", town.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    answer_of(request.body(body)).await
}

/// The heading of the answer.
async fn told(town: &Town, fields: &[(&str, &str)]) -> String {
    let answer = look(town, fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.text();
    for private in ["Nguyễn", "Sở Tư pháp", "Phí thử", "HS-"] {
        assert!(!page.contains(private), "{private} is told: {page}");
    }
    assert_eq!(page.matches("class=\"pc-answer ").count(), 1);
    assert_eq!(page.matches("<form").count(), 1);
    let heading = page.split("<h1").nth(1).and_then(|h| h.split_once('>')).expect("a heading").1;
    heading.split("</h1>").next().expect("its end").trim().to_owned()
}

/// A payment of 15 January, when the plain bank's credits are.
fn by_number<'a>(number: &'a str, amount: &'a str) -> [(&'a str, &'a str); 3] {
    [("reference", number), ("amount", amount), ("day", "2026-01-15")]
}

const PAID: &str = "Đã tìm thấy, khoản phí đã được nộp";
const REST: &str = "Đã tìm thấy, nhưng còn thiếu tiền";
const LOOKED: &str = "Đã tìm thấy, đang được xem xét";
const BACK: &str = "Đã tìm thấy, tiền được trả lại cho bạn";
const NOT_YET: &str = "Khoản tiền chưa đến";
const NOTHING: &str = "Không tìm thấy khoản tiền nào";

#[tokio::test(flavor = "multi_thread")]
async fn each_payment_has_one_of_six_answers() {
    let town = Town::doors().await;
    let paid = town.issue(100_000).await;
    town.settle("FT26015000001", 100_000, text(&paid, "code")).await;
    assert_eq!(told(&town, &by_number("ft26015000001", "100.000 đ")).await, PAID);
    assert_eq!(told(&town, &[("code", text(&paid, "code"))]).await, PAID);

    let part = town.issue(100_000).await;
    town.settle("FT26015000002", 40_000, text(&part, "code")).await;
    assert_eq!(told(&town, &by_number("FT26015000002", "40000")).await, REST);
    assert_eq!(told(&town, &[("code", text(&part, "code"))]).await, REST);

    town.settle("FT26015000003", 70_000, "no code, number FT99015777777").await;
    assert_eq!(told(&town, &by_number("FT26015000003", "70000")).await, LOOKED);

    assert_eq!(town.settle("FT26015000004", 100_000, text(&paid, "code")).await, "refund_due");
    assert_eq!(told(&town, &by_number("FT26015000004", "100000")).await, BACK);

    let today = to_local(town.clock.now()).date().to_string();
    let fresh = [("reference", "FT26999999999"), ("amount", "100000"), ("day", &*today)];
    assert_eq!(told(&town, &fresh).await, NOT_YET);
    let open = town.issue(100_000).await;
    assert_eq!(told(&town, &[("code", text(&open, "code"))]).await, NOT_YET);

    assert_eq!(told(&town, &by_number("FT26999999999", "100000")).await, NOTHING);
    town.cancel(&open).await.expect(200);
    assert_eq!(told(&town, &[("code", text(&open, "code"))]).await, NOTHING);
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_number_amount_and_day_learns_nothing() {
    let town = Town::doors().await;
    let paid = town.issue(100_000).await;
    town.settle("FT26015000001", 100_000, text(&paid, "code")).await;
    assert_eq!(told(&town, &by_number("FT26015000001", "100001")).await, NOTHING);
    assert_eq!(told(&town, &by_number("FT26015000002", "100000")).await, NOTHING);
    let other = [("reference", "FT26015000001"), ("amount", "100000"), ("day", "2026-01-20")];
    assert_eq!(told(&town, &other).await, NOTHING);
    let near = [("reference", "FT26015000001"), ("amount", "100000"), ("day", "16/01/2026")];
    assert_eq!(told(&town, &near).await, PAID, "a bank's day may be the next");
    // A code that nobody has looks like one whose time is over.
    let nobodys = InvoiceCode::draw(&mut rand::rng());
    assert_eq!(told(&town, &[("code", nobodys.as_str())]).await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_banks_own_number_is_found_among_what_waits_for_a_person() {
    let town = Town::doors().await;
    town.settle("WEBHOOK-1", 70_000, "chuyen tien FT26015777777 khong ma").await;
    assert_eq!(told(&town, &by_number("ft26015777777", "70000")).await, LOOKED);
    assert_eq!(told(&town, &by_number("FT26015777777", "70001")).await, NOTHING);
    assert_eq!(told(&town, &by_number("khong", "70000")).await, NOTHING, "a word is no number");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_is_sent_back_with_every_fault_and_too_many_are_not_answered() {
    let town = Town::doors().await;
    let ahead = (to_local(town.clock.now()).date() + Duration::days(2)).to_string();
    for (fields, faults) in [
        (vec![], vec!["code-error"]),
        (vec![("code", "PG123")], vec!["code-error"]),
        (
            vec![("reference", "<b>"), ("amount", "x"), ("day", "")],
            vec!["reference-error", "amount-error", "day-error"],
        ),
        (vec![("reference", "FT123"), ("amount", "1"), ("day", &*ahead)], vec!["day-error"]),
    ] {
        let answer = look(&town, &fields).await;
        assert_eq!(answer.status, 422, "{fields:?}");
        let page = answer.text();
        for fault in faults {
            assert!(page.contains(&format!("id=\"{fault}\"")), "no {fault} for {fields:?}: {page}");
        }
        assert!(!page.contains("<b>"), "{page}");
    }
    let invoice: Value = town.issue(100_000).await;
    let page = town.browse(text(&invoice, "pay_url")).await.text();
    let link = format!("/lookup?code={}", text(&invoice, "code"));
    assert!(page.contains(&link), "{page}");
    let filled = town.browse(&format!("{}{link}", town.url)).await;
    assert!(filled.text().contains(&format!("value=\"{}\"", text(&invoice, "code"))));
    assert_eq!(filled.headers["referrer-policy"], "no-referrer");

    let mut refused = None;
    for _ in 0..30 {
        let answer = look(&town, &[("code", "PG123")]).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("nobody guesses for long");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.text().starts_with("<!DOCTYPE html>"), "{}", refused.text());
    town.leaves_messages();
}
