//! Where a partner's money stands: collected, given back, fees, paid over; by agency.

use axum::extract::State;
use axum::response::Response;
use rust_decimal::Decimal;

use super::enter;
use crate::breaks::case::Case;
use crate::breaks::store::reads::breaks_shared;
use crate::callers::keys;
use crate::desk::figures;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Page, Tile};
use crate::desk::reader::Reader;
use crate::desk::screens::certified;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::operations::said::said_of_late;
use crate::payover::positions::{self, Positions};
use crate::payover::store::positions::Position;
use crate::platform::problem::{Problem, ProblemType};
use crate::registers::caller::{Caller, CallerKind};
use crate::statements::store::reads::{Filter, file_list};

/// So many are looked at for a tile.
const MOST: i64 = 500;

/// `GET /desk/partner`.
pub async fn show(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerMoney)?;
    let registers = desk.registers();
    let partner = registers.partner(code).ok_or(Problem::new(ProblemType::NotFound))?;
    let all = positions::read(&mut *desk.pool().acquire().await?, Some(code)).await?;
    let page = Page::new(partner.name.clone(), Section::PartnerMoney).lead(reader.say(
        "Đã thu − đã hoàn − phí − đã chuyển Kho bạc = còn phải chuyển.",
        "Collected − refunded − fees − paid over = still to be paid over.",
    ));
    let tiles = tiles(desk, reader, code).await?;
    let certified = certified::table(desk, reader, code).await?;
    Ok(page
        .with(Block::Tiles(tiles))
        .with(Block::Table(position(reader, &all)))
        .with(Block::Table(accounts(desk, reader, code)))
        .with(Block::Table(certified)))
}

async fn tiles(desk: &Desk, reader: &Reader, code: &str) -> Result<Vec<Tile>, Problem> {
    let mut conn = desk.pool().acquire().await?;
    let cases = breaks_shared(&mut conn, code, (None, MOST)).await?;
    let asked = |case: &&Case| case.state.is_open() && case.waits_until.is_some();
    let open = cases.iter().filter(asked).count();
    let held = Filter {
        state: Some("quarantined"),
        partner: Some(code),
        limit: MOST,
        ..Filter::default()
    };
    let held = file_list(&mut conn, &held).await?.len();
    drop(conn);
    let refused = said_of_late(desk.pool(), code).await?.len();
    let caller = Caller { kind: CallerKind::Partner, code: code.to_owned() };
    let living =
        keys::list(desk.pool(), &caller).await.map_err(|error| super::keys::told(&error))?;
    let living =
        living.iter().filter(|key| key.usable_since.is_some() && key.revoked_at.is_none()).count();
    let tile = |label: &str, count: usize, section: Section, waits: bool| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Tile {
            label: label.to_owned(),
            figure: figures::count(count),
            note: String::new(),
            href: section.path().to_owned(),
            tone: if waits && count > 0 { Tone::Waits } else { Tone::Quiet },
        }
    };
    Ok(vec![
        tile(
            reader.say("Chênh lệch chờ trả lời", "Breaks to answer"),
            open,
            Section::PartnerBreaks,
            true,
        ),
        tile(reader.say("Tệp bị giữ lại", "Files held back"), held, Section::PartnerFiles, true),
        tile(
            reader.say("Trao đổi không thành", "Messages that failed"),
            refused,
            Section::PartnerTraffic,
            true,
        ),
        tile(reader.say("Khoá đang dùng", "Keys in use"), living, Section::PartnerKeys, false),
    ])
}

fn position(reader: &Reader, all: &Positions) -> Table {
    let columns = vec![
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::figure("collected", reader.say("Đã thu", "Collected")),
        Column::figure("refunded", reader.say("Đã hoàn", "Refunded")),
        Column::figure("fees", reader.say("Phí", "Fees")),
        Column::figure("paid_over", reader.say("Đã chuyển Kho bạc", "Paid over")),
        Column::figure("net", reader.say("Còn phải chuyển", "Still to pay over")),
    ];
    let figures: [fn(&Position) -> Decimal; 5] =
        [|of| of.collected, |of| of.refunded, |of| of.fees, |of| of.paid_over, Position::net];
    let rows = all.of.iter().map(|of| {
        std::iter::once(Cell::text(&*of.agency))
            .chain(figures.map(|figure| Cell::amount(figure(of), &of.currency)))
            .collect()
    });
    let table = Table::new("positions", reader.say("Vị thế", "Position"), columns)
        .rows(rows)
        .or(reader.say("Chưa thu khoản nào.", "Nothing was collected yet."));
    // A sum of several currencies would be none.
    let currency = all.of.first().map(|of| of.currency.clone()).unwrap_or_default();
    if all.of.len() < 2 || all.of.iter().any(|of| of.currency != currency) {
        return table;
    }
    let sum = |figure: fn(&Position) -> Decimal| {
        Cell::amount(all.of.iter().map(figure).sum::<Decimal>(), &currency)
    };
    let foot = std::iter::once(Cell::text(reader.say("Cộng", "Sum")));
    table.foot(foot.chain(figures.map(sum)).collect())
}

fn accounts(desk: &Desk, reader: &Reader, code: &str) -> Table {
    let day = desk.refunds.refunding.accounts.day_of(desk.people.clock.now());
    let columns = vec![
        Column::text("number", reader.say("Số tài khoản", "Number")),
        Column::text("holder", reader.say("Chủ tài khoản", "Holder")),
        Column::text("agency", reader.say("Thu cho", "Collects for")),
        Column::text("source", reader.say("Ghi thu theo", "Settled by")),
    ];
    let registers = desk.registers();
    let accounts = registers.collecting_accounts(code, day);
    let rows = accounts.iter().map(|account| {
        let any = reader.say("mọi cơ quan", "any agency");
        vec![
            Cell::code(&*account.number),
            Cell::text(&*account.holder),
            Cell::text(account.agency.as_deref().unwrap_or(any)),
            Cell::text(reader.name(Named::Channel, account.settling_source.as_str())),
        ]
    });
    Table::new("accounts", reader.say("Tài khoản thu", "Collecting accounts"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}
