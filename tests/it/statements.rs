//! Statements come in: once whatever door they take, in whole or not at all, and what is doubtful
//! only by two people.

use std::fmt::Write;
use std::process::{Command, Stdio};

use payclear::app::Role;
use payclear::approvals::propose::Maker;
use payclear::statements::mappings;
use payclear::statements::{read, store};
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::town::ACCOUNT;
use crate::support::{Answer, Caller, Person, Plan, Town, answer_of, fresh_key, text, until};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statements");

/// A statement of the plain bank's account: id, number, balances and credits.
pub struct Sheet {
    pub id: &'static str,
    pub number: u32,
    pub day: &'static str,
    pub opening: i64,
    pub credits: Vec<(i64, String)>,
    /// The closing balance is told wrong by so much.
    pub off_by: i64,
}

impl Sheet {
    pub fn new(id: &'static str, number: u32, day: &'static str, opening: i64) -> Self {
        let credits = vec![(150_000, "a".to_owned()), (70_000, "b".to_owned())];
        Self { id, number, day, opening, credits, off_by: 0 }
    }

    pub fn camt(&self) -> String {
        let balance = |code: &str, amount: i64| {
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"VND\">{amount}</Amt>\
                 <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{}</Dt></Dt></Bal>\n",
                self.day
            )
        };
        let sum: i64 = self.credits.iter().map(|(amount, _)| amount).sum();
        let mut xml = format!(
            "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt>\
             <Id>{}</Id><ElctrncSeqNb>{}</ElctrncSeqNb><CreDtTm>{}T20:00:00+07:00</CreDtTm>\
             <Acct><Id><Othr><Id>{ACCOUNT}</Id></Othr></Id></Acct>\n",
            self.id, self.number, self.day
        );
        xml += &balance("OPBD", self.opening);
        xml += &balance("CLBD", self.opening + sum + self.off_by);
        for (place, (amount, memo)) in self.credits.iter().enumerate() {
            let _ = writeln!(
                xml,
                "<Ntry><Amt Ccy=\"VND\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
                 <ValDt><Dt>{}</Dt></ValDt><AcctSvcrRef>{}-{place}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>\
                 <Ustrd>{memo}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
                self.day, self.id
            );
        }
        xml + "</Stmt></BkToCstmrStmt></Document>"
    }
}

pub async fn send(caller: &Caller, name: &str, body: &str) -> Answer {
    let path = format!("/v1/statements?name={name}");
    caller.post_bytes(&fresh_key(), &path, body.as_bytes()).await
}

async fn bring(person: &Person, name: &str, body: &[u8]) -> Answer {
    let address = format!("{}/v1/files?name={name}", person.url);
    answer_of(person.http.post(address).bearer_auth(&person.token).body(body.to_vec())).await
}

async fn rows(pool: &PgPool, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(pool).await.expect("rows")
}

const STANDING: &str = "select reference || ' ' || state from statement order by statement_id";
const FILES: &str = "select name || ' ' || state from statement_file order by file_id";

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_sends_its_statement_and_gets_the_first_answer_again() {
    let town = Town::doors().await;
    let sheet = Sheet::new("S-1", 1, "2026-11-20", 0).camt();
    let first = send(&town.bank, "one.xml", &sheet).await;
    let verdict = first.clone().expect(200);
    assert_eq!(verdict["verdict"], "accepted");
    assert_eq!((&verdict["format"], &verdict["version"]), (&json!("camt.053"), &json!("001.08")));
    let told = &verdict["statements"][0];
    assert_eq!((&told["id"], &told["account"]), (&json!("S-1"), &json!(ACCOUNT)));
    assert_eq!((&told["sum"], &told["closing"]), (&json!("220000"), &json!("220000")));

    // The same bytes again, under another name: the same answer, byte for byte, and no effect.
    let again = send(&town.bank, "two.xml", &sheet).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(rows(&town.pool, FILES).await, ["one.xml staged"]);
    assert_eq!(town.count("statement_line").await, 2);

    let mut conn = town.pool.acquire().await.expect("a connection");
    let waiting = read::store::statements_waiting(&mut conn, 10).await.expect("statements");
    assert_eq!(waiting.len(), 1);
    let id = waiting[0];
    let read_back = read::store::statement_read(&mut conn, id).await.expect("a row").expect("it");
    assert_eq!((&*read_back.partner, read_back.lines), ("directbank", 2));
    let lines = read::store::lines_of(&mut conn, id, 0, 10).await.expect("lines");
    let told: Vec<_> = lines.iter().map(|l| (l.place, &*l.transaction_id, &*l.memo)).collect();
    assert_eq!(told, [(1, "S-1-0", "a"), (2, "S-1-1", "b")]);
    assert_eq!(read::store::lines_of(&mut conn, id, 1, 10).await.expect("lines").len(), 1);
    let now = town.clock.now();
    assert!(store::statement_booked_in(&mut conn, id, now).await.expect("booked"));
    assert!(!store::statement_booked_in(&mut conn, id, now).await.expect("once"));
    assert_eq!(rows(&town.pool, FILES).await, ["one.xml booked"]);
    drop(conn);
    // No line of it was matched: booked, the books would not be the bank's.
    town.as_owner("update statement set state = 'staged'").await.expect("as it was");

    // A signature of other bytes, a signature used twice, somebody else's account.
    let letter = town.bank.sign("POST", "/v1/statements", Some("k"), sheet.as_bytes());
    let mut spoiled = letter.clone();
    spoiled.body.push(b' ');
    town.bank.send(&spoiled).await.problem(401, "unauthenticated");
    assert_eq!(town.bank.send(&letter).await.status, 200);
    town.bank.send(&letter).await.problem(401, "unauthenticated");
    town.portal.post("/v1/statements", &json!({})).await.problem(403, "forbidden");
    let foreign = sheet.replace(ACCOUNT, "1200099887766").replace("S-1", "S-X");
    let told = send(&town.bank, "x.xml", &foreign).await.problem(422, "statement-rejected");
    assert_eq!(told["verdict"]["errors"][0]["code"], "account");
    assert_eq!(town.cases().await, [""; 0], "nothing is wrong with what is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issue_of_a_statement_waits_for_two_people() {
    let town = Town::doors().await;
    let officer = town.person("an@town.example", &["officer:*", "approver:*"]).await;
    let approver = town.approver().await.clone();
    let mut sheet = Sheet::new("S-1", 1, "2026-11-20", 0);
    send(&town.bank, "first.xml", &sheet.camt()).await.expect(200);
    sheet.credits.push((5_000, "c".to_owned()));
    let told =
        send(&town.bank, "second.xml", &sheet.camt()).await.problem(409, "statement-differs");
    let second = text(&told["verdict"], "file").to_owned();
    assert_eq!(told["verdict"]["errors"][0]["case"], "F02");
    assert_eq!(town.cases().await, ["F02 0 open"]);
    // The same again is the same answer, and no second case.
    let again =
        send(&town.bank, "second.xml", &sheet.camt()).await.problem(409, "statement-differs");
    assert_eq!(again, told);
    assert_eq!(town.cases().await.len(), 1);

    let path = format!("/v1/files/{second}");
    let reason = json!({ "reason": "the bank sent it anew, by telephone confirmed" });
    approver.post(&format!("{path}/accept"), &reason).await.problem(403, "forbidden");
    officer.post(&format!("{path}/accept"), &json!({ "reason": " " })).await.points_to("/reason");
    let waits = officer.post(&format!("{path}/accept"), &reason).await.expect(202);
    officer.post(&format!("{path}/accept"), &reason).await.problem(409, "wrong-state");
    officer.decide(text(&waits, "approval"), "approve").await.problem(403, "four-eyes");
    assert_eq!(rows(&town.pool, STANDING).await, ["S-1 staged", "S-1 quarantined"]);
    approver.decide(text(&waits, "approval"), "approve").await.expect(200);
    assert_eq!(rows(&town.pool, STANDING).await, ["S-1 superseded", "S-1 staged"]);
    assert_eq!(rows(&town.pool, FILES).await, ["first.xml superseded", "second.xml staged"]);
    assert_eq!(town.cases().await, ["F02 0 auto_closed"], "it was taken: nothing is left to do");
    let mut conn = town.pool.acquire().await.expect("a connection");
    let waiting = read::store::statements_waiting(&mut conn, 10).await.expect("statements");
    let second = read::store::statement_read(&mut conn, waiting[0]).await.expect("a row");
    let earlier = second.and_then(|second| second.supersedes).expect("it stands in for the first");
    let first = read::store::statement_read(&mut conn, earlier).await.expect("a row");
    assert_eq!(first.map(|first| first.lines), Some(2));
    drop(conn);

    // A third is rejected by one: nothing of it was booked.
    sheet.credits.push((6_000, "d".to_owned()));
    let told = send(&town.bank, "third.xml", &sheet.camt()).await.problem(409, "statement-differs");
    let path = format!("/v1/files/{}", text(&told["verdict"], "file"));
    assert_eq!(town.cases().await[1..], ["F02 0 open"]);
    assert_eq!(officer.post(&format!("{path}/reject"), &reason).await.status, 204);
    assert_eq!(
        town.cases().await[1..],
        ["F02 0 auto_closed"],
        "which of the two stands is decided"
    );
    officer.post(&format!("{path}/reject"), &reason).await.problem(409, "wrong-state");
    officer.post(&format!("{path}/accept"), &reason).await.problem(409, "wrong-state");
    let seen = officer.get(&path).await.expect(200);
    assert_eq!(
        (&seen["file"]["state"], &seen["statements"][0]["state"]),
        (&json!("rejected"), &json!("rejected"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_that_do_not_add_up_are_taken_by_two_people_only() {
    let town = Town::doors().await;
    let officer = town.person("an@town.example", &["officer:*"]).await;
    let clerk = town.person("binh@town.example", &["officer:G01"]).await;
    let mut sheet = Sheet::new("S-1", 1, "2026-11-20", 0);
    sheet.off_by = 1_000;
    let body = sheet.camt();
    bring(&clerk, "odd.xml", body.as_bytes()).await.problem(403, "forbidden");
    let made = bring(&officer, "odd.xml", body.as_bytes()).await.expect(201);
    assert_eq!(
        (text(&made, "verdict"), made["errors"][0]["case"].as_str()),
        ("quarantined", Some("F05"))
    );
    assert_eq!(bring(&officer, "odd.xml", body.as_bytes()).await.expect(200), made);
    assert_eq!(town.cases().await, ["F05 1000 open"]);
    let path = format!("/v1/files/{}", text(&made, "file"));
    let content = officer.get(&format!("{path}/content")).await;
    assert_eq!((content.status, &content.body), (200, &body.clone().into_bytes()));
    clerk.get(&path).await.problem(403, "forbidden");
    let reason = json!({ "reason": "the bank's own mistake, letter 12" });
    let waits = officer.post(&format!("{path}/accept"), &reason).await.expect(202);
    // Rejected meanwhile: what was proposed cannot be done any more.
    assert_eq!(officer.post(&format!("{path}/reject"), &reason).await.status, 204);
    let told = town.approver().await.decide(text(&waits, "approval"), "approve").await;
    told.problem(409, "already-decided");
    assert_eq!(rows(&town.pool, STANDING).await, ["S-1 rejected"]);
    assert_eq!(town.cases().await, ["F05 1000 open"], "the statement is still wanted");

    sheet.id = "S-2";
    let made = bring(&officer, "odd2.xml", sheet.camt().as_bytes()).await.expect(201);
    let path = format!("/v1/files/{}", text(&made, "file"));
    let waits = officer.post(&format!("{path}/accept"), &reason).await.expect(202);
    town.approve(text(&waits, "approval")).await;
    assert_eq!(rows(&town.pool, STANDING).await, ["S-1 rejected", "S-2 staged"]);
    let listed = officer.get("/v1/files?state=staged&day=2026-11-20&partner=directbank").await;
    let listed = listed.expect(200);
    assert_eq!(listed["files"].as_array().map(Vec::len), Some(1));
    let page = officer.get("/v1/files?limit=1").await;
    assert!(page.headers.contains_key("link"));
    officer.get("/v1/files?state=lost").await.points_to("state");
    // The one that was taken is no case any more, and the rejected one neither: its day has come.
    let closed = ["F05 1000 auto_closed", "F05 1000 auto_closed"];
    assert_eq!(town.cases().await[..2], closed, "S-2 is of the same account and day");
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_and_jumps_are_told_and_the_statement_is_taken() {
    let town = Town::doors().await;
    send(&town.bank, "1.xml", &Sheet::new("S-1", 1, "2026-11-18", 0).camt()).await.expect(200);
    let second = Sheet::new("S-2", 2, "2026-11-19", 220_000).camt();
    assert_eq!(send(&town.bank, "2.xml", &second).await.expect(200)["errors"], json!([]));
    let fourth = Sheet::new("S-4", 4, "2026-11-21", 660_000).camt();
    let told = send(&town.bank, "4.xml", &fourth).await.expect(200);
    let codes: Vec<&str> =
        told["errors"].as_array().expect("errors").iter().map(|e| text(e, "code")).collect();
    assert_eq!((text(&told, "verdict"), codes), ("accepted", vec!["gap", "opening"]));
    assert_eq!(town.cases().await, ["F04 220000 open"]);
    // The one between fits on both sides.
    let third = Sheet::new("S-3", 3, "2026-11-20", 440_000).camt();
    assert_eq!(send(&town.bank, "3.xml", &third).await.expect(200)["errors"], json!([]));
    assert_eq!(town.cases().await, ["F04 220000 auto_closed"], "nothing is missing any more");
    // Truncated, and an account that nobody has entered: nothing is kept of them but the file.
    let cut = &Sheet::new("S-5", 5, "2026-11-22", 880_000).camt();
    let told = send(&town.bank, "5.xml", &cut[..cut.len() - 40]).await;
    let told = told.problem(422, "statement-rejected");
    assert_eq!(told["verdict"]["errors"][0]["case"], "F03");
    assert_eq!(town.count("statement").await, 4);
    assert_eq!(town.count("statement_line").await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_of_one_file_have_one_effect() {
    let town = Town::doors().await;
    let mut sheet = Sheet::new("S-1", 1, "2026-11-20", 0);
    sheet.credits = (0..3000).map(|n| (1_000 + n, format!("memo {n}"))).collect();
    let body = sheet.camt();
    let sends = (0..8).map(|n| {
        let (bank, body) = (town.bank.clone(), body.clone());
        async move { send(&bank, &format!("{n}.xml"), &body).await }
    });
    let answers = futures_util::future::join_all(sends).await;
    for answer in &answers {
        assert!([200, 409].contains(&answer.status), "{}", answer.text());
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
    send(&town.bank, "again.xml", &body).await.expect(200);
    assert_eq!((town.count("statement_file").await, town.count("statement").await), (1, 1));
    assert_eq!(town.count("statement_line").await, 3000);
    // Two different files with one statement, at once: one stands, the other waits.
    let issues = [3_u32, 4].map(|more| {
        let mut sheet = Sheet::new("S-2", 2, "2026-11-21", 0);
        sheet.credits = (0..more).map(|n| (1_000, format!("m{n}"))).collect();
        let bank = town.bank.clone();
        async move { send(&bank, "s2.xml", &sheet.camt()).await.status }
    });
    let mut statuses = futures_util::future::join_all(issues).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let standing =
        rows(&town.pool, "select state from statement where reference = 'S-2' order by 1");
    assert_eq!(standing.await, ["quarantined", "staged"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_was_broken_off_goes_on_where_it_stood() {
    let town = Town::doors().await;
    let body = Sheet::new("S-1", 1, "2026-11-20", 0).camt();
    send(&town.bank, "one.xml", &body).await.expect(200);
    // As a process leaves it that ends in the middle: one line is there, the rest is not.
    let owner = town.owner().await;
    for statement in [
        "delete from statement_line where place > 1",
        "update statement set state = 'reading'",
        "update statement_file set state = 'received', verdict = null,
                state_since = state_since - interval '1 hour'",
    ] {
        sqlx::query(statement).execute(&owner).await.expect("it is changed");
    }
    owner.close().await;
    let settings = town.app.settings.statements.clone();
    let spooling = payclear::statements::spool::Spooling(&settings);
    assert_eq!(town.app.intake().resume(&spooling).await.expect("it goes on"), 1);
    assert_eq!(rows(&town.pool, FILES).await, ["one.xml staged"]);
    assert_eq!(town.count("statement_line").await, 2);
    assert_eq!(send(&town.bank, "one.xml", &body).await.expect(200)["verdict"], "accepted");

    // One that did not arrive whole is refused, and may be sent again.
    let owner = town.owner().await;
    for statement in [
        "delete from statement_line",
        "delete from statement",
        "delete from statement_file_piece",
        "update statement_file set state = 'received', verdict = null,
                state_since = state_since - interval '1 hour'",
    ] {
        sqlx::query(statement).execute(&owner).await.expect("it is changed");
    }
    owner.close().await;
    assert_eq!(town.app.intake().resume(&spooling).await.expect("it goes on"), 1);
    assert_eq!(rows(&town.pool, FILES).await, ["one.xml rejected"]);
    assert_eq!(send(&town.bank, "one.xml", &body).await.expect(200)["verdict"], "accepted");
    assert_eq!(town.count("statement_line").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_is_emptied_into_done_and_refused() {
    let folder = std::env::temp_dir().join(format!("folder-{:016x}", rand::random::<u64>()));
    std::fs::create_dir_all(folder.join("directbank")).expect("a folder");
    let town = Town::of(Plan {
        roles: &[Role::Clock],
        with_simulators: false,
        amqp_url: None,
        settings: json!({ "statements": { "folder": folder.to_str(), "most_megabytes": 1 } }),
    })
    .await;
    let good = Sheet::new("S-1", 1, "2026-11-20", 0).camt();
    std::fs::write(folder.join("a.xml"), &good).expect("a file");
    std::fs::write(folder.join("directbank/a.xml"), &good).expect("a file");
    std::fs::write(folder.join("b.xml"), "not a statement").expect("a file");
    std::fs::write(folder.join("c.xml"), vec![b'x'; 3 << 20]).expect("a file");
    std::fs::write(folder.join("d.xml.part"), &good).expect("a file");
    let names = |below: &str| {
        let entries = std::fs::read_dir(folder.join(below));
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    until("the folder to be empty", || async {
        names("") == ["d.xml.part", "directbank", "done", "refused"]
    })
    .await;
    until("the partner's folder, too", || async { names("directbank").is_empty() }).await;
    assert_eq!(
        names("done"),
        ["2-a.xml", "2-a.xml.verdict.json", "a.xml", "a.xml.verdict.json"],
        "the same twice is taken once, and moved both times"
    );
    assert_eq!(names("refused"), ["b.xml", "b.xml.verdict.json", "c.xml", "c.xml.verdict.json"]);
    let verdict = std::fs::read_to_string(folder.join("done/a.xml.verdict.json")).expect("it");
    let verdict: Value = serde_json::from_str(&verdict).expect("JSON");
    assert_eq!(verdict["verdict"], "accepted");
    assert_eq!(town.count("statement").await, 1);
    std::fs::remove_dir_all(folder).expect("it goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_s_report_is_read_by_its_registered_mapping() {
    let town = Town::doors().await;
    let momo = town.caller(payclear::registers::caller::CallerKind::Partner, "momo").await;
    let report = "Mã báo cáo;M-1\nNgày;20/11/2026\nMã lô;MM-1\nMã đối tác;MOMOSIMPAYCLEAR\n\
        Mã giao dịch;Mã đơn hàng;Số tiền;Phí;Thời gian;Loại;Trạng thái;Nội dung\n\
        9;O9;1.150.000;11.500;20/11/2026 08:00:00;Thanh toán;Thành công;phí\n\
        Tổng cộng;1;1.150.000;11.500\n";
    let told = send(&momo, "m.csv", report).await.problem(422, "statement-rejected");
    assert_eq!(told["verdict"]["errors"][0]["code"], "mapping");
    let text = include_str!("../../registers/sample/reports/momo.toml");
    let by = payclear::platform::audit::By { actor: "cli/tests", at: town.clock.now() };
    let entered =
        mappings::register(&town.pool, Maker::bootstrap(by), text).await.expect("entered");
    assert_eq!((&*entered.name, entered.version, entered.new), ("momo-day", 1, true));
    let again = mappings::register(&town.pool, Maker::bootstrap(by), text).await.expect("entered");
    assert_eq!((&*again.name, again.version, again.new), ("momo-day", 1, false));
    let newer = format!("{text}\n# a word\n");
    let newer =
        mappings::register(&town.pool, Maker::bootstrap(by), &newer).await.expect("entered");
    assert_eq!((newer.version, newer.new), (2, true));
    // What was refused for want of a mapping may be sent again now.
    let verdict = send(&momo, "m.csv", report).await.expect(200);
    assert_eq!(
        (&verdict["verdict"], &verdict["version"]),
        (&json!("accepted"), &json!("momo-day/2"))
    );
    let line = rows(
        &town.pool,
        "select concat_ws(' ', amount, fee, batch, order_reference) from statement_line",
    );
    assert_eq!(line.await, ["1150000 11500 MM-1 O9"]);
    let kinds =
        rows(&town.pool, "select kind || ' ' || day::text || ' ' || reference from statement")
            .await;
    assert_eq!(kinds, ["report 2026-11-20 M-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_begins_with_what_stood_on_it() {
    use payclear::approvals::propose::Maker;
    use payclear::statements::opening::{self, Opening, OpeningError};
    let town = Town::doors().await;
    let directory = town.app.directory.current();
    let day: chrono::NaiveDate = "2026-11-19".parse().expect("a day");
    let of = |amount: i64| Opening::of(&directory, None, ACCOUNT, (amount.into(), day));
    let maker =
        Maker::pending(payclear::platform::audit::By { actor: "cli/an", at: town.clock.now() });
    let propose = |amount| {
        let opening = of(amount).expect("an account");
        let pool = &town.pool;
        async move { opening::propose(pool, maker, &opening).await }
    };
    assert!(matches!(
        Opening::of(&directory, None, "2999", (1.into(), day)),
        Err(OpeningError::UnknownAccount(_))
    ));
    let waits = propose(5_000_000).await.expect("proposed").expect("an approval").to_string();
    assert_eq!(town.balances().await.len(), 0, "nothing is booked before another agrees");
    town.approve(&waits).await;
    town.books(&[("bank_account directbank", 5_000_000), ("carried_in directbank", -5_000_000)])
        .await;
    assert!(matches!(propose(5_000_000).await, Err(OpeningError::Known { .. })));
    // The first statement is held against it.
    let told =
        send(&town.bank, "1.xml", &Sheet::new("S-1", 1, "2026-11-20", 5_000_000).camt()).await;
    assert_eq!(told.expect(200)["errors"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_statement_that_opens_otherwise_is_told() {
    use payclear::approvals::propose::Maker;
    use payclear::statements::opening::{self, Opening, OpeningError};
    let town = Town::doors().await;
    let directory = town.app.directory.current();
    let at = |day: &str, amount: i64| {
        let day = day.parse().expect("a day");
        Opening::of(&directory, None, ACCOUNT, (amount.into(), day)).expect("an account")
    };
    let maker =
        Maker::bootstrap(payclear::platform::audit::By { actor: "cli/an", at: town.clock.now() });
    send(&town.bank, "1.xml", &Sheet::new("S-1", 1, "2026-11-20", 500).camt()).await.expect(200);
    let differs = opening::propose(&town.pool, maker, &at("2026-11-19", 400)).await;
    assert!(matches!(differs, Err(OpeningError::Differs { .. })));
    let late = opening::propose(&town.pool, maker, &at("2026-11-20", 500)).await;
    assert!(matches!(late, Err(OpeningError::TooLate(_))));
    assert_eq!(
        opening::propose(&town.pool, maker, &at("2026-11-19", 500)).await.expect("booked"),
        None
    );
    town.books(&[("bank_account directbank", 500), ("carried_in directbank", -500)]).await;
}

/// What the simulators say of today, of a partner.
async fn told_by(town: &Town, partner: &str, format: &str, more: &str) -> Vec<u8> {
    let today = payclear::vocabulary::day::to_local(town.clock.now()).date();
    let url = &town.simulators().url;
    let path =
        format!("{url}/control/statement?partner={partner}&day={today}&format={format}{more}");
    let answer = answer_of(town.http.get(path)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_simulators_say_of_a_day_is_taken() {
    let town = Town::whole().await;
    for amount in [100_000, 30_000] {
        let invoice = town.issue(amount).await;
        for partner in ["vnpay", "momo", "zalopay"] {
            let other = town.issue(amount).await;
            let form = format!("partner={partner}");
            let request = town.http.post(text(&other, "pay_url"));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let to = answer_of(request.body(form)).await;
            let order = to.headers["location"].to_str().expect("an address").to_owned();
            let deed = town.simulators().pay(&order, "paid").await;
            assert_eq!(deed["money_moved"], true, "{deed}");
        }
        town.simulators().pay(text(&invoice, "code"), "paid").await;
    }
    for name in ["vnpay", "momo", "zalopay"] {
        let path = format!("{}/registers/sample/reports/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a mapping");
        let by = payclear::platform::audit::By { actor: "cli/tests", at: town.clock.now() };
        mappings::register(&town.pool, Maker::bootstrap(by), &text).await.expect("entered");
    }
    let officer = town.person("an@town.example", &["officer:*"]).await;
    // The fee is half a per cent: 500 and 150.
    for (partner, format, sum, entries) in [
        ("vnpay", "csv", "130000", 2),
        ("momo", "csv", "130000", 2),
        ("zalopay", "csv", "130000", 2),
        // Two transfers, and what three wallets pay in.
        ("samplebank", "camt053", "518050", 5),
        ("directbank", "camt053", "0", 0),
        ("sepay", "mt940", "0", 0),
    ] {
        let file = told_by(&town, partner, format, "").await;
        let told = bring(&officer, partner, &file).await.expect(201);
        assert_eq!(
            (text(&told, "verdict"), &told["errors"]),
            ("accepted", &json!([])),
            "{partner}: {told}"
        );
        assert_eq!(
            (&told["entries"], &told["statements"][0]["sum"]),
            (&json!(entries), &json!(sum)),
            "{partner}"
        );
    }
    // The same day as MT940 adds up to the same, and every defect is planted where it is found.
    let swift = told_by(&town, "samplebank", "mt940", "").await;
    let told = bring(&officer, "swift", &swift).await.expect(201);
    assert_eq!(told["statements"][0]["sum"], "518050");
    for (defect, verdict) in [
        ("truncated", "rejected"),
        ("arithmetic", "rejected"),
        ("missing", "quarantined"),
        ("amount", "quarantined"),
    ] {
        let file = told_by(&town, "momo", "csv", &format!("&defect={defect}")).await;
        assert_eq!(
            bring(&officer, defect, &file).await.expect(201)["verdict"],
            verdict,
            "{defect}"
        );
    }
    let file = told_by(&town, "samplebank", "camt053", "&defect=arithmetic").await;
    assert_eq!(bring(&officer, "odd", &file).await.expect(201)["verdict"], "quarantined");
    let memos =
        rows(&town.pool, "select memo from statement_line where amount = 129350 order by memo");
    assert!(memos.await.iter().any(|memo| memo.contains("MOMO")), "a wallet's batch is named");
}

/// The program, without database, broker or key.
fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_payclear"))
        .args(["import", "--check", "--json"])
        .args(arguments)
        .env_clear()
        .env("PAYCLEAR__STATEMENTS__MOST_MEGABYTES", "1")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    (done.status.code(), String::from_utf8(done.stdout).expect("text"))
}

#[test]
fn a_file_is_looked_at_without_a_database() {
    let sample = |name: &str| format!("{SAMPLES}/{name}");
    for (name, code, verdict, format) in [
        ("camt__viafintech__053_valid_example_v4.xml", 0, "accepted", "camt.053"),
        ("camt__genkgo__camt052.v8.xml", 0, "noted", "camt.052"),
        ("camt__genkgo__camt053.v8.xml", 3, "quarantined", "camt.053"),
        ("mt940__wolph__mBank__mt942.sta", 4, "rejected", "mt942"),
        ("NEGATIVE__viafintech__invalid_namespace.xml", 4, "rejected", "camt.053"),
    ] {
        let (told, output) = check(&[&sample(name)]);
        let output: Value = serde_json::from_str(&output).expect("JSON");
        assert_eq!(
            (told, &output["verdict"], &output["format"]),
            (Some(code), &json!(verdict), &json!(format))
        );
    }
    let (_, output) = check(&[&sample("camt__viafintech__053_valid_example_v4.xml")]);
    let told: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!((&told["entries"], &told["transactions"]), (&json!(13), &json!(32)));
    let statement = &told["statements"][0];
    assert_eq!(
        (&statement["id"], &statement["sum"]),
        (&json!("20160430375204000008574"), &json!("537.61"))
    );
    assert_eq!(
        (&statement["opening"], &statement["closing"]),
        (&json!("322152.16"), &json!("322689.77"))
    );
    // A file of a gigabyte, which takes no room on this disk.
    let huge = std::env::temp_dir().join(format!("huge-{:016x}.xml", rand::random::<u64>()));
    std::fs::File::create(&huge).and_then(|f| f.set_len(1 << 30)).expect("a sparse file");
    let (code, output) = check(&[huge.to_str().expect("a name")]);
    std::fs::remove_file(huge).expect("it goes");
    let told: Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!((code, &told["errors"][0]["code"]), (Some(4), &json!("too-large")));
}

/// A page of the statement of one day: all bear its id and its number.
fn page(number: u32, opening: i64) -> String {
    let sheet = Sheet::new("S-7", 7, "2026-11-20", opening).camt();
    let mark = "<CreDtTm>";
    let pages = format!("<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>");
    let sheet = sheet.replace("S-7-", &format!("S-7-{number}-"));
    sheet.replacen(mark, &format!("{pages}{mark}"), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_statement_that_come_in_files_of_their_own_follow_each_other() {
    let town = Town::doors().await;
    let before = Sheet::new("S-6", 6, "2026-11-19", 0).camt();
    send(&town.bank, "before.xml", &before).await.expect(200);
    for (number, opening) in [(1, 220_000), (2, 440_000), (3, 660_000)] {
        let told = send(&town.bank, "page.xml", &page(number, opening)).await.expect(200);
        assert_eq!((&told["verdict"], &told["errors"]), (&json!("accepted"), &json!([])), "{told}");
    }
    let after = Sheet::new("S-8", 8, "2026-11-21", 880_000).camt();
    let told = send(&town.bank, "after.xml", &after).await.expect(200);
    assert_eq!(told["errors"], json!([]), "it follows the last page");
    assert_eq!(town.cases().await, [""; 0], "nothing is missing (F04)");
    assert_eq!(
        rows(&town.pool, STANDING).await,
        ["S-6 staged", "S-7 staged", "S-7/2 staged", "S-7/3 staged", "S-8 staged"]
    );
    // A page that is missing is told as before.
    let gap = page(5, 1_000_000).replace("2026-11-20", "2026-11-22").replace("S-7", "S-9");
    let gap = gap.replace("<ElctrncSeqNb>7", "<ElctrncSeqNb>9");
    let told = send(&town.bank, "gap.xml", &gap).await.expect(200);
    assert_ne!(told["errors"], json!([]), "{told}");
}

/// A report whose columns two wallets share.
const SHARED: &str = "Mã giao dịch;Số tiền;Thời gian\n1;1.000;20/11/2026 08:00:00\n";

fn shared_mapping(partner: &str, account: &str) -> String {
    format!(
        "partner = \"{partner}\"\nname = \"{partner}-shared\"\ndelimiter = \";\"\n\
         grouping = \".\"\ntimes = [\"%d/%m/%Y %H:%M:%S\"]\naccount = \"{account}\"\n\
         [columns]\ntransaction_id = \"Mã giao dịch\"\namount = \"Số tiền\"\n\
         time = \"Thời gian\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_two_partners_mappings_fit_is_refused_until_its_partner_is_named() {
    let town = Town::doors().await;
    let by = payclear::platform::audit::By { actor: "cli/tests", at: town.clock.now() };
    for (partner, account) in [("momo", "MOMOSIMPAYCLEAR"), ("zalopay", "2553")] {
        let text = shared_mapping(partner, account);
        mappings::register(&town.pool, Maker::bootstrap(by), &text).await.expect("entered");
    }
    let officer = town.person("an@town.example", &["officer:*"]).await;
    let told = bring(&officer, "shared.csv", SHARED.as_bytes()).await.expect(201);
    let error = &told["errors"][0];
    assert_eq!(error["code"], "mapping", "{told}");
    assert!(text(error, "detail").contains("name the partner"), "{told}");

    // The form of the desk has the field that this asks for.
    let (mut desk, _) = town.at_the_desk("binh@town.example", &["officer:*"]).await;
    let csrf = desk.token("/desk/files").await;
    let fields = [("csrf", &*csrf), ("partner", "momo")];
    let done = desk.send_file("/desk/files", &fields, ("shared.csv", SHARED.as_bytes())).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let of = "select partner || ' ' || format from statement_file where state <> 'rejected'";
    assert_eq!(rows(&town.pool, of).await, ["momo report.momo-shared/1"]);

    // Broken off and taken up again, it is still that partner's.
    let owner = town.owner().await;
    for statement in [
        "delete from statement_line",
        "update statement set state = 'reading'",
        "update statement_file set state = 'received', verdict = null, format = '',
                state_since = state_since - interval '1 hour' where state <> 'rejected'",
    ] {
        sqlx::query(statement).execute(&owner).await.expect("it is changed");
    }
    owner.close().await;
    let settings = town.app.settings.statements.clone();
    let spooling = payclear::statements::spool::Spooling(&settings);
    assert_eq!(town.app.intake().resume(&spooling).await.expect("it goes on"), 1);
    assert_eq!(rows(&town.pool, of).await, ["momo report.momo-shared/1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_is_in_force_once_another_has_agreed() {
    let town = Town::doors().await;
    // From here on something has been approved: nobody enters anything alone.
    let approver = town.approver().await;
    let officer = town.person("an@town.example", &["officer:*", "approver:*", "operator:*"]).await;
    let first = shared_mapping("momo", "MOMOSIMPAYCLEAR");
    let by = payclear::platform::audit::By { actor: &officer.email, at: town.clock.now() };
    let waits = mappings::register(&town.pool, Maker::pending(by), &first).await.expect("asked");
    let approval = waits.approval.expect("it waits").to_string();
    let told = bring(&officer, "shared.csv", SHARED.as_bytes()).await.expect(201);
    assert_eq!(told["errors"][0]["code"], "mapping", "it is not read with yet");
    assert!(mappings::register(&town.pool, Maker::pending(by), &first).await.is_err(), "it waits");
    officer.decide(&approval, "approve").await.problem(403, "four-eyes");
    approver.decide(&approval, "approve").await.expect(200);
    let told = bring(&officer, "shared.csv", SHARED.as_bytes()).await.expect(201);
    assert_eq!(told["verdict"], "accepted", "{told}");
    assert_eq!(town.count("report_mapping").await, 1);
    // The database takes none on one word, whoever says it.
    let alone = "insert into report_mapping select partner, name, 2, content, now(), 'cli/an'
                   from report_mapping";
    assert!(sqlx::query(alone).execute(&town.pool).await.is_err());
    assert!(mappings::register(&town.pool, Maker::bootstrap(by), "").await.is_err());
    let newer = format!("{first}# a word\n");
    let alone = mappings::register(&town.pool, Maker::bootstrap(by), &newer).await;
    assert!(alone.is_err(), "the beginning is over");
}
