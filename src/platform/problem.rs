//! Errors as callers see them: RFC 9457 problem details with registered types.
//!
//! The register below is also the error catalogue of the documentation: for each type its status,
//! what it means, what the caller does and what the operator does.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

macro_rules! problem_types {
    ($($(#[$meta:meta])* $name:ident = $path:literal, $status:ident, $title:literal,
        caller: $caller:literal, operator: $operator:literal;)+) => {
        /// The registered problem types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemType { $($(#[$meta])* $name),+ }

        impl ProblemType {
            /// Every registered type.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The `type` member: a path of this service.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$name => concat!("/problems/", $path)),+ }
            }
            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }
            /// The `title` member.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
            /// What the caller does.
            pub const fn caller_does(self) -> &'static str {
                match self { $(Self::$name => $caller),+ }
            }
            /// What the operator does.
            pub const fn operator_does(self) -> &'static str {
                match self { $(Self::$name => $operator),+ }
            }
        }
    };
}

problem_types! {
    /// The body, the path or the query is not in the documented form.
    InvalidRequest = "invalid-request", UNPROCESSABLE_ENTITY, "The request is not valid",
        caller: "Mend the fields named in `errors` and send again; nothing was written.",
        operator: "Nothing, unless one portal does it often: tell its makers.";
    /// Not JSON at all.
    UnreadableBody = "unreadable-body", BAD_REQUEST, "The body cannot be read",
        caller: "Send UTF-8 JSON with `Content-Type: application/json`.",
        operator: "Nothing.";
    /// No, or a malformed, `Idempotency-Key`.
    IdempotencyKeyMissing = "idempotency-key-missing", BAD_REQUEST, "An Idempotency-Key is needed",
        caller: "Send one fresh key (1 to 255 visible ASCII characters) for each new request, the same key for a retry.",
        operator: "Nothing.";
    /// The key was used for another request.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request",
        caller: "Use a new key for a new request.",
        operator: "Nothing.";
    /// A copy of this request is still under way.
    InProgress = "in-progress", CONFLICT, "The same request is being worked on",
        caller: "Send the same request with the same key again after `Retry-After`.",
        operator: "If it goes on, look for long transactions (runbook: database).";
    /// The signature does not hold.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "The signature is missing or does not hold",
        caller: "Sign as the documentation says: key, clock (within 300 s), fresh nonce, address, body digest.",
        operator: "The log line of the request says why; the answer never does.";
    /// Address, password or code are wrong, or this person may not sign in now.
    SignInRefused = "sign-in-refused", UNAUTHORIZED, "The sign-in was refused",
        caller: "Check address, password and one-time code (a code is good once); after some failures wait before the next try.",
        operator: "The log line of the request and the audit say why; the answer never does.";
    /// No session, or one that has ended.
    NotSignedIn = "not-signed-in", UNAUTHORIZED, "Nobody is signed in",
        caller: "Sign in with `POST /v1/sessions` and send the token.",
        operator: "Nothing.";
    /// A write with a cookie that no page of ours made.
    CrossSite = "cross-site", FORBIDDEN, "This does not come from a page of this service",
        caller: "Writes with a cookie need the `Origin` of this service; programs use a bearer token.",
        operator: "Nothing, unless it happens often: somebody may be luring your people.";
    /// Who made it decides on it.
    FourEyes = "four-eyes", FORBIDDEN, "Nobody decides on what they made themselves",
        caller: "Ask somebody else to decide.",
        operator: "Nothing.";
    /// The content is not what was looked at.
    ContentChanged = "content-changed", PRECONDITION_FAILED, "This is not what was proposed",
        caller: "Read the approval again and decide on what stands there now.",
        operator: "If what waits was changed behind the approval, find out by whom (audit).";
    /// Somebody was first, or it is too late.
    AlreadyDecided = "already-decided", CONFLICT, "This is decided already",
        caller: "Read the approval again; propose it anew if it is still wanted.",
        operator: "Nothing.";
    /// Signed well, but not allowed.
    Forbidden = "forbidden", FORBIDDEN, "This caller may not do this",
        caller: "Use a key of a caller that may.",
        operator: "Nothing.";
    /// The caller has been switched off.
    CallerClosed = "caller-closed", FORBIDDEN, "This caller has been switched off",
        caller: "Ask the operator of the service.",
        operator: "Somebody closed this portal or partner in the registers.";
    /// No such thing, or another caller's.
    NotFound = "not-found", NOT_FOUND, "There is nothing here",
        caller: "Check the id; things of other callers are not shown.",
        operator: "Nothing.";
    /// The method does not fit the path.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This method is not offered here",
        caller: "Use a method named in `Allow`.",
        operator: "Nothing.";
    /// The dossier's fee is claimed with another amount.
    DossierAlreadyBilled = "dossier-already-billed", CONFLICT, "This fee of the dossier has an invoice of another amount",
        caller: "Use the invoice named in `invoice`, or cancel it first.",
        operator: "Nothing.";
    /// The life-cycle has no such step from here.
    WrongState = "wrong-state", CONFLICT, "The invoice is not in a state for this",
        caller: "Read the invoice again: `links` names what can be done now.",
        operator: "Nothing.";
    /// The refund's guard is not what can still be asked back.
    RefundableChanged = "refundable-changed", PRECONDITION_FAILED, "What can be refunded has changed",
        caller: "Read the invoice again and ask with its `refundable`, if the refund is still wanted.",
        operator: "Nothing.";
    /// Something that must come before an approval has not.
    NotReleased = "not-released", CONFLICT, "The refund cannot be approved yet",
        caller: "Do what `detail` names first, or have another person approve.",
        operator: "Confirm the settlement once it is seen in the bank, or see to an account to transfer to.";
    /// The same transaction was reported with other content.
    TransactionDiffers = "transaction-differs", CONFLICT, "This transaction was reported with other content",
        caller: "Check the transaction id; a correction needs an id of its own.",
        operator: "A break was opened; ask the partner which is right.";
    /// The same statement stands with other content.
    StatementDiffers = "statement-differs", CONFLICT, "This statement was sent with other content",
        caller: "Nothing more if the new one is right: officers decide which stands. Else send no statement id twice.",
        operator: "Compare the two files: accept the new one by two officers, or reject it.";
    /// Nothing of the file was taken.
    StatementRejected = "statement-rejected", UNPROCESSABLE_ENTITY, "The statement was not taken",
        caller: "Mend what `verdict.errors` names by line and send the whole file again.",
        operator: "Nothing, unless the sender needs help.";
    /// The body is too large.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        caller: "Send less: one invoice up to 64 KiB, a batch up to 4 MiB.",
        operator: "Nothing.";
    /// Not JSON by its content type.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Only JSON is taken here",
        caller: "Send `Content-Type: application/json`.",
        operator: "Nothing.";
    /// Too many calls.
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many calls",
        caller: "Wait for `Retry-After` seconds.",
        operator: "Raise the caller's `calls_per_second` in the registers if it is in the right.";
    /// The request took too long to arrive or to answer.
    TimedOut = "timed-out", REQUEST_TIMEOUT, "The request took too long",
        caller: "Send it again with the same Idempotency-Key.",
        operator: "Look at the database and at the load.";
    /// The database cannot be written.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service cannot write now",
        caller: "Send the same request with the same key again after `Retry-After`.",
        operator: "The database is away or read-only (runbook: database).";
    /// A defect of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here",
        caller: "Send the same request with the same key again; if it stays, tell the operator the `request_id`.",
        operator: "A defect: the log line of `request_id` has the cause.";
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field; of a query parameter its name.
    pub pointer: String,
    /// What is wrong, and the way out.
    pub detail: String,
}

impl FieldError {
    /// At `pointer`, `detail`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// A problem, ready to be told.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemType,
    detail: Option<String>,
    errors: Vec<FieldError>,
    invoice: Option<String>,
    retry_after_seconds: Option<u64>,
}

/// The JSON of a problem (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// A registered type: a path of this service.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The same for every problem of the type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// For bad input: which fields, and what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The code of the invoice that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<String>,
}

impl Problem {
    /// A problem of a type.
    pub const fn new(kind: ProblemType) -> Self {
        Self { kind, detail: None, errors: Vec::new(), invoice: None, retry_after_seconds: None }
    }

    /// Bad input: which fields.
    pub const fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            kind: ProblemType::InvalidRequest,
            detail: None,
            errors,
            invoice: None,
            retry_after_seconds: None,
        }
    }

    /// A fault of ours: logged here, told without detail.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "internal error");
        Self::new(ProblemType::Internal)
    }

    /// With a sentence of this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Naming the invoice in the way.
    #[must_use]
    pub fn invoice(mut self, code: impl Into<String>) -> Self {
        self.invoice = Some(code.into());
        self
    }

    /// With a `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Its type.
    pub const fn kind(&self) -> ProblemType {
        self.kind
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.kind.status().as_u16()
    }

    /// What is wrong with which fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// What happened this time.
    pub fn happened(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The body, as it is sent and stored.
    pub fn to_json(&self) -> Vec<u8> {
        let body = ProblemBody {
            kind: self.kind.path(),
            title: self.kind.title(),
            status: self.status(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            invoice: self.invoice.clone(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let challenge = match self.kind {
            ProblemType::Unauthenticated => Some("Signature realm=\"payclear\""),
            ProblemType::NotSignedIn | ProblemType::SignInRefused => {
                Some("Bearer realm=\"payclear\"")
            }
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(told) = &error {
            match told.code().as_deref() {
                Some("55P03" | "40P01" | "40001") => {
                    return Self::new(ProblemType::InProgress).retry_after(1);
                }
                Some(code)
                    if !code.starts_with("57") && !code.starts_with("53") && code != "25006" =>
                {
                    return Self::internal(&error);
                }
                _ => {}
            }
        }
        tracing::error!(%error, "the database cannot be used");
        Self::new(ProblemType::Unavailable).retry_after(5)
    }
}

impl From<super::group::GroupError> for Problem {
    fn from(error: super::group::GroupError) -> Self {
        use super::group::GroupError;
        match error {
            GroupError::Busy => Self::new(ProblemType::InProgress).retry_after(1),
            GroupError::Unavailable(_) | GroupError::Unknown => {
                Self::new(ProblemType::Unavailable).retry_after(2)
            }
            GroupError::Refused(_) => Self::internal(&error),
        }
    }
}
