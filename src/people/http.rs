//! The doors of people: signing in and out, who is signed in, another password.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::add;
use super::change_password::{self as changing, ChangeError};
use super::officer::{PeopleDoor, SignedIn};
use super::password::{HashError, Password};
use super::session::{CarriedBy, cookie, is_same_origin};
use super::sign_in::{self as signing, Attempt, SignInError};
use super::{sign_out as leaving, totp};
use crate::platform::http::{BODY, CallerName, client_address, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<PeopleDoor> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(who, sign_out))
        .routes(routes!(change_password))
}

/// Who wants in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInRequest {
    /// The address that the person was entered with.
    #[schema(example = "an@example.gov.vn")]
    email: String,
    /// The password.
    #[schema(value_type = String)]
    password: Password,
    /// The six digits of the moment; each is good once.
    #[serde(default)]
    #[schema(example = "287082")]
    totp: Option<String>,
    /// `bearer` (unless told), for programs: the token is in the answer. `cookie`, for pages: it is
    /// set as an `HttpOnly` cookie, and writes need the `Origin` of this service.
    #[serde(default = "bearer")]
    #[schema(value_type = String, example = "bearer")]
    carried_by: CarriedBy,
}

const fn bearer() -> CarriedBy {
    CarriedBy::Bearer
}

/// A session that began.
#[derive(Debug, Serialize, ToSchema)]
struct SessionView {
    /// To send as `Authorization: Bearer`; shown once, and not at all when it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// When the session ends at the latest; it ends sooner when it is not used.
    expires_at: DateTime<Utc>,
}

/// A role for a scope.
#[derive(Debug, Serialize, ToSchema)]
struct GrantView {
    /// `viewer`, `officer`, `approver`, `operator`, `auditor`, `admin` or `partner`.
    #[schema(example = "officer")]
    role: &'static str,
    /// An agency with all below it, or `*`; of `partner` the code of the partner.
    #[schema(example = "G01")]
    scope: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct WhoView {
    /// The id.
    id: uuid::Uuid,
    /// The address.
    email: String,
    /// The name.
    name: String,
    /// What this person may do, and for which agencies.
    roles: Vec<GrantView>,
    /// When the session ends at the latest.
    expires_at: DateTime<Utc>,
}

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    /// The password of before.
    #[schema(value_type = String)]
    old: Password,
    /// The new one, of 12 characters or more.
    #[schema(value_type = String)]
    new: Password,
}

/// Signs a person in.
#[utoipa::path(post, path = "/v1/sessions", tag = "people", request_body = SignInRequest,
    security(()),
    responses(
        (status = 201, description = "signed in; strongly consistent", body = SessionView),
        (status = 401, description = "wrong, or not now; the answer never says which",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn sign_in(State(door): State<PeopleDoor>, request: Request) -> Result<Response, Problem> {
    let address = client_address(&request, &door.client_address_header);
    door.limits.sign_in(&address)?;
    let (parts, body) = request.into_parts();
    let body = zeroize::Zeroizing::new(read_body(body, &parts.headers, BODY).await?);
    if parts.headers.contains_key(header::ORIGIN)
        && !is_same_origin(&parts.headers, &door.public_url)
    {
        return Err(Problem::new(ProblemType::CrossSite));
    }
    let given: SignInRequest = read_json(&parts.headers, &body)?;
    let mut errors = Vec::new();
    let email = add::email(&given.email);
    if let Err(error) = &email {
        errors.push(FieldError::new("/email", error.to_string()));
    }
    if given.totp.as_deref().is_some_and(|code| !totp::is_code(code)) {
        errors.push(FieldError::new("/totp", "must be six digits"));
    }
    let (Ok(email), true) = (email, errors.is_empty()) else {
        return Err(Problem::invalid(errors));
    };
    let SignInRequest { password, totp, carried_by, .. } = given;
    let name = email.clone();
    let made = signing::sign_in(&door, Attempt { email, password, totp, carried_by }).await?;
    let view = SessionView {
        token: (carried_by == CarriedBy::Bearer).then(|| made.token.expose().to_owned()),
        expires_at: made.expires_at,
    };
    let mut response = told(&name, StatusCode::CREATED, &view);
    if carried_by == CarriedBy::Cookie {
        set_cookie(&mut response, &cookie(&door.public_url, Some(&made.token)));
    }
    Ok(response)
}

/// Who is signed in, in which roles, for which agencies.
#[utoipa::path(get, path = "/v1/session", tag = "people", security(("session" = [])),
    responses(
        (status = 200, description = "strongly consistent", body = WhoView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn who(SignedIn(officer): SignedIn) -> Response {
    let grants = officer.grants.iter();
    let roles = grants.map(|grant| GrantView {
        role: grant.role.as_str(),
        scope: grant.scope.as_str().to_owned(),
    });
    let view = WhoView {
        id: officer.id.0,
        email: officer.email.clone(),
        name: officer.name.clone(),
        roles: roles.collect(),
        expires_at: officer.expires_at,
    };
    told(&officer.email, StatusCode::OK, &view)
}

/// Ends the session.
#[utoipa::path(delete, path = "/v1/session", tag = "people", security(("session" = [])),
    responses(
        (status = 204, description = "signed out; strongly consistent"),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn sign_out(
    State(door): State<PeopleDoor>,
    SignedIn(officer): SignedIn,
) -> Result<Response, Problem> {
    leaving::sign_out(&door, &officer).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &cookie(&door.public_url, None));
    response.extensions_mut().insert(CallerName(officer.email));
    Ok(response)
}

/// Changes the password of who is signed in, and ends their other sessions.
#[utoipa::path(post, path = "/v1/session/password", tag = "people",
    request_body = ChangeRequest, security(("session" = [])),
    responses(
        (status = 204, description = "changed; strongly consistent"),
        (status = 422, description = "another password, or one too short", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn change_password(
    State(door): State<PeopleDoor>,
    SignedIn(officer): SignedIn,
    request: Request,
) -> Result<Response, Problem> {
    // Guessing at the password of before costs what guessing at a sign-in costs.
    door.limits.sign_in(&officer.email)?;
    let (parts, body) = request.into_parts();
    let body = zeroize::Zeroizing::new(read_body(body, &parts.headers, BODY).await?);
    let given: ChangeRequest = read_json(&parts.headers, &body)?;
    changing::change_password(&door, &officer, (given.old, given.new)).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(CallerName(officer.email));
    Ok(response)
}

/// An answer to a person: nobody between keeps it.
pub fn told(email: &str, status: StatusCode, view: &impl Serialize) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = (status, headers, axum::Json(view)).into_response();
    response.extensions_mut().insert(CallerName(email.to_owned()));
    response
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(ProblemType::Unavailable).retry_after(2),
            HashError::Argon2(_) => Self::internal(&error),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused(why) => {
                tracing::info!(why, "sign-in refused");
                Self::new(ProblemType::SignInRefused)
            }
            SignInError::Hash(error) => error.into(),
            SignInError::Sealed(_) => Self::internal(&error),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::OtherPassword => {
                Self::invalid(vec![FieldError::new("/old", error.to_string())])
            }
            ChangeError::Weak(_) => Self::invalid(vec![FieldError::new("/new", error.to_string())]),
            ChangeError::Hash(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}
