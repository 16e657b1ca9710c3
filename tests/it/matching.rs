//! What banks and partners say meets what we booked: every line ends where it belongs, the books hold
//! what the bank says, and nothing is done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use payclear::partners::SettlingSource;
use payclear::reconciliation::run::Matching;
use payclear::settlements::outcome::Outcome;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::refunds::dong;
use crate::support::partners::choose;
use crate::support::statements::{Of, Told};
use crate::support::town::ACCOUNT;
use crate::support::{Town, text, until};

const BANK: &str = "directbank";

impl Town {
    fn matching(&self) -> &Matching {
        &self.app.matching
    }

    /// The bank account's statement of today.
    fn of_bank<'a>(&self, reference: &'a str) -> Of<'a> {
        Of { kind: "account", partner: BANK, account: ACCOUNT, reference, day: self.today() }
    }

    fn of_report<'a>(&self, reference: &'a str) -> Of<'a> {
        Of { kind: "report", ..self.of_bank(reference) }
    }

    /// Fees that were paid by the bank's word, with these transaction ids.
    async fn paid_by_word(&self, of: &[(&str, u64)]) -> Vec<Value> {
        let mut invoices = Vec::new();
        for (transaction, amount) in of {
            let invoice = self.issue(*amount).await;
            let told = json!({
                "transaction_id": transaction, "account": ACCOUNT, "memo": text(&invoice, "code"),
                "amount": dong(*amount), "value_time": chrono::Utc::now(),
            });
            self.bank.post("/v1/settlements", &told).await.expect(201);
            invoices.push(invoice);
        }
        invoices
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_single_payments_banks_each_and_the_books_hold_its_closing() {
    let town = Town::doors().await;
    let invoices = town.paid_by_word(&[("T1", 100_000), ("T2", 50_000), ("T3", 70_000)]).await;
    let (today, code) = (town.today(), text(&invoices[2], "code"));
    let statement = town
        .stage(
            town.of_bank("S1"),
            &[
                Told::payment("T1", 100_000, today),
                Told::payment("FT-2", 50_000, today)
                    .memo(&format!("nop le phi {}", text(&invoices[1], "code"))),
                Told::payment("FT-3", 70_000, today).memo(&format!("ck {code} cam on")),
                Told::payment("FT-4", 12_345, today).memo("chuyen tien an trua"),
                Told::payment("FT-5", 99_999, today).standing("pending"),
                Told::payment("FT-6", -1_100, today).nature("fee"),
            ],
        )
        .await;
    let done = town.matching().run().await.expect("it matches");
    assert_eq!((done.statements, done.lines), (1, 6));
    assert_eq!(
        town.became(statement).await,
        ["R1", "R3", "R3", "R1", "kept", "B11 open"],
        "the credit that nobody knows is settled by the statement itself"
    );
    assert_eq!(town.count("statement_file where state = 'booked'").await, 1, "its file is done");
    assert_eq!(town.in_the_bank(ACCOUNT).await, 100_000 + 50_000 + 70_000 + 12_345 - 1_100);
    assert_eq!(town.outcome_of("FT-4").await, Some(Outcome::Suspense));
    let mut cases = town.cases().await;
    cases.sort();
    assert_eq!(cases, ["B07 12345 open", "B11 1100 open"]);
    assert_eq!(town.banked_count().await, 4);
    let unseen = town.paid_by_word(&[("T4", 1_000)]).await;
    for (invoice, cash) in
        invoices.iter().chain(&unseen).zip(["banked", "banked", "banked", "reported"])
    {
        assert_eq!(text(&town.read(invoice).await, "cash"), cash);
    }
    town.books(&[
        ("agency_payable G01.A", -221_000),
        ("suspense directbank", -12_345),
        ("bank_account directbank", 231_245),
        ("partner_receivable directbank", 2_100),
    ])
    .await;

    // Nothing waits, so nothing is done; and the same line again finds itself matched.
    let again = town.matching().run_all_again().await.expect("it matches");
    assert_eq!((again.statements, again.tally.matched), (0, 0));
    let copy = town.stage(town.of_report("R1"), &[Told::payment("T1", 100_000, today)]).await;
    let twice = town
        .stage(Of { reference: "S2", ..town.of_bank("S2") }, &[Told::payment("T1", 100_000, today)])
        .await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(copy).await, ["R1"], "a report is another layer");
    assert_eq!(town.became(twice).await, ["B05 open"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_its_statement_settles_pays_invoices_and_tells_the_portal() {
    let town = Town::doors().await;
    town.settle_by(BANK, ACCOUNT, SettlingSource::Statement).await;
    let (first, second) = (town.issue(100_000).await, town.issue(80_000).await);
    let today = town.today();
    let code = |invoice: &Value| text(invoice, "code").to_owned();
    let both = format!("{} {}", code(&first), code(&second));
    let lines = [
        Told::payment("", 100_000, today).memo(&code(&first)),
        Told::payment("", 100_000, today).memo(&format!("lan 2 {}", code(&first))),
        Told::payment("", 30_000, today).memo(&code(&second)),
        Told::payment("", 180_000, today).memo(&both),
    ];
    let statement = town.stage(town.of_bank("S1"), &lines).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(statement).await, ["R1", "R1", "R1", "R1"]);
    assert_eq!(
        (town.status(&first).await, town.status(&second).await),
        ("paid".into(), "pending".into())
    );
    assert_eq!(town.in_the_bank(ACCOUNT).await, 410_000);
    let mut cases = town.cases().await;
    cases.sort();
    assert_eq!(cases, ["B03 30000 open", "B05 100000 open", "B08 180000 open"]);
    assert_eq!(town.count("outbox where kind = 'notice.due'").await, 1);
    town.books(&[
        ("agency_payable G01.A", -100_000),
        ("refund_due directbank", -100_000),
        ("part_payments_held directbank", -30_000),
        ("suspense directbank", -180_000),
        ("bank_account directbank", 410_000),
    ])
    .await;
    // The same statement under another name tells of nothing new: lines without ids are known again.
    let before = town.count("settlement").await;
    let again = town.stage(town.of_bank("S2"), &lines).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(again).await, ["B05 open"; 4]);
    assert_eq!(town.count("settlement").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_credit_and_its_fee_is_owed_by_the_agency() {
    let town = Town::doors().await;
    town.contract(BANK, 1_000, "0.5").await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000), ("T3", 70_000)]).await;
    let today = town.today();
    let told = |t: &str, amount, fee| Told::payment(t, amount, today).batch("B-77").fee(fee);
    let report = town
        .stage(
            town.of_report("R1"),
            // The fee of the last one is 150 đồng more than agreed.
            &[told("T1", 100_000, 1_500), told("T2", 50_000, 1_250), told("T3", 70_000, 1_500)],
        )
        .await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(report).await, ["R1", "R1", "R1"]);
    assert_eq!(
        (town.banked_count().await, town.cases().await),
        (0, vec!["B11 150 open".to_owned()])
    );
    let credit =
        Told::payment("FT1", 215_750, today).nature("lump").memo("quyet toan B-77 ngay 16");
    let statement = town.stage(town.of_bank("S1"), &[credit]).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(statement).await, ["R5"]);
    assert_eq!(town.banked_count().await, 3);
    town.books(&[
        ("agency_payable G01.A", -220_000),
        ("claim_on_agency G01.A", 4_100),
        ("bank_account directbank", 215_750),
        // What was kept beyond the contract is the partner's to explain.
        ("partner_receivable directbank", 150),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_found_in_the_text_of_a_credit_that_does_not_say_it_is_of_many() {
    let town = Town::doors().await;
    town.contract(BANK, 0, "0.5").await;
    let invoices = town.paid_by_word(&[("T1", 100_000), ("T2", 50_000)]).await;
    let today = town.today();
    let told = |t: &str, amount: i64| {
        Told::payment(t, amount, today).batch("VI20261123").fee(amount / 200)
    };
    town.stage(town.of_report("R1"), &[told("T1", 100_000), told("T2", 50_000)]).await;
    let credit = |t: &str, memo: &str| Told::payment(t, 149_250, today).memo(memo);
    let code = text(&invoices[0], "code");
    let statement = town
        .stage(
            town.of_bank("S1"),
            &[
                credit("FT1", "VI thanh toan lo VI20261123"),
                // Who names the batch once more does not pay it again.
                credit("FT2", "VI thanh toan lo VI20261123"),
                // A text that names a fee is of that fee, whatever else stands in it.
                credit("FT3", &format!("{code} VI20261123")),
            ],
        )
        .await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(statement).await, ["R5", "R1", "B03 open"]);
    assert_eq!(town.banked_count().await, 3, "both of the batch, and what nobody knows");
    assert_eq!(town.outcome_of("FT2").await, Some(Outcome::Suspense));
    assert_eq!(town.outcome_of("FT1").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_known_by_the_order_whose_money_went_back() {
    let town = Town::whole().await;
    let simulators = town.simulators();
    let invoice = town.issue(50_000).await;
    let page = choose(&town, &invoice, "momo").await;
    simulators.pay(&page, "paid").await;
    town.wait_for(&invoice, "paid").await;
    let refund = town.ask_back(&invoice, 20_000, 50_000).await.expect(201);
    let approver = town.approval_key().await;
    town.approve_refund(&approver, &refund).await.expect(200);
    until("the refund to be confirmed", || async {
        text(&town.refund(&refund).await, "status") == "confirmed"
    })
    .await;
    let (_, order) = page.rsplit_once('/').expect("the wallet's page");
    let back = |id: &str, amount| {
        Told::payment(id, amount, town.today()).nature("refund").reference(order)
    };
    let report = Of { partner: "momo", account: "MOMO-TOWN", ..town.of_report("R1") };
    let lines = [back("R-1", -20_000), back("R-2", -20_000), back("R-3", -30_000)];
    let report = town.stage(report, &lines).await;
    until("the report to be matched", || async {
        town.matching().run().await.expect("it matches");
        town.became(report).await == ["R8", "B05 open", "B03 open"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_waits_for_its_report_and_for_a_person_when_only_the_sum_agrees() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:*", "approver:*"]).await;
    town.contract(BANK, 100, "0").await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000), ("T3", 70_000), ("T4", 20_000)]).await;
    let today = town.today();
    let lump = |t: &str, amount| Told::payment(t, amount, today).nature("lump");
    let statement = town
        .stage(
            town.of_bank("S1"),
            &[
                lump("FT1", 149_800).memo("QT-1 chuyen"),
                lump("FT2", 70_000).memo("khong ro"),
                lump("FT3", 19_999).batch("QT-3"),
            ],
        )
        .await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(statement).await, ["B07 open"; 3]);
    assert_eq!(town.in_the_bank(ACCOUNT).await, 239_799);
    let told = |t: &str, amount, batch| Told::payment(t, amount, today).batch(batch);
    let report = [
        told("T1", 100_000, "QT-1"),
        told("T2", 50_000, "QT-1"),
        told("T3", 70_000, "QT-2"),
        told("T4", 20_000, "QT-3"),
    ];
    town.stage(town.of_report("R1"), &report).await;
    town.matching().run().await.expect("it matches");
    // Less the contract's fee; by the sum alone; one đồng is missing.
    assert_eq!(town.became(statement).await, ["R7", "R6?", "B09 open"]);
    assert_eq!(town.banked_count().await, 2);

    let day = today.to_string();
    let list = an.get(&format!("/v1/matches?day={day}&state=suggested")).await.expect(200);
    let suggested = &list["matches"][0];
    assert_eq!((text(suggested, "rule"), text(suggested, "state")), ("R6", "suggested"));
    assert_eq!(text(suggested, "why"), "day and sum of the only such batch");
    let path = format!("/v1/matches/{}", text(suggested, "id"));
    approver.post(&format!("{path}/confirm"), &Value::Null).await.problem(403, "forbidden");
    let confirmed = an.post(&format!("{path}/confirm"), &Value::Null).await.expect(200);
    assert_eq!(
        (text(&confirmed, "state"), text(&confirmed, "confirmed_by")),
        ("confirmed", &*an.email)
    );
    an.post(&format!("{path}/confirm"), &Value::Null).await.problem(409, "wrong-state");
    assert_eq!((town.became(statement).await[1].as_str(), town.banked_count().await), ("R6", 3));

    // What is short by a đồng two people accept: the case stays, the partner owes it.
    let lines = an.get(&format!("/v1/matching/lines?day={day}&standing=open")).await.expect(200);
    let open = &lines["lines"][0];
    assert_eq!((text(open, "code"), text(open, "amount")), ("B09", "19999"));
    let report_id: Uuid =
        sqlx::query_scalar("select statement_id from report_batch where batch = 'QT-3'")
            .fetch_one(&town.pool)
            .await
            .expect("a batch");
    let by_hand = json!({
        "line": open["line"], "report": report_id, "batch": "QT-3", "reason": "phí chuyển 1 đồng",
    });
    let asked = an.post("/v1/matches", &by_hand).await.expect(202);
    an.post("/v1/matches", &by_hand).await.problem(409, "wrong-state");
    an.decide(text(&asked, "approval"), "approve").await.problem(403, "four-eyes");
    town.approve(text(&asked, "approval")).await;
    assert!(town.matching().tick("tests", false).await.is_ok_and(|all| !all));
    assert_eq!((town.became(statement).await[2].as_str(), town.banked_count().await), ("hand", 4));
    assert!(town.cases().await.contains(&"B09 1 open".to_owned()));

    let sums = an.get(&format!("/v1/reconciliation?day={day}&partner={BANK}")).await.expect(200);
    let of = &sums["accounts"][0];
    assert_eq!((&of["expected"]["count"], &of["banked"]["count"]), (&json!(4), &json!(4)));
    assert_eq!(
        (text(&of["difference"], "amount"), text(&of["reported"], "amount")),
        ("0", "240000")
    );
    town.books(&[
        ("agency_payable G01.A", -240_000),
        ("claim_on_agency G01.A", 200),
        ("bank_account directbank", 239_799),
        ("partner_receivable directbank", 1),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_matched_wrongly_is_taken_apart_and_no_rule_joins_it_again() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    town.approver().await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 100_000)]).await;
    let today = town.today();
    let statement = town.stage(town.of_bank("S1"), &[Told::payment("T1", 100_000, today)]).await;
    town.matching().run().await.expect("it matches");
    let list = an.get(&format!("/v1/matches?day={today}")).await.expect(200);
    let one = format!("/v1/matches/{}", text(&list["matches"][0], "id"));
    an.post(&format!("{one}/undo"), &json!({ "reason": "" })).await.problem(422, "invalid-request");
    let undone =
        an.post(&format!("{one}/undo"), &json!({ "reason": "nhầm giao dịch" })).await.expect(200);
    assert_eq!((text(&undone, "state"), text(&undone, "undone_by")), ("undone", &*an.email));
    an.post(&format!("{one}/undo"), &json!({ "reason": "x" })).await.problem(409, "wrong-state");
    assert_eq!(
        (town.became(statement).await, town.banked_count().await),
        (vec!["B07 open".into()], 0)
    );
    assert_eq!(town.in_the_bank(ACCOUNT).await, 100_000, "the money is there, whoever it is of");
    an.post("/v1/matching/run", &Value::Null).await.expect(200);
    assert_eq!(town.became(statement).await, ["B07 open"], "no rule joins or moves it");

    let other: Uuid =
        sqlx::query_scalar("select settlement_id from settlement where transaction_id = 'T2'")
            .fetch_one(&town.pool)
            .await
            .expect("a settlement");
    let line: i64 = sqlx::query_scalar("select line_id from statement_line")
        .fetch_one(&town.pool)
        .await
        .expect("a line");
    let by_hand =
        json!({ "line": line, "settlements": [other], "reason": "theo xác nhận của ngân hàng" });
    let asked = an.post("/v1/matches", &by_hand).await.expect(202);
    town.approve(text(&asked, "approval")).await;
    assert_eq!((town.became(statement).await, town.banked_count().await), (vec!["hand".into()], 1));
    let banked: Uuid = sqlx::query_scalar("select settlement_id from settlement_banked")
        .fetch_one(&town.pool)
        .await
        .expect("one");
    assert_eq!(banked, other);
}

impl Town {
    async fn settlement_told_by(&self, transaction: &str) -> Uuid {
        sqlx::query_scalar("select settlement_id from settlement where transaction_id = $1")
            .bind(transaction)
            .fetch_one(&self.pool)
            .await
            .expect("a settlement")
    }

    /// What the receivables of accounts hold that hold something.
    async fn receivables(&self) -> Vec<(String, i64)> {
        sqlx::query_as(
            "select a.detail, sum(p.amount)::bigint from ledger.posting p
               join ledger.account a on a.account_id = p.account_id
              where a.kind = 'partner_receivable'
              group by a.detail having sum(p.amount) <> 0 order by a.detail",
        )
        .fetch_all(&self.pool)
        .await
        .expect("sums")
    }

    /// Two officers say that a settlement was seen in the bank.
    async fn seen_in_the_bank(&self, transaction: &str) {
        let officer = self.person(&format!("{transaction}@town.example"), &["officer:*"]).await;
        let path = format!("/v1/settlements/{}/banked", self.settlement_told_by(transaction).await);
        let asked = officer.post(&path, &json!({})).await.expect(202);
        self.approve(text(&asked, "approval")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_officers_saw_in_the_bank_is_not_counted_again_when_its_statement_comes() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    town.approver().await;
    town.contract(BANK, 1_000, "0").await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000)]).await;
    town.seen_in_the_bank("T1").await;
    town.seen_in_the_bank("T2").await;
    assert_eq!(town.in_the_bank(ACCOUNT).await, 150_000);
    let today = town.today();
    let batch = Told::payment("T2", 50_000, today).batch("B-111").fee(1_000);
    let report = town.stage(town.of_report("R1"), &[batch]).await;
    let lump = Told::payment("FT", 49_000, today).nature("lump").memo("lo B-111");
    let lines = [Told::payment("T1", 100_000, today), lump];
    let statement = town.stage(town.of_bank("S1"), &lines).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(report).await, ["R1"]);
    assert_eq!(town.became(statement).await, ["R1", "R5"]);
    let books = [
        ("agency_payable G01.A", -150_000),
        ("claim_on_agency G01.A", 1_000),
        ("bank_account directbank", 149_000),
    ];
    town.books(&books).await;
    assert_eq!(town.receivables().await, []);

    // Taken apart, the line is other money than that of the word, until it is matched again.
    let list = an.get(&format!("/v1/matches?day={today}")).await.expect(200);
    let of_t1 = list["matches"]
        .as_array()
        .expect("matches")
        .iter()
        .find(|m| m["rule"] == "R1" && m["layer"] == "funds");
    let of_t1 = of_t1.expect("that of T1");
    let undo = format!("/v1/matches/{}/undo", text(of_t1, "id"));
    an.post(&undo, &json!({ "reason": "xem lại" })).await.expect(200);
    assert_eq!(town.in_the_bank(ACCOUNT).await, 249_000);
    assert_eq!(town.receivables().await, [(ACCOUNT.to_owned(), -100_000)]);
    let line: i64 =
        sqlx::query_scalar("select line_id from statement_line where transaction_id = 'T1'")
            .fetch_one(&town.pool)
            .await
            .expect("a line");
    let settlement = town.settlement_told_by("T1").await;
    let by_hand = json!({ "line": line, "settlements": [settlement], "reason": "đúng là nó" });
    let asked = an.post("/v1/matches", &by_hand).await.expect(202);
    town.approve(text(&asked, "approval")).await;
    town.books(&books).await;
    assert_eq!(town.receivables().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_reported_and_never_paid_is_a_case_until_its_money_comes() {
    let town = Town::doors().await;
    town.contract(BANK, 1_000, "0").await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000)]).await;
    let today = town.today();
    let told = |t: &str, amount| Told::payment(t, amount, today).batch("B-777").fee(1_000);
    town.stage(town.of_report("R1"), &[told("T1", 100_000), told("T2", 50_000)]).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.cases().await, [""; 0], "its window is open");
    town.clock.turn(chrono::Duration::days(9));
    town.matching().run().await.expect("it matches");
    town.matching().run().await.expect("it matches");
    assert_eq!(town.cases().await, ["B09 148000 open"], "once");
    let credit = Told::payment("FT1", 148_000, today).nature("lump").memo("lo B-777");
    let statement = town.stage(town.of_bank("S1"), &[credit]).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(statement).await, ["R5"]);
    assert_eq!(town.cases().await, ["B09 148000 auto_closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_on_one_account_pays_by_hand_what_another_has_collected_and_both_are_even() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    town.approver().await;
    let of = town.paid_by_word(&[("T1", 100_000), ("T2", 100_000)]).await;
    let both = format!("{} {}", text(&of[0], "code"), text(&of[1], "code"));
    let today = town.today();
    let other = Of { account: "0011009999999", ..town.of_bank("S1") };
    let statement = town.stage(other, &[Told::payment("FT-9", 100_000, today).memo(&both)]).await;
    town.matching().run().await.expect("it matches");
    assert!(town.became(statement).await[0].ends_with(" open"), "which of both nobody knows");
    let line: i64 = sqlx::query_scalar("select line_id from statement_line")
        .fetch_one(&town.pool)
        .await
        .expect("a line");
    let settlement = town.settlement_told_by("T1").await;
    let by_hand =
        json!({ "line": line, "settlements": [settlement], "reason": "nộp nhầm tài khoản" });
    let asked = an.post("/v1/matches", &by_hand).await.expect(202);
    town.approve(text(&asked, "approval")).await;
    assert_eq!(town.became(statement).await, ["hand"]);
    assert_eq!(town.receivables().await, [(ACCOUNT.to_owned(), 100_000)], "that of T2");
    let list = an.get(&format!("/v1/matches?day={today}")).await.expect(200);
    let undo = format!("/v1/matches/{}/undo", text(&list["matches"][0], "id"));
    an.post(&undo, &json!({ "reason": "xem lại" })).await.expect(200);
    let owed = [(ACCOUNT.to_owned(), 200_000), ("0011009999999".to_owned(), -100_000)];
    assert_eq!(town.receivables().await, owed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_side_does_not_know_is_a_case_when_its_window_is_over_and_closed_when_it_comes() {
    let town = Town::doors().await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000)]).await;
    let invoice = town.issue(70_000).await;
    let today = town.today();
    let told = Told::payment("T9", 70_000, today).memo(text(&invoice, "code"));
    let report =
        town.stage(town.of_report("R1"), &[Told::payment("T1", 100_000, today), told]).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(report).await, ["R1", "B02 waiting"]);
    assert_eq!(town.cases().await, [""; 0]);
    town.days_pass(7);
    let later = Of { reference: "R2", ..town.of_report("R2") };
    town.stage(later, &[]).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(report).await, ["R1", "B02 open"]);
    let mut cases = town.cases().await;
    cases.sort();
    assert_eq!(cases, ["B01 50000 open", "B02 70000 open"]);

    // The callback that was late, and a report that tells of the other at last.
    assert_eq!(town.settle("T9", 70_000, text(&invoice, "code")).await, "applied");
    let late = Of { reference: "R3", ..town.of_report("R3") };
    let late = town.stage(late, &[Told::payment("T2", 50_000, today)]).await;
    town.matching().run_all_again().await.expect("it matches");
    assert_eq!(
        (town.became(report).await[1].as_str(), town.became(late).await[0].as_str()),
        ("R1", "R1")
    );
    let mut cases = town.cases().await;
    cases.sort();
    assert_eq!(cases, ["B01 50000 auto_closed", "B02 70000 auto_closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issue_of_a_statement_takes_the_place_of_the_first_in_the_books() {
    let town = Town::doors().await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000)]).await;
    let today = town.today();
    let credit = |t: &str, amount| Told::payment(t, amount, today);
    let first = [credit("T1", 100_000), credit("T2", 50_000), credit("FT-X", 9_000).memo("?")];
    let first = town.stage(town.of_bank("S1"), &first).await;
    town.matching().run().await.expect("it matches");
    assert_eq!((town.in_the_bank(ACCOUNT).await, town.banked_count().await), (159_000, 3));
    // The bank corrects itself: T2 never came, and there was one more.
    let lines =
        [credit("T1", 100_000), credit("FT-X", 9_000).memo("?"), credit("FT-Y", 500).memo("?")];
    let second = town.stage_in_place_of(Some(first), town.of_bank("S1"), &lines).await;
    town.matching().run().await.expect("it matches");
    assert_eq!(town.became(first).await, ["nothing"; 3]);
    assert_eq!(town.became(second).await, ["R1"; 3]);
    assert_eq!((town.in_the_bank(ACCOUNT).await, town.banked_count().await), (109_500, 3));
    town.books(&[
        ("agency_payable G01.A", -150_000),
        ("suspense directbank", -9_500),
        ("bank_account directbank", 109_500),
        ("partner_receivable directbank", 50_000),
    ])
    .await;
    let reversed = town.count("ledger.entry where reverses is not null").await;
    assert_eq!(reversed, town.count("matching_entry m where exists (select from ledger.entry e where e.reverses = m.entry_id)").await);
    assert!(reversed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_chunks_goes_on_where_it_stopped_and_two_runners_do_not_double() {
    let town = Town::doors().await;
    let of: Vec<(String, u64)> = (0..24).map(|n| (format!("T{n}"), 10_000 + n)).collect();
    let of: Vec<(&str, u64)> = of.iter().map(|(t, amount)| (t.as_str(), *amount)).collect();
    town.paid_by_word(&of).await;
    let today = town.today();
    let lines: Vec<Told> = of
        .iter()
        .map(|(t, amount)| Told::payment(t, i64::try_from(*amount).expect("small"), today))
        .collect();
    let statement = town.stage(town.of_bank("S1"), &lines).await;
    let small = Matching { chunk: 5, ..town.matching().clone() };
    // Each time the runner is killed somewhere inside: what was committed counts, no more.
    let kills = Arc::new(AtomicUsize::new(0));
    for milliseconds in [1, 3, 8, 15, 25] {
        let runner = small.clone();
        let killed =
            tokio::time::timeout(std::time::Duration::from_millis(milliseconds), async move {
                runner.run().await
            })
            .await;
        kills.fetch_add(usize::from(killed.is_err()), Ordering::Relaxed);
        let upto: Option<i32> = sqlx::query_scalar("select upto from matching")
            .fetch_optional(&town.pool)
            .await
            .expect("how far");
        let matched = town.count("match_side where active").await;
        assert_eq!(i64::from(upto.unwrap_or(0)), matched, "progress and effect are one commit");
        assert_eq!(matched, town.banked_count().await);
    }
    assert!(kills.load(Ordering::Relaxed) > 0, "it was killed at least once");
    let (a, b) = tokio::join!(small.run(), small.run());
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    assert_eq!(town.became(statement).await, ["R1"; 24]);
    let sum: u64 = of.iter().map(|(_, amount)| amount).sum();
    let sum = i64::try_from(sum).expect("small");
    assert_eq!((town.in_the_bank(ACCOUNT).await, town.banked_count().await), (sum, 24));
    town.books(&[("agency_payable G01.A", -sum), ("bank_account directbank", sum)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_that_say_the_very_same_are_as_many_as_they_are_wherever_a_chunk_ends() {
    let town = Town::doors().await;
    town.settle_by(BANK, ACCOUNT, SettlingSource::Statement).await;
    let today = town.today();
    let line = || Told::payment("", 50_000, today).memo("nop phi");
    let lines: Vec<Told> = (0..9).map(|_| line()).collect();
    let statement = town.stage(town.of_bank("S1"), &lines).await;
    let small = Matching { chunk: 1, ..town.matching().clone() };
    small.run().await.expect("it matches");
    assert_eq!(town.became(statement).await, ["R1"; 9]);
    assert_eq!(town.count("settlement").await, 9, "each is money of its own");
    town.books(&[("suspense directbank", -450_000), ("bank_account directbank", 450_000)]).await;
    let again = town.stage(town.of_bank("S2"), &lines).await;
    small.run().await.expect("it matches");
    assert_eq!(town.became(again).await, ["B05 open"; 9], "told again, they are the same");
    assert_eq!(town.count("settlement").await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_the_rules_would_not_do() {
    let town = Town::doors().await;
    town.paid_by_word(&[("T1", 100_000), ("T2", 50_000)]).await;
    let today = town.today();
    let lines = [Told::payment("T1", 100_000, today), Told::payment("Z", 7_000, today).memo("?")];
    town.stage(town.of_report("R1"), &lines).await;
    town.matching().run().await.expect("it matches");
    let made: Uuid =
        sqlx::query_scalar("select match_id from match").fetch_one(&town.pool).await.expect("one");
    for (statement, told) in [
        ("update match set rule = 'R2'", "permission denied"),
        ("delete from match_side", "permission denied"),
        ("update match_side set active = false", "permission denied"),
        ("delete from unmatch", "permission denied"),
        (
            "with m as (insert into match (match_id, layer, rule, rule_version, state, partner, account,
                 agency, reason, made_by, made_at) values ('00000000-0000-7000-8000-000000000001', 'line',
                 'R1', 1, 'confirmed', 'p', 'a', '*', 'x', 'x', now()) returning match_id)
             insert into match_side (match_id, place, layer, line_id, line_amount, settlement_id, own_amount)
             select m.match_id, 1, 'line', l.line_id, l.amount, s.settlement_id, s.amount
               from m, statement_line l, settlement s where l.place = 2 and s.transaction_id = 'T2'",
            "do not add up",
        ),
        (
            "with m as (insert into match (match_id, layer, rule, rule_version, state, partner, account,
                 agency, reason, made_by, made_at) values ('00000000-0000-7000-8000-000000000002', 'line',
                 'R1', 1, 'confirmed', 'p', 'a', '*', 'x', 'x', now()) returning match_id)
             insert into match_side (match_id, place, layer, line_id, line_amount, settlement_id, own_amount)
             select m.match_id, 1, 'line', l.line_id, 50000, s.settlement_id, s.amount
               from m, statement_line l, settlement s where l.place = 2 and s.transaction_id = 'T2'",
            "of another line or settlement",
        ),
        (
            "with m as (insert into match (match_id, layer, rule, rule_version, state, partner, account,
                 agency, reason, made_by, made_at) values ('00000000-0000-7000-8000-000000000003', 'line',
                 'R1', 1, 'confirmed', 'p', 'a', '*', 'x', 'x', now()) returning match_id)
             insert into match_side (match_id, place, layer, line_id, line_amount, settlement_id, own_amount)
             select m.match_id, 1, 'line', l.line_id, l.amount, s.settlement_id, s.amount
               from m, statement_line l, settlement s where l.place = 1 and s.transaction_id = 'T1'",
            "match_side_line_once",
        ),
        ("insert into match_confirmation select match_id, 'x', now() from match", "no suggestion"),
        ("insert into unmatch select match_id, '', 'x', now() from match", "unmatch_has_reason"),
    ] {
        let refused = sqlx::query(statement).execute(&town.pool).await.expect_err(statement);
        assert!(refused.to_string().contains(told), "{statement}: {refused}");
    }
    let sides = "match_side where match_id = '";
    assert_eq!(town.count(&format!("{sides}{made}' and active")).await, 1);
}
