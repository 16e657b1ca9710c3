//! The portal's doors: issue, batch, read, search, cancel, history, feed.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::cancel::{CancelError, Cancelling};
use super::feed::{self, EventView, Feed, FeedError};
use super::issue::{self, Form, Issued, Issuing};
use super::request::{Checker, IssueRequest};
use super::search::{self, Search, SearchError};
use super::store;
use super::totals::{self, Totals};
use super::view::InvoiceView;
use crate::callers::doors::{Doors, SignedWrite, only_portals};
use crate::platform::admission::StoredAnswer;
use crate::platform::group::Writer;
use crate::platform::http::{BATCH_BODY, BODY, CallerName, decided, link_next, query, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::platform::seal::MasterKeys;
use crate::platform::settings::ClearingSettings;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::InvoiceId;

/// The most rows of a batch.
const MOST_ROWS: usize = 1000;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct InvoiceDoors {
    /// Signatures and registers.
    pub doors: Doors,
    /// For reads.
    pub pool: PgPool,
    /// The issuing writer.
    pub issuing: Writer<Issuing>,
    /// Cancelling.
    pub cancelling: Cancelling,
    /// Keys to seal with.
    pub keys: Arc<MasterKeys>,
    /// Defaults.
    pub settings: Arc<ClearingSettings>,
    /// The cut-off of the business day; none at midnight.
    pub cut_off: Option<chrono::NaiveTime>,
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<InvoiceDoors> {
    OpenApiRouter::new()
        .routes(routes!(issue_one, search_invoices))
        .routes(routes!(issue_batch))
        .routes(routes!(read_one))
        .routes(routes!(cancel_one))
        .routes(routes!(history))
        .routes(routes!(read_feed))
        .routes(routes!(read_totals))
}

/// A stored answer as a response.
pub fn answer(stored: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() { "application/json" } else { PROBLEM_JSON };
    let mut response = (status, stored.body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::CREATED {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    decided(response)
}

impl InvoiceDoors {
    /// Checks rows and hands them to the writer.
    async fn issue(
        &self,
        write: SignedWrite,
        requests: Vec<IssueRequest>,
        form: Form,
    ) -> Result<Response, Problem> {
        let portal = only_portals(&write.caller)?;
        let directory = self.doors.directory();
        let now = chrono::SubsecRound::trunc_subsecs(self.doors.clock().now(), 6);
        let checker = Checker {
            directory: &directory,
            keys: &self.keys,
            settings: &self.settings,
            now,
            day: BusinessDay::of(now, None),
        };
        let rows: Vec<issue::Row> = requests
            .into_iter()
            .enumerate()
            .map(|(place, request)| {
                let at = if form == Form::Batch { format!("/{place}") } else { String::new() };
                checker.draft(portal, request, &at)
            })
            .collect();
        // A single request that is wrong is not worth a transaction.
        if let (Form::Single, [Err(faults)]) = (form, rows.as_slice()) {
            return Err(Problem::invalid(faults.clone()));
        }
        let caller = CallerName(write.caller.to_string());
        let request = issue::Request { admission: write.admission, rows, form };
        let issued = match form {
            Form::Single => self.issuing.submit(request).await?,
            Form::Batch => self.issuing.submit_alone(request).await?,
        };
        match issued {
            Issued::Answer(stored) => {
                let mut response = answer(stored);
                response.extensions_mut().insert(caller);
                Ok(response)
            }
            Issued::Refused(problem) => Ok(decided(problem)),
        }
    }
}

/// Issue an invoice
///
/// Strongly consistent. Asking again for the same dossier and fee returns the invoice that stands.
#[utoipa::path(post, path = "/v1/invoices", tag = "invoices", request_body = IssueRequest,
    params(("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 201, description = "Issued", body = InvoiceView),
        (status = 200, description = "The same fee was issued before", body = InvoiceView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn issue_one(
    State(doors): State<InvoiceDoors>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BODY).await?;
    let body: IssueRequest = read_json(&write.headers, &write.body)?;
    doors.issue(write, vec![body], Form::Single).await
}

/// The answer to a batch.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct BatchAnswer<'a> {
    /// A result for each row, in the rows' order.
    results: Vec<BatchResult<'a>>,
}

/// The result of one row.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct BatchResult<'a> {
    /// The status that the row alone would have had.
    status: u16,
    /// The invoice, or the problem.
    body: RowAnswer<'a>,
}

/// What a row alone would have been answered with.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of answers that are rendered before they are stored")]
enum RowAnswer<'a> {
    /// Issued, now or before.
    Invoice(Box<InvoiceView<'a>>),
    /// Not issued.
    Problem(ProblemBody),
}

/// Issue up to 1,000 invoices
///
/// Strongly consistent. Each row has a result of its own; rows that are wrong do not hold up others.
#[utoipa::path(post, path = "/v1/invoices/batch", tag = "invoices", request_body = Vec<IssueRequest>,
    params(("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "A result for each row", body = BatchAnswer),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn issue_batch(
    State(doors): State<InvoiceDoors>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BATCH_BODY).await?;
    let rows: Vec<IssueRequest> = read_json(&write.headers, &write.body)?;
    if rows.is_empty() || rows.len() > MOST_ROWS {
        let detail = format!("must have 1 to {MOST_ROWS} rows");
        return Err(Problem::invalid(vec![FieldError::new("", detail)]));
    }
    doors.issue(write, rows, Form::Batch).await
}

/// Read an invoice
///
/// Strongly consistent.
#[utoipa::path(get, path = "/v1/invoices/{id}", tag = "invoices",
    params(("id" = Uuid, Path, description = "The invoice")),
    responses(
        (status = 200, description = "The invoice as it stands", body = InvoiceView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_one(
    State(doors): State<InvoiceDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let mut conn = doors.pool.acquire().await?;
    let invoice = store::invoice_read(&mut conn, parse_id(&id)?)
        .await?
        .filter(|i| i.portal == portal)
        .ok_or(Problem::new(ProblemType::NotFound))?;
    let cash = store::reads::cash_of(&mut conn, &[invoice.id.0]).await?;
    let body = InvoiceView::of(&invoice, doors.doors.public_url()).cash(&cash).to_json();
    Ok(answer(StoredAnswer { status: 200, body }))
}

fn parse_id(text: &str) -> Result<InvoiceId, Problem> {
    Uuid::parse_str(text).map(InvoiceId).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// A page of invoices.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct InvoicePage<'a> {
    /// The newest issued first.
    invoices: Vec<InvoiceView<'a>>,
}

/// Search invoices
///
/// Strongly consistent. `Link: rel="next"` leads on.
#[utoipa::path(get, path = "/v1/invoices", tag = "invoices", params(Search),
    responses(
        (status = 200, description = "A page", body = InvoicePage),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn search_invoices(
    State(doors): State<InvoiceDoors>,
    given: Result<Query<Search>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let wanted = query(given)?;
    let mut conn = doors.pool.acquire().await?;
    let now = doors.doors.clock().now();
    let page =
        search::search(&mut conn, portal, &wanted, now).await.map_err(|error| match error {
            SearchError::Invalid(faults) => Problem::invalid(faults),
            SearchError::Store(error) => error.into(),
        })?;
    let url = doors.doors.public_url();
    let ids: Vec<Uuid> = page.invoices.iter().map(|invoice| invoice.id.0).collect();
    let cash = store::reads::cash_of(&mut conn, &ids).await?;
    let invoices: Vec<_> =
        page.invoices.iter().map(|i| InvoiceView::of(i, url).cash(&cash)).collect();
    let mut response = Json(InvoicePage { invoices }).into_response();
    if let Some(cursor) = page.next {
        link_next(&mut response, request.uri(), url, &cursor);
    }
    Ok(response)
}

/// Why an invoice is cancelled.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelRequest {
    /// For the history, up to 200 characters.
    #[serde(default)]
    reason: String,
}

/// Cancel an invoice that is not paid
///
/// Strongly consistent. The fee can be issued again afterwards.
#[utoipa::path(post, path = "/v1/invoices/{id}/cancel", tag = "invoices", request_body = CancelRequest,
    params(("id" = Uuid, Path, description = "The invoice"),
           ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "Cancelled", body = InvoiceView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn cancel_one(
    State(doors): State<InvoiceDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BODY).await?;
    let portal = only_portals(&write.caller)?;
    let body: CancelRequest = if write.body.is_empty() {
        CancelRequest::default()
    } else {
        read_json(&write.headers, &write.body)?
    };
    if body.reason.chars().count() > 200 || body.reason.chars().any(char::is_control) {
        let detail = "must have at most 200 characters, none of them control characters";
        return Err(Problem::invalid(vec![FieldError::new("/reason", detail)]));
    }
    let id = parse_id(&id)?;
    match doors.cancelling.cancel(portal, id, &write.admission, &body.reason).await {
        Ok(stored) => Ok(answer(stored)),
        Err(CancelError::NotFound) => Err(Problem::new(ProblemType::NotFound)),
        Err(CancelError::NotAdmitted(error)) => Err(error.into()),
        Err(CancelError::Store(error)) => Err(error.into()),
    }
}

/// The history of an invoice.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct History {
    /// From the first step on.
    events: Vec<EventView>,
}

/// The history of an invoice
///
/// Strongly consistent.
#[utoipa::path(get, path = "/v1/invoices/{id}/events", tag = "invoices",
    params(("id" = Uuid, Path, description = "The invoice")),
    responses(
        (status = 200, description = "Its steps", body = History),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn history(
    State(doors): State<InvoiceDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let id = parse_id(&id)?;
    let mut conn = doors.pool.acquire().await?;
    let invoice = store::invoice_read(&mut conn, id).await?;
    if invoice.is_none_or(|i| i.portal != portal) {
        return Err(Problem::new(ProblemType::NotFound));
    }
    let events = feed::history(&mut conn, id).await?;
    Ok(Json(History { events }).into_response())
}

/// Where to go on reading.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedQuery {
    /// The cursor of the page before; from the beginning without one.
    cursor: Option<String>,
    /// At most so many, up to 500; 100 unless told.
    limit: Option<i64>,
}

/// The portal's feed of steps
///
/// Eventually consistent (usually within a second), gap-free: keep the cursor and ask again.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(FeedQuery),
    responses(
        (status = 200, description = "A page", body = Feed),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_feed(
    State(doors): State<InvoiceDoors>,
    given: Result<Query<FeedQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let wanted = query(given)?;
    let mut conn = doors.pool.acquire().await?;
    let limit = wanted.limit.unwrap_or(100);
    let page = feed::read(&mut conn, portal, wanted.cursor.as_deref(), limit).await;
    let page = page.map_err(|error| match error {
        FeedError::Invalid(faults) => Problem::invalid(faults),
        FeedError::Store(error) => error.into(),
    })?;
    let full = i64::try_from(page.events.len()).unwrap_or(0) == limit;
    let cursor = page.cursor.clone();
    let mut response = Json(page).into_response();
    if full {
        link_next(&mut response, request.uri(), doors.doors.public_url(), &cursor);
    }
    Ok(response)
}

/// Which day.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TotalsQuery {
    /// The business day, `YYYY-MM-DD`.
    day: String,
}

/// Count, sum and digest of a day's payments
///
/// Eventually consistent: of what the feed has shown, which `as_of` says. For each agency: what was
/// paid, taken back and refunded, and a SHA-256 that a portal can compute over its own list.
#[utoipa::path(get, path = "/v1/totals", tag = "events", params(TotalsQuery),
    responses(
        (status = 200, description = "The totals of the day", body = Totals),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_totals(
    State(doors): State<InvoiceDoors>,
    given: Result<Query<TotalsQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let wanted = query(given)?;
    let day = chrono::NaiveDate::parse_from_str(&wanted.day, "%Y-%m-%d").ok();
    let bounds = day.and_then(|day| totals::bounds(day, doors.cut_off).map(|both| (day, both)));
    // The formats of dates are more generous than the documented one.
    let (Some((day, bounds)), 10) = (bounds, wanted.day.len()) else {
        let detail = "must be a date such as 2026-11-20";
        return Err(Problem::invalid(vec![FieldError::new("day", detail)]));
    };
    let mut conn = doors.pool.acquire().await?;
    Ok(Json(totals::read(&mut conn, portal, day, bounds).await?).into_response())
}
