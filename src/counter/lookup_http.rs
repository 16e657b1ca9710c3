//! `/lookup` (in the sandbox `/test_lookup`): the doors of the look-up. The number of a payment goes in a form's body, so that no
//! log of addresses holds it.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::forms::{LookupFault, LookupForm};
use super::http::{Counter, Viewer, drawn, failed, too_many};
use super::lookup::{self, Answer};
use super::lookup_page::LookupPage;
use super::words::Language;
use crate::vocabulary::day::to_local;

/// What the address asks for.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Asked {
    lang: Option<String>,
    #[serde(default)]
    code: String,
}

/// `GET /lookup`.
pub async fn show(
    State(counter): State<Counter>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(problem) = counter.allow_view(&viewer) {
        return problem.into_response();
    }
    let form = LookupForm { code: asked.code.chars().take(32).collect(), ..LookupForm::default() };
    page(&counter, language, StatusCode::OK, form, Vec::new(), None)
}

/// `POST /lookup`.
pub async fn ask(
    State(counter): State<Counter>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
    form: Result<Form<LookupForm>, FormRejection>,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(wait) = counter.limits.ask(&viewer.0) {
        return too_many(language, wait);
    }
    let form = form.map(|Form(form)| form).unwrap_or_default();
    let now = counter.doors.clock().now();
    let question = form.read().and_then(|question| {
        let ahead = question.payment.as_ref().is_some_and(|p| p.day > to_local(now).date());
        if ahead { Err(vec![LookupFault::Day]) } else { Ok(question) }
    });
    let question = match question {
        Ok(question) => question,
        Err(faults) => {
            return page(&counter, language, StatusCode::UNPROCESSABLE_ENTITY, form, faults, None);
        }
    };
    let directory = counter.doors.directory();
    let partners: Vec<String> = directory.partners().iter().map(|p| p.code.clone()).collect();
    let found = match counter.pool.acquire().await {
        Ok(mut conn) => lookup::answer(&mut conn, &question, &partners, now).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(answer) => {
            metrics::counter!("payclear_lookups_total", "answer" => answer.name()).increment(1);
            page(&counter, language, StatusCode::OK, form, Vec::new(), Some(answer))
        }
        Err(error) => failed(language, &error),
    }
}

fn page(
    counter: &Counter,
    language: Language,
    status: StatusCode,
    form: LookupForm,
    faults: Vec<LookupFault>,
    answer: Option<Answer>,
) -> Response {
    let today = to_local(counter.doors.clock().now()).date();
    let realm = counter.realm;
    drawn(status, LookupPage { language, form, faults, answer, today, realm }.render(), &[])
}
