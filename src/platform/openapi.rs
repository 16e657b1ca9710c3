//! What holds for every operation of the API, added to the document in one place: the signature or
//! the session, and the problems that any call may be answered with.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, Ref, RefOr, ResponseBuilder};

use super::problem::PROBLEM_JSON;

const SIGNATURE: &str = "signature";
const HOW: &str = "RFC 9421 with `hmac-sha256`: `signature-input`, `signature` and, on a write, \
    `content-digest` (RFC 9530). The profile and a worked example: docs/api.md.";

/// What people's operations name as their security.
const SESSION: &str = "session";
const SIGNED_IN: &str = "The token of `POST /v1/sessions`, in this header or in the cookie that was \
    set; a write with the cookie needs the `Origin` of this service.";

/// Completes a document that the rooms have written their operations into.
pub fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let value = ApiKeyValue::with_description(SIGNATURE, HOW);
    components.add_security_scheme(SIGNATURE, SecurityScheme::ApiKey(ApiKey::Header(value)));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(SIGNED_IN));
    components.add_security_scheme(SESSION, SecurityScheme::Http(bearer.build()));
    let signed = SecurityRequirement::new::<_, [&str; 0], &str>(SIGNATURE, []);
    document.security = Some(vec![signed]);
    let fault = ResponseBuilder::new()
        .description("A fault here; the same request with the same key may be sent again")
        .content(
            PROBLEM_JSON,
            ContentBuilder::new()
                .schema(Some(RefOr::Ref(Ref::from_schema_name("ProblemBody"))))
                .build(),
        )
        .build();
    for path in document.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            let told = &mut operation.responses.responses;
            told.entry("5XX".to_owned()).or_insert_with(|| RefOr::T(fault.clone()));
        }
    }
}
