//! The rooms as programs meet them. What these screens show and do is what JSON shows and does: the
//! same door is asked in the same process, for the same session, so that neither knows more than the
//! other and every deed of a page has its JSON.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use serde_json::Value;

use crate::platform::problem::{FieldError, Problem, ProblemType};

/// No answer of a room is longer.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The longest page of a list.
const PAGE: usize = 500;

/// The doors of all rooms.
#[derive(Debug, Clone)]
pub struct Rooms {
    routes: Router,
    public_url: HeaderValue,
}

/// What says who asks: the header or the cookie of their request.
#[derive(Clone, Default)]
pub struct Pass(HeaderMap);

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pass(..)")
    }
}

impl Pass {
    /// As it came.
    pub fn of(parts: &Parts) -> Self {
        let mut kept = HeaderMap::new();
        for name in [header::AUTHORIZATION, header::COOKIE] {
            for value in parts.headers.get_all(&name) {
                kept.append(name.clone(), value.clone());
            }
        }
        Self(kept)
    }
}

impl Rooms {
    /// The doors, behind this address.
    pub fn new(routes: Router, public_url: &str) -> Self {
        let public_url = HeaderValue::from_str(public_url);
        Self { routes, public_url: public_url.unwrap_or(HeaderValue::from_static("null")) }
    }

    /// Asks a door, and passes on what it answers.
    pub async fn call(
        &self,
        pass: &Pass,
        (method, path): (Method, &str),
        body: Body,
    ) -> Result<Response, Problem> {
        let uri: Uri = path.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = pass.0.clone();
        let headers = request.headers_mut();
        // The form was checked: it came from a page of ours.
        headers.insert(header::ORIGIN, self.public_url.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut routes = self.routes.clone();
        let response = match tower::Service::call(&mut routes, request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if response.status().is_success() { Ok(response) } else { Err(problem(response).await) }
    }

    /// What a door tells.
    pub async fn get(&self, pass: &Pass, path: &str) -> Result<Value, Problem> {
        let response = self.call(pass, (Method::GET, path), Body::empty()).await?;
        read(response).await
    }

    /// A list that a door tells page after page, followed from one `Link` to the next until there are
    /// `most` rows or no more: a list that is shown or exported ends where the room's ends, or is
    /// one row longer than it can be, which says that it is cut.
    pub async fn list(
        &self,
        pass: &Pass,
        (path, name): (&str, &str),
        most: i64,
    ) -> Result<Vec<Value>, Problem> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut rows: Vec<Value> = Vec::new();
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{path}{mark}limit={}", most.clamp(1, PAGE)));
        while let Some(path) = next.take().filter(|_| rows.len() < most) {
            let response = self.call(pass, (Method::GET, &path), Body::empty()).await?;
            next = next_of(response.headers());
            let mut told = read(response).await?;
            if let Value::Array(found) = told[name].take() {
                rows.extend(found);
            }
        }
        rows.truncate(most);
        Ok(rows)
    }

    /// Has something done.
    pub async fn post(&self, pass: &Pass, path: &str, body: &Value) -> Result<Value, Problem> {
        let body = Body::from(body.to_string());
        read(self.call(pass, (Method::POST, path), body).await?).await
    }
}

/// The path of the next page, when there is one.
fn next_of(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let (target, kind) = link.strip_prefix('<')?.split_once('>')?;
    let uri: Uri = target.parse().ok()?;
    kind.contains("rel=\"next\"").then(|| uri.path_and_query().map(ToString::to_string))?
}

/// What a door answered.
pub async fn read(response: Response) -> Result<Value, Problem> {
    let bytes = axum::body::to_bytes(response.into_body(), MOST_BYTES).await;
    let bytes = bytes.map_err(|error| Problem::internal(&error))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))
}

/// A problem, read back.
async fn problem(response: Response) -> Problem {
    let status = response.status();
    let told = read(response).await.unwrap_or_default();
    let kind = ProblemType::ALL.iter().find(|kind| told["type"] == kind.path());
    let kind = kind.copied().unwrap_or(match status.as_u16() {
        404 | 405 => ProblemType::NotFound,
        _ => ProblemType::Internal,
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if kind == ProblemType::InvalidRequest {
        let errors = told["errors"].as_array().into_iter().flatten();
        let errors = errors.map(|e| FieldError::new(text(&e["pointer"]), text(&e["detail"])));
        return Problem::invalid(errors.collect());
    }
    let problem = Problem::new(kind);
    match told["detail"].as_str() {
        Some(detail) => problem.detail(detail),
        None => problem,
    }
}
