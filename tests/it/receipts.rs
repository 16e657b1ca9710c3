//! Receipts: one for each payment, numbered without a gap whatever dies or doubles, corrected by two
//! people, told in the day's table, readable on paper and checkable by everybody.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{Datelike, Duration};
use futures_util::future::BoxFuture;
use payclear::platform::audit::By;
use payclear::receipts::Receipts;
use payclear::receipts::number::Done;
use payclear::receipts::signer::{SignError, Signed, Signer};
use payclear::registers::import::{ImportError, import};
use payclear::vocabulary::clock::Clock;
use payclear::vocabulary::day::{from_local, to_local};
use serde_json::{Value, json};

use crate::support::people::Person;
use crate::support::process::Site;
use crate::support::{Answer, Town, sequenced, text, until};

/// A signing service: its keys are not at hand.
#[derive(Debug)]
struct Elsewhere(Arc<dyn Signer>);

impl Signer for Elsewhere {
    fn sign<'a>(
        &'a self,
        agency: &'a str,
        contents: &'a [&'a [u8]],
    ) -> BoxFuture<'a, Result<Vec<Signed>, SignError>> {
        self.0.sign(agency, contents)
    }

    fn holds<'a>(
        &'a self,
        signed: &'a Signed,
        content: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<bool>, SignError>> {
        self.0.holds(signed, content)
    }
}

impl Town {
    /// Everything that is committed is in a batch.
    async fn in_order(&self) {
        sequenced(&self.pool, &self.app.clock).await;
    }

    async fn numbers_as(&self, holder: &str) -> Done {
        self.app.directory.refresh().await.expect("the registers");
        let directory = self.app.directory.current();
        self.app.receipts().number(&directory, holder).await.expect("it numbers")
    }

    pub async fn numbers(&self) -> Done {
        self.in_order().await;
        self.numbers_as("tests").await
    }

    /// Numbers where a service elsewhere signs.
    async fn numbers_unsigned(&self) -> Done {
        self.in_order().await;
        let directory = self.app.directory.current();
        let receipts = self.app.receipts();
        let signer = Arc::new(Elsewhere(receipts.signer.clone()));
        let receipts = Receipts { signer, ..receipts };
        receipts.number(&directory, "tests").await.expect("it numbers")
    }

    async fn signs(&self) -> usize {
        self.app.receipts().sign_some().await.expect("it signs")
    }

    async fn paid(&self, transaction: &str, amount: u64) -> Value {
        self.paid_with(transaction, amount, &json!({})).await
    }

    async fn paid_with(&self, transaction: &str, amount: u64, more: &Value) -> Value {
        let invoice = self.issue_with(amount, more).await;
        assert_eq!(self.settle(transaction, amount, text(&invoice, "code")).await, "applied");
        invoice
    }

    /// Symbol, number and standing, in the order of the numbers.
    async fn run_of(&self, agency: &str) -> Vec<(String, i32, String)> {
        sqlx::query_as(
            "select symbol, number, status from receipt where agency = $1 order by symbol, number",
        )
        .bind(agency)
        .fetch_all(&self.pool)
        .await
        .expect("the receipts")
    }

    async fn receipt_of(&self, invoice: &Value) -> Answer {
        let path = format!("/v1/invoices/{}/receipt", text(invoice, "id"));
        self.portal.get(&path).await
    }

    async fn receipt_json(&self, invoice: &Value) -> Value {
        let row: (uuid::Uuid, String, String, i32, String) = sqlx::query_as(
            "select receipt_id, check_code, symbol, number, status from receipt
              where invoice_id = $1::uuid order by sequence desc, revision desc limit 1",
        )
        .bind(text(invoice, "id").parse::<uuid::Uuid>().expect("an id"))
        .fetch_one(&self.pool)
        .await
        .expect("a receipt");
        json!({ "id": row.0, "code": row.1, "symbol": row.2, "number": row.3, "status": row.4 })
    }

    /// Takes this file of ranges in; `{year}` is the running year's last two digits.
    async fn enters_ranges(&self, rows: &str) -> Result<(), ImportError> {
        let dir: PathBuf = std::env::temp_dir().join(format!("payclear-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let year = format!("{:02}", to_local(self.clock.now()).year() % 100);
        let head =
            "agency,form,symbol,first,last,delegate_name,delegate_tax_code,delegation,closed";
        let text = format!("{head}\n{}\n", rows.replace("{year}", &year));
        std::fs::write(dir.join("receipt_ranges.csv"), text).expect("a file");
        let by = By { actor: "cli/tests", at: self.clock.now() };
        let done = import(&self.pool, by, &dir).await;
        std::fs::remove_dir_all(&dir).expect("it goes");
        done.map(|_| ())
    }

    /// Nothing of the samples' ranges is left.
    async fn closes_samples(&self) {
        let symbols = ["26TAA", "27TAA"];
        for symbol in symbols {
            let rows = ["G01.A", "G01.C", "G01"]
                .map(|agency| format!("{agency},EBL01,{symbol},1,9999999,,,,x"))
                .join("\n");
            self.enters_ranges(&rows).await.expect("closed");
        }
    }

    /// The clock stands at noon of today, or at this time of a day of Việt Nam.
    fn turns_to(&self, local: &str) {
        let at = from_local(local.parse().expect("a time"));
        self.clock.turn(at - self.clock.now());
    }
}

fn year(town: &Town) -> String {
    format!("{:02}TAA", to_local(town.clock.now()).year() % 100)
}

fn valid(symbol: &str, numbers: std::ops::RangeInclusive<i32>) -> Vec<(String, i32, String)> {
    numbers.map(|n| (symbol.to_owned(), n, "valid".to_owned())).collect()
}

/// The words of a PDF, as another program reads them.
fn words_of(pdf: &[u8]) -> String {
    let path = std::env::temp_dir().join(format!("payclear-{}.pdf", uuid::Uuid::new_v4()));
    std::fs::write(&path, pdf).expect("a file");
    let read = std::process::Command::new("pdftotext").arg("-layout").arg(&path).arg("-").output();
    std::fs::remove_file(&path).expect("it goes");
    let read = read.expect("pdftotext is needed for this test: install poppler-utils");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).expect("UTF-8");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_gets_the_next_number_of_its_unit_signed_and_on_paper() {
    let town = Town::doors().await;
    let unpaid = town.issue(100_000).await;
    let invoice = town.paid("T1", 1_204_521).await;
    let early = town.receipt_of(&invoice).await;
    assert!(early.headers.contains_key("retry-after"));
    early.problem(404, "not-found");
    assert_eq!(town.numbers().await, Done { issued: 1, ended: 0 });
    assert_eq!((town.numbers().await, town.signs().await), (Done::default(), 0));
    assert_eq!(town.run_of("G01.A").await, valid(&year(&town), 1..=1));
    assert_eq!(
        text(&town.read(&invoice).await["links"], "receipt"),
        format!("{}/v1/invoices/{}/receipt", town.url, text(&invoice, "id"))
    );
    assert!(town.read(&unpaid).await["links"].get("receipt").is_none());

    let answer = town.receipt_of(&invoice).await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (200, &"application/pdf".parse().expect("a value"))
    );
    let pdf = answer.body.clone();
    assert_eq!(town.receipt_of(&invoice).await.body, pdf, "the same bytes again");
    let words = words_of(&pdf);
    let day = to_local(town.clock.now()).format("ngày %d tháng %m năm %Y").to_string();
    for wanted in [
        "BIÊN LAI THU PHÍ",
        "Sở Tư pháp tỉnh Mẫu – Mã số thuế: 6600000002",
        "Mẫu số (Form): EBL01",
        "Số (No.): 0000001",
        "Nguyễn Thị Minh An",
        "Phí thử",
        "1.204.521",
        "Một triệu hai trăm linh bốn nghìn năm trăm hai mươi mốt đồng",
        &day,
        "Đã ký số bởi: Sở Tư pháp tỉnh Mẫu",
        text(&invoice, "code"),
        "Trang 1/1",
    ] {
        assert!(words.contains(wanted), "no {wanted} in {words}");
    }
    // The signed content travels inside; anybody can check it with the public key.
    let kept: (String, Vec<u8>, Vec<u8>, Vec<u8>) = sqlx::query_as(
        "select r.content, r.content_hash, r.signature, k.public_key
           from receipt r join receipt_key k on k.key_id = r.key_id",
    )
    .fetch_one(&town.pool)
    .await
    .expect("a receipt");
    let key: [u8; 32] = kept.3.try_into().expect("32 bytes");
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key).expect("a key");
    let signature = ed25519_dalek::Signature::from_slice(&kept.2).expect("a signature");
    key.verify_strict(kept.0.as_bytes(), &signature).expect("it holds");
    assert!(
        key.verify_strict(kept.0.replace("1204521", "1204520").as_bytes(), &signature).is_err()
    );
    assert!(words.contains(&hex::encode(&kept.1)), "the hash is printed");
    let secret: Vec<u8> = sqlx::query_scalar("select secret from receipt_key")
        .fetch_one(&town.pool)
        .await
        .expect("a key");
    assert!(secret.len() > 60, "it is sealed");
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_service_that_is_away_delays_signatures_and_no_numbers() {
    let town = Town::doors().await;
    let invoice = town.paid("T1", 1_000).await;
    assert_eq!(town.numbers_unsigned().await, Done { issued: 1, ended: 0 });
    town.receipt_of(&invoice).await.problem(404, "not-found");
    let an = town.person("an@town.example", &["officer:G01"]).await;
    assert_eq!(an.get("/v1/receipts/gaps").await.expect(200)["unsigned"], 0);
    town.clock.turn(Duration::minutes(6));
    assert_eq!(an.get("/v1/receipts/gaps").await.expect(200)["unsigned"], 1);
    assert_eq!((town.signs().await, town.signs().await), (1, 0));
    assert_eq!(town.receipt_of(&invoice).await.status, 200);
    let id = text(&town.receipt_json(&invoice).await, "id").to_owned();
    let seen = an.get(&format!("/v1/receipts/{id}")).await.expect(200);
    let steps = seen["history"].as_array().expect("steps");
    let told: Vec<&str> = steps.iter().map(|step| text(step, "kind")).collect();
    assert_eq!(told, ["issued", "signed"]);
    assert_eq!(text(&steps[0], "actor"), "clock");
    assert!(text(&steps[1], "actor").starts_with("key/"), "{seen}");
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_have_no_gap_in_each_unit_whatever_leads_and_whatever_dies() {
    let town = Town::doors().await;
    for n in 0..6 {
        town.paid(&format!("A{n}"), 1_000 + n).await;
        town.paid_with(&format!("C{n}"), 2_000 + n, &json!({ "agency": "G01.C" })).await;
    }
    town.in_order().await;
    // Two replicas at once, again and again, while payments come in.
    let (first, second) = (town.numbers_as("one"), town.numbers_as("two"));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.issued + second.issued, 12);
    for n in 6..12 {
        town.paid(&format!("A{n}"), 1_000 + n).await;
    }
    town.in_order().await;
    // The lease is one's: the other waits for its end.
    let (first, second) = tokio::join!(town.numbers_as("one"), town.numbers_as("two"));
    assert_eq!(first.issued + second.issued, 6);
    sqlx::query("update lease set until = statement_timestamp() where name = 'receipts'")
        .execute(&town.pool)
        .await
        .expect("its end");
    town.in_order().await;
    town.numbers_as("two").await;
    let symbol = year(&town);
    assert_eq!(town.run_of("G01.A").await, valid(&symbol, 1..=12));
    assert_eq!(town.run_of("G01.C").await, valid(&symbol, 1..=6));
    // In the order of the payments.
    let amounts: Vec<i64> = sqlx::query_scalar(
        "select amount::bigint from receipt where agency = 'G01.A' order by number",
    )
    .fetch_all(&town.pool)
    .await
    .expect("the receipts");
    assert_eq!(amounts, (1_000..1_012).collect::<Vec<_>>());
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_number_and_commit_gives_no_number_away() {
    let mut site = Site::fresh().await;
    site.survives(&["receipts.before_commit:1", "receipts.after_commit:1"], 12).await;
    site.start(None).await;
    let pool = site.pool.clone();
    until("every payment to have its signed receipt", || async {
        let left: i64 = sqlx::query_scalar(
            "select count(*) from invoice i where status = 'paid'
                and not exists (select from receipt r where r.invoice_id = i.invoice_id
                                                        and r.signature is not null)",
        )
        .fetch_one(&pool)
        .await
        .expect("a count");
        left == 0
    })
    .await;
    let runs: Vec<(String, i64, i32, i32)> = sqlx::query_as(
        "select symbol, count(*), min(number), max(number) from receipt group by agency, symbol",
    )
    .fetch_all(&pool)
    .await
    .expect("the runs");
    assert!(!runs.is_empty());
    for (symbol, count, first, last) in runs {
        assert_eq!((1, i64::from(last)), (first, count), "{symbol}");
    }
    let twice: i64 = sqlx::query_scalar(
        "select count(*) from (select from receipt group by invoice_id having count(*) > 1) twice",
    )
    .fetch_one(&pool)
    .await
    .expect("a count");
    assert_eq!(twice, 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_leader_gives_no_numbers_any_more() {
    let town = Town::doors().await;
    town.paid("T1", 1_000).await;
    town.in_order().await;
    let pool = town.owner().await;
    // A later leader was there.
    sqlx::query("update receipt_progress set fence = 1000").execute(&pool).await.expect("a fence");
    assert_eq!(town.numbers().await, Done::default());
    assert_eq!(town.count("receipt").await, 0);
    sqlx::query("update receipt_progress set fence = 0").execute(&pool).await.expect("as it was");
    assert_eq!(town.numbers().await.issued, 1);
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_is_used_up_stops_its_unit_alone_until_another_is_entered() {
    let town = Town::doors().await;
    town.closes_samples().await;
    town.enters_ranges("G01.A,EBL01,{year}TBB,1,2,,,,\nG01.C,EBL01,{year}TBB,1,900,,,,")
        .await
        .expect("taken");
    let mut waiting = Vec::new();
    for n in 0..5 {
        waiting.push(town.paid(&format!("A{n}"), 1_000 + n).await);
    }
    town.paid_with("C0", 2_000, &json!({ "agency": "G01.C" })).await;
    assert_eq!(town.numbers().await.issued, 3);
    assert_eq!(town.numbers().await.issued, 0, "nothing is lost, nothing is made up");
    let symbol = year(&town).replace("AA", "BB");
    assert_eq!(town.run_of("G01.A").await, valid(&symbol, 1..=2));
    assert_eq!(town.run_of("G01.C").await, valid(&symbol, 1..=1));
    assert_eq!(town.cases().await, ["B18 1002 open"], "one case, of the first that waits");
    let an = town.person("an@town.example", &["officer:G01"]).await;
    let gaps = an.get("/v1/receipts/gaps").await.expect(200);
    assert_eq!(gaps["whole"], false);
    assert_eq!(gaps["waiting"][0]["payments"], 3);
    assert_eq!(gaps["missing"], json!([]));

    // Taken back while it waits: it gets its receipt, which does not hold.
    town.reverse("A3", "R3").await.expect(204);
    town.numbers().await;
    town.enters_ranges("G01.A,EBL01,{year}TBC,50,900,,,,").await.expect("taken");
    assert_eq!(town.numbers().await, Done { issued: 3, ended: 1 });
    let run = town.run_of("G01.A").await;
    assert_eq!(run.iter().map(|(_, n, _)| *n).collect::<Vec<_>>(), [1, 2, 50, 51, 52]);
    assert_eq!(run[3].2, "cancelled");
    assert!(town.cases().await.contains(&"B18 1002 auto_closed".to_owned()));
    let gaps = an.get("/v1/receipts/gaps").await.expect(200);
    assert_eq!((&gaps["whole"], &gaps["waiting"]), (&json!(true), &json!([])));
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_year_begins_a_new_run_and_midnight_splits_no_day() {
    let town = Town::doors().await;
    town.turns_to("2026-12-31T23:58:00");
    town.paid("T1", 1_000).await;
    town.numbers().await;
    town.paid("T2", 2_000).await;
    // Numbered a moment after midnight, it still bears the day of its payment and that year's symbol.
    town.turns_to("2027-01-01T00:00:20");
    town.paid("T3", 3_000).await;
    town.numbers().await;
    // What waited for hours is made on the day that it is made.
    town.paid("T4", 4_000).await;
    town.turns_to("2027-01-03T09:00:00");
    town.numbers().await;
    let rows: Vec<(String, i32, String)> =
        sqlx::query_as("select symbol, number, day::text from receipt order by symbol, number")
            .fetch_all(&town.pool)
            .await
            .expect("the receipts");
    let row = |symbol: &str, n, day: &str| (symbol.to_owned(), n, day.to_owned());
    assert_eq!(
        rows,
        [
            row("26TAA", 1, "2026-12-31"),
            row("26TAA", 2, "2026-12-31"),
            row("27TAA", 1, "2027-01-01"),
            row("27TAA", 2, "2027-01-03"),
        ]
    );
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_takes_back_has_no_receipt_that_holds_and_what_is_paid_again_has_another() {
    let town = Town::doors().await;
    let invoice = town.paid("T1", 100_000).await;
    town.numbers().await;
    town.reverse("T1", "R1").await.expect(204);
    assert_eq!(town.numbers().await, Done { issued: 0, ended: 1 });
    let old = town.receipt_json(&invoice).await;
    assert_eq!(text(&old, "status"), "cancelled");
    let words = words_of(&town.receipt_of(&invoice).await.body);
    assert!(words.contains("BIÊN LAI NÀY ĐÃ BỊ HUỶ"), "{words}");
    assert_eq!(town.settle("T2", 100_000, text(&invoice, "code")).await, "applied");
    assert_eq!(town.numbers().await, Done { issued: 1, ended: 0 });
    assert_eq!(text(&town.receipt_json(&invoice).await, "status"), "valid");
    let symbol = year(&town);
    assert_eq!(
        town.run_of("G01.A").await,
        [(symbol.clone(), 1, "cancelled".to_owned()), (symbol, 2, "valid".to_owned())]
    );
    town.leaves_messages();
}

async fn proposes(who: &Person, path: &str, body: &Value) -> String {
    text(&who.post(path, body).await.expect(202), "approval").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_officers_cancel_or_replace_a_receipt_and_nobody_does_so_alone() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let an = town.person("an@town.example", &["officer:G01", "approver:G01"]).await;
    let other = town.person("khac@town.example", &["officer:G02"]).await;
    let looker = town.person("xem@town.example", &["viewer:G01"]).await;
    let wrong = town.paid("T1", 100_000).await;
    let gone = town.paid("T2", 50_000).await;
    town.numbers().await;
    let (wrong_one, gone_one) = (town.receipt_json(&wrong).await, town.receipt_json(&gone).await);
    let path = |receipt: &Value, what: &str| format!("/v1/receipts/{}/{what}", text(receipt, "id"));

    let named = json!({ "reason": "sai tên người nộp", "payer_name": "Nguyễn Thị Minh Anh" });
    other.post(&path(&wrong_one, "replace"), &named).await.problem(404, "not-found");
    looker.post(&path(&wrong_one, "replace"), &named).await.problem(403, "forbidden");
    for bad in [json!({}), json!({ "reason": "", "payer_name": "A" }), json!({ "reason": "x" })] {
        an.post(&path(&wrong_one, "replace"), &bad).await.problem(422, "invalid-request");
    }
    let replace = proposes(&an, &path(&wrong_one, "replace"), &named).await;
    an.decide(&replace, "approve").await.problem(403, "four-eyes");
    assert_eq!(town.numbers().await, Done::default());
    approver.decide(&replace, "approve").await.expect(200);
    assert_eq!(
        text(&town.receipt_json(&wrong).await, "status"),
        "valid",
        "until its number is given"
    );
    assert_eq!(town.numbers().await, Done { issued: 1, ended: 1 });
    let symbol = year(&town);
    let state = |n, status: &str| (symbol.clone(), n, status.to_owned());
    assert_eq!(
        town.run_of("G01.A").await,
        [state(1, "replaced"), state(2, "valid"), state(3, "valid")]
    );
    let words = words_of(&town.receipt_of(&wrong).await.body);
    for wanted in [
        "Nguyễn Thị Minh Anh",
        &format!("Thay thế cho biên lai mẫu EBL01, ký hiệu {symbol}, số 0000001"),
        "sai tên người nộp",
    ] {
        assert!(words.contains(wanted), "no {wanted} in {words}");
    }

    let cancel = proposes(&an, &path(&gone_one, "cancel"), &json!({ "reason": "lập nhầm" })).await;
    approver.decide(&cancel, "reject").await.expect(200);
    assert_eq!(text(&town.receipt_json(&gone).await, "status"), "valid");
    let cancel = proposes(&an, &path(&gone_one, "cancel"), &json!({ "reason": "lập nhầm" })).await;
    approver.decide(&cancel, "approve").await.expect(200);
    assert_eq!(text(&town.receipt_json(&gone).await, "status"), "cancelled");
    an.post(&path(&gone_one, "cancel"), &json!({ "reason": "x" }))
        .await
        .problem(409, "wrong-state");
    let seen = an.get(&format!("/v1/receipts/{}", text(&gone_one, "id"))).await.expect(200);
    let kinds: Vec<&str> =
        seen["history"].as_array().expect("steps").iter().map(|s| text(s, "kind")).collect();
    assert_eq!(kinds, ["issued", "signed", "cancelled"]);
    assert_eq!(text(&seen["history"][2], "actor"), an.email);
    assert_eq!(text(&seen["history"][2], "approved_by"), approver.email);

    // The history is only added to, whoever asks.
    for wrong in [
        "update receipt_step set reason = 'x'",
        "delete from receipt_step",
        "delete from receipt",
        "update receipt set status = 'valid' where status = 'cancelled'",
        "update receipt set signature = 'x' where signature is not null",
    ] {
        let refused = sqlx::query(wrong).execute(&town.owner().await).await;
        assert!(refused.is_err(), "{wrong}");
    }
    for never in
        ["update receipt set content = ''", "update receipt set number = 9", "truncate receipt"]
    {
        let refused = sqlx::query(never).execute(&town.pool).await;
        assert!(refused.is_err(), "{never}");
    }
    let listed = looker.get("/v1/receipts?agency=G01&limit=2").await;
    assert!(listed.headers.contains_key("link"));
    assert_eq!(listed.expect(200)["receipts"].as_array().expect("a page").len(), 2);
    assert_eq!(other.get("/v1/receipts").await.expect(200)["receipts"], json!([]));
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_a_number_that_does_not_follow() {
    let town = Town::doors().await;
    town.paid("T1", 1_000).await;
    town.numbers().await;
    let copy = |change: &str| {
        format!(
            "insert into receipt (receipt_id, invoice_id, sequence, revision, agency, form, symbol,
                 number, day, amount, currency, payer_name, check_code, content, content_hash,
                 issued_at, status_since)
             select gen_random_uuid(), gen_random_uuid(), sequence, 0, agency, form, symbol, {change},
                 day, amount, currency, payer_name, check_code || 'x', content, content_hash,
                 issued_at, status_since from receipt"
        )
    };
    for (number, why) in
        [("3", "follow"), ("10000000", "follow"), ("0", "follow"), ("1", "receipt_number_once")]
    {
        let refused = sqlx::query(sqlx::AssertSqlSafe(copy(number))).execute(&town.pool).await;
        let told = refused.expect_err(number).to_string();
        assert!(told.contains(why), "{number}: {told}");
    }
    sqlx::query(sqlx::AssertSqlSafe(copy("2"))).execute(&town.pool).await.expect("it follows");
    let report = payclear::commands::verify::verify(&town.pool).await.expect("a report");
    assert_eq!(report.receipts.without_payment, 1, "but of nothing that was paid");
    sqlx::query("alter table receipt disable trigger receipt_stays")
        .execute(&town.owner().await)
        .await
        .expect("as the owner");
    sqlx::query("delete from receipt where number = 2")
        .execute(&town.owner().await)
        .await
        .expect("as the owner");
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_taken_in_whole_or_not_at_all_and_stand_as_they_were_notified() {
    let town = Town::doors().await;
    let told = |done: Result<(), ImportError>| match done {
        Err(ImportError::Mistakes(mistakes)) => {
            mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    };
    let before = town.count("receipt_range").await;
    let wrong = town
        .enters_ranges("G01.A,EBL01,{year}TBB,1,100,,,,\nG01.A,EBL01,{year}TBB,100,200,,,,\nG99,EBL01,{year}TBB,1,5,,,,")
        .await;
    let wrong = told(wrong);
    assert!(wrong.contains("receipt_ranges.csv:3 first: overlaps the range 1-100"), "{wrong}");
    assert!(wrong.contains("receipt_ranges.csv:4 agency: G99 is in no register"), "{wrong}");
    assert_eq!(town.count("receipt_range").await, before, "nothing was written");
    let rows = "G01.A,EBL01,{year}TBB,1,100,,,,";
    town.enters_ranges(rows).await.expect("taken");
    town.enters_ranges(rows).await.expect("the same again changes nothing");
    let longer = told(town.enters_ranges("G01.A,EBL01,{year}TBB,1,900,,,,").await);
    assert!(longer.contains("stands as it was notified"), "{longer}");
    town.enters_ranges("G01.A,EBL01,{year}TBB,1,100,,,,x").await.expect("closed");
    let reopened = told(town.enters_ranges(rows).await);
    assert!(reopened.contains("stands as it was notified"), "{reopened}");
    let overlap = sqlx::query(
        "insert into receipt_range (agency, form, symbol, first_number, last_number, load_id)
         select agency, form, symbol, 50, 60, load_id from receipt_range where symbol like '%TBB'",
    );
    assert!(overlap.execute(&town.pool).await.is_err(), "nor does the database take it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_table_is_what_the_database_holds() {
    let town = Town::doors().await;
    town.approver().await;
    let mut elsewhere = town.person("khac@town.example", &["officer:G02"]).await;
    let mut an = town.person("an@town.example", &["officer:G01"]).await;
    let mut chi = town.person("chi@town.example", &["approver:G01"]).await;
    let two = json!({ "lines": [
        { "kind": "phi", "name": "=Phí thẩm định", "sub_item": "2716", "amount": { "amount": "70000", "currency": "VND" } },
        { "kind": "le_phi", "name": "Lệ phí cấp phép", "sub_item": "2771", "amount": { "amount": "30000", "currency": "VND" } },
    ] });
    let first = town.paid_with("T1", 100_000, &two).await;
    town.paid("T2", 5_000).await;
    town.numbers().await;
    let day = to_local(town.clock.now()).date();
    let receipt = town.receipt_json(&first).await;
    let cancel = proposes(
        &an,
        &format!("/v1/receipts/{}/cancel", text(&receipt, "id")),
        &json!({ "reason": "sai nội dung" }),
    )
    .await;
    town.clock.turn(Duration::days(1));
    an.sign_in(&*town.clock).await;
    chi.sign_in(&*town.clock).await;
    chi.decide(&cancel, "approve").await.expect(200);
    town.paid("T3", 7_000).await;
    town.numbers().await;

    let path = |day, more: &str| format!("/v1/receipts/report?agency=G01.A&day={day}{more}");
    let table = an.get(&path(day, "")).await.expect(200);
    assert_eq!((&table["receipts"], text(&table["amount"], "amount")), (&json!(2), "105000"));
    let told: Vec<(String, i64, i64, String)> = table["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            (
                text(row, "symbol").to_owned(),
                row["number"].as_i64().expect("a number"),
                crate::support::money(&row["amount"]),
                text(row, "status").to_owned(),
            )
        })
        .collect();
    let held: Vec<(String, i64, i64, String)> = sqlx::query_as(
        "select r.symbol, r.number::bigint, (c->'amount'->>'amount')::bigint, 'Mới'
           from receipt r cross join jsonb_array_elements(r.content::jsonb->'charges') with ordinality l(c, n)
          where r.agency = 'G01.A' and r.day = $1 order by r.number, l.n",
    )
    .bind(day)
    .fetch_all(&town.pool)
    .await
    .expect("the charges");
    assert_eq!(told, held);

    let next = day.succ_opt().expect("a day");
    let table = an.get(&path(next, "")).await.expect(200);
    let rows = table["rows"].as_array().expect("rows");
    let statuses: Vec<&str> = rows.iter().map(|row| text(row, "status")).collect();
    assert_eq!(statuses, ["Mới", "Huỷ", "Huỷ"]);
    assert_eq!(text(&rows[1], "adjusted_period"), day.to_string());
    assert_eq!(text(&rows[1], "explanation"), "sai nội dung");

    let csv = an.get(&path(day, "&format=csv")).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text();
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 1 + held.len());
    assert!(lines[0].starts_with("STT,Ký hiệu mẫu biên lai,Ký hiệu biên lai,Số biên lai,Ngày lập"));
    let date = day.format("%d/%m/%Y");
    let row = format!(
        "1,EBL01,{},1,{date},'=Phí thẩm định,70000,,Mới,,,,{}",
        held[0].0,
        text(&first, "code")
    );
    assert_eq!(lines[1], row, "and no spreadsheet takes it for a formula");
    let xlsx = an.get(&path(day, "&format=xlsx")).await;
    assert!(xlsx.status == 200 && xlsx.body.starts_with(b"PK"), "{}", xlsx.status);
    an.get(&path(day, "&format=ods")).await.problem(422, "invalid-request");
    elsewhere.sign_in(&*town.clock).await;
    elsewhere.get(&path(day, "")).await.problem(404, "not-found");
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_checks_a_receipt_and_learns_nobodys_name() {
    let town = Town::doors().await;
    let invoice = town.paid("T1", 100_000).await;
    town.numbers_unsigned().await;
    let code = text(&town.receipt_json(&invoice).await, "code").to_owned();
    assert!(code.len() >= 24);
    let address = format!("{}/receipts/{code}", town.url);
    let page = town.browse(&address).await;
    assert!(page.text().contains("Biên lai đang chờ ký số"));
    assert_eq!(town.browse(&format!("{address}/pdf")).await.status, 404);
    town.signs().await;
    let page = town.browse(&address).await;
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .expect("text")
            .starts_with("default-src 'none'")
    );
    let page = page.text();
    for wanted in [
        "Biên lai có hiệu lực",
        "Sở Tư pháp tỉnh Mẫu",
        "6600000002",
        "0000001",
        "Nguyễn T. M. A.",
        "Một trăm nghìn đồng",
        "100.000",
    ] {
        assert!(page.contains(wanted), "no {wanted} in {page}");
    }
    for private in ["Minh An", text(&invoice, "dossier"), "001199012345"] {
        assert!(!page.contains(private), "{private} is told");
    }
    assert!(
        town.browse(&format!("{address}?lang=en")).await.text().contains("This receipt is valid")
    );
    let pdf = town.browse(&format!("{address}/pdf")).await;
    assert_eq!(pdf.headers["content-type"], "application/pdf");
    let words = words_of(&pdf.body);
    assert!(words.contains("Nguyễn T. M. A.") && !words.contains("Minh An"), "{words}");
    assert!(!words.contains(text(&invoice, "dossier")), "{words}");
    let inside = |pdf: &[u8]| pdf.windows(13).any(|w| w == b"/EmbeddedFile");
    assert!(inside(&town.receipt_of(&invoice).await.body) && !inside(&pdf.body));
    assert_eq!(town.browse(&format!("{}/receipts/nothing", town.url)).await.status, 404);

    // The pay page leads there.
    let pay = town.browse(text(&invoice, "pay_url")).await.text();
    assert!(pay.contains(&format!("href=\"/receipts/{code}\"")), "{pay}");

    // What somebody changed in the database is found.
    let owner = town.owner().await;
    for change in [
        "alter table receipt disable trigger all",
        "update receipt set content = replace(content, '\"100000\"', '\"900000\"'),
                content_hash = sha256(convert_to(replace(content, '\"100000\"', '\"900000\"'), 'UTF8'))",
    ] {
        sqlx::query(change).execute(&owner).await.expect("changed");
    }
    let page = town.browse(&address).await.text();
    assert!(page.contains("Chữ ký số không khớp"), "{page}");
    town.leaves_messages();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegated_unit_names_both_and_mixed_charges_have_their_name() {
    let town = Town::doors().await;
    let more = json!({ "agency": "G01.B", "lines": [
        { "kind": "phi", "name": "Phí", "sub_item": "2716", "amount": { "amount": "70000", "currency": "VND" } },
        { "kind": "le_phi", "name": "Lệ phí", "sub_item": "2771", "amount": { "amount": "30000", "currency": "VND" } },
    ] });
    let invoice = town.paid_with("T1", 100_000, &more).await;
    town.numbers().await;
    let words = words_of(&town.receipt_of(&invoice).await.body);
    for wanted in [
        "BIÊN LAI THU PHÍ, LỆ PHÍ",
        "Sở Xây dựng tỉnh Mẫu",
        "Đơn vị được uỷ quyền lập biên lai: Trung tâm Phục vụ hành chính công tỉnh Mẫu – Mã số thuế: 6600000099",
        "12/UQ-UBND ngày 01/07/2026",
    ] {
        assert!(words.contains(wanted), "no {wanted} in {words}");
    }
    town.leaves_messages();
}
