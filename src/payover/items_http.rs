//! What a transfer to the Treasury is made of: the lines of invoices, for whoever looks at the money of
//! its agency.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::http::PayoverDoors;
use super::store::items::{self as store, ItemRow};
use crate::invoices::view::MoneySchema;
use crate::people::http::told;
use crate::people::officer::Officer;
use crate::platform::http::{link_next, query};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::{PayoverId, PayoverLineId};
use crate::vocabulary::money::{Currency, Money};

const MOST: i64 = 500;
const USUAL: i64 = 100;

/// The route, and what the document says of it.
pub fn routes() -> OpenApiRouter<PayoverDoors> {
    OpenApiRouter::new().routes(routes!(items))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemsQuery {
    /// From the `Link` of the page before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 when it is not given.
    limit: Option<String>,
}

/// One line of an invoice.
#[derive(Debug, Serialize, ToSchema)]
struct TransferItemView {
    /// The invoice.
    invoice_id: Uuid,
    /// Its code.
    code: String,
    /// The dossier.
    dossier: String,
    /// The line of the invoice, from 1.
    line: i32,
    /// In which cycle of the invoice's life it was paid.
    cycle: i32,
    /// How much of it goes over.
    #[schema(value_type = MoneySchema)]
    amount: Money,
}

/// A page of items; `Link: rel="next"` leads to the next.
#[derive(Debug, Serialize, ToSchema)]
struct TransferItems {
    /// In the order in which the invoices were issued.
    items: Vec<TransferItemView>,
}

fn cursor(text: &str) -> Option<(Uuid, i32)> {
    let (line, id) = text.split_once('.')?;
    Some((Uuid::try_parse(id).ok()?, line.parse().ok()?))
}

/// What a transfer is made of; the sum of all its items is its amount. For who sees the money of its
/// agency.
#[utoipa::path(get, path = "/v1/payovers/{id}/transfers/{transfer}/items", tag = "payovers",
    params(ItemsQuery, ("id" = Uuid, Path, description = "the run"),
        ("transfer" = Uuid, Path, description = "one of its transfers")),
    security(("session" = [])),
    responses(
        (status = 200, description = "a page; `Link: rel=\"next\"` while there is more; strongly consistent",
            body = TransferItems),
        (status = 404, description = "no such transfer in this person's scope", body = ProblemBody,
            content_type = PROBLEM_JSON),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn items(
    State(doors): State<PayoverDoors>,
    officer: Officer,
    Path((run, transfer)): Path<(String, String)>,
    given: Result<Query<ItemsQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let missing = || Problem::new(ProblemType::NotFound);
    let given = query(given)?;
    let id = |text: &str| Uuid::try_parse(text).map_err(|_| missing());
    let (run, transfer) = (PayoverId(id(&run)?), PayoverLineId(id(&transfer)?));
    let mut errors = Vec::new();
    let after = given.cursor.as_deref().map(cursor);
    if matches!(after, Some(None)) {
        errors.push(FieldError::new("cursor", "must be taken from the Link of the page before"));
    }
    let limit = given.limit.as_deref().map_or(Ok(USUAL), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        errors.push(FieldError::new("limit", "must be a whole number from 1 to 500"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let mut conn = doors.paying.pool.acquire().await?;
    let whose = store::transfer_agency(&mut conn, (run, transfer)).await?;
    let (_, currency) = whose.filter(|(agency, _)| officer.sees(agency)).ok_or_else(missing)?;
    let currency: Currency = currency.parse().map_err(|error| Problem::internal(&error))?;
    let mut found = store::items(&mut conn, transfer, after.flatten(), limit + 1).await?;
    let more = i64::try_from(found.len()).is_ok_and(|found| found > limit);
    if more {
        found.pop();
    }
    let last = found.last().map(|last| format!("{}.{}", last.line, last.invoice_id));
    let view = |row: ItemRow| -> Result<TransferItemView, Problem> {
        let amount = Money::new(row.amount, currency).map_err(|error| Problem::internal(&error))?;
        let ItemRow { invoice_id, code, dossier, line, cycle, .. } = row;
        Ok(TransferItemView { invoice_id, code, dossier, line, cycle, amount })
    };
    let items = found.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    let mut response = told(&officer.email, StatusCode::OK, &TransferItems { items });
    if let (true, Some(last)) = (more, last) {
        link_next(&mut response, request.uri(), &doors.people.public_url, &last);
    }
    Ok(response)
}
