//! The doors of a portal to its own endpoints and deliveries.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::listing::{self, Ask, Cursor, ListError};
use super::manage::{self, Deed, Ground, ManageError};
use super::notice_id::DeliveryKey;
use super::status::DeliveryState;
use super::views::{DeliveryList, DeliveryView, EndpointList, EndpointView, Redelivered};
use crate::approvals::propose::ProposeError;
use crate::callers::doors::{Doors, SignedWrite, only_portals};
use crate::platform::admission::StoredAnswer;
use crate::platform::egress::Policy;
use crate::platform::http::{BODY, CallerName, link_next, query, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::platform::seal::MasterKeys;
use crate::portals::endpoint::{self, EndpointError};
use crate::portals::store::endpoint_list;
use crate::registers::live::LiveDirectory;
use crate::vocabulary::ids::EndpointId;

const MOST: u16 = 500;
const USUAL: u16 = 100;
/// What is asked for again is not older: later it is read from the feed.
const OLDEST: TimeDelta = TimeDelta::days(31);

/// What the doors need.
#[derive(Debug, Clone)]
pub struct NoticesDoor {
    /// Signatures and callers.
    pub doors: Doors,
    /// The database.
    pub pool: PgPool,
    /// Read again when an endpoint changed.
    pub directory: LiveDirectory,
    /// The keys that seal endpoints' secrets.
    pub keys: Arc<MasterKeys>,
    /// Which addresses an endpoint may have.
    pub policy: Policy,
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<NoticesDoor> {
    OpenApiRouter::new()
        .routes(routes!(add, list_endpoints))
        .routes(routes!(read, disable))
        .routes(routes!(rotate))
        .routes(routes!(enable))
        .routes(routes!(redeliver_since))
        .routes(routes!(list_deliveries))
        .routes(routes!(redeliver))
}

/// A new endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddRequest {
    /// The address, https on the public internet.
    #[schema(example = "https://dichvucong.example.gov.vn/payclear")]
    url: String,
}

/// From when on an endpoint is told again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SinceRequest {
    /// Notices of steps at this time or later, at most 31 days ago (RFC 3339).
    since: DateTime<Utc>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `due`, `delivered` or `parked`; all when it is not given.
    state: Option<String>,
    /// An endpoint's id.
    endpoint: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// Makes an endpoint. Its secret is shown in this answer only. It is `pending`, and told nothing,
/// until an officer of the service has approved its address.
#[utoipa::path(post, path = "/v1/endpoints", tag = "notices", request_body = AddRequest,
    params(("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 201, description = "made; strongly consistent", body = EndpointView),
        (status = 422, description = "not an address that is called, or too many endpoints",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn add(State(state): State<NoticesDoor>, request: Request) -> Result<Response, Problem> {
    let signed = state.signed_write(request).await?;
    let wanted: AddRequest = read_json(&signed.headers, &signed.body)?;
    let url = endpoint::address(&wanted.url, state.policy).map_err(ManageError::Endpoint)?;
    state.manage(&signed, Deed::Add(url)).await
}

/// The portal's endpoints.
#[utoipa::path(get, path = "/v1/endpoints", tag = "notices",
    responses(
        (status = 200, description = "all of them; strongly consistent", body = EndpointList),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn list_endpoints(
    State(state): State<NoticesDoor>,
    request: Request,
) -> Result<Response, Problem> {
    let portal = state.signed_read(&request)?;
    let mut conn = state.pool.acquire().await?;
    let rows = endpoint_list(&mut conn, Some(&portal)).await?;
    let endpoints = rows.into_iter().map(EndpointView::from).collect();
    Ok(sent(&portal, super::views::answer(200, &EndpointList { endpoints })))
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/endpoints/{id}", tag = "notices",
    params(("id" = Uuid, Path, description = "the endpoint")),
    responses(
        (status = 200, description = "strongly consistent", body = EndpointView),
        (status = 404, description = "the portal has no such endpoint", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn read(
    State(state): State<NoticesDoor>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let portal = state.signed_read(&request)?;
    let mut conn = state.pool.acquire().await?;
    let view = manage::endpoint_in(&mut conn, &portal, endpoint_id(&id)?).await?;
    Ok(sent(&portal, super::views::answer(200, &view)))
}

/// Disables an endpoint: it is told nothing until it is enabled again. One that is disabled already
/// is taken away for good.
#[utoipa::path(delete, path = "/v1/endpoints/{id}", tag = "notices",
    params(("id" = Uuid, Path, description = "the endpoint"),
        ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "disabled, or gone; strongly consistent", body = EndpointView),
        (status = 404, description = "the portal has no such endpoint", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn disable(
    State(state): State<NoticesDoor>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let signed = state.signed_write(request).await?;
    state.manage(&signed, Deed::Disable(endpoint_id(&id)?)).await
}

/// Enables an endpoint that was disabled by hand or by its answer 410.
#[utoipa::path(post, path = "/v1/endpoints/{id}/enable", tag = "notices",
    params(("id" = Uuid, Path, description = "the endpoint"),
        ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "open; strongly consistent", body = EndpointView),
        (status = 404, description = "the portal has no such endpoint", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn enable(
    State(state): State<NoticesDoor>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let signed = state.signed_write(request).await?;
    state.manage(&signed, Deed::Enable(endpoint_id(&id)?)).await
}

/// Draws a new secret, shown in this answer only. For 24 hours notices carry two signatures, one
/// with the new secret and one with the old.
#[utoipa::path(post, path = "/v1/endpoints/{id}/rotate", tag = "notices",
    params(("id" = Uuid, Path, description = "the endpoint"),
        ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "rotated; strongly consistent", body = EndpointView),
        (status = 404, description = "the portal has no such endpoint", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn rotate(
    State(state): State<NoticesDoor>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let signed = state.signed_write(request).await?;
    state.manage(&signed, Deed::Rotate(endpoint_id(&id)?)).await
}

/// Sends an endpoint again what was parked since a time, and what it was never sent because it was
/// disabled or not there yet.
#[utoipa::path(post, path = "/v1/endpoints/{id}/redeliver", tag = "notices",
    request_body = SinceRequest,
    params(("id" = Uuid, Path, description = "the endpoint"),
        ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 202, description = "due now; sent soon", body = Redelivered),
        (status = 404, description = "the portal has no such endpoint", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "the endpoint is disabled", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn redeliver_since(
    State(state): State<NoticesDoor>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let signed = state.signed_write(request).await?;
    let wanted: SinceRequest = read_json(&signed.headers, &signed.body)?;
    let now = state.doors.clock().now();
    if wanted.since > now || wanted.since < now - OLDEST {
        let why = "must lie in the last 31 days; older steps are in GET /v1/events";
        return Err(Problem::invalid(vec![FieldError::new("/since", why)]));
    }
    state.manage(&signed, Deed::RedeliverSince(endpoint_id(&id)?, wanted.since)).await
}

/// The portal's deliveries: due ones by their next time, all others newest first.
#[utoipa::path(get, path = "/v1/deliveries", tag = "notices", params(ListQuery),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = DeliveryList),
        (status = 422, description = "a parameter is wrong", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn list_deliveries(
    State(state): State<NoticesDoor>,
    given: Result<Query<ListQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let portal = state.signed_read(&request)?;
    let page = listing::page(&state.pool, asked(&portal, &query(given)?)?).await?;
    let deliveries = page.rows.into_iter().map(DeliveryView::from).collect();
    let mut response = sent(&portal, super::views::answer(200, &DeliveryList { deliveries }));
    if let Some(next) = page.next {
        let url = state.doors.public_url();
        link_next(&mut response, request.uri(), url, &next.to_string());
    }
    Ok(response)
}

/// Sends a notice again, also one that was delivered.
#[utoipa::path(post, path = "/v1/deliveries/{id}/redeliver", tag = "notices",
    params(("id" = String, Path, description = "the delivery: the `webhook-id` of the notice"),
        ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 202, description = "due now; sent soon", body = DeliveryView),
        (status = 404, description = "the portal has no such delivery", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "the endpoint is disabled", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn redeliver(
    State(state): State<NoticesDoor>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let signed = state.signed_write(request).await?;
    let key = DeliveryKey::parse(&id).ok_or(Problem::new(ProblemType::NotFound))?;
    state.manage(&signed, Deed::Redeliver(key)).await
}

impl NoticesDoor {
    async fn signed_write(&self, request: Request) -> Result<SignedWrite, Problem> {
        let signed = self.doors.signed_write(request, BODY).await?;
        only_portals(&signed.caller)?;
        Ok(signed)
    }

    /// The portal that asks.
    fn signed_read(&self, request: &Request) -> Result<String, Problem> {
        let caller = self.doors.signed_read(request)?;
        only_portals(&caller).map(str::to_owned)
    }

    async fn manage(&self, signed: &SignedWrite, deed: Deed) -> Result<Response, Problem> {
        let portal = &signed.caller.code;
        let now = self.doors.clock().now();
        let ground = Ground { pool: &self.pool, keys: &self.keys, now };
        let answer = manage::manage(ground, &signed.admission, portal, &deed).await?;
        if deed.changes_the_directory()
            && let Err(error) = self.directory.refresh().await
        {
            tracing::warn!(%error, "the directory cannot be read again");
        }
        Ok(sent(portal, answer))
    }
}

fn endpoint_id(text: &str) -> Result<EndpointId, Problem> {
    Uuid::try_parse(text).map(EndpointId).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// An answer as it goes out. Some show a secret: nobody between shall keep any.
fn sent(portal: &str, answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(CallerName(format!("portal/{portal}")));
    response
}

/// What the query asks for.
fn asked<'a>(portal: &'a str, query: &ListQuery) -> Result<Ask<'a>, Problem> {
    let mut errors = Vec::new();
    let mut read = |name: &str, good: bool, why: &str| {
        if !good {
            errors.push(FieldError::new(name, why));
        }
    };
    let state = query.state.as_deref().map(str::parse::<DeliveryState>);
    read("state", !matches!(state, Some(Err(_))), "must be due, delivered or parked");
    let endpoint = query.endpoint.as_deref().map(Uuid::try_parse);
    read("endpoint", !matches!(endpoint, Some(Err(_))), "must be the id of an endpoint");
    let cursor = query.cursor.as_deref().map(Cursor::parse);
    read("cursor", cursor != Some(None), "must be taken from the Link of the page before");
    let limit = query.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    read("limit", (1..=MOST).contains(&limit), "must be a whole number from 1 to 500");
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    Ok(Ask {
        portal,
        state: state.and_then(Result::ok),
        endpoint: endpoint.and_then(Result::ok).map(EndpointId),
        cursor: cursor.flatten(),
        limit,
    })
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::OtherCursor => {
                Self::invalid(vec![FieldError::new("cursor", error.to_string())])
            }
            ListError::Store(error) => error.into(),
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::NotAdmitted(error) => error.into(),
            ManageError::NoDelivery => Self::new(ProblemType::NotFound),
            ManageError::NotOpen => Self::new(ProblemType::WrongState).detail(error.to_string()),
            ManageError::TooLong => Self::new(ProblemType::Unavailable).retry_after(5),
            ManageError::Store(error) | ManageError::Propose(ProposeError::Store(error)) => {
                error.into()
            }
            ManageError::Endpoint(error) => match error {
                EndpointError::NotFound { .. } => Self::new(ProblemType::NotFound),
                EndpointError::Store(error) => error.into(),
                EndpointError::Address(_)
                | EndpointError::TooLong
                | EndpointError::Fragment
                | EndpointError::TooMany => {
                    Self::invalid(vec![FieldError::new("/url", error.to_string())])
                }
                EndpointError::Pending | EndpointError::NotPending => {
                    Self::new(ProblemType::WrongState).detail(error.to_string())
                }
                EndpointError::UnknownPortal { .. } | EndpointError::Sealed(_) => {
                    Self::internal(&error)
                }
            },
            ManageError::WrongStep(_) | ManageError::Sealed(_) | ManageError::Propose(_) => {
                Self::internal(&error)
            }
        }
    }
}
