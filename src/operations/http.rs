//! The doors of operators: what waits, having it looked at now, and what a partner said.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::said::{self, Said};
use super::sweeps::{Sweep, Sweeping};
use crate::partners::store::certifications::{KeptRun, certifications_of};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::http::query;
use crate::platform::problem::{PROBLEM_JSON, Problem, ProblemBody, ProblemType};

/// What the doors need.
#[derive(Debug, Clone)]
pub struct OperatorDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The sweeps.
    pub sweeping: Sweeping,
}

impl FromRef<OperatorDoors> for PeopleDoor {
    fn from_ref(doors: &OperatorDoors) -> Self {
        doors.people.clone()
    }
}

/// So many runs of a partner are told.
const MOST_RUNS: i64 = 50;

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<OperatorDoors> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(run_now))
        .routes(routes!(exchanges))
        .routes(routes!(certifications))
}

/// A sweep and what waits for it.
#[derive(Debug, Serialize, ToSchema)]
struct SweepView {
    /// Its name.
    #[schema(value_type = String, example = "attempt.query")]
    kind: Sweep,
    /// What it does.
    does: &'static str,
    /// How much waits for it.
    waiting: i64,
    /// For so many seconds the longest overdue has been due; 0 when none is.
    overdue_seconds: i64,
}

/// All sweeps.
#[derive(Debug, Serialize, ToSchema)]
struct SweepList {
    /// The sweeps.
    sweeps: Vec<SweepView>,
}

/// A sweep that runs now.
#[derive(Debug, Serialize, ToSchema)]
struct HastenedView {
    /// Its name.
    #[schema(value_type = String, example = "attempt.query")]
    kind: Sweep,
    /// So much is looked at now that would have waited.
    hastened: u64,
}

/// The sweeps, and how much waits for each.
#[utoipa::path(get, path = "/v1/sweeps", tag = "operations", security(("session" = [])),
    responses(
        (status = 200, description = "strongly consistent", body = SweepList),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn list(State(doors): State<OperatorDoors>, officer: Officer) -> Result<Response, Problem> {
    officer.require_one_of(&[Role::Operator, Role::Auditor], EVERYTHING)?;
    let waiting = doors.sweeping.waiting().await?;
    let sweeps = waiting
        .into_iter()
        .map(|of| SweepView {
            kind: of.sweep,
            does: of.sweep.does(),
            waiting: of.waiting,
            overdue_seconds: of.overdue,
        })
        .collect();
    Ok(told(&officer.email, StatusCode::OK, &SweepList { sweeps }))
}

/// Has everything that waits for a sweep looked at now.
#[utoipa::path(post, path = "/v1/sweeps/{kind}", tag = "operations", security(("session" = [])),
    params(("kind" = String, Path, description = "its name, as `GET /v1/sweeps` tells it")),
    responses(
        (status = 202, description = "it will be looked at soon", body = HastenedView),
        (status = 404, description = "no such sweep", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn run_now(
    State(doors): State<OperatorDoors>,
    officer: Officer,
    Path(kind): Path<String>,
) -> Result<Response, Problem> {
    officer.require(Role::Operator, EVERYTHING)?;
    let kind: Sweep = kind.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    let hastened = doors.sweeping.run_now(kind, &officer.email).await?;
    Ok(told(&officer.email, StatusCode::ACCEPTED, &HastenedView { kind, hastened }))
}

/// Which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExchangesQuery {
    /// Our reference of the order, as the partner has it; without it, what names no order of ours.
    order: Option<String>,
}

/// One message.
#[derive(Debug, Serialize, ToSchema)]
struct ExchangeView {
    /// When.
    at: DateTime<Utc>,
    /// `in`: the partner said it; `out`: it answered a call of ours.
    direction: String,
    /// `callback`, `create`, `query`, `cancel`, `refund`; or `settlement`, which was booked.
    purpose: String,
    /// HTTP status of the answer to a call of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i16>,
    /// What was made of it.
    verdict: String,
    /// What the partner said; secrets, names and whole account numbers are taken out.
    body: String,
    /// The SHA-256 of what that really was, in hexadecimal: a copy that the partner brings is held
    /// against it, and the signature checked on the copy.
    sha256: String,
    /// What we had said, when it is an answer to a call of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<OwnCallView>,
}

/// What we said to a partner.
#[derive(Debug, Serialize, ToSchema)]
struct OwnCallView {
    /// Method, address and body; no headers, and what is taken out of messages is taken out.
    body: String,
    /// The SHA-256 of the body as it was sent; of the address where there was none.
    sha256: String,
}

/// What was said.
#[derive(Debug, Serialize, ToSchema)]
struct ExchangeList {
    /// The messages: of an order the oldest first, without one the newest.
    exchanges: Vec<ExchangeView>,
}

/// What a partner and we said to each other about one order, for disputes: what was booked, every call
/// of ours with its answer, and what the partner said besides.
#[utoipa::path(get, path = "/v1/partners/{partner}/exchanges", tag = "operations",
    params(ExchangesQuery, ("partner" = String, Path, description = "the partner's code")),
    security(("session" = [])),
    responses(
        (status = 200, description = "at most 200; strongly consistent", body = ExchangeList),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn exchanges(
    State(doors): State<OperatorDoors>,
    officer: Officer,
    Path(partner): Path<String>,
    given: Result<Query<ExchangesQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let given = query(given)?;
    officer.require_one_of(&[Role::Operator, Role::Auditor, Role::Officer], EVERYTHING)?;
    let order = given.order.as_deref().filter(|order| !order.contains('\0'));
    let said = said::said(&doors.people.pool, &partner, order).await?;
    let view = |said: Said| ExchangeView {
        at: said.at,
        direction: said.direction,
        purpose: said.purpose,
        status: said.status,
        verdict: said.verdict,
        body: said.body,
        sha256: said.sha256,
        request: said.request.map(|(body, sha256)| OwnCallView { body, sha256 }),
    };
    let exchanges = said.into_iter().map(view).collect();
    Ok(told(&officer.email, StatusCode::OK, &ExchangeList { exchanges }))
}

/// One run of `payclear partner certify`.
#[derive(Debug, Serialize, ToSchema)]
struct CertificationView {
    /// Its id, as an approval that opens the partner names it.
    id: uuid::Uuid,
    /// The dialect that was driven.
    dialect: String,
    /// How payers pay there: `bank_transfer`, `redirect`; none when its settings could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// The version of the program that ran.
    version: String,
    /// Who ran it.
    run_by: String,
    /// When.
    run_at: DateTime<Utc>,
    /// Did none of its cases fail?
    passed: bool,
    /// Was what runs now driven? Only such a run opens a partner, and only the newest.
    in_force: bool,
    /// What was checked.
    cases: Vec<CertifiedCaseView>,
}

/// One case of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct CertifiedCaseView {
    /// What was checked.
    check: String,
    /// `pass`, `fail` or `skip`.
    result: String,
    /// What was seen.
    seen: String,
    /// What to mend, when it failed.
    mend: String,
}

/// Runs of a partner.
#[derive(Debug, Serialize, ToSchema)]
struct CertificationList {
    /// The newest first.
    certifications: Vec<CertificationView>,
}

/// How a partner did when it was put through its paces: the runs of `payclear partner certify`.
#[utoipa::path(get, path = "/v1/partners/{partner}/certifications", tag = "operations",
    params(("partner" = String, Path, description = "the partner's code")),
    security(("session" = [])),
    responses(
        (status = 200, description = "at most 50; strongly consistent", body = CertificationList),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn certifications(
    State(doors): State<OperatorDoors>,
    officer: Officer,
    Path(partner): Path<String>,
) -> Result<Response, Problem> {
    officer.require_one_of(
        &[Role::Operator, Role::Auditor, Role::Approver, Role::Admin],
        EVERYTHING,
    )?;
    let mut conn = doors.people.pool.acquire().await?;
    let view = |run: KeptRun| CertificationView {
        id: run.id,
        dialect: run.dialect,
        channel: run.channel,
        version: run.version,
        run_by: run.run_by,
        run_at: run.run_at,
        passed: run.passed,
        in_force: run.in_force,
        cases: serde_json::from_value(run.cases).unwrap_or_default(),
    };
    let runs = certifications_of(&mut conn, &partner, MOST_RUNS).await?;
    let certifications = runs.into_iter().map(view).collect();
    Ok(told(&officer.email, StatusCode::OK, &CertificationList { certifications }))
}
