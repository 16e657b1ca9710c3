//! Cases: what they hold is what stands in the books, always; one person looks after them, two take
//! a way out, and what was shown is what is booked.

use chrono::{Duration, NaiveTime};
use payclear::breaks::holding::Holding;
use payclear::breaks::store::days::{OpenCase, Rolled, open_at, roll_forward};
use payclear::breaks::store::holds::{self, differences};
use payclear::breaks::store::{break_open_once, breaks_close_of_invoices};
use payclear::breaks::{self, Break, BreakCode, BreakState};
use payclear::commands::verify;
use payclear::invoices::totals::bounds;
use payclear::registers::caller::CallerKind;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::day::BusinessDay;
use payclear::vocabulary::ids::{BreakId, SettlementId};
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::partners::{payos_envelope, payos_transfer};
use crate::support::town::ACCOUNT;
use crate::support::{Answer, PAYOS_ACCOUNT, Person, Town, answer_of, money, text};

impl Town {
    /// Cases with what they hold, in the order in which they were opened.
    async fn held(&self) -> Vec<String> {
        let rows: Vec<(String, String, Option<String>, i64)> = sqlx::query_as(
            "select code, state, held_in, held::bigint from break_case c
              order by (select min(step_id) from break_step s where s.break_id = c.break_id)",
        )
        .fetch_all(&self.pool)
        .await
        .expect("the cases");
        rows.into_iter()
            .map(|(code, state, held_in, held)| match held_in.filter(|_| held != 0) {
                Some(held_in) => format!("{code} {state} {held_in} {held}"),
                None => format!("{code} {state}"),
            })
            .collect()
    }

    /// Asserts that the books and the cases say the same, now.
    #[track_caller]
    fn agrees<'t>(&'t self, expected: &'t [&'t str]) -> impl Future<Output = ()> + 't {
        let place = std::panic::Location::caller();
        async move {
            assert_eq!(self.held().await, expected, "cases at {place}");
            let mut conn = self.pool.acquire().await.expect("a connection");
            let differing = differences(&mut conn).await.expect("the sums");
            assert_eq!(differing, [], "at {place}");
        }
    }

    pub async fn case_of(&self, code: &str) -> String {
        sqlx::query_scalar(
            "select break_id::text from break_case where code = $1 order by opened_at desc, break_id desc limit 1",
        )
        .bind(code)
        .fetch_one(&self.pool)
        .await
        .expect("a case")
    }

    /// A case that another room found.
    async fn finds(&self, code: BreakCode, settlement: Option<&str>, amount: u64) -> String {
        let now = self.clock.now();
        let settlement = settlement.map(|id| SettlementId(id.parse().expect("an id")));
        let case = Break {
            id: BreakId::new(now),
            code,
            state: BreakState::Open,
            opened_at: now,
            partner: "directbank".to_owned(),
            agency: "G01.A".to_owned(),
            invoice: None,
            settlement,
            amount: Money::vnd(amount),
            detail: "found by a test".to_owned(),
        };
        let mut conn = self.pool.acquire().await.expect("a connection");
        breaks::store::breaks_insert(&mut conn, std::slice::from_ref(&case)).await.expect("a case");
        case.id.to_string()
    }

    async fn settlement_of(&self, transaction: &str) -> String {
        sqlx::query_scalar(
            "select settlement_id::text from settlement where transaction_id = $1 and source <> 'officer'",
        )
        .bind(transaction)
        .fetch_one(&self.pool)
        .await
        .expect("a settlement")
    }

    async fn seen_in_bank(&self, transaction: &str) {
        let id: Uuid = self.settlement_of(transaction).await.parse().expect("an id");
        let mut tx = self.pool.begin().await.expect("a transaction");
        let (books, now) = (&self.app.accounts, self.clock.now());
        let id = SettlementId(id);
        payclear::settlements::bank::confirm_in(&mut tx, books, id, None, "chi@town.example", now)
            .await
            .expect("it is banked");
        tx.commit().await.expect("a commit");
    }
}

/// The lines of entries as text, for comparing.
fn lines(entries: &Value) -> Vec<String> {
    let entries = entries.as_array().expect("entries").iter();
    entries
        .flat_map(|entry| {
            let act = text(entry, "act").to_owned();
            let lines = entry["lines"].as_array().expect("lines").clone();
            lines.into_iter().map(move |line| {
                let (account, owner) = (text(&line, "account"), text(&line, "owner"));
                format!(
                    "{act}: {} {} {account} {owner}",
                    text(&line, "side"),
                    text(&line, "amount")
                )
            })
        })
        .collect()
}

impl Person {
    async fn previews(&self, case: &str, wish: &Value) -> Answer {
        self.post(&format!("/v1/breaks/{case}/preview"), wish).await
    }

    async fn proposes_way(&self, case: &str, wish: &Value) -> Answer {
        self.post(&format!("/v1/breaks/{case}/propose"), &json!({ "wish": wish })).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_in_suspense_is_placed_by_two_people_and_the_portal_is_told() {
    let town = Town::whole().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:*", "approver:*"]).await;
    let invoice = town.issue(50_000).await;
    assert_eq!(town.settle("T1", 50_000, "ung ho").await, "suspense");
    town.agrees(&["B07 open suspense 50000"]).await;
    let case = town.case_of("B07").await;
    let wish = json!({ "way": "place", "reason": "payer's letter", "invoice": invoice["code"] });

    let before = town.balances().await;
    let shown = an.previews(&case, &wish).await.expect(200);
    assert_eq!(
        lines(&shown["entries"]),
        [
            "settlement: debit 50000 suspense directbank",
            "settlement: credit 50000 agency_payable G01.A"
        ]
    );
    assert_eq!(
        (shown["closes"].clone(), shown["outcome"]["settled"].clone()),
        (json!(true), json!("applied"))
    );
    assert_eq!(town.balances().await, before, "a preview books nothing");
    assert_eq!(town.status(&invoice).await, "issued");

    // Proposed with the hash of what was shown; of anything else it is refused.
    let path = format!("/v1/breaks/{case}/propose");
    let other = json!({ "wish": wish, "content_hash": "0".repeat(64) });
    an.post(&path, &other).await.problem(412, "content-changed");
    let body = json!({ "wish": wish, "content_hash": shown["content_hash"] });
    let proposed = an.post(&path, &body).await.expect(202);
    an.post(&path, &body).await.problem(409, "wrong-state");
    let approval = text(&proposed, "approval");
    an.decide(approval, "approve").await.problem(403, "four-eyes");
    assert_eq!(town.balances().await, before, "one person moved money");

    town.approve(approval).await;
    town.books(&[("partner_receivable directbank", 50_000), ("agency_payable G01.A", -50_000)])
        .await;
    town.agrees(&["B07 resolved"]).await;
    assert_eq!(town.status(&invoice).await, "paid");
    town.wait_until_told(&invoice, &["invoice.paid"]).await;
    let collected = async || {
        let told = an.get("/v1/positions").await.expect(200);
        assert_eq!(told["differences"], Value::Null, "what is placed is collected: {told}");
        text(&told["positions"][0], "collected").to_owned()
    };
    assert_eq!(collected().await, "50000");

    let file = an.get(&format!("/v1/breaks/{case}")).await.expect(200);
    let booked = file["entries"].as_array().expect("entries");
    let placed: Vec<_> = booked.iter().filter(|e| e["act"] == "settlement").cloned().collect();
    assert_eq!(lines(&Value::from(placed.clone())), lines(&shown["entries"]), "as it was shown");
    assert_eq!(
        (text(&placed[0], "actor"), text(&placed[0], "reason")),
        (&*an.email, "payer's letter")
    );
    let sources: Vec<_> = file["settlements"]
        .as_array()
        .expect("settlements")
        .iter()
        .map(|s| s["source"].clone())
        .collect();
    assert_eq!(sources, [json!("api"), json!("officer")]);
    an.previews(&case, &wish).await.problem(409, "wrong-state");

    // The bank takes it back: both are taken back, and the money was never in suspense.
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    assert_eq!(town.status(&invoice).await, "pending");
    town.books(&[]).await;
    assert_eq!(collected().await, "0");
    town.agrees(&["B07 auto_closed", "B13 auto_closed", "B13 open"]).await;
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    town.books(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_behind_a_proposal_is_not_booked() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let invoice = town.issue(50_000).await;
    town.settle("T1", 50_000, "ung ho").await;
    let case = town.case_of("B07").await;
    let wish = json!({ "way": "place", "reason": "payer's letter", "invoice": invoice["code"] });
    let proposed = an.proposes_way(&case, &wish).await.expect(202);
    let approval = text(&proposed, "approval");

    // The payer pays once more, with the code: placed now, the money would be due back.
    assert_eq!(town.settle("T2", 50_000, text(&invoice, "code")).await, "applied");
    let before = town.balances().await;
    approver.decide(approval, "approve").await.problem(412, "content-changed");
    assert_eq!(town.balances().await, before);
    town.agrees(&["B07 open suspense 50000"]).await;
    approver.decide(approval, "reject").await.expect(200);

    let again = an.proposes_way(&case, &wish).await.expect(202);
    assert_eq!(
        lines(&again["preview"]["entries"]),
        ["surplus: debit 50000 suspense directbank", "surplus: credit 50000 refund_due directbank"]
    );
    town.approve(text(&again, "approval")).await;
    town.agrees(&["B07 resolved", "B05 open refund_due 50000"]).await;
    // It goes back as any other surplus does, to the account that it came from.
    town.app.carrying().sweep_due_back().await.expect("a sweep");
    let refund = town.refunds(&invoice).await.pop().expect("a refund");
    assert_eq!((text(&refund, "kind"), money(&refund["amount"])), ("surplus", 50_000));
    assert_eq!(text(&refund, "waits_for"), "bank");
    town.seen_in_bank("T1").await;
    assert_eq!(text(&town.refund(&refund).await, "waits_for"), "account", "as banked as its money");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_alone_moves_nothing_whatever_roles_they_hold() {
    let town = Town::doors().await;
    town.approver().await;
    let roles = ["officer:*", "approver:*", "admin:*", "operator:*", "auditor:*", "viewer:*"];
    let all = town.person("all@town.example", &roles).await;
    let invoice = town.issue(50_000).await;
    let paid = town.paid_by_bank("T0", 70_000).await;
    town.settle("T1", 50_000, "ung ho").await;
    town.seen_in_bank("T1").await;
    let suspense = town.case_of("B07").await;
    let settled = town.settlement_of("T0").await;
    let silent = town.finds(BreakCode::MissingAtProvider, Some(&settled), 70_000).await;
    let short = town.finds(BreakCode::FundsShort, None, 900).await;
    let wrong = town.finds(BreakCode::WrongBeneficiary, None, 70_000).await;
    let before = town.balances().await;
    let reason = "alone";
    for (case, wish) in [
        (&suspense, json!({ "way": "place", "reason": reason, "invoice": invoice["code"] })),
        (&suspense, json!({ "way": "return", "reason": reason })),
        (&silent, json!({ "way": "reverse", "reason": reason })),
        (&short, json!({ "way": "write_off", "reason": reason, "account": ACCOUNT })),
        (&short, json!({ "way": "claim", "reason": reason, "account": ACCOUNT })),
        (&short, json!({ "way": "accept", "reason": reason })),
        (
            &wrong,
            json!({ "way": "transfer", "reason": reason,
                    "from": { "agency": "G01.A", "budget": "416/2716" },
                    "to": { "agency": "G01.A", "budget": "416/2717" } }),
        ),
    ] {
        let proposed = all.proposes_way(case, &wish).await.expect(202);
        let entries = proposed["preview"]["entries"].as_array().expect("entries").len();
        assert_eq!(entries == 0, wish["way"] == "accept", "{wish}");
        let approval = text(&proposed, "approval");
        all.decide(approval, "approve").await.problem(403, "four-eyes");
        assert_eq!(town.balances().await, before, "{wish}");
        all.decide(approval, "reject").await.problem(403, "four-eyes");
        town.approver().await.decide(approval, "reject").await.expect(200);
    }
    assert_eq!(town.status(&paid).await, "paid");
    // Nor does the application's own role at the database: without an approval nothing is resolved.
    for statement in [
        "update break_case set state = 'resolved', closed_at = now(), changed_at = now() where held = 0",
        "insert into break_resolution select approval_id, subject::uuid, 'accept', 1, 'VND', 'x', 'a', 'b', now(), '{}'
           from approval where kind = 'break.resolve' limit 1",
        "update break_case set state = 'auto_closed', closed_at = now() where held <> 0",
        "delete from break_step",
        "update break_comment set said = 'x'",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&town.pool).await;
        assert!(refused.is_err(), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cases_hold_follows_the_money_through_parts_reversals_and_ends() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code").to_owned();
    assert_eq!(town.settle("T1", 40_000, &code).await, "held");
    town.agrees(&["B03 open part_payments_held 40000"]).await;
    assert_eq!(town.settle("T2", 70_000, &code).await, "overpaid");
    town.agrees(&["B03 auto_closed", "B03 open refund_due 10000"]).await;
    // The completing payment is taken back: the part is held again, nothing is due back.
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    town.agrees(&["B03 open part_payments_held 40000", "B03 auto_closed", "B13 open"]).await;
    assert_eq!(town.settle("T3", 60_000, &code).await, "applied");
    town.agrees(&["B03 auto_closed", "B03 auto_closed", "B13 open"]).await;
    // The part is taken back while the invoice is paid: it is missing, and somebody must say whose
    // loss it is.
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    town.agrees(&["B03 auto_closed", "B03 auto_closed", "B13 open", "B13 open suspense -40000"])
        .await;

    // An invoice that ends with a part: due back, and no case of it is lost.
    let ended = town.issue(100_000).await;
    assert_eq!(town.settle("T5", 30_000, text(&ended, "code")).await, "held");
    town.cancel(&ended).await.expect(200);
    let held = town.held().await;
    assert_eq!(held.last().expect("a case"), "B03 open refund_due 30000");
    assert_eq!(town.reverse("T5", "R5").await.status, 204);
    let held = town.held().await;
    assert_eq!(held[held.len() - 2..], ["B03 auto_closed", "B13 open"]);

    // Suspense that its bank takes back.
    town.settle("T6", 7_000, "ai do").await;
    assert_eq!(town.reverse("T6", "R6").await.status, 204);
    let held = town.held().await;
    assert_eq!(held[held.len() - 2..], ["B07 auto_closed", "B13 open"]);
    let mut conn = town.pool.acquire().await.expect("a connection");
    assert_eq!(differences(&mut conn).await.expect("the sums"), []);

    // Of the loss: the agency makes it good, by two people.
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let lost =
        sqlx::query_scalar::<_, String>("select break_id::text from break_case where held < 0")
            .fetch_one(&town.pool)
            .await
            .expect("the loss");
    let wish = json!({ "way": "claim", "reason": "chargeback of a paid part" });
    let proposed = an.proposes_way(&lost, &wish).await.expect(202);
    assert_eq!(
        lines(&proposed["preview"]["entries"]),
        ["claimed: debit 40000 claim_on_agency G01.A", "claimed: credit 40000 suspense directbank"]
    );
    town.approve(text(&proposed, "approval")).await;
    assert_eq!(town.balances().await.get("suspense directbank"), None);
    assert_eq!(town.balances().await["claim_on_agency G01.A"], 40_000);
    assert_eq!(differences(&mut conn).await.expect("the sums"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_taken_back_is_set_off_when_what_it_completed_is_taken_back_too() {
    let town = Town::doors().await;
    let samplebank = town.caller(CallerKind::Partner, "samplebank").await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    let rest = payos_transfer("FT1", 60_000, code);
    assert_eq!(town.payos(&payos_envelope(&rest)).await.status, 200);
    assert_eq!(town.status(&invoice).await, "paid");
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    town.agrees(&["B03 auto_closed", "B13 open suspense -40000"]).await;
    // Through another bank: the money that was missing is no one's any more, and nothing is left over.
    let back = json!({ "transaction_id": "R2", "reason": "recalled" });
    let path = "/v1/settlements/FT1/reversal";
    assert_eq!(samplebank.post(path, &back).await.status, 204);
    town.agrees(&["B03 auto_closed", "B13 auto_closed", "B13 open"]).await;
    assert!(town.balances().await.is_empty(), "{:?}", town.balances().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_fails_after_its_part_was_held_again_stands_in_suspense_with_a_case() {
    for taken_back_first in [false, true] {
        let town = Town::doors().await;
        let key = town.approval_key().await;
        town.approver().await;
        let an = town.person("an@town.example", &["officer:*"]).await;
        let invoice = town.issue(100_000).await;
        let code = text(&invoice, "code");
        assert_eq!(town.settle("T1", 40_000, code).await, "held");
        assert_eq!(town.settle("T2", 60_000, code).await, "applied");
        town.named_account(&invoice).await;
        let refund = town.ask_back_of(&invoice, "T1", 30_000, 100_000).await.expect(201);
        town.approve_refund(&key, &refund).await.expect(200);
        town.export(payclear::refunds::refund::RefundMethod::Transfer).await.expect("a file");
        assert_eq!(town.reverse("T2", "R2").await.status, 204);
        town.agrees(&["B03 open part_payments_held 10000", "B13 open"]).await;
        if taken_back_first {
            assert_eq!(town.reverse("T1", "R1").await.status, 204);
            town.agrees(&["B03 auto_closed", "B13 open", "B13 open suspense -30000"]).await;
        }
        let end = format!("/v1/refunds/{}/end", text(&refund, "id"));
        let failed = json!({ "as": "failed", "reason": "AC04" });
        let ended = an.post(&end, &failed).await.expect(202);
        town.approve(text(&ended, "approval")).await;
        let balances = town.balances().await;
        assert!(!balances.keys().any(|name| name.starts_with("agency_payable")), "{balances:?}");
        if taken_back_first {
            town.agrees(&["B03 auto_closed", "B13 open", "B13 auto_closed"]).await;
        } else {
            let open = ["B03 open part_payments_held 10000", "B13 open", "B12 open suspense 30000"];
            town.agrees(&open).await;
            let case = town.case_of("B12").await;
            let read = an.get(&format!("/v1/breaks/{case}")).await.expect(200);
            assert_eq!(
                read["break"]["ways"],
                json!(["wait", "ask", "return", "set_off"]),
                "{read}"
            );
            // What is left of the part is 10,000, whatever is asked of it.
            assert_eq!(money(&town.read(&invoice).await["held"]), 10_000);
            assert_eq!(town.reverse("T1", "R1").await.status, 204);
            town.agrees(&["B03 auto_closed", "B13 open", "B12 auto_closed", "B13 open"]).await;
        }
        assert!(town.balances().await.is_empty(), "{:?}", town.balances().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_case_lacks_and_another_holds_is_set_off_by_two_people() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let whole = town.person("binh@town.example", &["officer:*"]).await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    assert_eq!(town.settle("T1", 40_000, code).await, "held");
    assert_eq!(town.settle("T2", 60_000, code).await, "applied");
    assert_eq!(town.reverse("T1", "R1").await.status, 204);
    // The payer sends it again, without a word that names the invoice.
    assert_eq!(town.settle("T3", 7_000, "ai do").await, "suspense");
    let open = ["B03 auto_closed", "B13 open suspense -40000", "B07 open suspense 7000"];
    town.agrees(&open).await;
    let (lacks, holds) = (town.case_of("B13").await, town.case_of("B07").await);
    let wish = |against: &str| json!({ "way": "set_off", "reason": "the same money, sent again", "against": against });
    an.previews(&lacks, &json!({ "way": "set_off", "reason": "none" })).await.points_to("/against");
    an.previews(&lacks, &wish(&lacks)).await.points_to("/against");
    // Of money that is nobody's yet only who acts for all disposes.
    an.previews(&lacks, &wish(&holds)).await.points_to("/against");
    let shown = whole.previews(&holds, &wish(&lacks)).await.expect(200);
    assert_eq!((&shown["closes"], &shown["entries"]), (&json!(true), &json!([])), "{shown}");
    assert_eq!(shown["outcome"]["left_there"], "-33000", "{shown}");
    let proposed = whole.proposes_way(&holds, &wish(&lacks)).await.expect(202);
    town.agrees(&open).await;
    town.approve(text(&proposed, "approval")).await;
    town.agrees(&["B03 auto_closed", "B13 open suspense -33000", "B07 resolved"]).await;
    assert_eq!(town.balances().await["suspense directbank"], 33_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_and_the_rest_in_one_list_leave_no_case_behind() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let code = text(&invoice, "code");
    let list = json!([town.credit("T1", 40_000, code), town.credit("T2", 60_000, code)]);
    town.bank.post("/v1/settlements", &list).await.expect(200);
    assert_eq!(town.status(&invoice).await, "paid");
    town.agrees(&["B03 auto_closed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_takes_the_money_out_of_its_case_and_puts_it_back_when_it_fails() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    assert_eq!(town.settle("T2", 100_000, text(&invoice, "code")).await, "refund_due");
    town.agrees(&["B05 open refund_due 100000"]).await;
    town.named_account(&invoice).await;
    town.app.carrying().sweep_due_back().await.expect("a sweep");
    let refund = town.refunds(&invoice).await.pop().expect("a refund");
    town.seen_in_bank("T2").await;
    let release = format!("/v1/refunds/{}/proposal", text(&refund, "id"));
    let release = an.post(&release, &json!({})).await.expect(202);
    town.approve(text(&release, "approval")).await;
    town.agrees(&["B05 auto_closed"]).await;
    town.export(payclear::refunds::refund::RefundMethod::Transfer).await.expect("a file");
    let end = format!("/v1/refunds/{}/end", text(&refund, "id"));
    let failed = json!({ "as": "failed", "reason": "AC04" });
    let ended = an.post(&end, &failed).await.expect(202);
    town.approve(text(&ended, "approval")).await;
    town.agrees(&["B05 open refund_due 100000"]).await;

    // Its way out opens the refund once more; the case closes when the money leaves.
    let case = town.case_of("B05").await;
    let wish = json!({ "way": "refund", "reason": "another account" });
    let proposed = an.proposes_way(&case, &wish).await.expect(202);
    assert_eq!(proposed["preview"]["closes"], false);
    town.approve(text(&proposed, "approval")).await;
    assert_eq!(town.refunds(&invoice).await.len(), 2);
    town.agrees(&["B05 open refund_due 100000"]).await;
    an.previews(&case, &wish).await.problem(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_sees_books_and_cases_that_differ() {
    let town = Town::doors().await;
    town.settle("T1", 50_000, "ung ho").await;
    assert!(verify::verify(&town.pool).await.expect("a report").holds);
    town.as_owner("update break_case set held = 49999").await.expect("spoilt");
    let report = verify::verify(&town.pool).await.expect("a report");
    assert!(!report.holds);
    let found = &report.differing[0];
    assert_eq!((found.held_in.as_str(), found.partner.as_str()), ("suspense", "directbank"));
    assert_eq!((found.balance, found.cases), (50_000.into(), 49_999.into()));
    town.as_owner("update break_case set held = 50000").await.expect("mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_did_not_settle_is_booked_once() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let bank = town.caller(CallerKind::Partner, "samplebank").await;
    let invoice = town.issue(80_000).await;
    let mut credit = town.credit("FT1", 80_000, text(&invoice, "code"));
    credit["account"] = json!(PAYOS_ACCOUNT);
    let noted = bank.post("/v1/settlements", &credit).await.expect(201);
    assert_eq!(text(&noted, "outcome"), "noted");
    let case = town.finds(BreakCode::MissingHere, Some(text(&noted, "id")), 80_000).await;
    town.as_owner("update break_case set partner = 'samplebank', agency = ''").await.expect("set");

    let wish = json!({ "way": "post", "reason": "lost webhook" });
    let proposed = an.proposes_way(&case, &wish).await.expect(202);
    assert_eq!(
        lines(&proposed["preview"]["entries"]),
        [
            "settlement: debit 80000 partner_receivable samplebank",
            "settlement: credit 80000 agency_payable G01.A"
        ]
    );
    town.approve(text(&proposed, "approval")).await;
    assert_eq!(town.status(&invoice).await, "paid");
    town.agrees(&["B02 resolved"]).await;
    // The lost word comes after all: a repeat.
    let transfer = crate::support::partners::payos_transfer("FT1", 80_000, text(&invoice, "code"));
    town.payos(&crate::support::partners::payos_envelope(&transfer)).await;
    assert_eq!(town.balances().await["partner_receivable samplebank"], 80_000);
    assert_eq!(town.count("settlement").await, 2, "the noted one and the one that is booked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_without_the_partner_knowing_is_taken_back_by_two() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let invoice = town.paid_by_bank("T1", 90_000).await;
    let settled = town.settlement_of("T1").await;
    let case = town.finds(BreakCode::MissingAtProvider, Some(&settled), 90_000).await;
    let wish = json!({ "way": "reverse", "reason": "the bank knows nothing of it" });
    let proposed = an.proposes_way(&case, &wish).await.expect(202);
    assert_eq!(
        lines(&proposed["preview"]["entries"]),
        [
            "reversal: credit 90000 partner_receivable directbank",
            "reversal: debit 90000 agency_payable G01.A"
        ]
    );
    town.approve(text(&proposed, "approval")).await;
    town.books(&[]).await;
    assert_eq!(town.status(&invoice).await, "pending");
    assert_eq!(town.cases().await, ["B01 90000 resolved", "B13 90000 auto_closed"]);
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn money_of_nobody_goes_back_after_it_was_seen_in_the_bank() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let chi = town.person("chi@town.example", &["approver:*"]).await;
    town.settle("T1", 50_000, "ung ho").await;
    let case = town.case_of("B07").await;
    let wish = json!({ "way": "return", "reason": "the payer asks for it" });
    an.previews(&case, &wish).await.problem(409, "wrong-state");
    town.seen_in_bank("T1").await;
    let back = an.proposes_way(&case, &wish).await.expect(202);
    chi.decide(text(&back, "approval"), "approve").await.problem(409, "not-released");
    approver.decide(text(&back, "approval"), "approve").await.expect(200);
    town.agrees(&["B07 open refunds_in_transit 50000"]).await;

    let wish = json!({ "way": "not_returned", "reason": "the account is closed" });
    let failed = an.proposes_way(&case, &wish).await.expect(202);
    town.approve(text(&failed, "approval")).await;
    town.agrees(&["B07 open suspense 50000"]).await;

    for wish in [
        json!({ "way": "return", "reason": "to the new account" }),
        json!({ "way": "returned", "reason": "the bank's advice", "transaction": "FT9" }),
    ] {
        let proposed = an.proposes_way(&case, &wish).await.expect(202);
        town.approve(text(&proposed, "approval")).await;
    }
    town.agrees(&["B07 resolved"]).await;
    town.books(&[]).await;
    assert_eq!(town.count("break_resolution").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_differences_are_given_up_within_limits() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let wish = |way: &str| json!({ "way": way, "reason": "rounding", "account": ACCOUNT });
    let large = town.finds(BreakCode::FundsShort, None, 1_001).await;
    an.previews(&large, &wish("write_off")).await.problem(409, "wrong-state");
    let over = town.finds(BreakCode::FundsOver, None, 300).await;
    let unknown = json!({ "way": "write_off", "reason": "rounding", "account": "999" });
    an.previews(&over, &unknown).await.problem(422, "invalid-request");
    let formless = json!({ "way": "place", "reason": "x y z" });
    an.previews(&over, &formless).await.problem(422, "invalid-request");
    let proposed = an.proposes_way(&over, &wish("write_off")).await.expect(202);
    town.approve(text(&proposed, "approval")).await;
    town.books(&[("partner_receivable directbank", 300), ("write_off directbank", -300)]).await;
    for _ in 0..9 {
        let short = town.finds(BreakCode::FundsShort, None, 1_000).await;
        let proposed = an.proposes_way(&short, &wish("write_off")).await.expect(202);
        town.approve(text(&proposed, "approval")).await;
    }
    let last = town.finds(BreakCode::FundsShort, None, 1_000).await;
    let refused = an.previews(&last, &wish("write_off")).await.problem(409, "wrong-state");
    assert!(text(&refused, "detail").contains("a day"), "{refused}");
    // The next day there is a new allowance.
    let mut chi = town.person("chi@town.example", &["officer:G01"]).await;
    town.clock.turn(Duration::days(1));
    chi.sign_in(&*town.clock).await;
    chi.previews(&last, &wish("write_off")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_given_to_somebody_waits_and_is_shown() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let other = town.person("khac@town.example", &["officer:G02"]).await;
    let looker = town.person("xem@town.example", &["viewer:G01"]).await;
    let auditor = town.person("ktoan@town.example", &["auditor:*"]).await;
    let case = town.finds(BreakCode::MissingAtProvider, None, 2_000_000).await;
    let path = |rest: &str| format!("/v1/breaks/{case}{rest}");

    other.get(&path("")).await.problem(404, "not-found");
    looker.get(&path("")).await.expect(200);
    for (rest, body) in [
        ("/assign", json!({ "owner": an.email })),
        ("/wait", json!({ "until": town.clock.now() + Duration::days(1), "reason": "timing" })),
        ("/comments", json!({ "text": "?" })),
        ("/preview", json!({ "way": "accept", "reason": "as it is" })),
    ] {
        other.post(&path(rest), &body).await.problem(404, "not-found");
        looker.post(&path(rest), &body).await.problem(403, "forbidden");
        auditor.post(&path(rest), &body).await.problem(403, "forbidden");
    }
    let nobody = json!({ "owner": other.email });
    an.post(&path("/assign"), &nobody).await.problem(422, "invalid-request");
    let mine = an.post(&path("/assign"), &json!({ "owner": an.email })).await.expect(200);
    assert_eq!((text(&mine, "state"), text(&mine, "owner")), ("assigned", &*an.email));
    let past = json!({ "until": town.clock.now() - Duration::days(1), "reason": "timing" });
    an.post(&path("/wait"), &past).await.problem(422, "invalid-request");
    let until = town.clock.now() + Duration::days(2);
    let waits = json!({ "until": until, "reason": "cut-off" });
    assert_eq!(text(&an.post(&path("/wait"), &waits).await.expect(200), "state"), "waiting");
    an.post(&path("/comments"), &json!({ "text": "called the bank\nthey look" })).await.expect(201);
    an.post(&path("/comments"), &json!({ "text": "" })).await.problem(422, "invalid-request");

    let sent = |name: &'static str, bytes: &'static [u8]| {
        let request = an.http.post(format!("{}{}?name={name}", an.url, path("/evidence")));
        answer_of(request.bearer_auth(&an.token).body(bytes))
    };
    let kept = sent("thu.pdf", b"%PDF-1.7 letter").await.expect(201);
    assert_eq!(text(&kept, "media_type"), "application/pdf");
    let again = sent("khac.pdf", b"%PDF-1.7 letter").await.expect(201);
    assert_eq!(kept["id"], again["id"], "the same bytes are the same file");
    sent("a.pdf", b"MZ\x90\x00\x03").await.problem(422, "invalid-request");
    sent("..%2Fa.pdf", b"%PDF-1.7 x").await.problem(422, "invalid-request");
    let file = an.get(text(&kept, "href")).await;
    assert_eq!((file.status, file.body.as_slice()), (200, b"%PDF-1.7 letter".as_slice()));
    assert!(file.headers["content-disposition"].to_str().expect("text").starts_with("attachment"));
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    other.get(text(&kept, "href")).await.problem(404, "not-found");

    let told = an.get(&path("")).await.expect(200);
    let steps: Vec<String> = told["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| format!("{}>{} {}", text(step, "from"), text(step, "to"), text(step, "by")))
        .collect();
    let by_me = |step: &str| format!("{step} {}", an.email);
    assert_eq!(
        steps,
        [">open payclear".to_owned(), by_me("open>assigned"), by_me("assigned>waiting")]
    );
    assert_eq!(text(&told["comments"][0], "text"), "called the bank\nthey look");
    assert_eq!(text(&told["break"], "severity"), "high");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_sees_what_it_is_asked_and_answers_with_proof() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let other = town.caller(CallerKind::Partner, "samplebank").await;
    town.settle("T1", 50_000, "ung ho").await;
    let case = town.case_of("B07").await;
    let (path, theirs) = (format!("/v1/breaks/{case}"), format!("/v1/partner/breaks/{case}"));
    assert_eq!(town.bank.get("/v1/partner/breaks").await.expect(200)["breaks"], json!([]));
    town.bank.get(&theirs).await.problem(404, "not-found");
    an.post(&format!("{path}/comments"), &json!({ "text": "among ourselves" })).await.expect(201);

    let until = town.clock.now() + Duration::days(3);
    let asks = json!({ "until": until, "reason": "whose money is this?", "ask": true });
    an.post(&format!("{path}/wait"), &asks).await.expect(200);
    let seen = town.bank.get(&theirs).await.expect(200);
    assert_eq!(text(&seen, "transaction_id"), "T1");
    let told = seen.to_string();
    assert!(told.contains("whose money") && !told.contains("among") && !told.contains("an@town"));
    other.get(&theirs).await.problem(404, "not-found");
    town.portal.get("/v1/partner/breaks").await.problem(403, "forbidden");
    let answer = json!({ "text": "of Mrs An, see the advice", "proof": {
        "name": "advice.txt", "content": "dGnhu4FuIGPhu6dhIGLDoCBBbg==" } });
    other.post(&format!("{theirs}/answers"), &answer).await.problem(404, "not-found");
    let bad = json!({ "text": "x", "proof": { "name": "a", "content": "!" } });
    town.bank.post(&format!("{theirs}/answers"), &bad).await.problem(422, "invalid-request");
    let heard = town.bank.post(&format!("{theirs}/answers"), &answer).await.expect(201);
    assert_eq!(heard["comments"].as_array().expect("comments").len(), 2);
    let href = text(&heard["evidence"][0], "href");
    assert_eq!(town.bank.get(href).await.body, "tiền của bà An".as_bytes());
    other.get(href).await.problem(404, "not-found");

    let file = an.get(&path).await.expect(200);
    assert_eq!(text(&file["break"], "state"), "assigned", "whoever asked has it back");
    assert_eq!(text(&file["comments"][2], "by"), "partner/directbank");
    let listed = town.bank.get("/v1/partner/breaks?limit=1").await.expect(200);
    assert_eq!(listed["breaks"][0]["id"], json!(case));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_what_matters_first_page_by_page() {
    let town = Town::doors().await;
    town.approver().await;
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let low = town.finds(BreakCode::Late, None, 1_000).await;
    let old = town.finds(BreakCode::Late, None, 1_000).await;
    town.as_owner(&format!(
        "update break_case set ages_from = ages_from - 9 where break_id = '{old}'"
    ))
    .await
    .expect("aged");
    let large = town.finds(BreakCode::Reversed, None, 200_000_000).await;
    let none = town.finds(BreakCode::Unknown, None, 5).await;
    town.as_owner(&format!("update break_case set agency = 'G02' where break_id = '{none}'"))
        .await
        .expect("another's");

    let ids = |told: &Value| -> Vec<String> {
        let cases = told["breaks"].as_array().expect("breaks").iter();
        cases.map(|case| text(case, "id").to_owned()).collect()
    };
    let all = an.get("/v1/breaks").await.expect(200);
    assert_eq!(ids(&all), [&*large, &*old, &*low]);
    let ages: Vec<_> =
        all["breaks"].as_array().expect("breaks").iter().map(|c| text(c, "age")).collect();
    assert_eq!(ages, ["today", "8_30", "today"]);
    let mut path = "/v1/breaks?limit=1".to_owned();
    let mut paged = Vec::new();
    loop {
        let page = an.get(&path).await;
        let link = page.headers.get("link").map(|link| link.to_str().expect("text").to_owned());
        paged.extend(ids(&page.expect(200)));
        let Some(link) = link else { break };
        let address =
            link.trim_start_matches('<').split('>').next().expect("an address").to_owned();
        path = address.strip_prefix(&town.url).expect("ours").to_owned();
    }
    assert_eq!(paged, [&*large, &*old, &*low]);
    for (query, expected) in [
        ("code=B13", vec![&large]),
        ("code=B13&partner=samplebank", vec![]),
        ("partner=directbank&agency=G01", vec![&large, &old, &low]),
        ("owner=none", vec![&large, &old, &low]),
        ("owner=an@town.example", vec![]),
        ("state=resolved", vec![]),
        ("state=all&code=B06", vec![&old, &low]),
        ("day=2000-01-01", vec![]),
    ] {
        let told = an.get(&format!("/v1/breaks?{query}")).await.expect(200);
        assert_eq!(ids(&told).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for bad in ["state=lost", "code=B99", "day=today", "limit=0", "cursor=x", "colour=red"] {
        an.get(&format!("/v1/breaks?{bad}")).await.problem(422, "invalid-request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_rolls_forward_and_names_what_nobody_looks_after() {
    let town = Town::doors().await;
    town.approver().await;
    let cut_off = NaiveTime::from_hms_opt(16, 0, 0);
    let today = BusinessDay::of(town.clock.now(), cut_off);
    let mut conn = town.pool.acquire().await.expect("a connection");
    let case = town.finds(BreakCode::FundsShort, None, 1_000).await;
    town.finds(BreakCode::FundsShort, None, 2_000).await;
    let invoice = town.issue(100_000).await;
    town.settle("T1", 40_000, text(&invoice, "code")).await;
    town.settle("T2", 60_000, text(&invoice, "code")).await;

    let bounds = |day: BusinessDay| bounds(day.0, cut_off).expect("a day");
    let rolled = roll_forward(&mut conn, bounds(today)).await.expect("the day");
    let told = |rolled: &[Rolled]| -> Vec<String> {
        rolled
            .iter()
            .map(|r| {
                assert!(r.balances(), "{r:?}");
                format!(
                    "{} {}+{}-{}={} {}",
                    r.code, r.before, r.new, r.cleared, r.after, r.after_amount
                )
            })
            .collect()
    };
    let of_today = ["B03 0+1-1=0 0", "B09 0+2-0=2 3000"];
    assert_eq!(told(&rolled), of_today);

    let mut an = town.person("an@town.example", &["officer:G01"]).await;
    let mut approver = town.approver().await.clone();
    town.clock.turn(Duration::days(1));
    an.sign_in(&*town.clock).await;
    approver.sign_in(&*town.clock).await;
    let wish = json!({ "way": "accept", "reason": "found on the next statement" });
    let proposed = an.proposes_way(&case, &wish).await.expect(202);
    approver.decide(text(&proposed, "approval"), "approve").await.expect(200);
    // What was closed yesterday is open again today: yesterday stays as it was.
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    let next = BusinessDay(today.0.succ_opt().expect("a day"));
    let rolled = roll_forward(&mut conn, bounds(next)).await.expect("the day");
    assert_eq!(told(&rolled), ["B03 0+1-0=1 40000", "B09 2+0-1=1 2000", "B13 0+1-0=1 60000"]);
    let rolled = roll_forward(&mut conn, bounds(today)).await.expect("the day");
    assert_eq!(told(&rolled), of_today, "a day that is over stays");

    // Who had the cases that were open when a day ended, and why, at an instant of their own.
    let (_, ended) = bounds(today);
    let (then, now) = (town.clock.now(), Duration::minutes(5));
    let open = open_at(&mut conn, (ended, then)).await.expect("cases");
    let told = |open: &[OpenCase]| -> Vec<String> {
        let of = |c: &OpenCase| format!("{} {} {} {}", c.amount, c.state, c.owner, c.reason);
        open.iter().map(of).collect()
    };
    assert_eq!(told(&open), ["1000 resolved  ", "2000 open  "]);
    let answered: Vec<bool> = open.iter().map(OpenCase::is_answered_for).collect();
    assert_eq!(answered, [true, false]);
    let open = open_at(&mut conn, (ended, ended)).await.expect("cases");
    assert_eq!(told(&open), ["1000 open  ", "2000 open  "], "nothing of it had come yet");
    town.clock.turn(now);
    let id = open[1].id;
    let body = json!({ "owner": an.email });
    an.post(&format!("/v1/breaks/{id}/assign"), &body).await.expect(200);
    let open = open_at(&mut conn, (ended, town.clock.now())).await.expect("cases");
    assert_eq!(told(&open)[1], "2000 assigned an@town.example ");
    assert!(!open[1].is_answered_for(), "an owner alone is not enough");
    town.clock.turn(now);
    let body = json!({ "owner": an.email, "reason": "fee of the bank" });
    an.post(&format!("/v1/breaks/{id}/assign"), &body).await.expect(200);
    let open = open_at(&mut conn, (ended, town.clock.now())).await.expect("cases");
    assert_eq!(told(&open)[1], "2000 assigned an@town.example fee of the bank");
    assert!(open[1].is_answered_for());
    let open = open_at(&mut conn, (ended, then)).await.expect("cases");
    assert_eq!(told(&open)[1], "2000 open  ", "the past does not change");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_off_are_no_age() {
    let town = Town::doors().await;
    let today = payclear::vocabulary::day::to_local(town.clock.now()).date();
    let calendar = town.app.directory.current().calendar(BusinessDay(today));
    let first = calendar.next_working_day(today);
    let off = format!(
        "insert into holiday (day, valid_from, name, load_id)
         select '{first}', '2020-01-01', 'Nghỉ bù', max(load_id) from register_load"
    );
    town.as_owner(&off).await.expect("a day off");
    let case = town.finds(BreakCode::FundsShort, None, 1_000).await;
    let from: chrono::NaiveDate =
        sqlx::query_scalar("select ages_from from break_case where break_id = $1::uuid")
            .bind(case)
            .fetch_one(&town.pool)
            .await
            .expect("a day");
    assert_eq!(from, calendar.next_working_day(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_opens_again_when_its_cause_is_back() {
    let town = Town::doors().await;
    let invoice = town.issue(100_000).await;
    let id: Uuid = text(&invoice, "id").parse().expect("an id");
    let mut conn = town.pool.acquire().await.expect("a connection");
    let case = |detail: &str| Break {
        id: BreakId::new(town.clock.now()),
        code: BreakCode::StatusDiffers,
        state: BreakState::Open,
        opened_at: town.clock.now(),
        partner: "directbank".to_owned(),
        agency: "G01.A".to_owned(),
        invoice: Some(payclear::vocabulary::ids::InvoiceId(id)),
        settlement: None,
        amount: Money::vnd(100_000),
        detail: detail.to_owned(),
    };
    break_open_once(&mut conn, &case("lost")).await.expect("a case");
    break_open_once(&mut conn, &case("lost")).await.expect("the same");
    let invoices = [payclear::vocabulary::ids::InvoiceId(id)];
    let (code, now) = (BreakCode::StatusDiffers, town.clock.now());
    breaks_close_of_invoices(&mut conn, code, &invoices, now).await.expect("closed");
    town.agrees(&["B04 auto_closed"]).await;
    break_open_once(&mut conn, &case("lost again")).await.expect("the same case");
    town.agrees(&["B04 open"]).await;
    let why: Vec<String> = sqlx::query_scalar("select why from break_step order by step_id")
        .fetch_all(&town.pool)
        .await
        .expect("steps");
    assert_eq!(why, ["lost", "its cause is gone", "lost again"]);
    // Nobody closes what holds money, whatever is told.
    let mut held = case("held");
    held.id = BreakId::new(town.clock.now());
    let holding = Holding::of(payclear::breaks::holding::HeldIn::Suspense, Money::vnd(5));
    let mut tx = town.pool.begin().await.expect("a transaction");
    holds::breaks_insert_holding(&mut tx, &[(held, Some(holding))]).await.expect("a case");
    breaks_close_of_invoices(&mut tx, code, &invoices, now).await.expect("the others");
    let open: i64 = sqlx::query_scalar("select count(*) from break_case where closed_at is null")
        .fetch_one(&mut *tx)
        .await
        .expect("a count");
    assert_eq!(open, 1);
}
