//! The front door: one address, two worlds. Where a request belongs is written on it: a key id, a
//! token, a sign-in or a path that begins with `test_` is of the sandbox, everything else is live.
//! What stands behind knows one database only, so a request that came through the wrong door would
//! find nothing there.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::platform::http::{BODY, read_body};
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::realm::{Realm, TEST};

/// What stands behind the door. The sandbox may open later than the live service, or not at all.
#[derive(Debug, Clone)]
struct Worlds {
    live: Router,
    sandbox: Arc<OnceLock<Router>>,
}

/// One router before both.
pub fn routes(live: Router, sandbox: Arc<OnceLock<Router>>) -> Router {
    Router::new().fallback(pass).with_state(Worlds { live, sandbox })
}

async fn pass(State(worlds): State<Worlds>, request: Request) -> Response {
    let (realm, request) = match sort(request).await {
        Ok(sorted) => sorted,
        Err(problem) => return problem.into_response(),
    };
    let within = match realm {
        Realm::Live => return call(worlds.live, request).await,
        Realm::Sandbox => worlds.sandbox.get().cloned(),
    };
    let Some(within) = within else {
        return Problem::new(ProblemType::Unavailable)
            .detail("the sandbox is not open")
            .retry_after(10)
            .into_response();
    };
    call(within, request).instrument(tracing::info_span!("sandbox")).await
}

async fn call(mut routes: Router, request: Request) -> Response {
    match tower::Service::call(&mut routes, request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Where a request belongs, and the request as it is told there.
async fn sort(request: Request) -> Result<(Realm, Request), Problem> {
    let path = request.uri().path();
    if path.strip_prefix("/pay/").or(path.strip_prefix("/receipts/")).is_some_and(is_test) {
        return Ok((Realm::Sandbox, request));
    }
    // The form of the look-up carries no name: its own address says where it belongs.
    let lookup = (path == "/test_lookup").then(|| lookup_of(request.uri())).flatten();
    if let Some(uri) = lookup.or_else(|| without_prefix(request.uri())) {
        let mut request = request;
        *request.uri_mut() = uri;
        return Ok((Realm::Sandbox, request));
    }
    if request.method() == Method::POST && matches!(path, "/v1/sessions" | "/desk/sign-in") {
        return sort_sign_in(request).await;
    }
    let realm = if signs_as_test(request.headers()) || is_signed_in_as_test(request.headers()) {
        Realm::Sandbox
    } else {
        Realm::Live
    };
    Ok((realm, request))
}

fn is_test(name: &str) -> bool {
    Realm::of(name) == Realm::Sandbox
}

/// `/partners/test_vnpay/ipn` is told as `/partners/vnpay/ipn`, and `/compat/test_dvcqg` as
/// `/compat/dvcqg`. None of these is signed over its path.
fn without_prefix(uri: &Uri) -> Option<Uri> {
    let whole = uri.path_and_query()?.as_str();
    let (room, rest) = ["/partners/", "/compat/"]
        .into_iter()
        .find_map(|room| Some((room, whole.strip_prefix(room)?.strip_prefix(TEST)?)))?;
    format!("{room}{rest}").parse().ok()
}

/// `/test_lookup` is told as `/lookup`.
fn lookup_of(uri: &Uri) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("/lookup{query}").parse().ok()
}

/// The key that a signature names.
fn signs_as_test(headers: &HeaderMap) -> bool {
    let names = |value: &str| value.split("keyid=\"").skip(1).any(is_test);
    let given = headers.get_all("signature-input").iter();
    given.filter_map(|value| value.to_str().ok()).any(names)
}

/// The token of a session, from wherever it comes; a header is meant before a cookie.
fn is_signed_in_as_test(headers: &HeaderMap) -> bool {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let token = given.to_str().ok().and_then(|text| text.split_once(' '));
        return token.is_some_and(|(_, token)| is_test(token.trim()));
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split(';')).any(|pair| {
        let ours = |name: &str| matches!(name, "payclear" | "__Host-payclear");
        pair.trim().split_once('=').is_some_and(|(name, token)| ours(name) && is_test(token))
    })
}

/// A sign-in names who signs in within its body: JSON, or the form of the desk.
async fn sort_sign_in(request: Request) -> Result<(Realm, Request), Problem> {
    #[derive(serde::Deserialize)]
    struct Who {
        email: String,
    }
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    let email = if parts.uri.path() == "/desk/sign-in" {
        let mut fields = url::form_urlencoded::parse(&body);
        fields.find(|(name, _)| name == "email").map(|(_, email)| email.into_owned())
    } else {
        serde_json::from_slice::<Who>(&body).ok().map(|who| who.email)
    };
    // What cannot be read is refused as live.
    let realm = email.map_or(Realm::Live, |email| Realm::of(&email.trim().to_lowercase()));
    Ok((realm, Request::from_parts(parts, Body::from(body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sorted(request: axum::http::request::Builder, body: &'static str) -> (Realm, String) {
        let request = request.body(Body::from(body)).expect("a request");
        let (realm, request) = sort(request).await.expect("sorted");
        (realm, request.uri().to_string())
    }

    #[tokio::test]
    async fn a_path_says_where_it_belongs() {
        for (path, realm, told) in [
            ("/pay/test_PG1-2", Realm::Sandbox, "/pay/test_PG1-2"),
            ("/pay/PG1-test_", Realm::Live, "/pay/PG1-test_"),
            ("/receipts/test_1", Realm::Sandbox, "/receipts/test_1"),
            ("/partners/test_vnpay/ipn?a=b%20c", Realm::Sandbox, "/partners/vnpay/ipn?a=b%20c"),
            ("/partners/vnpay/ipn?a=test_", Realm::Live, "/partners/vnpay/ipn?a=test_"),
            ("/compat/test_dvcqg", Realm::Sandbox, "/compat/dvcqg"),
            ("/v1/invoices/test_", Realm::Live, "/v1/invoices/test_"),
            ("/readyz", Realm::Live, "/readyz"),
            ("/test_lookup?lang=en", Realm::Sandbox, "/lookup?lang=en"),
            ("/lookup?code=test_", Realm::Live, "/lookup?code=test_"),
        ] {
            let request = Request::builder().uri(path);
            assert_eq!(sorted(request, "").await, (realm, told.to_owned()), "{path}");
        }
    }

    #[tokio::test]
    async fn a_key_a_token_and_a_sign_in_say_where_they_belong() {
        let signed = |key: &str| format!("sig1=(\"@method\");created=1;keyid=\"{key}\";alg=\"x\"");
        for (name, value, realm) in [
            ("signature-input", signed("test_dvc-1"), Realm::Sandbox),
            ("signature-input", signed("dvc-1"), Realm::Live),
            ("authorization", "Bearer test_abc".to_owned(), Realm::Sandbox),
            ("authorization", "Bearer abc".to_owned(), Realm::Live),
            ("cookie", "a=test_b; __Host-payclear=test_abc".to_owned(), Realm::Sandbox),
            ("cookie", "a=test_b; payclear=abc".to_owned(), Realm::Live),
        ] {
            let request = Request::builder().uri("/v1/invoices").header(name, &value);
            assert_eq!(sorted(request, "").await.0, realm, "{name}: {value}");
        }
        for (body, realm) in [
            (r#"{"email":" Test_an@example.vn","password":"x"}"#, Realm::Sandbox),
            (r#"{"email":"an@example.vn","password":"test_"}"#, Realm::Live),
            ("rubbish", Realm::Live),
        ] {
            let request = Request::post("/v1/sessions");
            assert_eq!(sorted(request, body).await.0, realm, "{body}");
        }
        for (body, realm) in [
            ("email=test_an%40example.vn&password=x", Realm::Sandbox),
            ("email=an%40example.vn&password=test_", Realm::Live),
            ("", Realm::Live),
        ] {
            let request = Request::post("/desk/sign-in");
            assert_eq!(sorted(request, body).await.0, realm, "{body}");
        }
    }
}
