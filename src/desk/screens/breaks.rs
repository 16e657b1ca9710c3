//! Breaks (chênh lệch): what does not match, each a case with its age.

use axum::extract::State;
use axum::response::Response;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::desk::http::Desk;
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

async fn queue(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Breaks)?;
    let asked = &reader.asked;
    let state = asked.get("state").unwrap_or("open");
    let wanted = store::Wanted {
        scopes: &scopes,
        state,
        code: asked.get("code"),
        partner: asked.get("partner"),
        invoice: None,
        most: asked.most("breaks"),
    };
    let cases = store::cases(&mut *desk.pool().acquire().await?, &wanted).await?;
    let states = [
        ("open", reader.say("Chưa xử lý", "Open").to_owned()),
        ("any", reader.say("Tất cả", "All").to_owned()),
        ("resolved", reader.name(Named::BreakState, "resolved")),
        ("auto_closed", reader.name(Named::BreakState, "auto_closed")),
    ];
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(
            Field::one(
                "state",
                reader.say("Trạng thái", "State"),
                states.map(|(value, name)| (value.to_owned(), name)),
            )
            .value(state),
        )
        .field(
            Field::line("code", reader.say("Loại (B03…)", "Kind (B03…)"))
                .value(asked.get("code").unwrap_or_default()),
        )
        .field(
            Field::line("partner", reader.say("Đối tác", "Partner"))
                .value(asked.get("partner").unwrap_or_default()),
        );
    let table = table(reader, "breaks", reader.say("Các chênh lệch", "Breaks"), &cases);
    let page = Page::new(reader.say("Chênh lệch", "Breaks"), Section::Breaks);
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

/// The cases of one invoice.
pub async fn of_invoice(
    conn: &mut PgConnection,
    reader: &Reader,
    scopes: &[String],
    invoice: Uuid,
) -> Result<Table, sqlx::Error> {
    let wanted = store::Wanted {
        scopes,
        state: "any",
        code: None,
        partner: None,
        invoice: Some(invoice),
        most: 200,
    };
    let cases = store::cases(conn, &wanted).await?;
    Ok(table(reader, "breaks", reader.say("Chênh lệch", "Breaks"), &cases))
}
