//! The upstream door: a dossier system that speaks the national platform's messages connects by
//! configuration alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, Utc};
use payclear::approvals::propose::{Maker, ProposeError};
use payclear::compat::configure::{ConfigureError, configure};
use payclear::compat::retell::retell;
use payclear::platform::audit::By;
use payclear::platform::egress::Policy;
use payclear::vocabulary::ids::ApprovalId;
use serde_json::{Value, json};

use crate::support::town::master_keys;
use crate::support::{DOSSIER_SECRET, Town, text, until};

const PORTAL: &str = "botp-mau";

async fn set(town: &Town, portal: &str, code: &str, url: &str) -> Result<(), ConfigureError> {
    let settings = json!({ "partner_code": code, "secret": DOSSIER_SECRET, "result_url": url });
    let maker = Maker::bootstrap(By { actor: "tests", at: Utc::now() });
    set_by(town, maker, portal, &settings).await.map(|_| ())
}

async fn set_by(
    town: &Town,
    maker: Maker<'_>,
    portal: &str,
    settings: &Value,
) -> Result<Option<ApprovalId>, ConfigureError> {
    let (keys, settings) = (master_keys(), settings.to_string());
    let with = (&keys, Policy::LoopbackToo);
    let configured = configure(&town.pool, with, maker, portal, settings.as_bytes()).await?;
    Ok(configured.1)
}

async fn connected() -> Town {
    let town = Town::whole().await;
    let url = format!("{}/dossier/result", town.simulators().url);
    set(&town, PORTAL, "SIMDT01", &url).await.expect("it is configured");
    town
}

/// Has the dossier system send a message; what the service answered.
async fn send(town: &Town, message: &Value) -> Value {
    let sent = town.simulators().post("/dossier/messages", message).await.expect(200);
    assert_eq!(sent["status"], 200, "{sent}");
    assert_eq!(sent["signed"], sent["answer"]["MaDoiTac"] == "SIMDT01", "{sent}");
    sent["answer"].clone()
}

fn init(reference: &str, amount: u64) -> Value {
    json!({ "kind": "INIT", "reference": reference, "amount": amount })
}

fn with(mut message: Value, part: &str, fields: Value) -> Value {
    message[part] = fields;
    message
}

fn ask(kind: &str, reference: &str) -> Value {
    json!({ "kind": kind, "reference": reference })
}

async fn results(town: &Town, reference: &str) -> Vec<Value> {
    let all = town.simulators().get("/dossier/results").await;
    let of_this = |result: &&Value| result["reference"] == reference;
    all.as_array().expect("results").iter().filter(of_this).cloned().collect()
}

/// The invoice of a payment, as its row has it.
async fn invoice(town: &Town, reference: &str) -> (String, String, String, String) {
    sqlx::query_as(
        "select i.code, i.terms->>'qr', i.agency, i.lines->0->>'sub_item'
           from compat_payment p join invoice i using (invoice_id) where p.reference = $1",
    )
    .bind(reference)
    .fetch_one(&town.pool)
    .await
    .expect("the invoice of a payment")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_is_paid_and_its_system_told_until_it_says_00() {
    let town = connected().await;
    let told = json!({ "refuse": 2 });
    assert_eq!(town.simulators().post("/dossier/behaviour", &told).await.status, 204);

    let answer = send(&town, &init("R1", 200_000)).await;
    assert_eq!(answer["MaLoi"], "00", "{answer}");
    let page = town.browse(text(&answer, "UrlThanhToan")).await;
    assert_eq!(page.status, 200);
    let (code, qr, agency, sub_item) = invoice(&town, "R1").await;
    assert_eq!((agency.as_str(), sub_item.as_str()), ("G01.A", "2716"));
    assert!(page.text().contains(&code));

    let waiting = send(&town, &ask("QUERY", "R1")).await;
    assert_eq!((&waiting["MaLoi"], &waiting["TrangThaiGD"]), (&json!("00"), &json!("0")));
    let unpaid = send(&town, &ask("GET_BILL", "R1")).await;
    assert_eq!(unpaid["MaLoi"], "07");
    assert!(text(&unpaid, "MoTaLoi").contains("chưa thanh toán"), "{unpaid}");

    town.simulators().pay(&qr, "paid").await;
    for refused in 1..=3 {
        until("a result to be told", || async { results(&town, "R1").await.len() == refused })
            .await;
        // Five seconds, then half a minute, a tenth more or less.
        town.clock.turn(Duration::seconds(40));
    }
    let told = results(&town, "R1").await;
    let codes: Vec<&str> = told.iter().map(|result| text(result, "code")).collect();
    assert_eq!(codes, ["99", "99", "00"]);
    assert!(told.iter().all(|result| result["fault"].is_null()), "{told:?}");
    assert_eq!(told[2]["body"]["SoTien"], 200_000);
    assert_eq!(told[2]["body"]["MaGiaoDich"], code);
    until("the payment to be told", || async {
        town.count("compat_payment where state = 'told' and tries = 3").await == 1
    })
    .await;
    assert_eq!(town.count("due where kind = 'compat.result'").await, 0);

    let paid = send(&town, &ask("QUERY", "R1")).await;
    assert_eq!((&paid["TrangThaiGD"], &paid["SoTien"]), (&json!("1"), &json!(200_000)));
    until("the receipt to be made", || async {
        send(&town, &ask("GET_BILL", "R1")).await["MaLoi"] == "00"
    })
    .await;
    let bill = send(&town, &ask("GET_BILL", "R1")).await;
    assert_eq!((text(&bill, "MauBienLai"), text(&bill, "SoBienLai")), ("EBL01", "0000001"));
    assert_eq!(bill["SoTien"], 200_000);
    let pdf = STANDARD.decode(text(&bill, "FileBienLai")).expect("base64");
    assert!(pdf.starts_with(b"%PDF-"));
    assert_eq!(town.browse(text(&bill, "UrlBienLai")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reference_is_one_payment_however_often_it_is_asked_for() {
    let town = connected().await;
    let first = send(&town, &init("R1", 200_000)).await;
    let again = send(&town, &with(init("R1", 200_000), "twelve_hours", json!(true))).await;
    assert_eq!(first["UrlThanhToan"], again["UrlThanhToan"]);
    let other = send(&town, &init("R1", 200_001)).await;
    assert_eq!(other["MaLoi"], "05", "{other}");
    let (left, right) = (init("R2", 8_000), init("R2", 8_000));
    let (left, right) = tokio::join!(send(&town, &left), send(&town, &right));
    assert_eq!(left["UrlThanhToan"], right["UrlThanhToan"], "{left} {right}");
    assert_eq!(left["MaLoi"], "00");
    assert_eq!((town.count("invoice").await, town.count("compat_payment").await), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_from_the_receipts_data_or_from_the_whole_amount() {
    let town = connected().await;
    let fees = json!({ "PhiLePhi": [
        { "LoaiPhiLePhi": "1", "MaPhiLePhi": "2716", "TenPhiLePhi": "Phí", "SoTien": "150000" },
        { "LoaiPhiLePhi": "2", "MaPhiLePhi": "X", "TenPhiLePhi": "Lệ phí", "SoTien": 50000 },
    ]});
    let parts = json!({ "PhiLePhi": [], "DSKhoanNop": [
        { "NoiDung": "Bản sao", "SoTien": "8000" }, { "NoiDung": "Bản sao nữa", "SoTien": "8000" },
    ], "MaTTHC": "1.001193" });
    for (reference, amount, bill, lines) in [
        ("R1", 200_000, fees, "phi 150000 2716, le_phi 50000 2716"),
        ("R2", 16_000, parts, "phi 8000 2716, phi 8000 2716"),
        ("R3", 75_000, json!({ "PhiLePhi": [], "MaTTHC": "1.002211" }), "le_phi 75000 2763"),
    ] {
        let answer = send(&town, &with(init(reference, amount), "bill", bill)).await;
        assert_eq!(answer["MaLoi"], "00", "{answer}");
        let stored: String = sqlx::query_scalar(
            "select string_agg(concat_ws(' ', l->>'kind', l->'amount'->>'amount', l->>'sub_item'),
                               ', ' order by n)
               from compat_payment p join invoice i using (invoice_id),
                    jsonb_array_elements(i.lines) with ordinality l(l, n)
              where p.reference = $1",
        )
        .bind(reference)
        .fetch_one(&town.pool)
        .await
        .expect("the lines");
        assert_eq!(stored, lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_a_code_and_a_sentence_and_issues_nothing() {
    let town = connected().await;
    let bill = |fields: Value| with(init("R1", 200_000), "bill", fields);
    let fields = |fields: Value| with(init("R1", 200_000), "fields", fields);
    let tamper = |fields: Value| with(init("R1", 200_000), "tamper", fields);
    for (message, code) in [
        (tamper(json!({ "SoTien": "1000" })), "01"),
        (tamper(json!({ "MaThamChieu": "R2" })), "01"),
        (tamper(json!({ "MaXacThuc": "" })), "01"),
        (tamper(json!({ "MaXacThuc": null })), "01"),
        (fields(json!({ "MaDoiTac": "NOBODY" })), "01"),
        (fields(json!({ "ThongTinGiaoDich": "A|B" })), "01"),
        (fields(json!({ "LoaiBanTin": "DELETE" })), "03"),
        (fields(json!({ "PhienBan": "1.0.5" })), "03"),
        (fields(json!({ "LoaiHinhThanhToan": "REFUND" })), "03"),
        (fields(json!({ "MaTienTe": "USD" })), "03"),
        (fields(json!({ "SoTien": "0" })), "02"),
        (fields(json!({ "SoTien": "1.5" })), "02"),
        (fields(json!({ "SoTien": "-5" })), "02"),
        (fields(json!({ "MaThamChieu": "" })), "02"),
        (fields(json!({ "ThongTinBienLai": null })), "02"),
        (bill(json!({ "MaDichVu": "1" })), "03"),
        (bill(json!({ "TKThuHuong": "9999" })), "04"),
        (bill(json!({ "TKThuHuong": null })), "02"),
        (bill(json!({ "MaTTHC": "9.999999" })), "02"),
        (bill(json!({ "HoTenNguoiNop": "" })), "02"),
        (bill(json!({ "PhiLePhi": [{ "TenPhiLePhi": "x", "SoTien": "199999" }] })), "02"),
        (ask("QUERY", "R1"), "06"),
        (ask("GET_BILL", "R1"), "06"),
        (with(ask("QUERY", "R1"), "fields", json!({ "PhienBan": "2" })), "03"),
        (with(ask("QUERY", "R1"), "tamper", json!({ "MaThamChieu": "R2" })), "01"),
    ] {
        let answer = send(&town, &message).await;
        assert_eq!(answer["MaLoi"], code, "{message}: {answer}");
        assert!(!text(&answer, "MoTaLoi").is_empty());
    }
    let missing = send(&town, &bill(json!({ "TKThuHuong": "9999" }))).await;
    assert!(text(&missing, "MoTaLoi").contains("9999"), "{missing}");
    for body in ["", "[]", "{", "null"] {
        let request = town.http.post(format!("{}/compat/dvcqg", town.url)).body(body);
        let answer = crate::support::answer_of(request).await;
        assert_eq!((answer.status, &answer.json()["MaLoi"]), (200, &json!("02")), "{body}");
    }
    assert_eq!((town.count("invoice").await, town.count("compat_payment").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_nobody_makes_fails_and_a_system_that_never_answers_is_parked() {
    let town = connected().await;
    set(&town, PORTAL, "SIMDT01", "http://127.0.0.1:9/result").await.expect("it is configured");
    send(&town, &init("R1", 8_000)).await;
    send(&town, &init("R2", 8_000)).await;
    let (_, qr, ..) = invoice(&town, "R2").await;
    town.simulators().pay(&qr, "paid").await;
    until("the result to be parked", || async {
        // Whatever pause is next, it is over.
        town.clock.turn(Duration::days(2));
        town.count("compat_payment where state = 'parked' and tries = 10").await == 1
    })
    .await;
    until("the unpaid one to be left", || async {
        town.clock.turn(Duration::days(2));
        town.count("compat_payment where state = 'closed' and tries = 0").await == 1
    })
    .await;
    let by = By { actor: "tests", at: Utc::now() };
    let url = format!("{}/dossier/result", town.simulators().url);
    set(&town, PORTAL, "SIMDT01", &url).await.expect("it is configured");
    retell(&town.pool, by, PORTAL, "R2").await.expect("it was parked");
    assert!(retell(&town.pool, by, PORTAL, "R2").await.is_err(), "it is parked no more");
    assert!(retell(&town.pool, by, PORTAL, "R1").await.is_err(), "it never was");
    until("the result to be told", || async { results(&town, "R2").await.len() == 1 }).await;

    let failed = send(&town, &ask("QUERY", "R1")).await;
    assert_eq!((&failed["MaLoi"], &failed["TrangThaiGD"]), (&json!("00"), &json!("4")));
    until("nothing more to be due", || async {
        town.count("due where kind = 'compat.result'").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_code_is_one_portals_and_results_go_only_where_they_may() {
    let town = connected().await;
    let good = "http://127.0.0.1:9/result";
    let taken = set(&town, "dvc-mau", "SIMDT01", good).await;
    assert!(matches!(taken, Err(ConfigureError::CodeTaken)), "{taken:?}");
    let nobody = set(&town, "nobody", "SIMDT02", good).await;
    assert!(matches!(nobody, Err(ConfigureError::UnknownPortal { .. })), "{nobody:?}");
    for url in ["http://10.0.0.1/x", "ftp://x.vn/", "x"] {
        let refused = set(&town, PORTAL, "SIMDT01", url).await;
        assert!(matches!(refused, Err(ConfigureError::Address(_))), "{url}: {refused:?}");
    }
    let sealed: Vec<u8> = sqlx::query_scalar("select settings from compat_portal")
        .fetch_one(&town.pool)
        .await
        .expect("one row");
    let secret = DOSSIER_SECRET.as_bytes();
    assert!(!sealed.windows(secret.len()).any(|part| part == secret), "the secret is sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_opens_nothing_before_another_approved_it() {
    let town = Town::whole().await;
    let approver = town.approver().await;
    // Somebody else is approved by somebody: from now on nothing is made by one alone.
    town.person("an@town.example", &["viewer"]).await;
    let url = format!("{}/dossier/result", town.simulators().url);
    let settings =
        json!({ "partner_code": "SIMDT01", "secret": DOSSIER_SECRET, "result_url": url });
    let by = By { actor: "cli/one", at: Utc::now() };
    let over = set_by(&town, Maker::bootstrap(by), PORTAL, &settings).await;
    assert!(matches!(over, Err(ConfigureError::Propose(ProposeError::BootstrapOver))), "{over:?}");
    let refused = |message: Value| {
        let town = &town;
        async move {
            let sent = town.simulators().post("/dossier/messages", &message).await.expect(200);
            assert_eq!(sent["answer"]["MaLoi"], "01", "{sent}");
        }
    };
    let waits = || set_by(&town, Maker::pending(by), PORTAL, &settings);
    let first = waits().await.expect("it waits").expect("an approval").to_string();
    refused(init("R1", 200_000)).await;
    let again = waits().await.expect_err("one question at a time");
    assert!(again.to_string().contains("waits for an approval already"), "{again}");
    // Nor does the database let it in by another way.
    let forced = sqlx::query(
        "update compat_portal set partner_code = next_partner_code, settings = next_settings,
                configured_at = now()",
    );
    let forced = forced.execute(&town.pool).await.expect_err("refused");
    assert!(forced.to_string().contains("approved by another"), "{forced}");
    let seen = approver.get(&format!("/v1/approvals/{first}")).await;
    assert!(seen.text().contains(&url) && !seen.text().contains(DOSSIER_SECRET));
    approver.decide(&first, "reject").await.expect(200);
    refused(init("R1", 200_000)).await;

    let second = waits().await.expect("it waits").expect("an approval").to_string();
    town.approve(&second).await;
    assert_eq!(send(&town, &init("R1", 200_000)).await["MaLoi"], "00");
    // What is in force stays so while something else waits.
    let other = json!({
        "partner_code": "SIMDT01", "secret": "another secret", "result_url": url,
    });
    set_by(&town, Maker::pending(by), PORTAL, &other).await.expect("it waits");
    assert_eq!(send(&town, &ask("QUERY", "R1")).await["MaLoi"], "00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_was_taken_back_is_a_case_and_is_told_again_once_paid_anew() {
    let town = connected().await;
    assert_eq!(send(&town, &init("R1", 200_000)).await["MaLoi"], "00");
    let (code, ..) = invoice(&town, "R1").await;
    assert_eq!(town.settle("T1", 200_000, &code).await, "applied");
    until("the result to be told", || async {
        town.count("compat_payment where state = 'told'").await == 1
    })
    .await;

    assert_eq!(town.reverse("T1", "B1").await.status, 204);
    until("the payment to be looked at again", || async {
        town.count("compat_payment where state = 'open'").await == 1
    })
    .await;
    assert_eq!(town.cases().await, ["B13 200000 open", "B13 200000 open"]);
    let waiting = send(&town, &ask("QUERY", "R1")).await;
    assert_eq!(waiting["TrangThaiGD"], "0", "{waiting}");

    assert_eq!(town.settle("T2", 200_000, &code).await, "applied");
    until("the result to be told again", || async {
        town.clock.turn(Duration::seconds(5));
        results(&town, "R1").await.len() == 2
    })
    .await;
    until("it to be written", || async {
        town.count("compat_payment where state = 'told'").await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_whose_signature_is_not_known_is_shut() {
    let town = Town::doors().await;
    let order = json!({ "partnerCode": "PAYGOV-MAU", "amount": 1000, "checksum": "x" });
    let request = town.http.post(format!("{}/compat/paygov", town.url)).json(&order);
    let answer = crate::support::answer_of(request).await;
    assert_eq!((answer.status, &answer.json()["error_code"]), (200, &json!("FAILED")));
}
