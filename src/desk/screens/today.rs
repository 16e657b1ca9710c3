//! Today (hôm nay): where a day begins, with what waits for whoever is signed in.

use axum::extract::State;
use axum::response::Response;

use crate::desk::figures;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Page, Tile};
use crate::desk::reader::Reader;
use crate::desk::store::today as store;
use crate::desk::table::Tone;
use crate::platform::problem::Problem;

/// `GET /desk`.
pub async fn show(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

const fn tone(count: i64) -> Tone {
    if count == 0 { Tone::Good } else { Tone::Waits }
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let officer = &reader.officer;
    let mut conn = desk.pool().acquire().await?;
    let mut tiles = Vec::new();
    let (all, others) =
        store::approvals_waiting(&mut conn, &officer.scopes(), &officer.email).await?;
    tiles.push(Tile {
        label: reader.say("Chờ duyệt", "Waiting for approval").to_owned(),
        figure: figures::count(others),
        note: match all - others {
            0 => String::new(),
            own => format!("{} {}", reader.say("bạn đã lập:", "made by you:"), figures::count(own)),
        },
        href: "/desk/approvals".to_owned(),
        tone: tone(others),
    });
    if Section::Breaks.is_open_to(officer) {
        let breaks = store::open_breaks(&mut conn, &Section::Breaks.scopes(officer)).await?;
        let count = breaks.iter().map(|of| of.count).sum();
        tiles.push(Tile {
            label: reader.say("Chênh lệch chưa xử lý", "Open breaks").to_owned(),
            figure: figures::count(count),
            note: String::new(),
            href: "/desk/breaks".to_owned(),
            tone: tone(count),
        });
    }
    if Section::Refunds.is_open_to(officer) {
        let scopes = Section::Refunds.scopes(officer);
        let count = store::refunds_in(&mut conn, &scopes, "requested").await?;
        tiles.push(Tile {
            label: reader.say("Khoản chờ hoàn", "Refunds asked for").to_owned(),
            figure: figures::count(count),
            note: String::new(),
            href: "/desk/refunds?status=requested".to_owned(),
            tone: tone(count),
        });
    }
    if Section::Deliveries.is_open_to(officer) {
        let count = store::deliveries_parked(&mut conn).await?;
        tiles.push(Tile {
            label: reader.say("Thông báo ngừng gửi", "Parked notices").to_owned(),
            figure: figures::count(count),
            note: String::new(),
            href: "/desk/deliveries".to_owned(),
            tone: tone(count),
        });
    }
    let page = Page::new(reader.say("Hôm nay", "Today"), Section::Today);
    Ok(page.with(Block::Tiles(tiles)))
}
