//! The page that a payer opens without a login: every state, both languages, nothing foreign.

use chrono::Duration;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};

use crate::support::partners::choose;
use crate::support::{Answer, Plan, Town, answer_of, text, until};

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
async fn who_pays_what_is_paid_is_told_so_on_every_way() {
    let town = Town::doors().await;
    let paid = town.issue(100_000).await;
    town.settle("T1", 100_000, text(&paid, "code")).await;
    for way in ["vnpay", "samplebank", "nobody"] {
        let back = choose(&town, &paid, way).await;
        assert!(back.ends_with("?told=paid"), "{way}: {back}");
        let shown = town.browse(&format!("{}{back}", town.url)).await.text();
        assert!(shown.contains("Khoản phí này đã được thanh toán."), "{way}: {shown}");
    }
    assert_eq!(town.count("attempt where partner = 'vnpay'").await, 0);

    // The word in the address alone says nothing of what is open.
    let open = town.issue(100_000).await;
    let shown = page(&town, &open, "?told=paid").await.text();
    assert!(!shown.contains("Khoản phí này đã được thanh toán."), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_could_not_be_begun_is_told_as_that_and_not_as_one_that_failed() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let refusing = tokio::spawn(refuse(town.pool.clone()));
    let back = choose(&town, &invoice, "momo").await;
    refusing.await.expect("no panic");
    assert!(back.ends_with("?told=later"), "{back}");
    let shown = town.browse(&format!("{}{back}", town.url)).await.text();
    assert!(shown.contains("Hiện chưa bắt đầu được giao dịch"), "{shown}");
    assert!(!shown.contains("Giao dịch qua"), "{shown}");
}

/// The partner's word that it takes no order.
async fn refuse(pool: sqlx::PgPool) {
    until("the order to be refused", || async {
        let refused = sqlx::query(
            "update attempt set status = 'failed' where partner = 'momo' and status <> 'failed'",
        );
        refused.execute(&pool).await.expect("an update").rows_affected() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_payer_is_the_one_that_the_proxy_wrote_itself() {
    let town = Town::of(Plan {
        roles: &[],
        with_simulators: false,
        amqp_url: None,
        settings: json!({ "http": { "client_address_header": "x-forwarded-for" } }),
    })
    .await;
    let invoice = town.issue(100_000).await;
    let request = town
        .http
        .post(text(&invoice, "pay_url"))
        .header("content-type", "application/x-www-form-urlencoded")
        // The payer's own line, and behind it that of a proxy which appends one.
        .header("x-forwarded-for", "198.51.100.1")
        .header("x-forwarded-for", "203.0.113.9");
    assert_eq!(answer_of(request.body("partner=vnpay")).await.status, 303);
    let address: String =
        sqlx::query_scalar("select payer_ip::text from attempt where partner = 'vnpay'")
            .fetch_one(&town.pool)
            .await
            .expect("an order");
    assert_eq!(address.trim_end_matches("/32"), "203.0.113.9");
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

/// Posts a form of the page.
async fn posts(town: &Town, invoice: &Value, wish: &str, fields: &[(&str, &str)]) -> Answer {
    let body: String =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = town.http.post(format!("{}/{wish}", text(invoice, "pay_url")));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    answer_of(request.body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_says_what_it_needs_and_takes_and_one_that_does_not_fit_says_why() {
    let town = Town::doors().await;
    let small = town.issue(100_000).await;
    let all = ["value=\"samplebank\"", "value=\"vnpay\"", "value=\"momo\"", "value=\"zalopay\""];
    shows(&town, &small, "", &all).await;
    shows(&town, &small, "", &["ví MoMo đã xác thực", "Mỗi lần từ 1.000", "50.000.000"]).await;
    assert!(!page(&town, &small, "").await.text().contains("class=\"govuk-list pc-unfit\""));

    let large = town.issue(60_000_000).await;
    let shown = page(&town, &large, "?lang=en").await.text();
    assert!(!shown.contains("value=\"momo\""), "{shown}");
    assert!(shown.contains("Not possible for this amount") && shown.contains("at most"), "{shown}");
    let refused = choose(&town, &large, "momo").await;
    assert!(refused.ends_with("told=gone"), "{refused}");

    // What the portal does not want is left out without a word.
    let only = town.issue_with(60_000_000, &json!({ "channels": ["vnpay"] })).await;
    let shown = page(&town, &only, "").await.text();
    assert!(!shown.contains("MoMo") && shown.contains("value=\"vnpay\""), "{shown}");
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_finds_the_order_under_way_and_nothing_is_ordered_twice() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let wallet = choose(&town, &invoice, "momo").await;
    let shown = page(&town, &invoice, "").await.text();
    assert!(shown.contains("Tiếp tục tại") && shown.contains(&wallet), "{shown}");
    assert!(shown.contains("Có thể tiếp tục đến") && shown.contains("Đang chờ bạn trả tiền"));
    assert_eq!(choose(&town, &invoice, "momo").await, wallet, "the same order");
    assert_eq!(town.count("attempt where partner = 'momo'").await, 1);

    // Another way is open all the time.
    choose(&town, &invoice, "vnpay").await;
    shows(&town, &invoice, "?lang=en", &["You are paying through VNPAY", "Your payments so far"])
        .await;
    assert_eq!(town.count("attempt where payer_ip <> '0.0.0.0'").await, 2);

    // What nobody paid in time is told in plain words, and can be begun anew.
    town.clock.turn(Duration::minutes(16));
    shows(&town, &invoice, "", &["đã quá giờ", "Đã quá giờ mà chưa được trả", "value=\"momo\""])
        .await;
    assert_ne!(choose(&town, &invoice, "momo").await, wallet);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_failed_is_told_and_one_that_nobody_can_tell_of_holds_up_others() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let wallet = choose(&town, &invoice, "momo").await;
    town.simulators().pay(&wallet, "cancelled").await;
    until("the order to fail", || async {
        town.count("attempt where partner = 'momo' and status = 'failed'").await == 1
    })
    .await;
    let told = ["không thành công", "Không thành công, chưa ghi nhận khoản tiền nào"];
    shows(&town, &invoice, "", &told).await;

    choose(&town, &invoice, "vnpay").await;
    choose(&town, &invoice, "zalopay").await;
    sqlx::query("update attempt set status = 'unknown' where partner = 'vnpay'")
        .execute(&town.pool)
        .await
        .expect("an update");
    let shown = page(&town, &invoice, "").await.text();
    assert!(
        shown.contains("Chúng tôi chưa biết kết quả từ") && !shown.contains("<form"),
        "{shown}"
    );
    let before = town.count("attempt").await;
    choose(&town, &invoice, "momo").await;
    assert_eq!(town.count("attempt").await, before, "no other is begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_for_a_refund_is_asked_for_kept_sealed_and_checked_by_another() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    town.settle("T1", 100_000, text(&invoice, "code")).await;
    let good = [("bank", "970436"), ("number", "0071 000 123 456"), ("holder", "Nguyễn Thị An")];
    posts(&town, &invoice, "refund-account", &good).await;
    assert_eq!(town.count("refund_account").await, 0, "nobody asked for one");
    let dong = |amount: u64| json!({ "amount": amount.to_string(), "currency": "VND" });
    let ask = json!({ "amount": dong(40_000), "reason": "rút", "refundable": dong(100_000) });
    let path = format!("/v1/invoices/{}/refunds", text(&invoice, "id"));
    let refund = town.portal.post(&path, &ask).await.expect(201);
    assert_eq!(text(&refund, "method"), "transfer");
    shows(&town, &invoice, "", &["Chúng tôi cần số tài khoản của bạn", "40.000", "Vietcombank"])
        .await;

    let bad = [("bank", ""), ("number", "12"), ("holder", "<b>")];
    let answer = posts(&town, &invoice, "refund-account", &bad).await;
    assert_eq!(answer.status, 422);
    for wrong in ["bank-error", "number-error", "holder-error", "value=\"12\""] {
        assert!(answer.text().contains(wrong), "no {wrong} in {}", answer.text());
    }
    assert!(!answer.text().contains("<b>") && answer.text().contains("<title>Lỗi: "));

    assert_eq!(posts(&town, &invoice, "refund-account", &good).await.status, 303);
    let shown = page(&town, &invoice, "?told=account").await.text();
    assert!(shown.contains("đang được kiểm tra") && !shown.contains("name=\"number\""), "{shown}");
    assert!(!shown.contains("0071000123456") && !shown.contains("NGUYEN THI AN"), "{shown}");
    posts(&town, &invoice, "refund-account", &good).await;
    assert_eq!(town.count("refund_account").await, 1, "one at a time");
    let sealed: Vec<u8> = sqlx::query_scalar("select sealed from refund_account")
        .fetch_one(&town.pool)
        .await
        .expect("an account");
    assert!(!String::from_utf8_lossy(&sealed).contains("0071000123456"));
    let content: String =
        sqlx::query_scalar("select content from approval where kind = 'refund_account.approve'")
            .fetch_one(&town.pool)
            .await
            .expect("an approval");
    assert!(content.contains("3456") && !content.contains("0071000123456"), "{content}");

    // Somebody says no: the payer is asked again; somebody says yes: it is known.
    let rejected = waiting(&town).await;
    town.approver().await.decide(&rejected, "reject").await.expect(200);
    shows(&town, &invoice, "", &["không dùng được", "name=\"number\""]).await;
    posts(&town, &invoice, "refund-account", &good).await;
    town.approve(&waiting(&town).await).await;
    let shown = page(&town, &invoice, "?lang=en").await.text();
    assert!(!shown.contains("name=\"number\"") && shown.contains("Being checked"), "{shown}");
    assert_eq!(town.count("refund_account where approved_by is not null").await, 1);
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_payments_to_give_back_the_payer_says_which_is_theirs() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    town.settle("T1", 100_000, text(&invoice, "code")).await;
    town.settle("T2", 30_000, text(&invoice, "code")).await;
    town.app.carrying().sweep_due_back().await.expect("a sweep");
    let dong = |amount: u64| json!({ "amount": amount.to_string(), "currency": "VND" });
    let ask = json!({ "amount": dong(40_000), "reason": "rút", "refundable": dong(100_000) });
    let path = format!("/v1/invoices/{}/refunds", text(&invoice, "id"));
    town.portal.post(&path, &ask).await.expect(201);
    shows(
        &town,
        &invoice,
        "",
        &["<select class=\"govuk-select pc-select\" id=\"payment\"", "70.000"],
    )
    .await;

    let account = [("bank", "970436"), ("number", "0071000123456"), ("holder", "TRAN VAN B")];
    let unsaid = posts(&town, &invoice, "refund-account", &account).await;
    assert_eq!(unsaid.status, 422);
    assert!(unsaid.text().contains("id=\"payment-error\""), "{}", unsaid.text());
    let of = |transaction: &str| {
        let (pool, transaction) = (town.pool.clone(), transaction.to_owned());
        async move {
            sqlx::query_scalar::<_, uuid::Uuid>(
                "select settlement_id from settlement where transaction_id = $1",
            )
            .bind(transaction)
            .fetch_one(&pool)
            .await
            .expect("a settlement")
        }
    };
    let (first, second) = (of("T1").await.to_string(), of("T2").await);
    let strange = [("payment", "0190aaaa-0000-7000-8000-000000000000")];
    posts(&town, &invoice, "refund-account", &[&strange[..], &account].concat()).await;
    assert_eq!(town.count("refund_account").await, 0, "no payment of this invoice");
    let chosen = second.to_string();
    let said = [&[("payment", chosen.as_str())][..], &account].concat();
    assert_eq!(posts(&town, &invoice, "refund-account", &said).await.status, 303);
    let named: uuid::Uuid = sqlx::query_scalar("select settlement_id from refund_account")
        .fetch_one(&town.pool)
        .await
        .expect("an account");
    assert_eq!(named, second);
    town.approve(&waiting(&town).await).await;

    // The other payer is asked still, for that payment alone.
    let hidden = format!("<input type=\"hidden\" name=\"payment\" value=\"{first}\">");
    shows(&town, &invoice, "", &[&hidden]).await;
}

async fn waiting(town: &Town) -> String {
    sqlx::query_scalar(
        "select approval_id::text from approval
          where kind = 'refund_account.approve' and status = 'pending'",
    )
    .fetch_one(&town.pool)
    .await
    .expect("an approval")
}
