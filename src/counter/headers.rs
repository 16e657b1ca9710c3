//! What goes with every HTML page: nothing foreign runs, frames or is loaded, nothing is kept, and
//! the address, which is the payer's ticket, is told to nobody.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use url::Url;

/// A page with its guards. `form_targets` are addresses of partners that a form may end at:
/// Chromium holds `form-action` against a redirect after the post as well.
pub fn html(status: StatusCode, body: String, form_targets: &[Url]) -> Response {
    let mut response = (status, Html(body)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        // The address is a ticket: it has no place in a search engine.
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(form_targets));
    response
}

fn policy(form_targets: &[Url]) -> HeaderValue {
    let mut policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
            .to_owned();
    let strict = policy.clone();
    for target in form_targets {
        // Only a web origin can be named; an opaque one would be written as `null`.
        if matches!(target.scheme(), "https" | "http") {
            policy.push(' ');
            policy.push_str(&target.origin().ascii_serialization());
        }
    }
    HeaderValue::try_from(policy)
        .or_else(|_| HeaderValue::try_from(strict))
        .unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_post_to_us_and_end_at_the_partner_and_nothing_else() {
        let targets: Vec<Url> = [
            "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html?a=1",
            "http://127.0.0.1:8900/x",
            "data:text/html,x",
        ]
        .map(|u| u.parse().expect("a url"))
        .into();
        let page = html(StatusCode::OK, "<p>".to_owned(), &targets);
        let told = |name: HeaderName| page.headers()[name].to_str().expect("ascii").to_owned();
        let policy = told(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(
            policy
                .ends_with("form-action 'self' https://sandbox.vnpayment.vn http://127.0.0.1:8900"),
            "{policy}"
        );
        assert_eq!(told(header::CACHE_CONTROL), "no-store");
        assert_eq!(told(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(told(header::CONTENT_TYPE), "text/html; charset=utf-8");
    }
}
