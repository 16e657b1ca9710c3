//! The door to a person's roles: an admin proposes others, another decides at
//! `POST /v1/approvals/{id}`.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::change::{self, ROLES, RolesError, agency_of, roles_of};
use crate::approvals::propose::ProposeError;
use crate::people::add::{self, PersonError};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{Grant, Role};
use crate::platform::audit::By;
use crate::platform::http::{BODY, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<PeopleDoor> {
    OpenApiRouter::new().routes(routes!(propose))
}

/// Who gets which roles.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RolesRequest {
    /// The person's address.
    #[schema(example = "an@example.gov.vn")]
    email: String,
    /// All roles that they have from then on, each for an agency and all below it, or for everything.
    #[schema(example = json!(["officer:G01", "viewer"]))]
    roles: Vec<String>,
}

/// What waits for another admin.
#[derive(Debug, Serialize, ToSchema)]
struct RolesProposed {
    /// What is to be done.
    #[schema(example = "person.roles")]
    kind: &'static str,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

impl From<RolesError> for Problem {
    fn from(error: RolesError) -> Self {
        let told = error.to_string();
        let field = |pointer: &str| Self::invalid(vec![FieldError::new(pointer, told.clone())]);
        match error {
            RolesError::Person(PersonError::Unknown(_)) => Self::new(ProblemType::NotFound),
            RolesError::Person(PersonError::Store(error))
            | RolesError::Propose(ProposeError::Store(error))
            | RolesError::Store(error) => error.into(),
            RolesError::Person(PersonError::NoRole | PersonError::TwoSides) => field("/roles"),
            RolesError::Person(_) => field("/email"),
            RolesError::Same(_) | RolesError::Propose(_) => {
                Self::new(ProblemType::WrongState).detail(told)
            }
        }
    }
}

/// Proposes other roles for a person; another admin decides, and nobody on their own.
#[utoipa::path(post, path = "/v1/people/roles", tag = "people", request_body = RolesRequest,
    security(("session" = [])),
    responses(
        (status = 202, description = "it waits for another admin; strongly consistent",
            body = RolesProposed),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn propose(
    State(door): State<PeopleDoor>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let given: RolesRequest = read_json(&parts.headers, &body)?;
    let mut grants = Vec::with_capacity(given.roles.len());
    for (place, text) in given.roles.iter().enumerate() {
        let grant: Grant = text.parse().map_err(|error| {
            let pointer = format!("/roles/{place}");
            Problem::invalid(vec![FieldError::new(pointer, format!("{error}"))])
        })?;
        grants.push(grant);
    }
    let email = add::email(&given.email).map_err(RolesError::from)?;
    let before = roles_of(&mut *door.pool.acquire().await?, &email).await?;
    officer.require(Role::Admin, &agency_of(&before, &grants))?;
    let by = By { actor: &officer.email, at: door.clock.now() };
    let approval = change::propose(&door.pool, by, &email, &grants).await?;
    let view = RolesProposed { kind: ROLES, approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}
