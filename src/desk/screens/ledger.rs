//! The ledger (sổ cái): the trial balance at the end of a day, down to accounts, entries and what
//! caused them.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page};
use crate::desk::reader::Reader;
use crate::desk::store::invoices::invoice_of_settlement;
use crate::desk::store::ledger as store;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::people::role::EVERYTHING;
use crate::platform::problem::{Problem, ProblemType};

const PATH: &str = "/desk/ledger";

/// What stands in debit and in credit of a signed amount.
fn sides(amount: Decimal, currency: &str) -> [Cell; 2] {
    if amount.is_zero() {
        [Cell::nothing(), Cell::nothing()]
    } else if amount.is_sign_positive() {
        [Cell::amount(amount, currency), Cell::nothing()]
    } else {
        [Cell::nothing(), Cell::amount(-amount, currency)]
    }
}

/// `GET /desk/ledger`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = balance(&desk, &reader).await;
    reader.answer(page)
}

async fn balance(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Ledger)?;
    let asked = &reader.asked;
    let day = asked.day("day");
    let kind = asked.get("kind");
    let owner = asked.get("owner");
    let mut conn = desk.pool().acquire().await?;
    let accounts = store::balances(&mut conn, &scopes, day).await?;
    let until = day.map(|day| day.to_string()).unwrap_or_default();
    let columns = vec![
        Column::text("kind", reader.say("Loại tài khoản", "Kind of account")),
        Column::text("owner", reader.say("Của", "Whose")),
        Column::text("detail", reader.say("Chi tiết", "Detail")),
        Column::figure("debit", reader.say("Dư nợ", "Debit")),
        Column::figure("credit", reader.say("Dư có", "Credit")),
    ];
    let mut sums: BTreeMap<&str, (Decimal, Decimal)> = BTreeMap::new();
    let mut rows = Vec::new();
    for account in &accounts {
        if kind.is_some_and(|kind| kind != account.kind)
            || owner.is_some_and(|owner| owner != account.owner)
        {
            continue;
        }
        let sum = sums.entry(&account.currency).or_default();
        if account.amount.is_sign_positive() {
            sum.0 += account.amount;
        } else {
            sum.1 -= account.amount;
        }
        let [debit, credit] = sides(account.amount, &account.currency);
        let path = format!("{PATH}/accounts/{}", account.account_id);
        rows.push(vec![
            Cell::text(reader.name(Named::Account, &account.kind))
                .to(link(&path, &[("until", &until)])),
            Cell::text(&*account.owner),
            Cell::code(&*account.detail),
            debit,
            credit,
        ]);
    }
    let caption = match day {
        Some(day) => format!(
            "{} {}",
            reader.say("Số dư hết ngày", "Balances at the end of"),
            Cell::day(day).shown()
        ),
        None => reader.say("Số dư hiện tại", "Balances now").to_owned(),
    };
    let mut table =
        Table::new("balances", caption, columns).rows(rows).or(NOTHING.to(reader.language));
    // Sums of several currencies would be none.
    let single = sums.iter().next().filter(|_| sums.len() == 1);
    if let Some((currency, (debit, credit))) = single {
        table = table.foot(vec![
            Cell::text(reader.say("Cộng", "Sum")),
            Cell::nothing(),
            Cell::nothing(),
            Cell::amount(*debit, currency),
            Cell::amount(*credit, currency),
        ]);
    }
    let kinds: Vec<(String, String)> =
        std::iter::once((String::new(), reader.say("Tất cả", "All").to_owned()))
            .chain(
                crate::ledger::chart::AccountKind::ALL
                    .iter()
                    .map(|kind| (kind.to_string(), reader.name(Named::Account, kind.as_str()))),
            )
            .collect();
    let filter = Form::filters(PATH, reader.say("Xem", "Show"))
        .field(Field::day("day", reader.say("Hết ngày", "At the end of")).value(&*until))
        .field(
            Field::one("kind", reader.say("Loại tài khoản", "Kind of account"), kinds)
                .value(kind.unwrap_or_default()),
        )
        .field(Field::line("owner", reader.say("Của", "Whose")).value(owner.unwrap_or_default()));
    let mut page = Page::new(reader.say("Sổ cái", "Ledger"), Section::Ledger);
    if scopes.iter().any(|scope| scope == EVERYTHING) && kind.or(owner).is_none() {
        let balanced = sums.values().all(|(debit, credit)| debit == credit);
        let (tone, text) = if balanced {
            (Tone::Good, reader.say("Nợ bằng có", "Balanced"))
        } else {
            (Tone::Alarm, reader.say("Nợ khác có", "Not balanced"))
        };
        page = page.mark(tone, text);
    } else if kind.or(owner).is_none() {
        page = page.lead(reader.say(
            "Chỉ gồm tài khoản của các cơ quan trong phạm vi của bạn.",
            "Only the accounts of agencies in your scope.",
        ));
    }
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)))
}

/// `GET /desk/ledger/accounts/{id}`.
pub async fn account(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = account_page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn account_page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Ledger)?;
    let missing = || Problem::new(ProblemType::NotFound);
    let id = id.parse().map_err(|_| missing())?;
    let mut conn = desk.pool().acquire().await?;
    let account = store::account(&mut conn, &scopes, id).await?.ok_or_else(missing)?;
    let asked = &reader.asked;
    let days = (asked.day("from"), asked.day("until"));
    let found = store::postings(&mut conn, id, days, asked.most("postings")).await?;
    let columns = vec![
        Column::text(
            "business_day",
            reader.say("Ngày đối soát, giá trị", "Business day, value date"),
        ),
        Column::text("act", reader.say("Nghiệp vụ", "Act")),
        Column::figure("debit", reader.say("Nợ", "Debit")),
        Column::figure("credit", reader.say("Có", "Credit")),
        Column::text("entry", reader.say("Bút toán", "Entry")),
        Column::text("source", reader.say("Căn cứ", "Source")),
        Column::text("actor", reader.say("Người ghi", "By")),
        Column::text("made_at", reader.say("Ghi lúc", "Booked")),
    ];
    let rows = found.iter().map(|row| {
        let [debit, credit] = sides(row.amount, &account.currency);
        vec![
            if row.value_date == row.business_day {
                Cell::day(row.business_day)
            } else {
                Cell::day(row.business_day).note(Cell::day(row.value_date).shown())
            },
            Cell::text(reader.name(Named::Act, &row.act)),
            debit,
            credit,
            Cell::code(row.entry_id.to_string()).to(format!("{PATH}/entries/{}", row.entry_id)),
            Cell::code(&*row.source),
            Cell::text(&*row.actor),
            Cell::time(row.made_at),
        ]
    });
    let table = Table::new("postings", reader.say("Phát sinh", "What was booked"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let value = |name| asked.get(name).unwrap_or_default().to_owned();
    let filter = Form::filters(asked.path(), reader.say("Xem", "Show"))
        .field(Field::day("from", reader.say("Từ ngày", "From")).value(value("from")))
        .field(Field::day("until", reader.say("đến hết", "until")).value(value("until")));
    let title = format!("{} {}", reader.name(Named::Account, &account.kind), account.owner);
    let facts = vec![
        (
            reader.say("Số dư hiện tại (nợ dương)", "Balance now (debit positive)").to_owned(),
            Cell::amount(account.amount, &account.currency),
        ),
        (reader.say("Chi tiết", "Detail").to_owned(), Cell::code(&*account.detail)),
        (
            reader.say("Số tài khoản trong sổ", "Number in the ledger").to_owned(),
            Cell::code(account.account_id.to_string()),
        ),
    ];
    let page = Page::new(title, Section::Ledger).crumb(reader.say("Sổ cái", "Ledger"), PATH);
    Ok(page
        .with(Block::Facts(Facts { title: None, rows: facts }))
        .with(Block::Form(filter))
        .with(Block::Table(table)))
}

/// `GET /desk/ledger/entries/{id}`.
pub async fn entry(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = entry_page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn entry_page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let scopes = reader.enter(Section::Ledger)?;
    let missing = || Problem::new(ProblemType::NotFound);
    let id = id.parse().map_err(|_| missing())?;
    let mut conn = desk.pool().acquire().await?;
    let entry = store::entry(&mut conn, id).await?.ok_or_else(missing)?;
    let lines = store::lines(&mut conn, &scopes, id).await?;
    if !lines.iter().any(|line| line.seen) {
        return Err(missing());
    }
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let cause = match entry.source.split_once('/') {
        Some(("settlement", id)) => match Uuid::try_parse(id) {
            Ok(id) => invoice_of_settlement(&mut conn, id)
                .await?
                .map(|invoice| format!("/desk/invoices/{invoice}")),
            Err(_) => None,
        },
        Some(("invoice", id)) => Some(format!("/desk/invoices/{id}")),
        Some(("refund", id)) => Some(format!("/desk/refunds/{id}")),
        Some(("break", id)) => Some(format!("/desk/breaks/{id}")),
        _ => None,
    };
    let source = Cell::code(&*entry.source);
    let other = |id: i64| Cell::code(id.to_string()).to(format!("{PATH}/entries/{id}"));
    let mut rows = vec![
        (label("Nghiệp vụ", "Act"), Cell::text(reader.name(Named::Act, &entry.act))),
        (label("Ngày đối soát", "Business day"), Cell::day(entry.business_day)),
        (label("Ngày giá trị", "Value date"), Cell::day(entry.value_date)),
        (
            label("Căn cứ", "Source"),
            match cause {
                Some(path) => source.to(path),
                None => source,
            },
        ),
        (label("Người ghi", "By"), Cell::text(&*entry.actor)),
        (label("Ghi lúc", "Booked"), Cell::time(entry.made_at)),
        (label("Lý do", "Reason"), Cell::text(&*entry.reason)),
    ];
    if let Some(of) = entry.reverses {
        rows.push((label("Đảo bút toán", "Takes back entry"), other(of)));
    }
    if let Some(by) = entry.reversed_by {
        rows.push((label("Đã bị đảo bởi", "Taken back by"), other(by)));
    }
    let columns = vec![
        Column::text("account", reader.say("Tài khoản", "Account")),
        Column::text("owner", reader.say("Của", "Whose")),
        Column::text("detail", reader.say("Chi tiết", "Detail")),
        Column::figure("debit", reader.say("Nợ", "Debit")),
        Column::figure("credit", reader.say("Có", "Credit")),
    ];
    let hidden = lines.iter().filter(|line| !line.seen).count();
    let cells = lines.iter().filter(|line| line.seen).map(|line| {
        let [debit, credit] = sides(line.amount, &entry.currency);
        vec![
            Cell::text(reader.name(Named::Account, &line.kind))
                .to(format!("{PATH}/accounts/{}", line.account_id)),
            Cell::text(&*line.owner),
            Cell::code(&*line.detail),
            debit,
            credit,
        ]
    });
    let table = Table::new("lines", reader.say("Định khoản", "Lines"), columns).rows(cells);
    let mut page = Page::new(format!("{} {id}", reader.say("Bút toán", "Entry")), Section::Ledger)
        .crumb(reader.say("Sổ cái", "Ledger"), PATH)
        .with(Block::Facts(Facts { title: None, rows }))
        .with(Block::Table(table));
    if hidden > 0 {
        page.add(Block::Text(label(
            "Các dòng còn lại thuộc tài khoản ngoài phạm vi của bạn.",
            "The other lines are on accounts outside your scope.",
        )));
    }
    Ok(page)
}
