//! Money that goes back: asked for, agreed to by another, sent once, followed to its end, booked at
//! each step. Whatever is asked and however often, no more goes back than came in.

use std::collections::BTreeMap;

use chrono::Duration;
use futures_util::future::join_all;
use payclear::app::Role;
use payclear::partners::dialects::CounterAccount;
use payclear::refunds::approve::{ApproveError, approve_in, refuse_in};
use payclear::refunds::export::{ExportError, Exporting, File};
use payclear::refunds::finish::{End, finish_in};
use payclear::refunds::refund::RefundMethod;
use payclear::refunds::send::Sent;
use payclear::refunds::{accounts, paid_over, recover};
use payclear::registers::caller::{CallerKind, KeyPurpose};
use payclear::settlements::bank;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::ids::{InvoiceId, RefundId, SettlementId};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::cluster::{at, cluster};
use crate::support::partners::choose;
use crate::support::{Answer, Caller, PORTAL, Plan, Town, money, text, until};

pub fn dong(amount: u64) -> Value {
    json!({ "amount": amount.to_string(), "currency": "VND" })
}

fn id(value: &Value) -> Uuid {
    text(value, "id").parse().expect("an id")
}

impl Town {
    /// The portal's other person, with an approval key.
    pub async fn approval_key(&self) -> Caller {
        self.caller_with(CallerKind::Portal, PORTAL, KeyPurpose::Approve).await
    }

    pub async fn ask_back(&self, invoice: &Value, amount: u64, refundable: u64) -> Answer {
        let body = json!({
            "amount": dong(amount), "reason": "rút hồ sơ", "refundable": dong(refundable),
        });
        self.ask_back_with(invoice, &body).await
    }

    /// The same of one of its settlements.
    pub async fn ask_back_of(
        &self,
        invoice: &Value,
        transaction: &str,
        amount: u64,
        refundable: u64,
    ) -> Answer {
        let settlement: Uuid =
            sqlx::query_scalar("select settlement_id from settlement where transaction_id = $1")
                .bind(transaction)
                .fetch_one(&self.pool)
                .await
                .expect("a settlement");
        let body = json!({
            "amount": dong(amount), "reason": "rút hồ sơ", "refundable": dong(refundable),
            "settlement": settlement,
        });
        self.ask_back_with(invoice, &body).await
    }

    async fn ask_back_with(&self, invoice: &Value, body: &Value) -> Answer {
        let path = format!("/v1/invoices/{}/refunds", text(invoice, "id"));
        self.portal.post(&path, body).await
    }

    pub async fn refund(&self, refund: &Value) -> Value {
        self.portal.get(&format!("/v1/refunds/{}", text(refund, "id"))).await.expect(200)
    }

    pub async fn refunds(&self, invoice: &Value) -> Vec<Value> {
        let path = format!("/v1/invoices/{}/refunds", text(invoice, "id"));
        let told = self.portal.get(&path).await.expect(200);
        told["refunds"].as_array().expect("refunds").clone()
    }

    pub async fn approve_refund(&self, approver: &Caller, refund: &Value) -> Answer {
        approver.post(&format!("/v1/refunds/{}/approve", text(refund, "id")), &json!({})).await
    }

    async fn withdraw(&self, refund: &Value) -> Answer {
        let path = format!("/v1/refunds/{}/withdraw", text(refund, "id"));
        self.portal.post(&path, &json!({})).await
    }

    /// An officer approves.
    async fn officer_approves(&self, refund: &Value, by: &str) -> Result<(), ApproveError> {
        let mut tx = self.pool.begin().await.expect("a transaction");
        let now = self.clock.now();
        approve_in(&mut tx, &self.app.accounts, RefundId(id(refund)), by, now).await?;
        tx.commit().await.expect("a commit");
        Ok(())
    }

    async fn banked(&self, refund: &Value, by: &str) {
        let settlement = text(refund, "settlement_id").parse().expect("an id");
        let mut tx = self.pool.begin().await.expect("a transaction");
        let now = self.clock.now();
        let confirmed =
            bank::confirm_in(&mut tx, &self.app.accounts, SettlementId(settlement), None, by, now);
        confirmed.await.expect("it is booked");
        tx.commit().await.expect("a commit");
    }

    async fn ends(&self, refund: &Value, end: End) {
        let mut tx = self.pool.begin().await.expect("a transaction");
        let now = self.clock.now();
        let id = RefundId(id(refund));
        finish_in(&mut tx, &self.app.accounts, id, &end, "officer/d", now).await.expect("it ends");
        tx.commit().await.expect("a commit");
    }

    /// The payer names an account for each payment of an invoice, and another person approves it.
    pub async fn named_account(&self, invoice: &Value) {
        let of: Vec<Uuid> =
            sqlx::query_scalar("select settlement_id from settlement where invoice_id = $1")
                .bind(id(invoice))
                .fetch_all(&self.pool)
                .await
                .expect("settlements");
        for settlement in of {
            self.named_account_of(invoice, settlement, "0099887766").await;
        }
    }

    /// The same of one payment.
    async fn named_account_of(&self, invoice: &Value, settlement: Uuid, number: &str) {
        let account = CounterAccount {
            bank: "970436".to_owned(),
            number: number.to_owned(),
            name: "NGUYEN THI MINH AN".to_owned(),
        };
        let mut tx = self.pool.begin().await.expect("a transaction");
        let (keys, now) = (&self.app.keys, self.clock.now());
        let of = (InvoiceId(id(invoice)), SettlementId(settlement));
        let named = accounts::name_in(&mut tx, keys, of, &account, now).await;
        let named = named.expect("an account");
        assert!(accounts::approve_in(&mut tx, named, "officer/c", now).await.expect("approved"));
        tx.commit().await.expect("a commit");
    }

    /// What the one case of a code tells.
    async fn told_in_case(&self, code: &str) -> String {
        sqlx::query_scalar("select detail from break_case where code = $1")
            .bind(code)
            .fetch_one(&self.pool)
            .await
            .expect("one case")
    }

    pub async fn export(&self, method: RefundMethod) -> Result<File, ExportError> {
        self.exporting().export("directbank", method, "officer/e").await
    }

    fn exporting(&self) -> Exporting {
        Exporting {
            pool: self.pool.clone(),
            clock: self.app.clock.clone(),
            accounts: self.app.accounts.clone(),
            keys: self.app.keys.clone(),
            directory: self.app.directory.current(),
        }
    }

    /// What nobody but the database's owner may do.
    pub async fn as_owner(&self, statement: &str) -> Result<u64, sqlx::Error> {
        let pool = PgPool::connect(&at(&cluster().owner_url, &self.name)).await?;
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&pool).await;
        pool.close().await;
        Ok(done?.rows_affected())
    }

    pub async fn wait_for_refund(&self, refund: &Value, status: &str) -> Value {
        let what = format!("refund {} to be {status}", text(refund, "id"));
        until(&what, || async { self.refund(refund).await["status"] == status }).await;
        self.refund(refund).await
    }

    /// What the partners really gave back, in đồng.
    pub async fn given_back(&self) -> Vec<i64> {
        let moved = self.simulators().get("/control/journal?kind=movement&direction=out").await;
        moved.as_array().expect("a journal").iter().map(money).collect()
    }

    /// An invoice that was paid through VNPAY.
    pub async fn paid_by_vnpay(&self, amount: u64) -> Value {
        let invoice = self.issue(amount).await;
        let page = choose(self, &invoice, "vnpay").await;
        self.simulators().pay(&page, "paid").await;
        self.wait_for(&invoice, "paid").await;
        invoice
    }

    /// The same in a town whose orders nobody carries out afterwards.
    async fn paid_by_vnpay_in_passing(&self, amount: u64) -> Value {
        let mut app = self.app.clone();
        app.stop = CancellationToken::new();
        let stop = app.stop.clone();
        let dispatch = tokio::spawn(app.run(&[Role::Dispatch]));
        let invoice = self.paid_by_vnpay(amount).await;
        stop.cancel();
        dispatch.await.expect("it ends").expect("it worked");
        invoice
    }

    /// An invoice that was paid by transfer, through the signed API.
    pub async fn paid_by_bank(&self, transaction: &str, amount: u64) -> Value {
        let invoice = self.issue(amount).await;
        let outcome = self.settle(transaction, amount, text(&invoice, "code")).await;
        assert_eq!(outcome, "applied");
        invoice
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_refund_goes_back_the_way_the_money_came_once() {
    let town = Town::whole().await;
    let approver = town.approval_key().await;
    let invoice = town.paid_by_vnpay(100_000).await;

    let refund = town.ask_back(&invoice, 100_000, 100_000).await.expect(201);
    assert_eq!((text(&refund, "status"), text(&refund, "method")), ("requested", "partner"));
    let read = town.read(&invoice).await;
    assert_eq!((money(&read["refundable"]), money(&read["refunded"])), (0, 0));
    assert!(read["links"].get("refunds").is_none(), "{read}");
    town.books(&[("partner_receivable vnpay", 100_000), ("agency_payable G01.A", -100_000)]).await;

    let approved = town.approve_refund(&approver, &refund).await.expect(200);
    assert_eq!(text(&approved, "approved_by"), format!("key/{}", approver.key_id));
    town.wait_for_refund(&refund, "sent").await;
    town.books(&[("partner_receivable vnpay", 100_000), ("refunds_in_transit vnpay", -100_000)])
        .await;

    // The message comes again: the partner is asked, not called.
    sqlx::query("insert into outbox (kind, route, subject, made_at) values ('refund.approved', 'vnpay', $1, now())")
        .bind(id(&refund))
        .execute(&town.pool)
        .await
        .expect("a message");
    town.clock.turn(Duration::seconds(10));
    let done = town.wait_for_refund(&refund, "confirmed").await;
    assert!(done["partner_refund"].is_string(), "{done}");
    assert_eq!(town.given_back().await, [100_000]);
    town.books(&[]).await;
    let read = town.read(&invoice).await;
    assert_eq!((money(&read["refundable"]), money(&read["refunded"])), (0, 100_000));
    assert_eq!(text(&read, "status"), "paid");
    town.wait_until_told(&invoice, &["invoice.paid", "refund.confirmed"]).await;
    let notice = town.simulators().notices().await;
    let notice = notice.iter().find(|n| n["body"]["type"] == "refund.confirmed").expect("told");
    assert_eq!(notice["body"]["refund_id"], refund["id"]);
    assert_eq!(notice["body"]["refund_amount"], dong(100_000));
    town.approve_refund(&approver, &refund).await.problem(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_lines_add_up_and_never_to_more_than_is_left() {
    let town = Town::doors().await;
    let lines = json!({ "lines": [
        { "kind": "phi", "name": "Phí một", "sub_item": "2716", "amount": dong(60_000) },
        { "kind": "le_phi", "name": "Lệ phí hai", "sub_item": "2771", "amount": dong(40_000) },
    ]});
    let invoice = town.issue_with(100_000, &lines).await;
    town.ask_back(&invoice, 1, 0).await.problem(409, "wrong-state");
    assert_eq!(town.settle("T1", 100_000, text(&invoice, "code")).await, "applied");
    town.named_account(&invoice).await;

    town.ask_back(&invoice, 1, 99_999).await.problem(412, "refundable-changed");
    town.ask_back(&invoice, 100_001, 100_000).await.points_to("/amount");
    town.ask_back(&invoice, 0, 100_000).await.points_to("/amount");
    let of = |lines: Value, refundable: u64| json!({ "lines": lines, "reason": "nhầm", "refundable": dong(refundable) });
    let second = json!([{ "line": 2, "amount": dong(30_000) }]);
    let refund = town.ask_back_with(&invoice, &of(second.clone(), 100_000)).await.expect(201);
    assert_eq!(refund["lines"], second);
    for (lines, at) in [
        (json!([{ "line": 2, "amount": dong(10_001) }]), "/lines/0/amount"),
        (json!([{ "line": 3, "amount": dong(1) }]), "/lines/0/line"),
        (
            json!([{ "line": 1, "amount": dong(1) }, { "line": 1, "amount": dong(1) }]),
            "/lines/1/line",
        ),
        (json!([]), "/lines"),
    ] {
        town.ask_back_with(&invoice, &of(lines, 70_000)).await.points_to(at);
    }
    // An amount is taken from the lines in their order.
    let rest = town.ask_back(&invoice, 65_000, 70_000).await.expect(201);
    assert_eq!(
        rest["lines"],
        json!([{ "line": 1, "amount": dong(60_000) }, { "line": 2, "amount": dong(5_000) }])
    );
    town.ask_back(&invoice, 5_001, 5_000).await.points_to("/amount");
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 5_000);

    // Each takes from its own budget line.
    town.officer_approves(&refund, "officer/a").await.expect("approved");
    let budgets: Vec<(String, i64)> = sqlx::query_as(
        "select detail, amount::bigint from ledger.balance where kind = 'agency_payable' order by 1",
    )
    .fetch_all(&town.pool)
    .await
    .expect("balances");
    let budgets: BTreeMap<_, _> = budgets
        .into_iter()
        .map(|(detail, sum)| (detail.rsplit('/').next().unwrap_or_default().to_owned(), sum))
        .collect();
    assert_eq!(budgets, BTreeMap::from([("2716".into(), -60_000), ("2771".into(), -10_000)]));

    // What is refused is left again.
    let mut tx = town.pool.begin().await.expect("a transaction");
    let (which, now) = (RefundId(id(&rest)), town.clock.now());
    refuse_in(&mut tx, which, "không đủ căn cứ", "officer/a", now).await.expect("refused");
    tx.commit().await.expect("a commit");
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 70_000);
    let states: Vec<String> =
        town.refunds(&invoice).await.iter().map(|r| text(r, "status").to_owned()).collect();
    assert_eq!(states, ["approved", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_ask_at_once_those_go_through_that_saw_what_was_left() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;

    let answers = join_all((0..20).map(|_| town.ask_back(&invoice, 10_000, 100_000))).await;
    let asked = answers.iter().filter(|a| a.status == 201).count();
    let stale = answers.iter().filter(|a| a.status == 412).count();
    assert_eq!((asked, stale), (1, 19));

    // Those that look again before each try get it all between them, and not a đồng more.
    let town = &town;
    let invoice = &invoice;
    let insisting = (0..20).map(|_| async move {
        for _ in 0..200 {
            let left = u64::try_from(money(&town.read(invoice).await["refundable"])).unwrap_or(0);
            if left == 0 {
                return 0;
            }
            if town.ask_back(invoice, 10_000, left).await.status == 201 {
                return 1;
            }
        }
        panic!("nobody gets through")
    });
    let got: i32 = join_all(insisting).await.into_iter().sum();
    assert_eq!(got, 9);
    let sum: i64 = town.refunds(invoice).await.iter().map(|r| money(&r["amount"])).sum();
    assert_eq!(sum, 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_asks_once() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let path = format!("/v1/invoices/{}/refunds", text(&invoice, "id"));
    let body = json!({ "amount": dong(1_000), "reason": "x", "refundable": dong(100_000) });
    let first = town.portal.post_as("k1", &path, &body).await;
    let again = town.portal.post_as("k1", &path, &body).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(town.refunds(&invoice).await.len(), 1);
    let stale = town.portal.post_as("k2", &path, &body).await;
    stale.clone().problem(412, "refundable-changed");
    assert_eq!(town.portal.post_as("k2", &path, &body).await.body, stale.body, "stored as well");
    let other = json!({ "amount": dong(2_000), "reason": "x", "refundable": dong(99_000) });
    town.portal.post_as("k1", &path, &other).await.problem(422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_what_they_asked_for_neither_here_nor_in_the_database() {
    let town = Town::doors().await;
    let approver = town.approval_key().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.named_account(&invoice).await;
    let refund = town.ask_back(&invoice, 40_000, 100_000).await.expect(201);

    town.approve_refund(&town.portal, &refund).await.problem(403, "forbidden");
    town.approve_refund(&town.bank, &refund).await.problem(403, "forbidden");
    let path = format!("/v1/invoices/{}/refunds", text(&invoice, "id"));
    let body = json!({ "amount": dong(1), "reason": "x", "refundable": dong(60_000) });
    approver.post(&path, &body).await.problem(401, "unauthenticated");
    let asked_by = text(&refund, "requested_by");
    let same = town.officer_approves(&refund, asked_by).await;
    assert!(matches!(same, Err(ApproveError::SamePerson)), "{same:?}");

    let id = text(&refund, "id");
    for forbidden in [
        format!(
            "update refund set status = 'approved', approved_by = requested_by, approval_entry = 1 where refund_id = '{id}'"
        ),
        format!("update refund set status = 'sent' where refund_id = '{id}'"),
        format!(
            "update refund set status = 'confirmed', outcome_entry = 1 where refund_id = '{id}'"
        ),
        // 60,001 on top of 40,000 of 100,000.
        format!(
            "insert into refund select gen_random_uuid(), invoice_id, settlement_id, cycle, partner, 'X', kind, method, 60001, currency, shares, reason, requested_by, requested_at, status, status_since from refund where refund_id = '{id}'"
        ),
    ] {
        let refused = town.as_owner(&forbidden).await.expect_err(&forbidden);
        let code = refused.as_database_error().and_then(|e| e.code().map(|c| c.to_string()));
        assert_eq!(code.as_deref(), Some("23514"), "{forbidden}: {refused}");
    }
    assert_eq!(text(&town.refund(&refund).await, "status"), "requested");
    town.approve_refund(&approver, &refund).await.expect(200);

    // Another portal's refund is not there.
    let another = "insert into portal (code, name, load_id) select 'dvc-khac', name, load_id from portal limit 1";
    town.as_owner(another).await.expect("another portal");
    let other = town.caller(CallerKind::Portal, "dvc-khac").await;
    other.get(&format!("/v1/refunds/{id}")).await.problem(404, "not-found");
    other.get(&path).await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_answer_was_lost_is_confirmed_by_asking_and_not_made_twice() {
    let town = Town::whole().await;
    let approver = town.approval_key().await;
    let invoice = town.paid_by_vnpay(100_000).await;
    let spoilt = json!({ "partner": "vnpay", "refund": "reset_after_commit" });
    assert_eq!(town.simulators().post("/control/behaviour", &spoilt).await.status, 200);
    let refund = town.ask_back(&invoice, 30_000, 100_000).await.expect(201);
    town.approve_refund(&approver, &refund).await.expect(200);
    town.wait_for_refund(&refund, "sent").await;
    until("the word that was lost to be noted", || async {
        town.count("refund where last_code is not null").await == 1
    })
    .await;
    town.clock.turn(Duration::seconds(10));
    town.wait_for_refund(&refund, "confirmed").await;
    assert_eq!(town.given_back().await, [30_000]);
    town.books(&[("partner_receivable vnpay", 70_000), ("agency_payable G01.A", -70_000)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_after_sent_is_asked_after_becomes_a_case_and_is_decided_by_a_person() {
    let mut town = Town::of(Plan {
        roles: &[Role::Relay, Role::Clock, Role::Notices],
        with_simulators: true,
        amqp_url: None,
        settings: json!({}),
    })
    .await;
    let approver = town.approval_key().await;
    let invoice = town.paid_by_vnpay_in_passing(100_000).await;
    let refund = town.ask_back(&invoice, 100_000, 100_000).await.expect(201);
    town.approve_refund(&approver, &refund).await.expect(200);
    // Sent was committed, and the process died before it called.
    let mark = "update refund set status = 'sent', status_since = now() where refund_id = $1";
    sqlx::query(mark).bind(id(&refund)).execute(&town.pool).await.expect("marked");
    let again = town.app.carrying().send(RefundId(id(&refund))).await.expect("handled");
    assert_eq!(again, Sent::Before);

    town.also_runs(&[Role::Dispatch]);
    until("the refund to be asked after", || async {
        town.count("refund where last_code is not null").await == 1
    })
    .await;
    assert_eq!(town.given_back().await, [0; 0], "nobody calls twice what may have been called");
    town.clock.turn(Duration::hours(25));
    until("a person to get a case", || async {
        town.cases().await.contains(&"B12 100000 open".to_owned())
    })
    .await;

    // The reference portal takes no notice of another day.
    town.clock.turn(-Duration::hours(25));
    town.ends(&refund, End::Failed { code: "chưa hoàn".to_owned() }).await;
    town.wait_until_told(&invoice, &["invoice.paid", "refund.failed"]).await;
    town.books(&[("partner_receivable vnpay", 100_000), ("agency_payable G01.A", -100_000)]).await;
    assert_eq!(town.cases().await, ["B12 100000 auto_closed"]);
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_carry_out_one_refund_call_once() {
    let town = Town::of(Plan {
        roles: &[Role::Relay],
        with_simulators: true,
        amqp_url: None,
        settings: json!({}),
    })
    .await;
    let approver = town.approval_key().await;
    let invoice = town.paid_by_vnpay_in_passing(50_000).await;
    let refund = town.ask_back(&invoice, 20_000, 50_000).await.expect(201);
    town.approve_refund(&approver, &refund).await.expect(200);
    // What the broker loses is written again: for the partner whose queue was found empty.
    until("the message to be relayed", || async { town.count("outbox").await == 0 }).await;
    let now = town.clock.now() + Duration::minutes(1);
    for (partner, expected) in [("samplebank", 0), ("vnpay", 1)] {
        let lost = recover::resend_lost(&town.pool, &[partner.to_owned()], (None, now), now).await;
        assert_eq!(lost.expect("looked for"), expected, "{partner}");
    }
    let carrying = town.app.carrying();
    let sent = join_all((0..5).map(|_| carrying.send(RefundId(id(&refund))))).await;
    let called = sent.iter().filter(|s| matches!(s, Ok(Sent::Called))).count();
    assert_eq!(called, 1, "{sent:?}");
    let lost = recover::resend_lost(&town.pool, &["vnpay".to_owned()], (None, now), now).await;
    assert_eq!(lost.expect("looked for"), 0, "what was sent is not sent again");
    assert_eq!(town.given_back().await, [20_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_partner_refuses_is_booked_back_and_told() {
    let town = Town::whole().await;
    let approver = town.approval_key().await;
    let invoice = town.paid_by_vnpay(100_000).await;
    // The partner knows no order of that day.
    let moved =
        "update attempt set created_at = created_at - interval '3 days' where partner = 'vnpay'";
    assert_eq!(town.as_owner(moved).await.expect("moved"), 1);
    let refund = town.ask_back(&invoice, 100_000, 100_000).await.expect(201);
    town.approve_refund(&approver, &refund).await.expect(200);
    town.wait_for_refund(&refund, "failed").await;
    town.books(&[("partner_receivable vnpay", 100_000), ("agency_payable G01.A", -100_000)]).await;
    town.wait_until_told(&invoice, &["invoice.paid", "refund.failed"]).await;
    assert_eq!(town.given_back().await, [0; 0]);
    let read = town.read(&invoice).await;
    assert_eq!((money(&read["refundable"]), money(&read["refunded"])), (100_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_back_is_opened_by_itself_and_released_only_when_it_was_seen_in_the_bank() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T2", 100_000, code).await, "refund_due");
    let over = town.issue(50_000).await;
    assert_eq!(town.settle("T3", 70_000, text(&over, "code")).await, "overpaid");
    let held = town.issue(50_000).await;
    assert_eq!(town.settle("T4", 10_000, text(&held, "code")).await, "held");
    town.cancel(&held).await.expect(200);

    let carrying = town.app.carrying();
    assert_eq!(carrying.sweep_due_back().await.expect("a sweep"), 3);
    assert_eq!(carrying.sweep_due_back().await.expect("a sweep"), 0);
    for (invoice, amount) in [(&invoice, 100_000), (&over, 20_000), (&held, 10_000)] {
        let refunds = town.refunds(invoice).await;
        assert_eq!(refunds.len(), 1);
        assert_eq!((text(&refunds[0], "kind"), money(&refunds[0]["amount"])), ("surplus", amount));
        assert_eq!(text(&refunds[0], "requested_by"), "payclear");
        assert_eq!(text(&refunds[0], "waits_for"), "bank");
    }
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 100_000, "another thing");

    let refund = town.refunds(&invoice).await.remove(0);
    let early = town.officer_approves(&refund, "officer/a").await;
    assert!(matches!(early, Err(ApproveError::NotBanked(_))), "{early:?}");
    let by_hand = format!(
        "update refund set status = 'approved', approved_by = 'x', approval_entry = 1 where refund_id = '{}'",
        text(&refund, "id")
    );
    assert!(town.as_owner(&by_hand).await.is_err());
    town.banked(&refund, "officer/a").await;
    assert_eq!(text(&town.refund(&refund).await, "waits_for"), "account");
    let nowhere = town.officer_approves(&refund, "officer/b").await;
    assert!(matches!(nowhere, Err(ApproveError::NoAccount)), "{nowhere:?}");
    town.named_account(&invoice).await;
    let same = town.officer_approves(&refund, "officer/a").await;
    assert!(matches!(same, Err(ApproveError::BankedBySame)), "{same:?}");
    assert!(town.as_owner(&by_hand.replace("'x'", "'officer/a'")).await.is_err());
    town.officer_approves(&refund, "officer/b").await.expect("approved");

    // By a file, once, the same again; then by the bank's word.
    let file = town.export(RefundMethod::Transfer).await.expect("a file");
    assert!(file.text.contains("<NbOfTxs>1</NbOfTxs><CtrlSum>100000</CtrlSum>"), "{}", file.text);
    assert!(file.text.contains("0099887766"), "{}", file.text);
    assert_eq!(town.exporting().again(file.batch).await.expect("again"), file);
    let none = town.export(RefundMethod::Transfer).await;
    assert!(matches!(none, Err(ExportError::Nothing { .. })), "{none:?}");
    assert_eq!(text(&town.refund(&refund).await, "status"), "sent");
    town.ends(&refund, End::Confirmed { partner_refund: Some("FT1".to_owned()) }).await;
    assert_eq!(town.exporting().again(file.batch).await.expect("again"), file);
    town.books(&[
        ("partner_receivable directbank", 180_000),
        ("agency_payable G01.A", -150_000),
        ("refund_due directbank", -30_000),
    ])
    .await;
    assert_eq!(money(&town.read(&invoice).await["refunded"]), 0, "of what paid it nothing went");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surplus_that_did_not_arrive_is_opened_again_by_a_person_alone() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    assert_eq!(town.settle("T2", 60_000, text(&invoice, "code")).await, "refund_due");
    town.named_account(&invoice).await;
    let carrying = town.app.carrying();
    carrying.sweep_due_back().await.expect("a sweep");
    let refund = town.refunds(&invoice).await.remove(0);
    town.banked(&refund, "officer/a").await;
    town.officer_approves(&refund, "officer/b").await.expect("approved");
    town.export(RefundMethod::Transfer).await.expect("a file");
    town.ends(&refund, End::Failed { code: "AC04".to_owned() }).await;
    assert_eq!(town.balances().await["refund_due directbank"], -60_000);

    let settlement = SettlementId(text(&refund, "settlement_id").parse().expect("an id"));
    for expected in [true, false] {
        let mut tx = town.pool.begin().await.expect("a transaction");
        let now = town.clock.now();
        let again = carrying.open_again_in(&mut tx, settlement, "officer/a", now).await;
        assert_eq!(again.expect("looked at").is_some(), expected);
        tx.commit().await.expect("a commit");
    }
    assert_eq!(town.refunds(&invoice).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_taken_back_is_not_given_back() {
    let town = Town::doors().await;
    let carrying = town.app.carrying();
    // Asked for, then taken back.
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.named_account(&invoice).await;
    let refund = town.ask_back(&invoice, 40_000, 100_000).await.expect(201);
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    let late = town.officer_approves(&refund, "officer/a").await;
    assert!(matches!(late, Err(ApproveError::TakenBack)), "{late:?}");
    assert_eq!(carrying.sweep_reversed().await.expect("a sweep"), 1);
    assert_eq!(text(&town.refund(&refund).await, "status"), "refused");
    town.books(&[]).await;
    town.ask_back(&invoice, 1, 0).await.problem(409, "wrong-state");

    // Paid anew, the whole of it can be asked back again.
    assert_eq!(town.settle("T2", 100_000, text(&invoice, "code")).await, "applied");
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 100_000);

    // Approved, then taken back: it does not go out, and the case says what was approved.
    let second = town.ask_back(&invoice, 100_000, 100_000).await.expect(201);
    let nowhere = town.officer_approves(&second, "officer/a").await;
    assert!(matches!(nowhere, Err(ApproveError::NoAccount)), "named for another's: {nowhere:?}");
    town.named_account(&invoice).await;
    town.officer_approves(&second, "officer/a").await.expect("approved");
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    carrying.sweep_reversed().await.expect("a sweep");
    let told: Vec<String> =
        sqlx::query_scalar("select detail from break_case where code = 'B13' order by opened_at")
            .fetch_all(&town.pool)
            .await
            .expect("cases");
    assert_eq!(told[0], "recalled");
    assert!(told[1].contains(text(&second, "id")) && told[1].contains("approved"), "{told:?}");
    let none = town.export(RefundMethod::Transfer).await;
    assert!(matches!(none, Err(ExportError::Nothing { .. })), "{none:?}");
    assert_eq!(text(&town.refund(&second).await, "status"), "failed");
    town.books(&[]).await;

    // Surplus that was asked for by the clock.
    assert_eq!(town.settle("T3", 100_000, text(&invoice, "code")).await, "applied");
    assert_eq!(town.settle("T4", 5_000, text(&invoice, "code")).await, "refund_due");
    carrying.sweep_due_back().await.expect("a sweep");
    assert_eq!(town.reverse("T4", "R4").await.status, 204);
    carrying.sweep_reversed().await.expect("a sweep");
    let surplus = town.refunds(&invoice).await.pop().expect("a refund");
    assert_eq!((text(&surplus, "kind"), text(&surplus, "status")), ("surplus", "refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_in_parts_goes_back_by_settlement() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    assert_eq!(town.settle("T1", 40_000, text(&invoice, "code")).await, "held");
    assert_eq!(town.settle("T2", 60_000, text(&invoice, "code")).await, "applied");
    town.ask_back(&invoice, 100_000, 100_000).await.points_to("/amount");
    let first = town.ask_back(&invoice, 60_000, 100_000).await.expect(201);
    let second = town.ask_back(&invoice, 40_000, 40_000).await.expect(201);
    assert_ne!(first["settlement_id"], second["settlement_id"]);
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_over_is_a_claim_on_the_treasury_and_never_sent_by_us() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let mut tx = town.pool.begin().await.expect("a transaction");
    let now = town.clock.now();
    paid_over::mark_in(&mut tx, InvoiceId(id(&invoice)), 1, "officer/a", now).await.expect("kept");
    tx.commit().await.expect("a commit");
    let refund = town.ask_back(&invoice, 30_000, 100_000).await.expect(201);
    assert_eq!((text(&refund, "kind"), text(&refund, "method")), ("treasury", "treasury"));
    town.officer_approves(&refund, "officer/b").await.expect("approved");
    assert_eq!(town.count("outbox where kind = 'refund.approved'").await, 0);
    town.books(&[
        ("partner_receivable directbank", 100_000),
        ("agency_payable G01.A", -100_000),
        ("claim_on_treasury G01.A", 30_000),
        ("refunds_in_transit directbank", -30_000),
    ])
    .await;
    let none = town.export(RefundMethod::Transfer).await;
    assert!(matches!(none, Err(ExportError::Nothing { .. })), "{none:?}");
    let file = town.export(RefundMethod::Treasury).await.expect("a file");
    let row = format!("{},{},G01.A,", text(&refund, "id"), text(&invoice, "id"));
    assert!(file.text.contains(&row) && file.text.ends_with(",1,30000,VND\n"), "{}", file.text);
    town.ends(&refund, End::Confirmed { partner_refund: None }).await;
    town.books(&[("partner_receivable directbank", 100_000), ("agency_payable G01.A", -100_000)])
        .await;
    assert_eq!(money(&town.read(&invoice).await["refunded"]), 30_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_to_the_treasury_after_it_was_asked_for_is_not_sent_by_us() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let refund = town.ask_back(&invoice, 30_000, 100_000).await.expect(201);
    let mut tx = town.pool.begin().await.expect("a transaction");
    let now = town.clock.now();
    paid_over::mark_in(&mut tx, InvoiceId(id(&invoice)), 1, "officer/a", now).await.expect("kept");
    tx.commit().await.expect("a commit");
    let refused = town.officer_approves(&refund, "officer/b").await;
    assert!(matches!(refused, Err(ApproveError::PaidOver(1))), "{refused:?}");
    // Nor does the database take it from another program.
    let forced = sqlx::query(
        "update refund set status = 'approved', approved_by = 'x', approval_entry = 1
          where refund_id = $1",
    )
    .bind(id(&refund))
    .execute(&town.pool)
    .await;
    assert!(forced.is_err_and(|e| e.to_string().contains("a line of it was paid over")));

    // Withdrawn and asked for anew it is a claim on the Treasury.
    let withdrawn = town.withdraw(&refund).await.expect(200);
    assert_eq!(text(&withdrawn, "status"), "refused");
    let again = town.ask_back(&invoice, 30_000, 100_000).await.expect(201);
    assert_eq!(text(&again, "kind"), "treasury");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_takes_back_what_it_asked_for_while_it_waits() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let refund = town.ask_back(&invoice, 100_000, 100_000).await.expect(201);
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 0);
    assert!(refund["links"]["withdraw"].is_string());
    town.withdraw(&refund).await.expect(200);
    assert_eq!(money(&town.read(&invoice).await["refundable"]), 100_000);
    town.withdraw(&refund).await.expect(409);

    // What is due back is the payer's, and what is approved is on its way.
    assert_eq!(town.settle("T2", 5_000, text(&invoice, "code")).await, "refund_due");
    town.app.carrying().sweep_due_back().await.expect("a sweep");
    let surplus = town.refunds(&invoice).await.pop().expect("a refund");
    town.withdraw(&surplus).await.expect(403);
    town.named_account(&invoice).await;
    let second = town.ask_back(&invoice, 40_000, 100_000).await.expect(201);
    town.officer_approves(&second, "officer/a").await.expect("approved");
    town.withdraw(&second).await.expect(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_nobody_decides_on_becomes_a_case() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let refund = town.ask_back(&invoice, 30_000, 100_000).await.expect(201);
    let carrying = town.app.carrying();
    assert_eq!(carrying.sweep_waiting().await.expect("a sweep"), 0);
    town.clock.turn(Duration::days(8));
    assert_eq!(carrying.sweep_waiting().await.expect("a sweep"), 1);
    let told: String = sqlx::query_scalar("select detail from break_case where code = 'B12'")
        .fetch_one(&town.pool)
        .await
        .expect("a case");
    assert!(told.contains(text(&refund, "id")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_back_and_nobody_decides_on_becomes_a_case() {
    let town = Town::doors().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    assert_eq!(town.settle("T2", 60_000, text(&invoice, "code")).await, "refund_due");
    let carrying = town.app.carrying();
    carrying.sweep_due_back().await.expect("a sweep");
    let refund = town.refunds(&invoice).await.remove(0);
    assert_eq!(carrying.sweep_waiting().await.expect("a sweep"), 0);
    town.clock.turn(Duration::days(8));
    assert_eq!(carrying.sweep_waiting().await.expect("a sweep"), 1);
    assert!(town.told_in_case("B12").await.contains(text(&refund, "id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_refund_that_nobody_exports_becomes_a_case() {
    let town = Town::doors().await;
    let carrying = town.app.carrying();
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.named_account(&invoice).await;
    let refund = town.ask_back(&invoice, 30_000, 100_000).await.expect(201);
    town.officer_approves(&refund, "officer/a").await.expect("approved");
    town.clock.turn(Duration::days(2));
    assert_eq!(carrying.sweep_waiting().await.expect("a sweep"), 0);
    town.clock.turn(Duration::days(2));
    assert_eq!(carrying.sweep_waiting().await.expect("a sweep"), 1);
    let told = town.told_in_case("B12").await;
    assert!(told.contains(text(&refund, "id")) && told.contains("in no file"), "{told}");

    // One that is in a file waits for the bank's word instead.
    let second = town.ask_back(&invoice, 20_000, 70_000).await.expect(201);
    town.officer_approves(&second, "officer/a").await.expect("approved");
    town.export(RefundMethod::Transfer).await.expect("a file");
    town.clock.turn(Duration::days(4));
    carrying.sweep_waiting().await.expect("a sweep");
    assert!(!town.told_in_case("B12").await.contains(text(&second, "id")));
}
