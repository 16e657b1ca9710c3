//! Who reads a page: signed in, in a language, asking for something. Nobody gets further without.

use axum::extract::{FromRef as _, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};

use super::asked::{Asked, link};
use super::http::Desk;
use super::menu::Section;
use super::page::Page;
use super::rooms::Pass;
use super::words::{Named, Say, name_of};
use super::{csrf, drawing, export, told};
use crate::counter::words::Language;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::CallerName;
use crate::platform::problem::{Problem, ProblemType};
use crate::vocabulary::realm::Realm;

/// The cookie of the language that was chosen.
const LANGUAGE: &str = "payclear-lang";

/// Who is signed in, and what they ask for.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Who.
    pub officer: Officer,
    /// In which language.
    pub language: Language,
    /// What for.
    pub asked: Asked,
    /// In which world.
    pub realm: Realm,
    /// When.
    pub now: DateTime<Utc>,
    /// What vouches for them at the doors of the rooms.
    pub pass: Pass,
    /// The language was chosen with this request.
    chosen: bool,
}

impl Reader {
    /// A text in the reader's language.
    pub const fn say(&self, vietnamese: &'static str, english: &'static str) -> &'static str {
        Say(vietnamese, english).to(self.language)
    }

    /// What a room noted about a case, as people say it.
    pub fn note(&self, told: &str) -> String {
        told::note(self.language, told)
    }

    /// A name as people say it.
    pub fn name(&self, kind: Named, name: &str) -> String {
        name_of(self.language, kind, name)
    }

    /// The agencies that this person may look at in a part of the desk, when it is open to them.
    pub fn enter(&self, section: Section) -> Result<Vec<String>, Problem> {
        if section.is_open_to(&self.officer) {
            return Ok(section.scopes(&self.officer));
        }
        Err(Problem::new(ProblemType::Forbidden).detail(format!(
            "{}: {}",
            section.name().to(self.language),
            self.say("bạn không có quyền xem phần này", "none of your roles opens this part")
        )))
    }

    /// The token of this session's forms.
    pub fn csrf(&self) -> String {
        csrf::token(&self.officer.session)
    }

    /// The same reader on another page.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        if let Ok(uri) = path.parse() {
            self.asked = Asked::of(&uri);
        }
        self
    }

    /// The page, or one of its tables in the form that is asked for, or what went wrong.
    pub fn answer(&self, page: Result<Page, Problem>) -> Response {
        let answer = match page {
            Ok(page) => match self.asked.format() {
                Some(format) => export::answer(self, &page, format),
                None => drawing::page(self, &page),
            },
            Err(problem) => drawing::problem(self.language, Some(self), &problem),
        };
        self.sign(answer)
    }

    /// Leaves the name for the log, and the language for the next page.
    pub fn sign(&self, mut answer: Response) -> Response {
        answer.extensions_mut().insert(CallerName(self.officer.email.clone()));
        if self.chosen {
            set_language(answer.headers_mut(), self.language);
        }
        answer
    }
}

fn set_language(headers: &mut HeaderMap, language: Language) {
    let cookie = format!("{LANGUAGE}={language}; Path=/desk; SameSite=Lax; Max-Age=31536000");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// A cookie of a request.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let given = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// The language that an address asks for, else the one that was chosen before; and whether it was
/// asked for now.
pub fn language_of(headers: &HeaderMap, asked: &Asked) -> (Language, bool) {
    match asked.get("lang") {
        Some(lang) => (Language::asked(Some(lang)), true),
        None => (Language::asked(cookie(headers, LANGUAGE)), false),
    }
}

/// An answer in a language that was chosen just now is remembered.
pub fn remember(mut answer: Response, (language, chosen): (Language, bool)) -> Response {
    if chosen {
        set_language(answer.headers_mut(), language);
    }
    answer
}

/// Another page.
pub fn redirect(to: &str) -> Response {
    let Ok(place) = HeaderValue::from_str(to) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut answer = StatusCode::SEE_OTHER.into_response();
    answer.headers_mut().insert(header::LOCATION, place);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl FromRequestParts<Desk> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        let asked = Asked::of(&parts.uri);
        let (language, chosen) = language_of(&parts.headers, &asked);
        match PeopleDoor::from_ref(desk).person(parts).await {
            Ok(officer) => {
                let (realm, now) = (desk.realm, desk.people.clock.now());
                let pass = Pass::of(parts);
                Ok(Self { officer, language, asked, realm, now, pass, chosen })
            }
            Err(problem) if problem.kind() == ProblemType::NotSignedIn => {
                let wanted = parts.uri.path_and_query().map_or("", |whole| whole.as_str());
                let next =
                    if parts.method == Method::GET && wanted != "/desk" { wanted } else { "" };
                Err(redirect(&link("/desk/sign-in", &[("next", next)])))
            }
            Err(problem) => Err(drawing::problem(language, None, &problem)),
        }
    }
}
