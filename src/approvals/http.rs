//! The doors of approvals: what waits, and yes or no.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::approval::Approval;
use super::decide::{self, DecideError, Decision, Verdict};
use super::kinds::Kinds;
use super::sight::Sight;
use super::status::ApprovalStatus;
use super::store::{self, Wanted};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::ApprovalId;

const MOST: i64 = 500;
const USUAL: i64 = 100;
const LONGEST_REASON: usize = 1_000;

/// What the doors need.
#[derive(Debug, Clone)]
pub struct ApprovalDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// What can be approved.
    pub kinds: Kinds,
}

impl FromRef<ApprovalDoors> for PeopleDoor {
    fn from_ref(doors: &ApprovalDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<ApprovalDoors> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(approve))
        .routes(routes!(reject))
}

/// Which approvals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `pending`, `approved`, `rejected`, `expired` or `applied`; all when it is not given.
    status: Option<String>,
    /// The name of a kind, such as `endpoint.add`.
    kind: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// The `content_hash` of what was looked at.
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    content_hash: String,
    /// Why, for those who read it later.
    #[serde(default)]
    reason: Option<String>,
}

/// What one proposed and another decides.
#[derive(Debug, Serialize, ToSchema)]
struct ApprovalView {
    /// The id.
    id: Uuid,
    /// What is to be done.
    #[schema(example = "endpoint.add")]
    kind: String,
    /// What it is about.
    subject: String,
    /// The agency whose business it is, or `*`.
    agency: String,
    /// What is decided on; it never holds a secret.
    #[schema(value_type = Object)]
    content: serde_json::Value,
    /// SHA-256 of the content as canonical JSON (members sorted, no blanks), in hex.
    content_hash: String,
    /// Who proposed it.
    made_by: String,
    /// When.
    made_at: DateTime<Utc>,
    /// No decision after this.
    expires_at: DateTime<Utc>,
    /// `pending`, `approved`, `rejected`, `expired` or `applied`.
    #[schema(value_type = String, example = "pending")]
    status: ApprovalStatus,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    /// When it was decided, or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What who is signed in can do now.
    links: ApprovalLinks,
}

/// What can be done now.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ApprovalLinks {
    /// Where to approve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approve: Option<String>,
    /// Where to reject it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<String>,
}

/// A page of approvals; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
struct ApprovalList {
    /// The approvals, newest first.
    approvals: Vec<ApprovalView>,
}

impl ApprovalDoors {
    fn view(&self, approval: Approval, officer: &Officer) -> ApprovalView {
        let kind = self.kinds.get(&approval.kind);
        let open = approval.status == ApprovalStatus::Pending
            && approval.expires_at > self.people.clock.now()
            && kind.is_some_and(|k| decide::may_decide(officer, &approval, k).is_ok());
        let link =
            |verb| Some(format!("{}/v1/approvals/{}/{verb}", self.people.public_url, approval.id));
        let links = if open {
            ApprovalLinks { approve: link("approve"), reject: link("reject") }
        } else {
            ApprovalLinks::default()
        };
        ApprovalView {
            id: approval.id.0,
            content: approval.value(),
            content_hash: hex::encode(approval.content_hash),
            kind: approval.kind,
            subject: approval.subject,
            agency: approval.agency,
            made_by: approval.made_by,
            made_at: approval.made_at,
            expires_at: approval.expires_at,
            status: approval.status,
            decided_by: approval.decided_by,
            decided_at: approval.decided_at,
            reason: approval.reason,
            links,
        }
    }

    async fn decide(
        &self,
        officer: &Officer,
        (id, verdict): (&str, Verdict),
        request: Request,
    ) -> Result<Response, Problem> {
        let decision = read_decision(request, (approval_id(id)?, verdict)).await?;
        let with = (&self.kinds, &self.people.clock);
        let done = decide::decide(&self.people.pool, with, officer, &decision).await?;
        Ok(told(&officer.email, StatusCode::OK, &self.view(done, officer)))
    }
}

/// Reads a decision on an approval; rooms whose things are decided on have doors of their own.
pub async fn read_decision(
    request: Request,
    (id, verdict): (ApprovalId, Verdict),
) -> Result<Decision, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let given: DecisionRequest = read_json(&parts.headers, &body)?;
    let mut errors = Vec::new();
    let hash: Option<[u8; 32]> =
        hex::decode(&given.content_hash).ok().and_then(|bytes| bytes.try_into().ok());
    if hash.is_none() {
        errors.push(FieldError::new("/content_hash", "must be 64 digits in hex"));
    }
    let reason = given.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|r| r.chars().count() > LONGEST_REASON || r.contains('\0')) {
        errors.push(FieldError::new("/reason", "has at most 1000 characters"));
    }
    let (Some(content_hash), true) = (hash, errors.is_empty()) else {
        return Err(Problem::invalid(errors));
    };
    Ok(Decision { id, verdict, content_hash, reason: reason.map(str::to_owned) })
}

/// Approvals of the agencies in the scope of who is signed in, newest first.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals", params(ListQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = ApprovalList),
        (status = 422, description = "a parameter is wrong", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<ApprovalDoors>,
    officer: Officer,
    given: Result<Query<ListQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let mut errors = Vec::new();
    let mut read = |name: &str, good: bool, why: &str| {
        if !good {
            errors.push(FieldError::new(name, why));
        }
    };
    let status = given.status.as_deref().map(str::parse::<ApprovalStatus>);
    let states = "must be pending, approved, rejected, expired or applied";
    read("status", !matches!(status, Some(Err(_))), states);
    let kind = given.kind.as_deref();
    let known = kind.is_none_or(|kind| doors.kinds.get(kind).is_some());
    let kinds = doors.kinds.names().collect::<Vec<_>>().join(", ");
    read("kind", known, &format!("must be one of {kinds}"));
    let before = given.cursor.as_deref().map(Uuid::try_parse);
    read(
        "cursor",
        !matches!(before, Some(Err(_))),
        "must be taken from the Link of the page before",
    );
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    read("limit", (1..=MOST).contains(&limit), "must be a whole number from 1 to 500");
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let wanted = Wanted {
        sight: &Sight::of(&officer, &doors.kinds),
        status: status.and_then(Result::ok),
        kind,
        before: before.and_then(Result::ok).map(ApprovalId),
        limit: limit + 1,
    };
    let mut conn = doors.people.pool.acquire().await?;
    let mut found = store::approval_list(&mut conn, &wanted).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let last = found.last().map(|approval| approval.id.to_string());
    let approvals = found.into_iter().map(|approval| doors.view(approval, &officer)).collect();
    let mut response = told(&officer.email, StatusCode::OK, &ApprovalList { approvals });
    if let (true, Some(last)) = (more, last) {
        link_next(&mut response, request.uri(), &doors.people.public_url, &last);
    }
    Ok(response)
}

/// One approval, with all that is decided on.
#[utoipa::path(get, path = "/v1/approvals/{id}", tag = "approvals", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the approval")),
    responses(
        (status = 200, description = "strongly consistent", body = ApprovalView),
        (status = 404, description = "no such approval in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn read(
    State(doors): State<ApprovalDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut conn = doors.people.pool.acquire().await?;
    let found = store::approval_read(&mut conn, approval_id(&id)?).await?;
    let found = found.filter(|approval| Sight::of(&officer, &doors.kinds).holds(approval));
    let found = found.ok_or(Problem::new(ProblemType::NotFound))?;
    Ok(told(&officer.email, StatusCode::OK, &doors.view(found, &officer)))
}

/// Approves what another proposed, and does it before the same commit. The same again tells what
/// became of it.
#[utoipa::path(post, path = "/v1/approvals/{id}/approve", tag = "approvals",
    request_body = DecisionRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the approval")),
    responses(
        (status = 200, description = "done; strongly consistent", body = ApprovalView),
        (status = 403, description = "no role for it, or one's own making", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "decided already, expired, or not possible any more",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = 412, description = "the content is not what was looked at", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn approve(
    State(doors): State<ApprovalDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    doors.decide(&officer, (&id, Verdict::Approve), request).await
}

/// Rejects what another proposed; what waited is cleared away.
#[utoipa::path(post, path = "/v1/approvals/{id}/reject", tag = "approvals",
    request_body = DecisionRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the approval")),
    responses(
        (status = 200, description = "rejected; strongly consistent", body = ApprovalView),
        (status = 403, description = "no role for it, or one's own making", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "decided already, or expired", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 412, description = "the content is not what was looked at", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn reject(
    State(doors): State<ApprovalDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    doors.decide(&officer, (&id, Verdict::Reject), request).await
}

fn approval_id(text: &str) -> Result<ApprovalId, Problem> {
    Uuid::try_parse(text).map(ApprovalId).map_err(|_| Problem::new(ProblemType::NotFound))
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NotFound => Self::new(ProblemType::NotFound),
            DecideError::NotAllowed { .. } => {
                Self::new(ProblemType::Forbidden).detail(error.to_string())
            }
            DecideError::OwnMaking => Self::new(ProblemType::FourEyes),
            DecideError::NotActive => Self::new(ProblemType::NotSignedIn),
            DecideError::Changed => Self::new(ProblemType::ContentChanged),
            DecideError::Decided(_) | DecideError::Impossible(_) => {
                Self::new(ProblemType::AlreadyDecided).detail(error.to_string())
            }
            DecideError::NotYet(_) => Self::new(ProblemType::NotReleased).detail(error.to_string()),
            DecideError::UnknownKind(_) => Self::internal(&error),
            DecideError::Store(error) => error.into(),
        }
    }
}
