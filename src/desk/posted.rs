//! A form as it was sent: by whoever is signed in, from a page that we drew for them.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::NaiveDate;

use super::http::Desk;
use super::page::{Again, Page};
use super::reader::{Reader, redirect};
use super::{csrf, drawing};
use crate::platform::problem::{Problem, ProblemType};

/// The fields of a form.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// Reads a body. What is no text is left out.
    pub fn read(body: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(body)
            .filter(|(_, value)| !value.contains('\0'))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .take(600);
        Self(pairs.collect())
    }

    /// A field that was filled in.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The same, as it was typed.
    pub fn raw(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The same, read.
    pub fn parse<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }
}

/// Why a form was not taken.
#[derive(Debug)]
pub enum Stop {
    /// A room says so.
    Problem(Problem),
    /// Fields and what is wrong with them.
    Faults(Vec<(String, String)>),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Problem(error.into())
    }
}

/// Gathers what is wrong with a form, field by field.
#[derive(Debug, Default)]
pub struct Check(Vec<(String, String)>);

impl Check {
    /// Notes what is wrong with a field.
    pub fn fault(&mut self, field: &str, text: impl Into<String>) {
        self.0.push((field.to_owned(), text.into()));
    }

    /// A field that must be there, of so many characters at most.
    pub fn text(&mut self, posted: &Posted, field: &str, most: usize) -> String {
        let given = posted.fields.get(field).unwrap_or_default();
        if given.is_empty() {
            self.fault(field, posted.reader.say("Hãy điền vào ô này.", "Fill in this field."));
        } else if given.chars().count() > most {
            let say = super::words::Say("Tối đa {} ký tự.", "At most {} characters.");
            self.fault(field, say.with(posted.reader.language, most));
        }
        given.to_owned()
    }

    /// A day that must be there.
    pub fn day(&mut self, posted: &Posted, field: &str) -> NaiveDate {
        posted.fields.parse(field).unwrap_or_else(|| {
            self.fault(field, posted.reader.say("Hãy chọn một ngày.", "Give a day."));
            NaiveDate::MIN
        })
    }

    /// Nothing was wrong?
    pub fn done(self) -> Result<(), Stop> {
        if self.0.is_empty() { Ok(()) } else { Err(Stop::Faults(self.0)) }
    }
}

/// A form with who sent it.
#[derive(Debug)]
pub struct Posted {
    /// Who.
    pub reader: Reader,
    /// What.
    pub fields: Fields,
}

impl Posted {
    /// Ends a deed: on to a page, or back to the one with the form, with what is wrong.
    pub async fn end(
        self,
        form: &'static str,
        done: Result<String, Stop>,
        (path, back): (&str, impl AsyncFnOnce(Reader) -> (Reader, Result<Page, Problem>)),
    ) -> Response {
        let stop = match done {
            Ok(next) => return self.reader.sign(redirect(&next)),
            Err(stop) => stop,
        };
        let typed = self.fields.0;
        let language = self.reader.language;
        let again = match stop {
            Stop::Faults(faults) => Again {
                form,
                typed,
                faults,
                status: StatusCode::UNPROCESSABLE_ENTITY,
                ..Again::default()
            },
            Stop::Problem(problem) => {
                let gone = matches!(
                    problem.kind(),
                    ProblemType::NotFound
                        | ProblemType::NotSignedIn
                        | ProblemType::Unavailable
                        | ProblemType::Internal
                );
                if gone {
                    return self.reader.answer(Err(problem));
                }
                let faults = problem.errors().iter().map(|error| {
                    (error.pointer.trim_start_matches('/').to_owned(), error.detail.clone())
                });
                let fault = drawing::told(language, &problem);
                Again {
                    typed,
                    faults: faults.collect(),
                    fault: problem.errors().is_empty().then_some(fault),
                    ..Again::of(form, &problem)
                }
            }
        };
        let (reader, page) = back(self.reader.at(path)).await;
        match page {
            Ok(mut page) => {
                page.again(again);
                reader.sign(drawing::page(&reader, &page))
            }
            Err(problem) => reader.answer(Err(problem)),
        }
    }
}

impl FromRequest<Desk> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let reader = Reader::from_request_parts(&mut parts, desk).await?;
        let body = Bytes::from_request(Request::from_parts(parts, body), desk).await;
        let body = body.map_err(axum::response::IntoResponse::into_response)?;
        let fields = Fields::read(&body);
        if !csrf::fits(&reader.officer.session, fields.get(csrf::FIELD).unwrap_or_default()) {
            let problem = Problem::new(ProblemType::CrossSite);
            return Err(reader.answer(Err(problem)).into_response());
        }
        Ok(Self { reader, fields })
    }
}
