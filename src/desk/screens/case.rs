//! One break: what is known of it, its time-line, who has it, and the ways out of it with the entries
//! that they would book.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::http::Method;
use axum::response::Response;
use chrono::NaiveTime;
use serde_json::{Value, json};

use super::breaks::{code_of, tone};
use crate::desk::asked::link;
use crate::desk::http::Desk;
use crate::desk::json;
use crate::desk::menu::Section;
use crate::desk::page::{
    Again, Block, Facts, Field, Form, Happened, Page, Sending, Takes, TimeLine, Weight,
};
use crate::desk::posted::{Check, Posted, Stop};
use crate::desk::reader::{Reader, redirect};
use crate::desk::table::{Cell, Column, Table, Tone};
use crate::desk::upload::{self, Upload};
use crate::desk::words::Named;
use crate::desk::{csrf, drawing};
use crate::people::role::Role;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::day::from_local;

const PATH: &str = "/desk/breaks";
/// What some ways out have to be told besides the reason: the field, the ways, its name.
const NEEDED: &[(&str, &[&str], &str, &str)] = &[
    ("invoice", &["place"], "Mã khoản thu", "Invoice's code"),
    ("agency", &["claim", "transfer"], "Cơ quan", "Agency"),
    ("budget", &["transfer"], "Chương/tiểu mục chuyển từ", "Chapter/sub-item out of"),
    ("to_agency", &["transfer"], "Cơ quan chuyển đến", "Agency into"),
    ("to_budget", &["transfer"], "Chương/tiểu mục chuyển đến", "Chapter/sub-item into"),
    ("account", &["claim", "write_off"], "Tài khoản thu", "Collecting account"),
    ("transaction", &["returned"], "Mã giao dịch của ngân hàng", "The bank's id"),
    ("duplicate_of", &["duplicate", "set_off"], "Mã chênh lệch kia", "Id of the other break"),
];

/// `GET /desk/breaks/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, (&id, None)).await;
    reader.answer(page)
}

fn entries(reader: &Reader, caption: &str, entries: &[Value], linked: bool) -> Table {
    let columns = vec![
        Column::text("entry", reader.say("Bút toán", "Entry")),
        Column::text("act", reader.say("Nghiệp vụ", "Act")),
        Column::text("account", reader.say("Tài khoản", "Account")),
        Column::text("owner", reader.say("Của", "Whose")),
        Column::figure("debit", reader.say("Nợ", "Debit")),
        Column::figure("credit", reader.say("Có", "Credit")),
    ];
    let mut rows = Vec::new();
    for entry in entries {
        for (place, line) in json::list(entry, "lines").iter().enumerate() {
            let first = place == 0;
            let number = json::code(&entry["id"]);
            let id = entry["id"].as_i64().filter(|_| linked && first);
            let debit = json::text(line, "side") == "debit";
            let amount = json::money(&line["amount"]);
            rows.push(vec![
                match id {
                    Some(id) => number.to(format!("/desk/ledger/entries/{id}")),
                    None => Cell::nothing(),
                },
                if first {
                    Cell::text(reader.name(Named::Act, json::text(entry, "act")))
                } else {
                    Cell::nothing()
                },
                Cell::text(reader.name(Named::Account, json::text(line, "account")))
                    .note(json::text(line, "detail")),
                json::plain(&line["owner"]),
                if debit { amount.clone() } else { Cell::nothing() },
                if debit { Cell::nothing() } else { amount },
            ]);
        }
    }
    Table::new(if linked { "entries" } else { "preview" }, caption, columns)
        .rows(rows)
        .or(reader.say("Không có bút toán.", "No entries."))
}

async fn page(
    desk: &Desk,
    reader: &Reader,
    (id, preview): (&str, Option<(&Value, &Value)>),
) -> Result<Page, Problem> {
    reader.enter(Section::Breaks)?;
    let told = desk.rooms.get(&reader.pass, &format!("/v1/breaks/{id}")).await?;
    let case = &told["break"];
    let state = json::text(case, "state").to_owned();
    let mut page = Page::new(code_of(reader, json::text(case, "code")), Section::Breaks)
        .crumb(reader.say("Chênh lệch", "Breaks"), PATH)
        .mark(tone(&state), reader.name(Named::BreakState, &state))
        .with(Block::Facts(facts(reader, &told)));
    if let Some((wish, preview)) = preview {
        for block in previewed(reader, id, (wish, preview)) {
            page.add(block);
        }
    }
    page.add(Block::Line(line(reader, &told)));
    page.add(Block::Table(entries(
        reader,
        reader.say("Bút toán liên quan", "Entries about it"),
        json::list(&told, "entries"),
        true,
    )));
    page.add(Block::Table(evidence(reader, id, json::list(&told, "evidence"))));
    if !matches!(state.as_str(), "resolved" | "auto_closed") {
        for form in forms(reader, (id, case)) {
            page.add(Block::Form(form));
        }
    }
    Ok(page)
}

fn facts(reader: &Reader, told: &Value) -> Facts {
    let case = &told["break"];
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let severity = json::text(case, "severity");
    let loud = matches!(severity, "high" | "critical");
    let mut rows = vec![
        (label("Số tiền", "Amount"), json::money(&case["amount"])),
        (
            label("Mức nghiêm trọng", "Severity"),
            Cell::tag(
                if loud { Tone::Alarm } else { Tone::Waits },
                reader.name(Named::Severity, severity),
            ),
        ),
        (
            label("Tuổi", "Age"),
            Cell::text(reader.name(Named::Age, json::text(case, "age")))
                .note(json::day(&case["ages_from"]).shown()),
        ),
        (label("Từ lúc", "Since"), json::time(&case["opened_at"])),
        (label("Đối tác", "Partner"), json::plain(&case["partner"])),
        (label("Cơ quan", "Agency"), json::plain(&case["agency"])),
        (label("Người xử lý", "Owner"), json::plain(&case["owner"])),
        (
            label("Lý do còn mở", "Why it is open"),
            Cell::text(reader.note(json::text(case, "reason"))),
        ),
        (label("Chi tiết", "Detail"), Cell::text(reader.note(json::text(case, "detail")))),
    ];
    if let Some(held_in) = case["held_in"].as_str() {
        let cell = json::money(&case["held"]).note(reader.name(Named::Account, held_in));
        rows.push((label("Đang giữ", "Holds"), cell));
    }
    if !case["waits_until"].is_null() {
        rows.push((label("Chờ đến", "Waits until"), json::time(&case["waits_until"])));
    }
    if let Some(invoice) = told["invoice"].as_object() {
        let id = invoice["id"].as_str().unwrap_or_default();
        let status = invoice["status"].as_str().unwrap_or_default();
        let cell = json::code(&invoice["code"])
            .to(format!("/desk/invoices/{id}"))
            .note(reader.name(Named::Invoice, status));
        rows.push((label("Khoản thu", "Invoice"), cell));
    }
    if told["line"].is_object() {
        let line = &told["line"];
        let cell = Cell::text(format!("{}, {}", json::text(line, "file"), line["place"]))
            .to(format!("/desk/files/{}", json::text(line, "file_id")))
            .note(json::text(line, "memo"));
        rows.push((label("Dòng của tệp", "Line of a file"), cell));
    }
    Facts { title: None, rows }
}

/// Steps, comments, settlements and attempts in the order in which they came.
fn line(reader: &Reader, told: &Value) -> TimeLine {
    let mut steps: Vec<(String, Happened)> = Vec::new();
    let mut add = |at: &Value, what: String, more: Vec<Cell>| {
        let step = Happened { at: json::time(at), what: Cell::text(what), more };
        steps.push((at.as_str().unwrap_or_default().to_owned(), step));
    };
    for step in json::list(told, "steps") {
        let to = reader.name(Named::BreakState, json::text(step, "to"));
        let why = Cell::text(reader.note(json::text(step, "why")));
        add(&step["at"], to, vec![json::plain(&step["by"]), why]);
    }
    for comment in json::list(told, "comments") {
        let what = if comment["shared"] == true {
            reader.say("Ý kiến, đối tác thấy", "Comment, seen by the partner")
        } else {
            reader.say("Ý kiến", "Comment")
        };
        add(
            &comment["at"],
            what.to_owned(),
            vec![json::plain(&comment["by"]), json::plain(&comment["text"])],
        );
    }
    for money in json::list(told, "settlements") {
        let what = format!(
            "{} {}: {}",
            reader.say("Đối tác báo thu", "The partner told of"),
            json::money(&money["amount"]).shown(),
            reader.name(Named::Outcome, json::text(money, "outcome"))
        );
        add(
            &money["received_at"],
            what,
            vec![json::code(&money["transaction_id"]), json::plain(&money["memo"])],
        );
    }
    for attempt in json::list(told, "attempts") {
        let what = format!(
            "{}: {}",
            reader.say("Giao dịch", "Order"),
            reader.name(Named::Attempt, json::text(attempt, "status"))
        );
        add(&attempt["status_since"], what, vec![json::code(&attempt["reference"])]);
    }
    steps.sort_by(|a, b| a.0.cmp(&b.0));
    TimeLine {
        title: reader.say("Diễn biến", "What happened").to_owned(),
        steps: steps.into_iter().map(|(_, step)| step).collect(),
    }
}

fn evidence(reader: &Reader, id: &str, files: &[Value]) -> Table {
    let columns = vec![
        Column::text("at", reader.say("Lúc", "When")),
        Column::text("name", reader.say("Tệp", "File")),
        Column::text("by", reader.say("Bởi", "By")),
        Column::figure("size", reader.say("Kích thước", "Size")),
        Column::text("sha256", reader.say("SHA-256", "SHA-256")),
    ];
    let rows = files.iter().map(|file| {
        vec![
            json::time(&file["at"]),
            json::plain(&file["name"])
                .to(format!("{PATH}/{id}/evidence/{}", json::text(file, "id"))),
            json::plain(&file["by"]),
            json::count(&file["size"]),
            json::code(&file["sha256"]),
        ]
    });
    Table::new("evidence", reader.say("Chứng cứ", "Evidence"), columns)
        .rows(rows)
        .or(reader.say("Chưa có tệp nào.", "No files yet."))
}

fn forms(reader: &Reader, (id, case): (&str, &Value)) -> Vec<Form> {
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let agency = match json::text(case, "agency") {
        "" => "*",
        agency => agency,
    };
    let may =
        reader.officer.may(Role::Officer, agency) || reader.officer.may(Role::Approver, agency);
    let shut = || {
        (!may).then(|| {
            label("Cần quyền cán bộ của cơ quan này.", "Needs the role officer for this agency.")
        })
    };
    let action = |verb: &str| format!("{PATH}/{id}/{verb}");
    let reason = || Field::line("reason", label("Lý do", "Reason"));
    let ways: Vec<(String, String)> = json::list(case, "ways")
        .iter()
        .filter_map(Value::as_str)
        .filter(|way| !matches!(*way, "wait" | "ask"))
        .map(|way| (way.to_owned(), reader.name(Named::Way, way)))
        .collect();
    let mut forms = vec![
        Form::post("assign", action("assign"), label("Giao", "Assign"))
            .title(label("Giao cho một người", "Give it to somebody"))
            .field(
                Field::line("owner", label("E-mail người xử lý", "Owner's e-mail"))
                    .value(&*reader.officer.email),
            )
            .field(reason())
            .weight(Weight::Side)
            .shut(shut()),
        Form::post("wait", action("wait"), label("Chờ", "Wait"))
            .title(label(
                "Chờ đến một ngày, hoặc hỏi đối tác",
                "Wait until a day, or ask the partner",
            ))
            .field(Field::day("until", label("Chờ đến hết ngày", "Until the end of")))
            .field(Field::line("reason", label("Lý do, hoặc câu hỏi", "Why, or what is asked")))
            .field(Field::new(
                "ask",
                label(
                    "Hỏi đối tác: đối tác thấy trường hợp này",
                    "Ask the partner: it sees this case",
                ),
                Takes::Tick,
            ))
            .weight(Weight::Side)
            .shut(shut()),
        Form::post("comments", action("comments"), label("Ghi ý kiến", "Comment"))
            .title(label("Ý kiến", "Comment"))
            .field(Field::lines("text", label("Nội dung", "Text")))
            .field(Field::new(
                "shared",
                label("Đối tác cũng thấy", "The partner sees it too"),
                Takes::Tick,
            ))
            .weight(Weight::Side)
            .shut(shut()),
    ];
    let mut proof = Form::post("evidence", action("evidence"), label("Tải lên", "Upload"))
        .title(label("Thêm chứng cứ", "Add evidence"))
        .field(Field::new(
            "file",
            label("Tệp PDF, ảnh hoặc văn bản", "A PDF, picture or text"),
            Takes::File,
        ))
        .weight(Weight::Side)
        .shut(shut());
    proof.sending = Sending::File;
    forms.push(proof);
    if !ways.is_empty() {
        // What each way needs to be told; a field that nothing here asks for is not shown.
        let has = |names: &[&str]| ways.iter().any(|(way, _)| names.contains(&way.as_str()));
        let mut form = Form::post(
            "preview",
            action("preview"),
            label("Xem trước bút toán", "Preview the entries"),
        )
        .title(label("Cách xử lý", "Ways out"))
        .intro(label(
            "Chưa ghi gì: bạn xem trước bút toán, rồi trình người khác duyệt.",
            "Nothing is written yet: you see the entries first, then another approves.",
        ))
        .field(Field::one("way", label("Cách", "Way"), ways.iter().cloned()))
        .field(reason())
        .shut(shut());
        for (name, of, vietnamese, english) in NEEDED {
            if has(of) {
                let named: Vec<String> = of
                    .iter()
                    .filter(|way| has(&[*way]))
                    .map(|way| reader.name(Named::Way, way))
                    .collect();
                let hint = format!("{} {}", reader.say("Chỉ khi:", "Only for:"), named.join("; "));
                form = form.field(Field::line(name, label(vietnamese, english)).hint(hint));
            }
        }
        forms.push(form);
    }
    forms
}

/// What a way out would do, and the form that proposes exactly that.
fn previewed(reader: &Reader, id: &str, (wish, preview): (&Value, &Value)) -> Vec<Block> {
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let way = reader.name(Named::Way, json::text(preview, "way"));
    let title = format!("{} {way}", reader.say("Xem trước:", "Preview:"));
    let after = if preview["closes"] == true {
        reader.say("Sau đó chênh lệch này được đóng.", "The break is closed by it.")
    } else {
        reader.say("Sau đó chênh lệch này vẫn còn mở.", "The break stays open after it.")
    };
    let form = Form::post(
        "propose",
        format!("{PATH}/{id}/propose"),
        label("Trình người khác duyệt", "Have another approve it"),
    )
    .intro(after)
    .hidden("wish", wish.to_string())
    .hidden("content_hash", json::text(preview, "content_hash"));
    vec![
        Block::Notice(
            Tone::Waits,
            label(
                "Chưa ghi gì. Đây là điều sẽ xảy ra.",
                "Nothing is written yet. This is what would happen.",
            ),
        ),
        Block::Table(entries(reader, &title, json::list(preview, "entries"), false)),
        Block::Form(form),
    ]
}

/// What is wished, of the fields that were filled in.
fn wish(posted: &Posted) -> Result<Value, Stop> {
    let fields = &posted.fields;
    let mut check = Check::default();
    let way = fields.get("way").unwrap_or_default();
    if way.is_empty() {
        check.fault("way", posted.reader.say("Hãy chọn một cách.", "Choose a way."));
    }
    let reason = check.text(posted, "reason", 500);
    check.done()?;
    let mut wish = json!({ "way": way, "reason": reason });
    let other = if way == "set_off" { "against" } else { "duplicate_of" };
    for (name, member) in [
        ("invoice", "invoice"),
        ("account", "account"),
        ("transaction", "transaction"),
        ("duplicate_of", other),
    ] {
        if let Some(value) = fields.get(name) {
            wish[member] = Value::from(value);
        }
    }
    let purse = |agency: &str, budget: &str| {
        let (agency, budget) = (fields.get(agency)?, fields.get(budget)?);
        Some(json!({ "agency": agency, "budget": budget }))
    };
    if way == "transfer" {
        wish["from"] = purse("agency", "budget").unwrap_or_default();
        wish["to"] = purse("to_agency", "to_budget").unwrap_or_default();
    } else if let Some(agency) = fields.get("agency") {
        wish["agency"] = Value::from(agency);
    }
    Ok(wish)
}

/// `POST /desk/breaks/{id}/{verb}`.
pub async fn act(
    State(desk): State<Desk>,
    Path((id, verb)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let form = match verb.as_str() {
        "assign" => "assign",
        "wait" => "wait",
        "comments" => "comments",
        "preview" => "preview",
        "propose" => "propose",
        _ => return posted.reader.answer(Err(Problem::new(ProblemType::NotFound))),
    };
    if form == "preview" {
        let rehearsed = match wish(&posted) {
            Ok(wish) => {
                let path = format!("/v1/breaks/{id}/preview");
                let told = desk.rooms.post(&posted.reader.pass, &path, &wish).await;
                told.map(|preview| (wish, preview)).map_err(Stop::from)
            }
            Err(stop) => Err(stop),
        };
        let stop = match rehearsed {
            Ok((wish, preview)) => {
                let reader = posted.reader.at(&format!("{PATH}/{id}"));
                let page = page(&desk, &reader, (&id, Some((&wish, &preview)))).await;
                return reader.answer(page);
            }
            Err(stop) => stop,
        };
        return ended(&desk, posted, (&id, form), Err(stop)).await;
    }
    let done = acted(&desk, &posted, (&id, form)).await;
    ended(&desk, posted, (&id, form), done).await
}

async fn ended(
    desk: &Desk,
    posted: Posted,
    (id, form): (&str, &'static str),
    done: Result<String, Stop>,
) -> Response {
    let path = format!("{PATH}/{id}");
    let back = async |reader: Reader| {
        let page = page(desk, &reader, (id, None)).await;
        (reader, page)
    };
    posted.end(form, done, (&path, back)).await
}

async fn acted(desk: &Desk, posted: &Posted, (id, form): (&str, &str)) -> Result<String, Stop> {
    let fields = &posted.fields;
    let mut check = Check::default();
    let ticked = |name: &str| fields.get(name) == Some("yes");
    let (body, told) = match form {
        "assign" => {
            let mut body = json!({ "owner": check.text(posted, "owner", 200) });
            if let Some(reason) = fields.get("reason") {
                body["reason"] = Value::from(reason);
            }
            (body, "done")
        }
        "wait" => {
            let day = check.day(posted, "until");
            let ends = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN);
            let reason = check.text(posted, "reason", 500);
            let until = from_local(ends);
            (json!({ "until": until, "reason": reason, "ask": ticked("ask") }), "done")
        }
        "comments" => {
            let text = check.text(posted, "text", 4_000);
            (json!({ "text": text, "shared": ticked("shared") }), "done")
        }
        _ => {
            let wish = fields.get("wish").and_then(|text| serde_json::from_str::<Value>(text).ok());
            let wish = wish.ok_or(Problem::new(ProblemType::ContentChanged))?;
            (json!({ "wish": wish, "content_hash": fields.get("content_hash") }), "waits")
        }
    };
    check.done()?;
    let path = format!("/v1/breaks/{id}/{form}");
    desk.rooms.post(&posted.reader.pass, &path, &body).await?;
    Ok(format!("{PATH}/{id}?told={told}"))
}

/// `POST /desk/breaks/{id}/evidence`.
pub async fn bring(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let reader = match Reader::from_request_parts(&mut parts, &desk).await {
        Ok(reader) => reader,
        Err(refused) => return refused,
    };
    let done = async {
        let Upload { token, name, content, .. } = upload::open(&parts.headers, body).await?;
        if !csrf::fits(&reader.officer.session, &token) {
            return Err(Problem::new(ProblemType::CrossSite));
        }
        if name.is_empty() {
            let say = reader.say("hãy chọn một tệp", "choose a file");
            return Err(Problem::new(ProblemType::InvalidRequest).detail(say));
        }
        let path = link(&format!("/v1/breaks/{id}/evidence"), &[("name", &name)]);
        desk.rooms.call(&reader.pass, (Method::POST, &path), content).await
    };
    let problem = match done.await {
        Ok(_) => return reader.sign(redirect(&format!("{PATH}/{id}?told=received"))),
        Err(problem) if problem.kind() == ProblemType::CrossSite => {
            return reader.answer(Err(problem));
        }
        Err(problem) => problem,
    };
    let told = drawing::told(reader.language, &problem);
    let reader = reader.at(&format!("{PATH}/{id}"));
    match page(&desk, &reader, (&id, None)).await {
        Ok(mut page) => {
            let mut again = Again::of("evidence", &problem);
            again.faults = vec![("file".to_owned(), told)];
            page.again(again);
            reader.sign(drawing::page(&reader, &page))
        }
        Err(problem) => reader.answer(Err(problem)),
    }
}

/// `GET /desk/breaks/{id}/evidence/{file}`.
pub async fn evidence_of(
    State(desk): State<Desk>,
    Path((id, file)): Path<(String, String)>,
    reader: Reader,
) -> Response {
    let path = format!("/v1/breaks/{id}/evidence/{file}");
    match desk.rooms.call(&reader.pass, (Method::GET, &path), Body::empty()).await {
        Ok(response) => response,
        Err(problem) => reader.answer(Err(problem)),
    }
}
