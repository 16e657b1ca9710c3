//! The pay page's doors. Reads what is known and draws it; a choice of the payer starts a dispatch.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use sqlx::PgPool;
use subtle::ConstantTimeEq;

use super::limits::Limits;
use super::view::{Asked, Known, page_of};
use super::words::Language;
use super::{assets, drawing, headers, lookup_http, receipt_http, wishes};
use crate::callers::doors::Doors;
use crate::dispatch::start::{StartError, Starting};
use crate::invoices::attempt::{Asker, Attempt};
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, Status};
use crate::invoices::store;
use crate::mail::Mailing;
use crate::partners::dialects::Channel;
use crate::platform::http::client_address_of;
use crate::platform::problem::Problem;
use crate::receipts::Receipts;
use crate::receipts::status::ReceiptStatus;
use crate::receipts::store::reads::receipt_of_invoice;
use crate::refunds;
use crate::refunds::name_account::{self, Naming};
use crate::registers::directory::Directory;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::money::Money;
use crate::vocabulary::realm::Realm;

/// The page waits so long for the adapter before it shows that the order is being prepared.
const WAITS_FOR_ADAPTER: Duration = Duration::from_secs(4);
/// Page views of one address in a second.
const VIEWS_PER_SECOND: u32 = 20;
/// No form of ours is longer.
const FORM_BYTES: usize = 8 * 1024;

/// What the pages need.
#[derive(Debug, Clone)]
pub struct Counter {
    /// Registers, clock, limits.
    pub doors: Doors,
    /// The database.
    pub pool: PgPool,
    /// Starting attempts.
    pub starting: Starting,
    /// Accounts for refunds.
    pub naming: Naming,
    /// Receipts.
    pub receipts: Receipts,
    /// Confirmations by mail; none without a server.
    pub mailing: Option<Mailing>,
    /// How often strangers may ask.
    pub limits: Arc<Limits>,
    /// The header in which a trusted proxy names the payer's address, or empty.
    pub client_address_header: String,
    /// Whose counter this is.
    pub realm: Realm,
}

/// The routes.
pub fn routes(counter: Counter) -> Router {
    Router::new()
        .route("/pay/{token}", get(show).post(choose))
        .route("/pay/{token}/mail", post(wishes::leave_mail))
        .route("/pay/{token}/refund-account", post(wishes::name_account))
        .route("/lookup", get(lookup_http::show).post(lookup_http::ask))
        .route("/receipts/{code}", get(receipt_http::show))
        .route("/receipts/{code}/pdf", get(receipt_http::download))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .with_state(counter)
        .merge(assets::routes())
}

#[derive(Debug, Default, serde::Deserialize)]
struct Chosen {
    partner: Option<String>,
}

/// Who looks, by address: behind a trusted proxy its header says it, else the connection.
#[derive(Debug)]
pub struct Viewer(pub String);

impl FromRequestParts<Counter> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        counter: &Counter,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(client_address_of(parts, &counter.client_address_header)))
    }
}

impl Counter {
    /// One more look at a page.
    pub fn allow_view(&self, viewer: &Viewer) -> Result<(), Problem> {
        self.doors.allow_address(&viewer.0, VIEWS_PER_SECOND)
    }

    /// The invoice that a token opens: its code finds it, its secret is compared in constant time.
    async fn open(&self, token: &str) -> Result<Option<Invoice>, sqlx::Error> {
        let realm = Realm::of(token).prefix();
        let Some((code, secret)) = token[realm.len()..].split_once('-') else { return Ok(None) };
        let secret = format!("{realm}{secret}");
        let Ok(code) = code.parse::<InvoiceCode>() else { return Ok(None) };
        let mut conn = self.pool.acquire().await?;
        let Some((_, id)) = store::invoices_of_codes(&mut conn, &[code]).await?.pop() else {
            return Ok(None);
        };
        let invoice = store::invoice_read(&mut conn, id).await?;
        Ok(invoice.filter(|i| bool::from(secret.as_bytes().ct_eq(i.terms.token.as_bytes()))))
    }

    /// All that the page of a token shows.
    pub async fn known(&self, token: &str) -> Result<Option<Known>, sqlx::Error> {
        let Some(invoice) = self.open(token).await? else { return Ok(None) };
        let mut conn = self.pool.acquire().await?;
        let attempts = store::attempts_of_invoice(&mut conn, invoice.id).await?;
        let refunds = refunds::store::refunds_of_invoice(&mut conn, invoice.id).await?;
        let zero = Money::zero(invoice.amount.currency());
        let account = if refunds.is_empty() {
            name_account::AccountStanding::NotNeeded
        } else {
            name_account::standing(&mut conn, invoice.id, zero).await?
        };
        let has_mail = self.mailing.is_some();
        let receipt_path = match invoice.status {
            Status::Paid => receipt_of_invoice(&mut conn, invoice.id).await?,
            _ => None,
        }
        // One that was cancelled is of an earlier payment, or is told on its own page.
        .filter(|receipt| receipt.status == ReceiptStatus::Valid)
        .map(|receipt| receipt.check_path());
        Ok(Some(Known { invoice, attempts, refunds, account, has_mail, receipt_path }))
    }
}

/// A page as an answer.
pub(super) fn drawn(
    status: StatusCode,
    page: Result<String, askama::Error>,
    targets: &[url::Url],
) -> Response {
    match page {
        Ok(body) => headers::html(status, body, targets),
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What is told when the database does not answer.
pub(super) fn failed(language: Language, error: &sqlx::Error) -> Response {
    tracing::error!(%error, "a page could not be read");
    drawn(StatusCode::SERVICE_UNAVAILABLE, drawing::error(language, None), &[])
}

/// One question too many.
pub(super) fn too_many(language: Language, wait_seconds: u64) -> Response {
    let mut answer = drawn(StatusCode::TOO_MANY_REQUESTS, drawing::too_many(language), &[]);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_seconds));
    answer
}

async fn show(
    State(counter): State<Counter>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(refused) = counter.allow_view(&viewer) {
        return refused.into_response();
    }
    let known = match counter.known(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return drawn(StatusCode::NOT_FOUND, drawing::not_found(language), &[]),
        Err(error) => return failed(language, &error),
    };
    let directory = counter.doors.directory();
    let page = page_of(&directory, &known, &asked, counter.doors.clock().now(), language);
    drawn(StatusCode::OK, page.render(), &targets(&directory))
}

/// Forms of the page may end at these partners' own pages.
pub(super) fn targets(directory: &Directory) -> Vec<url::Url> {
    directory
        .partners()
        .iter()
        .filter_map(|p| p.dialect.as_ref()?.payer_page()?.parse().ok())
        .collect()
}

async fn choose(
    State(counter): State<Counter>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
    chosen: Result<Form<Chosen>, FormRejection>,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    if let Err(refused) = counter.allow_view(&viewer) {
        return refused.into_response();
    }
    let invoice = match counter.open(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return drawn(StatusCode::NOT_FOUND, drawing::not_found(language), &[]),
        Err(error) => return failed(language, &error),
    };
    let back = |more: &str| {
        let lang = if language == Language::En { "lang=en&" } else { "" };
        Redirect::to(&format!("{}?{lang}{more}", invoice.pay_path())).into_response()
    };
    if invoice.status == Status::Paid {
        return back("told=paid");
    }
    let directory = counter.doors.directory();
    let code = chosen.ok().and_then(|Form(chosen)| chosen.partner);
    let Some(code) = code.filter(|c| !c.is_empty()) else { return back("told=choose") };
    let Some(partner) = directory.partner(&code) else { return back("told=gone") };
    if partner.channel() == Some(Channel::BankTransfer) {
        // The order that stands from the start is paid: nothing new is made for the same account.
        return back(&format!("way={code}"));
    }
    let asker =
        Asker { ip: &viewer.0, language: if language == Language::En { "en" } else { "vi" } };
    match counter.starting.start(invoice.id, partner, asker).await {
        Ok(attempt) => match wait_for_page(&counter.pool, &attempt).await {
            Ok(Some(address)) => Redirect::to(&address).into_response(),
            Ok(None) => back("told=later"),
            Err(error) => failed(language, &error),
        },
        // Somebody may have paid it meanwhile: the page tells so of what is paid alone.
        Err(StartError::Closed) => back("told=paid"),
        Err(StartError::AnotherUnknown) => back(""),
        Err(StartError::NotOffered) => back("told=gone"),
        Err(StartError::Store(error)) => failed(language, &error),
    }
}

/// Waits a moment for the adapter to make the order known, and returns the partner's page.
async fn wait_for_page(pool: &PgPool, attempt: &Attempt) -> Result<Option<String>, sqlx::Error> {
    let until = tokio::time::Instant::now() + WAITS_FOR_ADAPTER;
    let mut pause = Duration::from_millis(15);
    loop {
        let mut conn = pool.acquire().await?;
        let now = store::attempts_read(&mut conn, &[attempt.id.0]).await?.pop();
        drop(conn);
        if let Some(now) = now {
            if let Some(address) = now.instruction.and_then(|i| i.pay_url) {
                return Ok(Some(address));
            }
            if now.status.is_final() || now.status == AttemptStatus::Unknown {
                return Ok(None);
            }
        }
        if tokio::time::Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
