//! Notices to portals (thông báo cho cổng): what waits, what nobody took, and sending it again.

use axum::extract::{Path, State};
use axum::response::Response;

use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page};
use crate::desk::posted::{Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::store::deliveries::{self as store, Delivery};
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::notices::manage;
use crate::notices::notice_id::{DeliveryKey, StepKey};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::audit::By;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::ids::EndpointId;

const PATH: &str = "/desk/deliveries";

fn tone(state: &str) -> Tone {
    match state {
        "delivered" => Tone::Good,
        "due" => Tone::Waits,
        _ => Tone::Alarm,
    }
}

fn key(delivery: &Delivery) -> DeliveryKey {
    DeliveryKey {
        step: StepKey { invoice: delivery.invoice_id, sequence: delivery.sequence },
        endpoint: EndpointId(delivery.endpoint_id),
    }
}

/// Notices as a table.
pub fn table(reader: &Reader, name: &'static str, deliveries: &[Delivery]) -> Table {
    let columns = vec![
        Column::text("last_at", reader.say("Lần cuối", "Last try")),
        Column::text("portal", reader.say("Cổng", "Portal")),
        Column::text("kind", reader.say("Nội dung", "Told")),
        Column::text("state", reader.say("Trạng thái", "State")),
        Column::figure("tries", reader.say("Số lần", "Tries")),
        Column::text("answer", reader.say("Trả lời", "Answer")),
        Column::text("next_at", reader.say("Gửi lại lúc", "Next try")),
    ];
    let open = Section::Deliveries.is_open_to(&reader.officer);
    let rows = deliveries.iter().map(|delivery| {
        let kind = Cell::text(reader.name(Named::Step, &delivery.kind));
        let status = delivery.last_status.map(|status| status.to_string());
        let said: Vec<String> = status.into_iter().chain(delivery.last_error.clone()).collect();
        vec![
            Cell::time(delivery.last_at),
            Cell::text(&*delivery.portal),
            if open { kind.to(format!("{PATH}/{}", key(delivery).notice_id())) } else { kind },
            Cell::tag(tone(&delivery.state), reader.name(Named::Delivery, &delivery.state)),
            Cell::count(delivery.tries.into()),
            Cell::text(said.join(" ")),
            Cell::time(delivery.next_at),
        ]
    });
    Table::new(name, reader.say("Thông báo cho cổng", "Notices to portals"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

/// `GET /desk/deliveries`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = queue(&desk, &reader).await;
    reader.answer(page)
}

async fn queue(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Deliveries)?;
    let asked = &reader.asked;
    let state = asked.get("state").unwrap_or("parked");
    let portal = asked.get("portal");
    let mut conn = desk.pool().acquire().await?;
    let found = store::deliveries(&mut conn, state, portal, asked.most("deliveries")).await?;
    let states = ["parked", "due"].map(|s| (s.to_owned(), reader.name(Named::Delivery, s)));
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(Field::one("state", reader.say("Trạng thái", "State"), states).value(state))
        .field(
            Field::line("portal", reader.say("Cổng", "Portal")).value(portal.unwrap_or_default()),
        );
    let page =
        Page::new(reader.say("Thông báo cho cổng", "Notices to portals"), Section::Deliveries)
            .lead(reader.say(
                "Thông báo đã nhận được xem ở trang của từng khoản thu.",
                "Notices that were taken are shown on the page of their invoice.",
            ));
    Ok(page.with(Block::Form(filter)).with(Block::Table(table(reader, "deliveries", &found))))
}

/// `GET /desk/deliveries/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn read(desk: &Desk, reader: &Reader, id: &str) -> Result<Delivery, Problem> {
    reader.enter(Section::Deliveries)?;
    let missing = || Problem::new(ProblemType::NotFound);
    let wanted = DeliveryKey::parse(id).ok_or_else(missing)?;
    let mut conn = desk.pool().acquire().await?;
    let found = store::deliveries_of(&mut conn, wanted.step.invoice).await?;
    found.into_iter().find(|delivery| key(delivery) == wanted).ok_or_else(missing)
}

async fn page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let delivery = read(desk, reader, id).await?;
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let endpoints = desk.registers();
    let url = endpoints
        .endpoints(&delivery.portal)
        .iter()
        .find(|endpoint| endpoint.id.0 == delivery.endpoint_id)
        .map(|endpoint| endpoint.url.clone());
    let rows = vec![
        (label("Cổng", "Portal"), Cell::text(&*delivery.portal)),
        (
            label("Gửi đến", "Sent to"),
            Cell::code(
                url.unwrap_or_else(|| label("địa chỉ đã đóng", "an address that is closed")),
            ),
        ),
        (label("Mã thông báo", "Notice id"), Cell::code(id)),
        (label("Số lần gửi", "Tries"), Cell::count(delivery.tries.into())),
        (label("Lần đầu", "First try"), Cell::time(delivery.first_at)),
        (label("Lần cuối", "Last try"), Cell::time(delivery.last_at)),
        (label("Gửi lại lúc", "Next try"), Cell::time(delivery.next_at)),
        (
            label("Mã trả lời", "Answer"),
            Cell::text(delivery.last_status.map(|status| status.to_string()).unwrap_or_default()),
        ),
        (label("Lỗi", "Error"), Cell::text(delivery.last_error.clone().unwrap_or_default())),
        (
            label("Khoản thu", "Invoice"),
            Cell::code(delivery.invoice_id.to_string())
                .to(format!("/desk/invoices/{}", delivery.invoice_id)),
        ),
    ];
    let may = reader.officer.may(Role::Operator, EVERYTHING);
    let form = Form::post("again", format!("{PATH}/{id}"), reader.say("Gửi lại", "Send it again"))
        .title(reader.say("Gửi lại thông báo này", "Send this notice again"))
        .shut((!may).then(|| {
            label(
                "Cần quyền vận hành trên mọi cơ quan.",
                "Needs the role operator for all agencies.",
            )
        }));
    let page = Page::new(reader.name(Named::Step, &delivery.kind), Section::Deliveries)
        .crumb(reader.say("Thông báo cho cổng", "Notices to portals"), PATH)
        .mark(tone(&delivery.state), reader.name(Named::Delivery, &delivery.state));
    Ok(page.with(Block::Facts(Facts { title: None, rows })).with(Block::Form(form)))
}

/// `POST /desk/deliveries/{id}`.
pub async fn again(State(desk): State<Desk>, Path(id): Path<String>, posted: Posted) -> Response {
    let done = redelivered(&desk, &posted.reader, &id).await.map_err(Stop::Problem);
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = page(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end("again", done, (&path, back)).await
}

/// Has a notice sent again.
pub async fn redelivered(desk: &Desk, reader: &Reader, id: &str) -> Result<String, Problem> {
    let officer = &reader.officer;
    let delivery = read(desk, reader, id).await?;
    officer.require(Role::Operator, EVERYTHING)?;
    let by = By { actor: &officer.email, at: desk.people.clock.now() };
    manage::redeliver(desk.pool(), by, &delivery.portal, key(&delivery)).await?;
    Ok(format!("{PATH}/{id}?told=again"))
}
