//! Signing in and out, on the use cases that the JSON door stands on. Before anybody is signed in a
//! form is bound to its browser by a cookie that the form repeats.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use crate::counter::words::Language;
use crate::desk::asked::{Asked, link};
use crate::desk::http::Desk;
use crate::desk::page::{Again, Block, Field, Form, Page, Takes};
use crate::desk::posted::{Fields, Posted};
use crate::desk::reader::{cookie, language_of, redirect, remember};
use crate::desk::words::Say;
use crate::desk::{csrf, drawing};
use crate::people::add;
use crate::people::password::Password;
use crate::people::session::{CarriedBy, cookie as session_cookie, is_same_origin};
use crate::people::sign_in::{Attempt, sign_in as begin};
use crate::people::{sign_out as leaving, totp};
use crate::platform::http::{BODY, CallerName, client_address, read_body};
use crate::platform::problem::{Problem, ProblemType};

const PATH: &str = "/desk/sign-in";

/// The name of the cookie that a form repeats.
fn form_cookie(public_url: &str) -> &'static str {
    if public_url.starts_with("https://") { "__Host-payclear-form" } else { "payclear-form" }
}

fn page(language: Language, next: &str) -> Page {
    let say = |vietnamese, english| Say(vietnamese, english).to(language);
    let form = Form::post("sign-in", PATH, say("Đăng nhập", "Sign in"))
        .hidden("next", next)
        .field(Field::new("email", say("Địa chỉ e-mail", "E-mail address"), Takes::Email))
        .field(Field::new("password", say("Mật khẩu", "Password"), Takes::Password))
        .field(Field::new("totp", say("Mã một lần", "One-time code"), Takes::Code).hint(say(
            "6 chữ số trong ứng dụng xác thực; mỗi mã chỉ dùng một lần.",
            "The 6 digits of your authenticator app; each is good once.",
        )));
    Page::new(say("Đăng nhập bàn làm việc", "Sign in to the desk"), None).with(Block::Form(form))
}

/// A page of ours, and nothing that leads elsewhere.
fn inside(next: &str) -> &str {
    let good = (next == "/desk" || next.starts_with("/desk/") || next.starts_with("/desk?"))
        && !next.contains("..")
        && next.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\');
    if good { next } else { "" }
}

fn drawn(
    desk: &Desk,
    (headers, asked): (&HeaderMap, &Asked),
    (next, again): (&str, Option<Again>),
) -> Response {
    let (language, chosen) = language_of(headers, asked);
    let mut page = page(language, inside(next));
    if let Some(again) = again {
        page.again(again);
    }
    let name = form_cookie(&desk.people.public_url);
    let held = cookie(headers, name).filter(|token| csrf::same(token, token));
    let token = held.map_or_else(|| hex::encode(rand::random::<[u8; 32]>()), str::to_owned);
    let with_realm = (language, desk.realm);
    let mut answer = drawing::outside(with_realm, (&page, asked), token.clone());
    let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
    let set = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    if let Ok(set) = HeaderValue::from_str(&set) {
        answer.headers_mut().append(header::SET_COOKIE, set);
    }
    remember(answer, (language, chosen))
}

/// `GET /desk/sign-in`.
pub async fn show(State(desk): State<Desk>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = Asked::of(&uri);
    let next = asked.get("next").unwrap_or_default().to_owned();
    drawn(&desk, (&headers, &asked), (&next, None))
}

/// `POST /desk/sign-in`.
pub async fn sign_in(State(desk): State<Desk>, request: Request) -> Response {
    let address = client_address(&request, &desk.people.client_address_header);
    let (parts, body) = request.into_parts();
    let (headers, uri) = (parts.headers, parts.uri);
    let asked = Asked::of(&uri);
    let body = match read_body(body, &headers, BODY).await {
        Ok(body) => zeroize::Zeroizing::new(body),
        Err(problem) => {
            let (language, _) = language_of(&headers, &asked);
            return drawing::problem(language, None, &problem);
        }
    };
    let fields = Fields::read(&body);
    let (language, _) = language_of(&headers, &asked);
    let next = fields.get("next").unwrap_or_default().to_owned();
    if let Err(problem) = desk.people.limits.sign_in(&address) {
        return drawing::problem(language, None, &problem);
    }
    let held = cookie(&headers, form_cookie(&desk.people.public_url)).unwrap_or_default();
    let given = fields.get(csrf::FIELD).unwrap_or_default();
    if !is_same_origin(&headers, &desk.people.public_url) || !csrf::same(held, given) {
        return drawing::problem(language, None, &Problem::new(ProblemType::CrossSite));
    }
    let again = |faults: Vec<(String, String)>, status: StatusCode, fault: Option<String>| {
        let typed = vec![("email".to_owned(), fields.get("email").unwrap_or_default().to_owned())];
        let again = Again { form: "sign-in", typed, faults, fault, status };
        drawn(&desk, (&headers, &asked), (&next, Some(again)))
    };
    let attempt = match read(&fields, language) {
        Ok(attempt) => attempt,
        Err(faults) => return again(faults, StatusCode::UNPROCESSABLE_ENTITY, None),
    };
    let email = attempt.email.clone();
    match begin(&desk.people, attempt).await {
        Ok(made) => {
            let place = Some(inside(&next)).filter(|next| !next.is_empty()).unwrap_or("/desk");
            let mut answer = redirect(place);
            let set = session_cookie(&desk.people.public_url, Some(&made.token));
            if let Ok(set) = HeaderValue::from_str(&set) {
                answer.headers_mut().append(header::SET_COOKIE, set);
            }
            answer.extensions_mut().insert(CallerName(email));
            answer
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.kind() != ProblemType::SignInRefused {
                return drawing::problem(language, None, &problem);
            }
            let told = drawing::told(language, &problem);
            again(Vec::new(), StatusCode::UNAUTHORIZED, Some(told))
        }
    }
}

/// What somebody signs in with, or what is wrong with its form.
fn read(fields: &Fields, language: Language) -> Result<Attempt, Vec<(String, String)>> {
    let say = |vietnamese, english| Say(vietnamese, english).to(language).to_owned();
    let mut faults = Vec::new();
    let email = add::email(fields.get("email").unwrap_or_default()).ok();
    if email.is_none() {
        let text = say("Hãy nhập địa chỉ e-mail của bạn.", "Enter your e-mail address.");
        faults.push(("email".to_owned(), text));
    }
    let password = fields.raw("password").unwrap_or_default();
    if password.is_empty() {
        let text = say("Hãy nhập mật khẩu.", "Enter your password.");
        faults.push(("password".to_owned(), text));
    }
    let code: String = fields.get("totp").unwrap_or_default().split_whitespace().collect();
    let totp = Some(code).filter(|code| !code.is_empty());
    if totp.as_deref().is_some_and(|code| !totp::is_code(code)) {
        faults.push(("totp".to_owned(), say("Mã gồm 6 chữ số.", "The code has 6 digits.")));
    }
    match email {
        Some(email) if faults.is_empty() => {
            let password = Password::new(password.to_owned());
            Ok(Attempt { email, password, totp, carried_by: CarriedBy::Cookie })
        }
        _ => Err(faults),
    }
}

/// `POST /desk/sign-out`.
pub async fn sign_out(State(desk): State<Desk>, posted: Posted) -> Response {
    let reader = &posted.reader;
    if let Err(error) = leaving::sign_out(&desk.people, &reader.officer).await {
        return reader.answer(Err(error.into()));
    }
    let mut answer = redirect(&link(PATH, &[("told", "signed-out")]));
    let set = session_cookie(&desk.people.public_url, None);
    if let Ok(set) = HeaderValue::from_str(&set) {
        answer.headers_mut().append(header::SET_COOKIE, set);
    }
    reader.sign(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        for good in ["/desk", "/desk/refunds?status=sent", "/desk?x=1"] {
            assert_eq!(inside(good), good);
        }
        for bad in [
            "//evil.example",
            "/desk.evil",
            "https://a.vn",
            "/desk/../x",
            "/desk/\\a",
            "/desk/ñ",
            "",
        ] {
            assert_eq!(inside(bad), "", "{bad}");
        }
    }
}
