//! The doors to runs and positions. What one officer prepares another releases, here or at
//! `POST /v1/approvals/{id}`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::kind::About;
use super::positions;
use super::prepare::Wanted;
use super::settle::Word;
use super::status::RunStatus;
use super::view::{PayoverList, PayoverView, PositionsView};
use super::{PayingOver, PayoverError, store};
use crate::approvals::decide::{self, Verdict};
use crate::approvals::http::{DecisionRequest, read_decision};
use crate::approvals::store::pending_of;
use crate::callers::doors::{Doors, only_partners};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::pain001::Version;
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::{PayoverId, PayoverLineId};

const MOST: i64 = 500;
const USUAL: i64 = 100;
const LONGEST_REASON: usize = 1_000;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct PayoverDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// Who signs.
    pub doors: Doors,
    /// The use cases.
    pub paying: PayingOver,
}

impl FromRef<PayoverDoors> for PeopleDoor {
    fn from_ref(doors: &PayoverDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<PayoverDoors> {
    OpenApiRouter::new()
        .routes(routes!(positions_now))
        .routes(routes!(list, prepare))
        .routes(routes!(read))
        .routes(routes!(pain001))
        .routes(routes!(csv))
        .routes(routes!(approve))
        .routes(routes!(sent))
        .routes(routes!(withdraw))
        .routes(routes!(confirm))
        .merge(super::items_http::routes())
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PayoversQuery {
    /// `prepared`, `approved`, `refused`, `sent`, `confirmed` or `failed`; all when it is not given.
    status: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// Which run is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayoverRequest {
    /// The bank account that pays, by its number.
    #[schema(example = "0011009988776")]
    account: String,
    /// Of business days up to this one; the day before today unless told.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    until: Option<NaiveDate>,
    /// Of money that was seen in the bank on or after this day; 62 days before `until` unless told.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    seen_since: Option<NaiveDate>,
}

/// Why something is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WithdrawRequest {
    /// Up to 1,000 characters.
    reason: String,
}

/// What the bank did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayoverConfirmRequest {
    /// `confirmed`: it debited the account; `failed`: it did not make the transfers.
    #[serde(rename = "as")]
    #[schema(example = "confirmed")]
    what: String,
    /// The bank's day of the debit; needed with `confirmed`.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    value_date: Option<NaiveDate>,
    /// Why it did not; needed with `failed`.
    #[serde(default)]
    reason: Option<String>,
    /// The transfers that it is about; all that have not ended unless told.
    #[serde(default)]
    transfers: Option<Vec<Uuid>>,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingView {
    /// What is to be done.
    #[schema(example = "payover.settle")]
    kind: &'static str,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

fn payover(text: &str) -> Result<PayoverId, Problem> {
    Uuid::try_parse(text).map(PayoverId).map_err(|_| Problem::new(ProblemType::NotFound))
}

async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

fn reason(given: &str) -> Result<&str, Problem> {
    let reason = given.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON || reason.contains('\0') {
        let detail = "must have 1 to 1000 characters";
        return Err(Problem::invalid(vec![FieldError::new("/reason", detail)]));
    }
    Ok(reason)
}

/// Net positions
///
/// `collected − refunds − fees − already paid over` of each partner and agency. A partner, signed
/// or by a person of its own, sees its own; an officer those of the agencies in their scope. Strongly consistent.
#[utoipa::path(get, path = "/v1/positions", tag = "payovers",
    security(("signature" = []), ("session" = [])),
    responses(
        (status = 200, description = "the positions now; strongly consistent", body = PositionsView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn positions_now(
    State(doors): State<PayoverDoors>,
    request: Request,
) -> Result<Response, Problem> {
    if request.headers().contains_key("signature-input") {
        let caller = doors.doors.signed_read(&request)?;
        let partner = only_partners(&caller)?;
        let mut conn = doors.paying.pool.acquire().await?;
        let all = positions::read(&mut conn, Some(partner)).await?;
        return Ok(Json(PositionsView::of(&all, |_| true, false)).into_response());
    }
    let (parts, _) = request.into_parts();
    let officer = doors.people.person(&parts).await?;
    let mut conn = doors.paying.pool.acquire().await?;
    if let Some(partner) = officer.partner() {
        let all = positions::read(&mut conn, Some(partner)).await?;
        let view = PositionsView::of(&all, |_| true, false);
        return Ok(told(&officer.email, StatusCode::OK, &view));
    }
    let all = positions::read(&mut conn, None).await?;
    let view = PositionsView::of(&all, |p| officer.sees(&p.agency), officer.sees(EVERYTHING));
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// Runs, newest first, for who sees everybody's money.
#[utoipa::path(get, path = "/v1/payovers", tag = "payovers", params(PayoversQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = PayoverList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    given: Result<Query<PayoversQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    officer.require_one_of(Role::MONEY, EVERYTHING)?;
    let mut errors = Vec::new();
    let status = given.status.as_deref().map(str::parse::<RunStatus>);
    if matches!(status, Some(Err(_))) {
        errors.push(FieldError::new("status", "is no status of a run"));
    }
    let before = given.cursor.as_deref().map(Uuid::try_parse);
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
    let status = status.and_then(Result::ok);
    let before = before.and_then(Result::ok).map(PayoverId);
    let mut conn = doors.paying.pool.acquire().await?;
    let mut found = store::runs_list(&mut conn, status, before, limit + 1).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let payovers = found.iter().map(|run| PayoverView::of(run, &[])).collect();
    let mut response = told(&officer.email, StatusCode::OK, &PayoverList { payovers });
    if let (true, Some(last)) = (more, found.last()) {
        link_next(&mut response, request.uri(), &doors.people.public_url, &last.id.to_string());
    }
    Ok(response)
}

/// Prepares a run of what was collected, seen in the bank and not yet paid over, out of one account;
/// another releases it.
#[utoipa::path(post, path = "/v1/payovers", tag = "payovers", request_body = PayoverRequest,
    security(("session" = [])),
    responses(
        (status = 201, description = "prepared; it waits for another; strongly consistent",
            body = PayoverView),
        (status = 409, description = "nothing can be paid over out of that account",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn prepare(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let given: PayoverRequest = body(request).await?;
    let PayoverRequest { account, until, seen_since } = given;
    if account.len() > 34 || account.contains('\0') {
        let detail = "must be an account number";
        return Err(Problem::invalid(vec![FieldError::new("/account", detail)]));
    }
    let wanted = Wanted { account, until, seen_since };
    let made = doors.paying.prepare(&officer, &wanted).await?;
    let view = PayoverView::of(&made.run, &made.lines).waits(Some(made.approval), &made.left_out);
    Ok(told(&officer.email, StatusCode::CREATED, &view))
}

/// One run with its transfers.
#[utoipa::path(get, path = "/v1/payovers/{id}", tag = "payovers", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the run")),
    responses(
        (status = 200, description = "strongly consistent", body = PayoverView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = payover(&id)?;
    let (run, lines) = doors.paying.read(&officer, id).await?;
    let mut conn = doors.paying.pool.acquire().await?;
    let subject = id.to_string();
    let mut approval = pending_of(&mut conn, About::Release.as_str(), &subject).await?;
    if approval.is_none() {
        approval = pending_of(&mut conn, About::Settle.as_str(), &subject).await?;
    }
    let view = PayoverView::of(&run, &lines).waits(approval, &[]);
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// Which version of the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// `03` (also when it is not given) or `09`.
    version: Option<String>,
}

fn file(name: &str, media: &'static str, text: String) -> Response {
    let shown = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, shown),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text).into_response()
}

/// The file for the bank: `pain.001.001.03`, or `.09`. Not before the run is released.
#[utoipa::path(get, path = "/v1/payovers/{id}/pain001", tag = "payovers", params(FileQuery,
    ("id" = Uuid, Path, description = "the run")), security(("session" = [])),
    responses(
        (status = 200, description = "the same bytes each time; strongly consistent", body = String,
            content_type = "application/xml"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn pain001(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
    given: Result<Query<FileQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let version = match query(given)?.version.as_deref() {
        None | Some("03") => Version::V03,
        Some("09") => Version::V09,
        Some(_) => {
            return Err(Problem::invalid(vec![FieldError::new("version", "must be 03 or 09")]));
        }
    };
    let id = payover(&id)?;
    let text = doors.paying.pain001(&officer, id, version).await?;
    Ok(file(&format!("payover-{id}.xml"), "application/xml", text))
}

/// The transfers as CSV, with count and control sum in the last row. Not before the run is released.
#[utoipa::path(get, path = "/v1/payovers/{id}/csv", tag = "payovers", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the run")),
    responses(
        (status = 200, description = "strongly consistent", body = String,
            content_type = "text/csv; charset=utf-8"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn csv(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = payover(&id)?;
    let text = doors.paying.csv(&officer, id).await?;
    Ok(file(&format!("payover-{id}.csv"), "text/csv; charset=utf-8", text))
}

/// Releases a run that another prepared. The content is that of its approval.
#[utoipa::path(post, path = "/v1/payovers/{id}/approve", tag = "payovers",
    request_body = DecisionRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the run")),
    responses(
        (status = 200, description = "its file may go to the bank; strongly consistent",
            body = PayoverView),
        (status = 403, description = "no role for it, or one's own making", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it does not wait, or may not go out", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 412, description = "the content is not what was looked at", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn approve(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = payover(&id)?;
    let mut conn = doors.paying.pool.acquire().await?;
    let kind = About::Release.as_str();
    let approval = pending_of(&mut conn, kind, &id.to_string()).await?;
    drop(conn);
    let approval = approval.ok_or_else(|| {
        PayoverError::WrongState("the run does not wait to be released".to_owned())
    })?;
    let decision = read_decision(request, (approval, Verdict::Approve)).await?;
    let with = (&doors.paying.kinds, &doors.paying.clock);
    decide::decide(&doors.paying.pool, with, &officer, &decision).await?;
    let (run, lines) = doors.paying.read(&officer, id).await?;
    Ok(told(&officer.email, StatusCode::OK, &PayoverView::of(&run, &lines)))
}

/// Notes that the bank has the file. Said again by the same person it changes nothing.
#[utoipa::path(post, path = "/v1/payovers/{id}/sent", tag = "payovers", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the run")),
    responses(
        (status = 200, description = "sent; strongly consistent", body = PayoverView),
        (status = 409, description = "it was not released, or may not go out any more",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn sent(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let run = doors.paying.sent(&officer, payover(&id)?).await?;
    Ok(told(&officer.email, StatusCode::OK, &PayoverView::of(&run, &[])))
}

/// Withdraws a run that was released and has not gone out; its lines are free again.
#[utoipa::path(post, path = "/v1/payovers/{id}/withdraw", tag = "payovers",
    request_body = WithdrawRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the run")),
    responses(
        (status = 200, description = "refused; strongly consistent", body = PayoverView),
        (status = 409, description = "it waits for an approval, or has gone out",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn withdraw(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let given: WithdrawRequest = body(request).await?;
    let why = reason(&given.reason)?;
    let run = doors.paying.withdraw(&officer, payover(&id)?, why).await?;
    Ok(told(&officer.email, StatusCode::OK, &PayoverView::of(&run, &[])))
}

/// Proposes what the bank did with transfers, where no statement shows it; another agrees. The same
/// debit on a statement later changes nothing.
#[utoipa::path(post, path = "/v1/payovers/{id}/confirm", tag = "payovers",
    request_body = PayoverConfirmRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the run")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = WaitingView),
        (status = 409, description = "it was not sent, or the transfers have ended",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn confirm(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let given: PayoverConfirmRequest = body(request).await?;
    let wrong =
        |pointer: &str, detail: &str| Err(Problem::invalid(vec![FieldError::new(pointer, detail)]));
    let word = match (given.what.as_str(), given.value_date, given.reason.as_deref()) {
        ("confirmed", Some(day), None) => Word::Debited(day),
        ("confirmed", None, _) => return wrong("/value_date", "is needed with confirmed"),
        ("failed", None, Some(why)) => Word::Refused(reason(why)?.to_owned()),
        ("failed", _, None) => return wrong("/reason", "is needed with failed"),
        ("confirmed" | "failed", ..) => return wrong("", "has value_date or reason, not both"),
        _ => return wrong("/as", "must be confirmed or failed"),
    };
    let transfers: Option<Vec<PayoverLineId>> =
        given.transfers.map(|ids| ids.into_iter().map(PayoverLineId).collect());
    let id = payover(&id)?;
    let approval = doors.paying.say(&officer, id, (transfers.as_deref(), &word)).await?;
    let view = WaitingView { kind: About::Settle.as_str(), approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}
