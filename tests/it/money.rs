//! Where money goes: every row of the table of "money that does not fit", from the bank's word to
//! the balances, to the đồng.

use chrono::Duration;
use payclear::platform::audit::By;
use payclear::registers::caller::CallerKind;
use payclear::registers::import::import;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::day::BusinessDay;
use serde_json::{Value, json};

use crate::support::partners::{payos_envelope, payos_transfer};
use crate::support::{PAYOS_ACCOUNT, Town, money, text, until};

const RECEIVABLE: &str = "partner_receivable directbank";
const PAYABLE: &str = "agency_payable G01.A";
const REFUND_DUE: &str = "refund_due directbank";
const HELD: &str = "part_payments_held directbank";
const SUSPENSE: &str = "suspense directbank";

/// An invoice whose time has come, and a sweep that has seen it.
async fn expired(town: &Town, amount: u64) -> Value {
    let soon = town.clock.now() + Duration::minutes(10);
    let invoice = town.issue_with(amount, &json!({ "expires_at": soon })).await;
    expire(town, &invoice).await;
    invoice
}

async fn expire(town: &Town, invoice: &Value) {
    town.clock.turn(Duration::minutes(11));
    town.app.expiring().sweep().await.expect("a sweep");
    assert_eq!(town.status(invoice).await, "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_full_amount_pays_the_invoice() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");

    assert_eq!(town.settle("T1", 100_000, &format!("nop phi {code} cam on")).await, "applied");

    let paid = town.read(&invoice).await;
    assert_eq!((text(&paid, "status"), text(&paid, "paid_via")), ("paid", "directbank"));
    assert_eq!(text(&paid, "cash"), "reported");
    assert_eq!(paid["links"].get("pay"), None);
    town.books(&[(RECEIVABLE, 100_000), (PAYABLE, -100_000)]).await;
    assert_eq!(town.cases().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_goes_to_its_own_beneficiary() {
    let town = Town::doors().await;
    let line = |name: &str, amount: u64, to: &str| {
        json!({
            "kind": "le_phi", "name": name, "sub_item": "2771", "beneficiary": to, "quantity": 2,
            "amount": { "amount": amount.to_string(), "currency": "VND" },
        })
    };
    let lines = json!([line("Lệ phí một", 30_000, "G01.A"), line("Lệ phí hai", 20_000, "G01.B")]);
    let invoice = town.issue_with(1, &json!({ "lines": lines })).await;
    assert_eq!(money(&invoice["amount"]), 100_000);

    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "applied");

    town.books(&[(RECEIVABLE, 100_000), (PAYABLE, -60_000), ("agency_payable G01.B", -40_000)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_pays_an_expired_invoice_that_has_no_successor() {
    let town = Town::doors().await;
    let invoice = expired(&town, 100_000).await;

    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "applied_late");

    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[(RECEIVABLE, 100_000), (PAYABLE, -100_000)]).await;
    assert_eq!(town.cases().await, ["B06 100000 auto_closed"]);
    // The fee is claimed again: nobody can be asked for it twice.
    let again = Town::fee(text(&invoice, "dossier"), 100_000);
    let again = town.portal.post("/v1/invoices", &again).await.expect(200);
    assert_eq!(again["id"], invoice["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_is_due_back_when_the_fee_was_issued_again() {
    let town = Town::doors().await;
    let invoice = expired(&town, 100_000).await;
    let again = Town::fee(text(&invoice, "dossier"), 120_000);
    let successor = town.portal.post("/v1/invoices", &again).await.expect(201);

    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "refund_due");

    assert_eq!(town.status(&invoice).await, "expired");
    assert_eq!(town.status(&successor).await, "issued");
    town.books(&[(RECEIVABLE, 100_000), (REFUND_DUE, -100_000)]).await;
    assert_eq!(town.cases().await, ["B06 100000 open"]);

    assert_eq!(town.settle("T2", 120_000, text(&successor, "code")).await, "applied");
    town.books(&[(RECEIVABLE, 220_000), (REFUND_DUE, -100_000), (PAYABLE, -120_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_cancelled_invoice_is_due_back() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    town.cancel(&invoice).await.expect(200);

    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "refund_due");

    assert_eq!(town.status(&invoice).await, "cancelled");
    town.books(&[(RECEIVABLE, 100_000), (REFUND_DUE, -100_000)]).await;
    assert_eq!(town.cases().await, ["B06 100000 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_payment_is_due_back() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");

    assert_eq!(town.settle("T1", 100_000, code).await, "applied");
    assert_eq!(town.settle("T2", 100_000, code).await, "refund_due");
    assert_eq!(town.settle("T3", 1, code).await, "refund_due");

    town.books(&[(RECEIVABLE, 200_001), (PAYABLE, -100_000), (REFUND_DUE, -100_001)]).await;
    assert_eq!(town.cases().await, ["B05 100000 open", "B05 1 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_due_back_and_the_invoice_is_paid() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;

    assert_eq!(town.settle("T1", 130_000, text(&invoice, "code")).await, "overpaid");

    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[(RECEIVABLE, 130_000), (PAYABLE, -100_000), (REFUND_DUE, -30_000)]).await;
    assert_eq!(town.cases().await, ["B03 30000 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_held_until_the_rest_comes() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");

    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    let part_paid = town.read(&invoice).await;
    assert_eq!((text(&part_paid, "status"), money(&part_paid["held"])), ("pending", 40_000));
    town.books(&[(RECEIVABLE, 40_000), (HELD, -40_000)]).await;

    assert_eq!(town.settle("T2", 70_000, code).await, "overpaid");
    let paid = town.read(&invoice).await;
    assert_eq!((text(&paid, "status"), money(&paid["held"])), ("paid", 0));
    town.books(&[(RECEIVABLE, 110_000), (PAYABLE, -100_000), (REFUND_DUE, -10_000)]).await;
    assert_eq!(town.cases().await, ["B03 40000 auto_closed", "B03 10000 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_an_invoice_that_expires_are_due_back() {
    let town = Town::doors().await;
    let soon = town.clock.now() + Duration::minutes(10);
    let invoice = town.issue_with(100_000, &json!({ "expires_at": soon })).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");

    expire(&town, &invoice).await;

    town.books(&[(RECEIVABLE, 40_000), (REFUND_DUE, -40_000)]).await;
    // Parts that come afterwards are not waited for.
    assert_eq!(town.settle("T2", 60_000, code).await, "refund_due");
    town.books(&[(RECEIVABLE, 100_000), (REFUND_DUE, -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_names_no_invoice_or_two_waits_in_suspense() {
    let town = Town::doors().await;
    let (one, two) = (town.issue(100_000).await, town.issue(100_000).await);
    let both = format!("{} {}", text(&one, "code"), text(&two, "code"));

    assert_eq!(town.settle("T1", 50_000, "chuyen tien").await, "suspense");
    assert_eq!(town.settle("T2", 100_000, &both).await, "suspense");

    assert_eq!(town.status(&one).await, "issued");
    assert_eq!(town.status(&two).await, "issued");
    town.books(&[(RECEIVABLE, 150_000), (SUSPENSE, -150_000)]).await;
    assert_eq!(town.cases().await, ["B07 50000 open", "B08 100000 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sources_report_is_noted_and_not_booked() {
    let town = Town::doors().await;
    let samplebank = town.caller(CallerKind::Partner, "samplebank").await;
    let invoice = town.issue(100_000).await;
    // The account settles by its webhook.
    let mut report = town.credit("T1", 100_000, text(&invoice, "code"));
    report["account"] = json!(PAYOS_ACCOUNT);

    let noted = samplebank.post("/v1/settlements", &report).await.expect(201);

    assert_eq!(text(&noted, "outcome"), "noted");
    assert_eq!(town.status(&invoice).await, "issued");
    town.books(&[]).await;
    let credit = payos_transfer("FT1", 100_000, text(&invoice, "code"));
    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(town.money_booked().await, 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_source_does_not_make_one_payment_two() {
    let town = Town::doors().await;
    let samplebank = town.caller(CallerKind::Partner, "samplebank").await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    let credit = payos_transfer("FT1", 100_000, code);
    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
    assert_eq!(town.status(&invoice).await, "paid");

    settle_by_api(&town).await;

    let mut report = town.credit("T1", 100_000, code);
    report["account"] = json!(PAYOS_ACCOUNT);
    let settled = samplebank.post("/v1/settlements", &report).await.expect(201);

    assert_eq!(text(&settled, "outcome"), "suspected_duplicate");
    town.books(&[
        ("partner_receivable samplebank", 200_000),
        (PAYABLE, -100_000),
        ("suspense samplebank", -100_000),
    ])
    .await;
    assert_eq!(town.cases().await, ["B05 100000 open"]);
}

/// From tomorrow on samplebank's account settles by the signed interface; it is tomorrow.
async fn settle_by_api(town: &Town) {
    let tomorrow = BusinessDay::of(town.clock.now() + Duration::days(1), None);
    let folder = std::env::temp_dir().join(format!("registers-{:x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let rows = format!(
        "partner,number,valid_from,bin,holder,agency,settling_source,closed\n\
         samplebank,{PAYOS_ACCOUNT},{tomorrow},970418,KHO BAC NHA NUOC TINH MAU,,api,\n"
    );
    std::fs::write(folder.join("collecting_accounts.csv"), rows).expect("a file");
    let by = By { actor: "tests", at: town.clock.now() };
    import(&town.pool, by, &folder).await.expect("a load");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    town.app.directory.refresh().await.expect("the registers");
    town.clock.turn(Duration::days(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_source_only_what_was_booked_makes_a_report_suspect() {
    let town = Town::doors().await;
    let samplebank = town.caller(CallerKind::Partner, "samplebank").await;
    let report = |transaction: &str, memo: &str| {
        let mut report = town.credit(transaction, 100_000, memo);
        report["account"] = json!(PAYOS_ACCOUNT);
        report
    };
    let transfer = |id: &str, memo: &str| payos_envelope(&payos_transfer(id, 100_000, memo));
    assert_eq!(town.payos(&transfer("FT1", "khong ro: so 7")).await.status, 200);
    settle_by_api(&town).await;

    // Unidentified money of the same memo is the same money, whatever the channel did to the memo.
    for (transaction, memo, outcome) in
        [("T1", "KHONG RO SO 7", "suspected_duplicate"), ("T2", "khong ro so 8", "suspense")]
    {
        let told = samplebank.post("/v1/settlements", &report(transaction, memo)).await.expect(201);
        assert_eq!(text(&told, "outcome"), outcome, "{memo}");
    }
    assert_eq!(town.cases().await, ["B07 100000 open", "B05 100000 open", "B07 100000 open"]);

    // What the old source says after the change is noted, and no reason to suspect the new one.
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.payos(&transfer("FT2", code)).await.status, 200);
    assert_eq!(town.status(&invoice).await, "issued");
    let told = samplebank.post("/v1/settlements", &report("T3", code)).await.expect(201);
    assert_eq!(text(&told, "outcome"), "applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_opens_the_debt_again_and_the_portal_is_told() {
    let town = Town::whole().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 100_000, code).await, "applied");

    assert_eq!(town.reverse("T1", "R1").await.status, 204);

    assert_eq!(town.status(&invoice).await, "pending");
    town.books(&[]).await;
    assert_eq!(town.cases().await, ["B13 100000 open"]);
    // The same word again has no effect; another word about the same transaction is refused.
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    town.reverse("T1", "R2").await.problem(409, "transaction-differs");
    town.reverse("T9", "R3").await.problem(404, "not-found");

    assert_eq!(town.settle("T2", 100_000, code).await, "applied");
    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[(RECEIVABLE, 100_000), (PAYABLE, -100_000)]).await;
    town.wait_until_told(&invoice, &["invoice.paid", "payment.reversed", "invoice.paid"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debt_that_is_open_again_gets_its_week() {
    let town = Town::doors().await;
    let tomorrow = town.clock.now() + Duration::days(1);
    let invoice = town.issue_with(100_000, &json!({ "expires_at": tomorrow })).await;
    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "applied");
    assert_eq!(town.reverse("T1", "R1").await.status, 204);

    town.clock.turn(Duration::days(6));
    town.app.expiring().sweep().await.expect("a sweep");
    assert_eq!(town.status(&invoice).await, "pending");
    town.clock.turn(Duration::days(1) + Duration::minutes(1));
    town.app.expiring().sweep().await.expect("a sweep");
    assert_eq!(town.status(&invoice).await, "expired");
    assert_eq!(town.count("due where kind = 'invoice.expire'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_completed_an_invoice_is_reversed_with_the_payment_it_completed() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    assert_eq!(town.settle("T2", 60_000, code).await, "applied");

    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    assert_eq!(money(&town.read(&invoice).await["held"]), 40_000);
    assert_eq!(town.reverse("T1", "R3").await.status, 204);
    assert_eq!(money(&town.read(&invoice).await["held"]), 0);
    town.books(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_taken_back_after_it_was_used_is_missing_in_suspense() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    assert_eq!(town.settle("T2", 60_000, code).await, "applied");

    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    town.books(&[(RECEIVABLE, 60_000), (PAYABLE, -100_000), (SUSPENSE, 40_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_its_bank_has_back_is_not_held_again() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    assert_eq!(town.settle("T2", 60_000, code).await, "applied");
    assert_eq!(town.reverse("T1", "R1").await.status, 204);

    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    assert_eq!(money(&town.read(&invoice).await["held"]), 0);
    town.books(&[]).await;

    assert_eq!(town.settle("T3", 60_000, code).await, "held");
    assert_eq!(town.status(&invoice).await, "pending");
    assert_eq!(town.settle("T4", 40_000, code).await, "applied");
    town.books(&[(RECEIVABLE, 100_000), (PAYABLE, -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_given_up_and_is_taken_back_is_not_due_back_any_more() {
    let town = Town::doors().await;
    let soon = town.clock.now() + Duration::minutes(10);
    let invoice = town.issue_with(100_000, &json!({ "expires_at": soon })).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    expire(&town, &invoice).await;
    assert_eq!(town.settle("T2", 100_000, code).await, "applied_late");

    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    assert_eq!(town.status(&invoice).await, "paid");
    town.books(&[(RECEIVABLE, 100_000), (PAYABLE, -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_the_payer_has_back_is_not_held_again() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    assert_eq!(town.settle("T2", 60_000, code).await, "applied");
    town.named_account(&invoice).await;
    let first = town.ask_back_of(&invoice, "T1", 30_000, 100_000).await.expect(201);
    let waits = town.ask_back_of(&invoice, "T1", 10_000, 70_000).await.expect(201);
    let approver = town.approval_key().await;
    town.approve_refund(&approver, &first).await.expect(200);

    assert_eq!(town.reverse("T2", "R2").await.status, 204);

    assert_eq!(money(&town.read(&invoice).await["held"]), 10_000);
    // What nobody had approved is not given back: the part is held.
    let told = town.approve_refund(&approver, &waits).await;
    told.problem(409, "wrong-state");
    town.app.carrying().sweep_reversed().await.expect("a sweep");
    assert_eq!(text(&town.refund(&waits).await, "status"), "refused");
    assert_eq!(text(&town.refund(&first).await, "status"), "approved");
    town.books(&[
        (RECEIVABLE, 40_000),
        (HELD, -10_000),
        ("refunds_in_transit directbank", -30_000),
    ])
    .await;

    // Ninety more pay it; what is left of the part is not the bank's to take back twice.
    assert_eq!(town.settle("T3", 90_000, code).await, "applied");
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    assert_eq!(town.reverse("T3", "R3").await.status, 204);
    assert_eq!(money(&town.read(&invoice).await["held"]), 0);
    town.books(&[(SUSPENSE, 30_000), ("refunds_in_transit directbank", -30_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_told_is_taken_back_by_the_banks_own_key() {
    let town = Town::doors().await;
    let samplebank = town.caller(CallerKind::Partner, "samplebank").await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    // The interface that does not settle was told of it as well.
    let mut report = town.credit("FT1", 100_000, code);
    report["account"] = json!(PAYOS_ACCOUNT);
    let noted = samplebank.post("/v1/settlements", &report).await.expect(201);
    assert_eq!(text(&noted, "outcome"), "noted");
    let back = json!({ "transaction_id": "R1", "reason": "recalled" });
    let path = "/v1/settlements/FT1/reversal";
    // Before it is booked there is nothing to take back: a case, however often it is told.
    samplebank.post(path, &back).await.problem(404, "not-found");
    samplebank.post(path, &back).await.problem(404, "not-found");
    assert_eq!(town.cases().await, ["B13 100000 open"]);

    let credit = payos_transfer("FT1", 100_000, code);
    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(samplebank.post(path, &back).await.status, 204);
    assert_eq!(samplebank.post(path, &back).await.status, 204);

    assert_eq!(town.status(&invoice).await, "pending");
    town.books(&[]).await;
    // What it had told of before the money was booked is found by that.
    assert_eq!(town.cases().await, ["B13 100000 auto_closed", "B13 100000 open"]);
    town.reverse("FT1", "R2").await.problem(404, "not-found");
    assert_eq!(town.cases().await[2..], ["B13 0 open"], "another bank's word is its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wallet_takes_back_two_officers_enter() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:G01", "approver:G01"]).await;
    let other = town.person("binh@town.example", &["officer:G02"]).await;
    let invoice = town.issue(100_000).await;
    let credit = payos_transfer("FT1", 100_000, text(&invoice, "code"));
    assert_eq!(town.payos(&payos_envelope(&credit)).await.status, 200);
    let id: uuid::Uuid = sqlx::query_scalar("select settlement_id from settlement")
        .fetch_one(&town.pool)
        .await
        .expect("a settlement");
    let path = format!("/v1/settlements/{id}/reversal-proposal");
    let said = json!({ "reference": "CB-17", "reason": "chargeback, letter of 15 January" });

    an.post(&path, &json!({ "reference": "", "reason": "x" })).await.points_to("/reference");
    other.post(&path, &said).await.problem(404, "not-found");
    approver.post(&path, &said).await.problem(403, "forbidden");
    let told = an.post(&path, &said).await.expect(202);
    an.post(&path, &said).await.problem(409, "wrong-state");
    an.decide(text(&told, "approval"), "approve").await.problem(403, "four-eyes");
    assert_eq!(town.status(&invoice).await, "paid");

    town.approve(text(&told, "approval")).await;
    assert_eq!(town.status(&invoice).await, "pending");
    town.books(&[]).await;
    assert_eq!(town.cases().await, ["B13 100000 open"]);
    an.post(&path, &said).await.problem(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversals_id_takes_back_one_transaction_only() {
    let town = Town::doors().await;
    assert_eq!(town.settle("T1", 100_000, "nobody knows").await, "suspense");
    assert_eq!(town.settle("T2", 100_000, "nobody knows").await, "suspense");

    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    town.reverse("T2", "R1").await.problem(409, "transaction-differs");

    town.books(&[(RECEIVABLE, 100_000), (SUSPENSE, -100_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_banks_took_is_what_is_booked() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let mut paid = Vec::new();
    for (outcome, more) in [
        ("paid", json!({})),
        ("mangled_memo", json!({})),
        ("paid_twice", json!({})),
        ("wrong_amount", json!({ "amount": "120000" })),
        ("paid", json!({ "fault": "duplicate" })),
    ] {
        let invoice = town.issue(100_000).await;
        simulators.pay_with(text(&invoice, "qr"), outcome, &more).await;
        paid.push(invoice);
    }
    simulators.pay(text(&town.issue(50_000).await, "qr"), "unknown_reference").await;
    for invoice in &paid {
        town.wait_for(invoice, "paid").await;
        town.wait_until_told(invoice, &["invoice.paid"]).await;
    }
    until("everything to be booked", || async {
        town.money_booked().await == simulators.money_taken().await
    })
    .await;
    town.books(&[
        ("partner_receivable samplebank", 670_000),
        (PAYABLE, -500_000),
        ("refund_due samplebank", -120_000),
        ("suspense samplebank", -50_000),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_invoice_that_cannot_be_ended_keeps_none_of_the_others() {
    let town = Town::doors().await;
    let soon = town.clock.now() + Duration::minutes(10);
    let mut invoices = Vec::new();
    for _ in 0..3 {
        invoices.push(town.issue_with(100_000, &json!({ "expires_at": soon })).await);
    }
    let broken = text(&invoices[1], "id");
    let refuse = format!(
        "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'broken on purpose'; end $$;
         create trigger refuse before update on invoice for each row
             when (old.invoice_id = '{broken}') execute function refuse();"
    );
    let owner = town.owner().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(refuse)).execute(&owner).await.expect("a broken invoice");
    town.clock.turn(Duration::minutes(11));
    assert_eq!(town.app.expiring().sweep().await.expect("a sweep"), 2);
    let mut seen = Vec::new();
    for invoice in &invoices {
        seen.push(town.status(invoice).await);
    }
    assert_eq!(seen, ["expired", "issued", "expired"]);

    // Once it can be ended it is, though the mark has passed it.
    for _ in 0..2 {
        town.clock.turn(Duration::minutes(5));
        assert_eq!(town.app.expiring().sweep().await.expect("still broken"), 0);
    }
    sqlx::raw_sql("drop trigger refuse on invoice").execute(&owner).await.expect("mended");
    town.clock.turn(Duration::minutes(11));
    assert_eq!(town.app.expiring().sweep().await.expect("a sweep"), 1);
    assert_eq!(town.status(&invoices[1]).await, "expired");
}
