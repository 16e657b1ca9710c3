//! The officers' day: what stands against signing it, two people, the seal, what is found when
//! anything is changed afterwards, and payments that go on all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{Datelike, Duration, NaiveDate};
use payclear::approvals::propose::Maker;
use payclear::commands::verify::{verify, verify_day};
use payclear::days::keys;
use payclear::days::verify::DayReport;
use payclear::operations::sweeps::Sweep;
use payclear::platform::audit::By;
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};

use crate::desk::{between, place};
use crate::support::town::{ACCOUNT, master_keys};
use crate::support::{Answer, Person, Town, sequenced, text};

impl Town {
    /// Today, as the books count it.
    pub fn business_day(&self) -> NaiveDate {
        self.app.accounts.day_of(self.clock.now()).0
    }

    /// Lets a day go by, until noon has passed and files are due.
    pub async fn next_day(&self, people: &mut [&mut Person]) {
        self.clock.turn(Duration::days(1));
        for person in people {
            person.sign_in(&*self.clock).await;
        }
    }

    /// A key that signs, from before there was anybody to approve it.
    pub async fn signing_key(&self) -> String {
        let by = By { actor: "cli/tests", at: self.clock.now() };
        let made = keys::make(&self.pool, &master_keys(), Maker::bootstrap(by)).await;
        hex::encode(made.expect("a key").public_key)
    }

    /// The bank's statement of a day, taken over: as importing it leaves it.
    pub async fn statement_of(&self, day: NaiveDate, state: &str) {
        let statement = format!(
            "with f as (insert into statement_file (file_id, sha256, partner, name, source,
                            received_by, received_at, size, format, state, state_since)
                 values (gen_random_uuid(), sha256('{day}'::bytea), 'directbank', 'x.xml', 'api', 'test',
                         now(), 1, 'camt.053.001.08', 'booked', now()) returning file_id),
                  p as (insert into statement_file_piece select file_id, 1, '{day}'::bytea from f)
             insert into statement (statement_id, file_id, place, kind, partner, account, reference, day,
                                    currency, opening, closing, lines, total, state, state_since)
             select gen_random_uuid(), file_id, 0, 'account', 'directbank', '{ACCOUNT}', 'S-{day}',
                    '{day}', 'VND', 0, 0, 2, 0, '{state}', now() from f"
        );
        self.as_owner(&statement).await.expect("a statement");
    }

    /// Somebody has every open case, and says why.
    pub async fn cases_are_owned(&self) {
        let taken = "update break_case
                set state = 'assigned', owner = 'an@town.example', reason = 'đang hỏi ngân hàng'
              where state = 'open'";
        self.as_owner(taken).await.expect("cases with owners");
    }

    pub async fn verified(&self, day: NaiveDate) -> DayReport {
        verify_day(&self.pool, (day, None), None).await.expect("a report").expect("a closed day")
    }

    /// What of a closed day is not as it was signed.
    pub async fn differs(&self, day: NaiveDate) -> Vec<&'static str> {
        let report = self.verified(day).await;
        let wrong = report.checks.iter().filter(|check| !check.holds).map(|check| check.what);
        let wrong: Vec<_> = wrong.collect();
        assert_eq!(report.holds, wrong.is_empty(), "{report:?}");
        wrong
    }

    /// Closes a day by two people.
    pub async fn closes(&self, maker: &Person, checker: &Person, day: NaiveDate) -> Value {
        let waits = maker.post(&of(day, "prepare"), &json!({})).await.expect(202);
        let seen = checker.get(&format!("/v1/approvals/{}", text(&waits, "approval"))).await;
        let body = json!({ "content_hash": seen.expect(200)["content_hash"] });
        checker.post(&of(day, "approve"), &body).await.expect(200)
    }
}

fn of(day: NaiveDate, rest: &str) -> String {
    format!("/v1/days/{day}/{rest}")
}

/// Decides through the day's own door.
async fn decides(person: &Person, day: NaiveDate, verdict: &str, approval: &str) -> Answer {
    let seen = person.get(&format!("/v1/approvals/{approval}")).await;
    if seen.status != 200 {
        return seen;
    }
    let body = json!({ "content_hash": seen.json()["content_hash"], "reason": "xem lại" });
    person.post(&of(day, verdict), &body).await
}

/// A town with a key that signs, a maker with every role, a checker, and a payment today.
async fn town() -> (Town, Person, Person) {
    let town = Town::doors().await;
    town.signing_key().await;
    let checker = town.approver().await.clone();
    let roles = ["officer:*", "approver:*", "admin:*", "operator:*"];
    let maker = town.person("an@town.example", &roles).await;
    town.paid_by_bank("T1", 100_000).await;
    (town, maker, checker)
}

/// What a PDF says, in the order in which it was written and without any blanks: cells are broken into
/// lines. With `KEEP_PDF` naming a folder it is kept there, to be looked at.
fn letters_of(pdf: &[u8], name: &str) -> String {
    let path = std::env::temp_dir().join(format!("payclear-{}.pdf", uuid::Uuid::new_v4()));
    std::fs::write(&path, pdf).expect("a file");
    if let Some(folder) = std::env::var_os("KEEP_PDF") {
        std::fs::copy(&path, std::path::Path::new(&folder).join(name)).expect("kept");
    }
    let read = std::process::Command::new("pdftotext").arg("-raw").arg(&path).arg("-").output();
    std::fs::remove_file(&path).expect("it goes");
    let read = read.expect("pdftotext is needed for this test: install poppler-utils");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    letters(&String::from_utf8(read.stdout).expect("UTF-8"))
}

fn letters(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_signed_by_two_people_once_nothing_stands_against_it() {
    let (town, mut an, mut checker) = town().await;
    let mut viewer = town.person("chi@town.example", &["viewer:*", "auditor:*"]).await;
    let day = town.business_day();
    // While it goes on it cannot be signed.
    let early = an.post(&of(day, "prepare"), &json!({})).await.problem(409, "wrong-state");
    assert!(text(&early, "detail").contains("the day ends at"), "{early}");
    // Money that nobody can place becomes a case of today.
    assert_eq!(town.settle("T2", 7_000, "nobody knows").await, "suspense");
    town.next_day(&mut [&mut an, &mut checker, &mut viewer]).await;
    sequenced(&town.pool, &town.app.clock).await;

    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert_eq!(looked["files"][0]["state"], "missing");
    assert_eq!(looked["files"][0]["account"], ACCOUNT);
    assert_eq!(looked["roll_forward"]["new"], json!({ "count": 1, "amount": "7000" }));
    assert_eq!(looked["cases"][0]["owned"], false);
    assert_eq!(looked["turnover"][0]["debit"], "107000");
    assert_eq!(looked["holdings"][0]["difference"], "0");
    let against: Vec<&str> =
        looked["against"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(against.len(), 2, "{against:?}");

    town.statement_of(day, "staged").await;
    let staged = an.post(&of(day, "prepare"), &json!({})).await.problem(409, "wrong-state");
    assert!(text(&staged, "detail").contains("2 lines are not placed"), "{staged}");
    town.as_owner("update statement set state = 'booked'").await.expect("booked");
    // A line that was matched through and stands open without a case is placed nowhere.
    let loose = "insert into open_line (line_id, statement_id, standing, code, why, look_after)
         select 1, statement_id, 'open', 'B08', 'two may be meant', day from statement";
    town.as_owner(loose).await.expect("an open line");
    let loose = an.post(&of(day, "prepare"), &json!({})).await.problem(409, "wrong-state");
    assert!(text(&loose, "detail").contains("1 lines are not placed"), "{loose}");
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert_eq!(
        (&looked["unplaced"], &looked["day"]["status"]),
        (&json!(1), &json!("files_complete"))
    );
    let kept = "update open_line set standing = 'kept'";
    town.as_owner(kept).await.expect("nothing is to be done about it");

    // An owner alone does not do: somebody says why the case is still open.
    let case = text(&looked["cases"][0], "case");
    let taken = json!({ "owner": an.email });
    an.post(&format!("/v1/breaks/{case}/assign"), &taken).await.expect(200);
    let unsaid = an.post(&of(day, "prepare"), &json!({})).await.problem(409, "wrong-state");
    assert_eq!(text(&unsaid, "detail"), "1 open cases have no owner or no reason");
    let taken = json!({ "owner": an.email, "reason": "đang hỏi ngân hàng" });
    an.post(&format!("/v1/breaks/{case}/assign"), &taken).await.expect(200);

    // A viewer prepares nothing; who prepares does not approve, whatever roles they hold.
    viewer.post(&of(day, "prepare"), &json!({})).await.problem(403, "forbidden");
    let waits = an.post(&of(day, "prepare"), &json!({})).await.expect(202);
    let approval = text(&waits, "approval");
    an.post(&of(day, "prepare"), &json!({})).await.problem(409, "wrong-state");
    decides(&an, day, "approve", approval).await.problem(403, "four-eyes");
    decides(&viewer, day, "approve", approval).await.problem(403, "forbidden");
    let other = json!({ "content_hash": "0".repeat(64) });
    checker.post(&of(day, "approve"), &other).await.problem(412, "content-changed");
    // The database says the same: one person is not two.
    let alone = "update business_day set status = 'approved', approved_by = prepared_by";
    assert!(town.as_owner(alone).await.is_err());

    // Rejected, it is prepared anew.
    let rejected = decides(&checker, day, "reject", approval).await.expect(200);
    assert_eq!(rejected["status"], "matched");
    let closed = town.closes(&an, &checker, day).await;
    assert_eq!((text(&closed, "status"), text(&closed, "prepared_by")), ("closed", &*an.email));
    assert_eq!(text(&closed, "approved_by"), checker.email);

    let snapshot = viewer.get(&of(day, "snapshot")).await.expect(200);
    let seal: Value = serde_json::from_str(text(&snapshot, "seal")).unwrap();
    assert_eq!(seal["content"], snapshot["content_sha256"]);
    assert_eq!(seal["previous"], Value::Null);
    assert!(seal["events"]["batch"].as_i64().unwrap() > 0, "{seal}");
    let keys = town.browse(&format!("{}/.well-known/payclear-signing-keys", town.url)).await;
    let keys = keys.expect(200);
    let public = hex::decode(text(&keys["keys"][0], "public_key")).unwrap();
    let signature = hex::decode(text(&snapshot, "signature")).unwrap();
    assert!(keys::holds(&public, text(&snapshot, "seal").as_bytes(), &signature));
    let content: Value = serde_json::from_str(text(&snapshot, "content")).unwrap();
    assert_eq!(content["breaks"]["open"]["count"], 1);
    assert_eq!(content["breaks"]["by_code"][0]["code"], "B07");
    let signed = &content["breaks"]["cases"][0];
    assert_eq!((text(signed, "owner"), text(signed, "state")), (&*an.email, "assigned"));
    assert_eq!(text(signed, "reason"), "đang hỏi ngân hàng");
    assert_eq!(content["positions"][0]["net"], "100000");
    assert_eq!(town.differs(day).await, [""; 0]);
    // Whoever has the case afterwards, and whatever becomes of it: the day says what it said.
    town.clock.turn(Duration::minutes(5));
    let given = json!({ "owner": checker.email, "reason": "chuyển người khác" });
    an.post(&format!("/v1/breaks/{case}/assign"), &given).await.expect(200);
    assert_eq!(town.differs(day).await, [""; 0]);
    town.clock.turn(Duration::minutes(5));
    assert_eq!(town.reverse("T2", "R2").await.status, 204);
    assert_eq!(town.cases().await, ["B07 7000 auto_closed", "B13 7000 open"]);
    assert_eq!(town.differs(day).await, [""; 0]);
    let sheet = viewer.get(&of(day, "sheet")).await.expect(200);
    assert_eq!(sheet["seal_sha256"], snapshot["seal_sha256"]);
    assert_eq!(sheet["tables"][0]["rows"][0]["name"], "settlement");
    // On paper the same figures, and the same bytes each time.
    let printed = viewer.get(&of(day, "sheet.pdf")).await;
    assert_eq!(
        (printed.status, &printed.headers["content-type"]),
        (200, &"application/pdf".parse().unwrap())
    );
    assert!(printed.body == viewer.get(&of(day, "sheet.pdf?revision=1")).await.body);
    let told = letters_of(&printed.body, "sheet.pdf");
    for figure in [
        "BẢNG TỔNG HỢP NGÀY",
        "directbank",
        "107.000",
        "API",
        "100.000",
        "B07 Khoản thu không rõ",
        "an@town.example: đang hỏi ngân hàng",
        "1 / 7.000",
        text(&snapshot, "content_sha256"),
        text(&snapshot, "seal_sha256"),
        text(&snapshot, "key"),
        text(&seal["events"], "digest"),
        &*checker.email,
    ] {
        assert!(told.contains(&letters(figure)), "{figure} is not in:\n{told}");
    }
    let unknown = of(day.succ_opt().unwrap(), "sheet.pdf");
    viewer.get(&unknown).await.problem(404, "not-found");
    let outside =
        verify_day(&town.pool, (day, None), Some(&[7_u8; 32][..])).await.unwrap().unwrap();
    assert!(!outside.holds, "another key signed it");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_close_in_their_order_and_open_in_the_opposite_one_and_a_locked_month_never() {
    let (town, mut an, mut checker) = town().await;
    let mut maker = town.person("khoa@town.example", &["officer:*", "approver:*"]).await;
    let first = town.business_day();
    town.next_day(&mut [&mut an, &mut checker]).await;
    let second = town.business_day();
    town.next_day(&mut [&mut an, &mut checker]).await;
    town.statement_of(first, "booked").await;
    let early = an.post(&of(second, "prepare"), &json!({})).await.problem(409, "wrong-state");
    assert!(text(&early, "detail").contains("in their order"), "{early}");
    town.closes(&an, &checker, first).await;
    town.closes(&an, &checker, second).await;
    let chained = an.get(&of(second, "snapshot")).await.expect(200);
    let before = an.get(&of(first, "snapshot")).await.expect(200);
    let seal: Value = serde_json::from_str(text(&chained, "seal")).unwrap();
    assert_eq!(seal["previous"], before["seal_sha256"]);

    // What comes for a closed day is booked on the first open one.
    let late = format!(
        "with e as (insert into ledger.entry (entry_id, act, business_day, value_date, currency, source,
                  actor, made_by_tx, made_at)
         select nextval('ledger.entry_number'), 'test', '{first}', '{first}', 'VND', 'x', 'x', '1', now()
         returning entry_id)
         insert into ledger.posting select e.entry_id, n,
                (select account_id from ledger.account order by account_id limit 1 offset n - 1),
                case n when 1 then 5 else -5 end from e, generate_series(1, 2) n"
    );
    town.as_owner(&late).await.expect("an entry");
    let on: NaiveDate =
        sqlx::query_scalar("select business_day from ledger.entry where act = 'test'")
            .fetch_one(&town.pool)
            .await
            .unwrap();
    assert!(on > second, "{on}");

    let reason = json!({ "reason": "sót một báo có" });
    let kept = |seen: &Value| seen["keeps_closed"].as_array().map_or(0, Vec::len);
    let seen = an.get(&format!("/v1/days/{first}")).await.expect(200);
    assert_eq!(kept(&seen), 1, "{seen}");
    let seen = an.get(&format!("/v1/days/{second}")).await.expect(200);
    assert_eq!(kept(&seen), 0, "{seen}");
    let inner = an.post(&of(first, "reopen"), &reason).await.problem(409, "wrong-state");
    assert!(text(&inner, "detail").contains("reopened first"), "{inner}");
    an.post(&of(second, "reopen"), &json!({ "reason": " " })).await.problem(422, "invalid-request");
    let asked = an.post(&of(second, "reopen"), &reason).await.expect(202);
    decides(&an, second, "approve", text(&asked, "approval")).await.problem(403, "four-eyes");
    let stays = decides(&checker, second, "reject", text(&asked, "approval")).await.expect(200);
    assert_eq!(stays["status"], "closed");
    let asked = an.post(&of(second, "reopen"), &reason).await.expect(202);
    let opened = decides(&checker, second, "approve", text(&asked, "approval")).await.expect(200);
    assert_eq!((text(&opened, "status"), opened["revision"].as_i64()), ("reopened", Some(2)));
    // It takes entries again, and only it.
    town.as_owner(&late.replace(&first.to_string(), &second.to_string())).await.expect("an entry");
    let days: Vec<NaiveDate> =
        sqlx::query_scalar("select business_day from ledger.entry where act = 'test' order by 1")
            .fetch_all(&town.pool)
            .await
            .unwrap();
    assert_eq!(days[0], second);
    // The snapshot of before stays, and is what it was but for the entry that came since.
    let old = an.get(&of(second, "snapshot?revision=1")).await.expect(200);
    assert_eq!(old["seal_sha256"], chained["seal_sha256"]);
    town.statement_of(second, "booked").await;
    town.closes(&an, &checker, second).await;
    let again = an.get(&of(second, "snapshot")).await.expect(200);
    assert_eq!(again["revision"], 2);
    assert_ne!(again["content_sha256"], old["content_sha256"]);
    assert_eq!(town.differs(second).await, [""; 0]);
    for statement in [
        "delete from day_snapshot",
        "truncate day_snapshot",
        "update day_snapshot set key_id = key_id",
        "delete from day_preparation",
        "update day_preparation set prepared_by = prepared_by",
    ] {
        assert!(town.as_owner(statement).await.is_err(), "{statement}");
    }

    // Up to the end of the month, and then for good.
    an.post(&of(second, "lock-month"), &json!({})).await.problem(409, "wrong-state");
    let mut last = second;
    while town.business_day().month() == second.month() {
        town.clock.turn(Duration::days(1));
    }
    town.next_day(&mut [&mut an, &mut checker]).await;
    while last.succ_opt().unwrap().month() == second.month() {
        last = last.succ_opt().unwrap();
        // The entry that was late stands on one of these days, on an account with a statement.
        town.statement_of(last, "booked").await;
        town.cases_are_owned().await;
        town.closes(&an, &checker, last).await;
    }
    // At the desk, as every deed can be done there.
    let mut desk = town.back_at_the_desk(&maker).await;
    town.clock.turn(Duration::seconds(31));
    maker.sign_in(&*town.clock).await;
    let page = format!("/desk/days/{second}");
    let csrf = desk.token(&page).await;
    let done = desk.post(&format!("{page}/lock-month"), &[("csrf", &*csrf)]).await;
    assert_eq!((done.status, place(&done)), (303, &*format!("{page}?told=waits")));
    let asked: String =
        sqlx::query_scalar("select approval_id::text from approval where status = 'pending'")
            .fetch_one(&town.pool)
            .await
            .unwrap();
    maker.decide(&asked, "approve").await.problem(403, "four-eyes");
    checker.decide(&asked, "approve").await.expect(200);
    let seen = desk.get(&page).await.text();
    assert!(seen.contains("Tháng này đã khoá sổ"), "{seen}");
    let locked = an.post(&of(last, "reopen"), &reason).await.problem(409, "wrong-state");
    assert!(text(&locked, "detail").contains("locked for good"), "{locked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_afterwards_is_named() {
    let (town, mut an, mut checker) = town().await;
    let day = town.business_day();
    town.settle("T2", 7_000, "nobody knows").await;
    town.next_day(&mut [&mut an, &mut checker]).await;
    sequenced(&town.pool, &town.app.clock).await;
    town.statement_of(day, "booked").await;
    town.cases_are_owned().await;
    town.closes(&an, &checker, day).await;
    assert_eq!(town.differs(day).await, [""; 0]);
    let silent = |statement: &str| format!("set session_replication_role = replica; {statement}");
    let bytes = format!("update statement_file_piece set bytes = '{day}'::bytea");
    for (change, back, found) in [
        (
            "update ledger.posting set amount = amount * 2 where entry_id = (select min(entry_id) from ledger.entry)",
            "update ledger.posting set amount = trunc(amount / 2) where entry_id = (select min(entry_id) from ledger.entry)",
            &["ledger", "positions"][..],
        ),
        (
            "update ledger.entry set reason = reason || 'x' where entry_id = (select min(entry_id) from ledger.entry)",
            "update ledger.entry set reason = left(reason, -1) where entry_id = (select min(entry_id) from ledger.entry)",
            &["ledger"][..],
        ),
        (
            "update event set body = replace(body, 'paid', 'paix')",
            "update event set body = replace(body, 'paix', 'paid')",
            &["events"][..],
        ),
        (
            "update event_batch set digest = set_bit(digest, 0, 1 - get_bit(digest, 0))",
            "update event_batch set digest = set_bit(digest, 0, 1 - get_bit(digest, 0))",
            &["events"][..],
        ),
        (
            "update break_case set amount = amount + 1",
            "update break_case set amount = amount - 1",
            &["cases"][..],
        ),
        ("update statement_file_piece set bytes = 'other'::bytea", bytes.as_str(), &["files"][..]),
        (
            "update day_preparation set content = replace(content, '100000', '900000'),
                content_hash = sha256(convert_to(replace(content, '100000', '900000'), 'UTF8'))",
            "",
            &["seal", "ledger", "positions"][..],
        ),
        (
            "update day_snapshot set seal = replace(seal, 'approver@', 'somebody@'),
                seal_hash = sha256(convert_to(replace(seal, 'approver@', 'somebody@'), 'UTF8'))",
            "",
            &["signature"][..],
        ),
        ("delete from day_snapshot", "", &["seal"][..]),
    ] {
        let before = town.differs(day).await;
        town.as_owner(&silent(change)).await.expect("a superuser may");
        let now = town.differs(day).await;
        let new: Vec<_> = now.iter().filter(|what| !before.contains(what)).copied().collect();
        let wanted: Vec<_> = found.iter().filter(|w| !before.contains(w)).copied().collect();
        if change.starts_with("delete") {
            assert_eq!(now, ["seal"], "{change}");
        } else {
            assert_eq!(new, wanted, "{change}");
        }
        if !back.is_empty() {
            town.as_owner(&silent(back)).await.expect("as it was");
            assert_eq!(town.differs(day).await, before, "{back}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_go_on_while_a_day_closes_and_none_is_lost_or_booked_into_it_afterwards() {
    let (town, mut an, mut checker) = town().await;
    let day = town.business_day();
    town.next_day(&mut [&mut an, &mut checker]).await;
    town.statement_of(day, "booked").await;
    let town = Arc::new(town);
    let stop = Arc::new(AtomicBool::new(false));
    // One bank reports payments of today as fast as it can; another books into the day that closes.
    let reports = {
        let (town, stop) = (Arc::clone(&town), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut count = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                count += 1;
                assert_eq!(town.settle(&format!("L{count}"), 1_000, "none").await, "suspense");
            }
            count
        })
    };
    let books = {
        let (pool, stop) = (town.pool.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut count, mut tick) = (0_i64, 0_u64);
            while !stop.load(Ordering::SeqCst) {
                tick += 1;
                let booked = format!(
                    "with e as (insert into ledger.entry (entry_id, act, business_day, value_date,
                            currency, source, actor, made_by_tx, made_at)
                     select nextval('ledger.entry_number'), 'late', '{day}', '{day}', 'VND',
                            'late/{tick}', 'x', '1', now() returning entry_id)
                     insert into ledger.posting select e.entry_id, n,
                            (select account_id from ledger.account order by account_id limit 1 offset n - 1),
                            case n when 1 then 5 else -5 end from e, generate_series(1, 2) n"
                );
                sqlx::raw_sql(sqlx::AssertSqlSafe(booked)).execute(&pool).await.expect("booked");
                count += 1;
                tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            }
            count
        })
    };
    let mut tries = 0;
    loop {
        tries += 1;
        assert!(tries < 50, "the day never closes");
        let waits = an.post(&of(day, "prepare"), &json!({})).await.expect(202);
        let done = decides(&checker, day, "approve", text(&waits, "approval")).await;
        if done.status == 200 {
            break;
        }
        // Something came in between: nothing of the closing stays, and it is looked at anew.
        done.problem(412, "content-changed");
        let rejected = decides(&checker, day, "reject", text(&waits, "approval")).await;
        rejected.expect(200);
    }
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    stop.store(true, Ordering::SeqCst);
    let (reported, late) = (reports.await.expect("reports"), books.await.expect("entries"));
    let reported = i64::try_from(reported).unwrap();
    println!("closed at try {tries}; {reported} payments, {late} late entries meanwhile");
    assert!(reported > 0 && late > 0);
    let suspense: i64 =
        sqlx::query_scalar("select count(*) from settlement where outcome = 'suspense'")
            .fetch_one(&town.pool)
            .await
            .unwrap();
    assert_eq!(suspense, reported, "none is lost");
    let of_late: (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where e.business_day = $1) from ledger.entry e
          where e.act = 'late'",
    )
    .bind(day)
    .fetch_one(&town.pool)
    .await
    .unwrap();
    assert_eq!(of_late.0, late);
    let snapshot = an.get(&of(day, "snapshot")).await.expect(200);
    let content: Value = serde_json::from_str(text(&snapshot, "content")).unwrap();
    let signed = content["ledger"]["acts"].as_array().unwrap();
    let signed = signed
        .iter()
        .find(|act| act["act"] == "late")
        .map_or(0, |act| act["entries"].as_i64().unwrap());
    assert_eq!(signed, of_late.1, "what is in the day is what was signed");
    assert!(of_late.1 < late, "what came later is in the next one");
    assert_eq!(town.differs(day).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_in_by_its_hour_is_a_case_until_it_comes() {
    let (town, mut an, mut checker) = town().await;
    let day = town.business_day();
    let days = town.app.days();
    days.sweep().await.expect("a sweep");
    assert_eq!(town.cases().await, [""; 0]);
    // Whatever days are off, ten days later it is due.
    town.clock.turn(Duration::days(9));
    town.next_day(&mut [&mut an, &mut checker]).await;
    // What waits is told, and can be looked at now.
    let sweeping = town.app.sweeping();
    let waiting = sweeping.waiting().await.expect("what waits");
    let waiting = waiting.into_iter().find(|of| of.sweep == Sweep::Day).expect("days");
    assert!(waiting.waiting > 0 && waiting.overdue > 0, "{waiting:?}");
    assert!(sweeping.run_now(Sweep::Day, "tests").await.expect("a sweep") > 0);
    assert_eq!(days.sweep().await.expect("again"), 0);
    assert_eq!(sweeping.run_now(Sweep::Payover, "tests").await.expect("a sweep"), 0);
    assert_eq!(town.cases().await, ["F01 0 open"]);
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert!(looked["files"][0]["case"].is_string(), "{looked}");
    // Its case was opened after the day had ended, and is nobody's: it settles nothing.
    let against = looked["against"].to_string();
    assert!(against.contains("is missing, and nobody has its case"), "{against}");
    town.cases_are_owned().await;
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert_eq!(looked["against"], json!([]), "{looked}");
    town.statement_of(day, "booked").await;
    days.sweep().await.expect("a sweep");
    assert_eq!(town.cases().await, ["F01 0 auto_closed"]);
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert_eq!(looked["day"]["status"], "matched", "{looked}");
    let listed = an.get("/v1/days?limit=3").await.expect(200);
    assert_eq!(listed["days"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_whose_books_are_not_the_banks_is_not_signed() {
    let (town, mut an, mut checker) = town().await;
    let viewer = town.person("xem@town.example", &["viewer:*"]).await;
    let day = town.business_day();
    // An officer's word that no statement shows: 100,000 in the books, nothing at the bank.
    town.all_banked(ACCOUNT).await;
    town.next_day(&mut [&mut an, &mut checker]).await;
    town.statement_of(day, "booked").await;
    town.app.days().sweep().await.expect("a sweep");
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    let bank = &looked["banks"][0];
    let figure = |name: &str| text(bank, name);
    let figures = ["closing", "ledger", "difference", "unexplained"].map(figure);
    assert_eq!(figures, ["0", "100000", "-100000", "0"], "{looked}");
    let known = json!([{ "why": "by_word", "count": 1, "amount": "-100000" }]);
    assert_eq!(bank["reasons"], known);
    assert_eq!(looked["against"], json!([]));
    assert!(verify(&town.pool).await.expect("a report").against_banks.is_empty());

    // The bank says 7,000 more, in a line that nobody booked and nobody has as a case.
    let says = |more: i64| format!("update statement set closing = {more}, total = {more}");
    town.as_owner(&says(7_000)).await.expect("another closing");
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert_eq!(text(&looked["banks"][0], "unexplained"), "7000", "{looked}");
    let told = looked["against"].to_string();
    assert!(told.contains("the ledger holds 100000: 7000 differ without a reason"), "{told}");
    let refused = an.post(&of(day, "prepare"), &json!({})).await.problem(409, "wrong-state");
    assert!(text(&refused, "detail").contains("without a reason"), "{refused}");
    let report = verify(&town.pool).await.expect("a report");
    assert!(!report.holds && report.against_banks.len() == 1, "{:?}", report.against_banks);
    let mut desk = town.back_at_the_desk(&viewer).await;
    let page = desk.get(&format!("/desk/days/{day}")).await.text();
    let row = between(&page, "id=\"banks\"", "</table>");
    assert!(row.contains("7.000") && row.contains("100.000"), "{row}");

    // As it was, the day is signed with both figures and the reason, and that is verified.
    town.as_owner(&says(0)).await.expect("as it was");
    town.closes(&an, &checker, day).await;
    let snapshot = an.get(&of(day, "snapshot")).await.expect(200);
    let content: Value = serde_json::from_str(text(&snapshot, "content")).unwrap();
    let signed = &content["banks"][0];
    assert_eq!((text(signed, "ledger"), &signed["reasons"]), ("100000", &known), "{signed}");
    assert_eq!(town.differs(day).await, [""; 0]);
    let sheet = letters_of(&an.get(&of(day, "sheet.pdf")).await.body, "banks.pdf");
    assert!(sheet.contains(&letters("theo xác nhận, chưa có trên sao kê")), "{sheet}");
    town.as_owner(&says(1)).await.expect("another closing");
    assert_eq!(town.differs(day).await, ["banks"]);
    town.as_owner(&says(0)).await.expect("as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn today_tells_of_files_that_are_missing_and_days_to_close() {
    let (town, mut an, mut checker) = town().await;
    let viewer = town.person("xem@town.example", &["viewer:*"]).await;
    let operator = town.person("chay@town.example", &["operator:*"]).await;
    let day = town.business_day();
    town.next_day(&mut [&mut an, &mut checker]).await;
    town.app.days().sweep().await.expect("a sweep");
    let mut desk = town.back_at_the_desk(&viewer).await;
    let mut runs = town.back_at_the_desk(&operator).await;
    let tile = |page: &str, label: &str| between(page, label, "</a>");
    let page = desk.get("/desk?lang=en").await.text();
    assert!(tile(&page, "Files missing").contains(">1<"), "{page}");
    assert!(tile(&page, "Days to close").contains(">1<"), "{page}");
    assert!(tile(&page, "Days to close").contains("can be signed now: 0"), "{page}");
    assert!(page.contains(&format!("href=\"/desk/days/{day}\"")), "{page}");
    assert!(!runs.get("/desk?lang=en").await.text().contains("Days to close"));
    town.statement_of(day, "booked").await;
    town.app.days().sweep().await.expect("a sweep");
    let page = desk.get("/desk").await.text();
    assert!(tile(&page, "Files missing").contains(">0<"), "{page}");
    assert!(tile(&page, "Days to close").contains("can be signed now: 1"), "{page}");
    town.closes(&an, &checker, day).await;
    assert!(tile(&desk.get("/desk").await.text(), "Days to close").contains(">0<"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_rejected_after_it_came_is_missing_again() {
    let (town, mut an, mut checker) = town().await;
    let day = town.business_day();
    let days = town.app.days();
    town.clock.turn(Duration::days(9));
    town.next_day(&mut [&mut an, &mut checker]).await;
    days.sweep().await.expect("a sweep");
    assert_eq!(town.cases().await, ["F01 0 open"]);
    // What is quarantined may be rejected yet: nobody is let off asking for another.
    town.statement_of(day, "quarantined").await;
    days.sweep().await.expect("a sweep");
    assert_eq!(town.cases().await, ["F01 0 open"]);
    town.as_owner("update statement set state = 'staged'").await.expect("accepted");
    days.sweep().await.expect("a sweep");
    assert_eq!(town.cases().await, ["F01 0 auto_closed"]);
    // It is not taken after all: there is a case again, and whoever has it settles the day.
    town.as_owner("update statement set state = 'rejected'").await.expect("rejected");
    assert_eq!(days.sweep().await.expect("a sweep"), 1);
    assert_eq!(days.sweep().await.expect("again"), 0);
    assert_eq!(town.cases().await, ["F01 0 auto_closed", "F01 0 open"]);
    town.cases_are_owned().await;
    let looked = an.get(&format!("/v1/days/{day}")).await.expect(200);
    assert_eq!(looked["against"], json!([]), "{looked}");
    assert!(looked["files"][0]["case"].is_string(), "{looked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_read_everything_and_change_nothing() {
    let town = Town::doors().await;
    let owner = town.owner().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
          where schemaname in ('public', 'ledger') and tablename not like '\\_sqlx%' order by 1",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert!(tables.len() > 40, "{tables:?}");
    let mut conn = owner.acquire().await.unwrap();
    let mut wrong = Vec::new();
    for table in &tables {
        for (statement, may) in [
            (format!("select 1 from {table} limit 1"), true),
            (format!("insert into {table} default values"), false),
            (format!("delete from {table}"), false),
            (format!("truncate {table}"), false),
        ] {
            let tried = format!("set role payclear_auditor; begin; {statement}; rollback");
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(tried)).execute(&mut *conn).await;
            sqlx::raw_sql("rollback; reset role").execute(&mut *conn).await.unwrap();
            let refused = done.as_ref().err().and_then(sqlx::Error::as_database_error);
            let refused = refused.and_then(|e| e.code().map(|c| c == "42501")).unwrap_or(false);
            if refused == may {
                wrong.push(format!("{statement}: {done:?}"));
            }
        }
    }
    drop(conn);
    owner.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
