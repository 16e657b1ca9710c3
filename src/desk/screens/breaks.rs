//! Breaks (chênh lệch): what does not match, each a case with its age.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaks::ageing::{Bucket, Severity};
use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Field, Form, Page};
use crate::desk::reader::Reader;
use crate::desk::store::breaks as store;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::platform::problem::Problem;

const PATH: &str = "/desk/breaks";

/// How a state looks.
pub fn tone(state: &str) -> Tone {
    match state {
        "open" => Tone::Alarm,
        "assigned" | "waiting" => Tone::Waits,
        "resolved" => Tone::Good,
        _ => Tone::Quiet,
    }
}

/// A code with its meaning.
pub fn code_of(reader: &Reader, code: &str) -> String {
    format!("{code} {}", reader.name(Named::Break, code))
}

/// `GET /desk/breaks`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = queue(&desk, &reader).await;
    reader.answer(page)
}

fn table(reader: &Reader, name: &'static str, caption: &str, cases: &[store::Case]) -> Table {
    let columns = vec![
        Column::text("opened_at", reader.say("Từ lúc", "Since")),
        Column::text("code", reader.say("Loại", "Kind")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("invoice", reader.say("Khoản thu", "Invoice")),
        Column::text("state", reader.say("Trạng thái", "State")),
        Column::text("detail", reader.say("Chi tiết", "Detail")),
    ];
    let rows = cases.iter().map(|case| {
        let invoice = case.invoice.as_deref().zip(case.invoice_id);
        vec![
            Cell::time(case.opened_at),
            Cell::text(code_of(reader, &case.code)).to(format!("{PATH}/{}", case.break_id)),
            Cell::amount(case.amount, &case.currency),
            Cell::text(&*case.agency),
            Cell::text(&*case.partner),
            invoice.map_or(Cell::nothing(), |(code, id)| {
                Cell::code(code).to(format!("/desk/invoices/{id}"))
            }),
            Cell::tag(tone(&case.state), reader.name(Named::BreakState, &case.state)),
            Cell::text(reader.note(&case.detail)),
        ]
    });
    Table::new(name, caption, columns).rows(rows).or(NOTHING.to(reader.language))
}

/// How grave a case is, as a mark.
fn severity(reader: &Reader, severity: &str) -> Cell {
    let tone = match severity {
        "critical" | "high" => Tone::Alarm,
        "medium" => Tone::Waits,
        _ => Tone::Quiet,
    };
    Cell::tag(tone, reader.name(Named::Severity, severity))
}

/// The queue, in the order of the room: what matters most first, then the oldest.
fn ranked(reader: &Reader, cases: &[Value], codes: &HashMap<Uuid, String>) -> Table {
    let columns = vec![
        Column::text("severity", reader.say("Mức", "Severity")),
        Column::figure("days", reader.say("Tuổi (ngày)", "Age (days)")),
        Column::text("code", reader.say("Loại", "Kind")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("owner", reader.say("Người xử lý", "Owner")),
        Column::text("state", reader.say("Trạng thái", "State")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("invoice", reader.say("Khoản thu", "Invoice")),
        Column::text("opened_at", reader.say("Từ lúc", "Since")),
        Column::text("detail", reader.say("Chi tiết", "Detail")),
    ];
    let rows = cases.iter().map(|case| {
        let (code, state) = (json::text(case, "code"), json::text(case, "state"));
        let invoice = case["invoice_id"].as_str();
        let number = invoice.and_then(|id| codes.get(&id.parse().ok()?));
        vec![
            severity(reader, json::text(case, "severity")),
            json::count(&case["days"]).note(reader.name(Named::Age, json::text(case, "age"))),
            Cell::text(code_of(reader, code)).to(format!("{PATH}/{}", json::text(case, "id"))),
            json::money(&case["amount"]),
            json::plain(&case["owner"]),
            Cell::tag(tone(state), reader.name(Named::BreakState, state)),
            json::plain(&case["agency"]),
            json::plain(&case["partner"]),
            invoice.zip(number).map_or(Cell::nothing(), |(id, number)| {
                Cell::code(&**number).to(format!("/desk/invoices/{id}"))
            }),
            json::time(&case["opened_at"]),
            Cell::text(reader.note(json::text(case, "detail"))),
        ]
    });
    Table::new("breaks", reader.say("Các chênh lệch", "Breaks"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

async fn queue(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Breaks)?;
    let asked = &reader.asked;
    let value = |name| asked.get(name).unwrap_or_default();
    let state = match value("state") {
        "open" => "",
        "any" => "all",
        other => other,
    };
    let path = link(
        "/v1/breaks",
        &[
            ("state", state),
            ("severity", value("severity")),
            ("age", value("age")),
            ("owner", value("owner")),
            ("code", value("code")),
            ("partner", value("partner")),
            ("agency", value("agency")),
        ],
    );
    let cases = desk.rooms.list(&reader.pass, (&path, "breaks"), asked.most("breaks")).await?;
    let of: Vec<Uuid> =
        cases.iter().filter_map(|case| case["invoice_id"].as_str()?.parse().ok()).collect();
    let codes = store::invoice_codes(&mut *desk.pool().acquire().await?, &of).await?;
    let all = || std::iter::once((String::new(), reader.say("Tất cả", "All").to_owned()));
    let states = [
        ("open", reader.say("Chưa xử lý", "Open").to_owned()),
        ("assigned", reader.name(Named::BreakState, "assigned")),
        ("waiting", reader.name(Named::BreakState, "waiting")),
        ("any", reader.say("Tất cả", "All").to_owned()),
        ("resolved", reader.name(Named::BreakState, "resolved")),
        ("auto_closed", reader.name(Named::BreakState, "auto_closed")),
    ];
    let states = states.map(|(value, name)| (value.to_owned(), name));
    let severities = all().chain(
        Severity::ALL
            .iter()
            .rev()
            .map(|of| (of.to_string(), reader.name(Named::Severity, of.as_str()))),
    );
    let ages = all()
        .chain(Bucket::ALL.iter().map(|of| (of.to_string(), reader.name(Named::Age, of.as_str()))));
    let line = |name, label: &'static str| Field::line(name, label).value(value(name));
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(Field::one("state", reader.say("Trạng thái", "State"), states).value(value("state")))
        .field(
            Field::one("severity", reader.say("Mức", "Severity"), severities)
                .value(value("severity")),
        )
        .field(Field::one("age", reader.say("Tuổi", "Age"), ages).value(value("age")))
        .field(line("owner", reader.say("Người xử lý (none: chưa ai)", "Owner (none: nobody)")))
        .field(line("code", reader.say("Loại (B03…)", "Kind (B03…)")))
        .field(line("partner", reader.say("Đối tác", "Partner")));
    let page = Page::new(reader.say("Chênh lệch", "Breaks"), Section::Breaks).lead(reader.say(
        "Việc hệ trọng nhất đứng trước, rồi đến việc lâu nhất.",
        "What matters most comes first, then what is oldest.",
    ));
    let table = ranked(reader, &cases, &codes);
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

/// The cases of one invoice.
pub async fn of_invoice(
    conn: &mut PgConnection,
    reader: &Reader,
    scopes: &[String],
    invoice: Uuid,
) -> Result<Table, sqlx::Error> {
    let wanted = store::Wanted { scopes, invoice, most: 200 };
    let cases = store::cases(conn, &wanted).await?;
    Ok(table(reader, "breaks", reader.say("Chênh lệch", "Breaks"), &cases))
}
