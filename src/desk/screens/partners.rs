//! Partners (đối tác): what the registers say of banks and wallets, whether they are called, and
//! what was said.

use axum::extract::{Path, State};
use axum::response::Response;

use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::operations::said::said;
use crate::partners::Partner;
use crate::platform::problem::{Problem, ProblemType};

const PATH: &str = "/desk/partners";

/// `GET /desk/partners`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = register(&desk, &reader);
    reader.answer(page)
}

fn standing(desk: &Desk, reader: &Reader, partner: &Partner) -> Cell {
    if !partner.open {
        Cell::tag(Tone::Quiet, reader.say("Đã đóng", "Closed"))
    } else if partner.dialect.is_none() {
        Cell::tag(Tone::Alarm, reader.say("Chưa cấu hình", "Not configured"))
    } else if desk.caller.is_open(&partner.code) {
        Cell::tag(Tone::Alarm, reader.say("Cầu dao ngắt", "Breaker open"))
    } else {
        Cell::tag(Tone::Good, reader.say("Hoạt động", "Works"))
    }
}

fn register(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Partners)?;
    let registers = desk.registers();
    let columns = vec![
        Column::text("code", reader.say("Mã", "Code")),
        Column::text("name", reader.say("Tên", "Name")),
        Column::text("dialect", reader.say("Giao thức", "Dialect")),
        Column::text("state", reader.say("Tình trạng", "State")),
        Column::figure("calls_per_second", reader.say("Lượt gọi/giây", "Calls a second")),
    ];
    let rows = registers.partners().iter().map(|partner| {
        vec![
            Cell::code(&*partner.code).to(format!("{PATH}/{}", partner.code)),
            Cell::text(&*partner.name),
            Cell::code(&*partner.dialect_name),
            standing(desk, reader, partner),
            Cell::count(partner.calls_per_second.into()),
        ]
    });
    let table = Table::new("partners", reader.say("Ngân hàng và ví", "Banks and wallets"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let page = Page::new(reader.say("Đối tác", "Partners"), Section::Partners).lead(reader.say(
        "Cầu dao là của tiến trình đã vẽ trang này.",
        "The breaker is that of the process that drew this page.",
    ));
    Ok(page.with(Block::Table(table)))
}

/// `GET /desk/partners/{code}`.
pub async fn show(State(desk): State<Desk>, Path(code): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &code).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader, code: &str) -> Result<Page, Problem> {
    reader.enter(Section::Partners)?;
    let registers = desk.registers();
    let partner = registers.partner(code).ok_or(Problem::new(ProblemType::NotFound))?;
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let none = || label("không giới hạn", "from anywhere");
    let networks: Vec<String> = partner.called_from.iter().map(ToString::to_string).collect();
    let limits = partner
        .limits()
        .map(|(least, most)| format!("{} – {}", least.for_people(), most.for_people()));
    let rows = vec![
        (label("Mã", "Code"), Cell::code(&*partner.code)),
        (label("Giao thức", "Dialect"), Cell::code(&*partner.dialect_name)),
        (label("Tình trạng", "State"), standing(desk, reader, partner)),
        (label("Mỗi lần nộp", "One payment"), Cell::text(limits.unwrap_or_default())),
        (
            label("Gọi ta từ", "Calls us from"),
            Cell::code(if networks.is_empty() { none() } else { networks.join(", ") }),
        ),
    ];
    let day = desk.refunds.refunding.accounts.day_of(desk.people.clock.now());
    let columns = vec![
        Column::text("number", reader.say("Số tài khoản", "Number")),
        Column::text("bin", reader.say("Ngân hàng", "Bank")),
        Column::text("holder", reader.say("Chủ tài khoản", "Holder")),
        Column::text("agency", reader.say("Thu cho", "Collects for")),
        Column::text("source", reader.say("Ghi thu theo", "Settled by")),
    ];
    let accounts = registers.collecting_accounts(code, day);
    let cells = accounts.iter().map(|account| {
        vec![
            Cell::code(&*account.number),
            Cell::code(&*account.bin),
            Cell::text(&*account.holder),
            Cell::text(
                account.agency.as_deref().unwrap_or(reader.say("mọi cơ quan", "any agency")),
            ),
            Cell::text(reader.name(Named::Channel, account.settling_source.as_str())),
        ]
    });
    let accounts =
        Table::new("accounts", reader.say("Tài khoản thu", "Collecting accounts"), columns)
            .rows(cells)
            .or(NOTHING.to(reader.language));
    let order = reader.asked.get("order");
    let exchanges = said(desk.pool(), code, order).await?;
    let columns = vec![
        Column::text("at", reader.say("Lúc", "When")),
        Column::text("direction", reader.say("Chiều", "Direction")),
        Column::text("purpose", reader.say("Việc", "Purpose")),
        Column::text("status", reader.say("Mã HTTP", "Status")),
        Column::text("verdict", reader.say("Kết luận", "Verdict")),
        Column::text("request", reader.say("Ta hỏi (đã che)", "Our call (masked)")),
        Column::text("body", reader.say("Nội dung (đã che)", "Body (masked)")),
        Column::text("sha256", reader.say("SHA-256 của bản gốc", "SHA-256 of the original")),
    ];
    let cells = exchanges.iter().map(|said| {
        vec![
            Cell::time(said.at),
            Cell::text(if said.direction == "in" {
                reader.say("đối tác gửi", "from the partner")
            } else {
                reader.say("đối tác trả lời", "its answer")
            }),
            Cell::code(&*said.purpose),
            Cell::text(said.status.map(|status| status.to_string()).unwrap_or_default()),
            Cell::text(&*said.verdict),
            said.request.as_ref().map_or(Cell::nothing(), |(request, _)| {
                Cell::code(request.chars().take(600).collect::<String>())
            }),
            Cell::code(said.body.chars().take(600).collect::<String>()),
            Cell::code(&*said.sha256),
        ]
    });
    let caption = match order {
        Some(order) => {
            format!("{} {order}", reader.say("Trao đổi về giao dịch", "What was said about order"))
        }
        None => label(
            "Bị từ chối hoặc không rõ giao dịch nào",
            "Refused, or about no order that is known",
        ),
    };
    let exchanges =
        Table::new("exchanges", caption, columns).rows(cells).or(NOTHING.to(reader.language));
    let filter = Form::filters(reader.asked.path(), reader.say("Xem", "Show")).field(
        Field::line("order", reader.say("Số tham chiếu của giao dịch", "Reference of the order"))
            .value(order.unwrap_or_default()),
    );
    let page = Page::new(partner.name.clone(), Section::Partners)
        .crumb(reader.say("Đối tác", "Partners"), PATH);
    let certified = super::certified::table(desk, reader, code).await?;
    Ok(page
        .with(Block::Facts(Facts { title: None, rows }))
        .with(Block::Table(accounts))
        .with(Block::Table(certified))
        .with(Block::Form(filter))
        .with(Block::Table(exchanges)))
}
