//! Receipts (biên lai): numbers given out, gaps, the day's table 01/TH-BLĐT, cancelling and replacing.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::people::role::Role;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::day::to_local;

const PATH: &str = "/desk/receipts";

fn tone(status: &str) -> Tone {
    match status {
        "valid" => Tone::Good,
        "cancelled" => Tone::Alarm,
        _ => Tone::Quiet,
    }
}

/// `GET /desk/receipts`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Receipts)?;
    let asked = &reader.asked;
    let value = |name| asked.get(name).unwrap_or_default();
    let path = link(
        "/v1/receipts",
        &[("agency", value("agency")), ("day", value("day")), ("status", value("status"))],
    );
    let most = asked.most("receipts");
    let found = desk.rooms.list(&reader.pass, (&path, "receipts"), most).await?;
    let gaps = desk.rooms.get(&reader.pass, "/v1/receipts/gaps").await?;
    let columns = vec![
        Column::text("day", reader.say("Ngày", "Day")),
        Column::text("number", reader.say("Mẫu / ký hiệu / số", "Form / symbol / number")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::text("payer_name", reader.say("Người nộp", "Payer")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::text("signed_at", reader.say("Ký lúc", "Signed")),
    ];
    let rows = found.iter().map(|receipt| {
        let status = json::text(receipt, "status");
        vec![
            json::day(&receipt["day"]),
            Cell::code(number(receipt)).to(format!("{PATH}/{}", json::text(receipt, "id"))),
            json::plain(&receipt["agency"]),
            json::plain(&receipt["payer_name"]),
            json::money(&receipt["amount"]),
            Cell::tag(tone(status), reader.name(Named::Receipt, status)),
            json::time(&receipt["signed_at"]),
        ]
    });
    let table = Table::new("receipts", reader.say("Biên lai", "Receipts"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let states = std::iter::once((String::new(), reader.say("Tất cả", "All").to_owned())).chain(
        ["valid", "cancelled", "replaced"]
            .map(|status| (status.to_owned(), reader.name(Named::Receipt, status))),
    );
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(Field::day("day", reader.say("Ngày", "Day")).value(value("day")))
        .field(Field::line("agency", reader.say("Cơ quan", "Agency")).value(value("agency")))
        .field(
            Field::one("status", reader.say("Trạng thái", "State"), states).value(value("status")),
        );
    let (mark, words) = if gaps["whole"] == true {
        (Tone::Good, reader.say("Không thiếu số", "No gaps"))
    } else {
        (Tone::Alarm, reader.say("Có khoản thiếu", "Something is missing"))
    };
    let mut page =
        Page::new(reader.say("Biên lai", "Receipts"), Section::Receipts).mark(mark, words);
    page.add(Block::Form(filter));
    page.add(Block::Table(table));
    for (name, caption) in [
        ("waiting", reader.say("Đã nộp, chưa có biên lai", "Paid, and no receipt yet")),
        ("missing", reader.say("Số bị thiếu", "Numbers that are missing")),
        ("ranges", reader.say("Dải số đã cấp", "Number ranges")),
    ] {
        page.add(Block::Table(anything(reader, name, caption, json::list(&gaps, name))));
    }
    let today = to_local(desk.people.clock.now()).date();
    let form =
        Form::filters(format!("{PATH}/report"), reader.say("Tải bảng XLSX", "Download as XLSX"))
            .field(
                Field::day("day", reader.say("01/TH-BLĐT của ngày", "01/TH-BLĐT of the day"))
                    .value(today.to_string()),
            )
            .field(Field::line("agency", reader.say("Mã cơ quan", "Agency's code")));
    let form = Form { name: "report", ..form };
    page.add(Block::Heading(
        reader.say("Bảng tổng hợp biên lai trong ngày", "The day's table of receipts").to_owned(),
    ));
    page.add(Block::Form(form));
    Ok(page)
}

fn number(receipt: &Value) -> String {
    let text = |key| json::text(receipt, key);
    format!("{} / {} / {}", text("form"), text("symbol"), receipt["number"])
}

/// Rows of whatever members they have.
fn anything(reader: &Reader, name: &'static str, caption: &str, rows: &[Value]) -> Table {
    const KNOWN: &[(&str, &str, &str)] = &[
        ("agency", "Cơ quan", "Agency"),
        ("form", "Mẫu", "Form"),
        ("symbol", "Ký hiệu", "Symbol"),
        ("invoice", "Khoản thu", "Invoice"),
        ("code", "Mã", "Code"),
        ("first", "Từ số", "First"),
        ("last", "Đến số", "Last"),
        ("from", "Từ", "From"),
        ("to", "Đến", "To"),
        ("next", "Số kế tiếp", "Next"),
        ("used", "Đã dùng", "Used"),
        ("left", "Còn lại", "Left"),
        ("number", "Số", "Number"),
        ("amount", "Số tiền", "Amount"),
        ("payments", "Số khoản", "Payments"),
        ("since", "Từ lúc", "Since"),
        ("at", "Lúc", "At"),
        ("paid_at", "Nộp lúc", "Paid"),
        ("why", "Vì sao", "Why"),
        ("reason", "Lý do", "Reason"),
    ];
    let has = |key: &str| rows.iter().any(|row| !row[key].is_null());
    let shown: Vec<_> = KNOWN.iter().filter(|(key, _, _)| has(key)).collect();
    let columns = shown.iter().map(|(key, vietnamese, english)| {
        let label = crate::desk::words::Say(vietnamese, english).to(reader.language);
        // Numbers stand under their head.
        let figure = rows.iter().any(|row| row[*key].is_number() || row[*key].is_object());
        if figure { Column::figure(key, label) } else { Column::text(key, label) }
    });
    let cells = rows.iter().map(|row| {
        let cell = |key: &str| match &row[key] {
            value @ Value::Object(_) => json::money(value),
            Value::Number(n) => n.as_i64().map_or(Cell::nothing(), Cell::count),
            Value::String(text) if key == "invoice" => {
                Cell::code(text.as_str()).to(link("/desk/invoices", &[("q", text)]))
            }
            Value::String(text) => match text.parse::<DateTime<Utc>>() {
                Ok(at) => Cell::time(Some(at)),
                Err(_) => Cell::text(text.as_str()),
            },
            _ => Cell::nothing(),
        };
        shown.iter().map(|(key, _, _)| cell(key)).collect()
    });
    Table::new(name, caption, columns.collect()).rows(cells).or(NOTHING.to(reader.language))
}

/// `GET /desk/receipts/report`: the day's table as a workbook.
pub async fn report(State(desk): State<Desk>, reader: Reader) -> Response {
    let value = |name| reader.asked.get(name).unwrap_or_default();
    let query = [("day", value("day")), ("agency", value("agency")), ("format", "xlsx")];
    super::handed_on(&desk, &reader, &link("/v1/receipts/report", &query)).await
}

/// `GET /desk/receipts/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = detail(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn detail(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    reader.enter(Section::Receipts)?;
    let told = desk.rooms.get(&reader.pass, &format!("/v1/receipts/{id}")).await?;
    let receipt = &told["receipt"];
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let status = json::text(receipt, "status").to_owned();
    let mut facts = vec![
        (
            label("Số tiền", "Amount"),
            json::money(&receipt["amount"]).note(json::text(receipt, "in_words")),
        ),
        (label("Người nộp", "Payer"), json::plain(&receipt["payer_name"])),
        (label("Cơ quan", "Agency"), json::plain(&receipt["agency"])),
        (label("Ngày", "Day"), json::day(&receipt["day"])),
        (
            label("Khoản thu", "Invoice"),
            json::code(&receipt["invoice"])
                .to(format!("/desk/invoices/{}", json::text(receipt, "invoice"))),
        ),
        (label("Ký lúc", "Signed"), json::time(&receipt["signed_at"])),
        (label("SHA-256", "SHA-256"), json::code(&receipt["sha256"])),
        (label("Trang kiểm tra", "Where it can be checked"), json::code(&receipt["check_url"])),
    ];
    if let Some(other) = receipt["replaces"].as_str() {
        facts.push((
            label("Thay cho", "Instead of"),
            Cell::code(other).to(format!("{PATH}/{other}")),
        ));
    }
    let columns = vec![
        Column::text("at", reader.say("Lúc", "When")),
        Column::text("kind", reader.say("Việc", "What")),
        Column::text("actor", reader.say("Ai", "Who")),
        Column::text("approved_by", reader.say("Người duyệt", "Approved by")),
        Column::text("reason", reader.say("Lý do", "Reason")),
    ];
    let rows = json::list(&told, "history").iter().map(|step| {
        vec![
            json::time(&step["at"]),
            Cell::text(reader.name(Named::ReceiptStep, json::text(step, "kind"))),
            json::plain(&step["actor"]),
            json::plain(&step["approved_by"]),
            json::plain(&step["reason"]),
        ]
    });
    let history = Table::new("history", reader.say("Lịch sử", "History"), columns).rows(rows);
    let mut page = Page::new(number(receipt), Section::Receipts)
        .crumb(reader.say("Biên lai", "Receipts"), PATH)
        .mark(tone(&status), reader.name(Named::Receipt, &status))
        .with(Block::Facts(Facts { title: None, rows: facts }))
        .with(Block::Links(vec![(
            label("Tải PDF", "Download the PDF"),
            format!("{PATH}/{id}/pdf"),
        )]))
        .with(Block::Table(history));
    if status == "valid" {
        let may = reader.officer.may(Role::Officer, json::text(receipt, "agency"));
        let shut = || {
            (!may).then(|| {
                label(
                    "Cần quyền cán bộ của cơ quan này.",
                    "Needs the role officer for this agency.",
                )
            })
        };
        page.add(Block::Form(
            Form::post(
                "replace",
                format!("{PATH}/{id}/replace"),
                label("Trình duyệt", "Put it forward"),
            )
            .title(label("Thay biên lai", "Replace it"))
            .intro(label(
                "Người khác duyệt; số mới được cấp.",
                "Another approves; a new number is given.",
            ))
            .field(
                Field::line(
                    "payer_name",
                    label("Người nộp, viết đúng", "Who paid, as it should be"),
                )
                .value(json::text(receipt, "payer_name")),
            )
            .field(Field::line("reason", label("Lý do", "Reason")))
            .weight(Weight::Side)
            .shut(shut()),
        ));
        page.add(Block::Form(
            Form::post(
                "cancel",
                format!("{PATH}/{id}/cancel"),
                label("Trình huỷ", "Ask to cancel it"),
            )
            .title(label("Huỷ biên lai", "Cancel it"))
            .field(Field::line("reason", label("Lý do", "Reason")))
            .weight(Weight::Grave)
            .shut(shut()),
        ));
    }
    Ok(page)
}

/// `GET /desk/receipts/{id}/pdf`.
pub async fn pdf(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    super::handed_on(&desk, &reader, &format!("/v1/receipts/{id}/pdf")).await
}

/// `POST /desk/receipts/{id}/{verb}`.
pub async fn act(
    State(desk): State<Desk>,
    Path((id, verb)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let form = match verb.as_str() {
        "cancel" => "cancel",
        "replace" => "replace",
        _ => return posted.reader.answer(Err(Problem::new(ProblemType::NotFound))),
    };
    let done = acted(&desk, &posted, (&id, form)).await;
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = detail(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (id, verb): (&str, &str)) -> Result<String, Stop> {
    let mut check = Check::default();
    let mut body = json!({ "reason": check.text(posted, "reason", 200) });
    if verb == "replace" {
        body["payer_name"] = Value::from(check.text(posted, "payer_name", 200));
    }
    check.done()?;
    desk.rooms.post(&posted.reader.pass, &format!("/v1/receipts/{id}/{verb}"), &body).await?;
    Ok(format!("{PATH}/{id}?told=waits"))
}
