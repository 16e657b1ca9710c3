//! One try: a signed POST, and what its answer means.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response};

use crate::platform::egress::Egress;
use crate::platform::telemetry;
use crate::platform::webhook_signature::{self, WebhookSecret};
use crate::portals::endpoint::Endpoint;

/// More of an answer's body is not read; what is read lets the connection be used again.
const READ_AT_MOST: usize = 4 * 1024;
/// The status is the answer: its body is not waited for long.
const BODY_WITHIN: Duration = Duration::from_millis(500);

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: the portal has it.
    Taken(u16),
    /// 410: the portal wants nothing more at this address.
    Gone,
    /// Any other status. A redirect is one too: it could lead anywhere.
    Refused {
        /// The status.
        status: u16,
        /// What `Retry-After` asks for.
        wish: Option<TimeDelta>,
    },
    /// No answer: no connection, broken off, or too late.
    Silent(String),
    /// Not sent: the address is not one that we call, or the secret cannot sign.
    Unsendable(String),
}

impl Answer {
    /// Did the endpoint itself say something?
    pub fn is_an_answer(&self) -> bool {
        !matches!(self, Self::Silent(_))
    }
}

/// A notice as it is sent at every try.
#[derive(Debug)]
pub struct Notice {
    /// `webhook-id`.
    pub id: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends a notice once.
pub async fn send(
    egress: &Egress,
    endpoint: &Endpoint,
    notice: &Notice,
    now: DateTime<Utc>,
    within: Duration,
) -> Answer {
    let secrets: Result<Vec<_>, _> =
        endpoint.secrets(now).cloned().map(WebhookSecret::from_secret).collect();
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(error) => return Answer::Unsendable(error.to_string()),
    };
    let mut request = match egress.request(Method::POST, &endpoint.url) {
        Ok(request) => request.timeout(within).header(CONTENT_TYPE, "application/json"),
        Err(refused) => return Answer::Unsendable(refused.to_string()),
    };
    let headers = webhook_signature::headers(&secrets, &notice.id, now.timestamp(), &notice.body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let trace = telemetry::current_trace();
    if !trace.is_empty() {
        request = request.header("traceparent", trace);
    }
    match request.body(notice.body.clone()).send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok());
            let answer = judge(status, retry_after, now);
            // What breaks off now no longer matters.
            let _ = tokio::time::timeout(BODY_WITHIN, skip_body(response)).await;
            answer
        }
        Err(error) => Answer::Silent(why(error)),
    }
}

fn judge(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> Answer {
    match status {
        200..=299 => Answer::Taken(status),
        410 => Answer::Gone,
        _ => Answer::Refused { status, wish: retry_after.and_then(|text| wish(text, now)) },
    }
}

/// `Retry-After`: seconds, or a date.
fn wish(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return TimeDelta::try_seconds(seconds.into());
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some((at.to_utc() - now).max(TimeDelta::zero()))
}

async fn skip_body(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > READ_AT_MOST {
            return;
        }
    }
}

/// The cause, for the portal's own eyes: without the address, which it knows.
fn why(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let what = if error.is_connect() { "no connection" } else { "the connection broke off" };
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("{what}: {cause}").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_taken_and_a_redirect_is_a_failure() {
        let now = "2026-11-20T00:00:00Z".parse().expect("an instant");
        let seconds = TimeDelta::seconds;
        for (status, retry_after, expected) in [
            (200, None, Answer::Taken(200)),
            (204, Some("5"), Answer::Taken(204)),
            (410, None, Answer::Gone),
            (301, None, Answer::Refused { status: 301, wish: None }),
            (307, None, Answer::Refused { status: 307, wish: None }),
            (429, Some("120"), Answer::Refused { status: 429, wish: Some(seconds(120)) }),
            (503, Some(" 7 "), Answer::Refused { status: 503, wish: Some(seconds(7)) }),
            (
                503,
                Some("Fri, 20 Nov 2026 00:01:00 GMT"),
                Answer::Refused { status: 503, wish: Some(seconds(60)) },
            ),
            (
                503,
                Some("Fri, 20 Nov 2020 00:01:00 GMT"),
                Answer::Refused { status: 503, wish: Some(seconds(0)) },
            ),
            (503, Some("soon"), Answer::Refused { status: 503, wish: None }),
            (503, Some("-5"), Answer::Refused { status: 503, wish: None }),
        ] {
            assert_eq!(judge(status, retry_after, now), expected, "{status} {retry_after:?}");
        }
    }
}
