//! SePay: credits of a bank account told by webhook, as they were signed or not at all.

use chrono::Utc;
use serde_json::{Value, json};

use crate::support::partners::{sepay_credit, sepay_headers};
use crate::support::{Answer, Plan, Town, answer_of, text};

/// The register's collecting account.
const ACCOUNT: &str = "0560009988776";

fn standing() -> Value {
    json!({ "clearing": { "standing_partner": "sepay" } })
}

async fn doors() -> Town {
    Town::of(Plan { roles: &[], with_simulators: false, amqp_url: None, settings: standing() })
        .await
}

async fn send(town: &Town, headers: &[(&'static str, String)], body: &str) -> Answer {
    let mut request = town.http.post(format!("{}/partners/sepay/webhook", town.url));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    answer_of(request.body(body.to_owned())).await
}

/// Signed now.
async fn told(town: &Town, credit: &Value) -> Answer {
    let body = credit.to_string();
    send(town, &sepay_headers(Utc::now().timestamp(), &body), &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_by_the_invoices_own_code_pays_it_and_the_portal_is_told() {
    let town = Town::whole_with(standing()).await;
    let invoice = town.issue(150_000).await;
    assert!(text(&invoice, "qr").contains(ACCOUNT), "the code of the standing account");

    let paid = town.simulators().pay(text(&invoice, "qr"), "paid").await;
    assert_eq!((&paid["channel"], &paid["callback"]["status"]), (&json!("sepay"), &json!(200)));
    assert_eq!(paid["callback"]["body"], json!(r#"{"success":true}"#));
    town.wait_for(&invoice, "paid").await;
    town.wait_until_told(&invoice, &["invoice.paid"]).await;
    town.books(&[("partner_receivable sepay", 150_000), ("agency_payable G01.A", -150_000)]).await;

    // What leaves the account is told by the same hook: answered, kept, and booked nowhere.
    let out = json!({ "amount": 5_500, "memo": text(&invoice, "code") });
    let answer = town.simulators().post("/sepay/withdrawals", &out).await.expect(200);
    assert_eq!(answer["callback"]["body"], json!(r#"{"success":true}"#), "{answer}");
    assert_eq!(town.count("settlement").await, 1);
    assert_eq!(town.count("partner_exchange where partner = 'sepay'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_on_the_way_the_money_is_booked_once() {
    let town = Town::whole_with(standing()).await;
    let mut due = 0;
    for (fault, first) in
        [("duplicate", 200), ("tampered", 401), ("unknown_order", 200), ("reset_after_commit", 0)]
    {
        let invoice = town.issue(100_000).await;
        let more = json!({ "fault": fault });
        let paid = town.simulators().pay_with(text(&invoice, "qr"), "paid", &more).await;
        let answered = paid["callback"]["status"].as_i64().unwrap_or(0);
        assert_eq!(answered, first, "{fault}: {paid}");
        // Whose code the first try hid has its money in suspense; the repeat with another memo is
        // the same money.
        let booked = if fault == "unknown_order" { "issued" } else { "paid" };
        town.wait_for(&invoice, booked).await;
        due += 100_000;
        assert_eq!(town.money_booked().await, due, "{fault}");
    }
    let mangled = town.issue(100_000).await;
    town.simulators().pay(text(&mangled, "qr"), "mangled_memo").await;
    town.wait_for(&mangled, "paid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_is_taken_as_it_was_signed_or_not_at_all() {
    let town = doors().await;
    let invoice = town.issue(100_000).await;
    let credit = sepay_credit(92_704, 100_000, text(&invoice, "code"));
    let body = credit.to_string();
    let now = Utc::now().timestamp();
    let good = sepay_headers(now, &body);

    let spoilt = body.replace("100000", "1000000");
    let stale = sepay_headers(now - 11 * 60, &body);
    let early = sepay_headers(now + 11 * 60, &body);
    let key = vec![("authorization", format!("Apikey {}", crate::support::SEPAY_SECRET))];
    for (headers, body) in
        [(&good, &spoilt), (&stale, &body), (&early, &body), (&key, &body), (&Vec::new(), &body)]
    {
        let answer = send(&town, headers, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (401, r#"{"success":false}"#));
    }
    for odd in [json!({}), json!([]), json!({ "id": 1, "transferType": "in" })] {
        assert_eq!(told(&town, &odd).await.status, 400, "{odd}");
    }
    for wrong in [json!(0), json!(-5), json!("1.5"), json!(1e30)] {
        let mut odd = credit.clone();
        odd["transferAmount"] = wrong;
        assert_eq!(told(&town, &odd).await.status, 400);
    }
    assert_eq!(town.count("settlement").await, 0);

    // Nine minutes old is not stale yet.
    let late = sepay_headers(now - 9 * 60, &body);
    for headers in [&late, &good, &good] {
        let answer = send(&town, headers, &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"success":true}"#));
    }
    assert_eq!(town.status(&invoice).await, "paid");
    let mut differs = credit.clone();
    differs["transferAmount"] = json!(99_000);
    assert_eq!(told(&town, &differs).await.status, 409);
    assert_eq!(town.cases().await, ["B03 99000 open"]);
    town.books(&[("partner_receivable sepay", 100_000), ("agency_payable G01.A", -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_on_an_account_that_is_not_ours_is_kept_and_not_booked() {
    let town = doors().await;
    let invoice = town.issue(100_000).await;
    let mut credit = sepay_credit(7, 100_000, text(&invoice, "code"));
    credit["accountNumber"] = json!("9999999999");

    assert_eq!(told(&town, &credit).await.status, 200);

    assert_eq!(town.count("settlement").await, 0);
    assert_eq!(town.count("partner_exchange where verdict = 'foreign account'").await, 1);
}
