//! The plain signed API of partners: settlements, one or a list, and reversals.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::group::{self, Reported, Settled, Settling};
use super::outcome::Outcome;
use super::reverse::{Reversal, Reversed, Reversing};
use super::settlement::{Settlement, SettlementView};
use crate::callers::doors::{Doors, only_partners};
use crate::partners::SettlingSource;
use crate::partners::dialects::Verdict;
use crate::partners::mask::KeptMessage;
use crate::platform::group::Writer;
use crate::platform::http::{BATCH_BODY, BODY, decided, read_json};
use crate::platform::problem::{FieldError, PROBLEM_JSON, Problem, ProblemBody, ProblemType};
use crate::platform::telemetry;
use crate::registers::directory::Directory;
use crate::vocabulary::codes::InvoiceCode;
use crate::vocabulary::day::BusinessDay;
use crate::vocabulary::ids::SettlementId;
use crate::vocabulary::money::{Currency, Money};

/// The most settlements of a list.
const MOST_ITEMS: usize = 1000;

/// What these doors need.
#[derive(Debug, Clone)]
pub struct SettlementDoors {
    /// Signatures and registers.
    pub doors: Doors,
    /// The settling writer.
    pub settling: Writer<Settling>,
    /// Reversing.
    pub reversing: Reversing,
}

/// The routes, and what the document says of them.
pub fn routes() -> OpenApiRouter<SettlementDoors> {
    OpenApiRouter::new().routes(routes!(settle)).routes(routes!(reverse))
}

/// A partner's word that it collected money.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SettlementRequest {
    /// The partner's own id of the transaction: with the partner it is the key of the money.
    transaction_id: String,
    /// The collecting account that was credited.
    account: String,
    /// How much.
    #[schema(value_type = crate::invoices::view::MoneySchema)]
    amount: Money,
    /// The memo, as the payer's bank passed it on.
    memo: String,
    /// When it happened.
    value_time: DateTime<Utc>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body, which is read by its first character")]
enum SettlementBody {
    /// One.
    One(SettlementRequest),
    /// Up to 1,000.
    Many(Vec<SettlementRequest>),
}

/// The results of a list, in its order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Results<'a> {
    results: Vec<ItemResult<'a>>,
}

/// The result of one item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum ItemResult<'a> {
    /// Taken in, now or before.
    Taken(SettlementView<'a>),
    /// Not taken in.
    Refused(ItemRefused<'a>),
}

/// An item that was not taken in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ItemRefused<'a> {
    /// The partner's own id, as it was sent.
    #[schema(value_type = String)]
    transaction_id: std::borrow::Cow<'a, str>,
    /// The problem type.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Which fields, and what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// Report settlements
///
/// Strongly consistent: what is answered with 2xx is booked. A repeat has no effect and gets the
/// first answer; the same transaction with other content is 409.
#[utoipa::path(post, path = "/v1/settlements", tag = "settlements", request_body = SettlementBody,
    params(("idempotency-key" = String, Header, description = "Signed, not stored: (partner, transaction id) decides")),
    responses(
        (status = 201, description = "Taken in, now or before", body = SettlementView),
        (status = 200, description = "A list: a result for each", body = Results),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn settle(
    State(doors): State<SettlementDoors>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BATCH_BODY).await?;
    let partner = only_partners(&write.caller)?;
    let single = write.body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'[');
    let items: Vec<SettlementRequest> = if single {
        if write.body.len() > BODY {
            return Err(Problem::new(ProblemType::BodyTooLarge));
        }
        vec![read_json(&write.headers, &write.body)?]
    } else {
        read_json(&write.headers, &write.body)?
    };
    if items.is_empty() || items.len() > MOST_ITEMS {
        let detail = format!("must have 1 to {MOST_ITEMS} items");
        return Err(Problem::invalid(vec![FieldError::new("", detail)]));
    }
    let directory = doors.doors.directory();
    let now = chrono::SubsecRound::trunc_subsecs(doors.doors.clock().now(), 6);
    let mut reports = Vec::with_capacity(items.len());
    let mut refused = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        let at = if single { String::new() } else { format!("/{place}") };
        let transaction_id = item.transaction_id.clone();
        // A list keeps each item's own words; a single one those that were signed.
        match check(&directory, partner, item, &at, now) {
            Ok(report) => reports.push(report),
            Err(faults) if single => return Err(Problem::invalid(faults)),
            Err(faults) => refused.push((place, transaction_id, faults)),
        }
    }
    if let (true, [report]) = (single, reports.as_mut_slice()) {
        report.settlement.raw = KeptMessage::of(&write.body);
    }
    let request = group::Request { nonce: Some(write.admission.nonce), reports };
    let settled = if single {
        doors.settling.submit(request).await?
    } else {
        doors.settling.submit_alone(request).await?
    };
    let settled = settled.ok_or(Problem::new(ProblemType::Unauthenticated))?;
    if let (true, [one]) = (single, settled.as_slice()) {
        if one.verdict == Verdict::OtherContent {
            let problem = Problem::new(ProblemType::TransactionDiffers)
                .detail(format!("transaction {} stands", one.settlement.transaction_id));
            return Ok(decided(problem));
        }
        let body = Json(SettlementView::of(&one.settlement));
        return Ok((StatusCode::CREATED, body).into_response());
    }
    let mut results: Vec<ItemResult<'_>> = settled.iter().map(item_result).collect();
    // In the places they had in the list, which grow.
    for (place, transaction_id, faults) in refused {
        let item = ItemRefused {
            transaction_id: transaction_id.into(),
            kind: ProblemType::InvalidRequest.path(),
            errors: faults,
        };
        results.insert(place.min(results.len()), ItemResult::Refused(item));
    }
    Ok(Json(Results { results }).into_response())
}

fn item_result(settled: &Settled) -> ItemResult<'_> {
    if settled.verdict == Verdict::OtherContent {
        ItemResult::Refused(ItemRefused {
            transaction_id: settled.settlement.transaction_id.as_str().into(),
            kind: ProblemType::TransactionDiffers.path(),
            errors: Vec::new(),
        })
    } else {
        ItemResult::Taken(SettlementView::of(&settled.settlement))
    }
}

fn check(
    directory: &Directory,
    partner: &str,
    item: SettlementRequest,
    at: &str,
    now: DateTime<Utc>,
) -> Result<Reported, Vec<FieldError>> {
    let mut faults = Vec::new();
    let mut text = |field: &str, text: &str, least: usize, most: usize| {
        let count = text.chars().count();
        if count < least || count > most || text.chars().any(char::is_control) {
            let detail =
                format!("must have {least} to {most} characters, none of them control characters");
            faults.push(FieldError::new(format!("{at}/{field}"), detail));
        }
    };
    text("transaction_id", &item.transaction_id, 1, 100);
    text("account", &item.account, 1, 50);
    text("memo", &item.memo, 0, 1000);
    if item.amount.currency() != Currency::Vnd {
        faults.push(FieldError::new(format!("{at}/amount/currency"), "must be VND"));
    }
    if item.amount.is_zero() {
        faults.push(FieldError::new(format!("{at}/amount"), "must be more than zero"));
    }
    if item.value_time > now + Duration::days(1) || item.value_time < now - Duration::days(3660) {
        let detail = "must not be in the future, nor more than ten years ago";
        faults.push(FieldError::new(format!("{at}/value_time"), detail));
    }
    let day = BusinessDay::of(now, None);
    let account = directory
        .account_numbered(partner, &item.account, day)
        .or_else(|| directory.account_ever(partner, &item.account));
    let Some(account) = account else {
        let detail = "is not a collecting account of this partner";
        faults.push(FieldError::new(format!("{at}/account"), detail));
        return Err(faults);
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let raw = serde_json::json!({
        "transaction_id": item.transaction_id, "account": item.account, "amount": item.amount,
        "memo": item.memo, "value_time": item.value_time,
    });
    Ok(Reported {
        candidates: InvoiceCode::candidates(&item.memo),
        timed: true,
        reference: None,
        settles: account.settling_source == SettlingSource::Api,
        changed_source: changed_lately(directory, partner, &item.account, day),
        trace: telemetry::current_trace(),
        settlement: Settlement {
            id: SettlementId::new(now),
            partner: partner.to_owned(),
            source: SettlingSource::Api,
            transaction_id: item.transaction_id,
            account: item.account,
            amount: item.amount,
            memo: item.memo,
            value_time: chrono::SubsecRound::trunc_subsecs(item.value_time, 6),
            received_at: now,
            outcome: Outcome::Suspense,
            invoice: None,
            attempt: None,
            applied_cycle: None,
            entry: None,
            raw: KeptMessage::of(raw.to_string().as_bytes()),
            counter_account: None,
        },
    })
}

/// Did the account change its settling source within two days?
pub fn changed_lately(
    directory: &Directory,
    partner: &str,
    account: &str,
    day: BusinessDay,
) -> bool {
    directory
        .settling_change(partner, account, day)
        .is_some_and(|changed| (day.0 - changed).num_days() <= 2)
}

/// A partner's word that a transaction is taken back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ReversalRequest {
    /// The partner's own id of the reversal.
    transaction_id: String,
    /// Why.
    reason: String,
}

/// Take a settlement back
///
/// Strongly consistent. Whichever way the transaction was told (callback, this interface, statement),
/// the debt is open again, and the portal is told.
#[utoipa::path(post, path = "/v1/settlements/{transaction_id}/reversal", tag = "settlements",
    request_body = ReversalRequest,
    params(("transaction_id" = String, Path, description = "The transaction that is taken back"),
           ("idempotency-key" = String, Header, description = "Signed, not stored: the transaction ids decide")),
    responses(
        (status = 204, description = "Booked, now or before"),
        (status = "4XX", description = "Refused", body = ProblemBody, content_type = PROBLEM_JSON)))]
async fn reverse(
    State(doors): State<SettlementDoors>,
    Path(original): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let write = doors.doors.signed_write(request, BODY).await?;
    let partner = only_partners(&write.caller)?;
    let body: ReversalRequest = read_json(&write.headers, &write.body)?;
    let fits = |text: &str, most| {
        !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    let mut faults = Vec::new();
    if !fits(&body.transaction_id, 100) {
        faults.push(FieldError::new("/transaction_id", "must have 1 to 100 characters"));
    }
    if !fits(&body.reason, 200) {
        faults.push(FieldError::new("/reason", "must have 1 to 200 characters"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    if original.chars().count() > 100 || original.chars().any(char::is_control) {
        return Err(Problem::new(ProblemType::NotFound));
    }
    let reversal = Reversal {
        partner: partner.to_owned(),
        source: SettlingSource::Api,
        original,
        transaction_id: body.transaction_id,
        reason: body.reason,
    };
    Ok(match doors.reversing.reverse(&reversal, &write.admission.nonce).await? {
        Reversed::Booked | Reversed::Repeat => StatusCode::NO_CONTENT.into_response(),
        Reversed::OtherTransaction => {
            let why = "the settlement was taken back by another transaction";
            decided(Problem::new(ProblemType::TransactionDiffers).detail(why))
        }
        Reversed::Unknown => decided(Problem::new(ProblemType::NotFound)),
        Reversed::NonceUsed => Problem::new(ProblemType::Unauthenticated).into_response(),
    })
}
