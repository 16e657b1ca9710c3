//! Paying over: what was collected and seen in the bank goes to the Treasury once, by two people; the
//! bank makes the transfers, its own debit closes the loop, and what is given back afterwards is the
//! Treasury's.

use chrono::{Duration, NaiveDate};
use futures_util::future::join_all;
use payclear::payover::confirm::{ConfirmError, Confirmed, Debit, confirm_in, transfer_of};
use payclear::platform::audit::By;
use payclear::settlements::bank;
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::ids::SettlementId;
use payclear::vocabulary::money::Money;
use serde_json::{Value, json};

use crate::refunds::dong;
use crate::support::town::ACCOUNT;
use crate::support::{Answer, PAYOS_ACCOUNT, Person, Town, money, text};

impl Town {
    /// Every settlement was seen on a bank account.
    pub async fn all_banked(&self, account: &str) {
        let ids: Vec<SettlementId> = sqlx::query_scalar(
            "select settlement_id from settlement s where outcome <> 'noted' and not exists
                 (select from settlement_banked b where b.settlement_id = s.settlement_id)",
        )
        .fetch_all(&self.pool)
        .await
        .expect("settlements");
        for id in ids {
            let mut tx = self.pool.begin().await.expect("a transaction");
            let now = self.clock.now();
            let books = &self.app.accounts;
            let seen = bank::confirm_in(&mut tx, books, id, Some(account), "officer/c", now).await;
            seen.expect("seen in the bank");
            tx.commit().await.expect("a commit");
        }
    }

    async fn cash(&self, invoice: &Value) -> String {
        text(&self.read(invoice).await, "cash").to_owned()
    }

    /// The bank's statement shows a debit.
    async fn debited(
        &self,
        reference: &str,
        (amount, account): (u64, &str),
        line: Option<i64>,
    ) -> Result<Confirmed, ConfirmError> {
        let debit = Debit {
            amount: Money::vnd(amount),
            account: account.to_owned(),
            value_date: self.business_day(),
            statement_line: line,
        };
        let mut tx = self.pool.begin().await.expect("a transaction");
        let by = By { actor: "statement", at: self.clock.now() };
        let id = transfer_of(reference).ok_or(ConfirmError::NotFound)?;
        let done = confirm_in(&mut tx, &self.app.accounts, id, &debit, by).await?;
        tx.commit().await.expect("a commit");
        Ok(done)
    }
}

async fn prepares(person: &Person, account: &str, until: NaiveDate) -> Answer {
    person.post("/v1/payovers", &json!({ "account": account, "until": until })).await
}

fn of(run: &Value, rest: &str) -> String {
    format!("/v1/payovers/{}{rest}", text(run, "id"))
}

async fn releases(person: &Person, run: &Value) -> Answer {
    let seen = person.get(&format!("/v1/approvals/{}", text(run, "approval"))).await;
    if seen.status != 200 {
        return seen;
    }
    let body = json!({ "content_hash": seen.json()["content_hash"] });
    person.post(&of(run, "/approve"), &body).await
}

/// A run that has gone out.
async fn goes_out(town: &Town, an: &Person, account: &str) -> Value {
    let run = prepares(an, account, town.business_day()).await.expect(201);
    releases(town.approver().await, &run).await.expect(200);
    an.post(&of(&run, "/sent"), &json!({})).await.expect(200);
    an.get(&of(&run, "")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_makes_the_transfers_and_its_own_debit_closes_the_loop() {
    let town = Town::whole().await;
    let an = town.person("an@town.example", &["officer:*", "approver:*", "admin:*"]).await;
    let approver = town.approver().await;
    let mut invoices = Vec::new();
    for amount in [100_000, 50_000] {
        let invoice = town.issue(amount).await;
        town.simulators().pay(text(&invoice, "qr"), "paid").await;
        town.wait_for(&invoice, "paid").await;
        invoices.push(invoice);
    }
    assert_eq!(town.cash(&invoices[0]).await, "reported");
    let nothing =
        prepares(&an, PAYOS_ACCOUNT, town.business_day()).await.problem(409, "wrong-state");
    assert!(text(&nothing, "detail").contains("nothing can be paid over"), "{nothing}");
    town.all_banked(PAYOS_ACCOUNT).await;
    assert_eq!(town.cash(&invoices[0]).await, "banked");

    let run = prepares(&an, PAYOS_ACCOUNT, town.business_day()).await.expect(201);
    assert_eq!((money(&run["amount"]), run["count"].as_i64()), (150_000, Some(1)));
    let transfer = &run["transfers"][0];
    assert_eq!((text(transfer, "agency"), transfer["items"].as_i64()), ("G01.A", Some(2)));
    // Nobody has the file before another has released it, and nobody releases what they made.
    an.get(&of(&run, "/pain001")).await.problem(409, "wrong-state");
    an.post(&of(&run, "/sent"), &json!({})).await.problem(409, "wrong-state");
    releases(&an, &run).await.problem(403, "four-eyes");
    let other = json!({ "content_hash": "0".repeat(64) });
    approver.post(&of(&run, "/approve"), &other).await.problem(412, "content-changed");
    let released = releases(approver, &run).await.expect(200);
    assert_eq!(text(&released, "status"), "approved");

    let mut transaction = String::new();
    for version in ["03", "09"] {
        let file = an.get(&of(&run, &format!("/pain001?version={version}"))).await;
        assert_eq!(file.status, 200);
        let xml = file.text();
        assert!(xml.contains(&format!("pain.001.001.{version}")), "{xml}");
        let again = an.get(&of(&run, &format!("/pain001?version={version}"))).await.text();
        assert_eq!(again, xml, "the same bytes each time");
        if version == "03" {
            let spoilt = xml.replace("<CtrlSum>150000", "<CtrlSum>150001");
            assert_eq!(uploads(&town, spoilt).await.0, 422);
            an.post(&of(&run, "/sent"), &json!({})).await.expect(200);
            let (status, done) = uploads(&town, xml).await;
            assert_eq!((status, text(&done, "status")), (200, "ACSC"), "{done}");
            text(&done["transactions"][0], "transaction_id").clone_into(&mut transaction);
        } else {
            // The same message again, in another form: nothing is paid twice.
            assert_eq!(uploads(&town, xml).await.0, 409);
        }
    }
    let csv = an.get(&of(&run, "/csv")).await.text();
    assert!(csv.ends_with("TOTAL,,,,,,,,1,150000,VND\n"), "{csv}");
    assert_eq!(town.cash(&invoices[0]).await, "banked", "the bank has not said that it went");

    let moved = town.simulators().get("/control/journal?kind=movement&direction=out").await;
    let debit = &moved[0];
    assert_eq!(text(debit, "transaction_id"), transaction);
    let reference = text(debit, "reference");
    assert_eq!(reference, text(transfer, "reference"));
    let amount = text(debit, "amount").parse().unwrap();
    let booked = town.debited(reference, (amount, text(debit, "account")), Some(7)).await.unwrap();
    assert!(matches!(booked, Confirmed::Booked { .. }), "{booked:?}");
    let again = town.debited(reference, (amount, text(debit, "account")), Some(7)).await.unwrap();
    assert_eq!(again, Confirmed::Repeat);
    for invoice in &invoices {
        assert_eq!(town.cash(invoice).await, "remitted");
    }
    let done = an.get(&of(&run, "")).await.expect(200);
    assert_eq!(text(&done, "status"), "confirmed");
    town.books(&[]).await;

    // What is given back now is the Treasury's to pay.
    let refund = town.ask_back(&invoices[0], 10_000, 100_000).await.expect(201);
    assert_eq!((text(&refund, "kind"), text(&refund, "method")), ("treasury", "treasury"));
    let positions = an.get("/v1/positions").await.expect(200);
    let of_bank = &positions["positions"][0];
    assert_eq!((text(of_bank, "partner"), text(of_bank, "net")), ("samplebank", "0"));
    assert_eq!((text(of_bank, "collected"), text(of_bank, "paid_over")), ("150000", "150000"));
    prepares(&an, PAYOS_ACCOUNT, town.business_day()).await.problem(409, "wrong-state");
}

async fn uploads(town: &Town, xml: String) -> (u16, Value) {
    let url = format!("{}/control/payments", town.simulators().url);
    let response = town.http.post(url).body(xml).send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_in_one_run_and_nothing_of_it_is_given_back_until_that_ends() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let approver = town.approver().await;
    let invoice = town.paid_by_bank("T1", 100_000).await;
    let asked = town.paid_by_bank("T2", 60_000).await;
    town.all_banked(ACCOUNT).await;
    // Of what somebody asks back and nobody has decided on nothing goes.
    let refund = town.ask_back(&asked, 20_000, 60_000).await.expect(201);
    let ten = join_all((0..10).map(|_| prepares(&an, ACCOUNT, town.business_day()))).await;
    let made: Vec<&Answer> = ten.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "one of ten at once");
    let run = made[0].json();
    assert_eq!(money(&run["amount"]), 100_000);
    let busy = town.ask_back(&invoice, 10_000, 100_000).await.problem(409, "wrong-state");
    assert!(text(&busy, "detail").contains("on its way to the Treasury"), "{busy}");

    // Rejected, its lines are free again.
    approver.decide(text(&run, "approval"), "reject").await.expect(200);
    assert_eq!(text(&an.get(&of(&run, "")).await.expect(200), "status"), "refused");
    assert_eq!(town.count("line_in_payover").await, 0);
    town.ask_back(&invoice, 10_000, 100_000).await.expect(201);
    // Once it is decided the rest goes; what is asked of the other one keeps that one back.
    let refused =
        format!("update refund set status = 'refused' where refund_id = '{}'", text(&refund, "id"));
    town.as_owner(&refused).await.expect("refused");
    let run = prepares(&an, ACCOUNT, town.business_day()).await.expect(201);
    assert_eq!(money(&run["amount"]), 60_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_since_does_not_go_out() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let approver = town.approver().await;
    town.paid_by_bank("T1", 100_000).await;
    town.paid_by_bank("T2", 50_000).await;
    town.all_banked(ACCOUNT).await;
    let run = prepares(&an, ACCOUNT, town.business_day()).await.expect(201);
    releases(approver, &run).await.expect(200);
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    let told = an.post(&of(&run, "/sent"), &json!({})).await.problem(409, "wrong-state");
    assert!(text(&told, "detail").contains("not paid and banked any more"), "{told}");
    let reason = json!({ "reason": "một khoản bị thu hồi" });
    let gone = an.post(&of(&run, "/withdraw"), &reason).await.expect(200);
    assert_eq!(text(&gone, "status"), "refused");
    let run = goes_out(&town, &an, ACCOUNT).await;
    assert_eq!(money(&run["amount"]), 100_000);
    // Sent is sent, however often it is said, and by then nothing is withdrawn.
    let again = an.post(&of(&run, "/sent"), &json!({})).await.expect(200);
    assert_eq!(text(&again, "sent_at"), text(&run, "sent_at"));
    an.post(&of(&run, "/withdraw"), &reason).await.problem(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_without_word_is_a_case_another_amount_is_one_and_a_failed_one_goes_again() {
    let town = Town::doors().await;
    let mut an = town.person("an@town.example", &["officer:*", "approver:*"]).await;
    let mut checker = town.approver().await.clone();
    let invoice = town.paid_by_bank("T1", 100_000).await;
    town.all_banked(ACCOUNT).await;
    let run = goes_out(&town, &an, ACCOUNT).await;
    let reference = text(&run["transfers"][0], "reference").to_owned();
    let paying = town.app.paying_over();
    let hour = town.app.days().hours.files_by;
    assert_eq!(paying.sweep_overdue(hour).await.unwrap(), 0);
    for _ in 0..12 {
        town.clock.turn(Duration::days(1));
    }
    an.sign_in(&*town.clock).await;
    checker.sign_in(&*town.clock).await;
    assert_eq!(paying.sweep_overdue(hour).await.unwrap(), 1);
    assert_eq!(paying.sweep_overdue(hour).await.unwrap(), 0);
    assert_eq!(town.cases().await, ["B16 100000 open"]);
    let unknown = town.debited(&"0".repeat(32), (100_000, ACCOUNT), None).await;
    assert!(matches!(unknown, Err(ConfirmError::NotFound)));
    let other = town.debited(&reference, (99_000, ACCOUNT), Some(1)).await.unwrap();
    assert!(matches!(other, Confirmed::Differs { .. }));
    assert_eq!(town.cases().await, ["B16 100000 auto_closed", "B17 1000 open"]);
    town.books(&[("bank_account directbank", 100_000), ("agency_payable G01.A", -100_000)]).await;

    // Two officers say that the bank did not make it: it goes again.
    let failed = json!({ "as": "failed", "reason": "sai tài khoản" });
    an.post(&of(&run, "/confirm"), &json!({ "as": "confirmed" })).await.points_to("/value_date");
    let waits = an.post(&of(&run, "/confirm"), &failed).await.expect(202);
    an.decide(text(&waits, "approval"), "approve").await.problem(403, "four-eyes");
    checker.decide(text(&waits, "approval"), "approve").await.expect(200);
    assert_eq!(text(&an.get(&of(&run, "")).await.expect(200), "status"), "failed");
    assert_eq!(town.cases().await, ["B16 100000 auto_closed", "B17 1000 auto_closed"]);
    assert_eq!(town.cash(&invoice).await, "banked");
    let late = town.debited(&reference, (100_000, ACCOUNT), Some(2)).await;
    assert!(matches!(late, Err(ConfirmError::WrongState(_))), "{late:?}");

    let until = town.business_day();
    let seen_since = until - Duration::days(40);
    let body = json!({ "account": ACCOUNT, "until": until, "seen_since": seen_since });
    let run = an.post("/v1/payovers", &body).await.expect(201);
    releases(&checker, &run).await.expect(200);
    an.post(&of(&run, "/sent"), &json!({})).await.expect(200);
    let word = json!({ "as": "confirmed", "value_date": until });
    let waits = an.post(&of(&run, "/confirm"), &word).await.expect(202);
    checker.decide(text(&waits, "approval"), "approve").await.expect(200);
    // The statement that comes later says the same.
    let reference = text(&run["transfers"][0], "reference");
    let repeat = town.debited(reference, (100_000, ACCOUNT), Some(3)).await.unwrap();
    assert_eq!(repeat, Confirmed::Repeat);
    assert_eq!(town.cash(&invoice).await, "remitted");
    town.books(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_told_many_times_at_once_is_booked_once() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    for place in 0..5 {
        town.paid_by_bank(&format!("T{place}"), 10_000).await;
    }
    town.all_banked(ACCOUNT).await;
    let run = goes_out(&town, &an, ACCOUNT).await;
    let reference = text(&run["transfers"][0], "reference");
    let told = join_all((0..8).map(|_| town.debited(reference, (50_000, ACCOUNT), Some(9)))).await;
    let booked = told.iter().filter(|t| matches!(t, Ok(Confirmed::Booked { .. }))).count();
    let repeats = told.iter().filter(|t| matches!(t, Ok(Confirmed::Repeat))).count();
    assert_eq!((booked, repeats), (1, 7), "{told:?}");
    assert_eq!((town.count("line_paid_over").await, town.count("line_in_payover").await), (5, 0));
    town.books(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_what_was_collected_less_what_became_of_it() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:G02"]).await;
    let all = town.person("binh@town.example", &["viewer:*"]).await;
    town.paid_by_bank("T1", 100_000).await;
    town.paid_by_bank("T2", 40_000).await;
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    let invoice = town.paid_by_bank("T3", 30_000).await;
    town.named_account(&invoice).await;
    let refund = town.ask_back(&invoice, 5_000, 30_000).await.expect(201);
    let mut tx = town.pool.begin().await.unwrap();
    let id = text(&refund, "id").parse().map(payclear::vocabulary::ids::RefundId).unwrap();
    let (books, now) = (&town.app.accounts, town.clock.now());
    payclear::refunds::approve::approve_in(&mut tx, books, id, "another", now).await.unwrap();
    tx.commit().await.unwrap();

    let own = town.bank.get("/v1/positions").await.expect(200);
    let one = &own["positions"][0];
    assert_eq!((text(one, "partner"), text(one, "agency")), ("directbank", "G01.A"));
    assert_eq!((text(one, "collected"), text(one, "refunded")), ("130000", "5000"));
    assert_eq!(text(one, "net"), "125000");
    let officers = all.get("/v1/positions").await.expect(200);
    assert_eq!(officers["positions"], own["positions"]);
    assert!(officers.get("differences").is_none(), "{officers}");
    let none = an.get("/v1/positions").await.expect(200);
    assert_eq!(none["positions"], json!([]), "another agency's are not shown");
    town.portal.get("/v1/positions").await.problem(403, "forbidden");
    an.post("/v1/payovers", &json!({ "account": ACCOUNT })).await.problem(403, "forbidden");
    assert_eq!(dong(1)["amount"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_tells_whoever_sees_its_agency_which_payments_it_is_made_of() {
    let town = Town::doors().await;
    let an = town.person("an@town.example", &["officer:*"]).await;
    let ours = town.person("ours@town.example", &["viewer:G01.A"]).await;
    let others = town.person("others@town.example", &["viewer:G09", "operator:*"]).await;
    let mut codes = Vec::new();
    for (transaction, amount) in [("T1", 100_000), ("T2", 50_000), ("T3", 70_000)] {
        let invoice = town.paid_by_bank(transaction, amount).await;
        codes.push(text(&invoice, "code").to_owned());
    }
    town.all_banked(ACCOUNT).await;
    let run = prepares(&an, ACCOUNT, town.business_day()).await.expect(201);
    let transfer = &run["transfers"][0];
    let path = of(&run, &format!("/transfers/{}/items", text(transfer, "id")));
    let told = ours.get(&path).await.expect(200);
    let items = told["items"].as_array().expect("items");
    let sum: i64 = items.iter().map(|item| money(&item["amount"])).sum();
    assert_eq!((items.len(), sum), (3, money(&transfer["amount"])));
    let listed: Vec<&str> = items.iter().map(|item| text(item, "code")).collect();
    assert_eq!(listed, codes);
    others.get(&path).await.problem(404, "not-found");
    let missing = of(&run, &format!("/transfers/{}/items", uuid::Uuid::nil()));
    an.get(&missing).await.problem(404, "not-found");
    // Page by page, none twice and none left out.
    let first = ours.get(&format!("{path}?limit=2")).await;
    let link = first.headers["link"].to_str().expect("text").to_owned();
    let next = link.split(['<', '>']).nth(1).expect("a link").strip_prefix(&*ours.url);
    let rest = ours.get(next.expect("of this service")).await.expect(200);
    assert_eq!(
        (text(&rest["items"][0], "code"), rest["items"].as_array().unwrap().len()),
        (&*codes[2], 1)
    );
    // And at the desk, from the run to each invoice.
    let (mut desk, _) = town.at_the_desk("desk@town.example", &["viewer:*"]).await;
    let page = desk.get(&format!("/desk/payovers/{}", text(&run, "id"))).await.text();
    let at = format!("/desk/payovers/{}/transfers/{}", text(&run, "id"), text(transfer, "id"));
    assert!(page.contains(&format!("href=\"{at}\"")), "{page}");
    let page = desk.get(&at).await.text();
    assert!(codes.iter().all(|code| page.contains(code)), "{page}");
    assert!(page.contains(&format!("href=\"/desk/invoices/{}\"", text(&items[0], "invoice_id"))));
}
