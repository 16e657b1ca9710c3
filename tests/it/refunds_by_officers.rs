//! Officers and refunds: one proposes, another decides on exactly that, and who has said that money
//! was seen in the bank does not give it back.

use chrono::Duration;
use payclear::refunds::refund::RefundMethod;
use payclear::registers::caller::{CallerKind, KeyPurpose};
use serde_json::{Value, json};

use crate::command_line::json_of;
use crate::refunds::dong;
use crate::support::{Answer, PORTAL, Person, Town, money, text};

async fn asks(person: &Person, invoice: &Value, amount: u64, refundable: u64) -> Answer {
    let body = json!({
        "invoice": invoice["id"], "amount": dong(amount), "reason": "rút hồ sơ",
        "refundable": dong(refundable),
    });
    person.post("/v1/refunds", &body).await
}

/// Proposes something; the approval it waits for.
async fn proposes(person: &Person, path: &str, body: &Value) -> String {
    let told = person.post(path, body).await.expect(202);
    text(&told, "approval").to_owned()
}

fn of(refund: &Value, rest: &str) -> String {
    format!("/v1/refunds/{}/{rest}", text(refund, "id"))
}

impl Town {
    /// An invoice that was paid twice, and the refund that the clock opened of the second payment.
    async fn paid_twice(&self, amount: u64) -> (Value, Value) {
        let invoice = self.paid_by_bank("T1", amount).await;
        assert_eq!(self.settle("T2", amount, text(&invoice, "code")).await, "refund_due");
        self.app.carrying().sweep_due_back().await.expect("a sweep");
        let refund = self.refunds(&invoice).await.remove(0);
        (invoice, refund)
    }

    /// A payment came from an account that is known, as some partners tell with it.
    async fn came_from(&self, transaction: &str, number: &str) {
        let id: uuid::Uuid =
            sqlx::query_scalar("select settlement_id from settlement where transaction_id = $1")
                .bind(transaction)
                .fetch_one(&self.pool)
                .await
                .expect("a settlement");
        let account = json!({ "bank": "970415", "number": number, "name": "LE THI A" });
        let context = format!("counter-account/{id}");
        let sealed = hex::encode(self.app.keys.seal(&context, account.to_string().as_bytes()));
        let set = format!(
            "update settlement set counter_account = '\\x{sealed}' where settlement_id = '{id}'"
        );
        self.as_owner(&set).await.expect("an update");
    }

    async fn audited(&self, action: &str) -> Vec<String> {
        sqlx::query_scalar("select actor from audit where action = $1 order by audit_id")
            .bind(action)
            .fetch_all(&self.pool)
            .await
            .expect("the audit")
    }

    async fn status_of(&self, refund: &Value) -> String {
        text(&self.refund(refund).await, "status").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_officer_asks_for_another_approves_and_the_partner_gives_back() {
    let town = Town::whole().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:G01", "approver:G01"]).await;
    let binh = town.person("binh@town.example", &["officer:G01"]).await;
    let invoice = town.paid_by_vnpay(100_000).await;

    asks(&an, &invoice, 40_000, 99_999).await.problem(412, "refundable-changed");
    let asked = asks(&an, &invoice, 40_000, 100_000).await.expect(201);
    let refund = asked["refund"].clone();
    assert_eq!(text(&refund, "requested_by"), an.email);
    assert_eq!((text(&asked, "agency"), text(&refund, "method")), ("G01.A", "partner"));
    asks(&an, &invoice, 40_000, 100_000).await.problem(412, "refundable-changed");
    binh.post(&of(&refund, "proposal"), &json!({})).await.problem(409, "wrong-state");

    let approval = text(&asked, "approval");
    an.decide(approval, "approve").await.problem(403, "four-eyes");
    binh.decide(approval, "approve").await.problem(403, "forbidden");
    let other = json!({ "content_hash": "0".repeat(64) });
    let path = format!("/v1/approvals/{approval}/approve");
    approver.post(&path, &other).await.problem(412, "content-changed");
    assert_eq!(town.status_of(&refund).await, "requested");

    let done = town.approve(approval).await;
    assert_eq!((text(&done, "status"), text(&done, "kind")), ("applied", "refund.approve"));
    let sent = town.wait_for_refund(&refund, "sent").await;
    assert_eq!(text(&sent, "approved_by"), approver.email);
    town.clock.turn(Duration::seconds(10));
    town.wait_for_refund(&refund, "confirmed").await;
    assert_eq!(town.given_back().await, [40_000]);
    town.books(&[("partner_receivable vnpay", 60_000), ("agency_payable G01.A", -60_000)]).await;
    assert_eq!(town.audited("refund.requested").await, [&*an.email]);
    assert_eq!(town.audited("refund.approved").await, [&*approver.email]);
    // A partner's refund that the partner vouches for is nobody's to end.
    let end = json!({ "as": "confirmed" });
    an.post(&of(&refund, "end"), &end).await.problem(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_behind_an_approval_is_not_done_and_what_is_rejected_is_left_again() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.named_account(&invoice).await;
    let asked = asks(&an, &invoice, 40_000, 100_000).await.expect(201);
    let (refund, approval) = (&asked["refund"], text(&asked, "approval"));
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 60_000);

    let id = text(refund, "id");
    for (change, back) in
        [("amount = 39999", "amount = 40000"), ("reason = 'khác'", "reason = 'rút hồ sơ'")]
    {
        let set = |what: &str| format!("update refund set {what} where refund_id = '{id}'");
        town.as_owner(&set(change)).await.expect("changed");
        approver.decide(approval, "approve").await.problem(412, "content-changed");
        assert_eq!(town.status_of(refund).await, "requested", "{change}");
        town.as_owner(&set(back)).await.expect("as it was");
    }

    approver.decide(approval, "reject").await.expect(200);
    assert_eq!(town.status_of(refund).await, "refused");
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 100_000);
    assert_eq!(town.audited("refund.refused").await, [&*approver.email]);
    an.post(&of(refund, "proposal"), &json!({})).await.problem(409, "wrong-state");

    // What the portal asked for is refused as well, and can be asked for anew.
    let portals = town.ask_back(&invoice, 10_000, 100_000).await.expect(201);
    let first = proposes(&an, &of(&portals, "proposal"), &json!({})).await;
    approver.decide(&first, "reject").await.expect(200);
    assert_eq!(town.status_of(&portals).await, "refused");
    let portals = town.ask_back(&invoice, 10_000, 100_000).await.expect(201);
    let second = proposes(&an, &of(&portals, "proposal"), &json!({})).await;
    town.approve(&second).await;
    assert_eq!(town.status_of(&portals).await, "approved");
    town.books(&[
        ("partner_receivable directbank", 100_000),
        ("agency_payable G01.A", -90_000),
        ("refunds_in_transit directbank", -10_000),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_payment_goes_back_when_it_was_seen_in_the_bank_by_who_did_not_see_it() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:G01", "approver:G01"]).await;
    let chi = town.person("chi@town.example", &["officer:G01"]).await;
    let (invoice, refund) = town.paid_twice(100_000).await;
    let release = proposes(&chi, &of(&refund, "proposal"), &json!({})).await;
    approver.decide(&release, "approve").await.problem(409, "not-released");

    let banked = format!("/v1/settlements/{}/banked", text(&refund, "settlement_id"));
    let seen = proposes(&an, &banked, &json!({})).await;
    an.decide(&seen, "approve").await.problem(403, "four-eyes");
    approver.decide(&release, "approve").await.problem(409, "not-released");
    town.approve(&seen).await;
    let by: String = sqlx::query_scalar("select confirmed_by from settlement_banked")
        .fetch_one(&town.pool)
        .await
        .expect("it is banked");
    assert_eq!(by, an.email);
    chi.post(&banked, &json!({})).await.problem(409, "wrong-state");

    // Nobody knows where to, until the payer names an account and another looks at it.
    approver.decide(&release, "approve").await.problem(409, "not-released");
    let account = json!({ "bank": "970436", "number": "0099887766", "name": "NGUYEN THI MINH AN" });
    let named = proposes(&chi, &of(&refund, "account"), &account).await;
    let shown = approver.get(&format!("/v1/approvals/{named}")).await.expect(200);
    assert_eq!(shown["content"]["number_ends"], "7766");
    assert!(!shown.to_string().contains("0099887766"), "{shown}");
    town.approve(&named).await;

    // Where it goes is part of what is decided on: what was put forward before is not that.
    approver.decide(&release, "approve").await.problem(412, "content-changed");
    let release = proposes(&chi, &of(&refund, "proposal"), &json!({})).await;
    let shown = approver.get(&format!("/v1/approvals/{release}")).await.expect(200);
    assert_eq!(shown["content"]["destination"]["number_ends"], "7766");
    assert_eq!(shown["content"]["destination"]["bank"], "970436");
    assert!(!shown.to_string().contains("0099887766"), "{shown}");
    chi.post(&of(&refund, "proposal"), &json!({})).await.problem(409, "wrong-state");

    an.decide(&release, "approve").await.problem(409, "not-released");
    assert_eq!(town.status_of(&refund).await, "requested");
    town.approve(&release).await;
    assert_eq!(text(&town.refund(&refund).await, "approved_by"), approver.email);

    // By a file; the bank's word on it takes two people as well.
    let file = town.export(RefundMethod::Transfer).await.expect("a file");
    assert!(file.text.contains("0099887766"), "{}", file.text);
    let end = json!({ "as": "confirmed", "transaction": "FT1" });
    let ended = proposes(&an, &of(&refund, "end"), &end).await;
    an.decide(&ended, "approve").await.problem(403, "four-eyes");
    assert_eq!(town.status_of(&refund).await, "sent");
    town.approve(&ended).await;
    let done = town.refund(&refund).await;
    assert_eq!((text(&done, "status"), text(&done, "partner_refund")), ("confirmed", "FT1"));
    assert_eq!(money(&town.read(&invoice).await["refunded"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_one_payer_named_is_not_where_another_payers_money_goes() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let chi = town.person("chi@town.example", &["officer:G01"]).await;
    // The one paid through a bank that says from where, the other through one that does not.
    let (invoice, surplus) = town.paid_twice(100_000).await;
    town.came_from("T1", "1122334455").await;
    let account = json!({ "bank": "970436", "number": "0099887766", "name": "TRAN VAN B" });
    town.approve(&proposes(&chi, &of(&surplus, "account"), &account).await).await;

    let seen = format!("/v1/settlements/{}/banked", text(&surplus, "settlement_id"));
    town.approve(&proposes(&an, &seen, &json!({})).await).await;
    town.approve(&proposes(&chi, &of(&surplus, "proposal"), &json!({})).await).await;
    let asked = asks(&an, &invoice, 40_000, 100_000).await.expect(201);
    assert_eq!(text(&asked["refund"], "method"), "transfer");
    town.approve(text(&asked, "approval")).await;

    let file = town.export(RefundMethod::Transfer).await.expect("a file").text;
    let transfers: Vec<&str> = file.split("<CdtTrfTxInf>").skip(1).collect();
    let of = |refund: &Value| {
        let reference = text(refund, "reference");
        *transfers.iter().find(|t| t.contains(reference)).expect("a transfer")
    };
    assert!(of(&asked["refund"]).contains("1122334455"), "{file}");
    assert!(of(&surplus).contains("0099887766"), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_a_refund_does_not_hold_when_it_would_go_elsewhere() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.named_account(&invoice).await;
    let asked = asks(&an, &invoice, 40_000, 100_000).await.expect(201);
    let refund = &asked["refund"];
    let destination = async |approval: &str| {
        let shown = approver.get(&format!("/v1/approvals/{approval}")).await.expect(200);
        shown["content"]["destination"].clone()
    };
    let first = destination(text(&asked, "approval")).await;
    assert_eq!((text(&first, "number_ends"), text(&first, "sealed_sha256").len()), ("7766", 64));

    let elsewhere =
        json!({ "bank": "970422", "number": "0055443322", "name": "NGUYEN THI MINH AN" });
    town.approve(&proposes(&an, &of(refund, "account"), &elsewhere).await).await;
    let stale = approver.decide(text(&asked, "approval"), "approve").await;
    stale.problem(412, "content-changed");
    assert_eq!(town.status_of(refund).await, "requested");

    // Put forward anew it is about the other account, and goes there whatever is named later.
    let again = proposes(&an, &of(refund, "proposal"), &json!({})).await;
    let second = destination(&again).await;
    assert_eq!((text(&second, "bank"), text(&second, "number_ends")), ("970422", "3322"));
    assert_ne!(first["sealed_sha256"], second["sealed_sha256"]);
    town.approve(&again).await;
    assert_eq!(town.audited("approval.outdated").await, [&*an.email]);
    an.post(&of(refund, "account"), &elsewhere).await.problem(409, "wrong-state");
    town.named_account(&invoice).await;
    let file = town.export(RefundMethod::Transfer).await.expect("a file").text;
    assert!(file.contains("0055443322") && !file.contains("0099887766"), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_arrive_is_opened_again_and_who_opened_it_does_not_approve_it() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:G01", "approver:G01"]).await;
    let chi = town.person("chi@town.example", &["officer:G01"]).await;
    let (invoice, refund) = town.paid_twice(60_000).await;
    town.named_account(&invoice).await;
    let settlement = format!("/v1/settlements/{}", text(&refund, "settlement_id"));
    let again = format!("{settlement}/refund");
    an.post(&again, &json!({})).await.problem(409, "wrong-state");
    let seen = proposes(&chi, &format!("{settlement}/banked"), &json!({})).await;
    town.approve(&seen).await;
    town.approve(&proposes(&chi, &of(&refund, "proposal"), &json!({})).await).await;
    town.export(RefundMethod::Transfer).await.expect("a file");

    // From the command line it is a proposal as well.
    let id = text(&refund, "id");
    let failed = json_of(&town, &["refunds", "fail", id, "--reason", "AC04", "--json"]);
    assert_eq!(town.status_of(&refund).await, "sent");
    town.approve(text(&failed, "approval")).await;
    assert_eq!(town.status_of(&refund).await, "failed");
    assert_eq!(town.balances().await["refund_due directbank"], -60_000);

    town.approve(&proposes(&an, &again, &json!({})).await).await;
    let opened = town.refunds(&invoice).await.pop().expect("a refund");
    assert_eq!((text(&opened, "status"), text(&opened, "requested_by")), ("requested", &*an.email));
    assert_eq!((text(&opened, "kind"), money(&opened["amount"])), ("surplus", 60_000));
    let release = proposes(&chi, &of(&opened, "proposal"), &json!({})).await;
    an.decide(&release, "approve").await.problem(403, "four-eyes");
    town.approve(&release).await;
    assert_eq!(town.status_of(&opened).await, "approved");
    an.post(&again, &json!({})).await.problem(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_counts_as_paid_over_when_two_people_say_so() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let path = |line| format!("/v1/invoices/{}/lines/{line}/paid-over", text(&invoice, "id"));
    an.post(&path(2), &json!({})).await.problem(404, "not-found");
    let marked = proposes(&an, &path(1), &json!({})).await;
    assert_eq!(town.count("line_paid_over").await, 0);
    town.approve(&marked).await;
    an.post(&path(1), &json!({})).await.problem(409, "wrong-state");
    let asked = asks(&an, &invoice, 30_000, 100_000).await.expect(201);
    assert_eq!(text(&asked["refund"], "kind"), "treasury");
    town.approve(text(&asked, "approval")).await;
    assert_eq!(town.balances().await["claim_on_treasury G01.A"], 30_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_another_agency_is_not_there() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let other = town.person("khac@town.example", &["officer:G02", "approver:G02"]).await;
    let looker = town.person("xem@town.example", &["viewer:G01"]).await;
    let (invoice, surplus) = town.paid_twice(100_000).await;
    let asked = asks(&an, &invoice, 40_000, 100_000).await.expect(201);
    let refund = &asked["refund"];

    let account = json!({ "bank": "970436", "number": "0099887766", "name": "A" });
    let line = format!("/v1/invoices/{}/lines/1/paid-over", text(&invoice, "id"));
    let settlement = format!("/v1/settlements/{}", text(&surplus, "settlement_id"));
    for (path, body) in [
        (of(&surplus, "proposal"), json!({})),
        (of(refund, "end"), json!({ "as": "confirmed" })),
        (of(refund, "account"), account),
        (line, json!({})),
        (format!("{settlement}/banked"), json!({})),
        (format!("{settlement}/refund"), json!({})),
    ] {
        other.post(&path, &body).await.problem(404, "not-found");
        looker.post(&path, &body).await.problem(403, "forbidden");
    }
    asks(&other, &invoice, 1_000, 60_000).await.problem(404, "not-found");
    asks(&looker, &invoice, 1_000, 60_000).await.problem(403, "forbidden");
    other.decide(text(&asked, "approval"), "approve").await.problem(404, "not-found");
    assert_eq!(town.count("approval where kind <> 'person.add'").await, 1);

    let ids = |told: &Value| -> Vec<String> {
        let refunds = told["refunds"].as_array().expect("refunds").iter();
        refunds.map(|seen| text(&seen["refund"], "id").to_owned()).collect()
    };
    let (newer, older) = (text(refund, "id"), text(&surplus, "id"));
    assert!(ids(&other.get("/v1/refunds").await.expect(200)).is_empty());
    assert_eq!(ids(&looker.get("/v1/refunds").await.expect(200)), [newer, older]);
    let first = an.get("/v1/refunds?limit=1&status=requested&agency=G01").await;
    assert!(first.headers.contains_key("link"));
    assert_eq!(ids(&first.expect(200)), [newer]);
    let next = an.get(&format!("/v1/refunds?limit=1&cursor={newer}")).await;
    assert!(!next.headers.contains_key("link"));
    assert_eq!(ids(&next.expect(200)), [older]);
    assert!(ids(&an.get("/v1/refunds?agency=G02").await.expect(200)).is_empty());
    assert!(ids(&an.get("/v1/refunds?status=sent").await.expect(200)).is_empty());
    an.get("/v1/refunds?status=lost").await.problem(422, "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_approves_what_its_own_asked_for_and_officers_read_refunds() {
    let town = Town::doors().await;
    // The portal's other person made it, at the very beginning.
    let key = town.caller_with(CallerKind::Portal, PORTAL, KeyPurpose::Approve).await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let other = town.person("khac@town.example", &["officer:G02"]).await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.named_account(&invoice).await;

    let asked = asks(&an, &invoice, 40_000, 100_000).await.expect(201);
    let refund = &asked["refund"];
    let path = format!("/v1/refunds/{}", text(refund, "id"));
    let door = format!("{}/v1/approvals/{}/approve", town.url, text(&asked, "approval"));
    // The link names the door of other officers, whoever looks.
    for seen in [an.get(&path).await.expect(200), town.refund(refund).await] {
        assert_eq!(text(&seen["links"], "approve"), door, "{seen}");
    }
    other.get(&path).await.problem(404, "not-found");
    key.post(&format!("{path}/approve"), &json!({})).await.problem(403, "forbidden");
    assert_eq!(town.status_of(refund).await, "requested");
    town.approve(text(&asked, "approval")).await;
    assert_eq!(town.status_of(refund).await, "approved");

    // What the portal asks for its own other key approves, at its own door.
    let portals = town.ask_back(&invoice, 10_000, 60_000).await.expect(201);
    let own = format!("{}/v1/refunds/{}/approve", town.url, text(&portals, "id"));
    assert_eq!(text(&portals["links"], "approve"), own);
    let own = format!("/v1/refunds/{}/approve", text(&portals, "id"));
    key.post(&own, &json!({})).await.expect(200);
    assert_eq!(town.status_of(&portals).await, "approved");
}
