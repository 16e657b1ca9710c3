//! `GET /v1/statistics` and the page `/statistics`: open to everybody, limited by address, kept in
//! memory for a minute so that many who look cost as much as one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{Days, NaiveDate};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Statistics;
use super::figures::{Told, tell};
use super::page::StatisticsPage;
use super::store::{self, Grouping};
use crate::callers::doors::Doors;
use crate::counter::headers;
use crate::counter::words::Language;
use crate::platform::http::{client_address, query};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody};
use crate::vocabulary::day::to_local;

/// Questions of one address in a second.
const A_SECOND: u32 = 10;
/// An answer is told again for so long.
const KEPT: Duration = Duration::from_mins(1);
/// So many answers are kept.
const KEPT_MOST: usize = 500;
/// The longest period (days).
const LONGEST: i64 = 366;
/// The period, unless it is told (days).
const USUAL: u64 = 29;

type Kept = HashMap<(NaiveDate, NaiveDate, &'static str), (Instant, Arc<Told>)>;

/// What these doors need; clones share it.
#[derive(Debug, Clone)]
pub struct StatisticsDoors {
    /// Registers, clock, limits.
    pub doors: Doors,
    /// The figures.
    pub statistics: Statistics,
    /// The header in which a trusted proxy names the address of who asks.
    pub client_address_header: Arc<str>,
    /// Answers of the last minute.
    kept: Arc<Mutex<Kept>>,
}

impl StatisticsDoors {
    /// Nothing is kept yet.
    pub fn new(doors: Doors, statistics: Statistics, client_address_header: &str) -> Self {
        let client_address_header = client_address_header.into();
        Self { doors, statistics, client_address_header, kept: Arc::default() }
    }

    fn allow(&self, request: &Request) -> Result<(), Problem> {
        let address = client_address(request, &self.client_address_header);
        self.doors.allow_address(&format!("statistics/{address}"), A_SECOND)
    }

    /// The figures of a period, of the last minute or anew.
    async fn told(
        &self,
        (from, to): (NaiveDate, NaiveDate),
        by: Grouping,
    ) -> Result<Arc<Told>, sqlx::Error> {
        let key = (from, to, by.as_str());
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.retain(|_, (since, _)| since.elapsed() < KEPT);
            if let Some((_, told)) = kept.get(&key) {
                return Ok(Arc::clone(told));
            }
        }
        let mut conn = self.statistics.pool.acquire().await?;
        let as_of = store::counted_until(&mut conn).await?;
        let rows = store::days_between(&mut conn, from, to).await?;
        drop(conn);
        let told = Arc::new(tell(&rows, (from, to), by, &self.doors.directory(), as_of));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MOST {
            kept.insert(key, (Instant::now(), Arc::clone(&told)));
        }
        Ok(told)
    }

    fn usual(&self) -> (NaiveDate, NaiveDate) {
        let today = to_local(self.doors.clock().now()).date();
        (today.checked_sub_days(Days::new(USUAL)).unwrap_or(today), today)
    }
}

/// The route, and what the document says of it.
pub fn routes() -> OpenApiRouter<StatisticsDoors> {
    OpenApiRouter::new().routes(routes!(figures))
}

/// The page.
pub fn page_routes(doors: StatisticsDoors) -> Router {
    Router::new().route("/statistics", get(page)).with_state(doors)
}

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatisticsQuery {
    /// First day, `YYYY-MM-DD`; 29 days before `to` unless told.
    from: Option<String>,
    /// Last day; today unless told. At most 366 days in all.
    to: Option<String>,
    /// `agency` (also when it is not told), `procedure`, `channel` or `day`.
    by: Option<String>,
    /// `json` (also when it is not told) or `csv`.
    format: Option<String>,
}

fn parse_day(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// Days that are in order and not too far apart; `Err`: what is wrong.
fn period(
    from: Option<&str>,
    to: Option<&str>,
    usual: (NaiveDate, NaiveDate),
) -> Result<(NaiveDate, NaiveDate), FieldError> {
    let day = |name: &'static str, text: Option<&str>| match text.map(parse_day) {
        Some(None) => Err(FieldError::new(name, "must be a day, YYYY-MM-DD")),
        Some(day) => Ok(day),
        None => Ok(None),
    };
    let to = day("to", to)?.unwrap_or(usual.1);
    let before = to.checked_sub_days(Days::new(USUAL)).unwrap_or(to);
    let from = day("from", from)?.unwrap_or(before);
    if !(0..LONGEST).contains(&(to - from).num_days()) {
        return Err(FieldError::new(
            "from",
            "must be at most 365 days before to, and not after it",
        ));
    }
    Ok((from, to))
}

/// Open statistics
///
/// For monitoring: counts, sums, rates and percentiles by agency, procedure, channel or day. Open to
/// everybody, without personal data; counts from 1 to 4 are `null`. Eventually consistent: `as_of` says
/// up to when everything is counted; the same answer for a minute.
#[utoipa::path(get, path = "/v1/statistics", tag = "statistics", params(StatisticsQuery), security(()),
    responses(
        (status = 200, description = "The figures", content(
            (Told = "application/json"), (String = "text/csv"))),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn figures(
    State(doors): State<StatisticsDoors>,
    given: Result<Query<StatisticsQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    doors.allow(&request)?;
    let given = query(given)?;
    let mut errors = Vec::new();
    let period = period(given.from.as_deref(), given.to.as_deref(), doors.usual())
        .map_err(|error| errors.push(error));
    let by = Grouping::parse(given.by.as_deref().unwrap_or("agency"));
    if by.is_none() {
        errors.push(FieldError::new("by", "must be agency, procedure, channel or day"));
    }
    let format = given.format.as_deref().unwrap_or("json");
    if !matches!(format, "json" | "csv") {
        errors.push(FieldError::new("format", "must be json or csv"));
    }
    let (Ok(period), Some(by), true) = (period, by, errors.is_empty()) else {
        return Err(Problem::invalid(errors));
    };
    let told = doors.told(period, by).await?;
    let mut response = if format == "csv" {
        let bytes = told.to_csv().map_err(|error| {
            tracing::error!(%error, "statistics could not be written");
            Problem::new(crate::platform::problem::ProblemType::Internal)
        })?;
        let name = format!("statistics-{}-{}-{}.csv", told.by, told.from, told.to);
        let disposition = format!("attachment; filename=\"{name}\"");
        let kind = "text/csv; charset=utf-8".to_owned();
        ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes)
            .into_response()
    } else {
        axum::Json(&*told).into_response()
    };
    may_be_kept(&mut response);
    Ok(response)
}

fn may_be_kept(response: &mut Response) {
    let value = HeaderValue::from_static("public, max-age=60");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
}

/// What the page's address asks for; what is wrong shows the usual period and says so.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    lang: Option<String>,
}

async fn page(
    State(doors): State<StatisticsDoors>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    if let Err(refused) = doors.allow(&request) {
        return refused.into_response();
    }
    let language = Language::asked(asked.lang.as_deref());
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let wanted = period(some(&asked.from).as_deref(), some(&asked.to).as_deref(), doors.usual());
    let by = Grouping::parse(asked.by.as_deref().unwrap_or("agency"));
    let wrong = wanted.is_err() || by.is_none();
    let (period, by) = (wanted.unwrap_or_else(|_| doors.usual()), by.unwrap_or(Grouping::Agency));
    let told = async {
        let days = doors.told(period, Grouping::Day).await?;
        Ok::<_, sqlx::Error>((days, doors.told(period, by).await?))
    };
    let (days, groups) = match told.await {
        Ok(told) => told,
        Err(error) => return Problem::from(error).into_response(),
    };
    let (days, groups) = (Told::clone(&days), Told::clone(&groups));
    match (StatisticsPage { language, period, by, wrong, days, groups }).render() {
        Ok(body) => {
            let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            let mut response = headers::html(status, body, &[]);
            if !wrong {
                may_be_kept(&mut response);
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
