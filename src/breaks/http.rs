//! The doors of officers to cases: look, give to somebody, wait, ask the partner, say, show. What
//! books or closes stands with the resolutions.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::ageing::{Bucket, Severity};
use super::care::{Caring, seen_in};
use super::evidence::{self, Evidence};
use super::store::reads::{Wanted, breaks_list};
use super::view::{BreakFile, BreakList, BreakView, CommentView, EvidenceView, file_of, path_of};
use super::{BreakCode, BreakState};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::day;
use crate::vocabulary::ids::BreakId;

const MOST: i64 = 500;
const USUAL: i64 = 100;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct BreakDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The use cases.
    pub caring: Caring,
}

impl FromRef<BreakDoors> for PeopleDoor {
    fn from_ref(doors: &BreakDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<BreakDoors> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read_one))
        .routes(routes!(assign))
        .routes(routes!(wait))
        .routes(routes!(comment))
        .routes(routes!(show))
        .routes(routes!(download))
}

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BreaksQuery {
    /// `open`, `assigned`, `waiting`, `resolved`, `auto_closed`, or `all`; those three that are open
    /// when it is not given.
    state: Option<String>,
    /// `F01` to `F05`, `B01` to `B18`.
    code: Option<String>,
    /// The partner's code.
    partner: Option<String>,
    /// Of this agency and those below it.
    agency: Option<String>,
    /// The address of who has them; `none`: that nobody has.
    owner: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    severity: Option<String>,
    /// `today`, `t1`, `t2_3`, `t4_7`, `8_30` or `over_30`.
    age: Option<String>,
    /// Opened on this day in Việt Nam, `2026-11-22`.
    day: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// Who has it from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssignRequest {
    /// The address of an officer or approver of the agency.
    owner: String,
    /// Why it is still open, 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// It waits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WaitRequest {
    /// Until when, within 90 days.
    until: DateTime<Utc>,
    /// Why, or what the partner is asked: 1 to 500 characters.
    reason: String,
    /// Asks the partner: it sees the case and the reason, and can answer.
    #[serde(default)]
    ask: bool,
}

/// What is said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommentRequest {
    /// 1 to 4,000 characters.
    text: String,
    /// The partner sees it, once the case is shared with it.
    #[serde(default)]
    shared: bool,
}

/// Of a file that is handed in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EvidenceQuery {
    /// Its name.
    name: String,
    /// `true`: the partner sees it, once the case is shared with it.
    shared: Option<bool>,
}

pub(super) fn parse(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

/// Is it what people write? Lines are ended, nothing else is controlled.
pub(super) fn is_said(text: &str, most: usize) -> bool {
    let plain = |c: char| !c.is_control() || c == '\n';
    (1..=most).contains(&text.chars().count()) && !text.trim().is_empty() && text.chars().all(plain)
}

pub(super) fn said(pointer: &str, text: &str, most: usize) -> Result<(), Problem> {
    if is_said(text, most) {
        return Ok(());
    }
    let detail = format!("must have 1 to {most} characters, none of them control characters");
    Err(Problem::invalid(vec![FieldError::new(pointer, detail)]))
}

/// The states that a word stands for.
fn states(word: Option<&str>) -> Option<Vec<BreakState>> {
    match word {
        None => Some(BreakState::ALL.iter().copied().filter(|state| state.is_open()).collect()),
        Some("all") => Some(BreakState::ALL.to_vec()),
        Some(one) => one.parse().ok().map(|state| vec![state]),
    }
}

fn cursor(text: &str) -> Option<(i32, BreakId)> {
    let (points, id) = text.split_once('.')?;
    Some((points.parse().ok()?, BreakId(Uuid::try_parse(id).ok()?)))
}

fn instants(of: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let start = day::from_local(of.and_time(NaiveTime::MIN));
    (start, start + Duration::days(1))
}

/// The cases of the agencies in the scope of who is signed in, those that matter most first.
#[utoipa::path(get, path = "/v1/breaks", tag = "breaks", params(BreaksQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = BreakList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<BreakDoors>,
    officer: Officer,
    given: Result<Query<BreaksQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let mut errors = Vec::new();
    let states = states(given.state.as_deref());
    if states.is_none() {
        let words = "must be open, assigned, waiting, resolved, auto_closed or all";
        errors.push(FieldError::new("state", words));
    }
    let code = given.code.as_deref().map(str::parse::<BreakCode>);
    if matches!(code, Some(Err(_))) {
        errors.push(FieldError::new("code", "must be F01 to F05 or B01 to B18"));
    }
    let of_day = given.day.as_deref().map(str::parse::<NaiveDate>);
    if matches!(of_day, Some(Err(_))) {
        errors.push(FieldError::new("day", "must be a day, as 2026-11-22"));
    }
    let after = given.cursor.as_deref().map(cursor);
    if matches!(after, Some(None)) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    for (name, text) in
        [("partner", &given.partner), ("agency", &given.agency), ("owner", &given.owner)]
    {
        if text.as_deref().is_some_and(|text| !is_said(text, 254)) {
            errors.push(FieldError::new(name, "must have 1 to 254 characters"));
        }
    }
    let severity = given.severity.as_deref().map(str::parse::<Severity>);
    if matches!(severity, Some(Err(_))) {
        errors.push(FieldError::new("severity", "must be low, medium, high or critical"));
    }
    let age = given.age.as_deref().map(str::parse::<Bucket>);
    if matches!(age, Some(Err(_))) {
        let told = "must be today, t1, t2_3, t4_7, 8_30 or over_30";
        errors.push(FieldError::new("age", told));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let now = doors.caring.clock.now();
    let wanted = Wanted {
        scopes: &officer.scopes(),
        states: &states.unwrap_or_default(),
        code: code.and_then(Result::ok),
        partner: given.partner.as_deref(),
        agency: given.agency.as_deref(),
        owner: given.owner.as_deref().map(|owner| if owner == "none" { "" } else { owner }),
        points: severity.and_then(Result::ok).map(Severity::points),
        aged: age.and_then(Result::ok).map(Bucket::days),
        opened: of_day.and_then(Result::ok).map(instants),
        after: after.flatten(),
        today: day::to_local(now).date(),
        limit: limit + 1,
    };
    let mut conn = doors.people.pool.acquire().await?;
    let mut found = breaks_list(&mut conn, &wanted).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let breaks = found.iter().map(|(case, _)| BreakView::of(case, now)).collect();
    let mut response = told(&officer.email, StatusCode::OK, &BreakList { breaks });
    if let (true, Some((last, points))) = (more, found.last()) {
        let cursor = format!("{points}.{}", last.id);
        link_next(&mut response, request.uri(), &doors.people.public_url, &cursor);
    }
    Ok(response)
}

/// A case with its steps, what was said and shown, and what stands behind it.
#[utoipa::path(get, path = "/v1/breaks/{id}", tag = "breaks", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 200, description = "strongly consistent", body = BreakFile),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_one(
    State(doors): State<BreakDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut conn = doors.people.pool.acquire().await?;
    let case = seen_in(&mut conn, &officer, BreakId(parse(&id)?)).await?;
    let (below, now) = (path_of(case.id), doors.caring.clock.now());
    let file = file_of(&mut conn, &case, &below, now).await?;
    Ok(told(&officer.email, StatusCode::OK, &file))
}

async fn as_it_stands(
    doors: &BreakDoors,
    officer: &Officer,
    id: BreakId,
) -> Result<Response, Problem> {
    let mut conn = doors.people.pool.acquire().await?;
    let case = seen_in(&mut conn, officer, id).await?;
    let view = BreakView::of(&case, doors.caring.clock.now());
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// Gives a case to somebody, or to oneself.
#[utoipa::path(post, path = "/v1/breaks/{id}/assign", tag = "breaks", request_body = AssignRequest,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 200, description = "as it stands now; strongly consistent", body = BreakView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn assign(
    State(doors): State<BreakDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = BreakId(parse(&id)?);
    let given: AssignRequest = read(request).await?;
    said("/owner", &given.owner, 254)?;
    if let Some(reason) = &given.reason {
        said("/reason", reason, 500)?;
    }
    doors.caring.assign(&officer, id, (&given.owner, given.reason.as_deref())).await?;
    as_it_stands(&doors, &officer, id).await
}

/// Lets a case wait for a day, or asks its partner.
#[utoipa::path(post, path = "/v1/breaks/{id}/wait", tag = "breaks", request_body = WaitRequest,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 200, description = "as it stands now; strongly consistent", body = BreakView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn wait(
    State(doors): State<BreakDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = BreakId(parse(&id)?);
    let given: WaitRequest = read(request).await?;
    said("/reason", &given.reason, 500)?;
    doors.caring.wait(&officer, id, (given.until, &given.reason, given.ask)).await?;
    as_it_stands(&doors, &officer, id).await
}

/// Says something about a case. What was said stays.
#[utoipa::path(post, path = "/v1/breaks/{id}/comments", tag = "breaks",
    request_body = CommentRequest,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 201, description = "said; strongly consistent", body = CommentView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn comment(
    State(doors): State<BreakDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = BreakId(parse(&id)?);
    let given: CommentRequest = read(request).await?;
    said("/text", &given.text, 4000)?;
    let comment = doors.caring.comment(&officer, id, (&given.text, given.shared)).await?;
    Ok(told(&officer.email, StatusCode::CREATED, &CommentView::from(comment)))
}

/// Keeps a file with a case: PDF, PNG, JPEG, XLSX, XML, CSV or text, at most 10 MiB.
///
/// The body is the file itself. What it is, is told by its bytes; the same bytes again are the file
/// that is there.
#[utoipa::path(post, path = "/v1/breaks/{id}/evidence", tag = "breaks",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("session" = [])),
    params(EvidenceQuery, ("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 201, description = "kept; strongly consistent", body = EvidenceView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn show(
    State(doors): State<BreakDoors>,
    officer: Officer,
    Path(id): Path<String>,
    given: Result<Query<EvidenceQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (id, given) = (BreakId(parse(&id)?), query(given)?);
    let (parts, body) = request.into_parts();
    let bytes = read_body(body, &parts.headers, evidence::MOST).await?;
    let handed = (given.name.as_str(), bytes, given.shared.unwrap_or(false));
    let shown = doors.caring.show(&officer, id, handed).await?;
    Ok(told(&officer.email, StatusCode::CREATED, &EvidenceView::of(shown, &path_of(id))))
}

/// A file that is kept with a case, byte for byte.
#[utoipa::path(get, path = "/v1/breaks/{id}/evidence/{file}", tag = "breaks",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "the case"),
           ("file" = Uuid, Path, description = "the file")),
    responses(
        (status = 200, description = "the file; strongly consistent", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn download(
    State(doors): State<BreakDoors>,
    officer: Officer,
    Path((id, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let file = doors.caring.file(&officer, BreakId(parse(&id)?), parse(&file)?).await?;
    Ok(as_download(file))
}

/// A file to be saved, never shown: whoever handed it in is not to act in our name.
pub fn as_download(file: Evidence) -> Response {
    let mut name = String::from("attachment; filename*=UTF-8''");
    name.extend(
        url::form_urlencoded::byte_serialize(file.shown.name.as_bytes())
            .map(|part| if part == "+" { "%20" } else { part }),
    );
    let value = |text: &str| {
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
    };
    let headers = [
        (header::CONTENT_TYPE, value(&file.shown.media_type)),
        (header::CONTENT_DISPOSITION, value(&name)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, file.bytes).into_response()
}
