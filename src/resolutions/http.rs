//! The doors of officers to ways out: what it would do, and proposing it. Another decides at
//! `POST /v1/approvals/{id}`.

use axum::extract::{FromRef, Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Resolving;
use super::kind::RESOLVE;
use super::rehearse::Preview;
use super::wish::Wish;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, read_body, read_json};
use crate::platform::problem::{PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::BreakId;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct ResolutionDoors {
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The use cases.
    pub resolving: Resolving,
}

impl FromRef<ResolutionDoors> for PeopleDoor {
    fn from_ref(doors: &ResolutionDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<ResolutionDoors> {
    OpenApiRouter::new().routes(routes!(preview)).routes(routes!(propose))
}

/// A way out that is proposed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProposalRequest {
    /// The way out.
    wish: Wish,
    /// The `content_hash` of the preview: when it would do something else now, the answer is 412.
    #[serde(default)]
    content_hash: Option<String>,
}

/// A way out that waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct ProposedWay {
    /// What is to be done.
    #[schema(example = "break.resolve")]
    kind: &'static str,
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
    /// What it will do.
    preview: Preview,
}

fn parse(text: &str) -> Result<BreakId, Problem> {
    Uuid::try_parse(text).map(BreakId).map_err(|_| Problem::new(ProblemType::NotFound))
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

/// What a way out of a case would do, with the entries exactly as they would be booked.
///
/// Nothing is written. Who may propose it may see it.
#[utoipa::path(post, path = "/v1/breaks/{id}/preview", tag = "breaks", request_body = Wish,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 200, description = "as it would be now; strongly consistent", body = Preview),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn preview(
    State(doors): State<ResolutionDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let wish: Wish = read(request).await?;
    wish.check()?;
    let rehearsal = doors.resolving.preview(&officer, id, &wish).await?;
    Ok(told(&officer.email, StatusCode::OK, &rehearsal.view(&wish)))
}

/// Proposes a way out of a case; another person decides.
#[utoipa::path(post, path = "/v1/breaks/{id}/propose", tag = "breaks",
    request_body = ProposalRequest,
    security(("session" = [])), params(("id" = Uuid, Path, description = "the case")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ProposedWay),
        (status = 412, description = "it would do something else than was shown",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn propose(
    State(doors): State<ResolutionDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let given: ProposalRequest = read(request).await?;
    given.wish.check()?;
    let about = (&given.wish, given.content_hash.as_deref());
    let (approval, rehearsal) = doors.resolving.propose(&officer, id, about).await?;
    let preview = rehearsal.view(&given.wish);
    let view = ProposedWay { kind: RESOLVE, approval: approval.0, preview };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}
