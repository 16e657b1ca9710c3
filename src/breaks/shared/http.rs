//! The doors of partners to the cases that are shared with them; signed, as all of theirs.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::{Answering, Proof};
use super::view::SharedBreak;
use crate::breaks::http::{as_download, parse, said};
use crate::breaks::store::reads::breaks_shared;
use crate::breaks::store::said::evidence_read;
use crate::callers::doors::{Doors, only_partners};
use crate::platform::http::{link_next, query, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::BreakId;

const MOST: i64 = 500;
const USUAL: i64 = 100;
/// A file of 10 MiB in base64, and the words around it.
const ANSWER: usize = 14 * 1024 * 1024;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct SharedDoors {
    /// Signatures and registers.
    pub doors: Doors,
    /// The use cases.
    pub answering: Answering,
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<SharedDoors> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read_one))
        .routes(routes!(answer))
        .routes(routes!(download))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SharedQuery {
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// A page of cases; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
struct SharedList {
    /// The newest first.
    breaks: Vec<SharedBreak>,
}

/// What a partner answers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnswerRequest {
    /// 1 to 4,000 characters.
    text: String,
    /// What shows it.
    #[serde(default)]
    proof: Option<ProofRequest>,
}

/// A file: PDF, PNG, JPEG, XLSX, XML, CSV or text, at most 10 MiB.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProofRequest {
    /// Its name.
    #[schema(example = "sao-ke.pdf")]
    name: String,
    /// Its bytes, base64.
    content: String,
}

/// The cases that are shared with the partner
///
/// Strongly consistent. Closed ones stay in the list.
#[utoipa::path(get, path = "/v1/partner/breaks", tag = "partner breaks", params(SharedQuery),
    responses(
        (status = 200, description = "A page; `Link: rel=\"next\"` while there is more", body = SharedList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<SharedDoors>,
    given: Result<Query<SharedQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let partner = only_partners(&caller)?;
    let given = query(given)?;
    let mut errors = Vec::new();
    let before = given.cursor.as_deref().map(Uuid::try_parse);
    if matches!(before, Some(Err(_))) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let before = before.and_then(Result::ok).map(BreakId);
    let mut conn = doors.answering.pool.acquire().await?;
    let mut found = breaks_shared(&mut conn, partner, (before, limit + 1)).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let last = found.last().map(|case| case.id);
    let mut breaks = Vec::with_capacity(found.len());
    for case in found {
        breaks.push(SharedBreak::read(&mut conn, case, doors.doors.clock().now()).await?);
    }
    let mut response = axum::Json(SharedList { breaks }).into_response();
    if let (true, Some(last)) = (more, last) {
        link_next(&mut response, request.uri(), doors.doors.public_url(), &last.to_string());
    }
    Ok(response)
}

/// Read a case that is shared with the partner
///
/// Strongly consistent.
#[utoipa::path(get, path = "/v1/partner/breaks/{id}", tag = "partner breaks",
    params(("id" = Uuid, Path, description = "The case")),
    responses(
        (status = 200, description = "The case as it stands", body = SharedBreak),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_one(
    State(doors): State<SharedDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let partner = only_partners(&caller)?;
    let told = doors.answering.read(partner, BreakId(parse(&id)?)).await?;
    Ok(axum::Json(told).into_response())
}

/// Answer a case, with a file when there is one
///
/// Strongly consistent. The case waits no more; whoever has it is told by its state.
#[utoipa::path(post, path = "/v1/partner/breaks/{id}/answers", tag = "partner breaks",
    request_body = AnswerRequest,
    params(("id" = Uuid, Path, description = "The case"),
           ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 201, description = "Kept; the case as it stands", body = SharedBreak),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn answer(
    State(doors): State<SharedDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, ANSWER).await?;
    let partner = only_partners(&write.caller)?;
    let given: AnswerRequest = read_json(&write.headers, &write.body)?;
    said("/text", &given.text, 4000)?;
    let proof = given.proof.map(|proof| {
        let bytes = STANDARD.decode(proof.content.as_bytes()).map_err(|_| {
            Problem::invalid(vec![FieldError::new("/proof/content", "must be base64")])
        })?;
        Ok::<_, Problem>(Proof { name: proof.name, bytes })
    });
    let id = BreakId(parse(&id)?);
    let proof = proof.transpose()?;
    let told = doors.answering.answer(partner, id, (&given.text, proof), &write.admission).await?;
    let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::CREATED);
    Ok((status, [(header::CONTENT_TYPE, "application/json")], told.body).into_response())
}

/// A file that was shared
///
/// Strongly consistent: byte for byte.
#[utoipa::path(get, path = "/v1/partner/breaks/{id}/evidence/{file}", tag = "partner breaks",
    params(("id" = Uuid, Path, description = "The case"),
           ("file" = Uuid, Path, description = "The file")),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn download(
    State(doors): State<SharedDoors>,
    Path((id, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let partner = only_partners(&caller)?;
    let (id, file) = (BreakId(parse(&id)?), parse(&file)?);
    // Only what is shared is there.
    doors.answering.read(partner, id).await?;
    let mut conn = doors.answering.pool.acquire().await?;
    let found = evidence_read(&mut conn, id, file).await?.filter(|found| found.shown.shared);
    found.map(as_download).ok_or_else(|| Problem::new(ProblemType::NotFound))
}
