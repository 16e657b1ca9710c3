//! The doors of officers to matching: what belongs together and why, what is open, and the day in sums.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::hand::BY_HAND;
use super::run::{Matching, MatchingError};
use super::store::reads::{self, Listed};
use super::store::summary as summary_store;
use super::summary;
use super::terms::TERMS;
use super::undo::OfficerError;
use super::views::{
    ByHandRequest, ConfirmRequest, ConfirmedList, ConfirmedView, MatchList, MatchProposedView,
    MatchView, OpenLineList, ReconciliationView, RunView, TermsList, TermsRequest, UndoRequest,
};
use crate::approvals::propose::ProposeError;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{EVERYTHING, Role};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};

const MOST: i64 = 500;
const USUAL: i64 = 100;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct MatchDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The use cases.
    pub matching: Matching,
}

impl FromRef<MatchDoors> for PeopleDoor {
    fn from_ref(doors: &MatchDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<MatchDoors> {
    OpenApiRouter::new()
        .routes(routes!(list, by_hand))
        .routes(routes!(read))
        .routes(routes!(confirm))
        .routes(routes!(confirm_many))
        .routes(routes!(undo))
        .routes(routes!(run))
        .routes(routes!(open_lines))
        .routes(routes!(day_in_sums))
        .routes(routes!(terms, propose_terms))
}

impl From<OfficerError> for Problem {
    fn from(error: OfficerError) -> Self {
        match error {
            OfficerError::NotFound => Self::new(ProblemType::NotFound),
            OfficerError::WrongState(_)
            | OfficerError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(error.to_string()),
            OfficerError::Matching(error) => error.into(),
            OfficerError::Propose(ProposeError::Store(error)) | OfficerError::Store(error) => {
                error.into()
            }
        }
    }
}

impl From<MatchingError> for Problem {
    fn from(error: MatchingError) -> Self {
        match error {
            MatchingError::NotFound => Self::new(ProblemType::NotFound),
            MatchingError::Overtaken => {
                Self::new(ProblemType::InProgress).detail(error.to_string())
            }
            MatchingError::Store(error) => error.into(),
        }
    }
}

/// Which matches.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MatchesQuery {
    /// Of statements of this day.
    day: Option<String>,
    /// Of this partner.
    partner: Option<String>,
    /// `suggested`, `confirmed` or `undone`; all when it is not given.
    state: Option<String>,
    /// `R1` to `R10`, or `hand`.
    rule: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OpenLinesQuery {
    /// Of statements of this day.
    day: Option<String>,
    /// Of this partner.
    partner: Option<String>,
    /// `waiting`, `open`, `payout` or `kept`; all when it is not given.
    standing: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// Which day.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DayQuery {
    /// The day, `2026-11-20`.
    day: Option<String>,
    /// Of this partner alone.
    partner: Option<String>,
}

async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

fn parse(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// A day, a cursor and a limit of a query.
struct Page {
    day: NaiveDate,
    after: i64,
    limit: i64,
}

fn page(
    day: Option<&str>,
    cursor: Option<&str>,
    limit: Option<&str>,
    mut errors: Vec<FieldError>,
) -> Result<Page, Problem> {
    let day = day.and_then(|day| day.parse().ok());
    if day.is_none() {
        errors.push(FieldError::new("day", "must be a day such as 2026-11-20"));
    }
    let after = cursor.map_or(Ok(0), str::parse);
    if after.is_err() {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = limit.map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    match (day, after) {
        (Some(day), Ok(after)) if errors.is_empty() => Ok(Page { day, after, limit }),
        _ => Err(Problem::invalid(errors)),
    }
}

fn one_of(name: &str, given: Option<&str>, of: &[&str], errors: &mut Vec<FieldError>) {
    if given.is_some_and(|given| !of.contains(&given)) {
        errors.push(FieldError::new(name, format!("must be one of {}", of.join(", "))));
    }
}

impl MatchDoors {
    async fn view(&self, id: Uuid, officer: &Officer) -> Result<MatchView, Problem> {
        let mut conn = self.people.pool.acquire().await?;
        let row = reads::matches_read(&mut conn, &[id]).await?.pop();
        let row = row.filter(|row| officer.sees(&row.agency));
        let row = row.ok_or_else(|| Problem::new(ProblemType::NotFound))?;
        let sides = reads::sides_of(&mut conn, &[id]).await?;
        Ok(MatchView::of(row, &sides))
    }

    /// May this person act on a match?
    async fn admit(&self, id: Uuid, officer: &Officer) -> Result<(), Problem> {
        let mut conn = self.people.pool.acquire().await?;
        let row = reads::matches_read(&mut conn, &[id]).await?.pop();
        let row = row.filter(|row| officer.sees(&row.agency));
        let row = row.ok_or_else(|| Problem::new(ProblemType::NotFound))?;
        officer.require(Role::Officer, &row.agency)
    }

    /// Whose business an account is.
    fn agency_of(&self, partner: &str, account: &str) -> String {
        let directory = self.matching.directory.current();
        let agency = directory.account_ever(partner, account).and_then(|a| a.agency.clone());
        agency.unwrap_or_else(|| EVERYTHING.to_owned())
    }
}

/// Matches of the statements of a day, in the order of their lines, each with its reason.
#[utoipa::path(get, path = "/v1/matches", tag = "reconciliation", params(MatchesQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = MatchList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<MatchDoors>,
    officer: Officer,
    given: Result<Query<MatchesQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let mut errors = Vec::new();
    let state = given.state.as_deref();
    one_of("state", state, &["suggested", "confirmed", "undone"], &mut errors);
    let page = page(given.day.as_deref(), given.cursor.as_deref(), given.limit.as_deref(), errors)?;
    let wanted = Listed {
        scopes: &officer.scopes(),
        day: page.day,
        partner: given.partner.as_deref(),
        state,
        rule: given.rule.as_deref(),
        after: page.after,
        limit: page.limit + 1,
    };
    let mut conn = doors.people.pool.acquire().await?;
    let mut found = reads::matches_list(&mut conn, &wanted).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > page.limit);
    if more {
        // A line with two matches stands on one page.
        let last = found.last().map(|last| last.0);
        found.retain(|(line, _)| Some(*line) != last);
    }
    let ids: Vec<Uuid> = found.iter().map(|(_, id)| *id).collect();
    let rows = reads::matches_read(&mut conn, &ids).await?;
    let sides = reads::sides_of(&mut conn, &ids).await?;
    let matches = rows.into_iter().map(|row| MatchView::of(row, &sides)).collect();
    let mut response = told(&officer.email, StatusCode::OK, &MatchList { matches });
    if let (true, Some((last, _))) = (more, found.last()) {
        link_next(&mut response, request.uri(), &doors.people.public_url, &last.to_string());
    }
    Ok(response)
}

/// One match.
#[utoipa::path(get, path = "/v1/matches/{id}", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "the match")), security(("session" = [])),
    responses(
        (status = 200, description = "as it stands; strongly consistent", body = MatchView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read(
    State(doors): State<MatchDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = doors.view(parse(&id)?, &officer).await?;
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// Proposes a match by hand; another person approves it.
#[utoipa::path(post, path = "/v1/matches", tag = "reconciliation", request_body = ByHandRequest,
    security(("session" = [])),
    responses(
        (status = 202, description = "it waits for another; strongly consistent",
            body = MatchProposedView),
        (status = 404, description = "no such open line, settlement or batch in this person's scope",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = 409, description = "it is matched, does not add up, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn by_hand(
    State(doors): State<MatchDoors>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let given: ByHandRequest = body(request).await?;
    let approval = doors.matching.propose(&officer, &given.wanted()?).await?;
    let view = MatchProposedView { kind: BY_HAND, approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

/// Confirms a suggestion.
#[utoipa::path(post, path = "/v1/matches/{id}/confirm", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "the match")), security(("session" = [])),
    responses(
        (status = 200, description = "confirmed; strongly consistent", body = MatchView),
        (status = 409, description = "it is no suggestion that stands", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn confirm(
    State(doors): State<MatchDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    doors.admit(id, &officer).await?;
    doors.matching.confirm(id, &officer.email).await?;
    let view = doors.view(id, &officer).await?;
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// Confirms suggestions, each by itself: one that cannot be confirmed holds up no other.
#[utoipa::path(post, path = "/v1/matches/confirm", tag = "reconciliation",
    request_body = ConfirmRequest, security(("session" = [])),
    responses(
        (status = 200, description = "what became of each; strongly consistent", body = ConfirmedList),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn confirm_many(
    State(doors): State<MatchDoors>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let given: ConfirmRequest = body(request).await?;
    let ids = given.ids()?;
    for id in &ids {
        doors.admit(*id, &officer).await?;
    }
    let mut results = Vec::with_capacity(ids.len());
    for id in ids {
        let why = match doors.matching.confirm(id, &officer.email).await {
            Ok(_) => None,
            Err(OfficerError::Store(error)) => return Err(error.into()),
            Err(error) => Some(error.to_string()),
        };
        results.push(ConfirmedView { id, confirmed: why.is_none(), why });
    }
    Ok(told(&officer.email, StatusCode::OK, &ConfirmedList { results }))
}

/// Takes a match back, with a reason; its lines are open again, and no rule joins the same anew.
#[utoipa::path(post, path = "/v1/matches/{id}/undo", tag = "reconciliation",
    request_body = UndoRequest,
    params(("id" = Uuid, Path, description = "the match")), security(("session" = [])),
    responses(
        (status = 200, description = "taken back; strongly consistent", body = MatchView),
        (status = 409, description = "it was taken back before, or money was released by it",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn undo(
    State(doors): State<MatchDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let given: UndoRequest = body(request).await?;
    let (id, reason) = (parse(&id)?, given.reason()?);
    doors.admit(id, &officer).await?;
    doors.matching.undo(id, &reason, &officer.email).await?;
    let view = doors.view(id, &officer).await?;
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// Matches what waits, and looks at every open line once more: the cause may be gone.
#[utoipa::path(post, path = "/v1/matching/run", tag = "reconciliation", security(("session" = [])),
    responses(
        (status = 200, description = "what was done; strongly consistent", body = RunView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn run(State(doors): State<MatchDoors>, officer: Officer) -> Result<Response, Problem> {
    officer.require_one_of(&[Role::Officer, Role::Operator], EVERYTHING)?;
    let done = doors.matching.run_all_again().await?;
    Ok(told(&officer.email, StatusCode::OK, &RunView::from(done)))
}

/// Lines of the statements of a day that no rule has matched, and why.
#[utoipa::path(get, path = "/v1/matching/lines", tag = "reconciliation", params(OpenLinesQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = OpenLineList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn open_lines(
    State(doors): State<MatchDoors>,
    officer: Officer,
    given: Result<Query<OpenLinesQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let mut errors = Vec::new();
    let standing = given.standing.as_deref();
    one_of("standing", standing, &["waiting", "open", "payout", "kept"], &mut errors);
    let page = page(given.day.as_deref(), given.cursor.as_deref(), given.limit.as_deref(), errors)?;
    let mut conn = doors.people.pool.acquire().await?;
    let partner = given.partner.as_deref();
    let places = (page.after, page.limit + 1);
    let mut found =
        summary_store::open_lines_of_day(&mut conn, page.day, partner, standing, places).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > page.limit);
    if more {
        found.pop();
    }
    let last = found.last().map(|last| last.line);
    found.retain(|line| officer.sees(&doors.agency_of(&line.partner, &line.account)));
    let lines = found.into_iter().map(Into::into).collect();
    let mut response = told(&officer.email, StatusCode::OK, &OpenLineList { lines });
    if let (true, Some(last)) = (more, last) {
        link_next(&mut response, request.uri(), &doors.people.public_url, &last.to_string());
    }
    Ok(response)
}

/// The day in sums: expected, reported, banked and what is missing, by partner and account, and how far
/// its statements are matched.
#[utoipa::path(get, path = "/v1/reconciliation", tag = "reconciliation", params(DayQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "as it stands; strongly consistent", body = ReconciliationView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn day_in_sums(
    State(doors): State<MatchDoors>,
    officer: Officer,
    given: Result<Query<DayQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let day = page(given.day.as_deref(), None, None, Vec::new())?.day;
    let partner = given.partner.as_deref();
    let mut conn = doors.people.pool.acquire().await?;
    let seen = |partner: &str, account: &str| officer.sees(&doors.agency_of(partner, account));
    let accounts = summary::reconciled(&mut conn, day, partner).await?;
    let statements = summary::statements(&mut conn, day, partner).await?;
    let view = ReconciliationView {
        day,
        accounts: accounts
            .into_iter()
            .filter(|of| seen(&of.partner, &of.account))
            .map(Into::into)
            .collect(),
        statements: statements
            .into_iter()
            .filter(|of| seen(&of.partner, &of.account))
            .map(Into::into)
            .collect(),
    };
    Ok(told(&officer.email, StatusCode::OK, &view))
}

/// The terms of all partners: fee, window, tolerance.
#[utoipa::path(get, path = "/v1/partner-terms", tag = "reconciliation", security(("session" = [])),
    responses(
        (status = 200, description = "all of them; strongly consistent", body = TermsList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn terms(State(doors): State<MatchDoors>, officer: Officer) -> Result<Response, Problem> {
    // No money and nobody who paid it: who proposes terms reads them.
    officer.require_one_of(Role::OURS, EVERYTHING)?;
    let mut conn = doors.people.pool.acquire().await?;
    let terms = reads::terms_all(&mut conn).await?.into_iter().map(Into::into).collect();
    Ok(told(&officer.email, StatusCode::OK, &TermsList { terms }))
}

/// Proposes the terms of a partner from a day on; another person approves them.
#[utoipa::path(post, path = "/v1/partner-terms", tag = "reconciliation", request_body = TermsRequest,
    security(("session" = [])),
    responses(
        (status = 202, description = "they wait for another; strongly consistent",
            body = MatchProposedView),
        (status = 409, description = "terms of that day or later are there, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn propose_terms(
    State(doors): State<MatchDoors>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let given: TermsRequest = body(request).await?;
    officer.require_one_of(&[Role::Officer, Role::Operator], EVERYTHING)?;
    let (partner, terms) = given.terms()?;
    let approval = doors.matching.propose_terms(&officer, &partner, &terms).await?;
    let view = MatchProposedView { kind: TERMS, approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}
