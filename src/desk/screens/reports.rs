//! Reports (báo cáo): what was collected, by agency, procedure, item, channel or month.

use axum::extract::State;
use axum::response::Response;
use chrono::{Datelike as _, Months, NaiveDate, NaiveTime};
use rust_decimal::Decimal;

use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Bar, Block, Chart, Field, Form, Page};
use crate::desk::reader::Reader;
use crate::desk::store::reports as store;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::platform::problem::Problem;
use crate::vocabulary::day::{from_local, to_local};

const PATH: &str = "/desk/reports";
/// A chart of more bars says nothing.
const MOST_BARS: usize = 15;

/// `GET /desk/reports`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Reports)?;
    let asked = &reader.asked;
    let today = to_local(desk.people.clock.now()).date();
    let first = NaiveDate::from_ymd_opt(today.year(), today.month(), 1).unwrap_or(today);
    let from = asked.day("from").unwrap_or(first);
    let until = asked.day("until").unwrap_or(today);
    let ways = [
        ("agency", reader.say("Cơ quan", "Agency")),
        ("procedure", reader.say("Thủ tục", "Procedure")),
        ("item", reader.say("Khoản phí, lệ phí", "Item")),
        ("channel", reader.say("Kênh thu", "Channel")),
        ("month", reader.say("Tháng", "Month")),
    ];
    let by = asked.get("by").unwrap_or_default();
    let (by, of) = ways.into_iter().find(|(key, _)| *key == by).unwrap_or(ways[0]);
    let begins = |day: NaiveDate| from_local(day.and_time(NaiveTime::MIN));
    let wanted = store::Wanted {
        scopes: &scopes,
        by,
        from: begins(from),
        until: begins(until.succ_opt().unwrap_or(until)),
    };
    let groups = store::groups(&mut *desk.pool().acquire().await?, &wanted).await?;
    let registers = desk.registers();
    let day = desk.refunds.refunding.accounts.day_of(desk.people.clock.now());
    let name_of = |key: &str| match by {
        "agency" => registers.agency(key, day).map(|agency| agency.name.clone()),
        "procedure" => registers.procedure(key, day).map(|procedure| procedure.name.clone()),
        "channel" => registers.partner(key).map(|partner| partner.name.clone()),
        _ => None,
    };
    let lead = |key: &str| {
        let filter = match by {
            "agency" => "agency",
            "procedure" => "procedure",
            "channel" => "partner",
            "item" => "item",
            _ => "",
        };
        let (mut from, mut until) = (from, until);
        if by == "month" {
            let first: NaiveDate = format!("{key}-01").parse().ok()?;
            let next = first.checked_add_months(Months::new(1))?;
            (from, until) = (from.max(first), until.min(next.pred_opt()?));
        }
        let (from, until) = (from.to_string(), until.to_string());
        let query = [
            (filter, if filter.is_empty() { "" } else { key }),
            ("status", "paid"),
            ("paid_from", &from),
            ("paid_until", &until),
        ];
        Some(link("/desk/invoices", &query))
    };
    let columns = vec![
        Column::text("key", of),
        Column::figure("count", reader.say("Số khoản", "Count")),
        Column::figure("gross", reader.say("Đã thu", "Collected")),
        Column::figure("refunded", reader.say("Đã hoàn", "Refunded")),
        Column::figure("net", reader.say("Còn lại", "Net")),
    ];
    let label = |group: &store::Group| {
        let cell = match name_of(&group.key) {
            Some(name) => Cell::text(name).note(&*group.key),
            None => Cell::text(&*group.key),
        };
        match lead(&group.key) {
            Some(path) => cell.to(path),
            None => cell,
        }
    };
    let rows = groups.iter().map(|group| {
        let of = |amount: Option<Decimal>| {
            amount.map_or(Cell::nothing(), |amount| Cell::amount(amount, &group.currency))
        };
        vec![
            label(group),
            Cell::count(group.count),
            of(Some(group.gross)),
            of(group.refunded),
            of(group.refunded.map(|back| group.gross - back)),
        ]
    });
    let caption = format!("{} – {}", Cell::day(from).shown(), Cell::day(until).shown());
    let mut table =
        Table::new("report", &*caption, columns).rows(rows).or(NOTHING.to(reader.language));
    let mut currencies: Vec<&str> = groups.iter().map(|group| &*group.currency).collect();
    currencies.sort_unstable();
    currencies.dedup();
    if let [currency] = currencies[..] {
        let gross: Decimal = groups.iter().map(|group| group.gross).sum();
        let refunded: Option<Decimal> = groups.iter().map(|group| group.refunded).sum();
        let of = |amount: Option<Decimal>| {
            amount.map_or(Cell::nothing(), |amount| Cell::amount(amount, currency))
        };
        table = table.foot(vec![
            Cell::text(reader.say("Cộng", "Sum")),
            Cell::count(groups.iter().map(|group| group.count).sum()),
            of(Some(gross)),
            of(refunded),
            of(refunded.map(|back| gross - back)),
        ]);
    }
    let bars = groups.iter().filter(|group| group.currency == "VND").take(MOST_BARS);
    let chart = Chart {
        caption: reader.say("Đã thu", "Collected").to_owned(),
        of: of.to_owned(),
        unit: reader.say("Số tiền", "Amount").to_owned(),
        bars: bars
            .map(|group| Bar {
                label: Cell::text(name_of(&group.key).unwrap_or_else(|| group.key.clone())),
                value: group.gross,
                figure: Cell::amount(group.gross, "VND"),
                tone: Tone::Quiet,
            })
            .collect(),
    };
    let choices = ways.map(|(key, name)| (key.to_owned(), name.to_owned()));
    let filter = Form::filters(PATH, reader.say("Xem", "Show"))
        .field(Field::one("by", reader.say("Theo", "By"), choices).value(by))
        .field(Field::day("from", reader.say("Nộp từ ngày", "Paid from")).value(from.to_string()))
        .field(Field::day("until", reader.say("đến hết", "until")).value(until.to_string()));
    let mut page =
        Page::new(reader.say("Báo cáo thu", "Reports"), Section::Reports).with(Block::Form(filter));
    if !chart.bars.is_empty() {
        page.add(Block::Chart(chart));
    }
    Ok(page.with(Block::Table(table)))
}
