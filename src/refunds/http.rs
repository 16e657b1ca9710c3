//! The portal's doors to refunds: ask, list, read, approve.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::door::Refunding;
use super::request::{Wanted, What};
use super::view::RefundView;
use crate::callers::doors::{Doors, only_portals};
use crate::invoices::http::answer;
use crate::invoices::view::MoneySchema;
use crate::people::officer::PeopleDoor;
use crate::people::session::{cookie_name, presented};
use crate::platform::admission::StoredAnswer;
use crate::platform::http::{BODY, CallerName, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::vocabulary::ids::{InvoiceId, RefundId, SettlementId};
use crate::vocabulary::money::Money;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct RefundDoors {
    /// Signatures and registers.
    pub doors: Doors,
    /// The use cases.
    pub refunding: Refunding,
    /// Officers read refunds at the same door.
    pub people: PeopleDoor,
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<RefundDoors> {
    OpenApiRouter::new()
        .routes(routes!(ask, list))
        .routes(routes!(read_one))
        .routes(routes!(approve))
        .routes(routes!(withdraw))
}

/// So much of one line.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundLineRequest {
    /// The line of the invoice, from 1.
    line: u32,
    /// How much.
    #[schema(value_type = MoneySchema)]
    amount: Money,
}

/// What is asked back: an amount, or an amount of each of some lines.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundRequest {
    /// So much, taken from the lines in their order.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    pub(super) amount: Option<Money>,
    /// So much of each of these lines.
    #[serde(default)]
    pub(super) lines: Option<Vec<RefundLineRequest>>,
    /// Why, 1 to 200 characters.
    pub(super) reason: String,
    /// The invoice's `refundable` as it was read: the guard.
    #[schema(value_type = MoneySchema)]
    pub(super) refundable: Money,
    /// Of which settlement; the one with the most left unless told.
    #[serde(default)]
    pub(super) settlement: Option<Uuid>,
}

impl RefundRequest {
    /// What is asked for, of an invoice of this portal or, by an officer, of any.
    pub(super) fn wanted(
        self,
        portal: Option<&str>,
        invoice: InvoiceId,
    ) -> Result<Wanted, Problem> {
        let mut faults = Vec::new();
        let length = self.reason.chars().count();
        if !(1..=200).contains(&length) || self.reason.chars().any(char::is_control) {
            let detail = "must have 1 to 200 characters, none of them control characters";
            faults.push(FieldError::new("/reason", detail));
        }
        let what = match (self.amount, self.lines) {
            (Some(amount), None) => Some(What::Amount(amount)),
            (None, Some(lines)) => {
                Some(What::Lines(lines.into_iter().map(|l| (l.line, l.amount)).collect()))
            }
            _ => {
                faults.push(FieldError::new("", "must have either `amount` or `lines`"));
                None
            }
        };
        let (Some(what), true) = (what, faults.is_empty()) else {
            return Err(Problem::invalid(faults));
        };
        Ok(Wanted {
            invoice,
            portal: portal.map(str::to_owned),
            what,
            reason: self.reason,
            refundable: self.refundable,
            settlement: self.settlement.map(SettlementId),
        })
    }
}

fn parse(text: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::new(ProblemType::NotFound))
}

/// Ask for a refund
///
/// Strongly consistent. `refundable` is the guard: when it is not what can be asked back now, the
/// answer is 412 and nothing is written. Another person approves the refund before it goes out.
#[utoipa::path(post, path = "/v1/invoices/{id}/refunds", tag = "refunds", request_body = RefundRequest,
    params(("id" = Uuid, Path, description = "The invoice"),
           ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 201, description = "Asked for", body = RefundView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn ask(
    State(doors): State<RefundDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BODY).await?;
    let portal = only_portals(&write.caller)?;
    let body: RefundRequest = read_json(&write.headers, &write.body)?;
    let wanted = body.wanted(Some(portal), InvoiceId(parse(&id)?))?;
    let by = format!("key/{}", write.admission.nonce.key_id);
    Ok(answer(doors.refunding.ask(&wanted, &by, &write.admission).await?))
}

/// The refunds of an invoice.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RefundList<'a> {
    /// The oldest first.
    refunds: Vec<RefundView<'a>>,
}

/// The refunds of an invoice
///
/// Strongly consistent. Those that the clock opened for money that was too much are among them.
#[utoipa::path(get, path = "/v1/invoices/{id}/refunds", tag = "refunds",
    params(("id" = Uuid, Path, description = "The invoice")),
    responses(
        (status = 200, description = "Its refunds", body = RefundList),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn list(
    State(doors): State<RefundDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let refunds = doors.refunding.list(portal, InvoiceId(parse(&id)?)).await?;
    let body = [b"{\"refunds\":[".as_slice(), &refunds.join(&b","[..]), b"]}"].concat();
    Ok(answer(StoredAnswer { status: 200, body }))
}

/// Read a refund
///
/// Strongly consistent. By its portal, signed; or by an officer of its agency who is signed in.
#[utoipa::path(get, path = "/v1/refunds/{id}", tag = "refunds",
    security(("signature" = []), ("session" = [])),
    params(("id" = Uuid, Path, description = "The refund")),
    responses(
        (status = 200, description = "The refund as it stands", body = RefundView),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn read_one(
    State(doors): State<RefundDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let cookie = cookie_name(&doors.people.public_url);
    if presented(request.headers(), cookie).is_some() {
        let (parts, _) = request.into_parts();
        let officer = doors.people.officer(&parts).await?;
        let body = doors.refunding.read_as(&officer, RefundId(parse(&id)?)).await?;
        let mut response = answer(StoredAnswer { status: 200, body });
        response.extensions_mut().insert(CallerName(officer.email));
        return Ok(response);
    }
    let caller = doors.doors.signed_read(&request)?;
    let portal = only_portals(&caller)?;
    let body = doors.refunding.read(portal, RefundId(parse(&id)?)).await?;
    Ok(answer(StoredAnswer { status: 200, body }))
}

/// Approve a refund
///
/// Strongly consistent: it is booked, and goes out soon after. Signed with an approval key of the
/// portal, which another person registered; the key that asked for it cannot approve it.
#[utoipa::path(post, path = "/v1/refunds/{id}/approve", tag = "refunds",
    params(("id" = Uuid, Path, description = "The refund"),
           ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "Approved", body = RefundView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn approve(
    State(doors): State<RefundDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_approval(request, BODY).await?;
    let portal = only_portals(&write.caller)?;
    let by = format!("key/{}", write.admission.nonce.key_id);
    let id = RefundId(parse(&id)?);
    Ok(answer(doors.refunding.approve(portal, id, &by, &write.admission).await?))
}

/// Withdraw a refund
///
/// Strongly consistent: a refund that waits for its approval is refused, and what it asked for can be
/// asked for anew. Any key of the portal signs; what is due back to a payer cannot be withdrawn.
#[utoipa::path(post, path = "/v1/refunds/{id}/withdraw", tag = "refunds",
    params(("id" = Uuid, Path, description = "The refund"),
           ("idempotency-key" = String, Header, description = "One fresh key for each request")),
    responses(
        (status = 200, description = "Withdrawn: `refused`", body = RefundView),
        (status = "4XX", description = "Refused; nothing was written", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn withdraw(
    State(doors): State<RefundDoors>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BODY).await?;
    let portal = only_portals(&write.caller)?;
    let by = format!("key/{}", write.admission.nonce.key_id);
    let id = RefundId(parse(&id)?);
    Ok(answer(doors.refunding.withdraw(portal, id, &by, &write.admission).await?))
}
