//! The door of officers to attempts that nobody can say anything of.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::resolve::{self, Resolution, ResolveError};
use crate::approvals::propose::ProposeError;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::AttemptId;

const LONGEST_REASON: usize = 1_000;

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<PeopleDoor> {
    OpenApiRouter::new().routes(routes!(end))
}

/// How an attempt is to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResolutionRequest {
    /// `failed`: the partner says, by another way, that no money moved. `expired`: nobody says
    /// anything. Never paid: money is booked by a partner's word or statement alone.
    #[serde(rename = "as")]
    #[schema(value_type = String, example = "failed")]
    resolution: Resolution,
    /// Who said what, and when: 1 to 1000 characters.
    #[schema(example = "the bank's desk, Mr Bình, 15 January: no debit under this order")]
    reason: String,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct ResolutionView {
    /// The attempt.
    attempt: Uuid,
    /// How it is to end.
    #[serde(rename = "as")]
    #[schema(value_type = String, example = "failed")]
    resolution: Resolution,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

/// Proposes to end an attempt that nobody can say anything of; another person decides.
#[utoipa::path(post, path = "/v1/attempts/{id}/resolution", tag = "attempts",
    request_body = ResolutionRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the attempt, as its case names it")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent",
            body = ResolutionView),
        (status = 404, description = "no such attempt in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "something is known of it, its time is not over, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn end(
    State(door): State<PeopleDoor>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let given: ResolutionRequest = read_json(&parts.headers, &body)?;
    let reason = given.reason.trim();
    if !(1..=LONGEST_REASON).contains(&reason.chars().count()) || reason.contains('\0') {
        let error = FieldError::new("/reason", "must have 1 to 1000 characters");
        return Err(Problem::invalid(vec![error]));
    }
    let id = Uuid::try_parse(&id).map_err(|_| Problem::new(ProblemType::NotFound))?;
    let how = (given.resolution, reason);
    let now = door.clock.now();
    let approval = resolve::propose(&door.pool, &officer, AttemptId(id), how, now).await?;
    let view = ResolutionView { attempt: id, resolution: given.resolution, approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::NotFound => Self::new(ProblemType::NotFound),
            ResolveError::NotAllowed { .. } => {
                Self::new(ProblemType::Forbidden).detail(error.to_string())
            }
            ResolveError::Known(_)
            | ResolveError::TooSoon(_)
            | ResolveError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(error.to_string()),
            ResolveError::Propose(ProposeError::Store(error)) | ResolveError::Store(error) => {
                error.into()
            }
        }
    }
}
