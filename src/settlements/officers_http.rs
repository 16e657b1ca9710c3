//! The door of officers to settlements that a partner takes back outside of its interface.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::told_back::{self, ReverseError};
use crate::approvals::propose::ProposeError;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::SettlementId;

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<PeopleDoor> {
    OpenApiRouter::new().routes(routes!(propose))
}

/// What a partner says of a settlement, by another way than its interface.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReversalProposal {
    /// The partner's own reference of the reversal: 1 to 100 characters. It takes back one settlement.
    #[schema(example = "CB-2026-00017")]
    reference: String,
    /// Why, and who said so: 1 to 200 characters.
    #[schema(example = "chargeback after a dispute; the wallet's letter of 15 January")]
    reason: String,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct ReversalView {
    /// The settlement, by our id.
    settlement: Uuid,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

/// Proposes that a partner took a settlement back; another person decides. Once approved the debt is
/// open again, and the portal is told.
#[utoipa::path(post, path = "/v1/settlements/{id}/reversal-proposal", tag = "settlements",
    request_body = ReversalProposal, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the settlement, by our id")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent",
            body = ReversalView),
        (status = 404, description = "no such booked settlement in this person's scope",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = 409, description = "it was taken back, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn propose(
    State(door): State<PeopleDoor>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let given: ReversalProposal = read_json(&parts.headers, &body)?;
    let (reference, reason) = (given.reference.trim(), given.reason.trim());
    let fits = |text: &str, most| {
        (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    let mut errors = Vec::new();
    if !fits(reference, 100) {
        errors.push(FieldError::new("/reference", "must have 1 to 100 characters"));
    }
    if !fits(reason, 200) {
        errors.push(FieldError::new("/reason", "must have 1 to 200 characters"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let id = Uuid::try_parse(&id).map_err(|_| Problem::new(ProblemType::NotFound))?;
    let (said, now) = ((reference, reason), door.clock.now());
    let approval = told_back::propose(&door.pool, &officer, SettlementId(id), said, now).await?;
    let view = ReversalView { settlement: id, approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

impl From<ReverseError> for Problem {
    fn from(error: ReverseError) -> Self {
        match error {
            ReverseError::NotFound => Self::new(ProblemType::NotFound),
            ReverseError::NotAllowed { .. } => {
                Self::new(ProblemType::Forbidden).detail(error.to_string())
            }
            ReverseError::TakenBack(_)
            | ReverseError::Propose(
                ProposeError::AlreadyPending { .. } | ProposeError::BootstrapOver,
            ) => Self::new(ProblemType::WrongState).detail(error.to_string()),
            ReverseError::Propose(ProposeError::Store(error)) | ReverseError::Store(error) => {
                error.into()
            }
        }
    }
}
