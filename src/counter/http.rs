//! The pay page's doors. Reads what is known and draws it; a choice of the payer starts a dispatch.

use std::time::Duration;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use sqlx::PgPool;
use subtle::ConstantTimeEq;

use super::page::{
    AttemptState, ChannelChoice, Flash, LineKind, LiveAttempt, MaskedName, PayLine, PayPage,
    Returned, Status as Shown, Transfer,
};
use super::words::Language;
use super::{assets, drawing, headers};
use crate::callers::doors::Doors;
use crate::dispatch::start::{StartError, Starting};
use crate::invoices::attempt::{Asker, Attempt};
use crate::invoices::invoice::Invoice;
use crate::invoices::status::{AttemptStatus, Status};
use crate::invoices::store;
use crate::partners::Partner;
use crate::partners::dialects::{Channel, vietqr};
use crate::registers::directory::Directory;
use crate::registers::entries::FeeKind;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::money::Money;
use crate::vocabulary::realm::Realm;

/// The page waits so long for the adapter before it shows that the order is being prepared.
const WAITS_FOR_ADAPTER: Duration = Duration::from_secs(4);
/// Page views of one address in a second.
const VIEWS_PER_SECOND: u32 = 20;

/// What the pages need.
#[derive(Debug, Clone)]
pub struct Counter {
    /// Registers, clock, limits.
    pub doors: Doors,
    /// The database.
    pub pool: PgPool,
    /// Starting attempts.
    pub starting: Starting,
    /// The header in which a trusted proxy names the payer's address, or empty.
    pub client_address_header: String,
}

/// The routes.
pub fn routes(counter: Counter) -> Router {
    Router::new()
        .route("/pay/{token}", get(show).post(choose))
        .with_state(counter)
        .merge(assets::routes())
}

#[derive(Debug, Default, serde::Deserialize)]
struct Asked {
    lang: Option<String>,
    returned: Option<String>,
    still: Option<String>,
    #[serde(default)]
    way: Option<String>,
    told: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Chosen {
    partner: Option<String>,
}

/// Who looks: behind a trusted proxy its header says it, else the connection.
struct Viewer(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        let from = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
        Ok(Self(from.map_or_else(|| "0.0.0.0".to_owned(), |c| c.0.ip().to_string())))
    }
}

impl Counter {
    fn address(&self, viewer: &Viewer, given: &HeaderMap) -> String {
        let told = given.get(&self.client_address_header).and_then(|v| v.to_str().ok());
        let told = told.and_then(|v| v.split(',').next_back()).map(str::trim);
        match told.and_then(|v| v.parse::<std::net::IpAddr>().ok()) {
            Some(address) if !self.client_address_header.is_empty() => address.to_string(),
            _ => viewer.0.clone(),
        }
    }

    /// The invoice that a token opens: its code finds it, its secret is compared in constant time.
    async fn open(&self, token: &str) -> Result<Option<(Invoice, Vec<Attempt>)>, sqlx::Error> {
        let realm = Realm::of(token).prefix();
        let Some((code, secret)) = token[realm.len()..].split_once('-') else { return Ok(None) };
        let secret = format!("{realm}{secret}");
        let Ok(code) = code.parse::<InvoiceCode>() else { return Ok(None) };
        let mut conn = self.pool.acquire().await?;
        let Some((_, id)) = store::invoices_of_codes(&mut conn, &[code]).await?.pop() else {
            return Ok(None);
        };
        let Some(invoice) = store::invoice_read(&mut conn, id).await? else { return Ok(None) };
        if !bool::from(secret.as_bytes().ct_eq(invoice.terms.token.as_bytes())) {
            return Ok(None);
        }
        let attempts = store::attempts_of_invoice(&mut conn, id).await?;
        Ok(Some((invoice, attempts)))
    }
}

fn drawn(
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

fn failed(language: Language, error: &sqlx::Error) -> Response {
    tracing::error!(%error, "a page could not be read");
    drawn(StatusCode::SERVICE_UNAVAILABLE, drawing::error(language, None), &[])
}

async fn show(
    State(counter): State<Counter>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
    given: HeaderMap,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    let address = counter.address(&viewer, &given);
    if let Err(problem) = counter.doors.allow_address(&address, VIEWS_PER_SECOND) {
        return problem.into_response();
    }
    let (invoice, attempts) = match counter.open(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return drawn(StatusCode::NOT_FOUND, drawing::not_found(language), &[]),
        Err(error) => return failed(language, &error),
    };
    let directory = counter.doors.directory();
    let page = page_of(&counter, &directory, &invoice, &attempts, &asked, language);
    drawn(StatusCode::OK, page.render(), &targets(&directory))
}

/// Forms of the page may end at these partners' own pages.
fn targets(directory: &Directory) -> Vec<url::Url> {
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
    given: HeaderMap,
    chosen: Result<Form<Chosen>, FormRejection>,
) -> Response {
    let language = Language::asked(asked.lang.as_deref());
    let address = counter.address(&viewer, &given);
    if let Err(problem) = counter.doors.allow_address(&address, VIEWS_PER_SECOND) {
        return problem.into_response();
    }
    let (invoice, _) = match counter.open(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return drawn(StatusCode::NOT_FOUND, drawing::not_found(language), &[]),
        Err(error) => return failed(language, &error),
    };
    let back = |more: &str| {
        let lang = if language == Language::En { "lang=en&" } else { "" };
        Redirect::to(&format!("{}?{lang}{more}", invoice.pay_path())).into_response()
    };
    let directory = counter.doors.directory();
    let code = chosen.ok().and_then(|Form(chosen)| chosen.partner);
    let Some(code) = code.filter(|c| !c.is_empty()) else { return back("told=choose") };
    let Some(partner) = directory.partner(&code) else { return back("told=gone") };
    if partner.channel() == Some(Channel::BankTransfer) {
        // The order that stands from the start is paid: nothing new is made for the same account.
        return back(&format!("way={code}"));
    }
    let asker =
        Asker { ip: &address, language: if language == Language::En { "en" } else { "vi" } };
    match counter.starting.start(invoice.id, partner, asker).await {
        Ok(attempt) => match wait_for_page(&counter.pool, &attempt).await {
            Ok(Some(address)) => Redirect::to(&address).into_response(),
            Ok(None) => back(""),
            Err(error) => failed(language, &error),
        },
        Err(StartError::Closed | StartError::AnotherUnknown) => back(""),
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

/// The view model of an invoice as it stands.
fn page_of(
    counter: &Counter,
    directory: &Directory,
    invoice: &Invoice,
    attempts: &[Attempt],
    asked: &Asked,
    language: Language,
) -> PayPage {
    let now = counter.doors.clock().now();
    let day = BusinessDay::of(now, None);
    let named = |vi: &str, en: &str| {
        if language == Language::En && !en.is_empty() { en.to_owned() } else { vi.to_owned() }
    };
    let partner_name = |code: &str| {
        directory.partner(code).map_or_else(|| code.to_owned(), |p| named(&p.name, &p.name_en))
    };
    let owed = invoice.amount.checked_sub(invoice.held).unwrap_or(invoice.amount);
    let channels = offered(directory, invoice, owed);
    // What the payer came back from, or went to: only orders on a partner's own page are told of.
    let redirects = |a: &&Attempt| {
        directory.partner(&a.partner).and_then(|p| p.channel()) == Some(Channel::Redirect)
    };
    let newest = attempts.iter().find(redirects);
    let live_attempt = newest.and_then(|attempt| live(attempt, now, &partner_name));
    let transfer = (asked.way.is_some() || channels.len() == 1)
        .then(|| transfer_of(directory, invoice, attempts, owed, &named))
        .flatten();
    let told = match asked.told.as_deref() {
        Some("choose") => Some(Flash::ChooseAWay),
        Some("gone") => Some(Flash::WayGone),
        _ => newest
            .filter(|a| a.status == AttemptStatus::Failed)
            .map(|a| Flash::AttemptFailed { partner_name: partner_name(&a.partner) }),
    };
    PayPage {
        language,
        code: invoice.code.to_string(),
        agency_name: directory
            .agency(&invoice.agency, day)
            .map_or_else(|| invoice.agency.clone(), |a| named(&a.name, &a.name_en)),
        procedure_name: directory
            .procedure(&invoice.procedure, day)
            .map_or_else(|| invoice.procedure.clone(), |p| named(&p.name, &p.name_en)),
        dossier: invoice.dossier.clone(),
        payer_name: MaskedName::of(&invoice.payer.name),
        lines: invoice
            .lines
            .iter()
            .map(|line| PayLine {
                name: named(&line.name, &line.name_en),
                kind: match line.kind {
                    FeeKind::Phi => LineKind::Phi,
                    FeeKind::LePhi => LineKind::LePhi,
                },
                amount: line.amount,
            })
            .collect(),
        total: invoice.amount,
        held: invoice.held,
        status: match invoice.status {
            Status::Issued | Status::Pending if !invoice.held.is_zero() => Shown::PartPaid,
            Status::Issued | Status::Pending => Shown::Waiting,
            Status::Paid => Shown::Paid,
            Status::Expired => Shown::Expired,
            Status::Cancelled => Shown::Cancelled,
        },
        issued_at: invoice.issued_at,
        expires_at: invoice.expires_at,
        now,
        paid_at: invoice.paid_at,
        paid_via: invoice.paid_via.as_deref().map(&partner_name),
        channels: channels
            .iter()
            .filter_map(|p| {
                Some(ChannelChoice {
                    partner: p.code.clone(),
                    name: named(&p.name, &p.name_en),
                    kind: p.channel()?,
                    note: None,
                })
            })
            .collect(),
        transfer,
        live_attempt,
        returned: asked.returned.as_deref().and_then(|code| directory.partner(code)).map(|p| {
            Returned { partner: p.code.clone(), partner_name: named(&p.name, &p.name_en) }
        }),
        still: asked.still.is_some(),
        return_url: invoice.terms.return_url.clone(),
        token_path: invoice.pay_path(),
        receipt_path: None,
        flash: told.filter(|_| invoice.status.is_open()),
    }
}

/// The partners that can take what is owed: one bank for transfers (the one whose account stands on
/// the invoice), and every partner with a page of its own.
fn offered(directory: &Directory, invoice: &Invoice, owed: Money) -> Vec<std::sync::Arc<Partner>> {
    let standing = invoice.terms.account.as_ref().map(|a| a.partner.as_str());
    let allowed = |p: &&std::sync::Arc<Partner>| {
        invoice.terms.channels.as_ref().is_none_or(|c| c.contains(&p.code))
            && match p.channel() {
                // The account is on the invoice already: it takes whatever comes.
                Some(Channel::BankTransfer) => Some(p.code.as_str()) == standing,
                Some(Channel::Redirect) => p.takes(owed),
                None => false,
            }
    };
    let mut offered: Vec<_> = directory.partners().iter().filter(allowed).cloned().collect();
    offered.sort_by_key(|p| (p.channel() != Some(Channel::BankTransfer), p.code.clone()));
    offered
}

fn live(
    attempt: &Attempt,
    now: chrono::DateTime<chrono::Utc>,
    partner_name: &impl Fn(&str) -> String,
) -> Option<LiveAttempt> {
    let state = match attempt.status {
        AttemptStatus::Created | AttemptStatus::Sent => AttemptState::Preparing,
        AttemptStatus::AwaitingPayer => AttemptState::AwaitingPayer,
        AttemptStatus::Unknown => AttemptState::Unknown,
        _ => return None,
    };
    if now >= attempt.expires_at && state != AttemptState::Unknown {
        return None;
    }
    Some(LiveAttempt {
        partner_name: partner_name(&attempt.partner),
        pay_url: attempt.instruction.as_ref().and_then(|i| i.pay_url.clone()),
        state,
    })
}

/// The transfer to make: to the account that the bank made for this order, when it made one and the
/// whole is owed, else to the account that stands on the invoice.
fn transfer_of(
    directory: &Directory,
    invoice: &Invoice,
    attempts: &[Attempt],
    owed: Money,
    named: &impl Fn(&str, &str) -> String,
) -> Option<Transfer> {
    let standing = invoice.terms.account.as_ref()?;
    let bank_name = directory
        .partner(&standing.partner)
        .map_or_else(|| standing.partner.clone(), |p| named(&p.name, &p.name_en));
    let registered = attempts
        .iter()
        .filter(|a| a.partner == standing.partner && a.amount == owed && !a.status.is_final())
        .find_map(|a| {
            let instruction = a.instruction.as_ref()?;
            Some((instruction.account.clone()?, instruction.qr.clone()?))
        });
    let (bin, account, holder, qr) = if let Some((account, qr)) = registered {
        (account.bin, account.number, account.name, qr)
    } else {
        let code = invoice.code.as_str();
        let qr = vietqr::transfer(&standing.bin, &standing.number, owed, code).ok()?;
        (standing.bin.clone(), standing.number.clone(), standing.holder.clone(), qr)
    };
    Some(Transfer {
        bank_name,
        bin,
        account,
        holder,
        amount: owed,
        memo: invoice.code.to_string(),
        qr_payload: qr,
    })
}
