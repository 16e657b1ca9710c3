//! What a payer leaves on the page besides money: an address for the confirmation, an account for a
//! refund.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::drawing;
use super::forms::{AccountFault, AccountForm};
use super::http::{Counter, Viewer, drawn, failed, targets, too_many};
use super::page::{AccountAsked, MailAsked};
use super::view::{Asked, Known, page_of};
use super::words::Language;
use crate::mail::ask::AskError;
use crate::refunds::name_account::{AccountStanding, NameError};

/// The form of the confirmation.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct MailForm {
    email: String,
}

fn back(known: &Known, language: Language, told: &str) -> Response {
    let lang = if language == Language::En { "lang=en&" } else { "" };
    Redirect::to(&format!("{}?{lang}told={told}", known.invoice.pay_path())).into_response()
}

/// The page once more, with what is wrong.
fn again(
    counter: &Counter,
    known: &Known,
    asked: &Asked,
    change: impl FnOnce(&mut super::page::PayPage),
) -> Response {
    let directory = counter.doors.directory();
    let language = Language::asked(asked.lang.as_deref());
    let mut page = page_of(&directory, known, asked, counter.doors.clock().now(), language);
    change(&mut page);
    drawn(StatusCode::UNPROCESSABLE_ENTITY, page.render(), &targets(&directory))
}

/// `POST /pay/{token}/mail`. The answer is the same whether the address is anybody's or not.
pub async fn leave_mail(
    State(counter): State<Counter>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
    form: Result<Form<MailForm>, FormRejection>,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(wait) = counter.limits.ask(&viewer.0) {
        return too_many(language, wait);
    }
    let known = match counter.known(&token).await {
        Ok(Some(known)) => known,
        Ok(None) => return drawn(StatusCode::NOT_FOUND, drawing::not_found(language), &[]),
        Err(error) => return failed(language, &error),
    };
    let Some(mailing) = &counter.mailing else { return back(&known, language, "") };
    let typed = form.map(|Form(form)| form.email).unwrap_or_default();
    match mailing.ask(known.invoice.id, &typed).await {
        Ok(()) => back(&known, language, "mailed"),
        Err(AskError::TooMany) => back(&known, language, "mail-enough"),
        Err(AskError::NotPaid) => back(&known, language, ""),
        Err(AskError::NotAnAddress) => again(&counter, &known, &asked, |page| {
            page.mail = MailAsked::NotAnAddress { typed: typed.chars().take(254).collect() };
        }),
        Err(AskError::Store(error)) => failed(language, &error),
    }
}

/// `POST /pay/{token}/refund-account`.
pub async fn name_account(
    State(counter): State<Counter>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
    form: Result<Form<AccountForm>, FormRejection>,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(wait) = counter.limits.ask(&viewer.0) {
        return too_many(language, wait);
    }
    let known = match counter.known(&token).await {
        Ok(Some(known)) => known,
        Ok(None) => return drawn(StatusCode::NOT_FOUND, drawing::not_found(language), &[]),
        Err(error) => return failed(language, &error),
    };
    let typed = form.map(|Form(form)| form).unwrap_or_default();
    // Of two payments it must be said which.
    let of = typed.payment();
    let several = matches!(&known.account, AccountStanding::Needed(all) if all.len() > 1);
    let unsaid = (several && of.is_none()).then_some(AccountFault::Payment);
    let account = match (typed.read(), unsaid) {
        (Ok(account), None) => account,
        (read, unsaid) => {
            let found = unsaid.into_iter().chain(read.err().unwrap_or_default()).collect();
            return again(&counter, &known, &asked, |page| {
                if let AccountAsked::Yes { form, faults, .. } = &mut page.account {
                    (*form, *faults) = (typed, found);
                }
            });
        }
    };
    match counter.naming.name((known.invoice.id, of), &account).await {
        Ok(_) => back(&known, language, "account"),
        // Somebody was faster, or it is not asked for: the page says how it stands.
        Err(NameError::NotAsked | NameError::Propose(_)) => back(&known, language, ""),
        Err(NameError::Store(error)) => failed(language, &error),
    }
}
