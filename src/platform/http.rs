//! What every HTTP door has: a request id, one log line, limits of size and time, JSON that is read
//! with pointers to what is wrong, and problems instead of anything else.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::objects::Objects;
use super::problem::{FieldError, Problem, ProblemType};
use super::telemetry;

/// The largest body of a single request (bytes).
pub const BODY: usize = 64 * 1024;
/// The largest body of a batch (bytes).
pub const BATCH_BODY: usize = 4 * 1024 * 1024;

/// Puts what every door has around the routes.
pub fn dress(routes: Router, longest: Duration) -> Router {
    routes
        .fallback(|| async { Problem::new(ProblemType::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(ProblemType::MethodNotAllowed) })
        .layer(axum::extract::DefaultBodyLimit::max(BATCH_BODY))
        .layer(axum::middleware::from_fn_with_state(longest, one_line))
}

/// Gives a request its id and trace, ends it when it takes too long, turns a panic into a 500, and
/// writes one line.
async fn one_line(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |p| p.as_str().to_owned());
    let request_id = format!("{:016x}", rand::random::<u64>());
    let given =
        request.headers().get("traceparent").and_then(|v| v.to_str().ok()).map(str::to_owned);
    telemetry::within_trace(given, async move {
        // In a task of its own: a caller that hangs up does not stop a write half-way.
        let trace = telemetry::current_trace();
        let work = tokio::spawn(telemetry::within_trace(Some(trace.clone()), async move {
            match tokio::time::timeout(longest, next.run(request)).await {
                Ok(response) => response,
                Err(_) => Problem::new(ProblemType::TimedOut).into_response(),
            }
        }));
        let mut response = match work.await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(%error, "a handler panicked");
                Problem::new(ProblemType::Internal).into_response()
            }
        };
        if let Some(problem) = told_by_the_framework(&response) {
            response = problem.into_response();
        }
        let status = response.status().as_u16();
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-request-id", value);
        }
        let caller = response
            .extensions()
            .get::<CallerName>()
            .map_or_else(String::new, |CallerName(name)| name.clone());
        metrics::histogram!("payclear_http_seconds", "path" => path.clone(), "status" => status.to_string())
            .record(telemetry::seconds_since(began));
        tracing::info!(
            request_id,
            trace_id = telemetry::trace_id(&trace),
            %method,
            path,
            status,
            duration_ms = milliseconds,
            caller,
            "request"
        );
        response
    })
    .await
}

/// The framework refuses some requests before a handler sees them, in plain text (a path that is
/// not UTF-8, a query that is no query): callers get a problem as everywhere.
fn told_by_the_framework(response: &Response) -> Option<Problem> {
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/plain"));
    if !response.status().is_client_error() || !plain {
        return None;
    }
    Some(Problem::new(match response.status().as_u16() {
        404 => ProblemType::NotFound,
        405 => ProblemType::MethodNotAllowed,
        413 => ProblemType::BodyTooLarge,
        415 => ProblemType::UnsupportedMediaType,
        _ => ProblemType::InvalidRequest,
    }))
}

/// The caller's name, left on a response for the log line.
#[derive(Debug, Clone)]
pub struct CallerName(pub String);

#[derive(Debug, Clone)]
struct Decided;

/// An answer that was decided in a transaction which used up the nonce of its request, also when it
/// says no.
pub fn decided(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(Decided);
    response
}

/// Was it?
pub fn is_decided(response: &Response) -> bool {
    response.extensions().get::<Decided>().is_some()
}

/// The parameters of a query, with what is wrong told as everywhere.
pub fn query<T>(given: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    given
        .map(|Query(value)| value)
        .map_err(|error| Problem::invalid(vec![FieldError::new("", error.body_text())]))
}

/// Adds `Link: rel="next"`: the same address with another cursor.
pub fn link_next(response: &mut Response, uri: &Uri, url: &str, cursor: &str) {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
        if name != "cursor" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("cursor", cursor);
    let link = format!("<{url}{}?{}>; rel=\"next\"", uri.path(), query.finish());
    if let Ok(value) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LINK, value);
    }
}

/// The address of who calls: of the connection, or what a trusted proxy says in its header. Only the
/// last item of the last line is the proxy's own; all before it came with the request.
pub fn client_address(request: &Request, trusted_header: &str) -> String {
    address_told(request.headers(), request.extensions(), trusted_header)
}

/// The same of a request whose body is read elsewhere.
pub fn client_address_of(parts: &Parts, trusted_header: &str) -> String {
    address_told(&parts.headers, &parts.extensions, trusted_header)
}

fn address_told(headers: &HeaderMap, extensions: &Extensions, trusted_header: &str) -> String {
    let told = headers.get_all(trusted_header).iter().next_back();
    let told = told.and_then(|v| v.to_str().ok()).and_then(|v| v.split(',').next_back());
    let told = told.map(str::trim);
    match told.and_then(|v| v.parse::<std::net::IpAddr>().ok()) {
        Some(address) if !trusted_header.is_empty() => address.to_string(),
        _ => extensions
            .get::<ConnectInfo<std::net::SocketAddr>>()
            .map_or_else(|| "0.0.0.0".to_owned(), |c| c.0.ip().to_string()),
    }
}

/// Reads a whole body, at most `most` bytes.
pub async fn read_body(body: Body, headers: &HeaderMap, most: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(ProblemType::BodyTooLarge)
            .detail(format!("at most {most} bytes are taken here"))
    };
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<usize>().ok());
    if told.is_some_and(|told| told > most) {
        return Err(too_large());
    }
    match axum::body::to_bytes(body, most).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                if error.to_string().contains("length limit exceeded") {
                    return Err(too_large());
                }
                cause = error.source();
            }
            Err(Problem::new(ProblemType::UnreadableBody).detail("the body broke off"))
        }
    }
}

/// Reads JSON; what is wrong is told with a pointer to it.
pub fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(ProblemType::UnsupportedMediaType));
    }
    parse_json(body)
}

/// The same without a look at the content type.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Problem::new(ProblemType::UnreadableBody).detail("the body is not UTF-8"));
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Objects(&mut reader)).map_err(|error| {
        let inner = error.inner();
        match inner.classify() {
            serde_json::error::Category::Data => Problem::invalid(vec![FieldError::new(
                pointer(error.path(), &inner.to_string()),
                told(&inner.to_string()),
            )]),
            _ => Problem::new(ProblemType::UnreadableBody).detail(format!("not JSON: {inner}")),
        }
    })?;
    reader.end().map_err(|error| {
        Problem::new(ProblemType::UnreadableBody).detail(format!("not JSON: {error}"))
    })?;
    Ok(value)
}

/// serde tells the place in the text as well; the pointer is enough.
fn told(error: &str) -> String {
    error.rsplit_once(" at line ").map_or(error, |(told, _)| told).to_owned()
}

/// The path of serde as a JSON pointer. Of an unknown or missing field serde names the parent; its
/// own name stands in the message.
fn pointer(path: &serde_path_to_error::Path, error: &str) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    if let Some(rest) = error.strip_prefix("missing field `")
        && let Some((name, _)) = rest.split_once('`')
    {
        pointer.push('/');
        pointer.push_str(name);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Thing {
        name: String,
        parts: Vec<Part>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Part {
        size: u8,
    }

    fn errors(body: &str) -> String {
        let problem = parse_json::<Thing>(body.as_bytes()).expect_err("refused");
        String::from_utf8(problem.to_json()).expect("utf-8")
    }

    #[test]
    fn what_stands_before_the_proxys_own_word_is_not_believed() {
        let called = |lines: &[&str], trusted: &str| {
            let mut request = Request::new(Body::empty());
            for line in lines {
                let line = HeaderValue::from_str(line).expect("a value");
                request.headers_mut().append("x-forwarded-for", line);
            }
            let peer: std::net::SocketAddr = "192.0.2.1:7".parse().expect("an address");
            request.extensions_mut().insert(ConnectInfo(peer));
            client_address(&request, trusted)
        };
        let header = "x-forwarded-for";
        for (lines, trusted, expected) in [
            (&["203.0.113.9"][..], header, "203.0.113.9"),
            (&["10.0.0.1, 203.0.113.9"], header, "203.0.113.9"),
            // A proxy may add a line of its own instead of an item.
            (&["10.0.0.1", "203.0.113.9"], header, "203.0.113.9"),
            (&["10.0.0.1", "10.0.0.2, 203.0.113.9"], header, "203.0.113.9"),
            // What the proxy says and nobody understands is not made up for by what came before.
            (&["10.0.0.1", "unknown"], header, "192.0.2.1"),
            (&[], header, "192.0.2.1"),
            (&["10.0.0.1"], "", "192.0.2.1"),
        ] {
            assert_eq!(called(lines, trusted), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_a_pointer() {
        for (body, expected) in [
            (r#"{"name":"a","parts":[{"size":300}]}"#, r#""pointer":"/parts/0/size""#),
            (r#"{"name":"a","parts":[{"size":1,"x":2}]}"#, r#""pointer":"/parts/0/x""#),
            (r#"{"parts":[]}"#, r#""pointer":"/name""#),
            (r#"{"name":7,"parts":[]}"#, r#""pointer":"/name""#),
            (r#"{"name":"a","parts":[{"size":1},[2]]}"#, r#""pointer":"/parts/1""#),
            (r#"["a",[]]"#, "invalid type: sequence"),
            (r#"{"name":"a""#, "/problems/unreadable-body"),
            ("", "/problems/unreadable-body"),
            (r#"{"name":"a","parts":[]} x"#, "/problems/unreadable-body"),
        ] {
            assert!(errors(body).contains(expected), "{body}: {}", errors(body));
        }
        assert_eq!(parse_json::<Thing>(b"\xff\xfe").expect_err("not utf-8").status(), 400);
    }
}
