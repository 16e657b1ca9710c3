//! The doors to receipts: of portals to the receipt of their invoice, of officers to all of their
//! agencies, to the day's table and to what is missing.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Receipts;
use super::content::hash_of;
use super::gaps::{Gaps, gaps};
use super::officers::Wish;
use super::paper::{Around, Reader, draw};
use super::receipt::Receipt;
use super::report::{Report, report};
use super::status::ReceiptStatus;
use super::store::reads::{self, Filter};
use crate::callers::doors::{Doors, only_portals};
use crate::invoices::store::invoice_read;
use crate::invoices::view::MoneySchema;
use crate::people::http::told;
use crate::people::officer::{Officer, PeopleDoor};
use crate::platform::http::{BODY, link_next, query, read_body, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::{InvoiceId, ReceiptId};
use crate::vocabulary::money::Money;

const MOST: i64 = 500;
const USUAL: i64 = 100;
const PDF: &str = "application/pdf";

/// What these doors need.
#[derive(Debug, Clone)]
pub struct ReceiptDoors {
    /// Signatures.
    pub doors: Doors,
    /// Who is signed in.
    pub people: PeopleDoor,
    /// The use cases.
    pub receipts: Receipts,
}

impl FromRef<ReceiptDoors> for PeopleDoor {
    fn from_ref(doors: &ReceiptDoors) -> Self {
        doors.people.clone()
    }
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<ReceiptDoors> {
    OpenApiRouter::new()
        .routes(routes!(of_invoice))
        .routes(routes!(list))
        .routes(routes!(read_one))
        .routes(routes!(pdf_of))
        .routes(routes!(cancel))
        .routes(routes!(replace))
        .routes(routes!(day_report))
        .routes(routes!(missing))
}

/// A receipt.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView<'a> {
    id: Uuid,
    /// The invoice that was paid.
    invoice: Uuid,
    /// Form symbol (ký hiệu mẫu).
    form: &'a str,
    /// Receipt symbol (ký hiệu biên lai).
    symbol: &'a str,
    /// Number.
    number: u32,
    /// The day that it bears.
    day: NaiveDate,
    /// Who collects: national code.
    agency: &'a str,
    /// Who paid.
    payer_name: &'a str,
    /// The sum.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// The sum in words.
    in_words: &'a str,
    /// `valid`, `cancelled` or `replaced`.
    status: &'static str,
    /// Since when.
    status_since: DateTime<Utc>,
    /// SHA-256 of the signed content, in hexadecimal.
    sha256: String,
    /// When it was signed; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<DateTime<Utc>>,
    /// The receipt that it stands in place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Uuid>,
    /// Where anybody checks it.
    check_url: String,
}

impl<'a> ReceiptView<'a> {
    fn of(receipt: &'a Receipt, public_url: &str) -> Self {
        let content = &receipt.content;
        Self {
            id: receipt.id.0,
            invoice: receipt.invoice.0,
            form: &content.number.form,
            symbol: &content.number.symbol,
            number: content.number.number,
            day: content.number.day,
            agency: &receipt.agency,
            payer_name: &content.payer_name,
            amount: content.amount,
            in_words: &content.in_words,
            status: receipt.status.as_str(),
            status_since: receipt.status_since,
            sha256: hex::encode(hash_of(&receipt.text)),
            signed_at: receipt.signature.as_ref().map(|s| s.at),
            replaces: receipt.replaces.map(|id| id.0),
            check_url: format!("{public_url}{}", receipt.check_path()),
        }
    }
}

fn parse(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// A file that a browser keeps under a name.
pub fn file(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The name of a receipt's file.
pub fn file_name(receipt: &Receipt) -> String {
    let number = &receipt.content.number;
    format!("{}-{}-{}.pdf", number.form, number.symbol, number.padded())
}

impl Receipts {
    /// The PDF of a receipt, for who paid or, with the name masked, for anybody.
    pub async fn pdf(&self, receipt: Receipt, masked: Option<String>) -> Result<Vec<u8>, Problem> {
        let replaced_by = if receipt.status == ReceiptStatus::Replaced {
            let mut conn = self.pool.acquire().await?;
            reads::receipt_in_place_of(&mut conn, receipt.id).await?
        } else {
            None
        };
        let public_url = std::sync::Arc::clone(&self.public_url);
        // A few milliseconds of reckoning: not on a thread that others wait for.
        let drawn = tokio::task::spawn_blocking(move || {
            let around = Around { replaced_by: replaced_by.as_ref(), public_url: &public_url };
            draw(&receipt, around, masked.as_deref().map_or(Reader::Payer, Reader::Public))
        })
        .await;
        match drawn {
            Ok(Ok(pdf)) => Ok(pdf),
            Ok(Err(error)) => {
                tracing::error!(%error, "a receipt could not be drawn");
                Err(Problem::new(ProblemType::Internal))
            }
            Err(error) => {
                tracing::error!(%error, "a receipt could not be drawn");
                Err(Problem::new(ProblemType::Internal))
            }
        }
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let told = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let place = |kind: &str| told.find(kind);
    match (place("application/json"), place(PDF)) {
        (Some(json), Some(pdf)) => json < pdf,
        (json, _) => json.is_some(),
    }
}

/// The receipt of an invoice
///
/// PDF/A-3b with the signed content inside; JSON when `Accept` asks for it. Eventually consistent: it
/// is numbered and signed usually within two seconds of the payment; until then 404 with
/// `Retry-After`. After a correction the newest one.
#[utoipa::path(get, path = "/v1/invoices/{id}/receipt", tag = "invoices",
    params(("id" = Uuid, Path, description = "The invoice")),
    responses(
        (status = 200, description = "The receipt", content(
            (Vec<u8> = "application/pdf"), (ReceiptView = "application/json"))),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn of_invoice(
    State(doors): State<ReceiptDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let id = InvoiceId(parse(&id)?);
    let mut conn = doors.receipts.pool.acquire().await?;
    let invoice = invoice_read(&mut conn, id).await?.filter(|i| i.portal == portal);
    invoice.ok_or(Problem::new(ProblemType::NotFound))?;
    let receipt = reads::receipt_of_invoice(&mut conn, id).await?;
    let receipt = receipt.filter(|receipt| receipt.signature.is_some()).ok_or_else(|| {
        Problem::new(ProblemType::NotFound).detail("there is no receipt yet").retry_after(2)
    })?;
    drop(conn);
    answer(&doors.receipts, receipt, wants_json(request.headers())).await
}

async fn answer(receipts: &Receipts, receipt: Receipt, json: bool) -> Result<Response, Problem> {
    if json {
        let view = ReceiptView::of(&receipt, &receipts.public_url);
        return Ok(axum::Json(view).into_response());
    }
    let name = file_name(&receipt);
    Ok(file(PDF, &name, receipts.pdf(receipt, None).await?))
}

/// Which receipts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReceiptsQuery {
    /// Of this agency and those below it.
    agency: Option<String>,
    /// That bear this day, `YYYY-MM-DD`.
    day: Option<String>,
    /// `valid`, `cancelled` or `replaced`; all when it is not given.
    status: Option<String>,
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// A page of receipts; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiptList<'a> {
    /// The newest first.
    receipts: Vec<ReceiptView<'a>>,
}

/// Receipts of the agencies in the scope of who is signed in, newest first.
#[utoipa::path(get, path = "/v1/receipts", tag = "receipts", params(ReceiptsQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = ReceiptList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<ReceiptDoors>,
    officer: Officer,
    given: Result<Query<ReceiptsQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = query(given)?;
    let mut errors = Vec::new();
    let day = given.day.as_deref().map(parse_day);
    if matches!(day, Some(None)) {
        errors.push(FieldError::new("day", "must be a day, YYYY-MM-DD"));
    }
    let status = given.status.as_deref().map(str::parse::<ReceiptStatus>);
    if matches!(status, Some(Err(_))) {
        errors.push(FieldError::new("status", "must be valid, cancelled or replaced"));
    }
    let before = given.cursor.as_deref().map(Uuid::try_parse);
    if matches!(before, Some(Err(_))) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    if given.agency.as_deref().is_some_and(|agency| !is_text(agency, 40)) {
        errors.push(FieldError::new("agency", "must be the code of an agency"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let filter = Filter {
        scopes: &officer.scopes(),
        agency: given.agency.as_deref(),
        day: day.flatten(),
        status: status.and_then(Result::ok),
        before: before.and_then(Result::ok).map(ReceiptId),
        limit: limit + 1,
    };
    let mut conn = doors.receipts.pool.acquire().await?;
    let mut found = reads::receipts_list(&mut conn, &filter).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let url = &doors.receipts.public_url;
    let receipts = found.iter().map(|receipt| ReceiptView::of(receipt, url)).collect();
    let mut response = told(&officer.email, StatusCode::OK, &ReceiptList { receipts });
    if let (true, Some(last)) = (more, found.last()) {
        link_next(&mut response, request.uri(), url, &last.id.to_string());
    }
    Ok(response)
}

fn parse_day(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

fn is_text(text: &str, most: usize) -> bool {
    let length = text.chars().count();
    (1..=most).contains(&length) && !text.chars().any(char::is_control) && !text.trim().is_empty()
}

async fn in_sight(doors: &ReceiptDoors, officer: &Officer, id: &str) -> Result<Receipt, Problem> {
    let mut conn = doors.receipts.pool.acquire().await?;
    let receipt = reads::receipt_read(&mut conn, ReceiptId(parse(id)?)).await?;
    receipt
        .filter(|receipt| officer.sees(&receipt.agency))
        .ok_or(Problem::new(ProblemType::NotFound))
}

/// A step of a receipt's history.
#[derive(Debug, Serialize, ToSchema)]
struct StepView {
    /// `issued`, `signed`, `cancelled` or `replaced`.
    kind: String,
    /// When.
    at: DateTime<Utc>,
    /// Who.
    actor: String,
    /// Who agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// A receipt with its history.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiptDetail<'a> {
    /// The receipt.
    receipt: ReceiptView<'a>,
    /// From its first step on.
    history: Vec<StepView>,
}

/// A receipt with its history.
#[utoipa::path(get, path = "/v1/receipts/{id}", tag = "receipts", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the receipt")),
    responses(
        (status = 200, description = "the receipt; strongly consistent", body = ReceiptDetail),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_one(
    State(doors): State<ReceiptDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let receipt = in_sight(&doors, &officer, &id).await?;
    let mut conn = doors.receipts.pool.acquire().await?;
    let steps = reads::steps_of(&mut conn, receipt.id).await?;
    let history = steps
        .into_iter()
        .map(|step| StepView {
            kind: step.kind,
            at: step.at,
            actor: step.actor,
            approved_by: step.approved_by,
            reason: step.reason,
        })
        .collect();
    let receipt = ReceiptView::of(&receipt, &doors.receipts.public_url);
    Ok(told(&officer.email, StatusCode::OK, &ReceiptDetail { receipt, history }))
}

/// A receipt as PDF, to be printed again.
#[utoipa::path(get, path = "/v1/receipts/{id}/pdf", tag = "receipts", security(("session" = [])),
    params(("id" = Uuid, Path, description = "the receipt")),
    responses(
        (status = 200, description = "PDF/A-3b; strongly consistent", body = Vec<u8>, content_type = "application/pdf"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn pdf_of(
    State(doors): State<ReceiptDoors>,
    officer: Officer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let receipt = in_sight(&doors, &officer, &id).await?;
    answer(&doors.receipts, receipt, false).await
}

/// Why a receipt is to be cancelled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReceiptCancelRequest {
    /// For its history and the day's table, 1 to 200 characters.
    reason: String,
}

/// What is to be put right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReceiptReplaceRequest {
    /// For its history, the day's table and the new receipt, 1 to 200 characters.
    reason: String,
    /// Who paid, as it should be, 1 to 200 characters.
    payer_name: String,
}

/// What waits for another person.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiptProposed {
    /// The approval that it waits for: `POST /v1/approvals/{id}/approve`.
    approval: Uuid,
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, BODY).await?;
    read_json(&parts.headers, &body)
}

async fn put_forward(
    doors: &ReceiptDoors,
    officer: &Officer,
    id: &str,
    wish: &Wish,
) -> Result<Response, Problem> {
    let texts = match wish {
        Wish::Cancel { reason } => vec![("/reason", reason)],
        Wish::Replace { reason, payer_name } => {
            vec![("/reason", reason), ("/payer_name", payer_name)]
        }
    };
    let wrong = texts.into_iter().filter(|(_, text)| !is_text(text, 200));
    let errors: Vec<FieldError> =
        wrong.map(|(at, _)| FieldError::new(at, "must have 1 to 200 characters")).collect();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let approval = doors.receipts.propose(officer, ReceiptId(parse(id)?), wish).await?;
    Ok(told(&officer.email, StatusCode::ACCEPTED, &ReceiptProposed { approval: approval.0 }))
}

/// Proposes that a receipt is cancelled.
#[utoipa::path(post, path = "/v1/receipts/{id}/cancel", tag = "receipts",
    request_body = ReceiptCancelRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the receipt")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ReceiptProposed),
        (status = 404, description = "no such receipt in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it does not hold any more, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn cancel(
    State(doors): State<ReceiptDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let ReceiptCancelRequest { reason } = read(request).await?;
    put_forward(&doors, &officer, &id, &Wish::Cancel { reason }).await
}

/// Proposes that another receipt takes the place of one that is wrong.
///
/// Once approved it gets the next number within seconds, names the one it replaces, and that one does
/// not hold any more.
#[utoipa::path(post, path = "/v1/receipts/{id}/replace", tag = "receipts",
    request_body = ReceiptReplaceRequest, security(("session" = [])),
    params(("id" = Uuid, Path, description = "the receipt")),
    responses(
        (status = 202, description = "it waits for another; strongly consistent", body = ReceiptProposed),
        (status = 404, description = "no such receipt in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = 409, description = "it does not hold any more, or the same waits already",
            body = ProblemBody, content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody,
            content_type = PROBLEM_JSON)))]
async fn replace(
    State(doors): State<ReceiptDoors>,
    officer: Officer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let ReceiptReplaceRequest { reason, payer_name } = read(request).await?;
    put_forward(&doors, &officer, &id, &Wish::Replace { reason, payer_name }).await
}

/// Which table.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// The day, `YYYY-MM-DD`.
    day: String,
    /// Who collects: one agency.
    agency: String,
    /// `json` (also when it is not given), `csv` or `xlsx`.
    format: Option<String>,
}

/// The day's table of receipts of one collecting body, form 01/TH-BLĐT
#[utoipa::path(get, path = "/v1/receipts/report", tag = "receipts", params(ReportQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "the table; strongly consistent", content(
            (Report = "application/json"), (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn day_report(
    State(doors): State<ReceiptDoors>,
    officer: Officer,
    given: Result<Query<ReportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let given = query(given)?;
    let mut errors = Vec::new();
    let day = parse_day(&given.day);
    if day.is_none() {
        errors.push(FieldError::new("day", "must be a day, YYYY-MM-DD"));
    }
    if !is_text(&given.agency, 40) {
        errors.push(FieldError::new("agency", "must be the code of an agency"));
    }
    let format = given.format.as_deref().unwrap_or("json");
    if !matches!(format, "json" | "csv" | "xlsx") {
        errors.push(FieldError::new("format", "must be json, csv or xlsx"));
    }
    let (Some(day), true) = (day, errors.is_empty()) else { return Err(Problem::invalid(errors)) };
    if !officer.sees(&given.agency) {
        return Err(Problem::new(ProblemType::NotFound));
    }
    let table = {
        let mut conn = doors.receipts.pool.acquire().await?;
        report(&mut conn, &given.agency, day).await?
    };
    let internal = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a table could not be written");
        Problem::new(ProblemType::Internal)
    };
    let name = format!("01-TH-BLDT-{}-{day}", given.agency.replace('/', "-"));
    match format {
        "csv" => {
            let bytes = table.to_csv().map_err(|error| internal(&error))?;
            Ok(file("text/csv; charset=utf-8", &format!("{name}.csv"), bytes))
        }
        "xlsx" => {
            let drawn = tokio::task::spawn_blocking(move || table.to_xlsx()).await;
            let bytes =
                drawn.map_err(|error| internal(&error))?.map_err(|error| internal(&error))?;
            Ok(file(XLSX, &format!("{name}.xlsx"), bytes))
        }
        _ => Ok(told(&officer.email, StatusCode::OK, &table)),
    }
}

/// What is missing: payments without a receipt, numbers, signatures
#[utoipa::path(get, path = "/v1/receipts/gaps", tag = "receipts", security(("session" = [])),
    responses(
        (status = 200, description = "of the agencies in sight; strongly consistent", body = Gaps),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn missing(State(doors): State<ReceiptDoors>, officer: Officer) -> Result<Response, Problem> {
    let mut conn = doors.receipts.pool.acquire().await?;
    let found = gaps(&mut conn, &officer.scopes(), doors.receipts.clock.now()).await?;
    Ok(told(&officer.email, StatusCode::OK, &found))
}
