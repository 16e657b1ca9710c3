//! The doors of officers to refunds: each proposes, another decides at `POST /v1/approvals/{id}`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::forms::{
    BankedRequest, OfficerRefundRequest, RefundAccountRequest, RefundEndRequest, is_text,
};
use super::kind::About;
use super::list::{Filter, Seen};
use super::{Desk, OfficerError};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::refunds::account_approval::APPROVE;
use crate::refunds::status::RefundStatus;
use crate::refunds::view::RefundView;
use crate::vocabulary::ids::{ApprovalId, InvoiceId, RefundId, SettlementId};

const MOST: i64 = 500;
const USUAL: i64 = 100;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct OfficerDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The use cases.
    pub desk: Desk,
}

impl FromRef<OfficerDoors> for PeopleDoor {
    fn from_ref(doors: &OfficerDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<OfficerDoors> {
    OpenApiRouter::new()
        .routes(routes!(list, ask))
        .routes(routes!(put_forward))
        .routes(routes!(name_account))
        .routes(routes!(end))
        .routes(routes!(banked))
        .routes(routes!(open_again))
        .routes(routes!(paid_over))
}

/// Which refunds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RefundsQuery {
    /// `requested`, `approved`, `sent`, `confirmed`, `failed` or `refused`; all when it is not given.
    status: Option<String>,
    /// Of invoices of this agency and those below it.
    agency: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct ProposedView {
    /// What is to be done.
    #[schema(example = "refund.approve")]
    kind: &'static str,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

/// A refund as an officer sees it.
#[derive(Debug, Serialize, ToSchema)]
struct OfficerRefundView<'a> {
    /// The refund.
    refund: RefundView<'a>,
    /// The agency of its invoice.
    agency: &'a str,
    /// The code of its invoice.
    invoice: &'a str,
    /// The approval that it waits for, when it was just proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Uuid>,
}

/// A page of refunds; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
struct OfficerRefundList<'a> {
    /// The newest first.
    refunds: Vec<OfficerRefundView<'a>>,
}

impl OfficerDoors {
    fn view<'a>(&self, seen: &'a Seen, approval: Option<ApprovalId>) -> OfficerRefundView<'a> {
        OfficerRefundView {
            refund: RefundView::of(&seen.refund, seen.released, &self.people.public_url),
            agency: &seen.agency,
            invoice: &seen.invoice,
            approval: approval.map(|id| id.0),
        }
    }
}

fn waits(officer: &Officer, kind: &'static str, approval: ApprovalId) -> Response {
    let view = ProposedView { kind, approval: approval.0 };
    told(&officer.email, StatusCode::ACCEPTED, &view)
}

fn parse(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

/// Refunds of the agencies in the scope of who is signed in, newest first.
#[utoipa::path(get, path = "/v1/refunds", tag = "refunds", params(RefundsQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = OfficerRefundList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    given: Result<Query<RefundsQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let mut errors = Vec::new();
    let status = given.status.as_deref().map(str::parse::<RefundStatus>);
    if matches!(status, Some(Err(_))) {
        let states = "must be requested, approved, sent, confirmed, failed or refused";
        errors.push(FieldError::new("status", states));
    }
    let before = given.cursor.as_deref().map(Uuid::try_parse);
    if matches!(before, Some(Err(_))) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    if given.agency.as_deref().is_some_and(|agency| !is_text(agency, 40)) {
        errors.push(FieldError::new("agency", "must be the code of an agency"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let filter = Filter {
        status: status.and_then(Result::ok),
        agency: given.agency.as_deref(),
        before: before.and_then(Result::ok).map(RefundId),
        limit: limit + 1,
    };
    let mut found = doors.desk.list(&officer, &filter).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let refunds = found.iter().map(|seen| doors.view(seen, None)).collect();
    let mut response = told(&officer.email, StatusCode::OK, &OfficerRefundList { refunds });
    if let (true, Some(last)) = (more, found.last()) {
        let cursor = last.refund.id.to_string();
        link_next(&mut response, request.uri(), &doors.people.public_url, &cursor);
    }
    Ok(response)
}

/// Asks for a refund as an officer; another person approves it before it goes out.
///
/// `refundable` is the guard: when it is not what can be asked back now, the answer is 412 and
/// nothing is written.
#[utoipa::path(post, path = "/v1/refunds", tag = "refunds", request_body = OfficerRefundRequest,
    security(("session" = [])),
    responses(
        (status = 201, description = "asked for, and it waits for another; strongly consistent",
            body = OfficerRefundView),
        (status = 404, description = "no such invoice in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 412, description = "what can be refunded has changed", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn ask(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let given: OfficerRefundRequest = read(request).await?;
    let (refund, approval) = doors.desk.ask(&officer, &given.wanted()?).await?;
    let mut conn = doors.people.pool.acquire().await?;
    let seen = doors.desk.seen(&mut conn, refund).await?;
    Ok(told(&officer.email, StatusCode::CREATED, &doors.view(&seen, Some(approval))))
}

/// Proposes the approval of a refund that a portal or the clock asked for.
#[utoipa::path(post, path = "/v1/refunds/{id}/proposal", tag = "refunds",
    security(("session" = [])), params(("id" = Uuid, Path, description = "the refund")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedView),
        (status = 404, description = "no such refund in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it is decided, or the same waits already", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn put_forward(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let approval = doors.desk.put_forward(&officer, RefundId(parse(&id)?)).await?;
    Ok(waits(&officer, About::Approve.as_str(), approval))
}

/// Proposes the account that the payer names; refunds of the invoice by transfer go there.
#[utoipa::path(post, path = "/v1/refunds/{id}/account", tag = "refunds",
    request_body = RefundAccountRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the refund")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedView),
        (status = 404, description = "no such refund in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn name_account(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let given: RefundAccountRequest = read(request).await?;
    let account = given.account()?;
    let id = RefundId(parse(&id)?);
    let approval = doors.desk.name_account(&officer, id, &account).await?;
    Ok(waits(&officer, APPROVE, approval))
}

/// Proposes how a refund that was sent ended: a transfer or a claim, or one that its partner cannot
/// vouch for after a day.
#[utoipa::path(post, path = "/v1/refunds/{id}/end", tag = "refunds",
    request_body = RefundEndRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the refund")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedView),
        (status = 404, description = "no such refund in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it was not sent, has ended, or its partner is still asked",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn end(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let given: RefundEndRequest = read(request).await?;
    let end = given.end()?;
    let approval = doors.desk.finish(&officer, RefundId(parse(&id)?), &end).await?;
    Ok(waits(&officer, About::Finish.as_str(), approval))
}

/// Proposes that a settlement was seen in the bank; who proposes it does not release what is due back
/// of it.
#[utoipa::path(post, path = "/v1/settlements/{id}/banked", tag = "refunds",
    request_body = BankedRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the settlement, by our id")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedView),
        (status = 404, description = "no such settlement in this person's scope",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = 409, description = "it was confirmed before, or taken back", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn banked(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let given: BankedRequest = read(request).await?;
    let account = given.account()?;
    let id = SettlementId(parse(&id)?);
    let approval = doors.desk.banked(&officer, id, account).await?;
    Ok(waits(&officer, About::Banked.as_str(), approval))
}

/// Proposes to open the refund of what is due back of a settlement once more.
#[utoipa::path(post, path = "/v1/settlements/{id}/refund", tag = "refunds",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "the settlement, by our id")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedView),
        (status = 404, description = "no such settlement in this person's scope",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = 409, description = "nothing is due back, or a refund of it is under way or done",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn open_again(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let approval = doors.desk.open_again(&officer, SettlementId(parse(&id)?)).await?;
    Ok(waits(&officer, About::OpenAgain.as_str(), approval))
}

/// Proposes that a line of an invoice was paid over; what is given back of it is the Treasury's then.
#[utoipa::path(post, path = "/v1/invoices/{id}/lines/{line}/paid-over", tag = "refunds",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "the invoice"),
           ("line" = u32, Path, description = "the line, from 1")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedView),
        (status = 404, description = "no such line in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it is not paid, or known to be paid over", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn paid_over(
    State(doors): State<OfficerDoors>,
    officer: Officer,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let line = line.parse().map_err(|_| OfficerError::NotFound)?;
    let approval = doors.desk.paid_over(&officer, InvoiceId(parse(&id)?), line).await?;
    Ok(waits(&officer, About::PaidOver.as_str(), approval))
}
