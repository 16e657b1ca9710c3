//! Treasury transfer (chuyển Kho bạc): positions, runs with their transfers, files for the bank, and
//! what the bank did.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::approvals;
use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Bar, Block, Chart, Facts, Field, Form, Page, Takes, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::{Problem, ProblemType};

const PATH: &str = "/desk/payovers";

fn tone(status: &str) -> Tone {
    match status {
        "confirmed" => Tone::Good,
        "failed" => Tone::Alarm,
        "refused" => Tone::Quiet,
        _ => Tone::Waits,
    }
}

fn state(reader: &Reader, status: &str) -> Cell {
    Cell::tag(tone(status), reader.name(Named::Payover, status))
}

/// `GET /desk/payovers`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = overview(&desk, &reader).await;
    reader.answer(page)
}

/// An agency's accounts of a kind.
fn books(row: &Value, kind: &str) -> String {
    link("/desk/ledger", &[("kind", kind), ("owner", json::text(row, "agency"))])
}

async fn overview(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Payovers)?;
    let positions = desk.rooms.get(&reader.pass, "/v1/positions").await?;
    let held = json::list(&positions, "positions");
    let columns = vec![
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::figure("collected", reader.say("Đã thu", "Collected")),
        Column::figure("refunded", reader.say("Đã hoàn", "Refunded")),
        Column::figure("fees", reader.say("Phí", "Fees")),
        Column::figure("paid_over", reader.say("Đã nộp Kho bạc", "Paid over")),
        Column::figure("net", reader.say("Còn phải nộp", "Net")),
    ];
    let rows = held.iter().map(|row| {
        let currency = json::text(row, "currency");
        let of = |key: &str| Cell::amount(json::decimal(&row[key]), currency);
        vec![
            json::plain(&row["partner"]),
            json::plain(&row["agency"]),
            of("collected").to(link(
                "/desk/invoices",
                &[
                    ("agency", json::text(row, "agency")),
                    ("partner", json::text(row, "partner")),
                    ("status", "paid"),
                ],
            )),
            of("refunded").to("/desk/refunds?status=confirmed"),
            of("fees").to(books(row, "claim_on_agency")),
            of("paid_over").to(books(row, "agency_payable")),
            of("net"),
        ]
    });
    let table = Table::new("positions", reader.say("Vị thế ròng", "Net positions"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let bars = held.iter().filter(|row| json::text(row, "currency") == "VND").map(|row| {
        let net = json::decimal(&row["net"]);
        Bar {
            label: Cell::text(format!(
                "{} – {}",
                json::text(row, "partner"),
                json::text(row, "agency")
            )),
            value: net,
            figure: Cell::amount(net, "VND"),
            tone: if net.is_sign_negative() { Tone::Alarm } else { Tone::Quiet },
        }
    });
    let chart = Chart {
        caption: reader.say("Còn phải nộp Kho bạc", "Still to be paid over").to_owned(),
        of: reader.say("Đối tác – cơ quan", "Partner – agency").to_owned(),
        unit: reader.say("Còn phải nộp", "Net").to_owned(),
        bars: bars.collect(),
    };
    let mut page = Page::new(reader.say("Chuyển Kho bạc", "Treasury transfer"), Section::Payovers);
    if let Some(day) = positions["closed"].as_str() {
        page = page.lead(format!(
            "{} {}",
            reader.say("Ngày đóng gần nhất:", "Last day that is closed:"),
            json::day(&Value::from(day)).shown()
        ));
    }
    if !chart.bars.is_empty() {
        page.add(Block::Chart(chart));
    }
    page.add(Block::Table(table));
    if !reader.officer.sees(EVERYTHING) {
        return Ok(page);
    }
    let most = reader.asked.most("payovers");
    let found = desk.rooms.list(&reader.pass, ("/v1/payovers", "payovers"), most).await?;
    let columns = vec![
        Column::text("prepared_at", reader.say("Lập lúc", "Prepared")),
        Column::text("account", reader.say("Từ tài khoản", "Out of account")),
        Column::text("until", reader.say("Đến ngày", "Until")),
        Column::figure("count", reader.say("Số lệnh", "Transfers")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("prepared_by", reader.say("Người lập", "Prepared by")),
        Column::text("approved_by", reader.say("Người duyệt", "Approved by")),
    ];
    let rows = found.iter().map(|run| {
        vec![
            json::time(&run["prepared_at"]).to(format!("{PATH}/{}", json::text(run, "id"))),
            json::code(&run["account"]),
            json::day(&run["until"]),
            json::count(&run["count"]),
            json::money(&run["amount"]),
            state(reader, json::text(run, "status")),
            json::plain(&run["prepared_by"]),
            json::plain(&run["approved_by"]),
        ]
    });
    let runs = Table::new("payovers", reader.say("Các đợt chuyển", "Runs"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let may = reader.officer.may(Role::Officer, EVERYTHING);
    let form = Form::post("prepare", PATH, reader.say("Lập đợt chuyển", "Prepare a run"))
        .title(reader.say("Lập đợt chuyển mới", "Prepare a new run"))
        .intro(reader.say(
            "Tiền đã thu, đã về ngân hàng và chưa nộp. Người khác duyệt trước khi gửi ngân hàng.",
            "What was collected, seen in the bank and not paid over. Another releases it.",
        ))
        .field(Field::one(
            "account",
            reader.say("Tài khoản ngân hàng", "Bank account"),
            bank_accounts(desk),
        ))
        .field(
            Field::day("until", reader.say("Đến hết ngày", "Until the end of"))
                .hint(reader.say("Để trống: đến hết hôm qua.", "Empty: until yesterday.")),
        )
        .weight(Weight::Side)
        .shut((!may).then(|| {
            reader
                .say(
                    "Cần quyền cán bộ trên mọi cơ quan.",
                    "Needs the role officer for all agencies.",
                )
                .to_owned()
        }));
    Ok(page.with(Block::Table(runs)).with(Block::Form(form)))
}

/// `POST /desk/payovers`.
pub async fn prepare(State(desk): State<Desk>, posted: Posted) -> Response {
    let done = prepared(&desk, &posted).await;
    let back = async |reader: Reader| {
        let page = overview(&desk, &reader).await;
        (reader, page)
    };
    posted.end("prepare", done, (PATH, back)).await
}

async fn prepared(desk: &Desk, posted: &Posted) -> Result<String, Stop> {
    let mut check = Check::default();
    let account = check.text(posted, "account", 34);
    check.done()?;
    let mut body = json!({ "account": account });
    if let Some(until) = posted.fields.get("until") {
        body["until"] = Value::from(until);
    }
    let made = desk.rooms.post(&posted.reader.pass, "/v1/payovers", &body).await?;
    Ok(format!("{PATH}/{}?told=waits", json::text(&made, "id")))
}

/// `GET /desk/payovers/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    reader.enter(Section::Payovers)?;
    let run = desk.rooms.get(&reader.pass, &format!("/v1/payovers/{id}")).await?;
    let status = json::text(&run, "status").to_owned();
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let facts = vec![
        (label("Số tiền", "Amount"), json::money(&run["amount"])),
        (label("Số lệnh", "Transfers"), json::count(&run["count"])),
        (label("Từ tài khoản", "Out of account"), json::code(&run["account"])),
        (label("Tiền thu đến ngày", "Collected until"), json::day(&run["until"])),
        (
            label("Người lập", "Prepared by"),
            json::plain(&run["prepared_by"]).note(json::time(&run["prepared_at"]).shown()),
        ),
        (label("Người duyệt", "Approved by"), json::plain(&run["approved_by"])),
        (
            label("Gửi ngân hàng", "Sent to the bank"),
            json::plain(&run["sent_by"]).note(json::time(&run["sent_at"]).shown()),
        ),
    ];
    let columns = vec![
        Column::figure("place", reader.say("STT", "No.")),
        Column::text("reference", reader.say("Số tham chiếu", "Reference")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::text("treasury", reader.say("Kho bạc", "Treasury")),
        Column::text("budget", reader.say("Chương – tiểu mục", "Chapter – sub-item")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::figure("items", reader.say("Số khoản", "Items")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("entry", reader.say("Bút toán", "Entry")),
    ];
    let rows = json::list(&run, "transfers").iter().map(|transfer| {
        let text = |key: &str| json::text(transfer, key);
        let status = state(reader, text("status"));
        let entry = json::code(&transfer["entry"]);
        vec![
            json::count(&transfer["place"]),
            json::code(&transfer["reference"]),
            json::plain(&transfer["agency"]),
            json::plain(&transfer["treasury"]).note(text("treasury_account")),
            Cell::code(format!("{} – {}", text("chapter"), text("sub_item"))),
            json::money(&transfer["amount"]),
            Cell::text(json::count(&transfer["items"]).shown())
                .to(format!("{PATH}/{id}/transfers/{}", text("id"))),
            match transfer["value_date"] {
                Value::Null => status,
                ref day => status.note(json::day(day).shown()),
            },
            match transfer["entry"].as_i64() {
                Some(id) => entry.to(format!("/desk/ledger/entries/{id}")),
                None => entry,
            },
        ]
    });
    let transfers = Table::new("transfers", reader.say("Các lệnh chuyển", "Transfers"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let mut page = Page::new(
        format!("{} {}", reader.say("Đợt chuyển", "Run of"), json::money(&run["amount"]).shown()),
        Section::Payovers,
    )
    .crumb(reader.say("Chuyển Kho bạc", "Treasury transfer"), PATH)
    .mark(tone(&status), reader.name(Named::Payover, &status))
    .with(Block::Facts(Facts { title: None, rows: facts }))
    .with(Block::Table(transfers));
    if matches!(status.as_str(), "approved" | "sent" | "confirmed") {
        page.add(Block::Links(vec![
            ("pain.001.001.03".to_owned(), format!("{PATH}/{id}/pain001")),
            ("CSV".to_owned(), format!("{PATH}/{id}/csv")),
        ]));
    }
    let may = reader.officer.may(Role::Officer, EVERYTHING);
    let shut = || {
        (!may).then(|| {
            label("Cần quyền cán bộ trên mọi cơ quan.", "Needs the role officer for all agencies.")
        })
    };
    if let Some(approval) = run["approval"].as_str() {
        page.add(Block::Form(approvals::form_of(desk, reader, approval).await?));
    } else if status == "approved" {
        page.add(Block::Form(
            Form::post("sent", format!("{PATH}/{id}/sent"), label("Đã gửi", "It was sent"))
                .title(label("Tệp đã giao cho ngân hàng", "The bank has the file"))
                .shut(shut()),
        ));
        page.add(Block::Form(
            Form::post(
                "withdraw",
                format!("{PATH}/{id}/withdraw"),
                label("Rút lại", "Withdraw it"),
            )
            .title(label("Rút lại đợt chuyển", "Withdraw the run"))
            .field(Field::line("reason", label("Lý do", "Reason")))
            .weight(Weight::Grave)
            .shut(shut()),
        ));
    } else if status == "sent" {
        let ends = vec![
            ("confirmed".to_owned(), label("Ngân hàng đã ghi nợ", "The bank debited the account")),
            ("failed".to_owned(), label("Ngân hàng không chuyển", "It did not make the transfers")),
        ];
        page.add(Block::Form(
            Form::post(
                "confirm",
                format!("{PATH}/{id}/confirm"),
                label("Trình duyệt", "Put it forward"),
            )
            .title(label("Ngân hàng đã làm gì?", "What did the bank do?"))
            .intro(label(
                "Chỉ khi sao kê không cho thấy; người khác duyệt.",
                "Only where no statement shows it; another agrees.",
            ))
            .field(Field::new("as", label("Kết quả", "It ended as"), Takes::Radio(ends)))
            .field(Field::day("value_date", label("Ngày ghi nợ", "Day of the debit")))
            .field(Field::line("reason", label("Lý do không chuyển", "Why it did not")))
            .weight(Weight::Side)
            .shut(shut()),
        ));
    }
    Ok(page)
}

/// `GET /desk/payovers/{id}/transfers/{transfer}`: what a transfer is made of.
pub async fn transfer(
    State(desk): State<Desk>,
    Path((id, transfer)): Path<(String, String)>,
    reader: Reader,
) -> Response {
    let page = items(&desk, &reader, (&id, &transfer)).await;
    reader.answer(page)
}

async fn items(
    desk: &Desk,
    reader: &Reader,
    (id, transfer): (&str, &str),
) -> Result<Page, Problem> {
    reader.enter(Section::Payovers)?;
    let path = format!("/v1/payovers/{id}/transfers/{transfer}/items");
    let most = reader.asked.most("items");
    let found = desk.rooms.list(&reader.pass, (&path, "items"), most).await?;
    let columns = vec![
        Column::text("code", reader.say("Mã thanh toán", "Code")),
        Column::text("dossier", reader.say("Hồ sơ", "Dossier")),
        Column::figure("line", reader.say("Dòng", "Line")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
    ];
    let rows = found.iter().map(|item| {
        vec![
            json::code(&item["code"])
                .to(format!("/desk/invoices/{}", json::text(item, "invoice_id"))),
            json::code(&item["dossier"]),
            json::count(&item["line"]),
            json::money(&item["amount"]),
        ]
    });
    let caption = reader.say("Các khoản trong lệnh chuyển", "What the transfer is made of");
    let table = Table::new("items", caption, columns).rows(rows).or(NOTHING.to(reader.language));
    let page = Page::new(reader.say("Lệnh chuyển", "Transfer"), Section::Payovers)
        .crumb(reader.say("Chuyển Kho bạc", "Treasury transfer"), PATH)
        .crumb(reader.say("Đợt chuyển", "Run"), format!("{PATH}/{id}"));
    Ok(page.with(Block::Table(table)))
}

/// `GET /desk/payovers/{id}/{part}`: a file for the bank.
pub async fn part(
    State(desk): State<Desk>,
    Path((id, part)): Path<(String, String)>,
    reader: Reader,
) -> Response {
    if !matches!(part.as_str(), "pain001" | "csv") {
        return reader.answer(Err(Problem::new(ProblemType::NotFound)));
    }
    super::handed_on(&desk, &reader, &format!("/v1/payovers/{id}/{part}")).await
}

/// `POST /desk/payovers/{id}/{verb}`.
pub async fn act(
    State(desk): State<Desk>,
    Path((id, verb)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let form = match verb.as_str() {
        "sent" => "sent",
        "withdraw" => "withdraw",
        "confirm" => "confirm",
        _ => return posted.reader.answer(Err(Problem::new(ProblemType::NotFound))),
    };
    let done = acted(&desk, &posted, (&id, form)).await;
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = page(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (id, verb): (&str, &str)) -> Result<String, Stop> {
    let (reader, fields) = (&posted.reader, &posted.fields);
    let mut check = Check::default();
    let (body, told) = match verb {
        "sent" => (json!({}), "done"),
        "withdraw" => (json!({ "reason": check.text(posted, "reason", 1_000) }), "done"),
        _ => {
            let body = match fields.get("as") {
                Some("confirmed") => {
                    json!({ "as": "confirmed", "value_date": check.day(posted, "value_date") })
                }
                Some("failed") => {
                    json!({ "as": "failed", "reason": check.text(posted, "reason", 1_000) })
                }
                _ => {
                    check.fault("as", reader.say("Hãy chọn kết quả.", "Choose how it ended."));
                    Value::Null
                }
            };
            (body, "waits")
        }
    };
    check.done()?;
    desk.rooms.post(&reader.pass, &format!("/v1/payovers/{id}/{verb}"), &body).await?;
    Ok(format!("{PATH}/{id}?told={told}"))
}

/// Accounts that a bank keeps: money is paid over out of them.
fn bank_accounts(desk: &Desk) -> Vec<(String, String)> {
    let day = desk.refunds.refunding.accounts.day_of(desk.people.clock.now());
    let registers = desk.registers();
    let partners = registers.partners().iter();
    let accounts = partners.flat_map(|partner| {
        let of = registers.collecting_accounts(&partner.code, day);
        of.into_iter()
            .filter(|account| !account.bin.is_empty())
            .map(|account| {
                (account.number.clone(), format!("{} – {}", account.number, partner.name))
            })
            .collect::<Vec<_>>()
    });
    accounts.collect()
}
