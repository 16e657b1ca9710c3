//! What `type` of a problem leads to: the entry of the error catalogue, as JSON, or as a plain page
//! where a browser asks.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::problem::{Problem, ProblemType};

/// An entry of the catalogue.
#[derive(Debug, Serialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// What the caller does.
    caller: &'static str,
    /// What the operator of the service does.
    operator: &'static str,
}

impl Entry {
    fn of(problem: ProblemType) -> Self {
        Self {
            kind: problem.path(),
            title: problem.title(),
            status: problem.status().as_u16(),
            caller: problem.caller_does(),
            operator: problem.operator_does(),
        }
    }

    fn page(&self) -> String {
        let Self { kind, title, status, caller, operator } = self;
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
             <h1>{title}</h1>\n<p><code>{kind}</code>, HTTP status {status}</p>\n\
             <h2>What the caller does</h2>\n<p>{caller}</p>\n\
             <h2>What the operator does</h2>\n<p>{operator}</p>\n</html>\n"
        )
    }
}

/// The routes.
pub fn routes() -> Router {
    Router::new().route("/problems", get(catalogue)).route("/problems/{name}", get(entry))
}

async fn catalogue() -> Response {
    let entries: Vec<Entry> = ProblemType::ALL.iter().map(|problem| Entry::of(*problem)).collect();
    axum::Json(entries).into_response()
}

async fn entry(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("/problems/{name}");
    let Some(problem) = ProblemType::ALL.iter().find(|problem| problem.path() == path) else {
        return Problem::new(ProblemType::NotFound).into_response();
    };
    let entry = Entry::of(*problem);
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accepts.is_some_and(|value| value.contains("text/html")) {
        return axum::Json(entry).into_response();
    }
    let mut response = (StatusCode::OK, axum::response::Html(entry.page())).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
