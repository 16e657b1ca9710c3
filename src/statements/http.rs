//! The signed door of partners: a statement or a report, as it is, in the body.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::intake::{Arrival, Intake, IntakeError, Source, Taken};
use super::spool::{Spool, SpoolError, SpoolWriter};
use super::verdict::{Outcome, Verdict};
use crate::callers::doors::{Doors, only_partners};
use crate::platform::admission;
use crate::platform::http;
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::platform::settings::StatementsSettings;

/// The longest name of a file (characters).
const LONGEST_NAME: usize = 200;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct StatementDoors {
    /// Signatures and registers.
    pub doors: Doors,
    /// Taking files in.
    pub intake: Intake,
    /// Limits.
    pub settings: std::sync::Arc<StatementsSettings>,
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<StatementDoors> {
    OpenApiRouter::new().routes(routes!(post))
}

/// A file that was not taken: the problem, and the verdict that says why by line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementProblem {
    /// A registered type: a path of this service.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The same for every problem of the type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was found, by line.
    #[schema(value_type = Verdict)]
    verdict: Box<serde_json::value::RawValue>,
}

/// Send a statement or report
///
/// The body is the file itself: camt.053, camt.054, MT940, or a report whose mapping is registered.
/// Strongly consistent: what is answered with 200 is kept, and its lines are matched next. The same
/// bytes again have no effect and get the first answer, byte for byte. The same statement id with
/// other content is 409: officers decide which stands. What is not taken is 422 with every mistake by
/// line; nothing of it is used.
#[utoipa::path(post, path = "/v1/statements", tag = "statements",
    request_body(content_type = "application/octet-stream", content = Vec<u8>,
        description = "the file, of whatever content type"),
    params(("name" = Option<String>, Query, description = "the file's name"),
           ("idempotency-key" = String, Header, description = "Signed, not stored: the bytes decide")),
    responses(
        (status = 200, description = "Kept, now or before: `accepted`, `noted` or `quarantined`", body = Verdict),
        (status = 409, description = "The same statement stands with other content, or is being read",
            body = StatementProblem, content_type = PROBLEM_JSON),
        (status = 422, description = "Not taken", body = StatementProblem, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn post(State(doors): State<StatementDoors>, request: Request) -> Result<Response, Problem> {
    let head = doors.doors.signed_head(request)?;
    let partner = only_partners(&head.caller)?.to_owned();
    let name = name_of(&head.query)?;
    let unsigned = || Problem::new(ProblemType::Unauthenticated);
    let sha_512 = head.digest.asks_for_sha_512();
    let spool = spool(&doors.settings, sha_512, head.body).await?;
    head.digest.covers(&spool.sha256, &spool.sha512).map_err(|_| unsigned())?;
    {
        let mut conn = doors.intake.pool.acquire().await?;
        let new = admission::use_nonces_in(&mut conn, &[&head.nonce]).await?;
        if new != [true] {
            return Err(unsigned());
        }
    }
    let by = head.caller.to_string();
    let source = Source::Api;
    let arrival = Arrival { name: &name, source, by: &by, partner: Some(&partner) };
    // The nonce is used up: whatever is answered now was decided with it.
    match doors.intake.take(&spool, arrival).await {
        Ok(taken) => Ok(http::decided(answer(taken))),
        Err(error) => Ok(http::decided(Problem::from(error))),
    }
}

/// The verdict as an answer.
fn answer(taken: Taken) -> Response {
    let problem = match taken.outcome {
        Outcome::Rejected => ProblemType::StatementRejected,
        Outcome::Quarantined if taken.differs() => ProblemType::StatementDiffers,
        _ => return verdict_response(StatusCode::OK, taken.verdict),
    };
    let body = StatementProblem {
        kind: problem.path(),
        title: problem.title(),
        status: problem.status().as_u16(),
        verdict: serde_json::value::RawValue::from_string(taken.verdict).unwrap_or_default(),
    };
    let mut response = (problem.status(), axum::Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response
}

/// A verdict as it is kept, byte for byte.
pub(super) fn verdict_response(status: StatusCode, verdict: String) -> Response {
    let mut response = (status, verdict).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The name that a query gives a file.
pub fn name_of(query: &str) -> Result<String, Problem> {
    let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "name");
    let name = given.map_or_else(|| "statement".to_owned(), |(_, name)| name.into_owned());
    let bad = name.is_empty()
        || name.chars().count() > LONGEST_NAME
        || name.chars().any(|c| c.is_control() || c == '/' || c == '\\');
    if bad {
        let detail = "must have 1 to 200 characters, no slash and no control characters";
        return Err(Problem::invalid(vec![FieldError::new("name", detail)]));
    }
    Ok(name)
}

/// Lays a body aside as it comes.
pub async fn spool(
    settings: &StatementsSettings,
    sha_512: bool,
    body: axum::body::Body,
) -> Result<Spool, Problem> {
    let mut writer = SpoolWriter::open(settings, sha_512).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let broke_off = |_| Problem::new(ProblemType::UnreadableBody).detail("the body broke off");
        writer.write(&piece.map_err(broke_off)?).await?;
    }
    Ok(writer.end().await?)
}

impl From<SpoolError> for Problem {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::TooLarge { .. } => {
                Self::new(ProblemType::BodyTooLarge).detail(error.to_string())
            }
            SpoolError::Disk { .. } | SpoolError::Unreadable { .. } => {
                tracing::error!(%error, "a file cannot be laid aside");
                Self::new(ProblemType::Unavailable).retry_after(30)
            }
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::InProgress => Self::new(ProblemType::InProgress).retry_after(5),
            IntakeError::UnknownPartner(_) => {
                Self::invalid(vec![FieldError::new("partner", error.to_string())])
            }
            IntakeError::Store(error)
            | IntakeError::Stage(super::stage::StageError::Store(error)) => error.into(),
            IntakeError::Stage(error) => Self::internal(&error),
        }
    }
}
