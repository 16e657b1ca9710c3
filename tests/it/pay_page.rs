//! The page that a payer opens without a login: every state, both languages, nothing foreign.

use chrono::Duration;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};

use crate::support::{Answer, Town, answer_of, text};

async fn page(town: &Town, invoice: &Value, query: &str) -> Answer {
    let page = town.browse(&format!("{}{query}", text(invoice, "pay_url"))).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page
}

async fn shows(town: &Town, invoice: &Value, query: &str, expected: &[&str]) {
    let shown = page(town, invoice, query).await.text();
    for words in expected {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_is_owed_and_how_to_pay_in_both_languages() {
    let town = Town::doors().await;
    let invoice = town.issue(123_000).await;
    let code = text(&invoice, "code");
    let dossier = text(&invoice, "dossier");
    shows(&town, &invoice, "", &["Nộp phí, lệ phí", "Sở Tư pháp", "123.000", dossier]).await;
    shows(&town, &invoice, "?lang=en", &["Pay your fee", "Department of Justice", code]).await;
    shows(&town, &invoice, "?way=samplebank", &["<svg", "1200099887766", code]).await;

    let shown = page(&town, &invoice, "?way=samplebank").await;
    let policy = shown.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(shown.headers["cache-control"], "no-store");
    let body = shown.text();
    for foreign in ["src=\"http", "src=\"//", "url(http", "<style", " style=\"", "onclick"] {
        assert!(!body.contains(foreign), "{foreign} in {body}");
    }
    // The payer's name is masked: whoever holds the address need not learn it.
    assert!(!body.contains("Nguyễn Thị Minh An") && !body.contains("001199012345"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_an_invoice_has_its_page() {
    let town = Town::doors().await;
    let paid = town.issue(100_000).await;
    town.settle("T1", 100_000, text(&paid, "code")).await;
    shows(&town, &paid, "", &["Đã thanh toán"]).await;
    shows(&town, &paid, "?lang=en", &["Payment complete"]).await;

    let part = town.issue(100_000).await;
    town.settle("T2", 40_000, text(&part, "code")).await;
    shows(&town, &part, "?way=samplebank", &["Bạn đã nộp một phần", "60.000"]).await;

    let cancelled = town.issue(100_000).await;
    town.cancel(&cancelled).await.expect(200);
    shows(&town, &cancelled, "", &["Thông báo nộp phí đã bị huỷ"]).await;

    let soon = town.clock.now() + Duration::minutes(10);
    let expired = town.issue_with(100_000, &json!({ "expires_at": soon })).await;
    town.clock.turn(Duration::minutes(11));
    town.app.expiring().sweep().await.expect("a sweep");
    shows(&town, &expired, "", &["Thông báo nộp phí đã hết hạn"]).await;

    // Whoever presses the button of an old page makes no new order.
    for closed in [&paid, &cancelled, &expired] {
        let request = town
            .http
            .post(text(closed, "pay_url"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("partner=vnpay");
        assert_eq!(answer_of(request).await.status, 303);
    }
    assert_eq!(town.count("attempt where partner = 'vnpay'").await, 0);
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_whole_opens_nothing() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let address = text(&invoice, "pay_url");
    let (head, token) = address.rsplit_once('/').expect("a token");
    let (code, secret) = token.split_once('-').expect("a code and a secret");
    let other = town.issue(100_000).await;
    for wrong in [
        code.to_owned(),
        format!("{code}-"),
        format!("{code}-{}", "0".repeat(secret.len())),
        format!("{}-{secret}", text(&other, "code")),
        format!("{code}-{secret}0"),
        "%00".to_owned(),
        "%ff-%ff".to_owned(),
    ] {
        let answer = town.browse(&format!("{head}/{wrong}")).await;
        assert!(matches!(answer.status, 400 | 404 | 422), "{wrong}: {}", answer.status);
    }
}
