//! Files (tệp): what banks and partners sent, its verdict, errors by line, and bringing one.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};

use crate::desk::asked::link;
use crate::desk::csrf;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Facts, Field, Form, Page, Sending, Takes, Weight};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::{Reader, redirect};
use crate::desk::table::{Cell, Column, NOTHING, Table, Tone};
use crate::desk::upload::{self, Upload};
use crate::desk::words::Named;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::problem::{Problem, ProblemType};

const PATH: &str = "/desk/files";

/// How a state of a file looks.
pub fn tone(state: &str) -> Tone {
    match state {
        "booked" | "noted" => Tone::Good,
        "quarantined" | "rejected" => Tone::Alarm,
        "superseded" => Tone::Quiet,
        _ => Tone::Waits,
    }
}

/// A state of a file or statement, as a mark.
pub fn state(reader: &Reader, state: &str) -> Cell {
    if state == "missing" {
        return Cell::tag(Tone::Alarm, reader.say("Thiếu", "Missing"));
    }
    Cell::tag(tone(state), reader.name(Named::File, state))
}

/// `GET /desk/files`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    reader.enter(Section::Files)?;
    let asked = &reader.asked;
    let value = |name| asked.get(name).unwrap_or_default();
    let path = link(
        "/v1/files",
        &[("state", value("state")), ("partner", value("partner")), ("day", value("day"))],
    );
    let found = desk.rooms.list(&reader.pass, (&path, "files"), asked.most("files")).await?;
    let columns = vec![
        Column::text("received_at", reader.say("Nhận lúc", "Received")),
        Column::text("name", reader.say("Tên tệp", "Name")),
        Column::text("partner", reader.say("Đối tác", "Partner")),
        Column::text("format", reader.say("Định dạng", "Format")),
        Column::figure("entries", reader.say("Số dòng", "Entries")),
        Column::text("state", reader.say("Kết luận", "Verdict")),
        Column::figure("errors", reader.say("Lỗi", "Errors")),
        Column::text("source", reader.say("Đến từ", "Came by")),
    ];
    let rows = found.iter().map(|file| {
        vec![
            json::time(&file["received_at"]),
            json::plain(&file["name"]).to(format!("{PATH}/{}", json::text(file, "id"))),
            json::plain(&file["partner"]),
            json::code(&file["format"]),
            json::count(&file["verdict"]["entries"]),
            state(reader, json::text(file, "state")),
            json::count(&file["verdict"]["errors_found"]),
            Cell::text(reader.name(Named::Source, json::text(file, "source")))
                .note(json::text(file, "received_by")),
        ]
    });
    let table = Table::new("files", reader.say("Tệp đã nhận", "Files received"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language));
    let states = std::iter::once((String::new(), reader.say("Tất cả", "All").to_owned())).chain(
        ["staged", "booked", "quarantined", "rejected", "noted", "superseded"]
            .map(|state| (state.to_owned(), reader.name(Named::File, state))),
    );
    let filter = Form::filters(PATH, reader.say("Lọc", "Filter"))
        .field(Field::one("state", reader.say("Kết luận", "Verdict"), states).value(value("state")))
        .field(Field::line("partner", reader.say("Đối tác", "Partner")).value(value("partner")))
        .field(Field::day("day", reader.say("Của ngày", "Of the day")).value(value("day")));
    let may = reader.officer.may(Role::Officer, EVERYTHING);
    let mut bring = Form::post("bring", PATH, reader.say("Tải lên", "Upload"))
        .title(reader.say("Tải tệp lên", "Bring a file"))
        .intro(reader.say(
            "camt.053, camt.054, MT940 hoặc bảng kê CSV của đối tác. Cùng một tệp gửi lại không gây hậu quả gì.",
            "camt.053, camt.054, MT940 or a partner's CSV report. The same file again has no effect.",
        ))
        .field(
            Field::one(
                "partner",
                reader.say("Của đối tác", "Of the partner"),
                std::iter::once((String::new(), reader.say("Theo tệp", "As the file says").to_owned()))
                    .chain(desk.registers().partners().iter().map(|partner| {
                        (partner.code.clone(), format!("{} ({})", partner.name, partner.code))
                    })),
            )
            .hint(reader.say(
                "Chọn khi tệp không tự nói là của ai: cùng số tài khoản, cùng các cột.",
                "Choose when the file does not say whose it is: the same number, the same columns.",
            )),
        )
        .field(Field::new("file", reader.say("Tệp", "File"), Takes::File))
        .weight(Weight::Side)
        .shut((!may).then(|| {
            reader
                .say("Cần quyền cán bộ trên mọi cơ quan.", "Needs the role officer for all agencies.")
                .to_owned()
        }));
    bring.sending = Sending::File;
    let page = Page::new(reader.say("Tệp", "Files"), Section::Files).lead(reader.say(
        "Sao kê ngân hàng và bảng kê của đối tác, giữ nguyên như khi nhận.",
        "Statements of banks and reports of partners, kept as they came.",
    ));
    Ok(page.with(Block::Form(filter)).with(Block::Table(table)).with(Block::Form(bring)))
}

/// `POST /desk/files`.
pub async fn bring(State(desk): State<Desk>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let reader = match Reader::from_request_parts(&mut parts, &desk).await {
        Ok(reader) => reader,
        Err(refused) => return refused,
    };
    match brought(&desk, &reader, (&parts.headers, body)).await {
        Ok(next) => reader.sign(redirect(&next)),
        Err(problem) if problem.kind() == ProblemType::CrossSite => reader.answer(Err(problem)),
        Err(problem) => {
            let reader = reader.at(PATH);
            upload::refused(&reader, page(&desk, &reader).await, &problem)
        }
    }
}

async fn brought(
    desk: &Desk,
    reader: &Reader,
    (headers, body): (&axum::http::HeaderMap, Body),
) -> Result<String, Problem> {
    let Upload { token, name, content, fields } = upload::open(headers, body).await?;
    if !csrf::fits(&reader.officer.session, &token) {
        return Err(Problem::new(ProblemType::CrossSite));
    }
    if name.is_empty() {
        let say = reader.say("hãy chọn một tệp", "choose a file");
        return Err(Problem::new(ProblemType::InvalidRequest).detail(say));
    }
    let partner = fields.iter().find(|(field, _)| field == "partner");
    let partner = partner.map_or("", |(_, code)| code.trim());
    let path = link("/v1/files", &[("name", &name), ("partner", partner)]);
    let response = desk.rooms.call(&reader.pass, (Method::POST, &path), content).await?;
    let told = crate::desk::rooms::read(response).await?;
    let id = json::text(&told, "file");
    Ok(if id.is_empty() {
        format!("{PATH}?told=received")
    } else {
        format!("{PATH}/{id}?told=received")
    })
}

/// `GET /desk/files/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = detail(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn detail(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    reader.enter(Section::Files)?;
    let told = desk.rooms.get(&reader.pass, &format!("/v1/files/{id}")).await?;
    let file = &told["file"];
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let standing = json::text(file, "state");
    let mut page = Page::new(json::text(file, "name"), Section::Files)
        .crumb(reader.say("Tệp", "Files"), PATH)
        .mark(tone(standing), reader.name(Named::File, standing))
        .with(Block::Facts(facts(reader, file, true)))
        .with(Block::Links(vec![(
            label("Tải tệp gốc", "Download the file as it came"),
            format!("{PATH}/{id}/content"),
        )]))
        .with(Block::Table(statements(reader, &told, true)))
        .with(Block::Table(errors(reader, &file["verdict"])));
    if standing == "quarantined" {
        let may = reader.officer.may(Role::Officer, EVERYTHING);
        let shut = || {
            (!may).then(|| {
                label(
                    "Cần quyền cán bộ trên mọi cơ quan.",
                    "Needs the role officer for all agencies.",
                )
            })
        };
        let reason = || Field::line("reason", reader.say("Lý do", "Reason"));
        page.add(Block::Form(
            Form::post(
                "accept",
                format!("{PATH}/{id}/accept"),
                label("Trình duyệt", "Put it forward"),
            )
            .title(label("Vẫn dùng tệp này", "Take this file all the same"))
            .intro(label("Người khác phải duyệt.", "Another person has to approve it."))
            .field(reason())
            .shut(shut()),
        ));
        page.add(Block::Form(
            Form::post("reject", format!("{PATH}/{id}/reject"), label("Từ chối tệp", "Reject it"))
                .title(label("Từ chối tệp này", "Reject this file"))
                .field(reason())
                .weight(Weight::Grave)
                .shut(shut()),
        ));
    }
    Ok(page)
}

/// What a file is. Who of our people brought it is not its partner's to know.
pub fn facts(reader: &Reader, file: &Value, ours: bool) -> Facts {
    let verdict = &file["verdict"];
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let source = Cell::text(reader.name(Named::Source, json::text(file, "source")));
    let shows = ours || matches!(json::text(file, "source"), "api" | "partner");
    let mut rows = vec![
        (label("Định dạng", "Format"), json::code(&file["format"])),
        (label("Kích thước (byte)", "Size (bytes)"), json::count(&file["size"])),
        (label("SHA-256", "SHA-256"), json::code(&file["sha256"])),
        (
            label("Đến từ", "Came by"),
            if shows { source.note(json::text(file, "received_by")) } else { source },
        ),
        (label("Nhận lúc", "Received"), json::time(&file["received_at"])),
        (label("Trạng thái từ", "In this state since"), json::time(&file["state_since"])),
        (label("Số dòng, số giao dịch", "Entries, payments"), {
            let figure = |key: &str| json::count(&verdict[key]).shown();
            Cell::text(format!("{}, {}", figure("entries"), figure("transactions")))
        }),
    ];
    if ours {
        rows.insert(0, (label("Đối tác", "Partner"), json::plain(&file["partner"])));
    }
    Facts { title: None, rows }
}

/// The statements of a file; those of ours lead to their lines.
pub fn statements(reader: &Reader, told: &Value, ours: bool) -> Table {
    let columns = vec![
        Column::text("id", reader.say("Số sao kê", "Statement")),
        Column::text("account", reader.say("Tài khoản", "Account")),
        Column::text("day", reader.say("Ngày", "Day")),
        Column::figure("opening", reader.say("Dư đầu", "Opening")),
        Column::figure("sum", reader.say("Phát sinh", "Sum")),
        Column::figure("closing", reader.say("Dư cuối", "Closing")),
        Column::figure("lines", reader.say("Số dòng", "Lines")),
        Column::text("state", reader.say("Trạng thái", "State")),
    ];
    let rows = json::list(told, "statements").iter().map(|row| {
        let currency = json::text(row, "currency");
        let sum = |key: &str| match &row[key] {
            Value::Null => Cell::nothing(),
            value => Cell::amount(json::decimal(value), currency),
        };
        let day = json::text(row, "day");
        vec![
            json::code(&row["id"]),
            json::code(&row["account"]),
            if ours {
                json::day(&row["day"]).to(link("/desk/matches", &[("day", day)]))
            } else {
                json::day(&row["day"])
            },
            sum("opening"),
            sum("sum"),
            sum("closing"),
            json::count(&row["lines"]),
            state(reader, json::text(row, "state")),
        ]
    });
    Table::new("statements", reader.say("Sao kê, bảng kê", "Statements"), columns)
        .rows(rows)
        .or(NOTHING.to(reader.language))
}

/// What was found wrong in a file, by line.
pub fn errors(reader: &Reader, verdict: &Value) -> Table {
    let columns = vec![
        Column::figure("line", reader.say("Dòng", "Line")),
        Column::text("code", reader.say("Mã lỗi", "Code")),
        Column::text("severity", reader.say("Mức", "Severity")),
        Column::text("detail", reader.say("Lỗi", "What is wrong")),
        Column::text("way_out", reader.say("Cách sửa", "What to do")),
    ];
    let rows = json::list(verdict, "errors").iter().map(|error| {
        vec![
            json::count(&error["line"]),
            json::code(&error["code"]).note(json::text(error, "case")),
            json::plain(&error["severity"]),
            json::plain(&error["detail"]).note(json::text(error, "place")),
            json::plain(&error["way_out"]),
        ]
    });
    Table::new("errors", reader.say("Lỗi theo dòng", "Errors by line"), columns)
        .rows(rows)
        .or(reader.say("Không có lỗi.", "No errors."))
}

/// `GET /desk/files/{id}/content`.
pub async fn content(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let path = format!("/v1/files/{id}/content");
    match desk.rooms.call(&reader.pass, (Method::GET, &path), Body::empty()).await {
        Ok(response) => response,
        Err(problem) => reader.answer(Err(problem)),
    }
}

/// `POST /desk/files/{id}/{verb}`.
pub async fn act(
    State(desk): State<Desk>,
    Path((id, verb)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let form = match verb.as_str() {
        "accept" => "accept",
        "reject" => "reject",
        _ => return posted.reader.answer(Err(Problem::new(ProblemType::NotFound))),
    };
    let done = acted(&desk, &posted, (&id, form)).await;
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = detail(&desk, &reader, &id).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (id, verb): (&str, &str)) -> Result<String, Stop> {
    let mut check = Check::default();
    let reason = check.text(posted, "reason", 500);
    check.done()?;
    let path = format!("/v1/files/{id}/{verb}");
    desk.rooms.post(&posted.reader.pass, &path, &json!({ "reason": reason })).await?;
    let told = if verb == "accept" { "waits" } else { "rejected" };
    Ok(format!("{PATH}/{id}?told={told}"))
}
