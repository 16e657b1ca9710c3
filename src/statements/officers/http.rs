//! The doors of officers to files.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::approvals::propose::ProposeError;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::http::{BODY, CallerName, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::platform::settings::StatementsSettings;
use crate::statements::accept::{self, AcceptError};
use crate::statements::http::{name_of, spool, verdict_response};
use crate::statements::intake::{Arrival, Intake, Source};
use crate::statements::listing::{FileDetail, FileList, FileView, StatementView};
use crate::statements::reject::{self, RejectError};
use crate::statements::status::FileState;
use crate::statements::store::{self, reads};
use crate::statements::verdict::Verdict;

const MOST: i64 = 500;
const USUAL: i64 = 100;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct FileDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// Taking files in.
    pub intake: Intake,
    /// Limits.
    pub settings: std::sync::Arc<StatementsSettings>,
}

impl FromRef<FileDoors> for PeopleDoor {
    fn from_ref(doors: &FileDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<FileDoors> {
    OpenApiRouter::new()
        .routes(routes!(list, bring))
        .routes(routes!(read))
        .routes(routes!(content))
        .routes(routes!(reject_one))
        .routes(routes!(accept_one))
}

/// Which files.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FilesQuery {
    /// `received`, `staged`, `quarantined`, `rejected`, `booked`, `noted` or `superseded`.
    state: Option<String>,
    /// Of this partner.
    partner: Option<String>,
    /// With a statement of this day, `2026-11-20`.
    day: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// How a file is brought.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BringQuery {
    /// The file's name.
    #[expect(dead_code, reason = "read with the signed door's")]
    name: Option<String>,
    /// Only of this partner's accounts, where several have the same.
    partner: Option<String>,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReasonRequest {
    /// For those who look later, 1 to 500 characters.
    reason: String,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct AcceptProposed {
    /// What is to be done.
    #[schema(example = "statement.accept")]
    kind: &'static str,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

fn parse(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// Whoever sees everybody's money may look: files name those who paid.
fn looks(officer: &Officer) -> Result<(), Problem> {
    officer.require_one_of(Role::MONEY, EVERYTHING)
}

async fn read_request<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

async fn reason_of(request: Request) -> Result<String, Problem> {
    let given: ReasonRequest = read_request(request).await?;
    let reason = given.reason.trim();
    let length = reason.chars().count();
    if length == 0 || length > 500 || reason.chars().any(char::is_control) {
        let detail = "must have 1 to 500 characters";
        return Err(Problem::invalid(vec![FieldError::new("/reason", detail)]));
    }
    Ok(reason.to_owned())
}

/// Files, newest first.
#[utoipa::path(get, path = "/v1/files", tag = "statements", params(FilesQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = FileList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<FileDoors>,
    officer: Officer,
    given: Result<Query<FilesQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    looks(&officer)?;
    let given = query(given)?;
    let mut errors = Vec::new();
    let state = given.state.as_deref().map(str::parse::<FileState>);
    if matches!(state, Some(Err(_))) {
        let states: Vec<&str> = FileState::ALL.iter().map(|s| s.as_str()).collect();
        errors.push(FieldError::new("state", format!("must be one of {}", states.join(", "))));
    }
    let day = given.day.as_deref().map(str::parse::<chrono::NaiveDate>);
    if matches!(day, Some(Err(_))) {
        errors.push(FieldError::new("day", "must be a day such as 2026-11-20"));
    }
    let before = given.cursor.as_deref().map(Uuid::try_parse);
    if matches!(before, Some(Err(_))) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    if given.partner.as_deref().is_some_and(|p| p.contains('\0')) {
        errors.push(FieldError::new("partner", "must be the code of a partner"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let filter = reads::Filter {
        state: state.and_then(Result::ok).map(FileState::as_str),
        partner: given.partner.as_deref(),
        day: day.and_then(Result::ok),
        before: before.and_then(Result::ok),
        limit: limit + 1,
    };
    let mut conn = doors.people.pool.acquire().await?;
    let mut found = reads::file_list(&mut conn, &filter).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let files = found.iter().map(FileView::of).collect();
    let mut response = told(&officer.email, StatusCode::OK, &FileList { files });
    if let (true, Some(last)) = (more, found.last()) {
        let cursor = last.file_id.to_string();
        link_next(&mut response, request.uri(), &doors.people.public_url, &cursor);
    }
    Ok(response)
}

/// Brings a file: the body is the file itself, its name in the query.
///
/// Whatever its verdict, the file is kept, so that nothing that came is lost; the same bytes again
/// have no effect and get the first answer.
#[utoipa::path(post, path = "/v1/files", tag = "statements", params(BringQuery),
    request_body(content_type = "application/octet-stream", content = Vec<u8>, description = "the file"),
    security(("session" = [])),
    responses(
        (status = 200, description = "it was there; the first answer, strongly consistent", body = Verdict),
        (status = 201, description = "kept, with its verdict; strongly consistent", body = Verdict),
        (status = "4XX", description = "Refused; nothing was kept", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn bring(
    State(doors): State<FileDoors>,
    officer: Officer,
    given: Result<Query<BringQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    officer.require(Role::Officer, EVERYTHING)?;
    let given = query(given)?;
    let name = name_of(request.uri().query().unwrap_or(""))?;
    let spool = spool(&doors.settings, false, request.into_body()).await?;
    let arrival = Arrival {
        name: &name,
        source: Source::Desk,
        by: &officer.email,
        partner: given.partner.as_deref().filter(|p| !p.is_empty()),
    };
    let taken = doors.intake.take(&spool, arrival).await?;
    let status = if taken.new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = verdict_response(status, taken.verdict);
    response.extensions_mut().insert(CallerName(officer.email));
    Ok(response)
}

/// A file with its statements.
#[utoipa::path(get, path = "/v1/files/{id}", tag = "statements", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the file")),
    responses(
        (status = 200, description = "as it stands; strongly consistent", body = FileDetail),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read(
    State(doors): State<FileDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    looks(&officer)?;
    let mut conn = doors.people.pool.acquire().await?;
    let not_found = || Problem::new(ProblemType::NotFound);
    let file = reads::file_read(&mut conn, parse(&id)?).await?.ok_or_else(not_found)?;
    let statements = reads::statements_of_file(&mut conn, file.file_id).await?;
    let view = FileDetail {
        file: FileView::of(&file),
        statements: statements.iter().map(StatementView::of).collect(),
    };
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// The bytes of a file, as they came.
#[utoipa::path(get, path = "/v1/files/{id}/content", tag = "statements", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the file")),
    responses(
        (status = 200, description = "the bytes; strongly consistent", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn content(
    State(doors): State<FileDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    looks(&officer)?;
    let pool = doors.people.pool.clone();
    let mut conn = pool.acquire().await?;
    let not_found = || Problem::new(ProblemType::NotFound);
    let file = reads::file_read(&mut conn, parse(&id)?).await?.ok_or_else(not_found)?;
    drop(conn);
    let mut response = download(pool, &file);
    response.extensions_mut().insert(CallerName(officer.email));
    Ok(response)
}

/// A file as it came, to be kept and not shown.
pub fn download(pool: PgPool, file: &reads::FileRow) -> Response {
    let mut response = Body::from_stream(pieces(pool, file.file_id)).into_response();
    let headers = response.headers_mut();
    // Never shown by a browser, whatever it holds.
    let plain = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.size));
    let name: String = url::form_urlencoded::byte_serialize(file.name.as_bytes()).collect();
    let attachment = format!("attachment; filename*=UTF-8''{}", name.replace('+', "%20"));
    if let Ok(value) = HeaderValue::from_str(&attachment) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The pieces of a file, one after another.
fn pieces(
    pool: PgPool,
    file: Uuid,
) -> impl futures_util::Stream<Item = Result<Vec<u8>, sqlx::Error>> {
    futures_util::stream::try_unfold((pool, 0), move |(pool, place)| async move {
        let mut conn = pool.acquire().await?;
        let piece = store::piece_read(&mut conn, file, place).await?;
        drop(conn);
        Ok(piece.map(|piece| (piece, (pool, place + 1))))
    })
}

/// Rejects a file that is quarantined. Nothing of it was booked.
#[utoipa::path(post, path = "/v1/files/{id}/reject", tag = "statements", request_body = ReasonRequest,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the file")),
    responses(
        (status = 204, description = "rejected; strongly consistent"),
        (status = 409, description = "it is not quarantined", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn reject_one(
    State(doors): State<FileDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    officer.require(Role::Officer, EVERYTHING)?;
    let (file, reason) = (parse(&id)?, reason_of(request).await?);
    let by = (officer.email.as_str(), doors.people.clock.now());
    reject::reject(&doors.people.pool, by, file, &reason).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Proposes to take a file that is quarantined: balances that do not add up, or another issue of a
/// statement, which then stands in for the earlier one.
#[utoipa::path(post, path = "/v1/files/{id}/accept", tag = "statements", request_body = ReasonRequest,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the file")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = AcceptProposed),
        (status = 409, description = "it is not quarantined, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn accept_one(
    State(doors): State<FileDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    officer.require(Role::Officer, EVERYTHING)?;
    let (file, reason) = (parse(&id)?, reason_of(request).await?);
    let by = (officer.email.as_str(), doors.people.clock.now());
    let approval = accept::propose(&doors.people.pool, by, file, &reason).await?;
    let view = AcceptProposed { kind: "statement.accept", approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

impl From<RejectError> for Problem {
    fn from(error: RejectError) -> Self {
        match error {
            RejectError::NotFound => Self::new(ProblemType::NotFound),
            RejectError::WrongState(_) => {
                Self::new(ProblemType::WrongState).detail(error.to_string())
            }
            RejectError::Store(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::NotFound => Self::new(ProblemType::NotFound),
            AcceptError::Propose(ProposeError::Store(error)) | AcceptError::Store(error) => {
                error.into()
            }
            AcceptError::WrongState(_) | AcceptError::Propose(_) => {
                Self::new(ProblemType::WrongState).detail(error.to_string())
            }
        }
    }
}
