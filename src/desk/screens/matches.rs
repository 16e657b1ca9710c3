//! Matching (đối soát): what lines of files belong to and why, suggestions confirmed in bulk, lines
//! that are open, taking a match back, and one by hand.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::days::store::first_unclosed;
use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::Reader;
use crate::desk::table::{Cell, Choice, Column, Table, Tone};
use crate::desk::words::Named;
use crate::people::role::Role;
use crate::platform::problem::Problem;
use crate::vocabulary::day::to_local;

const PATH: &str = "/desk/matches";

fn tone(state: &str) -> Tone {
    match state {
        "confirmed" => Tone::Good,
        "suggested" => Tone::Waits,
        _ => Tone::Quiet,
    }
}

/// The day that is looked at, unless told: the oldest that is not signed, which is the one to work on;
/// where no days were opened yet, yesterday.
pub async fn day_of(desk: &Desk, reader: &Reader) -> Result<NaiveDate, Problem> {
    if let Some(day) = reader.asked.day("day") {
        return Ok(day);
    }
    let open = first_unclosed(&mut *desk.pool().acquire().await?).await?;
    let today = to_local(desk.people.clock.now()).date();
    Ok(open.unwrap_or_else(|| today.checked_sub_days(Days::new(1)).unwrap_or(today)))
}

/// `GET /desk/matches`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Matches)?;
    let asked = &reader.asked;
    let day = day_of(desk, reader).await?.to_string();
    let value = |name| asked.get(name).unwrap_or_default();
    let path = link(
        "/v1/matches",
        &[
            ("day", &*day),
            ("partner", value("partner")),
            ("state", value("state")),
            ("rule", value("rule")),
        ],
    );
    let (rooms, pass) = (&desk.rooms, &reader.pass);
    let matches = rooms.list(pass, (&path, "matches"), asked.most("matches")).await?;
    let matches = matches.as_slice();
    let lines = link("/v1/matching/lines", &[("day", &*day), ("partner", value("partner"))]);
    let open = rooms.list(pass, (&lines, "lines"), asked.most("lines")).await?;
    let may = reader.officer.grants.iter().any(|grant| grant.role == Role::Officer);
    let states = std::iter::once((String::new(), reader.say("Tất cả", "All").to_owned())).chain(
        ["suggested", "confirmed", "undone"]
            .map(|state| (state.to_owned(), reader.name(Named::Match, state))),
    );
    let filter = Form::filters(PATH, reader.say("Xem", "Show"))
        .field(Field::day("day", reader.say("Sao kê của ngày", "Statements of")).value(&*day))
        .field(Field::line("partner", reader.say("Đối tác", "Partner")).value(value("partner")))
        .field(Field::one("state", reader.say("Trạng thái", "State"), states).value(value("state")))
        .field(Field::line("rule", reader.say("Quy tắc (R1…)", "Rule (R1…)")).value(value("rule")));
    let mut page = Page::new(reader.say("Đối soát", "Match"), Section::Matches).lead(reader.say(
        "Dòng của tệp và tiền đã ghi; gợi ý chỉ có hiệu lực khi một người xác nhận.",
        "Lines of files and money that was booked; a suggestion counts when a person confirms it.",
    ));
    page.add(Block::Form(filter));
    page.add(Block::Table(table(reader, matches, may)));
    let suggested = matches.iter().any(|found| found["state"] == "suggested");
    if suggested && may {
        page.add(Block::Form(
            Form::post(
                "confirm",
                format!("{PATH}/confirm"),
                reader.say("Xác nhận các gợi ý đã chọn", "Confirm what is chosen"),
            )
            .title(reader.say("Xác nhận gợi ý", "Confirm suggestions"))
            .intro(reader.say(
                "Chọn ở cột đầu của bảng trên.",
                "Choose in the first column of the table above.",
            ))
            .hidden("day", &*day),
        ));
    }
    page.add(Block::Table(open_lines(reader, &open)));
    page.add(Block::Form(
        Form::post("hand", format!("{PATH}/hand"), reader.say("Trình duyệt", "Put it forward"))
            .title(reader.say("Khớp bằng tay", "Match by hand"))
            .intro(reader.say(
                "Tổng phải bằng nhau đến từng đồng; người khác duyệt.",
                "Both sides must be equal to the đồng; another approves.",
            ))
            .hidden("day", &*day)
            .field(Field::digits("line", reader.say("Số dòng", "Line")))
            .field(
                Field::lines(
                    "settlements",
                    reader.say("Mã các khoản đã thu", "Ids of settlements"),
                )
                .hint(reader.say("Mỗi mã một dòng.", "One on each line.")),
            )
            .field(Field::line("reason", reader.say("Lý do", "Reason")))
            .weight(Weight::Side)
            .shut(
                (!may)
                    .then(|| reader.say("Cần quyền cán bộ.", "Needs the role officer.").to_owned()),
            ),
    ));
    page.add(Block::Form(
        Form::post("run", format!("{PATH}/run"), reader.say("Chạy lại đối soát", "Match again"))
            .title(reader.say("Chạy lại khi nguyên nhân đã hết", "Again, once the cause is gone"))
            .hidden("day", &*day)
            .weight(Weight::Side)
            .shut((!may).then(|| {
                reader
                    .say("Cần quyền cán bộ hoặc vận hành.", "Needs the role officer or operator.")
                    .to_owned()
            })),
    ));
    Ok(page)
}

fn table(reader: &Reader, matches: &[Value], may: bool) -> Table {
    let columns = vec![
        Column::text("line", reader.say("Dòng của tệp", "Line of a file")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("own", reader.say("Khớp với", "Belongs to")),
        Column::text("rule", reader.say("Quy tắc", "Rule")),
        Column::text("why", reader.say("Vì sao", "Why")),
        Column::text("state", reader.say("Trạng thái", "State")),
        Column::text("by", reader.say("Bởi", "By")),
    ];
    let rows = matches.iter().map(|found| {
        let sides = json::list(found, "sides");
        let line = sides.iter().find(|side| !side["line"].is_null());
        let invoice = sides.iter().find_map(|side| side["invoice"].as_str());
        let batch = sides.iter().find_map(|side| side["batch"].as_str());
        let others = sides.iter().filter(|side| !side["settlement"].is_null()).count();
        let state = json::text(found, "state");
        let own = match (invoice, batch) {
            (Some(code), _) => Cell::code(code).to(link("/desk/invoices", &[("q", code)])),
            (None, Some(batch)) => Cell::code(batch),
            _ => Cell::nothing(),
        };
        vec![
            line.map_or(Cell::nothing(), |side| {
                json::code(&side["line"]).note(json::text(side, "memo"))
            })
            .to(format!("{PATH}/{}", json::text(found, "id"))),
            line.map_or(Cell::nothing(), |side| json::money(&side["line_amount"])),
            if others > 1 {
                own.note(format!("{others} {}", reader.say("khoản đã thu", "settlements")))
            } else {
                own
            },
            Cell::code(format!("{} v{}", json::text(found, "rule"), found["rule_version"])),
            Cell::text(reader.note(json::text(found, "why"))),
            Cell::tag(tone(state), reader.name(Named::Match, state)),
            Cell::text(match found["confirmed_by"].as_str() {
                Some(by) => by,
                None => json::text(found, "made_by"),
            }),
        ]
    });
    let caption = reader.say("Khớp và gợi ý", "Matches and suggestions");
    let mut table =
        Table::new("matches", caption, columns).rows(rows).or(reader
            .say("Ngày này chưa có dòng nào được khớp.", "No line of this day is matched yet."));
    if may && matches.iter().any(|found| found["state"] == "suggested") {
        let values = matches.iter().map(|found| {
            let id = json::text(found, "id").to_owned();
            let name = format!(
                "{} {}",
                reader.say("Chọn gợi ý", "Choose suggestion"),
                reader.note(json::text(found, "why"))
            );
            (found["state"] == "suggested").then_some((id, name))
        });
        table.chosen = Some(Choice { form: "confirm", field: "id", values: values.collect() });
    }
    table
}

fn open_lines(reader: &Reader, lines: &[Value]) -> Table {
    let columns = vec![
        Column::text("line", reader.say("Số dòng", "Line")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("value_date", reader.say("Ngày giá trị", "Value date")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("standing", reader.say("Tình trạng", "Standing")),
        Column::text("why", reader.say("Vì sao", "Why")),
        Column::text("memo", reader.say("Nội dung", "Message")),
    ];
    let rows = lines.iter().map(|line| {
        let standing = json::text(line, "standing");
        let name = reader.name(Named::Standing, standing);
        let tone = if standing == "open" { Tone::Alarm } else { Tone::Quiet };
        let mark = Cell::tag(
            tone,
            match line["code"].as_str() {
                Some(code) => format!("{name} {code}"),
                None => name,
            },
        );
        vec![
            json::code(&line["line"]),
            json::plain(&line["partner"]).note(json::text(line, "statement")),
            json::day(&line["value_date"]),
            json::money(&line["amount"]),
            match line["break"].as_str() {
                Some(id) => mark.to(format!("/desk/breaks/{id}")),
                None => mark,
            },
            Cell::text(reader.note(json::text(line, "why"))),
            json::plain(&line["memo"]),
        ]
    });
    Table::new("lines", reader.say("Dòng chưa khớp", "Lines that are not matched"), columns)
        .rows(rows)
        .or(reader.say("Mọi dòng đã khớp.", "Every line is matched."))
}

/// `GET /desk/matches/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = detail(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn detail(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    reader.enter(Section::Matches)?;
    let found = desk.rooms.get(&reader.pass, &format!("/v1/matches/{id}")).await?;
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let state = json::text(&found, "state").to_owned();
    let mut facts = vec![
        (
            label("Quy tắc", "Rule"),
            Cell::code(format!("{} v{}", json::text(&found, "rule"), found["rule_version"])),
        ),
        (label("Vì sao", "Why"), Cell::text(reader.note(json::text(&found, "why")))),
        (label("Lớp", "Layer"), json::code(&found["layer"])),
        (label("Đối tác", "Partner"), json::plain(&found["partner"])),
        (label("Tài khoản", "Account"), json::code(&found["account"])),
        (label("Phí", "Fee"), json::money(&found["fee"])),
        (label("Chênh lệch", "Difference"), json::money(&found["difference"])),
        (
            label("Tạo bởi", "Made by"),
            json::plain(&found["made_by"]).note(json::time(&found["made_at"]).shown()),
        ),
        (label("Xác nhận bởi", "Confirmed by"), json::plain(&found["confirmed_by"])),
    ];
    if let Some(by) = found["undone_by"].as_str() {
        let because = json::text(&found, "undone_because");
        facts.push((label("Bỏ khớp bởi", "Undone by"), Cell::text(by).note(because)));
    }
    let columns = vec![
        Column::text("line", reader.say("Dòng", "Line")),
        Column::figure("line_amount", reader.say("Số tiền của dòng", "Amount of the line")),
        Column::text("invoice", reader.say("Khoản thu", "Invoice")),
        Column::text("settlement", reader.say("Khoản đã thu", "Settlement")),
        Column::figure("own_amount", reader.say("Số tiền của ta", "Our amount")),
        Column::text("memo", reader.say("Nội dung", "Message")),
    ];
    let rows = json::list(&found, "sides").iter().map(|side| {
        let code = json::code(&side["invoice"]);
        vec![
            json::code(&side["line"]),
            json::money(&side["line_amount"]),
            match side["invoice"].as_str() {
                Some(text) => code.to(link("/desk/invoices", &[("q", text)])),
                None => code,
            },
            json::code(&side["settlement"]),
            json::money(&side["own_amount"]),
            json::plain(&side["memo"]),
        ]
    });
    let sides = Table::new("sides", reader.say("Hai bên", "Both sides"), columns).rows(rows);
    let mut page = Page::new(reader.say("Một khớp", "A match"), Section::Matches)
        .crumb(reader.say("Đối soát", "Match"), PATH)
        .mark(tone(&state), reader.name(Named::Match, &state))
        .with(Block::Facts(Facts { title: None, rows: facts }))
        .with(Block::Table(sides));
    if state != "undone" {
        page.add(Block::Form(
            Form::post("undo", format!("{PATH}/{id}/undo"), label("Bỏ khớp", "Take it back"))
                .title(label("Bỏ khớp này", "Take this match back"))
                .field(Field::line("reason", label("Lý do", "Reason")))
                .weight(Weight::Grave),
        ));
    }
    Ok(page)
}

/// `POST /desk/matches/{verb}`.
pub async fn act(State(desk): State<Desk>, Path(verb): Path<String>, posted: Posted) -> Response {
    let form = match verb.as_str() {
        "confirm" => "confirm",
        "hand" => "hand",
        _ => "run",
    };
    let day = posted.fields.get("day").unwrap_or_default().to_owned();
    let done = acted(&desk, &posted, (form, &day)).await;
    let path = link(PATH, &[("day", &day)]);
    let back = async |reader: Reader| {
        let page = page(&desk, &reader).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (form, day): (&str, &str)) -> Result<String, Stop> {
    let Posted { reader, fields } = posted;
    let told = match form {
        "confirm" => {
            let ids = fields.all("id");
            if ids.is_empty() {
                let text =
                    reader.say("Hãy chọn ít nhất một gợi ý.", "Choose one suggestion at least.");
                return Err(Stop::Faults(vec![("id".to_owned(), text.to_owned())]));
            }
            let body = json!({ "matches": ids });
            let told = desk.rooms.post(&reader.pass, "/v1/matches/confirm", &body).await?;
            let failed = json::list(&told, "results").iter().filter_map(|r| r["why"].as_str());
            let failed: Vec<&str> = failed.collect();
            if !failed.is_empty() {
                return Err(Stop::Faults(vec![("id".to_owned(), failed.join("; "))]));
            }
            "done"
        }
        "hand" => {
            let mut check = Check::default();
            let line: Option<i64> = fields.parse("line");
            if line.is_none() {
                check.fault("line", reader.say("Hãy nhập số dòng.", "Give the line's number."));
            }
            let ids: Vec<&str> =
                fields.get("settlements").unwrap_or_default().split_whitespace().collect();
            if ids.is_empty() {
                check.fault(
                    "settlements",
                    reader.say("Hãy nêu ít nhất một khoản.", "Name one at least."),
                );
            }
            let reason = check.text(posted, "reason", 1_000);
            check.done()?;
            let body = json!({ "line": line, "settlements": ids, "reason": reason });
            desk.rooms.post(&reader.pass, "/v1/matches", &body).await?;
            "waits"
        }
        _ => {
            desk.rooms.post(&reader.pass, "/v1/matching/run", &json!({})).await?;
            "hastened"
        }
    };
    Ok(link(PATH, &[("day", day), ("told", told)]))
}

/// `POST /desk/matches/{id}/undo`.
pub async fn undo(State(desk): State<Desk>, Path(id): Path<String>, posted: Posted) -> Response {
    let done = undone(&desk, &posted, &id).await;
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = detail(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end("undo", done, (&path, back)).await
}

async fn undone(desk: &Desk, posted: &Posted, id: &str) -> Result<String, Stop> {
    let mut check = Check::default();
    let reason = check.text(posted, "reason", 1_000);
    check.done()?;
    let path = format!("/v1/matches/{id}/undo");
    desk.rooms.post(&posted.reader.pass, &path, &json!({ "reason": reason })).await?;
    Ok(format!("{PATH}/{id}?told=done"))
}
