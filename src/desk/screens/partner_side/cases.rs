//! Breaks that are shared with a partner: what is asked, what was answered, answering with a proof.

use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;

use super::enter;
use crate::breaks::evidence::MOST as MOST_BYTES;
use crate::breaks::http::as_download;
use crate::breaks::shared::answer::Proof;
use crate::breaks::shared::view::SharedBreak;
use crate::breaks::store::reads::breaks_shared;
use crate::breaks::store::said::evidence_read;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{
    Again, Block, Facts, Field, Form, Happened, Page, Sending, Takes, TimeLine,
};
use crate::desk::posted::Stop;
use crate::desk::reader::{Reader, redirect};
use crate::desk::screens::breaks::code_of;
use crate::desk::table::{Cell, Column, Table, Tone};
use crate::desk::upload::{self, Upload};
use crate::desk::{csrf, drawing, json};
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::ids::BreakId;

const PATH: &str = "/desk/partner/breaks";
const MOST: i64 = 500;
const LONGEST: usize = 4_000;

/// How a case looks to its partner: asked and waiting, looked at, or settled.
fn mark(reader: &Reader, open: bool, waits: bool) -> (Tone, &'static str) {
    match (open, waits) {
        (true, true) => (Tone::Waits, reader.say("Chờ bạn trả lời", "Waits for your answer")),
        (true, false) => (Tone::Quiet, reader.say("Đang xem xét", "Is looked at")),
        (false, _) => (Tone::Good, reader.say("Đã xong", "Settled")),
    }
}

/// Who said it: of the partner's own people the name alone.
fn by(said: &Value, code: &str) -> Cell {
    let who = said["by"].as_str().unwrap_or_default();
    let own = who.strip_prefix("partner/").and_then(|who| who.strip_prefix(code));
    Cell::text(own.map(str::trim).filter(|who| !who.is_empty()).unwrap_or(who))
}

/// `GET /desk/partner/breaks`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = queue(&desk, &reader).await;
    reader.answer(page)
}

async fn queue(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerBreaks)?;
    let mut conn = desk.pool().acquire().await?;
    let found = breaks_shared(&mut conn, code, (None, MOST)).await?;
    let columns = vec![
        Column::text("shared_since", reader.say("Chuyển cho bạn lúc", "Shared since")),
        Column::text("code", reader.say("Loại", "Kind")),
        Column::figure("amount", reader.say("Số tiền", "Amount")),
        Column::text("state", reader.say("Trạng thái", "State")),
        Column::text("waits_until", reader.say("Cần trả lời trước", "Answer by")),
    ];
    let rows = found.iter().map(|case| {
        let open = case.state.is_open();
        let (tone, name) = mark(reader, open, case.waits_until.is_some());
        vec![
            Cell::time(case.shared_since),
            Cell::text(code_of(reader, &case.code.to_string())).to(format!("{PATH}/{}", case.id)),
            Cell::amount(case.amount.amount(), case.amount.currency().as_str()),
            Cell::tag(tone, name),
            Cell::time(case.waits_until.filter(|_| open)),
        ]
    });
    let caption = reader.say("Chênh lệch cần bạn tra soát", "Breaks that are shared with you");
    let table = Table::new("breaks", caption, columns)
        .rows(rows)
        .or(reader.say("Không có chênh lệch nào cần bạn trả lời.", "Nothing is asked of you."));
    let page =
        Page::new(reader.say("Tra soát", "Breaks"), Section::PartnerBreaks).lead(reader.say(
            "Chênh lệch mà cơ quan thu đã chuyển cho bạn.",
            "Breaks that the collecting side has shared with you.",
        ));
    Ok(page.with(Block::Table(table)))
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// `GET /desk/partner/breaks/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = page(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerBreaks)?;
    let shared: SharedBreak = desk.answering.read(code, BreakId(id_of(id)?)).await?;
    let told = serde_json::to_value(&shared).map_err(|error| Problem::internal(&error))?;
    let state = json::text(&told, "state").to_owned();
    let (tone, name) = mark(reader, state == "open", !told["waits_until"].is_null());
    let mut page = Page::new(code_of(reader, json::text(&told, "code")), Section::PartnerBreaks)
        .crumb(reader.say("Tra soát", "Breaks"), PATH)
        .mark(tone, name)
        .with(Block::Facts(facts(reader, &told)))
        .with(Block::Line(line(reader, &told, code)))
        .with(Block::Table(proofs(reader, (id, code), json::list(&told, "evidence"))));
    if state == "open" {
        page.add(Block::Form(form(reader, id)));
    }
    Ok(page)
}

fn facts(reader: &Reader, told: &Value) -> Facts {
    let label = |vietnamese, english| reader.say(vietnamese, english).to_owned();
    let rows = vec![
        (label("Số tiền", "Amount"), json::money(&told["amount"])),
        (label("Mã giao dịch của bạn", "Your transaction"), json::code(&told["transaction_id"])),
        (label("Mã khoản thu", "Invoice"), json::code(&told["invoice"])),
        (label("Chuyển cho bạn lúc", "Shared since"), json::time(&told["shared_since"])),
        (label("Cần trả lời trước", "Answer by"), json::time(&told["waits_until"])),
        (label("Xong lúc", "Settled at"), json::time(&told["closed_at"])),
    ];
    Facts { title: None, rows }
}

fn line(reader: &Reader, told: &Value, code: &str) -> TimeLine {
    let steps = json::list(told, "comments").iter().map(|comment| Happened {
        at: json::time(&comment["at"]),
        what: by(comment, code),
        more: vec![json::plain(&comment["text"])],
    });
    TimeLine {
        title: reader.say("Hỏi và trả lời", "Asked and answered").to_owned(),
        steps: steps.collect(),
    }
}

fn proofs(reader: &Reader, (id, code): (&str, &str), files: &[Value]) -> Table {
    let columns = vec![
        Column::text("at", reader.say("Lúc", "When")),
        Column::text("name", reader.say("Tệp", "File")),
        Column::text("by", reader.say("Bởi", "By")),
        Column::figure("size", reader.say("Kích thước (byte)", "Size (bytes)")),
    ];
    let rows = files.iter().map(|file| {
        vec![
            json::time(&file["at"]),
            json::plain(&file["name"])
                .to(format!("{PATH}/{id}/evidence/{}", json::text(file, "id"))),
            by(file, code),
            json::count(&file["size"]),
        ]
    });
    Table::new("evidence", reader.say("Chứng cứ", "Evidence"), columns)
        .rows(rows)
        .or(reader.say("Chưa có tệp nào.", "No files yet."))
}

fn form(reader: &Reader, id: &str) -> Form {
    let mut form =
        Form::post("answer", format!("{PATH}/{id}"), reader.say("Gửi trả lời", "Answer"))
            .title(reader.say("Trả lời", "Your answer"))
            .field(Field::lines("text", reader.say("Nội dung", "Text")))
            .field(
                Field::new(
                    "file",
                    reader.say("Chứng cứ (không bắt buộc)", "Proof (if any)"),
                    Takes::File,
                )
                .hint(reader.say(
                    "PDF, ảnh, XLSX, XML, CSV hoặc văn bản, tối đa 10 MiB.",
                    "PDF, picture, XLSX, XML, CSV or text, 10 MiB at most.",
                )),
            );
    form.sending = Sending::File;
    form
}

/// `POST /desk/partner/breaks/{id}`.
pub async fn answer(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let reader = match Reader::from_request_parts(&mut parts, &desk).await {
        Ok(reader) => reader,
        Err(refused) => return refused,
    };
    let mut typed = Vec::new();
    let done = answered(&desk, &reader, &id, (&parts.headers, body), &mut typed).await;
    let again = match done {
        Ok(()) => return reader.sign(redirect(&format!("{PATH}/{id}?told=done"))),
        Err(Stop::Faults(faults)) => Again {
            form: "answer",
            typed,
            faults,
            status: axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            ..Again::default()
        },
        Err(Stop::Problem(problem)) => {
            let elsewhere = matches!(
                problem.kind(),
                ProblemType::CrossSite | ProblemType::Forbidden | ProblemType::NotFound
            );
            if elsewhere {
                return reader.answer(Err(problem));
            }
            let fault = Some(drawing::told(reader.language, &problem));
            Again { typed, fault, ..Again::of("answer", &problem) }
        }
    };
    let reader = reader.at(&format!("{PATH}/{id}"));
    match page(&desk, &reader, &id).await {
        Ok(mut page) => {
            page.again(again);
            reader.sign(drawing::page(&reader, &page))
        }
        Err(problem) => reader.answer(Err(problem)),
    }
}

async fn answered(
    desk: &Desk,
    reader: &Reader,
    id: &str,
    (headers, body): (&axum::http::HeaderMap, axum::body::Body),
    typed: &mut Vec<(String, String)>,
) -> Result<(), Stop> {
    let code = enter(reader, Section::PartnerBreaks)?;
    let id = BreakId(id_of(id)?);
    let Upload { token, fields, name, content } = upload::open(headers, body).await?;
    if !csrf::fits(&reader.officer.session, &token) {
        return Err(Problem::new(ProblemType::CrossSite).into());
    }
    *typed = fields;
    let fault = |field: &str, text: &str| Stop::Faults(vec![(field.to_owned(), text.to_owned())]);
    let text = typed.iter().find(|(name, _)| name == "text").map(|(_, text)| text.trim());
    let text = text.unwrap_or_default().replace("\r\n", "\n");
    if text.is_empty() {
        return Err(fault("text", reader.say("Hãy điền vào ô này.", "Fill in this field.")));
    }
    if text.chars().count() > LONGEST || text.contains('\0') {
        return Err(fault("text", reader.say("Tối đa 4000 ký tự.", "At most 4000 characters.")));
    }
    let proof = if name.is_empty() {
        None
    } else {
        let bytes = axum::body::to_bytes(content, MOST_BYTES).await.map_err(|_| {
            fault("file", reader.say("Tệp lớn hơn 10 MiB.", "The file is larger than 10 MiB."))
        })?;
        Some(Proof { name, bytes: bytes.to_vec() })
    };
    let who = (code, &*reader.officer.email);
    desk.answering.answer_of_person(who, id, (&text, proof)).await?;
    Ok(())
}

/// `GET /desk/partner/breaks/{id}/evidence/{file}`.
pub async fn evidence_of(
    State(desk): State<Desk>,
    Path((id, file)): Path<(String, String)>,
    reader: Reader,
) -> Response {
    let found = async {
        let code = enter(&reader, Section::PartnerBreaks)?;
        let (id, file) = (BreakId(id_of(&id)?), id_of(&file)?);
        // Only what is shared is there.
        desk.answering.read(code, id).await?;
        let found = evidence_read(&mut *desk.pool().acquire().await?, id, file).await?;
        found.filter(|found| found.shown.shared).ok_or(Problem::new(ProblemType::NotFound))
    };
    match found.await {
        Ok(found) => reader.sign(as_download(found)),
        Err(problem) => reader.answer(Err(problem)),
    }
}
