//! Asking for a refund of what an invoice was paid: by its portal, or by an officer. Never more than
//! is left, and only by who has seen what is left.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;

use super::refund::{Refund, RefundKind, RefundMethod, RefundShare, Source, Step};
use super::send::Orders;
use super::status::RefundStatus;
use super::store::{self, reads};
use crate::invoices::invoice::Invoice;
use crate::invoices::status::Status;
use crate::invoices::store as invoice_store;
use crate::platform::problem::FieldError;
use crate::platform::{due, event};
use crate::vocabulary::ids::{InvoiceId, RefundId, SettlementId};
use crate::vocabulary::money::Money;

/// What nobody has approved or refused after so long is a case.
pub const WAITS_FOR: Duration = Duration::days(7);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// The portal whose invoice it must be; none: an officer asks.
    pub portal: Option<String>,
    /// So much of the invoice, or so much of each of these lines (counted from 1).
    pub what: What,
    /// Why.
    pub reason: String,
    /// What the asker believes is left.
    pub refundable: Money,
    /// Of which settlement; the one with the most left unless told.
    pub settlement: Option<SettlementId>,
}

/// How much.
#[derive(Debug, Clone)]
pub enum What {
    /// An amount, taken from the lines in their order.
    Amount(Money),
    /// An amount of each of some lines.
    Lines(Vec<(u32, Money)>),
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not there, or another portal's.
    #[error("there is no such invoice of this portal")]
    NotFound,
    /// It is not paid.
    #[error("the invoice {code} is {status}, not paid")]
    NotPaid {
        /// The invoice's code.
        code: String,
        /// Where it stands.
        status: Status,
    },
    /// What is left is not what the asker believes.
    #[error("{} can be refunded now, not {}", left.for_people(), believed.for_people())]
    Stale {
        /// What is left.
        left: Money,
        /// What the asker believes.
        believed: Money,
    },
    /// A line is being paid over to the Treasury: who gives it back is known when that has ended.
    #[error(
        "line {0} is on its way to the Treasury; ask again when the bank has confirmed the transfer"
    )]
    GoingOver(u32),
    /// More than is left, or of something that is not there.
    #[error("what is asked for cannot be given back")]
    Invalid(Vec<FieldError>),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

fn invalid(pointer: &str, detail: impl Into<String>) -> RequestError {
    RequestError::Invalid(vec![FieldError::new(pointer, detail)])
}

/// Asks for a refund, in the caller's transaction. The invoice's lock is taken first: of many who
/// ask at once each sees what those before it have left.
pub async fn request_in(
    conn: &mut PgConnection,
    orders: &Orders,
    wanted: &Wanted,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Refund, RequestError> {
    let locked = invoice_store::invoices_lock(conn, &[wanted.invoice.0]).await?;
    let ours = |i: &Invoice| wanted.portal.as_ref().is_none_or(|portal| *portal == i.portal);
    let mut invoice = locked.into_iter().find(ours).ok_or(RequestError::NotFound)?;
    if invoice.status != Status::Paid {
        let code = invoice.code.to_string();
        return Err(RequestError::NotPaid { code, status: invoice.status });
    }
    let left = invoice.refundable();
    if left != wanted.refundable {
        return Err(RequestError::Stale { left, believed: wanted.refundable });
    }
    let known = store::refunds_of_invoice(conn, invoice.id).await?;
    let (shares, amount) = shares(&invoice, &known, &wanted.what)?;
    if amount > left {
        let most = left.for_people();
        return Err(invalid("/amount", format!("is more than the {most} that is left")));
    }
    let going = reads::lines_in_payover(conn, invoice.id).await?;
    let is_going =
        |share: &RefundShare| i32::try_from(share.line).is_ok_and(|l| going.contains(&l));
    if let Some(share) = shares.iter().find(|share| is_going(share)) {
        return Err(RequestError::GoingOver(share.line));
    }
    let over = reads::lines_paid_over(conn, invoice.id).await?;
    let is_over = |share: &&RefundShare| i32::try_from(share.line).is_ok_and(|l| over.contains(&l));
    let kind = match shares.iter().filter(is_over).count() {
        0 => RefundKind::Paid,
        all if all == shares.len() => RefundKind::Treasury,
        _ => {
            let detail = "some of these lines were paid over to the Treasury; ask for them apart";
            return Err(invalid("/lines", detail));
        }
    };
    let source = source(reads::sources(conn, &invoice).await?, &known, wanted, amount)?;
    let mut refund = Refund {
        id: RefundId::new(now),
        invoice: invoice.id,
        settlement: source.settlement,
        cycle: invoice.cycle,
        partner: source.partner.clone(),
        reference: orders.reference(&source.partner, now),
        kind,
        method: RefundMethod::Treasury,
        amount,
        shares,
        reason: wanted.reason.clone(),
        requested_by: by.to_owned(),
        requested_at: now,
        status: RefundStatus::Requested,
        status_since: now,
        approved_by: None,
        approval_entry: None,
        destination: None,
        partner_refund: None,
        last_code: None,
        batch: None,
    };
    if kind != RefundKind::Treasury {
        refund.method = orders.method(conn, &refund, &invoice).await?;
    }
    invoice.refunding = invoice.refunding.checked_add(amount).map_err(super::defect)?;
    invoice.sequence += 1;
    invoice_store::invoices_update(conn, &[&invoice]).await?;
    store::refund_insert(conn, &refund).await?;
    due::put_in(conn, due::REFUND_WAITS, refund.id.0, now + WAITS_FOR).await?;
    let step = refund.event(&invoice, "refund.requested", by, Step::OfInvoice(now));
    event::record_in(conn, &[step]).await?;
    metrics::counter!("payclear_refunds_total",
        "partner" => refund.partner.clone(), "status" => refund.status.as_str())
    .increment(1);
    Ok(refund)
}

/// What is taken of each line, and the sum of it.
fn shares(
    invoice: &Invoice,
    known: &[Refund],
    what: &What,
) -> Result<(Vec<RefundShare>, Money), RequestError> {
    let currency = invoice.amount.currency();
    let zero = Money::zero(currency);
    let taken = |line: u32| {
        known
            .iter()
            .filter(|refund| refund.counts_for(invoice))
            .flat_map(|refund| &refund.shares)
            .filter(|share| share.line == line)
            .try_fold(zero, |sum, share| sum.checked_add(share.amount))
    };
    let mut left = Vec::with_capacity(invoice.lines.len());
    for (line, of) in (1_u32..).zip(&invoice.lines) {
        let rest = taken(line).and_then(|taken| of.amount.checked_sub(taken));
        left.push((line, of, rest.map_err(super::defect)?));
    }
    let share = |line: u32, of: &crate::invoices::invoice::InvoiceLine, amount| RefundShare {
        line,
        agency: of.beneficiary.clone(),
        budget: format!("{}/{}", of.chapter, of.sub_item),
        amount,
    };
    let mut shares = Vec::new();
    let mut sum = zero;
    match what {
        What::Amount(amount) => {
            if amount.currency() != currency || amount.is_zero() {
                return Err(invalid(
                    "/amount",
                    format!("must be more than nothing, in {currency}"),
                ));
            }
            let mut rest = *amount;
            for (line, of, free) in left {
                let part = if rest < free { rest } else { free };
                if !part.is_zero() {
                    shares.push(share(line, of, part));
                    rest = rest.checked_sub(part).map_err(super::defect)?;
                }
            }
            if !rest.is_zero() {
                return Err(invalid("/amount", "is more than is left of the invoice"));
            }
            sum = *amount;
        }
        What::Lines(lines) => {
            for (place, (line, amount)) in lines.iter().enumerate() {
                let at = |field: &str| format!("/lines/{place}/{field}");
                let Some((_, of, free)) = left.iter().find(|(number, _, _)| number == line) else {
                    return Err(invalid(&at("line"), "is no line of the invoice"));
                };
                if shares.iter().any(|s: &RefundShare| s.line == *line) {
                    return Err(invalid(&at("line"), "stands here twice"));
                }
                if amount.currency() != currency || amount.is_zero() {
                    let detail = format!("must be more than nothing, in {currency}");
                    return Err(invalid(&at("amount"), detail));
                }
                if amount > free {
                    let detail = format!("is more than the {} left", free.for_people());
                    return Err(invalid(&at("amount"), detail));
                }
                shares.push(share(*line, of, *amount));
                sum = sum.checked_add(*amount).map_err(super::defect)?;
            }
        }
    }
    if shares.is_empty() {
        return Err(invalid("/lines", "must name one line at least"));
    }
    Ok((shares, sum))
}

/// The settlement to give back of: the one that is named, or the one with the most left.
fn source(
    sources: Vec<Source>,
    known: &[Refund],
    wanted: &Wanted,
    amount: Money,
) -> Result<Source, RequestError> {
    let mut best: Option<(Money, Source)> = None;
    for source in sources {
        let living = |r: &&Refund| {
            r.settlement == source.settlement
                && r.kind != RefundKind::Surplus
                && r.status.is_living()
        };
        let given = known
            .iter()
            .filter(living)
            .try_fold(Money::zero(amount.currency()), |sum, r| sum.checked_add(r.amount))
            .map_err(super::defect)?;
        let rest = source.paid.checked_sub(given).unwrap_or(Money::zero(amount.currency()));
        if wanted.settlement.is_some_and(|named| named != source.settlement) || rest.is_zero() {
            continue;
        }
        if best.as_ref().is_none_or(|(most, _)| rest > *most) {
            best = Some((rest, source));
        }
    }
    match best {
        Some((rest, source)) if amount <= rest => Ok(source),
        Some((rest, source)) => {
            let detail = format!(
                "is more than the {} left of settlement {}: ask for each settlement apart",
                rest.for_people(),
                source.settlement
            );
            Err(invalid("/amount", detail))
        }
        None => Err(invalid("/settlement", "has nothing left of what it paid of this invoice")),
    }
}
