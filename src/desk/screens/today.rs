//! Today (hôm nay): where a day begins. What waits for whoever is signed in, each partner's day with
//! expected, reported, banked and difference, the files, how old the breaks are and how they went on.

use axum::extract::State;
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime};
use rust_decimal::Decimal;
use serde_json::Value;

use super::days::{roll_forward, tone as day_tone, total};
use super::files;
use super::matches::day_of;
use crate::approvals::sight::Sight;
use crate::breaks::ageing::Bucket;
use crate::desk::asked::link;
use crate::desk::figures;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Bar, Block, Chart, Field, Form, Page, Tile};
use crate::desk::reader::{Reader, redirect};
use crate::desk::store::today as store;
use crate::desk::table::{Cell, Column, Table, Tone};
use crate::desk::words::Named;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::day::{from_local, to_local};

/// So many days that wait are looked at for the tiles.
const DAYS: usize = 7;

/// `GET /desk`.
pub async fn show(State(desk): State<Desk>, reader: Reader) -> Response {
    // A partner's people begin with what is theirs.
    if reader.officer.partner().is_some() {
        return reader.sign(redirect(Section::PartnerMoney.path()));
    }
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

const fn tone(count: i64) -> Tone {
    if count == 0 { Tone::Good } else { Tone::Waits }
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let officer = &reader.officer;
    // No connection is held while a room is asked, which takes one of its own.
    let breaks = if Section::Breaks.is_open_to(officer) {
        let mut conn = desk.pool().acquire().await?;
        Some(store::open_breaks(&mut conn, &Section::Breaks.scopes(officer)).await?)
    } else {
        None
    };
    let mut page = Page::new(reader.say("Hôm nay", "Today"), Section::Today);
    let tiles = tiles(desk, reader, breaks.as_deref()).await?;
    page.add(Block::Tiles(tiles));
    if Section::Matches.is_open_to(officer) {
        let day = day_of(desk, reader).await?;
        let filter = Form::filters("/desk", reader.say("Xem", "Show")).field(
            Field::day("day", reader.say("Ngày đối soát", "Business day")).value(day.to_string()),
        );
        page.add(Block::Form(filter));
        let text = day.to_string();
        let told =
            desk.rooms.get(&reader.pass, &link("/v1/reconciliation", &[("day", &text)])).await;
        let told = there(told)?;
        page.add(Block::Table(partners(reader, &text, json::list(&told, "accounts"))));
        let statements = json::list(&told, "statements");
        if !statements.is_empty() {
            page.add(Block::Table(lights(reader, &text, statements)));
        }
        let scopes = Section::Matches.scopes(officer);
        page.add(Block::Chart(collected(desk, reader, (&scopes, day)).await?));
    }
    if let Some(breaks) = &breaks {
        let today = to_local(desk.people.clock.now()).date();
        page.add(Block::Chart(ages(reader, breaks, today)));
    }
    if Section::Days.is_open_to(officer) {
        let day = day_of(desk, reader).await?;
        let told = there(desk.rooms.get(&reader.pass, &format!("/v1/days/{day}")).await)?;
        if told["day"].is_object() {
            let status = json::text(&told["day"], "status");
            page = page.mark(day_tone(status), reader.name(Named::Day, status));
            page.add(Block::Table(roll_forward(reader, &told["roll_forward"])));
            let name =
                format!("{} {}", reader.say("Ký ngày", "Close the day"), Cell::day(day).shown());
            page.add(Block::Links(vec![(name, format!("/desk/days/{day}"))]));
        }
    }
    Ok(page)
}

/// What a room tells, or nothing where there is nothing to tell.
fn there(told: Result<Value, Problem>) -> Result<Value, Problem> {
    match told {
        Err(problem)
            if matches!(problem.kind(), ProblemType::NotFound | ProblemType::Forbidden) =>
        {
            Ok(Value::Null)
        }
        told => told,
    }
}

async fn tiles(
    desk: &Desk,
    reader: &Reader,
    breaks: Option<&[store::OpenBreaks]>,
) -> Result<Vec<Tile>, Problem> {
    let officer = &reader.officer;
    let mut conn = desk.pool().acquire().await?;
    let mut tiles = Vec::new();
    let (all, others) =
        store::approvals_waiting(&mut conn, &Sight::of(officer, &desk.kinds)).await?;
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
    drop(conn);
    if Section::Days.is_open_to(officer) {
        tiles.extend(of_days(desk, reader).await?);
    }
    let mut conn = desk.pool().acquire().await?;
    if let Some(breaks) = breaks {
        let count = breaks.iter().map(|of| of.count).sum();
        let dong = breaks.iter().filter(|of| of.currency == "VND").map(|of| of.amount).sum();
        tiles.push(Tile {
            label: reader.say("Chênh lệch chưa xử lý", "Open breaks").to_owned(),
            figure: figures::count(count),
            note: Cell::amount(dong, "VND").shown(),
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
    Ok(tiles)
}

/// Files that are missing and days that wait to be closed. A day that is over and not closed is looked
/// at as the officer will look at it who closes it: the oldest first, and no more than a screenful.
async fn of_days(desk: &Desk, reader: &Reader) -> Result<Vec<Tile>, Problem> {
    let today = to_local(reader.now).date();
    let mut conn = desk.pool().acquire().await?;
    let waiting = store::days_to_close(&mut conn, today).await?;
    drop(conn);
    let (mut missing, mut ready, mut first) = (0, 0, None);
    for day in waiting.iter().take(DAYS) {
        let told = there(desk.rooms.get(&reader.pass, &format!("/v1/days/{day}")).await)?;
        let files = json::list(&told, "files");
        let absent = files.iter().filter(|file| json::text(file, "state") == "missing").count();
        if absent > 0 && first.is_none() {
            first = Some(*day);
        }
        missing += i64::try_from(absent).unwrap_or(i64::MAX);
        ready += i64::from(json::list(&told, "against").is_empty());
    }
    let of = |day: Option<&NaiveDate>| {
        day.map_or_else(|| Section::Days.path().to_owned(), |day| format!("/desk/days/{day}"))
    };
    let note =
        |day: &NaiveDate| format!("{} {}", reader.say("từ ngày", "since"), Cell::day(*day).shown());
    let more = if waiting.len() > DAYS { "+" } else { "" };
    Ok(vec![
        Tile {
            label: reader.say("Tệp còn thiếu", "Files missing").to_owned(),
            figure: format!("{}{more}", figures::count(missing)),
            note: first.as_ref().map(note).unwrap_or_default(),
            href: of(first.as_ref()),
            tone: if missing == 0 { Tone::Good } else { Tone::Alarm },
        },
        Tile {
            label: reader.say("Ngày chờ ký", "Days to close").to_owned(),
            figure: figures::count(i64::try_from(waiting.len()).unwrap_or(i64::MAX)),
            note: match waiting.first() {
                Some(_) => format!(
                    "{} {}{more}",
                    reader.say("lập hoặc ký được ngay:", "can be signed now:"),
                    figures::count(ready)
                ),
                None => String::new(),
            },
            href: of(waiting.first()),
            tone: tone(i64::try_from(waiting.len()).unwrap_or(i64::MAX)),
        },
    ])
}

/// One row for each partner's account: expected, reported, banked, difference.
fn partners(reader: &Reader, day: &str, accounts: &[Value]) -> Table {
    let columns = vec![
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("account", reader.say("Tài khoản", "Account")),
        Column::figure("expected", reader.say("Phải thu", "Expected")),
        Column::figure("reported", reader.say("Đối tác báo", "Reported")),
        Column::figure("banked", reader.say("Về ngân hàng", "Banked")),
        Column::figure("difference", reader.say("Chênh lệch", "Difference")),
    ];
    let sum = |of: &Value| json::money(&of["amount"]).note(json::count(&of["count"]).shown());
    let rows = accounts.iter().map(|of| {
        let partner = json::text(of, "partner");
        let difference = sum(&of["difference"]);
        vec![
            Cell::text(partner).to(link("/desk/matches", &[("day", day), ("partner", partner)])),
            json::code(&of["account"]),
            sum(&of["expected"]),
            sum(&of["reported"]),
            sum(&of["banked"]),
            if json::decimal(&of["difference"]["amount"]).is_zero() {
                difference
            } else {
                difference.to(link("/desk/breaks", &[("partner", partner)]))
            },
        ]
    });
    let table =
        Table::new("partners", reader.say("Ngày theo đối tác", "The day by partner"), columns)
            .rows(rows)
            .or(reader
                .say("Ngày này không có khoản thu nào.", "Nothing was collected on this day."));
    let foot = |key: &str| {
        let (count, amount) = total(accounts, key);
        Cell::amount(amount, "VND").note(figures::count(count))
    };
    table.foot(vec![
        Cell::text(reader.say("Cộng", "Sum")),
        Cell::nothing(),
        foot("expected"),
        foot("reported"),
        foot("banked"),
        foot("difference"),
    ])
}

/// The files that are in, and how far their lines are.
fn lights(reader: &Reader, day: &str, statements: &[Value]) -> Table {
    let columns = vec![
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("reference", reader.say("Sao kê, bảng kê", "Statement")),
        Column::text("state", reader.say("Tình trạng", "State")),
        Column::figure("lines", reader.say("Số dòng", "Lines")),
        Column::figure("matched", reader.say("Đã khớp", "Matched")),
        Column::figure("suggested", reader.say("Gợi ý", "Suggested")),
        Column::figure("open", reader.say("Chưa khớp", "Open")),
    ];
    let rows = statements.iter().map(|of| {
        let partner = json::text(of, "partner");
        let suggested = [("day", day), ("partner", partner), ("state", "suggested")];
        vec![
            Cell::text(partner).note(json::text(of, "account")),
            json::code(&of["reference"]),
            files::state(reader, json::text(of, "state")),
            json::count(&of["lines"]),
            json::count(&of["matched"]),
            match of["suggested"].as_i64() {
                Some(count) if count > 0 => {
                    Cell::count(count).to(link("/desk/matches", &suggested))
                }
                _ => json::count(&of["suggested"]),
            },
            json::count(&of["open"]),
        ]
    });
    Table::new("files", reader.say("Tệp của ngày", "Files of the day"), columns).rows(rows)
}

async fn collected(
    desk: &Desk,
    reader: &Reader,
    (scopes, day): (&[String], NaiveDate),
) -> Result<Chart, Problem> {
    let begins = |day: NaiveDate| from_local(day.and_time(NaiveTime::MIN));
    let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
    let mut conn = desk.pool().acquire().await?;
    let found = store::collected(&mut conn, scopes, (begins(day), begins(next))).await?;
    let registers = desk.registers();
    let bars = found.into_iter().map(|(partner, count, amount)| {
        let name = registers.partner(&partner).map(|known| known.name.clone());
        let text = day.to_string();
        let query = [("partner", &*partner), ("status", "paid"), ("until", &text)];
        Bar {
            label: Cell::text(name.unwrap_or_else(|| partner.clone()))
                .to(link("/desk/invoices", &query)),
            value: amount,
            figure: Cell::amount(amount, "VND").note(figures::count(count)),
            tone: Tone::Quiet,
        }
    });
    Ok(Chart {
        caption: format!(
            "{} {}",
            reader.say("Đã thu ngày", "Collected on"),
            Cell::day(day).shown()
        ),
        of: reader.say("Đối tác", "Partner").to_owned(),
        unit: reader.say("Số tiền", "Amount").to_owned(),
        bars: bars.collect(),
    })
}

/// Open breaks by age.
fn ages(reader: &Reader, breaks: &[store::OpenBreaks], today: NaiveDate) -> Chart {
    let of = |bucket: Bucket| {
        let found = breaks.iter().filter(|of| {
            let days = (today - of.ages_from).num_days();
            Bucket::of(days) == bucket
        });
        found.fold((0, Decimal::ZERO), |(count, amount), of| {
            (count + of.count, if of.currency == "VND" { amount + of.amount } else { amount })
        })
    };
    let bars = Bucket::ALL.iter().map(|bucket| {
        let (count, amount) = of(*bucket);
        Bar {
            label: Cell::text(reader.name(Named::Age, bucket.as_str())),
            value: Decimal::from(count),
            figure: match count {
                0 => Cell::count(0),
                _ => Cell::count(count).note(Cell::amount(amount, "VND").shown()),
            },
            tone: match bucket {
                Bucket::Today | Bucket::Day1 => Tone::Quiet,
                Bucket::Days3 | Bucket::Days7 => Tone::Waits,
                Bucket::Days30 | Bucket::Older => Tone::Alarm,
            },
        }
    });
    Chart {
        caption: reader.say("Tuổi của chênh lệch", "Age of breaks").to_owned(),
        of: reader.say("Tuổi", "Age").to_owned(),
        unit: reader.say("Số trường hợp", "Breaks").to_owned(),
        bars: bars.collect(),
    }
}
