//! What was said between a partner and us that did not go as it should: callbacks that were refused, and
//! why; of one order everything.

use axum::extract::State;
use axum::response::Response;

use super::enter;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Field, Form, Page};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, Table};
use crate::operations::said::{said, said_of_late};
use crate::platform::problem::Problem;

const PATH: &str = "/desk/partner/traffic";
/// So much of a message is shown; the export of an order has no more.
const SHOWN: usize = 600;

/// `GET /desk/partner/traffic`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerTraffic)?;
    let order = reader.asked.get("order");
    let told = match order {
        Some(order) => said(desk.pool(), code, Some(order)).await?,
        None => said_of_late(desk.pool(), code).await?,
    };
    let columns = vec![
        Column::text("at", reader.say("Lúc", "When")),
        Column::text("direction", reader.say("Chiều", "Direction")),
        Column::text("purpose", reader.say("Việc", "Purpose")),
        Column::text("reference", reader.say("Số tham chiếu", "Reference")),
        Column::text("status", reader.say("Mã HTTP", "Status")),
        Column::text("verdict", reader.say("Kết luận", "Verdict")),
        Column::text("request", reader.say("Ta hỏi (đã che)", "Our call (masked)")),
        Column::text("body", reader.say("Nội dung (đã che)", "Body (masked)")),
        Column::text("sha256", reader.say("SHA-256 của bản gốc", "SHA-256 of the original")),
    ];
    let rows = told.iter().map(|said| {
        let reference = said.reference.as_deref();
        vec![
            Cell::time(said.at),
            Cell::text(if said.direction == "in" {
                reader.say("bạn gửi", "from you")
            } else {
                reader.say("bạn trả lời", "your answer")
            }),
            Cell::code(&*said.purpose),
            reference.map_or(Cell::nothing(), |reference| {
                let href = crate::desk::asked::link(PATH, &[("order", reference)]);
                Cell::code(reference).to(href)
            }),
            Cell::text(said.status.map(|status| status.to_string()).unwrap_or_default()),
            Cell::text(&*said.verdict),
            said.request.as_ref().map_or(Cell::nothing(), |(request, _)| {
                Cell::code(request.chars().take(SHOWN).collect::<String>())
            }),
            Cell::code(said.body.chars().take(SHOWN).collect::<String>()),
            Cell::code(&*said.sha256),
        ]
    });
    let caption = match order {
        Some(order) => {
            format!("{} {order}", reader.say("Trao đổi về giao dịch", "What was said about order"))
        }
        None => {
            reader.say("Trao đổi không thành gần đây", "Messages of late that failed").to_owned()
        }
    };
    let table = Table::new("exchanges", caption, columns)
        .rows(rows)
        .or(reader.say("Không có trao đổi nào không thành.", "Nothing has failed."));
    let filter = Form::filters(PATH, reader.say("Xem", "Show")).field(
        Field::line("order", reader.say("Số tham chiếu của giao dịch", "Reference of the order"))
            .value(order.unwrap_or_default()),
    );
    let page =
        Page::new(reader.say("Trao đổi", "Messages"), Section::PartnerTraffic).lead(reader.say(
            "Thông báo bị từ chối và lý do. Dữ liệu cá nhân đã được che.",
            "Callbacks that were refused, and why. Personal data is masked.",
        ));
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}
