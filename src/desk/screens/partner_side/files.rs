//! A partner's statements and reports: what came, its verdict, its errors by line, and sending one.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;

use super::enter;
use crate::desk::http::Desk;
use crate::desk::menu::Section;
use crate::desk::page::{Block, Field, Form, Page, Sending, Takes};
use crate::desk::reader::{Reader, redirect};
use crate::desk::screens::files as ours;
use crate::desk::table::{Cell, Column, Table};
use crate::desk::upload::{self, Upload};
use crate::desk::words::Named;
use crate::desk::{csrf, json};
use crate::platform::problem::{Problem, ProblemType};
use crate::statements::http::spool;
use crate::statements::intake::{Arrival, Source};
use crate::statements::listing::{FileDetail, FileView, StatementView};
use crate::statements::store::reads::{self, Filter};

const PATH: &str = "/desk/partner/files";
const MOST: i64 = 500;
const LONGEST_NAME: usize = 200;

/// `GET /desk/partner/files`.
pub async fn list(State(desk): State<Desk>, reader: Reader) -> Response {
    let page = page(&desk, &reader).await;
    reader.answer(page)
}

async fn page(desk: &Desk, reader: &Reader) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerFiles)?;
    let filter = Filter { partner: Some(code), limit: MOST, ..Filter::default() };
    let found = reads::file_list(&mut *desk.pool().acquire().await?, &filter).await?;
    let columns = vec![
        Column::text("received_at", reader.say("Nhận lúc", "Received")),
        Column::text("name", reader.say("Tên tệp", "Name")),
        Column::text("format", reader.say("Định dạng", "Format")),
        Column::figure("entries", reader.say("Số dòng", "Entries")),
        Column::text("state", reader.say("Kết luận", "Verdict")),
        Column::figure("errors", reader.say("Lỗi", "Errors")),
        Column::text("source", reader.say("Đến từ", "Came by")),
    ];
    let rows = found.iter().map(|file| {
        let verdict = file.verdict.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let verdict: Value = verdict.unwrap_or_default();
        vec![
            Cell::time(file.received_at),
            Cell::text(&*file.name).to(format!("{PATH}/{}", file.file_id)),
            Cell::code(&*file.format),
            json::count(&verdict["entries"]),
            ours::state(reader, &file.state),
            json::count(&verdict["errors_found"]),
            Cell::text(reader.name(Named::Source, &file.source)),
        ]
    });
    let table = Table::new("files", reader.say("Tệp đã gửi", "Files that came"), columns)
        .rows(rows)
        .or(reader.say("Chưa có tệp nào.", "No files yet."));
    let mut bring = Form::post("bring", PATH, reader.say("Gửi tệp", "Send it"))
        .title(reader.say("Gửi sao kê hoặc bảng kê", "Send a statement or report"))
        .intro(reader.say(
            "camt.053, camt.054, MT940 hoặc bảng kê CSV đã thống nhất. Gửi lại cùng một tệp không gây hậu quả gì; bản sửa phải mang số sao kê mới.",
            "camt.053, camt.054, MT940 or the CSV report that was agreed on. The same file again has no effect; a corrected one carries a new statement id.",
        ))
        .field(Field::new("file", reader.say("Tệp", "File"), Takes::File));
    bring.sending = Sending::File;
    let page = Page::new(reader.say("Tệp", "Files"), Section::PartnerFiles).lead(reader.say(
        "Sao kê và bảng kê của đơn vị bạn, kể cả tệp do hệ thống của bạn gửi.",
        "Statements and reports of yours, those that your systems sent too.",
    ));
    Ok(page.with(Block::Table(table)).with(Block::Form(bring)))
}

/// `POST /desk/partner/files`.
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
    let code = enter(reader, Section::PartnerFiles)?;
    let Upload { token, name, content, .. } = upload::open(headers, body).await?;
    if !csrf::fits(&reader.officer.session, &token) {
        return Err(Problem::new(ProblemType::CrossSite));
    }
    if name.is_empty() {
        let say = reader.say("hãy chọn một tệp", "choose a file");
        return Err(Problem::new(ProblemType::InvalidRequest).detail(say));
    }
    // A name is only for people: what no name holds is left out.
    let plain = |c: &char| !c.is_control() && !matches!(c, '/' | '\\');
    let name: String = name.chars().filter(plain).take(LONGEST_NAME).collect();
    let spool = spool(&desk.statements, false, content).await?;
    let by = &*reader.officer.email;
    let arrival = Arrival { name: &name, source: Source::Partner, by, partner: Some(code) };
    let taken = desk.intake.take(&spool, arrival).await?;
    let told: Value = serde_json::from_str(&taken.verdict).unwrap_or_default();
    Ok(match json::text(&told, "file") {
        "" => format!("{PATH}?told=received"),
        id => format!("{PATH}/{id}?told=received"),
    })
}

/// A file of this partner's, with its statements. Another's is not there, nor is one in which anything
/// is another's.
async fn own(
    desk: &Desk,
    code: &str,
    id: &str,
) -> Result<(reads::FileRow, Vec<reads::StatementRow>), Problem> {
    let missing = || Problem::new(ProblemType::NotFound);
    let id = Uuid::try_parse(id).map_err(|_| missing())?;
    let mut conn = desk.pool().acquire().await?;
    let found = reads::file_read(&mut conn, id).await?;
    let file = found.filter(|file| file.partner == code).ok_or_else(missing)?;
    let statements = reads::statements_of_file(&mut conn, file.file_id).await?;
    if statements.iter().any(|statement| statement.partner != code) {
        return Err(missing());
    }
    Ok((file, statements))
}

/// `GET /desk/partner/files/{id}`.
pub async fn show(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let page = detail(&desk, &reader, &id).await;
    reader.answer(page)
}

async fn detail(desk: &Desk, reader: &Reader, id: &str) -> Result<Page, Problem> {
    let code = enter(reader, Section::PartnerFiles)?;
    let (file, statements) = own(desk, code, id).await?;
    let view = FileDetail {
        file: FileView::of(&file),
        statements: statements.iter().map(StatementView::of).collect(),
    };
    let told = serde_json::to_value(&view).map_err(|error| Problem::internal(&error))?;
    let page = Page::new(file.name.clone(), Section::PartnerFiles)
        .crumb(reader.say("Tệp", "Files"), PATH)
        .mark(ours::tone(&file.state), reader.name(Named::File, &file.state));
    let links = vec![(
        reader.say("Tải tệp gốc", "Download the file as it came").to_owned(),
        format!("{PATH}/{}/content", file.file_id),
    )];
    Ok(page
        .with(Block::Facts(ours::facts(reader, &told["file"], false)))
        .with(Block::Links(links))
        .with(Block::Table(ours::statements(reader, &told, false)))
        .with(Block::Table(ours::errors(reader, &told["file"]["verdict"]))))
}

/// `GET /desk/partner/files/{id}/content`.
pub async fn content(State(desk): State<Desk>, Path(id): Path<String>, reader: Reader) -> Response {
    let found = async {
        let code = enter(&reader, Section::PartnerFiles)?;
        own(&desk, code, &id).await
    };
    match found.await {
        Ok((file, _)) => {
            let answer = crate::statements::officers::http::download(desk.pool().clone(), &file);
            reader.sign(answer)
        }
        Err(problem) => reader.answer(Err(problem)),
    }
}
