//! The doors of delegation: lending a role for an absence, and ending that.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::delegations::lend;
use crate::people::delegate::{self, Wanted};
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::people::role::{EVERYTHING, Grant, Role};
use crate::people::store::delegations::{Listed, delegation_list};
use crate::platform::audit::By;
use crate::platform::http::{BODY, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::DelegationId;

const MOST: i64 = 500;

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<PeopleDoor> {
    OpenApiRouter::new().routes(routes!(list, propose)).routes(routes!(end))
}

/// A role to lend.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DelegationRequest {
    /// To whom, by address.
    #[schema(example = "binh@example.gov.vn")]
    receiver: String,
    /// Which role; one that the sender was given.
    #[schema(example = "approver")]
    role: String,
    /// For which agency with all below it, or `*`.
    #[schema(example = "G01")]
    scope: String,
    /// The first day, in Việt Nam.
    #[schema(value_type = String, example = "2026-11-23")]
    from: String,
    /// The last day; at most 92 days in all.
    #[schema(value_type = String, example = "2026-11-27")]
    until: String,
    /// Why, 1 to 200 characters.
    reason: String,
}

/// What waits for another.
#[derive(Debug, Serialize, ToSchema)]
struct DelegationProposed {
    /// The delegation.
    id: Uuid,
    /// What waits to be decided.
    approval: Uuid,
}

/// A role that is lent.
#[derive(Debug, Serialize, ToSchema)]
struct DelegationView {
    /// The id.
    id: Uuid,
    /// Who lends.
    giver: String,
    /// To whom.
    receiver: String,
    /// Which role.
    role: String,
    /// For which agency with all below it, or `*`.
    scope: String,
    /// The first day.
    #[schema(value_type = String, example = "2026-11-23")]
    from: NaiveDate,
    /// The last day.
    #[schema(value_type = String, example = "2026-11-27")]
    until: NaiveDate,
    /// Why.
    reason: String,
    /// When another approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<DateTime<Utc>>,
    /// When it was ended, or not approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
}

/// Delegations.
#[derive(Debug, Serialize, ToSchema)]
struct DelegationList {
    /// The newest first, at most 500.
    delegations: Vec<DelegationView>,
}

/// Delegations from and to who is signed in; admins and auditors of everything see all.
#[utoipa::path(get, path = "/v1/delegations", tag = "people", security(("session" = [])),
    responses(
        (status = 200, description = "strongly consistent", body = DelegationList),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn list(State(door): State<PeopleDoor>, officer: Officer) -> Result<Response, Problem> {
    let all = officer.may(Role::Admin, EVERYTHING) || officer.may(Role::Auditor, EVERYTHING);
    let of = (!all).then_some(officer.id);
    let found = delegation_list(&mut *door.pool.acquire().await?, of, MOST).await?;
    let view = |row: Listed| DelegationView {
        id: row.delegation_id.0,
        giver: row.giver,
        receiver: row.receiver,
        role: row.role,
        scope: row.scope,
        from: row.first_day,
        until: row.last_day,
        reason: row.reason,
        approved_at: row.approved_at,
        ended_at: row.ended_at,
    };
    let delegations = found.into_iter().map(view).collect();
    Ok(told(&officer.email, StatusCode::OK, &DelegationList { delegations }))
}

/// Proposes to lend a role of one's own for some days.
#[utoipa::path(post, path = "/v1/delegations", tag = "people", request_body = DelegationRequest,
    security(("session" = [])),
    responses(
        (status = 202, description = "it waits for another; strongly consistent",
            body = DelegationProposed),
        (status = 422, description = "not one's own role, nobody known, or no days",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn propose(
    State(door): State<PeopleDoor>,
    officer: Officer,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let given: DelegationRequest = read_json(&parts.headers, &body)?;
    let mut errors = Vec::new();
    let grant: Result<Grant, _> = format!("{}:{}", given.role, given.scope).parse();
    if let Err(error) = &grant {
        errors.push(FieldError::new("/role", error.to_string()));
    }
    let mut day = |pointer: &str, text: &str| {
        let day = text.parse::<NaiveDate>();
        if day.is_err() {
            errors.push(FieldError::new(pointer, "must be a day such as 2026-11-23"));
        }
        day.unwrap_or(NaiveDate::MIN)
    };
    let (first_day, last_day) = (day("/from", &given.from), day("/until", &given.until));
    let (Ok(grant), true) = (grant, errors.is_empty()) else {
        return Err(Problem::invalid(errors));
    };
    let (receiver, reason) = (&*given.receiver, &*given.reason);
    let wanted = Wanted { receiver, grant, first_day, last_day, reason };
    let by = By { actor: &officer.email, at: door.clock.now() };
    let (id, approval) = lend(&door.pool, by, &officer, &wanted).await?;
    let view = DelegationProposed { id: id.0, approval: approval.0 };
    Ok(told(&officer.email, StatusCode::ACCEPTED, &view))
}

/// Ends a delegation at once: by who lent, by who was lent to, or by an admin.
#[utoipa::path(post, path = "/v1/delegations/{id}/end", tag = "people",
    security(("session" = [])), params(("id" = Uuid, Path, description = "the delegation")),
    responses(
        (status = 204, description = "ended; strongly consistent"),
        (status = 404, description = "no such delegation of this person", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it has ended already", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn end(
    State(door): State<PeopleDoor>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = Uuid::try_parse(&id).map_err(|_| Problem::new(ProblemType::NotFound))?;
    let by = By { actor: &officer.email, at: door.clock.now() };
    delegate::end(&door.pool, by, &officer, DelegationId(id)).await?;
    let mut response = axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT);
    response.extensions_mut().insert(crate::platform::http::CallerName(officer.email));
    Ok(response)
}
