//! Closing a day (ký ngày): the checklist with its evidence, prepared by one, approved by another.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::approvals;
use crate::counter::words::Language;
use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::screens::files;
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::words::Named;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::{Problem, ProblemType};

const PATH: &str = "/desk/days";

/// How a state of a day looks.
pub fn tone(status: &str) -> Tone {
    match status {
        "closed" => Tone::Good,
        "open" => Tone::Quiet,
        "reopened" | "reopen_requested" => Tone::Alarm,
        _ => Tone::Waits,
    }
}

/// `GET /desk/days`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = days(&desk, &reader).await;
    reader.answer(page)
}

async fn days(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Days)?;
    let most = reader.asked.most("days");
    let found = desk.rooms.list(&reader.pass, ("/v1/days", "days"), most).await?;
    let columns = vec![
        Column::text("day", reader.say("Ngày", "Day")),
        Column::text("status", reader.say("Trạng thái", "State")),
        Column::figure("revision", reader.say("Lần ký", "Revision")),
        Column::text("prepared_by", reader.say("Người lập", "Prepared by")),
        Column::text("approved_by", reader.say("Người duyệt", "Approved by")),
        Column::text("status_since", reader.say("Từ lúc", "Since")),
    ];
    let rows = found.iter().map(|day| {
        let status = json::text(day, "status");
        vec![
            json::day(&day["day"]).to(format!("{PATH}/{}", json::text(day, "day"))),
            Cell::tag(tone(status), reader.name(Named::Day, status)),
            json::count(&day["revision"]),
            json::plain(&day["prepared_by"]),
            json::plain(&day["approved_by"]),
            json::time(&day["status_since"]),
        ]
    });
    let table = Table::new("days", reader.say("Các ngày đối soát", "Business days"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let page = Page::new(reader.say("Ký ngày", "Close the day"), Section::Days).lead(reader.say(
        "Một người lập, người khác duyệt. Đóng ngày không dừng việc thu.",
        "One prepares, another approves. Closing does not stop clearing.",
    ));
    Ok(page.with(Block::Table(table)))
}

/// `GET /desk/days/{day}`.
pub async fn show(State(desk): State<Desk>, Path(day): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &day).await;
    reader.answer(page)
}

fn sum(value: &Value) -> Cell {
    json::count(&value["count"]).note(json::money(&value["amount"]).shown())
}

async fn page(desk: &Desk, reader: &Reader, day: &str) -> Result<Page, Problem> {
    reader.enter(Section::Days)?;
    let date: NaiveDate = day.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    let told = desk.rooms.get(&reader.pass, &format!("/v1/days/{date}")).await?;
    let status = json::text(&told["day"], "status").to_owned();
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let mut page = Page::new(
        format!("{} {}", reader.say("Ngày", "Day"), Cell::day(date).shown()),
        Section::Days,
    )
    .crumb(reader.say("Ký ngày", "Close the day"), PATH)
    .mark(tone(&status), reader.name(Named::Day, &status));
    for against in json::list(&told, "against").iter().filter_map(Value::as_str) {
        page.add(Block::Notice(Tone::Waits, stands_against(reader, against)));
    }
    let mut facts = vec![
        (label("Lần ký", "Revision"), json::count(&told["day"]["revision"])),
        (label("Người lập", "Prepared by"), json::plain(&told["day"]["prepared_by"])),
        (label("Người duyệt", "Approved by"), json::plain(&told["day"]["approved_by"])),
        (label("Từ lúc", "Since"), json::time(&told["day"]["status_since"])),
        (
            label("Dòng sao kê", "Lines of statements"),
            Cell::text(json::count(&told["lines"]).shown())
                .to(link("/desk/matches", &[("day", day)]))
                .note(format!(
                    "{} {}",
                    reader.say("chưa đối soát:", "not placed:"),
                    json::count(&told["unplaced"]).shown()
                )),
        ),
    ];
    if let Some(reason) = told["day"]["reopen_reason"].as_str() {
        facts.push((label("Lý do mở lại", "Why it is opened again"), Cell::text(reason)));
    }
    page.add(Block::Facts(Facts { title: None, rows: facts }));
    page.add(Block::Table(needed(reader, &told)));
    page.add(Block::Table(roll_forward(reader, &told["roll_forward"])));
    page.add(Block::Table(open_cases(reader, &told)));
    page.add(Block::Table(banks(reader, &told)));
    page.add(Block::Table(turnover(reader, &told)));
    page.add(Block::Table(holdings(reader, &told)));
    for form in forms(desk, reader, (day, &status), &told).await? {
        page.add(Block::Form(form));
    }
    if status == "closed" || status == "reopen_requested" {
        page.add(Block::Links(vec![
            (
                label("Bản ký (JSON)", "The signed snapshot (JSON)"),
                format!("{PATH}/{day}/snapshot"),
            ),
            (label("Tờ ngày (JSON)", "The day sheet (JSON)"), format!("{PATH}/{day}/sheet")),
            (label("Tờ ngày (PDF)", "The day sheet (PDF)"), format!("{PATH}/{day}/sheet.pdf")),
        ]));
    }
    Ok(page)
}

/// What keeps a day closed, in the reader's language.
fn keeps_closed(reader: &Reader, told: &str) -> String {
    if reader.language != Language::Vi {
        return told.to_owned();
    }
    let month = told.strip_prefix("the month ").and_then(|t| t.strip_suffix(" is locked for good"));
    let next = told
        .strip_prefix("the last closed day is reopened first: ")
        .and_then(|t| t.strip_suffix(" is closed"));
    match (month, next) {
        (Some(month), _) => format!("Tháng {month} đã khoá sổ."),
        (_, Some(day)) => format!("Phải mở lại ngày ký sau cùng trước: {day} đã ký."),
        _ => told.to_owned(),
    }
}

/// What stands against signing a day, in the reader's language. The room says it in English; a
/// sentence that is not known is shown as it is.
fn stands_against(reader: &Reader, told: &str) -> String {
    if reader.language != Language::Vi {
        return told.to_owned();
    }
    let is_in = |rest: &str, how: &str, what: &str| {
        let of = rest.strip_suffix(how)?;
        let of = match (of.strip_prefix("account of "), of.strip_prefix("report of ")) {
            (Some(of), _) => format!("sao kê của {of}"),
            (_, Some(of)) => format!("bảng kê của {of}"),
            _ => of.to_owned(),
        };
        Some(format!("{what} {of}"))
    };
    let said = if let Some(at) = told.strip_prefix("the day ends at ") {
        let at = at.parse::<DateTime<Utc>>().ok();
        at.map(|at| format!("Ngày này kết thúc lúc {}.", Cell::time(at).shown()))
    } else if let Some(rest) = told.strip_prefix("days close in their order: ") {
        rest.strip_suffix(" is not closed")
            .map(|day| format!("Ngày phải ký theo thứ tự: {day} chưa ký."))
    } else if let Some(rest) = told.strip_prefix("the ") {
        is_in(rest, " is not in", "Chưa nhận:")
            .or_else(|| {
                is_in(rest, " is missing, and nobody has its case", "Thiếu, chưa ai nhận xử lý:")
            })
            .or_else(|| is_in(rest, " is quarantined", "Bị giữ lại:"))
            .or_else(|| is_in(rest, " is staged", "Chưa đối soát xong:"))
    } else if let Some(rest) = told.strip_prefix("account ") {
        rest.contains("differ without a reason").then(|| {
            format!("Số dư ngân hàng và sổ cái không bằng nhau, chưa có lý do: tài khoản {rest}")
        })
    } else if let Some(count) = told.strip_suffix(" lines are not placed") {
        Some(format!("{count} dòng chưa khớp."))
    } else {
        told.strip_suffix(" open cases have no owner or no reason")
            .map(|count| format!("{count} chênh lệch chưa có người xử lý hoặc lý do."))
    };
    said.unwrap_or_else(|| told.to_owned())
}

fn needed(reader: &Reader, told: &Value) -> Table {
    let columns = vec![
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("account", reader.say("Tài khoản", "Account")),
        Column::text("kind", reader.say("Loại", "Kind")),
        Column::text("state", reader.say("Tình trạng", "State")),
        Column::figure("lines", reader.say("Số dòng", "Lines")),
        Column::text("case", reader.say("Chênh lệch", "Break")),
    ];
    let rows = json::list(told, "files").iter().map(|file| {
        let kind = match json::text(file, "kind") {
            "report" => reader.say("Bảng kê", "Report"),
            _ => reader.say("Sao kê", "Statement"),
        };
        vec![
            json::plain(&file["partner"]),
            json::code(&file["account"]),
            Cell::text(kind),
            files::state(reader, json::text(file, "state")),
            json::count(&file["lines"]),
            match file["case"].as_str() {
                Some(id) => Cell::code("F01").to(format!("/desk/breaks/{id}")),
                None => Cell::nothing(),
            },
        ]
    });
    Table::new("files", reader.say("Tệp cần có", "Files that the day needs"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

/// *Open before + new − cleared = open now.*
pub fn roll_forward(reader: &Reader, roll: &Value) -> Table {
    let columns = vec![
        Column::figure("before", reader.say("Đầu ngày", "Open before")),
        Column::figure("new", reader.say("+ Phát sinh", "+ new")),
        Column::figure("cleared", reader.say("− Đã xử lý", "− cleared")),
        Column::figure("open", reader.say("= Cuối ngày", "= open now")),
    ];
    let row = ["before", "new", "cleared", "open"].map(|key| sum(&roll[key])).to_vec();
    let caption = reader.say("Chênh lệch chuyển tiếp", "Roll-forward of breaks");
    Table::new("roll", caption, columns).rows([row])
}

fn open_cases(reader: &Reader, told: &Value) -> Table {
    let columns = vec![
        Column::text("code", reader.say("Loại", "Kind")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("agency", reader.say("Cơ quan", "Agency")),
        Column::text("opened_at", reader.say("Từ lúc", "Since")),
        Column::text("owned", reader.say("Có người và lý do", "Owner and reason")),
    ];
    let rows = json::list(told, "cases").iter().map(|case| {
        let code = json::text(case, "code");
        let owned = case["owned"] == true;
        vec![
            Cell::text(format!("{code} {}", reader.name(Named::Break, code)))
                .to(format!("/desk/breaks/{}", json::text(case, "case"))),
            Cell::amount(json::decimal(&case["amount"]), json::text(case, "currency")),
            json::plain(&case["partner"]),
            json::plain(&case["agency"]),
            json::time(&case["opened_at"]),
            if owned {
                Cell::tag(Tone::Good, reader.say("Có", "Yes"))
            } else {
                Cell::tag(Tone::Alarm, reader.say("Chưa", "No"))
            },
        ]
    });
    let caption =
        reader.say("Chênh lệch chưa xử lý cuối ngày", "Breaks open at the end of the day");
    Table::new("cases", caption, columns)
        .rows(rows)
        .or(reader.say("Không còn chênh lệch.", "No breaks are open."))
}

/// The books against the banks.
fn banks(reader: &Reader, told: &Value) -> Table {
    let columns = vec![
        Column::text("account", reader.say("Tài khoản", "Account")),
        Column::text("reference", reader.say("Sao kê", "Statement")),
        Column::figure("closing", reader.say("Số dư ngân hàng", "Bank's closing")),
        Column::figure("ledger", reader.say("Số dư sổ cái", "Ledger")),
        Column::figure("difference", reader.say("Chênh lệch", "Difference")),
        Column::text("reasons", reader.say("Lý do", "Reasons")),
        Column::figure("unexplained", reader.say("Chưa có lý do", "Without a reason")),
    ];
    let rows = json::list(told, "banks").iter().map(|bank| {
        let currency = json::text(bank, "currency");
        let of = |key: &str| Cell::amount(json::decimal(&bank[key]), currency);
        let reasons: Vec<String> = json::list(bank, "reasons")
            .iter()
            .map(|of| {
                let name = reader.name(Named::BankReason, json::text(of, "why"));
                format!("{name}: {}", Cell::amount(json::decimal(&of["amount"]), currency).shown())
            })
            .collect();
        vec![
            json::code(&bank["account"]).note(json::text(bank, "partner")),
            json::code(&bank["reference"]),
            of("closing"),
            of("ledger").to(link(
                "/desk/ledger",
                &[("kind", "bank_account"), ("owner", json::text(bank, "partner"))],
            )),
            of("difference"),
            Cell::text(reasons.join("; ")),
            of("unexplained"),
        ]
    });
    let caption = reader.say("Số dư ngân hàng và sổ cái", "The banks' closings and the ledger");
    Table::new("banks", caption, columns).rows(rows).or(reader.say(
        "Chưa có sao kê nào của ngày này được ghi sổ.",
        "No statement of this day is booked yet.",
    ))
}

fn turnover(reader: &Reader, told: &Value) -> Table {
    let columns = vec![
        Column::text("currency", reader.say("Đồng tiền", "Currency")),
        Column::figure("debit", reader.say("Phát sinh nợ", "Debits")),
        Column::figure("credit", reader.say("Phát sinh có", "Credits")),
    ];
    let rows = json::list(told, "turnover").iter().map(|row| {
        let currency = json::text(row, "currency");
        vec![
            Cell::code(currency)
                .to(link("/desk/ledger", &[("day", json::text(&told["day"], "day"))])),
            Cell::amount(json::decimal(&row["debit"]), currency),
            Cell::amount(json::decimal(&row["credit"]), currency),
        ]
    });
    Table::new("turnover", reader.say("Phát sinh trong ngày", "Booked on the day"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

fn holdings(reader: &Reader, told: &Value) -> Table {
    let columns = vec![
        Column::text("kind", reader.say("Tài khoản", "Account")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::figure("held", reader.say("Số dư", "Held")),
        Column::figure("explained", reader.say("Đã giải thích", "Explained")),
        Column::figure("difference", reader.say("Chênh lệch", "Difference")),
    ];
    let rows = json::list(told, "holdings").iter().map(|row| {
        let currency = json::text(row, "currency");
        let of = |key: &str| Cell::amount(json::decimal(&row[key]), currency);
        vec![
            Cell::text(reader.name(Named::Account, json::text(row, "kind"))),
            json::plain(&row["partner"]),
            of("held").to(link(
                "/desk/ledger",
                &[("kind", json::text(row, "kind")), ("owner", json::text(row, "partner"))],
            )),
            of("explained").to(link("/desk/breaks", &[("partner", json::text(row, "partner"))])),
            of("difference"),
        ]
    });
    let caption = reader.say("Tiền chưa có chủ, hiện tại", "Money that is nobody's yet, now");
    Table::new("holdings", caption, columns).rows(rows).or(NOTHING.to(reader.language))
}

async fn forms(
    desk: &Desk,
    reader: &Reader,
    (day, status): (&str, &str),
    told: &Value,
) -> Result<Vec<Form>, Problem> {
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let officer = reader.officer.may(Role::Officer, EVERYTHING);
    let role = || {
        (!officer).then(|| {
            label("Cần quyền cán bộ trên mọi cơ quan.", "Needs the role officer for all agencies.")
        })
    };
    let mut forms = Vec::new();
    let month = day.get(..7).unwrap_or(day);
    if status == "closed" {
        let locked = json::list(told, "keeps_closed").iter().filter_map(Value::as_str);
        let locked = locked.into_iter().any(|told| told.starts_with("the month "));
        forms.push(
            Form::post(
                "lock-month",
                format!("{PATH}/{day}/lock-month"),
                label("Trình khoá sổ tháng", "Ask to lock the month"),
            )
            .title(format!("{} {month}", reader.say("Khoá sổ tháng", "Lock the month")))
            .intro(label(
                "Khi ngày cuối tháng đã ký. Người khác duyệt; sau đó không ngày nào của tháng được mở lại, mãi mãi.",
                "Once its last day is closed. Another approves; no day of the month is opened again then, ever.",
            ))
            .weight(Weight::Grave)
            .shut(role().or_else(|| {
                locked.then(|| label("Tháng này đã khoá sổ.", "The month is locked already."))
            })),
        );
    }
    if let Some(id) = told["approval"].as_str() {
        forms.push(approvals::form_of(desk, reader, id).await?);
        return Ok(forms);
    }
    match status {
        "closed" => forms.push(
            Form::post(
                "reopen",
                format!("{PATH}/{day}/reopen"),
                label("Trình mở lại", "Ask to reopen it"),
            )
            .title(label("Mở lại ngày này", "Reopen this day"))
            .intro(label(
                "Bản ký cũ được giữ lại; ngày mở lại là một lần ký mới.",
                "The earlier snapshot is kept; the reopened day is a new revision.",
            ))
            .field(Field::line("reason", label("Lý do", "Reason")))
            .weight(Weight::Grave)
            .shut(role().or_else(|| {
                let told = json::list(told, "keeps_closed").first()?.as_str()?;
                Some(keeps_closed(reader, told))
            })),
        ),
        "reopen_requested" | "prepared" => {}
        _ => {
            let stands = json::list(told, "against").len();
            let shut = role().or_else(|| {
                (stands > 0).then(|| {
                    label(
                        "Còn việc phải làm trước, nêu ở đầu trang.",
                        "Something stands against it, told above.",
                    )
                })
            });
            forms.push(
                Form::post(
                    "prepare",
                    format!("{PATH}/{day}/prepare"),
                    label("Lập và trình ký", "Prepare it"),
                )
                .title(label("Lập bản ký ngày", "Prepare the day for signing"))
                .shut(shut),
            );
        }
    }
    Ok(forms)
}

/// `POST /desk/days/{day}/{verb}`.
pub async fn act(
    State(desk): State<Desk>,
    Path((day, verb)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let form = match verb.as_str() {
        "prepare" => "prepare",
        "reopen" => "reopen",
        "lock-month" => "lock-month",
        _ => return posted.reader.answer(Err(Problem::new(ProblemType::NotFound))),
    };
    let done = acted(&desk, &posted, (&day, form)).await;
    let path = format!("{PATH}/{day}");
    let back = async |reader: Reader| {
        let page = page(&desk, &reader, &day).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (day, verb): (&str, &str)) -> Result<String, Stop> {
    let body = if verb == "reopen" {
        let mut check = Check::default();
        let reason = check.text(posted, "reason", 1_000);
        check.done()?;
        json!({ "reason": reason })
    } else {
        json!({})
    };
    let path = format!("/v1/days/{day}/{verb}");
    desk.rooms.post(&posted.reader.pass, &path, &body).await?;
    Ok(format!("{PATH}/{day}?told=waits"))
}

/// `GET /desk/days/{day}/{part}`: what a room tells of a day, as a file.
pub async fn part(
    State(desk): State<Desk>,
    Path((day, part)): Path<(String, String)>,
    reader: Reader,
) -> Response {
    if !matches!(part.as_str(), "snapshot" | "sheet" | "sheet.pdf") {
        return reader.answer(Err(Problem::new(ProblemType::NotFound)));
    }
    super::handed_on(&desk, &reader, &format!("/v1/days/{day}/{part}")).await
}

/// What a day's accounts add up to: expected, reported, banked, difference.
pub fn total(rows: &[Value], key: &str) -> (i64, Decimal) {
    rows.iter().fold((0, Decimal::ZERO), |(count, amount), row| {
        (
            count + row[key]["count"].as_i64().unwrap_or(0),
            amount + json::decimal(&row[key]["amount"]),
        )
    })
}
