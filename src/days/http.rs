//! The doors to days: what officers look at, sign, and open again. What one prepares another approves,
//! here or at `POST /v1/approvals/{id}`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::kind::About;
use super::paper;
use super::sheet::{self, Sheet};
use super::store;
use super::view::{ChecklistView, DayList, DayView, DayWaitsView, SnapshotView};
use super::{DayError, Days, subject};
use crate::approvals::decide::{self, Verdict};
use crate::approvals::http::{DecisionRequest, read_decision};
use crate::approvals::store::pending_of;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};

const MOST: i64 = 500;
const USUAL: i64 = 31;
const LONGEST_REASON: usize = 1_000;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct DayDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The use cases.
    pub days: Days,
}

impl FromRef<DayDoors> for PeopleDoor {
    fn from_ref(doors: &DayDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<DayDoors> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(prepare))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(reopen))
        .routes(routes!(snapshot))
        .routes(routes!(day_sheet))
        .routes(routes!(day_paper))
        .routes(routes!(lock_month))
}

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DaysQuery {
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 31 when it is not given.
    limit: Option<String>,
}

/// Which revision.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RevisionQuery {
    /// Of a day that was closed more than once; the last unless told.
    revision: Option<String>,
}

impl RevisionQuery {
    fn number(&self) -> Result<Option<i32>, Problem> {
        let number = self.revision.as_deref().map(str::parse::<i32>).transpose();
        number.map_err(|_| {
            Problem::invalid(vec![FieldError::new("revision", "must be a whole number")])
        })
    }
}

/// Why a day is opened again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReopenRequest {
    /// Up to 1,000 characters.
    reason: String,
}

fn date(text: &str) -> Result<NaiveDate, Problem> {
    text.parse().map_err(|_| Problem::new(ProblemType::NotFound))
}

/// A day is everybody's: whoever sees everybody's money may see it.
fn seen(officer: &Officer) -> Result<(), Problem> {
    officer.require_one_of(Role::MONEY, EVERYTHING)
}

/// Business days, newest first.
#[utoipa::path(get, path = "/v1/days", tag = "days", params(DaysQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = DayList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<DayDoors>,
    officer: Officer,
    given: Result<Query<DaysQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    seen(&officer)?;
    let mut errors = Vec::new();
    let before = given.cursor.as_deref().map(str::parse::<NaiveDate>);
    if matches!(before, Some(Err(_))) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    doors.days.open_days().await?;
    let mut conn = doors.days.pool.acquire().await?;
    let mut found = store::days_list(&mut conn, before.and_then(Result::ok), limit + 1).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let days = found.iter().map(DayView::from).collect();
    let mut response = told(&officer.email, StatusCode::OK, &DayList { days });
    if let (true, Some(last)) = (more, found.last()) {
        let cursor = last.day.to_string();
        link_next(&mut response, request.uri(), &doors.people.public_url, &cursor);
    }
    Ok(response)
}

/// The checklist of a day: files, lines, cases, roll-forward, balances, and all that stands against
/// signing it.
#[utoipa::path(get, path = "/v1/days/{day}", tag = "days", security(("session" = [])),
    params(("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "as it stands now; strongly consistent", body = ChecklistView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
) -> Result<Response, Problem> {
    seen(&officer)?;
    let day = date(&day)?;
    doors.days.open_days().await?;
    let looked = doors.days.look(day).await?.ok_or(Problem::new(ProblemType::NotFound))?;
    let mut conn = doors.days.pool.acquire().await?;
    let about = subject(day, looked.day.revision);
    let mut approval = pending_of(&mut conn, About::Close.as_str(), &about).await?;
    if approval.is_none() {
        approval = pending_of(&mut conn, About::Reopen.as_str(), &about).await?;
    }
    Ok(told(&officer.email, StatusCode::OK, &ChecklistView::of(&looked, approval)))
}

/// Signs a day off; another approves it. Refused with all that stands against it.
#[utoipa::path(post, path = "/v1/days/{day}/prepare", tag = "days", security(("session" = [])),
    params(("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = DayWaitsView),
        (status = 409, description = "something stands against it: `detail` names all of it",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn prepare(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
) -> Result<Response, Problem> {
    let day = date(&day)?;
    doors.days.open_days().await?;
    let (made, approval) = doors.days.prepare(&officer, day).await?;
    let view = DayWaitsView {
        kind: About::Close.as_str(),
        approval: approval.0,
        snapshot_sha256: Some(hex::encode(made.content_hash)),
    };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

impl DayDoors {
    /// Decides on what waits about a day: its closing, else its reopening.
    async fn decide(
        &self,
        officer: &Officer,
        (day, verdict): (&str, Verdict),
        request: Request,
    ) -> Result<Response, Problem> {
        let date = date(day)?;
        let mut conn = self.days.pool.acquire().await?;
        let day = store::day_read(&mut conn, date).await?;
        let day = day.ok_or(Problem::new(ProblemType::NotFound))?;
        let about = subject(date, day.revision);
        let mut approval = pending_of(&mut conn, About::Close.as_str(), &about).await?;
        if approval.is_none() {
            approval = pending_of(&mut conn, About::Reopen.as_str(), &about).await?;
        }
        drop(conn);
        let nothing = || DayError::NotReady(vec!["nothing waits about this day".to_owned()]);
        let decision = read_decision(request, (approval.ok_or_else(nothing)?, verdict)).await?;
        let with = (&self.days.kinds, &self.days.clock);
        decide::decide(&self.days.pool, with, officer, &decision).await?;
        let mut conn = self.days.pool.acquire().await?;
        let day = store::day_read(&mut conn, date).await?;
        let day = day.ok_or(Problem::new(ProblemType::NotFound))?;
        Ok(told(&officer.email, StatusCode::OK, &DayView::from(&day)))
    }
}

/// Approves what another prepared of a day: it closes, or is opened again. The content is that of the
/// approval.
#[utoipa::path(post, path = "/v1/days/{day}/approve", tag = "days",
    request_body = DecisionRequest, security(("session" = [])),
    params(("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "done: sealed, signed, closed; or opened again; strongly consistent",
            body = DayView),
        (status = 403, description = "no role for it, or one's own making", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "nothing waits, or it cannot be closed any more",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = 412, description = "the content is not what was looked at, or the books have changed",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn approve(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    doors.decide(&officer, (&day, Verdict::Approve), request).await
}

/// Rejects what another prepared of a day: it is to be prepared anew, or stays closed.
#[utoipa::path(post, path = "/v1/days/{day}/reject", tag = "days",
    request_body = DecisionRequest, security(("session" = [])),
    params(("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "as it was before; strongly consistent", body = DayView),
        (status = 403, description = "no role for it, or one's own making", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "nothing waits about this day", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn reject(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    doors.decide(&officer, (&day, Verdict::Reject), request).await
}

/// Asks for the last closed day to be opened again; another agrees. Its signed snapshot stays.
#[utoipa::path(post, path = "/v1/days/{day}/reopen", tag = "days", request_body = ReopenRequest,
    security(("session" = [])),
    params(("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = DayWaitsView),
        (status = 409, description = "it is not closed, a later day is, or its month is locked",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn reopen(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let given: ReopenRequest = read_json(&parts.headers, &body)?;
    let reason = given.reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON || reason.contains('\0') {
        let detail = "must have 1 to 1000 characters";
        return Err(Problem::invalid(vec![FieldError::new("/reason", detail)]));
    }
    let approval = doors.days.reopen(&officer, date(&day)?, reason).await?;
    let kind = About::Reopen.as_str();
    let view = DayWaitsView { kind, approval: approval.0, snapshot_sha256: None };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

/// A closed day as it was sealed and signed.
#[utoipa::path(get, path = "/v1/days/{day}/snapshot", tag = "days", security(("session" = [])),
    params(RevisionQuery, ("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "strongly consistent", body = SnapshotView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn snapshot(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
    given: Result<Query<RevisionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let revision = query(given)?.number()?;
    seen(&officer)?;
    let mut conn = doors.days.pool.acquire().await?;
    let missing = || Problem::new(ProblemType::NotFound);
    let found =
        store::snapshot_read(&mut conn, date(&day)?, revision).await?.ok_or_else(missing)?;
    let prepared = store::preparation_read(&mut conn, found.preparation).await?;
    let prepared = prepared.ok_or_else(missing)?;
    let view = SnapshotView {
        day: found.day,
        revision: found.revision,
        content: prepared.content,
        content_sha256: hex::encode(prepared.content_hash),
        seal: found.seal,
        seal_sha256: hex::encode(found.seal_hash),
        signature: hex::encode(found.signature),
        key: found.key_id,
        closed_at: found.closed_at,
    };
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// What is printed of a closed day.
#[utoipa::path(get, path = "/v1/days/{day}/sheet", tag = "days", security(("session" = [])),
    params(RevisionQuery, ("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "the rows of the snapshot; strongly consistent", body = Sheet),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn day_sheet(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
    given: Result<Query<RevisionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let revision = query(given)?.number()?;
    seen(&officer)?;
    let mut conn = doors.days.pool.acquire().await?;
    let sheet = sheet::read(&mut conn, date(&day)?, revision).await?;
    let sheet = sheet.ok_or(Problem::new(ProblemType::NotFound))?;
    Ok(told(&officer.email, StatusCode::OK, &sheet))
}

/// The sheet of a closed day, to be printed and kept: the sealed content and its seal are inside.
#[utoipa::path(get, path = "/v1/days/{day}/sheet.pdf", tag = "days", security(("session" = [])),
    params(RevisionQuery, ("day" = String, Path, description = "the day, YYYY-MM-DD")),
    responses(
        (status = 200, description = "PDF/A-3b, the same bytes each time; strongly consistent",
            body = Vec<u8>, content_type = "application/pdf"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn day_paper(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
    given: Result<Query<RevisionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let revision = query(given)?.number()?;
    seen(&officer)?;
    let mut conn = doors.days.pool.acquire().await?;
    let found = paper::read(&mut conn, date(&day)?, revision).await?;
    drop(conn);
    let found = found.ok_or(Problem::new(ProblemType::NotFound))?;
    let name = found.name();
    // Some milliseconds of reckoning: not on a thread that others wait for.
    let drawn = tokio::task::spawn_blocking(move || paper::draw(&found)).await;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "the sheet of a day could not be drawn");
        Problem::new(ProblemType::Internal)
    };
    match drawn {
        Ok(Ok(pdf)) => Ok(pdf_file(&name, pdf)),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

/// A PDF that a browser keeps under a name.
fn pdf_file(name: &str, bytes: Vec<u8>) -> Response {
    crate::receipts::http::file("application/pdf", name, bytes)
}

/// Proposes to lock the month of a day for good: none of its days is ever opened again.
#[utoipa::path(post, path = "/v1/days/{day}/lock-month", tag = "days", security(("session" = [])),
    params(("day" = String, Path, description = "any day of the month, YYYY-MM-DD")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = DayWaitsView),
        (status = 409, description = "its last day is not closed, or it is locked", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn lock_month(
    State(doors): State<DayDoors>,
    officer: Officer,
    Path(day): Path<String>,
) -> Result<Response, Problem> {
    let approval = doors.days.lock_month(&officer, date(&day)?).await?;
    let kind = About::LockMonth.as_str();
    let view = DayWaitsView { kind, approval: approval.0, snapshot_sha256: None };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}
